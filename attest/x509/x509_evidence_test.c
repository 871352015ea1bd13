/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every chain of the evidence folder (EVIDENCE): Intel's in quotes and collateral, AMD's, AWS's in Nitro documents, and every revocation list,
 * judged at a time inside their validity, before and after it, in other orders, and with bytes changed. `openssl verify`, run as a program, must
 * say the same of each chain, and accept none with a changed byte either.
 */
#include "attest/collateral/collateral.h"
#include "attest/x509/path_for_tests.h"
#include "attest/x509/x509_internal.h"
#include "lib/cbor/cbor.h"
#include "tests/evidence/samples.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

static char scratch[] = "/tmp/x509_evidence.XXXXXX";

static struct span read_file(const char *name, uint8_t *buffer, size_t room)
{
	return SPAN(buffer, sample_read(name, buffer, room));
}

/* --- openssl verify --- */

static const char *write_certificates(const char *name, X509 *const *certs, size_t count)
{
	static char paths[4][128];
	static size_t next;
	char *path = paths[next++ % 4];
	FILE *f;

	snprintf(path, sizeof(paths[0]), "%s/%s.pem", scratch, name);
	f = fopen(path, "w");
	for (size_t i = 0; f && i < count; i++)
		PEM_write_X509(f, certs[i]);
	if (f)
		fclose(f);
	return path;
}

