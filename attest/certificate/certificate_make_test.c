/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attested certificates that we make, with an attester of the test's own and simulated evidence: both extensions, all hashes and keys,
 * nonce and custom claims, endorsements; read by ourselves, and by OpenSSL's command and a decoder in Python that share no code with us.
 * Then what rats-tls got wrong: key and evidence that do not belong together must never pass.
 */
#include "attest/certificate/certificate.h"
#include "attest/collateral/collateral.h"
#include "lib/cbor/cbor.h"
#include "lib/jose/jose.h"
#include "tests/expect.h"

#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct cattest_attester *attester;
static struct cattest_verifier *verifier;

static int collect(void *context, const uint8_t report_data[64], uint8_t **ret, size_t *ret_size,
		   struct cattest_error *err)
{
	(void)context;
	return cattest_collect(attester, report_data, ret, ret_size, err);
}

/* The outer form of an SGX quote, which is enough for DICE's extension. */
static int collect_quote(void *context, const uint8_t report_data[64], uint8_t **ret,
			 size_t *ret_size, struct cattest_error *err)
{
	static const uint8_t vendor[] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
					  0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };
	size_t size = *(const size_t *)context;
	uint8_t *quote = calloc(1, size);

	(void)err;
	quote[0] = 3;
	quote[2] = 2;
	memcpy(quote + 12, vendor, sizeof(vendor));
	memcpy(quote + 48 + 320, report_data, 64);
	quote[432] = (uint8_t)(size - 436);
	quote[433] = (uint8_t)((size - 436) >> 8);
	*ret = quote;
	*ret_size = size;
	return 0;
}

static struct cattest_result *verify(const char *pem, const struct cattest_expect *expect,
				     struct cattest_error *err)
{
	struct cattest_result *r = NULL;

	return cattest_verify(verifier, pem, strlen(pem), expect, &r, err) ? NULL : r;
}

static enum cattest_outcome outcome(const struct cattest_result *r, const char *step)
{
	for (size_t i = 0; i < cattest_result_checks(r); i++)
		if (!strcmp(cattest_result_check(r, i)->step, step))
			return cattest_result_check(r, i)->outcome;
	return 0;
}

/* --- Other readers --- */
static const char decoder[] =
	"import sys, hashlib\n"
	"from cryptography import x509\n"
	"from cryptography.hazmat.primitives.serialization import Encoding as E, PublicFormat as F\n"
	"def item(b, at):\n"
	"    major, info = b[at] >> 5, b[at] & 31; at += 1\n"
	"    if info < 24: n = info\n"
	"    else:\n"
	"        k = 1 << (info - 24); n = int.from_bytes(b[at:at + k], 'big'); at += k\n"
	"    if major in (0, 1): return n, at\n"
	"    if major in (2, 3): return (b[at:at + n] if major == 2 else b[at:at + n].decode()), at + n\n"
	"    if major == 4:\n"
	"        out = []\n"
	"        for _ in range(n): v, at = item(b, at); out.append(v)\n"
	"        return out, at\n"
	"    if major == 5:\n"
	"        out = {}\n"
	"        for _ in range(n): k, at = item(b, at); out[k], at = item(b, at)\n"
	"        return out, at\n"
	"    v, at = item(b, at); return (n, v), at\n"
	"c = x509.load_pem_x509_certificate(open(sys.argv[1], 'rb').read())\n"
	"spki = c.public_key().public_bytes(E.DER, F.SubjectPublicKeyInfo)\n"
	"c.verify_directly_issued_by(c)\n"
	"ext = {e.oid.dotted_string: e for e in c.extensions}\n"
	"assert not any(e.critical for o, e in ext.items() if o.startswith('2.23') or o.startswith('1.3.6'))\n"
	"if '2.23.133.5.4.9' in ext:\n"
	"    b = ext['2.23.133.5.4.9'].value.value; (tag, pair), at = item(b, 0); assert at == len(b)\n"
	"    quote, claims = pair; report_data = quote[368:432]; print('dice', tag)\n"
	"else:\n"
	"    b = ext['1.3.6.1.5.5.7.1.35'].value.value\n"
	"    assert b[0] == 4\n"
	"    k = b[1] & 127 if b[1] & 128 else 0; b = b[2 + k:]\n"
	"    (media, value, ind), at = item(b, 0); assert at == len(b) and ind == 4, ind\n"
	"    (quote, claims), at = item(value, 0); report_data = None; print('cmw', media)\n"
	"m, at = item(claims, 0); assert at == len(claims)\n"
	"(alg, h), _ = item(m['pubkey-hash'], 0)\n"
	"assert h == hashlib.new({1: 'sha256', 7: 'sha384', 8: 'sha512'}[alg], spki).digest()\n"
	"want = hashlib.sha256(claims).digest() + bytes(32)\n"
	"assert (report_data == want) if report_data else (want in quote)\n"
	"print(alg, {k: v for k, v in m.items() if k != 'pubkey-hash'}, 'endorsed' if '2.23.133.5.4.2' in ext else '')\n";

