/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every collateral file of the evidence folder (EVIDENCE) is read, by its form, into what INDEX.md says it is; those that
 * are no collateral are refused. Signatures are verified as well: with each body's own chain, or the signing certificate of its years.
 */
#include "attest/collateral/collateral_internal.h"
#include "tests/evidence/samples.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned failures;
#define EXPECT(cond, ...)                                                 \
	do {                                                              \
		if (!(cond)) {                                            \
			failures++;                                       \
			printf("%s:%d: %s: ", __FILE__, __LINE__, #cond); \
			printf(__VA_ARGS__);                              \
			printf("\n");                                     \
		}                                                         \
	} while (0)

static struct span read_file(const char *name)
{
	static uint8_t buffer[1 << 20];

	return SPAN(buffer, sample_read(name, buffer, sizeof(buffer)));
}

struct expected {
	const char *file;
	int ret;
	/* What the bag holds then. */
	size_t certs, crls, jsons;
	/* The TCB info, or the identity if there is none. */
	const char *id, *fmspc;
	uint32_t version, evaluation_number;
	const char *issued;
	enum { SIGNED, SIGNED_BY_OTHER, NOT_SIGNED } signature;
};

#define OLD_TCB_LEAF "sgx/oasis-tcb-signing-chain.pem"
#define NEW_TCB_LEAF "tdx/phala-v4-collateral.json"

static const struct expected table[] = {
	{ "sgx/phala-v3-collateral.json", 0, 3, 2, 2, "SGX", "00a067110000", 3, 17,
	  "2025-06-19T10:56:11Z", SIGNED },
	{ "sgx/oasis-tcbinfo-00606A000000.json", 0, 0, 0, 1, "SGX", "00606a000000", 3, 13,
	  "2022-12-19T09:40:10Z", SIGNED_BY_OTHER },
	{ "sgx/oasis-qeidentity.json", 0, 0, 0, 1, "QE", NULL, 2, 13, "2022-12-16T12:45:36Z",
	  SIGNED_BY_OTHER },
	{ "sgx/oasis-tcb-signing-chain.pem", 0, 2, 0, 0, .id = NULL },
	{ "sgx/oasis-quote-bundle.cbor", 0, 2, 0, 2, "SGX", "00606a000000", 3, 13,
	  "2022-12-19T09:40:10Z", SIGNED },
	{ "sgx/mobilecoin-tcbinfo-00906ED50000.json", 0, 0, 0, 1, "SGX", "00906ed50000", 3, 15,
	  "2023-07-12T19:56:44Z", SIGNED_BY_OTHER },
	{ "sgx/mobilecoin-qeidentity.json", 0, 0, 0, 1, "QE", NULL, 2, 15, "2023-07-12T20:48:25Z",
	  SIGNED_BY_OTHER },
	{ "sgx/mobilecoin-tcb-signer.pem", 0, 1, 0, 0, .id = NULL },
	{ "sgx/mobilecoin-processor-crl.der", 0, 0, 1, 0, .id = NULL },
	{ "sgx/mobilecoin-root-crl.der", 0, 0, 1, 0, .id = NULL },
	{ "sgx/neg-mobilecoin-example-tcbinfo.json", 0, 0, 0, 1, "SGX", "50806f000000", 3, 12, NULL,
	  NOT_SIGNED },
	{ "sgx/fortanix-qeidentity-2020.json", 0, 0, 0, 1, "QE", NULL, 2, 8, "2020-05-12T11:17:45Z",
	  SIGNED_BY_OTHER },
	{ "sgx/neg-fortanix-qeidentity-corrupt.json", 0, 0, 0, 1, "QE", NULL, 2, 8,
	  "2020-05-12T11:17:45Z", NOT_SIGNED },
	{ "sgx/fortanix-tcbinfo-00606a000000-eval17.json", 0, 2, 0, 1, "SGX", "00606a000000", 3, 17,
	  "2025-06-06T12:30:41Z", SIGNED },
	{ "sgx/fortanix-qeidentity-eval17.json", 0, 2, 0, 1, "QE", NULL, 2, 17, NULL, SIGNED },
	{ "sgx/fortanix-tcbinfo-00606a000000-eval18.json", 0, 2, 0, 1, "SGX", "00606a000000", 3, 18,
	  NULL, SIGNED },
	{ "sgx/fortanix-qeidentity-eval18.json", 0, 2, 0, 1, "QE", NULL, 2, 18, NULL, SIGNED },
	{ "sgx/fortanix-tcbinfo-00606a000000-eval19.json", 0, 2, 0, 1, "SGX", "00606a000000", 3, 19,
	  NULL, SIGNED },
	{ "sgx/fortanix-qeidentity-eval19.json", 0, 2, 0, 1, "QE", NULL, 2, 19, NULL, SIGNED },
	/* It is not signed: the upstream test only picks a number. */
	{ "sgx/fortanix-tcb-evaluation-numbers.json", -EBADMSG, 0, 0, 0, .id = NULL },
	{ "sgx/neg-fortanix-tcbinfo-corrupted.json", -EBADMSG, 2, 0, 0,
	  .id = NULL }, /* ends before it begins */
	{ "sgx/fortanix-tcbinfo-00906ea10000-2020.json", 0, 2, 0, 1, "SGX", "00906ea10000", 2, 8,
	  "2020-05-18T17:49:24Z", SIGNED },
	{ "sgx/fortanix-tcbinfo-00906ea10000-2024.json", 0, 2, 0, 1, "SGX", "00906ea10000", 3, 16,
	  "2024-06-28T17:01:07Z", SIGNED },
	{ "sgx/fortanix-qeidentity-2024.json", 0, 2, 0, 1, "QE", NULL, 2, 16, NULL, SIGNED },
	{ "sgx/automata-tcbinfo-00A067110000-eval17.json", 0, 0, 0, 1, "SGX", "00a067110000", 3, 17,
	  NULL, SIGNED_BY_OTHER },
	{ "sgx/automata-tcbinfo-00606a000000-2025-08.json", 0, 0, 0, 1, "SGX", "00606a000000", 3,
	  17, NULL, SIGNED_BY_OTHER },
	{ "sgx/automata-qeidentity-2025-08.json", 0, 0, 0, 1, "QE", NULL, 2, 17, NULL,
	  SIGNED_BY_OTHER },
	{ "sgx/automata-platform-crl-2025-08.der", 0, 0, 1, 0, .id = NULL },
	{ "sgx/teepot-tcbinfo-00906ED50000-eval17.json", 0, 2, 0, 1, "SGX", "00906ed50000", 3, 17,
	  "2025-05-27T19:31:07Z", SIGNED },
	{ "sgx/teepot-tcbinfo-00906ED50000-eval19-early.json", 0, 2, 0, 1, "SGX", "00906ed50000", 3,
	  19, NULL, SIGNED },
	{ "sgx/teepot-qeidentity-eval17.json", 0, 2, 0, 1, "QE", NULL, 2, 17,
	  "2025-05-27T19:05:27Z", SIGNED },
	{ "sgx/intel-sample/tcbInfo.json", 0, 0, 0, 1, "SGX", "00707f000000", 2, 3,
	  "2019-09-05T07:47:07Z", SIGNED_BY_OTHER },
	{ "sgx/intel-sample/qeIdentity.json", 0, 0, 0, 1, "QE", NULL, 2, 0, NULL, SIGNED_BY_OTHER },
	{ "sgx/intel-sample/tcbSignChain.pem", 0, 2, 0, 0, .id = NULL },
	{ "sgx/intel-sample/rootCaCrl.der", 0, 0, 1, 0, .id = NULL },
	{ "sgx/intel-sample/intermediateCaCrl.der", 0, 0, 1, 0, .id = NULL },
	{ "tdx/phala-v4-collateral.json", 0, 3, 2, 2, "TDX", "b0c06f000000", 3, 17, NULL, SIGNED },
	{ "tdx/phala-v5-notsupported-collateral.json", 0, 3, 2, 2, "TDX", "90c06f000000", 3, 18,
	  NULL, SIGNED },
	{ "tdx/oasis-tcbinfo-C0806F000000.json", 0, 0, 0, 1, "TDX", "c0806f000000", 3, 17, NULL,
	  SIGNED_BY_OTHER },
	{ "tdx/oasis-tdqe-2024.json", 0, 0, 0, 1, "TD_QE", NULL, 2, 17, NULL, SIGNED_BY_OTHER },
	{ "tdx/oasis-tcbinfo-50806F000000.json", 0, 0, 0, 1, "TDX", "50806f000000", 3, 15, NULL,
	  SIGNED_BY_OTHER },
	{ "tdx/oasis-tdqe-2023.json", 0, 0, 0, 1, "TD_QE", NULL, 2, 15, NULL, SIGNED_BY_OTHER },
	{ "tdx/trustee-tcbinfo-00A06D080000.json", 0, 0, 0, 1, "TDX", "00a06d080000", 3, 17, NULL,
	  SIGNED_BY_OTHER },
	{ "tdx/trustee-tdqe.json", 0, 0, 0, 1, "TD_QE", NULL, 2, 17, NULL, SIGNED_BY_OTHER },
	{ "tdx/google-tcbinfo-v5.json", 0, 0, 0, 1, "TDX", "90c06f000000", 3, 18, NULL,
	  SIGNED_BY_OTHER },
	{ "tdx/google-tcbinfo-v4.json", 0, 0, 0, 1, "TDX", "50806f000000", 3, 15, NULL,
	  SIGNED_BY_OTHER },
	{ "tdx/google-tdqe.json", 0, 0, 0, 1, "TD_QE", NULL, 2, 15, "2023-06-08T07:24:59Z",
	  SIGNED_BY_OTHER },
	{ "tdx/google-pck-platform-crl.der", 0, 0, 1, 0, .id = NULL },
	{ "tdx/google-root-crl.der", 0, 0, 1, 0, .id = NULL },
	{ "tdx/oe-v5-collateral-eval21.json", 0, 3, 2, 2, "TDX", "00806f050000", 3, 21,
	  "2026-06-12T22:19:21Z", SIGNED },
	{ "tdx/flashbots-v4-collateral.json", 0, 3, 2, 2, "TDX", "00806f050000", 3, 18,
	  "2026-01-27T09:01:45Z", SIGNED },
	{ "tdx/flashbots-azure-collateral.json", 0, 3, 2, 2, "TDX", "90c06f000000", 3, 18, NULL,
	  SIGNED },
	{ "tdx/automata-tcbinfo-90C06F000000-eval17.json", 0, 0, 0, 1, "TDX", "90c06f000000", 3, 17,
	  NULL, SIGNED_BY_OTHER },
	{ "tdx/automata-tcbinfo-00806f050000-eval17.json", 0, 0, 0, 1, "TDX", "00806f050000", 3, 17,
	  NULL, SIGNED_BY_OTHER },
	{ "tdx/automata-tdqe-2025-07.json", 0, 0, 0, 1, "TD_QE", NULL, 2, 17, NULL,
	  SIGNED_BY_OTHER },
	{ "tdx/automata-tdqe-2025-06.json", 0, 0, 0, 1, "TD_QE", NULL, 2, 17, NULL,
	  SIGNED_BY_OTHER },
	{ "tdx/fortanix-tdqe-2026-01.json", 0, 0, 0, 1, "TD_QE", NULL, 2, 18, NULL,
	  SIGNED_BY_OTHER },
	{ "tdx/fortanix-tcbinfo-b0c06f000000-eval18.json", 0, 0, 0, 1, "TDX", "b0c06f000000", 3, 18,
	  NULL, SIGNED_BY_OTHER },
	{ "tdx/intel-sample/tcbInfo.json", 0, 0, 0, 1, "TDX", NULL, 3, 0, "2021-08-06T13:55:15Z",
	  SIGNED_BY_OTHER },
	{ "tdx/intel-sample/qeIdentity.json", 0, 0, 0, 1, "TD_QE", NULL, 2, 0, NULL,
	  SIGNED_BY_OTHER },
	{ "tdx/intel-sample/tcbSignChain.pem", 0, 2, 0, 0, .id = NULL },
	{ "tdx/intel-sample/rootCaCrl.der", 0, 0, 1, 0, .id = NULL },
	{ "tdx/intel-sample/intermediateCaCrl.der", 0, 0, 1, 0, .id = NULL },
	{ "sgx/neg-json/qe_identity_missing_signature.json", -EBADMSG, 0, 0, 0, .id = NULL },
	{ "sgx/neg-json/qe_identity_missing_nextupdate.json", -EBADMSG, 0, 0, 0, .id = NULL },
	{ "sgx/neg-json/tcbInfoNegativeSignature.json", -EBADMSG, 0, 0, 0, .id = NULL },
	{ "sgx/neg-json/tcbInfoNegativeFloat.json", -EBADMSG, 0, 0, 0, .id = NULL },
	{ "sgx/neg-json/tcbInfoNegativeIntegerOverflow.json", -EBADMSG, 0, 0, 0, .id = NULL },
	{ "sgx/neg-json/tcbInfoNegativeIntegerWithSign.json", -EBADMSG, 0, 0, 0, .id = NULL },
	{ "sgx/neg-json/tcbInfoNegativeInvalidIssueDate.json", -EBADMSG, 0, 0, 0, .id = NULL },
	{ "sgx/neg-json/tcbInfoNegativeStringEscape.json", -EBADMSG, 0, 0, 0, .id = NULL },
	{ "sgx/neg-json/tcbInfoNegativeMissingNextUpdate.json", -EBADMSG, 0, 0, 0, .id = NULL },
	{ "snp/askark-milan.pem", 0, 2, 0, 0, .id = NULL },
	{ "snp/askark-genoa-vlek.pem", 0, 2, 0, 0, .id = NULL },
	{ "snp/yaxi-genoa-v3-chain.pem", 0, 3, 0, 0, .id = NULL },
	{ "snp/trustee-vlek.der", 0, 1, 0, 0, .id = NULL },
	/* Evidence is not collateral. */
	{ "sgx/phala-v3-quote.bin", -EBADMSG, 0, 0, 0, .id = NULL },
	{ "snp/ms-milan-report.bin", -EBADMSG, 0, 0, 0, .id = NULL },
	{ "nitro/fortanix-doc.cbor", -EBADMSG, 0, 0, 0, .id = NULL },
	{ "tdx/ccel-ovmf.json", -ENOTSUP, 0, 0, 0, .id = NULL },
	{ "sgx/trustee-occlum-ear-example.json", -ENOTSUP, 0, 0, 0, .id = NULL },
};

/* A key that signed the body: of its chain, or of one of the certificates. */
static bool verifies(struct intel_json *j, struct collateral *others)
{
	X509 *cert;

	if (j->chain.count)
		return ecdsa_verify(X509_get0_pubkey(j->chain.items[0]), "SHA256", j->body,
				    SPAN_OF(j->signature));
	for (size_t i = 0; (cert = collateral_certificate(others, i)); i++)
		if (EVP_PKEY_get_bits(X509_get0_pubkey(cert)) == 256 &&
		    ecdsa_verify(X509_get0_pubkey(cert), "SHA256", j->body, SPAN_OF(j->signature)))
			return true;
	return false;
}

static void check_json(const struct expected *e, struct collateral *c, struct collateral *others)
{
	struct intel_json *j = c->jsons[0];
	char fmspc[16];
	int64_t t;

	EXPECT(!strcmp(j->id, e->id), "%s: id %s", e->file, j->id);
	EXPECT(j->version == e->version, "%s: version %u", e->file, j->version);
	EXPECT(!e->evaluation_number || j->evaluation_number == e->evaluation_number,
	       "%s: evaluation number %u", e->file, j->evaluation_number);
	EXPECT(!e->fmspc || !strcmp(hex_text(SPAN_OF(j->fmspc), fmspc, sizeof(fmspc)), e->fmspc),
	       "%s: fmspc", e->file);
	if (e->issued)
		EXPECT(!time_parse(e->issued, &t) && t == j->issue_date, "%s: issued", e->file);
	EXPECT(j->body.data[0] == '{' && j->body.data[j->body.size - 1] == '}', "%s: body",
	       e->file);
	EXPECT(collateral_find_json(c, j->kind, j->id, j->fmspc, j->issue_date) == j,
	       "%s: not found again", e->file);
	for (size_t i = 0; i < c->json_count; i++)
		EXPECT(verifies(c->jsons[i], others) == (e->signature != NOT_SIGNED),
		       "%s: signature %zu", e->file, i);
}

int main(void)
{
	static const char *const leaves[] = { OLD_TCB_LEAF, NEW_TCB_LEAF,
					      "sgx/intel-sample/tcbSignChain.pem",
					      "tdx/intel-sample/tcbSignChain.pem" };
	struct collateral *others = collateral_new();
	struct cattest_error err;

	if (!samples_folder())
		return 77;
	for (size_t i = 0; i < 4; i++)
		EXPECT(!collateral_add(others, leaves[i], read_file(leaves[i]), &err), "%s",
		       leaves[i]);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct expected *e = &table[i];
		struct collateral *c = collateral_new();
		struct span data = read_file(e->file);
		int ret;

		err.text[0] = 0;
		EXPECT(data.size, "%s: is not there", e->file);
		ret = collateral_add(c, e->file, data, &err);
		EXPECT(ret == e->ret, "%s: %d, %s", e->file, ret, err.text);
		EXPECT((ret != 0) == (strstr(err.text, e->file) != NULL), "%s: message \"%s\"",
		       e->file, err.text);
		EXPECT(c->cert_count == e->certs && c->crl_count == e->crls &&
			       c->json_count == e->jsons,
		       "%s: %zu certificates, %zu lists, %zu bodies", e->file, c->cert_count,
		       c->crl_count, c->json_count);
		if (e->id && c->json_count)
			check_json(e, c, others);
		collateral_free(c);
	}
	collateral_free(others);
	if (failures)
		printf("%u failures\n", failures);
	return failures != 0;
}