/* lists: an existing file of revocation lists, or NULL for none asked for. */
static bool openssl_accepts(const struct x509_list *list, X509 *root, int64_t now,
			    const char *lists)
{
	extern char **environ;
	const char *untrusted = write_certificates("untrusted", list->items + 1, list->count - 1);
	const char *leaf = write_certificates("leaf", list->items, 1),
		   *trusted = write_certificates("root", &root, 1);
	/* -x509_strict would ask for key identifiers that not all real certificates have. */
	const char *const words[] = {
		"openssl",	 "verify",     "-no-CApath", "-no-CAstore",
		"-check_ss_sig", "-attime",    NULL,	     "-CAfile",
		trusted,	 "-untrusted", untrusted,    lists ? "-crl_check_all" : leaf,
		"-CRLfile",	 lists,	       leaf
	};
	char texts[15][160], *argv[16] = { NULL };
	posix_spawn_file_actions_t actions;
	int status = -1;
	pid_t pid;

	for (size_t i = 0; i < (lists ? 15 : 12); i++) {
		snprintf(texts[i], sizeof(texts[i]), "%s", words[i] ? words[i] : "");
		argv[i] = texts[i];
	}
	snprintf(texts[6], sizeof(texts[6]), "%lld", (long long)now);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	if (!posix_spawnp(&pid, "openssl", &actions, NULL, argv, environ))
		waitpid(pid, &status, 0);
	posix_spawn_file_actions_destroy(&actions);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/* --- Chains --- */

static struct judgement judge_list(struct cattest_verifier *v, enum cattest_root root,
				   const struct x509_list *list, int64_t now, enum path_crl crl)
{
	struct path_request request = {
		.step = "t", .root = root, .crl = crl, .certificates = list
	};

	return judge(v, &request, now);
}

/* The certificate of the list, or built in, that has a root's key. */
static X509 *root_of(struct cattest_verifier *v, enum cattest_root kind,
		     const struct x509_list *list)
{
	X509 *root;

	for (size_t i = 0; i < list->count; i++)
		if (verifier_root(v, kind, x509_spki(list->items[i])))
			return list->items[i];
	for (size_t i = 0; (root = built_in_root(verifier_path_cache(v), kind, i)); i++)
		for (size_t k = 0; k < list->count; k++)
			if (!X509_NAME_cmp(X509_get_subject_name(root),
					   X509_get_issuer_name(list->items[k])))
				return root;
	return NULL;
}

static int64_t middle(const struct x509_list *list)
{
	int64_t from = INT64_MIN, until = INT64_MAX;

	for (size_t i = 0; i < list->count; i++) {
		from = x509_not_before(list->items[i]) > from ? x509_not_before(list->items[i])
							      : from;
		until = x509_not_after(list->items[i]) < until ? x509_not_after(list->items[i])
							       : until;
	}
	return from + (until - from) / 2;
}

/* One changed byte somewhere in the DER of one certificate: never accepted, neither by openssl. */
static void check_mutations(const char *name, enum cattest_root kind, const struct x509_list *list,
			    int64_t now, size_t stride)
{
	struct cattest_verifier *v = cattest_verifier_new();
	unsigned run = 0;

	for (size_t i = 0; i < list->count; i++) {
		unsigned char *der = NULL;
		int size = i2d_X509(list->items[i], &der);

		for (size_t at = i * 7 % stride; size > 0 && at < (size_t)size; at += stride) {
			struct x509_list changed = *list;
			const unsigned char *p = der;

			der[at] ^= (uint8_t)(1 << (at + i) % 8);
			changed.items[i] = x509_from_der(SPAN(der, (size_t)size));
			if (changed.items[i])
				EXPECT(!judge_list(v, kind, &changed, now, CRL_NONE).path.ok,
				       "%s: certificate %zu, byte %zu", name, i, at);
			/* Reading leniently, openssl must not see a good chain where this library sees none: both look at signatures. */
			X509 *lenient = changed.items[i] ? NULL : d2i_X509(NULL, &p, size);
			X509 *const given[] = { changed.items[i] ? changed.items[i] : lenient };

			if (given[0] && i == 0 && run++ % 8 == 0) {
				changed.items[0] = given[0];
				X509 *root = root_of(v, kind, list);

				EXPECT(lenient || !openssl_accepts(&changed, root, now, NULL),
				       "%s: openssl accepts byte %zu", name, at);
			}
			X509_free(given[0]);
			der[at] ^= (uint8_t)(1 << (at + i) % 8);
		}
		OPENSSL_free(der);
	}
	cattest_verifier_free(v);
}

static void check_chain(const char *name, enum cattest_root kind, struct x509_list *list,
			size_t stride)
{
	struct cattest_verifier *v = cattest_verifier_new();
	int64_t now = middle(list), first = x509_not_before(list->items[0]),
		last = x509_not_after(list->items[0]);
	struct judgement j = judge_list(v, kind, list, now, CRL_NONE);
	X509 *root = root_of(v, kind, list), *swapped;

	EXPECT(j.path.ok && j.path.signatures_ok && !j.path.custom_root, "%s: %s", name, j.found);
	EXPECT(root && openssl_accepts(list, root, now, NULL),
	       "%s: openssl verify does not accept it", name);
	/* A second time: signatures are remembered, dates are not. */
	EXPECT(judge_list(v, kind, list, now, CRL_NONE).path.ok, "%s: second time", name);
	j = judge_list(v, kind, list, last + 1, CRL_NONE);
	EXPECT(!j.path.ok && j.path.signatures_ok && j.dates == CATTEST_FAIL &&
		       j.chain == CATTEST_PASS,
	       "%s: after", name);
	EXPECT(!openssl_accepts(list, root, last + 1, NULL), "%s: openssl after", name);
	j = judge_list(v, kind, list, first - 1, CRL_NONE);
	EXPECT(!j.path.ok && !j.path.dates_ok && j.dates == CATTEST_FAIL, "%s: before", name);
	j = judge_list(v, kind == CATTEST_ROOT_INTEL ? CATTEST_ROOT_AMD : CATTEST_ROOT_INTEL, list,
		       now, CRL_NONE);
	EXPECT(!j.path.ok && !j.path.signatures_ok, "%s: as of another manufacturer", name);
	j = judge_list(v, kind, list, now, CRL_REQUIRED);
	EXPECT(!j.path.ok && j.crl == CATTEST_MISSING && j.chain == CATTEST_PASS,
	       "%s: without lists", name);
	if (list->count > 2) {
		struct x509_list other = *list;

		swapped = other.items[1];
		other.items[1] = other.items[2];
		other.items[2] = swapped;
		EXPECT(judge_list(v, kind, &other, now, CRL_NONE).path.ok, "%s: other order", name);
		other.items[1] = other.items[other.count - 1];
		other.count = 1;
		EXPECT(!judge_list(v, kind, &other, now, CRL_NONE).path.ok || list->count < 2,
		       "%s: leaf alone", name);
	}
	if (stride)
		check_mutations(name, kind, list, now, stride);
	cattest_verifier_free(v);
}

/* --- Where the chains are --- */

static const char *const quotes[] = {
	"sgx/phala-v3-quote.bin",
	"sgx/oasis-v3-quote.bin",
	"sgx/mobilecoin-v3-quote.bin",
	"sgx/fortanix-v3-quote.bin",
	"sgx/automata-v3-quote-00606A.bin",
	"sgx/trustee-occlum-v3-quote.bin",
	"tdx/phala-v4-quote.bin",
	"tdx/phala-v5-notsupported-quote.bin",
	"tdx/oasis-v4-quote.bin",
	"tdx/trustee-v4-quote.bin",
	"tdx/trustee-v5-quote.bin",
	"tdx/trustee-v4-quote-6.bin",
	"tdx/google-v4-quote.bin",
	"tdx/google-v5-quote.bin",
	"tdx/oe-v4-quote.bin",
	"tdx/oe-v5-quote.bin",
	"tdx/flashbots-v4-quote.bin",
	"tdx/flashbots-azure-v5-notsupported-quote.bin",
	"tdx/automata-v4-quote.bin",
	"tdx/automata-v5-quote.bin",
	"azure/tdx-quote.bin",
};

/* The PEM in the quote, with the NUL byte behind it if there is one. */
static struct span pem_in(struct span in)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----",
			  end[] = "-----END CERTIFICATE-----";
	const uint8_t *from = memmem(in.data, in.size, begin, sizeof(begin) - 1), *last = from,
		      *next;

	if (!from)
		return SPAN(NULL, 0);
	while ((next = memmem(last, in.size - (size_t)(last - in.data), end, sizeof(end) - 1)))
		last = next + sizeof(end) - 1;
	while (last < in.data + in.size && *last == '\n')
		last++;
	return SPAN(from, (size_t)(last - from));
}