static int run(char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
									       : -1;
}

static void others_read(const char *what, const char *pem)
{
	char *python[] = { (char *)(uintptr_t) "python3", (char *)(uintptr_t) "decoder.py",
			   (char *)(uintptr_t) "made.pem", NULL };
	char *probe[] = { (char *)(uintptr_t) "python3", (char *)(uintptr_t) "-c",
			  (char *)(uintptr_t) "import cryptography", NULL };
	char *openssl[] = { (char *)(uintptr_t) "openssl",	(char *)(uintptr_t) "verify",
			    (char *)(uintptr_t) "-x509_strict", (char *)(uintptr_t) "-check_ss_sig",
			    (char *)(uintptr_t) "-CAfile",	(char *)(uintptr_t) "made.pem",
			    (char *)(uintptr_t) "made.pem",	NULL };
	FILE *f = fopen("made.pem", "we");
	int rc;

	fputs(pem, f);
	fclose(f);
	f = fopen("decoder.py", "we");
	fputs(decoder, f);
	fclose(f);
	fflush(stdout);
	rc = run(openssl);
	EXPECT(!rc || rc == 127, "%s: openssl verify: %d", what, rc);
	if (!run(probe))
		EXPECT(!run(python), "%s: another decoder", what);
}

/* --- Making and reading --- */
static void test_made(const char *what, const struct cattest_certificate_request *request,
		      const char *format)
{
	struct cattest_error err = { "" };
	struct cattest_result *r;
	const struct cattest_claim *c;
	char *pem = NULL, *key = NULL;
	int rc = cattest_make_certificate(request, &pem, &key, &err);

	EXPECT(!rc, "%s: %d %s", what, rc, err.text);
	if (rc)
		return;
	EXPECT(strstr(key, "BEGIN PRIVATE KEY"), "%s", what);
	others_read(what, pem);
	if (!strcmp(format, "cmw")) {
		r = verify(pem, NULL, &err);
		EXPECT(r, "%s: %s", what, err.text);
		EXPECT(r && outcome(r, "certificate.signature") == CATTEST_PASS, "%s: signature",
		       what);
		EXPECT(r && outcome(r, "certificate.pubkey_hash") == CATTEST_PASS, "%s: key", what);
		EXPECT(r && outcome(r, "report_data") == CATTEST_PASS, "%s: report data", what);
		EXPECT(r && outcome(r, "certificate.dates") == CATTEST_PASS, "%s: dates", what);
		c = r ? cattest_result_find(r, "certificate.format") : NULL;
		EXPECT(c && !strcmp(c->string, format), "%s: format", what);
		c = r ? cattest_result_find(r, "nonce") : NULL;
		EXPECT(!c == !request->nonce, "%s: nonce", what);
		EXPECT(!request->nonce || (c && c->size == request->nonce_size &&
					   !memcmp(c->bytes, request->nonce, c->size)),
		       "%s: nonce", what);
		cattest_result_free(r);
	}
	free(pem);
	free(key);
	printf("ok %s\n", what);
}

static char *new_key(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text, *ret;
	long len;

	PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	len = BIO_get_mem_data(bio, &text);
	ret = strndup(text, (size_t)len);
	BIO_free(bio);
	EVP_PKEY_free(key);
	return ret;
}

