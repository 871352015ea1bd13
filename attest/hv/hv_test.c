/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of the hypervisor, made here from software keys: a TPM that signs what a TPM would, a
 * hypervisor that reports an enclave. Then everything that a hostile Linux could do to it, each
 * seen by its own check; every byte changed; every cut.
 */
#include "attest/hv/hv.h"

#include "attest/tpm/tpm.h"
#include "tests/evidence/ec_keys.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

static int failures;
#define EXPECT(what)                                                           \
	do {                                                                   \
		if (!(what)) {                                                 \
			printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, #what); \
			failures++;                                            \
		}                                                              \
	} while (0)

#define NOW 1780000000

/* Big-endian writing. */
struct buffer {
	uint8_t data[1024];
	size_t size;
};

static void put(struct buffer *b, uint64_t value, size_t size)
{
	while (size--)
		b->data[b->size++] = (uint8_t)(value >> 8 * size);
}

static void put_bytes(struct buffer *b, const void *data, size_t size)
{
	if (size)
		memcpy(b->data + b->size, data, size);
	b->size += size;
}

static void put_2b(struct buffer *b, const void *data, size_t size)
{
	put(b, size, 2);
	put_bytes(b, data, size);
}

/* What a test changes about the machine before the evidence is made. */
struct machine {
	EVP_PKEY *ak, *hv_key, *signs_report, *signs_quote;
	struct report_hv report;
	uint8_t body[REPORT_SGX_BODY_SIZE];
	uint8_t pcr[HV_PCR_COUNT][32];
	uint32_t quoted;
	uint8_t extra[32];
	uint32_t ak_attributes;
	X509 *certificates[2];
	size_t certificate_count;
	bool unextended;
};

static void machine_init(struct machine *m, EVP_PKEY *ak, EVP_PKEY *hv_key)
{
	struct report_hv *r = &m->report;

	*m = (struct machine){ .ak = ak,
			       .hv_key = hv_key,
			       .signs_report = hv_key,
			       .signs_quote = ak,
			       .quoted = REPORT_HV_PCRS };
	r->magic = REPORT_HV_MAGIC;
	r->version = REPORT_HV_VERSION;
	r->size = sizeof(*r);
	r->security_version = 3;
	memset(r->measurement, 0xab, sizeof(r->measurement));
	memset(r->config, 0xcd, sizeof(r->config));
	ec_public(hv_key, r->key);
	m->body[48] = 5; /* INIT, MODE64BIT */
	memset(m->body + 64, 0x11, 32);
	memset(m->body + 128, 0x22, 32);
	memset(m->body + 320, 0x44, 64);
	for (size_t i = 0; i < 8; i++)
		memset(m->pcr[i], (int)i, 32);
	m->ak_attributes = TPMA_FIXED_TPM | TPMA_FIXED_PARENT | TPMA_SENSITIVE_DATA_ORIGIN |
			   TPMA_USER_WITH_AUTH | TPMA_RESTRICTED | TPMA_SIGN;
}

static void make_public(const struct machine *m, struct buffer *ret)
{
	struct buffer area = { .size = 0 };
	uint8_t xy[64];

	ec_public(m->ak, xy);
	put(&area, TPM_ECC, 2);
	put(&area, TPM_SHA256, 2);
	put(&area, m->ak_attributes, 4);
	put_2b(&area, NULL, 0);
	put(&area, TPM_NULL, 2);
	put(&area, TPM_ECDSA, 2);
	put(&area, TPM_SHA256, 2);
	put(&area, 3, 2); /* P-256 */
	put(&area, TPM_NULL, 2);
	put_2b(&area, xy, 32);
	put_2b(&area, xy + 32, 32);
	put_2b(ret, area.data, area.size);
}

/* What the hypervisor does at its start. */
static void machine_measure(struct machine *m)
{
	struct buffer public_area = { .size = 0 };

	make_public(m, &public_area);
	EXPECT(!digest("SHA256", &SPAN(public_area.data + 2, public_area.size - 2), 1,
		       m->report.ak_name, NULL));
	EXPECT(!digest("SHA256", &SPAN(&m->report, sizeof(m->report)), 1, m->extra, NULL));
	EXPECT(!hv_expected_pcrs(&m->report, m->pcr[21], m->pcr[22]));
}

