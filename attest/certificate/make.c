/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making attested certificates: claims buffer over the key's hash, evidence bound to the buffer, and a self-signed certificate around
 * both, as CCC's interoperable RA-TLS has it. Evidence that has a CBOR tag there goes into the DICE extension, any other into a
 * CMW record of our own media type with the same content.
 */
#include "attest/certificate/certificate.h"
#include "lib/cbor/cbor.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <time.h>

#define MAX_CUSTOM_CLAIMS 64
#define MAX_CLAIM 4096
#define DEFAULT_LIFETIME (24 * 3600)
/* Clocks of peers differ (as rats-tls has it). */
#define EARLIER 3600

struct bytes {
	uint8_t *data;
	size_t size;
};

static void bytes_done(struct bytes *b)
{
	OPENSSL_free(b->data);
}
#define _bytes_ __attribute__((cleanup(bytes_done)))

static void key_done(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void cert_done(X509 **cert)
{
	X509_free(*cert);
}

/* What OpenSSL said last, as the reason. */
static int openssl_failed(struct cattest_error *err, const char *what)
{
	char text[120];

	ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
	return fail(err, -EINVAL, "certificate: %s: %s", what, text);
}

static int get_key(const char *pem, EVP_PKEY **ret_key, struct cattest_error *err)
{
	EVP_PKEY *key;
	int bits, id;
	BIO *bio;

	if (!pem) {
		key = EVP_EC_gen("P-256");
		if (!key)
			return openssl_failed(err, "a key cannot be made");
		*ret_key = key;
		return 0;
	}
	bio = BIO_new_mem_buf(pem, -1);
	key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	if (!key)
		return openssl_failed(
			err, "the private key cannot be read (PEM without a password is needed)");
	id = EVP_PKEY_get_base_id(key);
	bits = EVP_PKEY_get_bits(key);
	if (!(id == EVP_PKEY_EC && (bits == 256 || bits == 384)) &&
	    !(id == EVP_PKEY_RSA && bits >= 2048)) {
		EVP_PKEY_free(key);
		return fail(
			err, -ENOTSUP,
			"certificate: the key is neither P-256, P-384 nor RSA of 2048 bits or more");
	}
	*ret_key = key;
	return 0;
}

/* --- The claims buffer --- */
static uint64_t hash_id(const char *name)
{
	return !strcmp(name, "SHA256")	 ? 1
	       : !strcmp(name, "SHA384") ? 7
	       : !strcmp(name, "SHA512") ? 8
					 : 0;
}

static void write_claims(struct cbor_writer *w, const struct cattest_certificate_request *r,
			 const uint8_t *hash_entry, size_t hash_entry_size)
{
	cbor_put_map(w, 1 + (r->nonce ? 1 : 0) + r->claim_count);
	cbor_put_text(w, "pubkey-hash");
	cbor_put_bytes(w, hash_entry, hash_entry_size);
	if (r->nonce) {
		cbor_put_text(w, "nonce");
		cbor_put_bytes(w, r->nonce, r->nonce_size);
	}
	for (size_t i = 0; i < r->claim_count; i++) {
		cbor_put_text(w, r->claims[i].name);
		cbor_put_bytes(w, r->claims[i].value, r->claims[i].size);
	}
}

static int check_request(const struct cattest_certificate_request *r, struct cattest_error *err)
{
	if (!r->collect)
		return fail(err, -EINVAL, "certificate: nothing to collect evidence with");
	if (r->claim_count > MAX_CUSTOM_CLAIMS)
		return fail(err, -E2BIG, "certificate: more than %d custom claims",
			    MAX_CUSTOM_CLAIMS);
	for (size_t i = 0; i < r->claim_count; i++) {
		const char *name = r->claims[i].name;

		if (!name || !*name || strlen(name) > 64 || r->claims[i].size > MAX_CLAIM)
			return fail(
				err, -EINVAL,
				"certificate: a custom claim needs a name (to 64 bytes) and at most %d bytes",
				MAX_CLAIM);
		if (!strcmp(name, "pubkey-hash") || !strcmp(name, "nonce"))
			return fail(err, -EINVAL, "certificate: %s is not a custom claim's name",
				    name);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(name, r->claims[j].name))
				return fail(err, -EINVAL,
					    "certificate: custom claim %s is given twice", name);
	}
	if (r->nonce && (r->nonce_size < 8 || r->nonce_size > 64))
		return fail(err, -EINVAL, "certificate: a nonce has 8 to 64 bytes");
	if (r->digest && !hash_id(r->digest))
		return fail(err, -ENOTSUP, "certificate: digest %s is not SHA256, SHA384 or SHA512",
			    r->digest);
	return 0;
}

static int make_claims(const struct cattest_certificate_request *r, X509 *cert, struct bytes *ret,
		       struct cattest_error *err)
{
	const char *name = r->digest ? r->digest : "SHA256";
	uint8_t hash[64], entry[80];
	struct span spki;
	struct cbor_writer w;
	uint8_t *der = NULL;
	size_t hash_size, entry_size;
	int size, rc;