static void check_quotes(void)
{
	static uint8_t buffer[1 << 17];

	for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++) {
		struct x509_list list = { .count = 0 };
		int ret =
			x509_list_from(pem_in(read_file(quotes[i], buffer, sizeof(buffer))), &list);

		EXPECT(!ret && list.count == 3, "%s: %d, %zu certificates", quotes[i], ret,
		       list.count);
		if (list.count)
			check_chain(quotes[i], CATTEST_ROOT_INTEL, &list, i % 7 ? 0 : 9);
		x509_list_done(&list);
	}
}

static const char *const amd[][4] = {
	{ "snp/ms-milan-vcek.pem", "snp/ms-milan-ask.pem", "snp/milan-ark.pem" },
	{ "snp/ms-genoa-vcek.pem", "snp/ms-genoa-ask.pem", "snp/genoa-ark.pem" },
	{ "snp/ms-turin-vcek.pem", "snp/ms-turin-ask.pem", "snp/turin-ark.pem" },
	{ "snp/trustee-milan-vcek.der", "snp/askark-milan.pem" },
	{ "snp/virtee-milan-vcek.der", "snp/askark-milan.pem" },
	{ "snp/trustee-vlek.der", "snp/askark-milan-vlek.pem" },
	{ "snp/virtee-turin-vcek.der", "snp/askark-turin.pem" },
	{ "azure/snp-vcek.pem" },
	/* The built-in root takes the place of the one that is not given. */
	{ "snp/ms-milan-vcek.pem", "snp/ms-milan-ask.pem" },
};