static void make_quote(const struct machine *m, struct buffer *ret)
{
	struct span values[HV_PCR_COUNT];
	uint8_t hash[32], mask[3];
	size_t count = 0;

	for (size_t i = 0; i < HV_PCR_COUNT; i++)
		if (m->quoted >> i & 1)
			values[count++] = SPAN(m->pcr[i], 32);
	EXPECT(!digest("SHA256", values, count, hash, NULL));
	put(ret, 0xff544347, 4);
	put(ret, 0x8018, 2);
	put_2b(ret, "\0\x0bqualified signer's name.........", 34);
	put_2b(ret, m->extra, 32);
	put(ret, 123456, 8);
	put(ret, 7, 4);
	put(ret, 1, 4);
	put(ret, 1, 1);
	put(ret, 0x2024, 8);
	put(ret, 1, 4);
	put(ret, TPM_SHA256, 2);
	put(ret, 3, 1);
	for (int i = 0; i < 3; i++)
		mask[i] = (uint8_t)(m->quoted >> 8 * i);
	put_bytes(ret, mask, 3);
	put_2b(ret, hash, 32);
}

static uint8_t *machine_evidence(struct machine *m, size_t *ret_size)
{
	struct buffer public_area = { .size = 0 }, quote = { .size = 0 },
		      quote_signature = { .size = 0 };
	uint8_t raw[64], signature[64], message[HV_SIGNED_SIZE], *der[2] = { NULL, NULL },
								 *evidence = NULL;
	struct hv_parts p = { .report = { 0 } };
	struct cattest_error err;

	if (!m->unextended)
		machine_measure(m);
	p.report = m->report;
	make_public(m, &public_area);
	make_quote(m, &quote);
	ec_sign(m->signs_quote, EVP_sha256(), quote.data, quote.size, raw);
	put(&quote_signature, TPM_ECDSA, 2);
	put(&quote_signature, TPM_SHA256, 2);
	put_2b(&quote_signature, raw, 32);
	put_2b(&quote_signature, raw + 32, 32);
	hv_signed_bytes(&m->report, m->body, message);
	ec_sign(m->signs_report, EVP_sha256(), message, sizeof(message), signature);
	p.signature = SPAN_OF(signature);
	p.attest = SPAN(quote.data, quote.size);
	p.attest_signature = SPAN(quote_signature.data, quote_signature.size);
	p.ak = SPAN(public_area.data, public_area.size);
	for (size_t i = 0; i < m->certificate_count; i++)
		p.certificates[i] = SPAN(NULL, (size_t)i2d_X509(m->certificates[i], &der[i]));
	for (size_t i = 0; i < m->certificate_count; i++)
		p.certificates[i].data = der[i];
	p.certificate_count = m->certificate_count;
	for (size_t i = 0; i < HV_PCR_COUNT; i++)
		if (m->quoted >> i & 1)
			p.pcr[i] = SPAN(m->pcr[i], 32);
	EXPECT(!hv_build(&p, m->body, &evidence, ret_size, &err));
	OPENSSL_free(der[0]);
	OPENSSL_free(der[1]);
	return evidence;
}

/* --- judging --- */

static struct cattest_policy *policy;
static const char policy_text[] =
	"{\"version\": 1, \"name\": \"test\", \"types\": [\"cloister-hv\"], \"allow\": [\"custom-root\"], \"require\": ["
	"{\"claim\": \"hv.measurement\", \"equals\": \"abababababababababababababababababababababababababababababababab\"},"
	"{\"claim\": \"hv.security_version\", \"at_least\": 3},"
	"{\"claim\": \"sgx.mrenclave\", \"equals\": \"1111111111111111111111111111111111111111111111111111111111111111\"},"
	"{\"claim\": \"tpm.pcr.sha256.4\", \"equals\": \"0404040404040404040404040404040404040404040404040404040404040404\"}]}";

static struct cattest_verifier *new_verifier(enum cattest_root kind, struct span root)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_error err = { "" };

	cattest_set_time(v, NOW);
	cattest_set_policy(v, policy);
	if (root.size && cattest_add_root(v, kind, root.data, root.size, &err)) {
		printf("FAIL root: %s\n", err.text);
		failures++;
	}
	return v;
}

