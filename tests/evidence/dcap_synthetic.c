// SPDX-License-Identifier: Apache-2.0
/*
 * Test only: makes Intel-shaped certificates, CRLs, TCB infos, QE identities and quotes. Included by tests, fuzzers and benchmarks; the
 * parts are written from the layouts, not with the parsers that they test.
 */
#include "tests/evidence/dcap_synthetic.h"
#include "tests/evidence/ec_keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MUST(x)                                                                        \
	do {                                                                           \
		if (!(x)) {                                                            \
			fprintf(stderr, "%s:%d: %s failed\n", __FILE__, __LINE__, #x); \
			abort();                                                       \
		}                                                                      \
	} while (0)

struct bytes {
	uint8_t data[65536];
	size_t size;
};

static void put(struct bytes *b, const void *data, size_t size)
{
	MUST(size <= sizeof(b->data) - b->size);
	if (size)
		memcpy(b->data + b->size, data, size);
	b->size += size;
}

static void put_le(struct bytes *b, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)(value >> (8 * i));

		put(b, &byte, 1);
	}
}

static void put_fill(struct bytes *b, int value, size_t size)
{
	MUST(size <= sizeof(b->data) - b->size);
	memset(b->data + b->size, value, size);
	b->size += size;
}

/* The same in every run, so that corpora of one are good in the next. */
static EVP_PKEY *make_key(uint8_t which)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *point = EC_POINT_new(group);
	uint8_t seed[] = { 'c', 'l', 'o', 'i', 's', 't', 'e', 'r', which }, hash[32], encoded[65],
		native[32];
	char name[] = "P-256";
	OSSL_PARAM params[4];
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;
	BIGNUM *number;

	SHA256(seed, sizeof(seed), hash);
	hash[0] &= 0x7f; /* below the order */
	number = BN_bin2bn(hash, sizeof(hash), NULL);
	MUST(point && number && EC_POINT_mul(group, point, number, NULL, NULL, NULL) == 1 &&
	     EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, encoded,
				sizeof(encoded), NULL) == sizeof(encoded) &&
	     BN_bn2nativepad(number, native, sizeof(native)) == sizeof(native));
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, encoded,
						      sizeof(encoded));
	params[2] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, sizeof(native));
	params[3] = OSSL_PARAM_construct_end();
	MUST(ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
	     EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) == 1);
	EVP_PKEY_CTX_free(ctx);
	BN_free(number);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	return key;
}

struct dcap_synthetic_keys *dcap_synthetic_keys(void)
{
	static struct dcap_synthetic_keys keys;

	if (!keys.root)
		keys = (struct dcap_synthetic_keys){ make_key(1), make_key(2), make_key(3),
						     make_key(4), make_key(5), make_key(6) };
	return &keys;
}

/* --- Certificates --- */

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	MUST(e && X509_add_ext(cert, e, -1) == 1);
	X509_EXTENSION_free(e);
}

static X509 *make_certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
			      bool is_ca, long serial, int64_t until,
			      const struct bytes *sgx_extension)
{
	X509 *cert = X509_new();
	X509_NAME *subject;

	MUST(cert && X509_set_version(cert, 2) == 1);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
	ASN1_TIME_set(X509_getm_notBefore(cert), 1577836800); /* 2020 */
	ASN1_TIME_set(X509_getm_notAfter(cert), until);
	subject = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
	X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, (const uint8_t *)"Intel Corporation",
				   -1, -1, 0);
	X509_NAME_add_entry_by_txt(subject, "C", MBSTRING_ASC, (const uint8_t *)"US", -1, -1, 0);
	X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : subject);
	X509_set_pubkey(cert, key);
	add_extension(cert, NID_basic_constraints,
		      is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	add_extension(cert, NID_key_usage,
		      is_ca ? "critical,keyCertSign,cRLSign"
			    : "critical,digitalSignature,nonRepudiation");
	if (sgx_extension) {
		ASN1_OBJECT *oid = OBJ_txt2obj("1.2.840.113741.1.13.1", 1);
		ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
		X509_EXTENSION *e;

		ASN1_OCTET_STRING_set(value, sgx_extension->data, (int)sgx_extension->size);
		e = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value);
		MUST(e && X509_add_ext(cert, e, -1) == 1);
		X509_EXTENSION_free(e);
		ASN1_OCTET_STRING_free(value);
		ASN1_OBJECT_free(oid);
	}
	MUST(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
	return cert;
}