static void test_making(void)
{
	const struct cattest_custom_claim claims[] = { { "one", "1", 1 },
						       { "two words", "", 0 },
						       { "hex-x", "\0\1", 2 } };
	const struct cattest_endorsements endorsements = { .version = 3,
							   .items = { { "{}", 2 }, { "x", 1 } } };
	struct cattest_certificate_request r = { .collect = collect };
	size_t quote_size = 436 + 700;
	char *keys[] = { new_key(EVP_EC_gen("P-384")), new_key(EVP_RSA_gen(2048)),
			 new_key(EVP_EC_gen("P-256")) };

	test_made("plain", &r, "cmw");
	r.nonce = "12345678";
	r.nonce_size = 8;
	r.claims = claims;
	r.claim_count = 3;
	test_made("nonce and claims", &r, "cmw");
	r.digest = "SHA384";
	r.key_pem = keys[0];
	r.common_name = "P-384";
	test_made("P-384, SHA-384", &r, "cmw");
	r.digest = "SHA512";
	r.key_pem = keys[1];
	test_made("RSA, SHA-512", &r, "cmw");
	r = (struct cattest_certificate_request){ .collect = collect_quote,
						  .context = &quote_size,
						  .key_pem = keys[2],
						  .endorsements = &endorsements };
	test_made("an Intel quote", &r, "dice-tee");
	for (size_t i = 0; i < 3; i++)
		free(keys[i]);
}

static void test_bad_requests(void)
{
	const struct cattest_custom_claim reserved = { "nonce", "x", 1 },
					  twice[] = { { "a", "x", 1 }, { "a", "y", 1 } };
	char *weak = new_key(EVP_RSA_gen(1024)), *pem = NULL;
	const struct cattest_certificate_request bad[] = {
		{ 0 },
		{ .collect = collect, .key_pem = "x" },
		{ .collect = collect, .key_pem = weak },
		{ .collect = collect, .digest = "SHA1" },
		{ .collect = collect, .nonce = "1", .nonce_size = 1 },
		{ .collect = collect, .claims = &reserved, .claim_count = 1 },
		{ .collect = collect, .claims = twice, .claim_count = 2 },
	};
	struct cattest_error err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.text[0] = 0;
		EXPECT(cattest_make_certificate(&bad[i], &pem, NULL, &err) < 0 && err.text[0] &&
			       !pem,
		       "request %zu", i);
	}
	free(weak);
	printf("ok bad requests\n");
}

/* --- What must not pass --- */
static char *pem_of(X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text, *ret;
	long len;

	PEM_write_bio_X509(bio, cert);
	len = BIO_get_mem_data(bio, &text);
	ret = strndup(text, (size_t)len);
	BIO_free(bio);
	return ret;
}

static X509 *parse(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return cert;
}

/* The certificate with another key, claims buffer or evidence, well signed. */
static void expect_failure(const char *what, X509 *cert, EVP_PKEY *key, const char *step)
{
	struct cattest_error err = { "" };
	struct cattest_result *r;
	char *pem;

	X509_sign(cert, key, EVP_sha256());
	pem = pem_of(cert);
	r = verify(pem, NULL, &err);
	if (step)
		EXPECT(r && outcome(r, step) == CATTEST_FAIL &&
			       cattest_result_verdict(r) == CATTEST_REFUSED,
		       "%s: %s", what, err.text);
	else
		EXPECT(!r && err.text[0], "%s is accepted", what);
	cattest_result_free(r);
	free(pem);
	printf("ok %s (%s)\n", what, step ? step : err.text);
}

static void replace_cmw(X509 *cert, const uint8_t *record, size_t size)
{
	ASN1_OCTET_STRING *inner = ASN1_OCTET_STRING_new(), *outer = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *oid = OBJ_txt2obj(CERTIFICATE_OID_CMW, 1);
	X509_EXTENSION *extension;
	uint8_t *der = NULL;
	int at = X509_get_ext_by_OBJ(cert, oid, -1), len;

	ASN1_OCTET_STRING_set(inner, record, (int)size);
	len = i2d_ASN1_OCTET_STRING(inner, &der);
	ASN1_OCTET_STRING_set(outer, der, len);
	X509_EXTENSION_free(X509_delete_ext(cert, at));
	extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, outer);
	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
	ASN1_OBJECT_free(oid);
	OPENSSL_free(der);
	ASN1_OCTET_STRING_free(inner);
	ASN1_OCTET_STRING_free(outer);
}

/* A record with the certificate's evidence and these claims. */
static void with_claims(X509 *cert, const uint8_t *claims, size_t claims_size)
{
	static uint8_t pair[8192], record[9000];
	struct certificate_evidence e;
	struct cbor_writer w;

	if (certificate_parse(cert, &e, NULL))
		return;
	cbor_writer_init(&w, pair, sizeof(pair));
	cbor_put_array(&w, 2);
	cbor_put_bytes(&w, e.evidence.data, e.evidence.size);
	cbor_put_bytes(&w, claims, claims_size);
	claims_size = w.size;
	cbor_writer_init(&w, record, sizeof(record));
	cbor_put_array(&w, 2);
	cbor_put_text(&w, CERTIFICATE_CMW_MEDIA_TYPE);
	cbor_put_bytes(&w, pair, claims_size);
	certificate_evidence_done(&e);
	replace_cmw(cert, record, w.size);
}