static void check_amd(void)
{
	static uint8_t buffer[1 << 17];
	struct x509_list list = { .count = 0 };

	for (size_t i = 0; i < sizeof(amd) / sizeof(amd[0]); i++) {
		for (size_t k = 0; k < 4 && amd[i][k]; k++)
			EXPECT(!x509_list_from(read_file(amd[i][k], buffer, sizeof(buffer)), &list),
			       "%s", amd[i][k]);
		check_chain(amd[i][0], CATTEST_ROOT_AMD, &list, i % 3 ? 0 : 17);
		x509_list_done(&list);
	}
	/* The other signing key's chain: VCEK under ASVK. */
	EXPECT(!x509_list_from(read_file("snp/trustee-milan-vcek.der", buffer, sizeof(buffer)),
			       &list) &&
		       !x509_list_from(read_file("snp/askark-milan-vlek.pem", buffer,
						 sizeof(buffer)),
				       &list),
	       "VCEK and ASVK");
	struct cattest_verifier *v = cattest_verifier_new();
	struct judgement j = judge_list(v, CATTEST_ROOT_AMD, &list, middle(&list), CRL_NONE);

	EXPECT(!j.path.ok && j.chain == CATTEST_FAIL, "VCEK under ASVK: %s", j.found);
	x509_list_done(&list);
	for (size_t i = 0; i < 2; i++) {
		const char *name = i ? "snp/neg-trustee-vcek-legacy.der"
				     : "snp/neg-trustee-vcek-new.der";

		if (!x509_list_from(read_file(name, buffer, sizeof(buffer)), &list) &&
		    !x509_list_from(read_file("snp/askark-milan.pem", buffer, sizeof(buffer)),
				    &list)) {
			j = judge_list(v, CATTEST_ROOT_AMD, &list, middle(&list), CRL_NONE);
			EXPECT(!j.path.ok && j.chain == CATTEST_FAIL, "%s", name);
		}
		x509_list_done(&list);
	}
	cattest_verifier_free(v);
}

static bool map_value(struct cbor map, const char *name, struct cbor *ret)
{
	struct cbor_item head;

	return cbor_expect(&map, CBOR_MAP, &head) &&
	       cbor_map_find_text(&map, head.number, name, ret);
}

static const char *const nitro[] = { "nitro/fortanix-doc.cbor", "nitro/anjuna-prod-doc.cbor",
				     "nitro/anjuna-full-doc.cbor", "nitro/sparsity-doc1.cbor",
				     "nitro/neg-veracruz-doc-bad-sig.cbor" };

static void check_nitro(void)
{
	static uint8_t buffer[1 << 14];

	for (size_t i = 0; i < sizeof(nitro) / sizeof(nitro[0]); i++) {
		struct span doc = read_file(nitro[i], buffer, sizeof(buffer));
		struct x509_list list = { .count = 0 };
		struct cbor c, payload, value;
		struct cbor_item item;

		cbor_init_lenient(&c, doc.data, doc.size);
		if (!cbor_expect(&c, CBOR_ARRAY, &item) || !cbor_skip(&c, NULL, NULL) ||
		    !cbor_skip(&c, NULL, NULL) || !cbor_expect(&c, CBOR_BYTES, &item)) {
			EXPECT(false, "%s: CBOR", nitro[i]);
			continue;
		}
		cbor_init_lenient(&payload, item.data, item.size);
		if (map_value(payload, "certificate", &value) &&
		    cbor_expect(&value, CBOR_BYTES, &item))
			EXPECT(!x509_list_from(SPAN(item.data, item.size), &list),
			       "%s: certificate", nitro[i]);
		if (map_value(payload, "cabundle", &value) &&
		    cbor_expect(&value, CBOR_ARRAY, &item))
			for (uint64_t n = item.number;
			     n-- && cbor_expect(&value, CBOR_BYTES, &item);)
				EXPECT(!x509_list_from(SPAN(item.data, item.size), &list),
				       "%s: bundle", nitro[i]);
		EXPECT(list.count >= 4, "%s: %zu certificates", nitro[i], list.count);
		if (list.count)
			check_chain(nitro[i], CATTEST_ROOT_AWS, &list, i ? 0 : 5);
		x509_list_done(&list);
	}
}

/* --- Revocation --- */

struct crl_case {
	const char *quote, *collateral[3], *when;
	enum cattest_outcome crl;
	bool ok;
};

