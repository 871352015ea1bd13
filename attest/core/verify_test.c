/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From bytes to verdict, on simulated evidence that the test signs itself: which outcomes make which verdict, what is an error, what the
 * caller asked for and the evidence cannot give, roots in all their forms.
 */
#include "abi/report.h"
#include "attest/core/verifier.h"
#include "tests/evidence/ec_keys.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#define NOW 1750330602
static int failures;
#define EXPECT(what)                                                           \
	do {                                                                   \
		if (!(what)) {                                                 \
			printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, #what); \
			failures++;                                            \
		}                                                              \
	} while (0)

static const char policy_text[] =
	"{\"version\": 1, \"name\": \"t\", \"types\": [\"sim\"], "
	"\"allow\": [\"no-freshness\", \"custom-root\", \"simulated\"], "
	"\"require\": [{\"claim\": \"sim.measurement\", \"equals\": "
	"\"0909090909090909090909090909090909090909090909090909090909090909\"}]}";

static EVP_PKEY *signer;
static char signer_pem[512];
static struct cattest_policy *policy;

static struct evidence_sim make_evidence(uint8_t measurement, bool debug)
{
	struct evidence_sim e = { .report = { .magic = REPORT_SIM_MAGIC,
					      .version = REPORT_SIM_VERSION,
					      .size = sizeof(e.report),
					      .platform = REPORT_PLATFORM_PROCESS,
					      .time = NOW - 60 } };
	uint8_t *spki = NULL;
	int spki_size = i2d_PUBKEY(signer, &spki);

	memset(e.report.measurement, measurement, sizeof(e.report.measurement));
	memset(e.report.report_data, 7, 3);
	e.report.attributes = debug ? REPORT_ATTRIBUTE_DEBUG : 0;
	digest("SHA256", &SPAN(spki, (size_t)spki_size), 1, e.key_id, NULL);
	ec_sign(signer, EVP_sha256(), &e, EVIDENCE_SIM_SIGNED, e.signature);
	OPENSSL_free(spki);
	return e;
}

static struct cattest_verifier *make_verifier(bool root, bool with_policy)
{
	struct cattest_verifier *v = cattest_verifier_new();

	EXPECT(v);
	cattest_set_time(v, NOW);
	if (root)
		EXPECT(!cattest_add_root(v, CATTEST_ROOT_SIM, signer_pem, strlen(signer_pem),
					 NULL));
	if (with_policy)
		cattest_set_policy(v, policy);
	return v;
}

/* The verdict; NONE for an error. */
static enum cattest_verdict judge(struct cattest_verifier *v, const void *data, size_t size,
				  const struct cattest_expect *expect)
{
	struct cattest_result *r = NULL;
	struct cattest_error err = { "" };
	enum cattest_verdict verdict;
	int ret = cattest_verify(v, data, size, expect, &r, &err);

	if (ret) {
		EXPECT(!r && err.text[0] && !strchr(err.text, '\n'));
		return CATTEST_NONE;
	}
	verdict = cattest_result_verdict(r);
	cattest_result_free(r);
	return verdict;
}

static void test_verdicts(void)
{
	struct evidence_sim good = make_evidence(9, false), other = make_evidence(8, false),
			    debug = make_evidence(9, true), bad;
	struct cattest_verifier *v = make_verifier(true, true),
				*no_policy = make_verifier(true, false),
				*no_root = make_verifier(false, true);
	static const struct cattest_expect bound = { .report_data = "\7\7\7",
						     .report_data_size = 3 },
					   wrong = { .report_data = "\7\7", .report_data_size = 2 },
					   large = { .report_data = "", .report_data_size = 65 };

	EXPECT(judge(v, &good, sizeof(good), NULL) == CATTEST_TRUSTED);
	EXPECT(judge(v, &good, sizeof(good), &bound) == CATTEST_TRUSTED);
	EXPECT(judge(v, &good, sizeof(good), &wrong) == CATTEST_REFUSED);
	EXPECT(judge(v, &good, sizeof(good), &large) == CATTEST_NONE);
	EXPECT(judge(v, &other, sizeof(other), NULL) == CATTEST_REFUSED);
	EXPECT(judge(v, &debug, sizeof(debug), NULL) == CATTEST_REFUSED);
	EXPECT(judge(no_policy, &good, sizeof(good), NULL) == CATTEST_UNDECIDED);
	EXPECT(judge(no_policy, &other, sizeof(other), NULL) == CATTEST_UNDECIDED);
	EXPECT(judge(no_root, &good, sizeof(good), NULL) == CATTEST_UNDECIDED);
	EXPECT(judge(no_root, &other, sizeof(other), NULL) == CATTEST_REFUSED);
	EXPECT(judge(no_policy, &good, sizeof(good), &wrong) == CATTEST_REFUSED);
	/* Every byte is signed, or the signature, or names the signer. */
	for (size_t i = 0; i < sizeof(good); i++) {
		bad = good;
		((uint8_t *)&bad)[i] ^= 1;
		EXPECT(judge(v, &bad, sizeof(bad), NULL) <= CATTEST_REFUSED);
	}
	for (size_t i = 0; i < sizeof(good); i++)
		EXPECT(judge(v, &good, i, NULL) == CATTEST_NONE);
	/* The same verifier still knows right from wrong. */
	EXPECT(judge(v, &good, sizeof(good), NULL) == CATTEST_TRUSTED);
	cattest_verifier_free(v);
	cattest_verifier_free(no_policy);
	cattest_verifier_free(no_root);
}

