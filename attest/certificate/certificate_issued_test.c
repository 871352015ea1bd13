/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attested certificates that an authority signed (docs/decisions/21-issued-certificates.md): accepted for the evidence in them, alone or with
 * their chain, and only by a policy that says so; the authority's word is taken for nothing, and key and evidence must belong
 * together as ever. Evidence is simulated, the authorities are the test's.
 */
#include "attest/certificate/certificate.h"
#include "tests/expect.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct cattest_attester *attester;
static struct cattest_verifier *verifier;

#define MEASUREMENT "0000000000000000000000000000000000000000000000000000000000000001"
#define POLICY(allow, rule)                                                                     \
	"{\"version\": 1, \"name\": \"test\", \"types\": [\"ratls-certificate\", \"sim\"],"     \
	" \"allow\": [\"simulated\", \"custom-root\", \"no-freshness\"" allow "],"              \
	" \"require\": [{\"claim\": \"sim.measurement\", \"equals\": \"" MEASUREMENT "\"}" rule \
	"]}"
static const char usual[] = POLICY("", ""), lenient[] = POLICY(", \"issued-certificate\"", ""),
		  by_subject[] =
			  POLICY(", \"issued-certificate\"",
				 ", {\"claim\": \"certificate.subject\", \"equals\": \"CN=leaf\"}");

static int collect(void *context, const uint8_t report_data[64], uint8_t **ret, size_t *ret_size,
		   struct cattest_error *err)
{
	(void)context;
	return cattest_collect(attester, report_data, ret, ret_size, err);
}

struct authority {
	X509 *cert;
	EVP_PKEY *key;
};

static void name_set(X509_NAME *name, const char *text)
{
	while (X509_NAME_entry_count(name))
		X509_NAME_ENTRY_free(X509_NAME_delete_entry(name, 0));
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)text, -1, -1,
				   0);
}

static struct authority authority_new(const char *name, const struct authority *issuer)
{
	struct authority a = { X509_new(), EVP_EC_gen("P-384") };
	X509_EXTENSION *ca =
		X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");

	X509_set_version(a.cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(a.cert), 7);
	name_set(X509_get_subject_name(a.cert), name);
	X509_set_issuer_name(a.cert, X509_get_subject_name(issuer ? issuer->cert : a.cert));
	X509_gmtime_adj(X509_getm_notBefore(a.cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(a.cert), 3600);
	X509_set_pubkey(a.cert, a.key);
	X509_add_ext(a.cert, ca, -1);
	X509_EXTENSION_free(ca);
	X509_sign(a.cert, issuer ? issuer->key : a.key, EVP_sha384());
	return a;
}

static void authority_done(struct authority *a)
{
	X509_free(a->cert);
	EVP_PKEY_free(a->key);
}

/* An attested certificate, given another subject and issuer's signature. */
static X509 *issued(const struct authority *issuer)
{
	struct cattest_certificate_request request = { .collect = collect };
	struct cattest_error err = { "" };
	X509 *cert = NULL;
	char *pem = NULL;
	BIO *bio;

	EXPECT(!cattest_make_certificate(&request, &pem, NULL, &err), "%s", err.text);
	if (!pem)
		exit(1);
	bio = BIO_new_mem_buf(pem, -1);
	cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	free(pem);
	name_set(X509_get_subject_name(cert), "leaf");
	X509_set_issuer_name(cert, X509_get_subject_name(issuer->cert));
	X509_sign(cert, issuer->key, EVP_sha384());
	return cert;
}

/* The verdict on these certificates, one after the other in PEM, and one step's outcome. */
static void expect(const char *what, const char *policy_text, X509 *const *certs, size_t count,
		   enum cattest_verdict verdict, const char *step, enum cattest_outcome outcome)
{
	struct cattest_error err = { "" };
	struct cattest_policy *policy = NULL;
	struct cattest_result *r = NULL;
	enum cattest_outcome found = 0;
	BIO *bio = BIO_new(BIO_s_mem());
	char *text, *table = NULL;
	long size;