static void test_defects(void)
{
	struct cattest_certificate_request request = { .collect = collect };
	EVP_PKEY *key, *other = EVP_EC_gen("P-256");
	uint8_t claims[300];
	struct cattest_error err = { "" };
	struct certificate_evidence e;
	char *pem = NULL, *key_pem = NULL;
	X509 *genuine, *cert;
	BIO *bio;
	size_t size;

	EXPECT(!cattest_make_certificate(&request, &pem, &key_pem, &err), "%s", err.text);
	genuine = parse(pem);
	bio = BIO_new_mem_buf(key_pem, -1);
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);

	cert = X509_dup(genuine);
	X509_set_pubkey(cert, other);
	expect_failure("another key", cert, other, "certificate.pubkey_hash");
	X509_free(cert);

	/* The other key's hash in the claims: then they are not what the evidence is bound to. */
	EXPECT(!certificate_parse(genuine, &e, &err), "%s", err.text);
	size = e.claims.size;
	memcpy(claims, e.claims.data, size);
	certificate_evidence_done(&e);
	cert = X509_dup(genuine);
	X509_set_pubkey(cert, other);
	x509_spki_sha256(cert, claims + size - 32);
	with_claims(cert, claims, size);
	expect_failure("claims that the evidence does not cover", cert, other, "report_data");
	X509_free(cert);

	cert = X509_dup(genuine);
	X509_gmtime_adj(X509_getm_notAfter(cert), -60);
	expect_failure("an expired certificate", cert, key, "certificate.dates");
	X509_free(cert);

	cert = X509_dup(genuine);
	expect_failure("signed by another key", cert, other, "certificate.signature");
	X509_free(cert);

	cert = X509_dup(genuine);
	with_claims(cert, (const uint8_t *)"\xa0", 1);
	expect_failure("claims without the key", cert, key, NULL);
	X509_free(cert);

	/* {"pubkey-hash": ..., "pubkey-hash": ...}: readers could take different ones. */
	claims[0] = 0xa2;
	memcpy(claims + size, claims + 1, size - 1);
	cert = X509_dup(genuine);
	with_claims(cert, claims, 2 * size - 1);
	expect_failure("the key twice", cert, key, NULL);
	X509_free(cert);

	cert = X509_dup(genuine);
	replace_cmw(cert,
		    (const uint8_t *)"\x82\x61x\x43"
				     "abc",
		    7);
	expect_failure("a CMW without evidence", cert, key, NULL);
	X509_free(cert);

	cert = X509_dup(genuine);
	X509_add_ext(cert, X509_get_ext(cert, X509_get_ext_count(cert) - 1), -1);
	expect_failure("the extension twice", cert, key, NULL);
	X509_free(cert);

	X509_free(genuine);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	free(pem);
	free(key_pem);
}

static void delete_extension(X509 *cert, const char *oid_text)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(oid_text, 1);

	X509_EXTENSION_free(X509_delete_ext(cert, X509_get_ext_by_OBJ(cert, oid, -1)));
	ASN1_OBJECT_free(oid);
}

static void add_extension(X509 *cert, const char *oid_text, const void *value, size_t size)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(oid_text, 1);
	ASN1_OCTET_STRING *content = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension;

	ASN1_OCTET_STRING_set(content, value, (int)size);
	extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, content);
	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(content);
	ASN1_OBJECT_free(oid);
}

/* Evidence is found in the CMW, and is good. */
static void expect_cmw(const char *what, X509 *cert, EVP_PKEY *key)
{
	struct cattest_error err = { "" };
	struct cattest_result *r;
	const struct cattest_claim *c;
	char *pem;

	X509_sign(cert, key, EVP_sha256());
	pem = pem_of(cert);
	r = verify(pem, NULL, &err);
	c = r ? cattest_result_find(r, "certificate.format") : NULL;
	EXPECT(c && !strcmp(c->string, "cmw") &&
		       outcome(r, "certificate.pubkey_hash") == CATTEST_PASS,
	       "%s: %s", what, err.text);
	cattest_result_free(r);
	free(pem);
	printf("ok %s\n", what);
}