static enum cattest_verdict judge(struct cattest_verifier *v, const uint8_t *evidence, size_t size,
				  const char *step, bool *ret_seen)
{
	uint8_t data[64];
	const struct cattest_expect expect = { .report_data = data, .report_data_size = 64 };
	struct cattest_result *r;
	struct cattest_error err;
	enum cattest_verdict verdict;

	memset(data, 0x44, sizeof(data));
	*ret_seen = false;
	if (cattest_verify(v, evidence, size, &expect, &r, &err)) {
		if (step)
			printf("error: %s\n", err.text);
		return CATTEST_NONE;
	}
	verdict = cattest_result_verdict(r);
	for (size_t i = 0; i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);
		bool bad = c->outcome == CATTEST_FAIL || c->outcome == CATTEST_MISSING;

		if (bad && step && !strcmp(c->step, step))
			*ret_seen = true;
		if (bad && getenv("VERBOSE"))
			printf("   %s: %s / %s\n", c->step, c->expected, c->found);
	}
	cattest_result_free(r);
	return verdict;
}

/* The machine's evidence must have that verdict, and that check must be among the bad ones. */
static void expect(const char *what, struct cattest_verifier *v, struct machine *m,
		   enum cattest_verdict verdict, const char *step)
{
	size_t size;
	uint8_t *evidence = machine_evidence(m, &size);
	bool seen;
	enum cattest_verdict found = judge(v, evidence, size, step, &seen);

	if (found != verdict || (step && !seen)) {
		printf("FAIL %s: verdict %s, expected %s%s%s\n", what, cattest_verdict_name(found),
		       cattest_verdict_name(verdict), step ? ", by " : "", step ? step : "");
		failures++;
	}
	free(evidence);
}

static void test_attacks(struct cattest_verifier *v, EVP_PKEY *ak, EVP_PKEY *hv_key)
{
	EVP_PKEY *other = EVP_EC_gen("P-256");
	struct machine m;

	machine_init(&m, ak, hv_key);
	expect("good", v, &m, CATTEST_TRUSTED, NULL);
	/*
	 * Linux makes a key of its own, and has the TPM quote its report's hash as extraData: PCR
	 * 22 is not its own.
	 */
	machine_init(&m, ak, hv_key);
	machine_measure(&m);
	m.unextended = true;
	ec_public(other, m.report.key);
	m.signs_report = other;
	EXPECT(!digest("SHA256", &SPAN(&m.report, sizeof(m.report)), 1, m.extra, NULL));
	expect("a key that only Linux vouches for", v, &m, CATTEST_REFUSED, "hv.pcr22.report");
	/* Another hypervisor was started: PCR 21 says which. */
	machine_init(&m, ak, hv_key);
	machine_measure(&m);
	m.unextended = true;
	m.pcr[21][0] ^= 1;
	expect("another hypervisor", v, &m, CATTEST_REFUSED, "hv.pcr21.measurement");
	/* No hypervisor was started. */
	machine_init(&m, ak, hv_key);
	machine_measure(&m);
	m.unextended = true;
	memset(m.pcr[21], 0xff, 64);
	expect("no hypervisor", v, &m, CATTEST_REFUSED, "hv.pcr21.measurement");
	/* A quote for something else. */
	machine_init(&m, ak, hv_key);
	machine_measure(&m);
	m.unextended = true;
	m.extra[31] ^= 1;
	expect("a quote for another report", v, &m, CATTEST_REFUSED, "hv.report.quoted");
	/* The boot chain, or the hypervisor's PCRs, left out of the quote. */
	machine_init(&m, ak, hv_key);
	m.quoted &= ~(1u << 2);
	expect("PCR 2 not quoted", v, &m, CATTEST_REFUSED, "hv.pcrs.quoted");
	machine_init(&m, ak, hv_key);
	m.quoted &= ~(1u << 22);
	expect("PCR 22 not quoted", v, &m, CATTEST_REFUSED, "hv.pcr22.report");
	/* Another kernel was booted. */
	machine_init(&m, ak, hv_key);
	m.pcr[4][0] ^= 1;
	expect("another boot chain", v, &m, CATTEST_REFUSED, "policy.tpm.pcr.sha256.4");
	/* Signatures by others. */
	machine_init(&m, ak, hv_key);
	m.signs_report = other;
	expect("report signed by another key", v, &m, CATTEST_REFUSED, "hv.signature");
	machine_init(&m, ak, hv_key);
	m.signs_quote = other;
	expect("quote signed by another key", v, &m, CATTEST_REFUSED, "tpm.quote.signature");
	/* A key that also signs what it is given can sign a quote that no TPM made. */
	machine_init(&m, ak, hv_key);
	m.ak_attributes &= ~TPMA_RESTRICTED;
	expect("key not restricted", v, &m, CATTEST_REFUSED, "hv.ak.attributes");
	machine_init(&m, ak, hv_key);
	m.ak_attributes |= TPMA_DECRYPT;
	expect("a storage key", v, &m, CATTEST_REFUSED, "hv.ak.attributes");
	machine_init(&m, ak, hv_key);
	machine_measure(&m);
	m.unextended = true;
	m.ak_attributes ^= TPMA_USER_WITH_AUTH;
	expect("a key that the hypervisor did not see", v, &m, CATTEST_REFUSED, "hv.ak.name");
	/* A hypervisor that can be debugged, and an enclave that does not say so. */
	machine_init(&m, ak, hv_key);
	m.report.attributes = REPORT_ATTRIBUTE_DEBUG;
	expect("debuggable hypervisor", v, &m, CATTEST_REFUSED, "hv.debug");
	machine_init(&m, ak, hv_key);
	m.body[48] |= 2;
	expect("debug enclave", v, &m, CATTEST_REFUSED, "policy.debug");
	machine_init(&m, ak, hv_key);
	m.body[330] ^= 1;
	expect("report data", v, &m, CATTEST_REFUSED, "report_data");
	machine_init(&m, ak, hv_key);
	m.report.security_version = 2;
	expect("an old hypervisor", v, &m, CATTEST_REFUSED, "policy.hv.security_version");
	EVP_PKEY_free(other);
}