static int make_crl(X509 *issuer, EVP_PKEY *key, long revoked_serial, long revoked_serial2,
		    int64_t until, uint8_t **ret_der)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *time = ASN1_TIME_set(NULL, 1577836800);
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	const long serials[] = { revoked_serial, revoked_serial2 };
	int size;

	MUST(crl && X509_CRL_set_version(crl, 1) &&
	     X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)));
	X509_CRL_set1_lastUpdate(crl, time);
	for (size_t i = 0; i < 2; i++) {
		X509_REVOKED *entry;

		if (!serials[i])
			continue;
		entry = X509_REVOKED_new();
		ASN1_INTEGER_set(number, serials[i]);
		X509_REVOKED_set_serialNumber(entry, number);
		X509_REVOKED_set_revocationDate(entry, time);
		X509_CRL_add0_revoked(crl, entry);
	}
	ASN1_TIME_set(time, until);
	X509_CRL_set1_nextUpdate(crl, time);
	ASN1_INTEGER_set(number, 1);
	MUST(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1);
	MUST(X509_CRL_sort(crl) && X509_CRL_sign(crl, key, EVP_sha256()) > 0);
	*ret_der = NULL;
	size = i2d_X509_CRL(crl, ret_der);
	MUST(size > 0);
	ASN1_INTEGER_free(number);
	ASN1_TIME_free(time);
	X509_CRL_free(crl);
	return size;
}

/* DER: element around content */
static void der(struct bytes *b, uint8_t tag, const void *content, size_t size)
{
	uint8_t head[4] = { tag };
	size_t n = 2;

	if (size < 0x80) {
		head[1] = (uint8_t)size;
	} else if (size < 0x100) {
		head[1] = 0x81;
		head[2] = (uint8_t)size;
		n = 3;
	} else {
		head[1] = 0x82;
		head[2] = (uint8_t)(size >> 8);
		head[3] = (uint8_t)size;
		n = 4;
	}
	put(b, head, n);
	put(b, content, size);
}

/* SEQUENCE { OID prefix.arcs, element } */
static void der_field(struct bytes *b, const uint8_t *arcs, size_t arc_count, uint8_t tag,
		      const void *content, size_t size)
{
	static const uint8_t prefix[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };
	struct bytes *pair = calloc(1, sizeof(*pair));
	uint8_t oid[16];

	MUST(pair);
	memcpy(oid, prefix, sizeof(prefix));
	memcpy(oid + sizeof(prefix), arcs, arc_count);
	der(pair, 6, oid, sizeof(prefix) + arc_count);
	der(pair, tag, content, size);
	der(b, 0x30, pair->data, pair->size);
	free(pair);
}

static void der_number_field(struct bytes *b, uint8_t arc1, uint8_t arc2, unsigned value)
{
	const uint8_t arcs[] = { arc1, arc2 },
		      number[3] = { 0, (uint8_t)(value >> 8), (uint8_t)value };
	size_t skip = value >= 0x8000 ? 0 : value >= 0x80 ? 1 : 2;

	der_field(b, arcs, 2, 2, number + skip, 3 - skip);
}

static void make_extension(const struct dcap_synthetic *s, struct bytes *ret)
{
	static const uint8_t ppid[16] = { 0x11, 0x22, 0x33 }, instance[16] = { 0x77 }, standard = 1,
			     yes = 0xff, no = 0;
	struct bytes *inner = calloc(1, sizeof(*inner)), *fields = calloc(1, sizeof(*fields));

	MUST(inner && fields);
	der_field(fields, (const uint8_t[]){ 1 }, 1, 4, ppid, sizeof(ppid));
	for (uint8_t i = 0; i < 16; i++)
		der_number_field(inner, 2, (uint8_t)(i + 1), s->components[i]);
	der_number_field(inner, 2, 17, s->pcesvn);
	der_field(inner, (const uint8_t[]){ 2, 18 }, 2, 4, s->components, 16);
	der_field(fields, (const uint8_t[]){ 2 }, 1, 0x30, inner->data, inner->size);
	der_field(fields, (const uint8_t[]){ 3 }, 1, 4, s->pceid, 2);
	if (!s->extension_malformed)
		der_field(fields, (const uint8_t[]){ 4 }, 1, 4, s->fmspc, 6);
	der_field(fields, (const uint8_t[]){ 5 }, 1, 10, &standard, 1);
	if (s->platform_ca) {
		der_field(fields, (const uint8_t[]){ 6 }, 1, 4, instance, sizeof(instance));
		inner->size = 0;
		der_field(inner, (const uint8_t[]){ 7, 1 }, 2, 1, &yes, 1);
		der_field(inner, (const uint8_t[]){ 7, 2 }, 2, 1, &no, 1);
		der_field(inner, (const uint8_t[]){ 7, 3 }, 2, 1, &yes, 1);
		der_field(fields, (const uint8_t[]){ 7 }, 1, 0x30, inner->data, inner->size);
	}
	ret->size = 0;
	der(ret, 0x30, fields->data, fields->size);
	free(inner);
	free(fields);
}