	EXPECT(!cattest_policy_parse("test", policy_text, strlen(policy_text), &policy, &err),
	       "%s: %s", what, err.text);
	cattest_set_policy(verifier, policy);
	for (size_t i = 0; i < count; i++)
		PEM_write_bio_X509(bio, certs[i]);
	size = BIO_get_mem_data(bio, &text);
	EXPECT(!cattest_verify(verifier, text, (size_t)size, NULL, &r, &err), "%s: %s", what,
	       err.text);
	for (size_t i = 0; r && i < cattest_result_checks(r); i++)
		if (!strcmp(cattest_result_check(r, i)->step, step))
			found = cattest_result_check(r, i)->outcome;
	EXPECT(r && cattest_result_verdict(r) == verdict && found == outcome,
	       "%s: verdict %d, %s %d", what, r ? (int)cattest_result_verdict(r) : -1, step,
	       (int)found);
	if (failures && r && !cattest_result_table(r, &table, NULL))
		puts(table);
	else
		printf("ok %s\n", what);
	free(table);
	cattest_result_free(r);
	cattest_set_policy(verifier, NULL);
	cattest_policy_free(policy);
	BIO_free(bio);
}

static void test_issued(void)
{
	struct authority root = authority_new("root", NULL), ca = authority_new("ca", &root),
			 other = authority_new("ca", &root);
	X509 *leaf = issued(&ca), *forged, *stranger;
	X509 *const chain[] = { leaf, ca.cert, root.cert };
	X509 *const mixed[] = { leaf, root.cert, ca.cert };
	X509 *const wrong[] = { leaf, other.cert, root.cert };

	expect("issued, no word for it", usual, chain, 1, CATTEST_REFUSED,
	       "policy.issued-certificate", CATTEST_FAIL);
	expect("issued", lenient, chain, 1, CATTEST_TRUSTED, "certificate.signature", CATTEST_NOTE);
	expect("issued, allowed", lenient, chain, 1, CATTEST_TRUSTED, "policy.issued-certificate",
	       CATTEST_NOTE);
	expect("with its issuer", lenient, chain, 2, CATTEST_TRUSTED, "certificate.chain",
	       CATTEST_PASS);
	expect("with its chain", lenient, chain, 3, CATTEST_TRUSTED, "certificate.chain",
	       CATTEST_PASS);
	expect("a chain in another order", lenient, mixed, 3, CATTEST_REFUSED, "certificate.chain",
	       CATTEST_FAIL);
	expect("a chain of another issuer with that name", lenient, wrong, 3, CATTEST_REFUSED,
	       "certificate.chain", CATTEST_FAIL);
	/* What only the issuer says is no claim: anybody can issue. */
	expect("its subject", by_subject, chain, 3, CATTEST_REFUSED, "policy.certificate.subject",
	       CATTEST_FAIL);

	/* An authority cannot give the evidence to another key. */
	forged = X509_dup(leaf);
	X509_set_pubkey(forged, other.key);
	X509_sign(forged, ca.key, EVP_sha384());
	expect("for another key", lenient, &forged, 1, CATTEST_REFUSED, "certificate.pubkey_hash",
	       CATTEST_FAIL);
	X509_free(forged);
	/* Nor by a certificate that says that it is self-signed. */
	forged = X509_dup(leaf);
	X509_set_issuer_name(forged, X509_get_subject_name(forged));
	X509_sign(forged, ca.key, EVP_sha384());
	expect("its own name, another's signature", lenient, &forged, 1, CATTEST_REFUSED,
	       "certificate.signature", CATTEST_FAIL);
	X509_free(forged);
	forged = X509_dup(leaf);
	X509_gmtime_adj(X509_getm_notAfter(forged), -60);
	X509_sign(forged, ca.key, EVP_sha384());
	expect("expired", lenient, &forged, 1, CATTEST_REFUSED, "certificate.dates", CATTEST_FAIL);
	X509_free(forged);
	/* Evidence in an issuer says nothing about the key that it signed. */
	stranger = X509_dup(ca.cert);
	{
		X509 *const below[] = { stranger, leaf };
		struct cattest_expect want = { .type = "ratls-certificate" };
		struct cattest_error err = { "" };
		struct cattest_result *r = NULL;
		BIO *bio = BIO_new(BIO_s_mem());
		char *text;
		long size;

		for (size_t i = 0; i < 2; i++)
			PEM_write_bio_X509(bio, below[i]);
		size = BIO_get_mem_data(bio, &text);
		EXPECT(cattest_verify(verifier, text, (size_t)size, &want, &r, &err) < 0,
		       "evidence of the second certificate is taken for the first's");
		cattest_result_free(r);
		BIO_free(bio);
	}
	X509_free(stranger);
	X509_free(leaf);
	authority_done(&root);
	authority_done(&ca);
	authority_done(&other);
}

int main(void)
{
	char folder[] = "issued_test.XXXXXX", key[2000];
	struct cattest_error err = { "" };
	size_t size;
	FILE *f;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	if (cattest_attester_new("sim", "folder=sim,measurement=" MEASUREMENT, &attester, &err)) {
		printf("FAIL %s\n", err.text);
		return 1;
	}
	verifier = cattest_verifier_new();
	f = fopen("sim/sim-key.pub.pem", "re");
	size = f ? fread(key, 1, sizeof(key), f) : 0;
	if (f)
		fclose(f);
	EXPECT(!cattest_add_root(verifier, CATTEST_ROOT_SIM, key, size, &err), "%s", err.text);
	test_issued();
	cattest_verifier_free(verifier);
	cattest_attester_free(attester);
	return failures ? 1 : 0;
}