static void test_bytes(struct cattest_verifier *v, EVP_PKEY *ak, EVP_PKEY *hv_key)
{
	struct machine m;
	size_t size, trusted = 0;
	uint8_t *good, *bad;
	bool seen;

	machine_init(&m, ak, hv_key);
	good = machine_evidence(&m, &size);
	bad = malloc(size + 1);
	for (size_t i = 0; i < size; i++) {
		memcpy(bad, good, size);
		bad[i] ^= (uint8_t)(1 << i % 8);
		if (judge(v, bad, size, NULL, &seen) == CATTEST_TRUSTED) {
			printf("byte %zu of %zu changed, and trusted\n", i, size);
			trusted++;
		}
	}
	EXPECT(!trusted);
	memcpy(bad, good, size);
	bad[size] = 0;
	for (size_t i = 0; i < size; i++)
		EXPECT(judge(v, bad, i, NULL, &seen) != CATTEST_TRUSTED);
	EXPECT(judge(v, bad, size + 1, NULL, &seen) != CATTEST_TRUSTED);
	EXPECT(judge(v, bad, size, NULL, &seen) == CATTEST_TRUSTED);
	free(bad);
	free(good);
}

/* --- the key's certificate --- */

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	EXPECT(e && X509_add_ext(cert, e, -1));
	X509_EXTENSION_free(e);
}