static void test_result(void)
{
	struct evidence_sim good = make_evidence(9, false);
	struct cattest_verifier *v = make_verifier(true, true);
	struct cattest_result *r;
	const struct cattest_claim *c;

	EXPECT(!cattest_verify(v, &good, sizeof(good), NULL, &r, NULL));
	cattest_verifier_free(v); /* the result stands alone */
	c = cattest_result_find(r, "evidence.type");
	EXPECT(c && !strcmp(c->string, "sim") && !strcmp(cattest_result_type(r), "sim"));
	c = cattest_result_find(r, "root");
	EXPECT(c && !strcmp(c->string, "custom"));
	EXPECT(!cattest_result_find(r, "nosuch"));
	EXPECT(!cattest_result_claim(r, cattest_result_claims(r)));
	cattest_result_free(r);
	EXPECT(!cattest_decode(&good, sizeof(good), NULL, &r, NULL));
	EXPECT(cattest_result_verdict(r) == CATTEST_NONE && !cattest_result_find(r, "root"));
	c = cattest_result_find(r, "sim.measurement");
	EXPECT(c && c->size == 32 && c->bytes[0] == 9);
	cattest_result_free(r);
	cattest_result_free(NULL);
}

static void test_input(void)
{
	struct evidence_sim good = make_evidence(9, false);
	struct cattest_verifier *v = make_verifier(true, true);
	struct cattest_expect e = { .type = "sim" };
	struct cattest_result *r = NULL;
	char text[sizeof(good) * 2 + 1];
	uint8_t sigstruct[1808] = { 6,	  0, 0, 0, 0xe1, 0, 0,	  0,	0,    0,    1, 0, 0, 0,
				    0,	  0, 0, 0, 0,	 0, 0x10, 0x10, 0x25, 0x20, 1, 1, 0, 0,
				    0x60, 0, 0, 0, 0x60, 0, 0,	  0,	1,    0,    0, 0 };

	EXPECT(judge(v, &good, sizeof(good), &e) == CATTEST_TRUSTED);
	e.type = "sgx-quote";
	EXPECT(judge(v, &good, sizeof(good), &e) == CATTEST_NONE);
	e.type = "nosuch";
	EXPECT(cattest_verify(v, &good, sizeof(good), &e, &r, NULL) == -ENOTSUP && !r);
	EXPECT(cattest_verify(v, &good, 0, NULL, &r, NULL) == -EBADMSG && !r);
	EXPECT(cattest_verify(v, NULL, 5, NULL, &r, NULL) == -EBADMSG && !r);
	EXPECT(cattest_verify(v, &good, CATTEST_MAX_INPUT + 1ul, NULL, &r, NULL) == -E2BIG && !r);
	EXPECT(cattest_verify(v, "what is this", 12, NULL, &r, NULL) == -ENOTSUP && !r);
	/* Known, but not evidence. */
	EXPECT(cattest_verify(v, sigstruct, sizeof(sigstruct), NULL, &r, NULL) == -ENOTSUP && !r);
	hex_text(SPAN(&good, sizeof(good)), text, sizeof(text));
	EXPECT(judge(v, text, strlen(text), NULL) == CATTEST_TRUSTED);
	/* An event log that nothing looks at is no reason, but said. */
	e = (struct cattest_expect){ .event_log = "log", .event_log_size = 3 };
	EXPECT(judge(v, &good, sizeof(good), &e) == CATTEST_TRUSTED);
	cattest_verifier_free(v);
}