/* DICE's tags that are no evidence for us: refused alone; beside a CMW with evidence, those of kinds that are not known give way to it. */
static void test_tags(void)
{
	static const struct {
		uint64_t tag;
		bool gives_way;
	} tags[] = { { CERTIFICATE_TAG_INTEL_REPORT, true },
		     { CERTIFICATE_TAG_SGX_REPORT, true },
		     { CERTIFICATE_TAG_SEV, true },
		     { CERTIFICATE_TAG_CSV, true },
		     { CERTIFICATE_TAG_SNP, false },
		     { CERTIFICATE_TAG_INTEL_QUOTE, false },
		     { 55, true } };
	struct cattest_certificate_request request = { .collect = collect };
	struct cattest_error err = { "" };
	char *pem = NULL, *key_pem = NULL;
	EVP_PKEY *key;
	BIO *bio;

	EXPECT(!cattest_make_certificate(&request, &pem, &key_pem, &err), "%s", err.text);
	bio = BIO_new_mem_buf(key_pem, -1);
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		X509 *cert = parse(pem);
		struct cbor_writer w;
		uint8_t value[40];
		char what[40];

		cbor_writer_init(&w, value, sizeof(value));
		cbor_put_tag(&w, tags[i].tag);
		cbor_put_array(&w, 2);
		cbor_put_bytes(&w, "abc", 3);
		cbor_put_bytes(&w, "\xa0", 1);
		add_extension(cert, CERTIFICATE_OID_DICE, value, w.size);
		snprintf(what, sizeof(what), "tag %llu", (unsigned long long)tags[i].tag);
		if (tags[i].gives_way)
			expect_cmw(what, cert, key);
		else
			expect_failure(what, cert, key, NULL);
		delete_extension(cert, CERTIFICATE_OID_CMW);
		expect_failure(what, cert, key, NULL);
		X509_free(cert);
	}
	EVP_PKEY_free(key);
	free(pem);
	free(key_pem);
}

/* TCG's OID with a CMW: as it is in CBOR and in JSON, and in the DER that id-pe-cmw has. */
static void test_dice_cmw(void)
{
	struct cattest_certificate_request request = { .collect = collect };
	struct cattest_error err = { "" };
	char *pem = NULL, *key_pem = NULL, json[16384], *value64;
	struct cbor_item array, type, value;
	X509 *genuine, *cert;
	struct span der;
	struct cbor c;
	EVP_PKEY *key;
	BIO *bio;
	bool twice;

	EXPECT(!cattest_make_certificate(&request, &pem, &key_pem, &err), "%s", err.text);
	bio = BIO_new_mem_buf(key_pem, -1);
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	genuine = parse(pem);
	der = x509_extension(genuine, CERTIFICATE_OID_CMW, &twice);
	/* OCTET STRING with a length of two bytes */
	EXPECT(der.size > 260 && der.data[0] == 4 && der.data[1] == 0x82, "%zu", der.size);
	cbor_init(&c, der.data + 4, der.size - 4);
	EXPECT(cbor_expect(&c, CBOR_ARRAY, &array) && cbor_expect(&c, CBOR_TEXT, &type) &&
		       cbor_expect(&c, CBOR_BYTES, &value),
	       "the record");
	value64 = base64url_encode(value.data, value.size);
	snprintf(json, sizeof(json), "[\"%.*s\",\"%s\",4]", (int)type.size, (const char *)type.data,
		 value64);
	for (int form = 0; form < 3; form++) {
		static const char *const what[] = { "DICE, CMW in CBOR", "DICE, CMW in JSON",
						    "DICE, CMW in DER" };

		cert = X509_dup(genuine);
		delete_extension(cert, CERTIFICATE_OID_CMW);
		if (form == 1)
			add_extension(cert, CERTIFICATE_OID_DICE, json, strlen(json));
		else
			add_extension(cert, CERTIFICATE_OID_DICE, der.data + (form ? 0 : 4),
				      der.size - (form ? 0 : 4));
		expect_cmw(what[form], cert, key);
		X509_free(cert);
	}
	cert = X509_dup(genuine);
	delete_extension(cert, CERTIFICATE_OID_CMW);
	add_extension(cert, CERTIFICATE_OID_DICE, json, strlen(json) - 1);
	expect_failure("DICE, CMW cut short", cert, key, NULL);
	X509_free(cert);
	X509_free(genuine);
	EVP_PKEY_free(key);
	free(value64);
	free(pem);
	free(key_pem);
}