static X509 *make_certificate(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key,
			      bool ca)
{
	X509 *cert = X509_new();

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), ca ? 1 : 2);
	ASN1_TIME_set(X509_getm_notBefore(cert), NOW - 86400);
	ASN1_TIME_set(X509_getm_notAfter(cert), NOW + 86400);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert));
	add_extension(cert, issuer ? issuer : cert, NID_basic_constraints,
		      ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	add_extension(cert, issuer ? issuer : cert, NID_key_usage,
		      ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
	EXPECT(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
	return cert;
}

static void test_certificates(EVP_PKEY *ak, EVP_PKEY *hv_key)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	X509 *ca = make_certificate(ca_key, "TPM maker", NULL, ca_key, true);
	X509 *leaf = make_certificate(ak, "AK", ca, ca_key, false),
	     *of_other = make_certificate(other, "other", ca, ca_key, false);
	struct cattest_verifier *v, *none = new_verifier(CATTEST_ROOT_TPM, SPAN(NULL, 0));
	uint8_t *der = NULL;
	struct machine m;
	int der_size;

	v = new_verifier(CATTEST_ROOT_TPM, SPAN(NULL, 0));
	machine_init(&m, ak, hv_key);
	expect("nobody vouches for the key", v, &m, CATTEST_REFUSED, "policy.ak-trust");
	cattest_verifier_free(v);
	der_size = i2d_X509(ca, &der);
	v = new_verifier(CATTEST_ROOT_TPM, SPAN(der, (size_t)der_size));
	machine_init(&m, ak, hv_key);
	m.certificates[0] = leaf;
	m.certificate_count = 1;
	expect("certificate of the key", v, &m, CATTEST_TRUSTED, NULL);
	m.certificates[1] = ca;
	m.certificate_count = 2;
	expect("certificate and its issuer", v, &m, CATTEST_TRUSTED, NULL);
	m.certificates[0] = of_other;
	expect("certificate of another key", v, &m, CATTEST_REFUSED, "hv.ak.certificate");
	m.certificates[0] = leaf;
	expect("certificate, but no such root", none, &m, CATTEST_REFUSED, NULL);
	cattest_set_time(v, NOW + 2 * 86400);
	expect("certificate that has ended", v, &m, CATTEST_REFUSED, NULL);
	cattest_verifier_free(v);
	cattest_verifier_free(none);
	OPENSSL_free(der);
	X509_free(ca);
	X509_free(leaf);
	X509_free(of_other);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(other);
}

static void test_decode(EVP_PKEY *ak, EVP_PKEY *hv_key)
{
	struct cattest_result *r;
	struct cattest_error err;
	struct machine m;
	size_t size;
	uint8_t *evidence;

	machine_init(&m, ak, hv_key);
	evidence = machine_evidence(&m, &size);
	EXPECT(!cattest_decode(evidence, size, NULL, &r, &err) &&
	       !strcmp(cattest_result_type(r), "cloister-hv"));
	EXPECT(cattest_result_find(r, "hv.measurement") && cattest_result_find(r, "sgx.mrenclave"));
	cattest_result_free(r);
	free(evidence);
}

/* `hv_test FILE` writes good evidence: the seed of the fuzzer's corpus. */
static int write_seed(const char *path, EVP_PKEY *ak, EVP_PKEY *hv_key)
{
	FILE *f = fopen(path, "wb");
	struct machine m;
	size_t size;
	uint8_t *evidence;
	bool ok;

	machine_init(&m, ak, hv_key);
	evidence = machine_evidence(&m, &size);
	ok = f && fwrite(evidence, 1, size, f) == size && !fclose(f);
	free(evidence);
	return !ok;
}

int main(int argc, char **argv)
{
	EVP_PKEY *ak = EVP_EC_gen("P-256"), *hv_key = EVP_EC_gen("P-256");
	struct cattest_error err;
	struct cattest_verifier *v;
	uint8_t *spki = NULL;
	int size = i2d_PUBKEY(ak, &spki);

	if (argc > 1)
		return write_seed(argv[1], ak, hv_key);
	if (cattest_policy_parse("test", policy_text, sizeof(policy_text) - 1, &policy, &err)) {
		printf("policy: %s\n", err.text);
		return 1;
	}
	v = new_verifier(CATTEST_ROOT_AK, SPAN(spki, (size_t)size));
	test_attacks(v, ak, hv_key);
	test_bytes(v, ak, hv_key);
	test_certificates(ak, hv_key);
	test_decode(ak, hv_key);
	cattest_verifier_free(v);
	cattest_policy_free(policy);
	OPENSSL_free(spki);
	EVP_PKEY_free(ak);
	EVP_PKEY_free(hv_key);
	printf(failures ? "%d failures\n" : "ok\n", failures);
	return failures != 0;
}