static const struct crl_case crl_cases[] = {
	{ "sgx/phala-v3-quote.bin",
	  { "sgx/phala-v3-collateral.json" },
	  "2025-06-25T00:00:00Z",
	  CATTEST_PASS,
	  true },
	{ "sgx/phala-v3-quote.bin",
	  { "sgx/phala-v3-collateral.json" },
	  "2025-09-25T00:00:00Z",
	  CATTEST_PASS,
	  false },
	{ "sgx/phala-v3-quote.bin",
	  { "sgx/phala-v3-collateral.json" },
	  "2025-05-25T00:00:00Z",
	  CATTEST_PASS,
	  false },
	/* Lists of the platform CA say nothing of a processor CA's certificate. */
	{ "sgx/phala-v3-quote.bin",
	  { "tdx/phala-v4-collateral.json" },
	  "2025-06-25T00:00:00Z",
	  CATTEST_MISSING,
	  false },
	{ "tdx/phala-v4-quote.bin",
	  { "tdx/phala-v4-collateral.json" },
	  "2025-06-25T00:00:00Z",
	  CATTEST_PASS,
	  true },
	{ "tdx/google-v4-quote.bin",
	  { "tdx/google-pck-platform-crl.der", "tdx/google-root-crl.der" },
	  "2023-06-10T00:00:00Z",
	  CATTEST_PASS,
	  true },
	{ "tdx/flashbots-v4-quote.bin",
	  { "tdx/flashbots-v4-collateral.json" },
	  "2026-01-28T00:00:00Z",
	  CATTEST_PASS,
	  true },
	{ "sgx/mobilecoin-v3-quote.bin",
	  { "sgx/mobilecoin-processor-crl.der", "sgx/mobilecoin-root-crl.der" },
	  "2023-07-20T00:00:00Z",
	  CATTEST_PASS,
	  false }, /* the list ended before the certificate began */
	/* Lists of the test PKI, whose names are the same. */
	{ "sgx/mobilecoin-v3-quote.bin",
	  { "sgx/intel-sample/intermediateCaCrl.der", "sgx/intel-sample/rootCaCrl.der" },
	  "2023-07-20T00:00:00Z",
	  CATTEST_MISSING,
	  false },
	{ "tdx/oe-v5-quote.bin",
	  { "tdx/oe-v5-collateral-eval21.json" },
	  "2026-06-20T00:00:00Z",
	  CATTEST_PASS,
	  true },
};

/* The revocation lists that the bag has for these issuers. */
static const char *write_lists(struct cattest_verifier *v, const struct x509_list *list,
			       int64_t now)
{
	static char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/lists.pem", scratch);
	f = fopen(path, "w");
	for (size_t i = 1; f && i < list->count; i++) {
		struct known_crl *known =
			collateral_find_known_crl(verifier_collateral(v), list->items[i], now);

		if (known)
			PEM_write_X509_CRL(f, known->crl);
	}
	if (f)
		fclose(f);
	return path;
}

static void check_crls(void)
{
	static uint8_t buffer[1 << 17];

	for (size_t i = 0; i < sizeof(crl_cases) / sizeof(crl_cases[0]); i++) {
		const struct crl_case *t = &crl_cases[i];
		struct cattest_verifier *v = cattest_verifier_new();
		struct x509_list list = { .count = 0 };
		struct cattest_error err;
		struct judgement j;
		int64_t now;

		for (size_t k = 0; k < 3 && t->collateral[k]; k++)
			EXPECT(!cattest_add_collateral(
				       v, t->collateral[k], buffer,
				       read_file(t->collateral[k], buffer, sizeof(buffer)).size,
				       &err),
			       "%s: %s", t->collateral[k], err.text);
		EXPECT(!x509_list_from(pem_in(read_file(t->quote, buffer, sizeof(buffer))), &list),
		       "%s", t->quote);
		EXPECT(!time_parse(t->when, &now), "%s", t->when);
		j = judge_list(v, CATTEST_ROOT_INTEL, &list, now, CRL_REQUIRED);
		EXPECT(openssl_accepts(&list, root_of(v, CATTEST_ROOT_INTEL, &list), now,
				       write_lists(v, &list, now)) == t->ok,
		       "%s at %s: openssl verify -crl_check_all differs", t->quote, t->when);
		EXPECT(j.path.ok == t->ok && (!t->crl || j.crl == t->crl), "%s at %s: %s", t->quote,
		       t->when, j.found);
		EXPECT(j.path.signatures_ok, "%s: signatures: %s", t->quote, j.found);
		x509_list_done(&list);
		cattest_verifier_free(v);
	}
}