static void add_ok(enum cattest_root kind, const void *data, size_t size)
{
	struct cattest_verifier *v = cattest_verifier_new();
	uint8_t *spki = NULL;
	EVP_PKEY *key;
	int spki_size;

	EXPECT(!cattest_add_root(v, kind, data, size, NULL));
	key = verifier_root_key(v, kind, 0);
	EXPECT(key && !verifier_root_key(v, kind, 1));
	spki_size = i2d_PUBKEY(key, &spki);
	EXPECT(verifier_root(v, kind, SPAN(spki, (size_t)spki_size)) == 2);
	EXPECT(verifier_root(v, kind == CATTEST_ROOT_AMD ? CATTEST_ROOT_INTEL : CATTEST_ROOT_AMD,
			     SPAN(spki, (size_t)spki_size)) == 0);
	EXPECT(verifier_root(v, kind, SPAN(spki, 0)) == 0);
	OPENSSL_free(spki);
	cattest_verifier_free(v);
}

static void add_bad(enum cattest_root kind, const void *data, size_t size)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_error err = { "" };

	EXPECT(cattest_add_root(v, kind, data, size, &err) < 0 && err.text[0]);
	EXPECT(!verifier_root_key(v, kind, 0));
	cattest_verifier_free(v);
}

static X509 *make_certificate(void)
{
	X509 *cert = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 1000);
	X509_set_pubkey(cert, signer);
	X509_sign(cert, signer, EVP_sha256());
	return cert;
}

/* TPM2B_PUBLIC of the signer as an attestation key. */
static size_t make_tpm_public(uint8_t out[128], uint32_t attributes)
{
	uint8_t point[65];
	size_t size;
	uint8_t head[] = { 0,
			   0,
			   0,
			   0x23,
			   0,
			   0x0b,
			   (uint8_t)(attributes >> 24),
			   (uint8_t)(attributes >> 16),
			   (uint8_t)(attributes >> 8),
			   (uint8_t)attributes,
			   0,
			   0,
			   0,
			   0x10,
			   0,
			   0x18,
			   0,
			   0x0b,
			   0,
			   3,
			   0,
			   0x10,
			   0,
			   32 };

	EVP_PKEY_get_octet_string_param(signer, "pub", point, sizeof(point), &size);
	memcpy(out, head, sizeof(head));
	memcpy(out + sizeof(head), point + 1, 32);
	out[sizeof(head) + 32] = 0;
	out[sizeof(head) + 33] = 32;
	memcpy(out + sizeof(head) + 34, point + 33, 32);
	size = sizeof(head) + 66;
	out[1] = (uint8_t)(size - 2);
	return size;
}

static void test_roots(void)
{
	X509 *cert = make_certificate();
	uint8_t *der = NULL, tpm[128], *spki = NULL;
	int size = i2d_X509(cert, &der), spki_size = i2d_PUBKEY(signer, &spki);
	size_t tpm_size;

	for (int kind = CATTEST_ROOT_INTEL; kind <= CATTEST_ROOT_SIM; kind++) {
		add_ok((enum cattest_root)kind, der, (size_t)size);
		add_bad((enum cattest_root)kind, der, (size_t)size - 1);
		add_bad((enum cattest_root)kind, "", 0);
		add_bad((enum cattest_root)kind, "junk", 4);
	}
	add_ok(CATTEST_ROOT_AK, spki, (size_t)spki_size);
	add_ok(CATTEST_ROOT_SIM, signer_pem, strlen(signer_pem));
	add_bad(CATTEST_ROOT_INTEL, spki, (size_t)spki_size); /* roots of chains are certificates */
	add_bad((enum cattest_root)0, der, (size_t)size);
	add_bad((enum cattest_root)9, der, (size_t)size);
	tpm_size = make_tpm_public(tpm, 0x50072); /* restricted signing key */
	add_ok(CATTEST_ROOT_AK, tpm, tpm_size);
	add_bad(CATTEST_ROOT_SIM, tpm, tpm_size);
	for (size_t i = 1; i < tpm_size; i++)
		add_bad(CATTEST_ROOT_AK, tpm, i);
	make_tpm_public(tpm, 0x40072); /* not restricted: signs anything */
	add_bad(CATTEST_ROOT_AK, tpm, tpm_size);
	make_tpm_public(tpm, 0x30072); /* a storage key */
	add_bad(CATTEST_ROOT_AK, tpm, tpm_size);
	OPENSSL_free(der);
	OPENSSL_free(spki);
	X509_free(cert);
}

int main(void)
{
	BIO *bio = BIO_new(BIO_s_mem());

	signer = EVP_EC_gen("P-256");
	PEM_write_bio_PUBKEY(bio, signer);
	BIO_read(bio, signer_pem, sizeof(signer_pem) - 1);
	BIO_free(bio);
	EXPECT(!cattest_policy_parse("policy", policy_text, strlen(policy_text), &policy, NULL));
	test_verdicts();
	test_result();
	test_input();
	test_roots();
	cattest_policy_free(policy);
	EVP_PKEY_free(signer);
	return failures ? 1 : 0;
}