/* A CMW that is a file: verified as the evidence in it, if there is just one that needs no key. */
static void test_cmw_file(void)
{
	static const uint8_t bound[CATTEST_REPORT_DATA_SIZE] = { 7 };
	struct cattest_expect expect = { .report_data = bound, .report_data_size = sizeof(bound) };
	struct cattest_error err = { "" };
	uint8_t *evidence, record[9000];
	struct cattest_result *r;
	char json[16384], *value64;
	struct cbor_writer w;
	size_t size;

	EXPECT(!cattest_collect(attester, bound, &evidence, &size, &err), "%s", err.text);
	cbor_writer_init(&w, record, sizeof(record));
	cbor_put_array(&w, 2);
	cbor_put_text(&w, "application/octet-stream");
	cbor_put_bytes(&w, evidence, size);
	EXPECT(!cattest_verify(verifier, record, w.size, &expect, &r, &err), "%s", err.text);
	EXPECT(outcome(r, "report_data") == CATTEST_PASS, "CBOR");
	cattest_result_free(r);
	/* To look at it shows the wrapper. */
	EXPECT(!cattest_decode(record, w.size, NULL, &r, &err), "%s", err.text);
	EXPECT(!strcmp(cattest_result_find(r, "evidence.type")->string, "cmw"), "dump");
	cattest_result_free(r);
	value64 = base64url_encode(evidence, size);
	snprintf(
		json, sizeof(json),
		"{\"__cmwc_t\":\"tag:x,2026:y\",\"a\":[\"text/plain\",\"YQ\"],\"b\":[30001,\"%s\"]}",
		value64);
	EXPECT(!cattest_verify(verifier, json, strlen(json), &expect, &r, &err), "%s", err.text);
	EXPECT(outcome(r, "report_data") == CATTEST_PASS, "JSON collection");
	cattest_result_free(r);
	snprintf(json, sizeof(json), "{\"a\":[1,\"%s\"],\"b\":[2,\"%s\"]}", value64, value64);
	EXPECT(cattest_verify(verifier, json, strlen(json), &expect, &r, &err),
	       "two are ambiguous");
	free(value64);
	free(evidence);
	printf("ok CMW files\n");
}

/* A peer's endorsements are gone afterwards, whatever they were. */
static void test_guests(void)
{
	struct collateral *bag = verifier_collateral(verifier);
	struct cattest_certificate_request request = { .collect = collect };
	struct cattest_error err = { "" };
	struct cattest_endorsements endorsements = { .version = 3 };
	size_t before = 0, after = 0;
	char *pem = NULL, *chain = NULL;
	struct cattest_result *r;

	/* Any certificate may stand for a chain. */
	EXPECT(!cattest_make_certificate(&request, &chain, NULL, &err), "%s", err.text);
	for (size_t i = 0; i < 7; i++) {
		endorsements.items[i].data = chain;
		endorsements.items[i].size = strlen(chain) + 1;
	}
	request.endorsements = &endorsements;
	EXPECT(!cattest_make_certificate(&request, &pem, NULL, &err), "%s", err.text);
	while (collateral_certificate(bag, before))
		before++;
	r = verify(pem, NULL, &err);
	EXPECT(r, "%s", err.text);
	while (collateral_certificate(bag, after))
		after++;
	EXPECT(before == after, "%zu certificates in the bag, %zu before", after, before);
	cattest_result_free(r);
	free(pem);
	free(chain);
	printf("ok guests\n");
}

int main(void)
{
	char folder[] = "make_test.XXXXXX", settings[200], *key;
	struct cattest_error err = { "" };
	size_t size;
	FILE *f;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	snprintf(settings, sizeof(settings), "folder=sim,measurement=%064d", 1);
	if (cattest_attester_new("sim", settings, &attester, &err)) {
		printf("FAIL %s\n", err.text);
		return 1;
	}
	verifier = cattest_verifier_new();
	f = fopen("sim/sim-key.pub.pem", "re");
	key = calloc(1, 2000);
	size = fread(key, 1, 1999, f);
	fclose(f);
	EXPECT(!cattest_add_root(verifier, CATTEST_ROOT_SIM, key, size, &err), "%s", err.text);
	free(key);
	test_making();
	test_bad_requests();
	test_defects();
	test_tags();
	test_dice_cmw();
	test_cmw_file();
	test_guests();
	cattest_verifier_free(verifier);
	cattest_attester_free(attester);
	return failures ? 1 : 0;
}