/* The real list of 2025-08 with entries: a certificate with a listed serial number would be found. */
static void check_revoked_serials(void)
{
	static uint8_t buffer[1 << 14];
	X509_CRL *crl = x509_crl_from(
		read_file("sgx/automata-platform-crl-2025-08.der", buffer, sizeof(buffer)));
	STACK_OF(X509_REVOKED) *list = crl ? X509_CRL_get_REVOKED(crl) : NULL;
	struct known_crl known;
	X509_REVOKED *entry;

	EXPECT(crl && list && sk_X509_REVOKED_num(list) > 10, "no entries");
	EXPECT(known_crl_init(&known, crl) && !known.fault, "%s", known.fault);
	for (int i = 0; list && i < sk_X509_REVOKED_num(list); i++)
		EXPECT(X509_CRL_get0_by_serial(
			       crl, &entry,
			       X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(list, i))) == 1,
		       "%d", i);
	X509_CRL_free(crl);
}

static void check_wrong_roots(void)
{
	static const char *const files[] = { "sgx/intel-sample/trustedRootCaCert.pem",
					     "nitro/neg-fortanix-tampered-root.pem",
					     "sgx/neg-fortanix-other-root.pem" };
	static uint8_t buffer[1 << 17];
	struct cattest_verifier *v = cattest_verifier_new();
	struct x509_list list = { .count = 0 };
	struct judgement j;

	/* A root of the right name and another key, beside the leaf and its issuer: it does not belong. */
	EXPECT(!x509_list_from(pem_in(read_file(quotes[0], buffer, sizeof(buffer))), &list),
	       "quote");
	X509_free(list.items[--list.count]);
	EXPECT(judge_list(v, CATTEST_ROOT_INTEL, &list, middle(&list), CRL_NONE).path.ok,
	       "the built-in root");
	EXPECT(!x509_list_from(read_file(files[0], buffer, sizeof(buffer)), &list), "%s", files[0]);
	j = judge_list(v, CATTEST_ROOT_INTEL, &list, middle(&list), CRL_NONE);
	EXPECT(!j.path.ok && j.chain == CATTEST_FAIL, "%s", files[0]);
	/* INDEX.md calls it a root of another key: it is Intel's processor CA, which the root did sign, so that it may stand there, but it
	 * ends no path. */
	X509_free(list.items[--list.count]);
	EXPECT(!x509_list_from(read_file(files[2], buffer, sizeof(buffer)), &list), "%s", files[2]);
	EXPECT(judge_list(v, CATTEST_ROOT_INTEL, &list, middle(&list), CRL_NONE).path.ok, "%s",
	       files[2]);
	EXPECT(!verifier_root(v, CATTEST_ROOT_INTEL, x509_spki(list.items[list.count - 1])), "%s",
	       files[2]);
	x509_list_done(&list);
	/* A self-signed root with a changed byte beside a good chain. */
	EXPECT(!x509_list_from(read_file("nitro/aws-root.pem", buffer, sizeof(buffer)), &list),
	       "root");
	if (!x509_list_from(read_file(files[1], buffer, sizeof(buffer)), &list))
		EXPECT(!link_verifies(NULL, list.items[1], list.items[0]), "%s", files[1]);
	x509_list_done(&list);
	/* A root whose own signature is bad, alone with itself. */
	EXPECT(!x509_list_from(read_file("nitro/aws-root.pem", buffer, sizeof(buffer)), &list),
	       "root");
	j = judge_list(v, CATTEST_ROOT_AWS, &list, middle(&list), CRL_NONE);
	EXPECT(!j.path.ok && j.chain == CATTEST_FAIL, "a root alone is no path");
	x509_list_done(&list);
	cattest_verifier_free(v);
}

int main(void)
{
	char path[256];
	static const char *const left[] = { "leaf", "root", "untrusted", "lists" };

	if (!samples_folder())
		return 77;
	if (!mkdtemp(scratch))
		return 1;
	check_quotes();
	check_amd();
	check_nitro();
	check_crls();
	check_revoked_serials();
	check_wrong_roots();
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s.pem", scratch, left[i]);
		unlink(path);
	}
	rmdir(scratch);
	if (failures)
		printf("%u failures\n", failures);
	return failures != 0;
}