	size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	if (size <= 0)
		return openssl_failed(err, "its public key cannot be written");
	spki = SPAN(der, (size_t)size);
	rc = digest(name, &spki, 1, hash, &hash_size);
	OPENSSL_free(der);
	if (rc)
		return fail(err, rc, "certificate: out of memory");
	cbor_writer_init(&w, entry, sizeof(entry));
	cbor_put_array(&w, 2);
	cbor_put_uint(&w, hash_id(name));
	cbor_put_bytes(&w, hash, hash_size);
	entry_size = w.size;
	cbor_writer_init(&w, NULL, 0);
	write_claims(&w, r, entry, entry_size);
	ret->data = OPENSSL_malloc(w.size);
	if (!ret->data)
		return fail(err, -ENOMEM, "certificate: out of memory");
	ret->size = w.size;
	cbor_writer_init(&w, ret->data, ret->size);
	write_claims(&w, r, entry, entry_size);
	return 0;
}

/* --- The extensions --- */
static uint64_t evidence_tag(struct span evidence)
{
	const struct evidence_type *t = certificate_inner_type(evidence);

	if (!t)
		return 0;
	if (!strcmp(t->name, "sgx-quote") || !strcmp(t->name, "tdx-quote"))
		return CERTIFICATE_TAG_INTEL_QUOTE;
	return !strcmp(t->name, "snp-report") ? CERTIFICATE_TAG_SNP : 0;
}

static void write_pair(struct cbor_writer *w, uint64_t tag, struct span evidence,
		       const struct bytes *claims)
{
	if (tag)
		cbor_put_tag(w, tag);
	cbor_put_array(w, 2);
	cbor_put_bytes(w, evidence.data, evidence.size);
	cbor_put_bytes(w, claims->data, claims->size);
}

static int add_extension(X509 *cert, const char *oid, const uint8_t *data, size_t size)
{
	ASN1_OCTET_STRING *content = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	X509_EXTENSION *extension = NULL;
	int ok = 0;

	/* Never critical: TLS libraries refuse critical extensions that they do not know. */
	if (content && object && size <= INT32_MAX &&
	    ASN1_OCTET_STRING_set(content, data, (int)size))
		extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, content);
	if (extension)
		ok = X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
	ASN1_OBJECT_free(object);
	ASN1_OCTET_STRING_free(content);
	return ok ? 0 : -ENOMEM;
}

/* A CMW record around the pair, in the extension's OCTET STRING. */
static int add_cmw(X509 *cert, const struct bytes *pair)
{
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	_bytes_ struct bytes record = { 0 };
	struct cbor_writer w;
	uint8_t *der = NULL;
	int rc = -ENOMEM, size;

	for (int pass = 0; pass < 2; pass++) {
		cbor_writer_init(&w, record.data, record.size);
		cbor_put_array(&w, 3);
		cbor_put_text(&w, CERTIFICATE_CMW_MEDIA_TYPE);
		cbor_put_bytes(&w, pair->data, pair->size);
		cbor_put_uint(&w, 4); /* indicator: evidence (bit 2) */
		if (!pass) {
			record.size = w.size;
			record.data = OPENSSL_malloc(w.size);
			if (!record.data)
				goto out;
		}
	}
	if (!value || record.size > INT32_MAX ||
	    !ASN1_OCTET_STRING_set(value, record.data, (int)record.size))
		goto out;
	size = i2d_ASN1_OCTET_STRING(value, &der);
	if (size > 0)
		rc = add_extension(cert, CERTIFICATE_OID_CMW, der, (size_t)size);
out:
	OPENSSL_free(der);
	ASN1_OCTET_STRING_free(value);
	return rc;
}

static int add_evidence(X509 *cert, struct span evidence, const struct bytes *claims)
{
	uint64_t tag = evidence_tag(evidence);
	_bytes_ struct bytes pair = { 0 };
	struct cbor_writer w;

	cbor_writer_init(&w, NULL, 0);
	write_pair(&w, tag, evidence, claims);
	pair.size = w.size;
	pair.data = OPENSSL_malloc(w.size);
	if (!pair.data)
		return -ENOMEM;
	cbor_writer_init(&w, pair.data, pair.size);
	write_pair(&w, tag, evidence, claims);
	return tag ? add_extension(cert, CERTIFICATE_OID_DICE, pair.data, pair.size)
		   : add_cmw(cert, &pair);
}

static void write_endorsements(struct cbor_writer *w, const struct cattest_endorsements *e)
{
	cbor_put_tag(w, CERTIFICATE_TAG_INTEL_QUOTE);
	cbor_put_array(w, 8);
	cbor_put_uint(w, e->version);
	for (size_t i = 0; i < 7; i++)
		cbor_put_bytes(w, e->items[i].data, e->items[i].size);
}

static int add_endorsements(X509 *cert, const struct cattest_endorsements *e)
{
	_bytes_ struct bytes encoded = { 0 };
	struct cbor_writer w;

	cbor_writer_init(&w, NULL, 0);
	write_endorsements(&w, e);
	encoded.size = w.size;
	encoded.data = OPENSSL_malloc(w.size);
	if (!encoded.data)
		return -ENOMEM;
	cbor_writer_init(&w, encoded.data, encoded.size);
	write_endorsements(&w, e);
	return add_extension(cert, CERTIFICATE_OID_ENDORSEMENTS, encoded.data, encoded.size);
}