static char *pem_of(X509 *const *certs, size_t count)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *copy;
	long size;

	for (size_t i = 0; i < count; i++)
		MUST(PEM_write_bio_X509(bio, certs[i]) == 1);
	size = BIO_get_mem_data(bio, &data);
	copy = strndup(data, (size_t)size);
	MUST(copy);
	BIO_free(bio);
	return copy;
}

static void make_certificates(struct dcap_synthetic *s)
{
	struct dcap_synthetic_keys *k = dcap_synthetic_keys();
	struct bytes *extension = calloc(1, sizeof(*extension));
	X509 *middle = NULL;

	MUST(extension);
	make_extension(s, extension);
	s->root = make_certificate("Intel SGX Root CA", k->root, NULL, k->root, true, 1, 2524608000,
				   NULL);
	if (s->middle_ca)
		middle = make_certificate("Somebody between", k->other, s->root, k->root, true, 9,
					  s->certificates_until, NULL);
	s->ca = make_certificate(s->platform_ca ? "Intel SGX PCK Platform CA"
						: "Intel SGX PCK Processor CA",
				 k->ca, middle ? middle : s->root, middle ? k->other : k->root,
				 true, 2, s->certificates_until, NULL);
	s->pck = make_certificate(s->bad_pck_name ? "Somebody" : "Intel SGX PCK Certificate",
				  k->pck, s->ca, k->ca, false, 3, s->certificates_until, extension);
	s->tcb = make_certificate(s->bad_tcb_name ? "Somebody" : "Intel SGX TCB Signing", k->tcb,
				  s->tcb_by_ca ? s->ca : s->root, s->tcb_by_ca ? k->ca : k->root,
				  s->tcb_is_ca, 4, s->certificates_until, NULL);
	s->root_crl_size = make_crl(s->root, k->root, s->ca_revoked ? 2 : 0, s->tcb_revoked ? 4 : 0,
				    s->crls_until, &s->root_crl);
	s->pck_crl_size =
		make_crl(s->ca, k->ca, s->pck_revoked ? 3 : 0, 0, s->crls_until, &s->pck_crl);
	s->root_pem = pem_of(&s->root, 1);
	s->pck_pem = pem_of(&s->pck, 1);
	if (middle)
		s->chain_pem = pem_of((X509 *[]){ s->pck, s->ca, middle, s->root }, 4);
	else
		s->chain_pem =
			pem_of((X509 *[]){ s->pck, s->ca, s->root }, s->chain_without_root ? 2 : 3);
	if (s->tcb_by_ca)
		s->tcb_chain_pem = pem_of((X509 *[]){ s->tcb, s->ca, s->root }, 3);
	else
		s->tcb_chain_pem = pem_of((X509 *[]){ s->tcb, s->root }, 2);
	X509_free(middle);
	free(extension);
}

/* --- Signed JSON --- */