/* --- The certificate --- */
static bool fill_names(X509 *cert, const char *common_name)
{
	X509_NAME *name = X509_get_subject_name(cert);
	const uint8_t *text =
		(const uint8_t *)(common_name ? common_name : "Cloister attested TLS");

	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0) &&
	       X509_set_issuer_name(cert, name);
}

static bool fill_serial(X509 *cert)
{
	uint8_t bytes[16];
	BIGNUM *number;
	bool ok;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, of constant length */
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	return ok;
}

static bool fill_usual_extensions(X509 *cert)
{
	static const struct {
		int nid;
		const char *value;
	} usual[] = { { NID_basic_constraints, "critical,CA:FALSE" },
		      { NID_subject_key_identifier, "hash" } };

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		X509V3_CTX ctx;
		X509_EXTENSION *extension;
		int ok;

		X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
		extension = X509V3_EXT_conf_nid(NULL, &ctx, usual[i].nid, usual[i].value);
		ok = extension && X509_add_ext(cert, extension, -1);
		X509_EXTENSION_free(extension);
		if (!ok)
			return false;
	}
	return true;
}

static X509 *new_certificate(const struct cattest_certificate_request *r, EVP_PKEY *key)
{
	time_t from = r->not_before ? (time_t)r->not_before : time(NULL) - EARLIER;
	time_t until = from + (time_t)(r->lifetime ? r->lifetime : DEFAULT_LIFETIME) +
		       (r->not_before ? 0 : EARLIER);
	X509 *cert = X509_new();

	if (cert && X509_set_version(cert, X509_VERSION_3) && fill_serial(cert) &&
	    fill_names(cert, r->common_name) && ASN1_TIME_set(X509_getm_notBefore(cert), from) &&
	    ASN1_TIME_set(X509_getm_notAfter(cert), until) && X509_set_pubkey(cert, key) &&
	    fill_usual_extensions(cert))
		return cert;
	X509_free(cert);
	return NULL;
}

static int write_pem(X509 *cert, EVP_PKEY *key, char **ret_certificate, char **ret_key,
		     struct cattest_error *err)
{
	BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_secmem());
	char *text[2] = { NULL, NULL };
	int rc = -ENOMEM;

	if (!cert_bio || !key_bio || !PEM_write_bio_X509(cert_bio, cert) ||
	    !PEM_write_bio_PKCS8PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL))
		goto out;
	for (int i = 0; i < 2; i++) {
		char *data;
		long len = BIO_get_mem_data(i ? key_bio : cert_bio, &data);

		text[i] = strndup(data, (size_t)len);
		if (!text[i])
			goto out;
	}
	*ret_certificate = text[0];
	text[0] = NULL;
	if (ret_key) {
		*ret_key = text[1];
		text[1] = NULL;
	}
	rc = 0;
out:
	free(text[0]);
	if (text[1])
		OPENSSL_cleanse(text[1], strlen(text[1]));
	free(text[1]);
	BIO_free(cert_bio);
	BIO_free(key_bio);
	return rc ? fail(err, rc, "certificate: out of memory") : 0;
}

int cattest_make_certificate(const struct cattest_certificate_request *r,
			     char **ret_certificate_pem, char **ret_key_pem,
			     struct cattest_error *err)
{
	EVP_PKEY *key __attribute__((cleanup(key_done))) = NULL;
	X509 *cert __attribute__((cleanup(cert_done))) = NULL;
	uint8_t report_data[CATTEST_REPORT_DATA_SIZE] = { 0 }, *evidence = NULL;
	_bytes_ struct bytes claims = { 0 };
	struct span buffer;
	size_t evidence_size = 0;
	int rc;

	rc = check_request(r, err);
	if (rc)
		return rc;
	rc = get_key(r->key_pem, &key, err);
	if (rc)
		return rc;
	cert = new_certificate(r, key);
	if (!cert)
		return openssl_failed(err, "it cannot be made");
	rc = make_claims(r, cert, &claims, err);
	if (rc)
		return rc;
	buffer = SPAN(claims.data, claims.size);
	if (digest("SHA256", &buffer, 1, report_data, NULL))
		return fail(err, -ENOMEM, "certificate: out of memory");
	rc = r->collect(r->context, report_data, &evidence, &evidence_size, err);
	if (rc)
		return rc;
	rc = evidence_size ? add_evidence(cert, SPAN(evidence, evidence_size), &claims) : -ENODATA;
	free(evidence);
	if (!rc && r->endorsements)
		rc = add_endorsements(cert, r->endorsements);
	if (rc)
		return fail(err, rc,
			    rc == -ENODATA ? "certificate: the attester gave no evidence"
					   : "certificate: out of memory");
	if (!X509_sign(cert, key, EVP_PKEY_get_bits(key) == 384 ? EVP_sha384() : EVP_sha256()))
		return openssl_failed(err, "it cannot be signed");
	return write_pem(cert, key, ret_certificate_pem, ret_key_pem, err);
}