static json_t *date(int64_t seconds)
{
	char text[32];
	time_t t = (time_t)seconds;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static json_t *hex(const void *data, size_t size)
{
	char text[1024];

	for (size_t i = 0; i < size; i++)
		snprintf(text + 2 * i, 3, "%02x", ((const uint8_t *)data)[i]);
	text[2 * size] = 0;
	return json_string(text);
}

static json_t *components(const uint8_t svn[16])
{
	json_t *array = json_array();

	for (int i = 0; i < 16; i++)
		json_array_append_new(array, json_pack("{s:i}", "svn", svn[i]));
	return array;
}

static json_t *platform_level(const struct dcap_synthetic *s, bool tdx, int index)
{
	uint8_t sgx[16], td[16] = { 0 };
	json_t *tcb = json_object();

	memset(sgx, index ? 2 : 5, sizeof(sgx));
	td[0] = td[2] = index ? 2 : 5;
	if (s->tcb_version == 2) {
		for (int i = 0; i < 16; i++) {
			char name[32];

			snprintf(name, sizeof(name), "sgxtcbcomp%02dsvn", i + 1);
			json_object_set_new(tcb, name, json_integer(sgx[i]));
		}
	} else {
		json_object_set_new(tcb, "sgxtcbcomponents", components(sgx));
		if (tdx)
			json_object_set_new(tcb, "tdxtcbcomponents", components(td));
	}
	json_object_set_new(tcb, "pcesvn", json_integer(index ? 8 : 13));
	return json_pack("{s:o, s:o, s:s, s:[s]}", "tcb", tcb, "tcbDate",
			 date(index ? 1600000000 : 1700000000), "tcbStatus",
			 s->platform_status[index], "advisoryIDs",
			 index ? "INTEL-SA-00002" : "INTEL-SA-00001");
}

static json_t *svn_level(unsigned svn, const char *status, const char *advisory)
{
	return json_pack("{s:{s:i}, s:o, s:s, s:[s]}", "tcb", "isvsvn", svn, "tcbDate",
			 date(svn == 5 ? 1710000000 : 1610000000), "tcbStatus", status,
			 "advisoryIDs", advisory);
}

static json_t *make_tcb_info(const struct dcap_synthetic *s, bool tdx)
{
	static const uint8_t zero[48];
	json_t *o = json_object();

	if (s->tcb_version == 3)
		json_object_set_new(o, "id",
				    json_string(s->tcb_id ? s->tcb_id
						: tdx	  ? "TDX"
							  : "SGX"));
	json_object_set_new(o, "version", json_integer(s->tcb_version));
	json_object_set_new(o, "issueDate", date(s->tcb_issued));
	json_object_set_new(o, "nextUpdate", date(s->tcb_until));
	json_object_set_new(o, "fmspc", hex(s->fmspc, 6));
	json_object_set_new(o, "pceId", hex(s->pceid, 2));
	json_object_set_new(o, "tcbType", json_integer(0));
	json_object_set_new(o, "tcbEvaluationDataNumber", json_integer(s->evaluation_number));
	if (tdx) {
		json_object_set_new(o, "tdxModule",
				    json_pack("{s:o, s:o, s:s}", "mrsigner", hex(zero, 48),
					      "attributes", hex(zero, 8), "attributesMask",
					      "FFFFFFFFFFFFFFFF"));
		json_object_set_new(o, "tdxModuleIdentities",
				    json_pack("[{s:s, s:o, s:o, s:s, s:[o, o]}]", "id", "TDX_01",
					      "mrsigner", hex(zero, 48), "attributes", hex(zero, 8),
					      "attributesMask", "FFFFFFFFFFFFFFFF", "tcbLevels",
					      svn_level(5, s->module_status[0], "INTEL-SA-00003"),
					      svn_level(3, s->module_status[1], "INTEL-SA-00004")));
	}
	json_object_set_new(o, "tcbLevels",
			    json_pack("[o, o]", platform_level(s, tdx, 0),
				      platform_level(s, tdx, 1)));
	return o;
}

static const uint8_t qe_mrsigner[32] = { 0x8c, 0x4f, 0x57 };

static json_t *make_qe_identity(const struct dcap_synthetic *s, bool tdx)
{
	return json_pack("{s:s, s:i, s:o, s:o, s:i, s:s, s:s, s:s, s:s, s:o, s:i, s:[o, o]}", "id",
			 s->qe_id ? s->qe_id
			 : tdx	  ? "TD_QE"
				  : "QE",
			 "version", 2, "issueDate", date(s->qe_issued), "nextUpdate",
			 date(s->qe_until), "tcbEvaluationDataNumber", s->evaluation_number,
			 "miscselect", "00000000", "miscselectMask", "FFFFFFFF", "attributes",
			 "11000000000000000000000000000000", "attributesMask",
			 "FBFFFFFFFFFFFFFF0000000000000000", "mrsigner", hex(qe_mrsigner, 32),
			 "isvprodid", tdx ? 2 : 1, "tcbLevels",
			 svn_level(5, s->qe_status[0], "INTEL-SA-00005"),
			 svn_level(3, s->qe_status[1], "INTEL-SA-00006"));
}

/* {"member":BODY,"signature":"..."}, and the parts for QuoteCollateralV3 */
static char *sign_json(json_t *object, const char *member, json_t *collateral, const char *field)
{
	char *body = json_dumps(object, JSON_COMPACT), *text = NULL, name[64];
	uint8_t signature[64];
	json_t *signature_hex;

	MUST(body);
	ec_sign(dcap_synthetic_keys()->tcb, EVP_sha256(), body, strlen(body), signature);
	signature_hex = hex(signature, 64);
	MUST(asprintf(&text, "{\"%s\":%s,\"signature\":\"%s\"}", member, body,
		      json_string_value(signature_hex)) > 0);
	snprintf(name, sizeof(name), "%s_signature", field);
	json_object_set_new(collateral, field, json_string(body));
	json_object_set_new(collateral, name, signature_hex);
	json_decref(object);
	free(body);
	return text;
}

static json_t *long_hex(const uint8_t *data, int size)
{
	char *text = malloc((size_t)size * 2 + 1);
	json_t *string;

	MUST(text);
	for (int i = 0; i < size; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	string = json_string(text);
	free(text);
	return string;
}

static void make_collateral(struct dcap_synthetic *s, bool tdx)
{
	json_t *c = json_object(), *tcb_info = make_tcb_info(s, tdx),
	       *qe_identity = make_qe_identity(s, tdx);
	char *ca_chain = pem_of((X509 *[]){ s->ca, s->root }, 2);

	MUST(tcb_info && qe_identity);
	if (s->edit_tcb)
		s->edit_tcb(tcb_info);
	if (s->edit_qe)
		s->edit_qe(qe_identity);
	s->tcb_info = sign_json(tcb_info, "tcbInfo", c, "tcb_info");
	s->qe_identity = sign_json(qe_identity, "enclaveIdentity", c, "qe_identity");
	json_object_set_new(c, "pck_crl_issuer_chain", json_string(ca_chain));
	json_object_set_new(c, "root_ca_crl", long_hex(s->root_crl, s->root_crl_size));
	json_object_set_new(c, "pck_crl", long_hex(s->pck_crl, s->pck_crl_size));
	json_object_set_new(c, "tcb_info_issuer_chain", json_string(s->tcb_chain_pem));
	json_object_set_new(c, "qe_identity_issuer_chain", json_string(s->tcb_chain_pem));
	s->collateral = json_dumps(c, JSON_COMPACT);
	MUST(s->collateral);
	json_decref(c);
	free(ca_chain);
}

/* --- Quote --- */

static void put_report(struct bytes *b, const uint8_t attributes[16], const uint8_t mrenclave[32],
		       const uint8_t mrsigner[32], uint16_t prodid, uint16_t svn,
		       const uint8_t report_data[64])
{
	put_fill(b, 5, 16); /* CPUSVN */
	put_fill(b, 0, 4 + 12 + 16);
	put(b, attributes, 16);
	put(b, mrenclave, 32);
	put_fill(b, 0, 32);
	put(b, mrsigner, 32);
	put_fill(b, 0, 32 + 64);
	put_le(b, prodid, 2);
	put_le(b, svn, 2);
	put_fill(b, 0, 2 + 42 + 16);
	put(b, report_data, 64);
}

static void put_sgx_body(struct bytes *b, const struct dcap_synthetic *s,
			 const uint8_t report_data[64])
{
	uint8_t attributes[16] = { s->debug ? 7 : 5 }, mrenclave[32], mrsigner[32];

	attributes[8] = 7;
	memset(mrenclave, 0xe1, sizeof(mrenclave));
	memset(mrsigner, 0x51, sizeof(mrsigner));
	put_report(b, attributes, mrenclave, mrsigner, 7, 9, report_data);
}

static void put_td_body(struct bytes *b, const struct dcap_synthetic *s,
			const uint8_t report_data[64])
{
	put(b, s->tee_tcb_svn, 16);
	put_fill(b, 0xa0, 48); /* MRSEAM */
	put_fill(b, 0, 48 + 8);
	put_le(b, s->td_attributes | (s->debug ? 1 : 0), 8);
	put_le(b, 0x61ae7, 8);
	put_fill(b, 0xd0, 48); /* MRTD */
	put_fill(b, 0, 3 * 48);
	for (int i = 0; i < 4; i++)
		put_fill(b, 0xb0 + i, 48);
	put(b, report_data, 64);
	if (s->body_type < 3)
		return;
	put(b, s->tee_tcb_svn2, 16);
	put_fill(b, 0xc0, 48); /* MRSERVICETD */
	if (s->body_type < 4)
		return;
	put_fill(b, 3, 1);     /* VMID */
	put_fill(b, 0x1d, 32); /* TDID */
	put_fill(b, 0xde, 48); /* DEVINFO */
	put_fill(b, 0x01, 48 + 8 + 16 + 16 + 12 + 48 + 8);
}

static void put_certification(struct bytes *b, const struct dcap_synthetic *s)
{
	static const size_t ppid_size[] = { 0, 16, 256, 384 };
	static const uint8_t ppid[16] = { 0x11, 0x22, 0x33 };
	struct bytes *data = calloc(1, sizeof(*data));

	MUST(data);
	if (s->certification_type <= 3) {
		put(data, ppid, 16);
		put_fill(data, s->certification_type == 1 ? 0 : 0x99,
			 ppid_size[s->certification_type] - 16);
		put(data, s->components, 16);
		put_le(data, s->pcesvn, 2);
		put(data, s->pceid, 2);
	} else if (s->chain_as_der) {
		X509 *const certs[] = { s->pck, s->ca, s->root };

		for (size_t i = 0; i < (s->certification_type == 4 ? 1
					: s->chain_without_root	   ? 2
								   : 3);
		     i++) {
			uint8_t *out = NULL;
			int size = i2d_X509(certs[i], &out);

			put(data, out, (size_t)size);
			OPENSSL_free(out);
		}
	} else {
		const char *pem = s->certification_type == 4 ? s->pck_pem : s->chain_pem;

		put(data, pem, strlen(pem) + 1);
	}
	put_le(b, s->certification_type, 2);
	put_le(b, data->size, 4);
	put(b, data->data, data->size);
	free(data);
}

static void put_qe(struct bytes *b, const struct dcap_synthetic *s, bool tdx, const uint8_t xy[64])
{
	static const uint8_t attributes[16] = { 0x11, 0, 0, 0, 0, 0, 0, 0, 0xe7 };
	struct dcap_synthetic_keys *k = dcap_synthetic_keys();
	uint8_t auth[32], bound[96], report_data[64] = { 0 }, mrenclave[32] = { 0xee },
				     signature[64];
	size_t at = b->size;

	for (uint8_t i = 0; i < 32; i++)
		auth[i] = i;
	memcpy(bound, xy, 64);
	memcpy(bound + 64, auth, 32);
	SHA256(bound, sizeof(bound), report_data);
	put_report(b, attributes, mrenclave, qe_mrsigner, tdx ? 2 : 1, s->qe_isvsvn, report_data);
	if (s->edit_qe_report)
		s->edit_qe_report(b->data + at);
	ec_sign(s->other_pck_key ? k->other : k->pck, EVP_sha256(), b->data + at, 384, signature);
	put(b, signature, 64);
	put_le(b, 32, 2);
	put(b, auth, 32);
	put_certification(b, s);
}

static void make_quote(struct dcap_synthetic *s, bool tdx)
{
	static const uint8_t vendor[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
					    0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };
	static const size_t sizes[] = { 0, 384, 584, 648, 885 };
	struct dcap_synthetic_keys *k = dcap_synthetic_keys();
	struct bytes *b = calloc(1, sizeof(*b)), *sig = calloc(1, sizeof(*sig)),
		     *qe = calloc(1, sizeof(*qe));
	uint8_t signature[64], xy[64], report_data[64];

	MUST(b && sig && qe);
	for (uint8_t i = 0; i < 64; i++)
		report_data[i] = s->report_data ? s->report_data[i] : i;
	put_le(b, s->version, 2);
	put_le(b, 2, 2);
	put_le(b, tdx ? 0x81 : 0, 4);
	put_le(b, s->version == 3 ? 6 : 0, 2);
	put_le(b, s->version == 3 ? 13 : 0, 2);
	put(b, vendor, 16);
	put_fill(b, 0x42, 20);
	if (s->version == 5) {
		put_le(b, s->body_type, 2);
		put_le(b, sizes[s->body_type], 4);
	}
	if (tdx)
		put_td_body(b, s, report_data);
	else
		put_sgx_body(b, s, report_data);
	if (s->edit_body)
		s->edit_body(b->data, b->size);
	s->signed_size = b->size;
	ec_public(k->attestation, xy);
	ec_sign(k->attestation, EVP_sha256(), b->data, b->size, signature);
	put(sig, signature, 64);
	put(sig, xy, 64);
	put_qe(qe, s, tdx, xy);
	if (s->version > 3) {
		put_le(sig, 6, 2);
		put_le(sig, qe->size, 4);
	}
	put(sig, qe->data, qe->size);
	put_le(b, sig->size, 4);
	put(b, sig->data, sig->size);
	put_fill(b, 0, s->trailing);
	s->quote = malloc(b->size);
	MUST(s->quote);
	memcpy(s->quote, b->data, b->size);
	s->quote_size = b->size;
	free(b);
	free(sig);
	free(qe);
}

/* --- The whole --- */

void dcap_synthetic_init(struct dcap_synthetic *s)
{
	*s = (struct dcap_synthetic){
		.version = 3,
		.body_type = 1,
		.certification_type = 5,
		.td_attributes = 1ull << 28,
		.now = DCAP_SYNTHETIC_NOW,
		.pcesvn = 13,
		.fmspc = { 0x00, 0x90, 0x6e, 0xd5, 0x00, 0x01 },
		.certificates_until = 1900000000,
		.crls_until = DCAP_SYNTHETIC_NOW + 20 * 86400,
		.tee_tcb_svn = { 5, 1, 5 },
		.tee_tcb_svn2 = { 5, 1, 5 },
		.qe_isvsvn = 5,
		.platform_status = { "UpToDate", "OutOfDate" },
		.qe_status = { "UpToDate", "OutOfDate" },
		.module_status = { "UpToDate", "OutOfDate" },
		.tcb_issued = DCAP_SYNTHETIC_NOW - 10 * 86400,
		.tcb_until = DCAP_SYNTHETIC_NOW + 20 * 86400,
		.qe_issued = DCAP_SYNTHETIC_NOW - 10 * 86400,
		.qe_until = DCAP_SYNTHETIC_NOW + 20 * 86400,
		.evaluation_number = 17,
		.tcb_version = 3,
	};
	memset(s->components, 5, sizeof(s->components));
	s->components[5] = 0x80; /* an INTEGER of two bytes */
}

static void clear(struct dcap_synthetic *s)
{
	free(s->quote);
	free(s->collateral);
	free(s->tcb_info);
	free(s->qe_identity);
	free(s->pck_pem);
	free(s->chain_pem);
	free(s->tcb_chain_pem);
	free(s->root_pem);
	OPENSSL_free(s->root_crl);
	OPENSSL_free(s->pck_crl);
	X509_free(s->root);
	X509_free(s->ca);
	X509_free(s->pck);
	X509_free(s->tcb);
}

void dcap_synthetic_build(struct dcap_synthetic *s)
{
	bool tdx = s->body_type != 1;

	clear(s);
	make_certificates(s);
	make_collateral(s, tdx);
	make_quote(s, tdx);
}

void dcap_synthetic_done(struct dcap_synthetic *s)
{
	clear(s);
	*s = (struct dcap_synthetic){ 0 };
}

struct cattest_verifier *dcap_synthetic_verifier(const struct dcap_synthetic *s)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_error err = { "" };

	MUST(v);
	cattest_set_time(v, s->now);
	if (cattest_add_root(v, CATTEST_ROOT_INTEL, s->root_pem, strlen(s->root_pem), &err) ||
	    cattest_add_collateral(v, "synthetic", s->collateral, strlen(s->collateral), &err)) {
		fprintf(stderr, "synthetic collateral: %s\n", err.text);
		abort();
	}
	return v;
}
