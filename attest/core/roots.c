/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom verification may end at. Built-in roots are pinned by the SHA-256 of their DER SubjectPublicKeyInfo: certificates of one key
 * have been issued more than once (Intel's before 2020). The caller's own roots come as certificates or plain keys.
 */
#include "attest/core/verifier.h"
#include "attest/tpm/enrolment.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

static const struct {
	enum cattest_root kind;
	const char *name;
	uint8_t spki_sha256[32];
} built_in[] = {
	/* https://certificates.trustedservices.intel.com/IntelSGXRootCA.der */
	{ CATTEST_ROOT_INTEL,
	  "Intel SGX Root CA",
	  { 0xa0, 0xaf, 0x03, 0x12, 0x89, 0xf5, 0xd5, 0xd4, 0x13, 0x2f, 0x91,
	    0x86, 0x06, 0x8a, 0x7f, 0xc1, 0x36, 0x28, 0x63, 0x3b, 0xa2, 0x35,
	    0x77, 0x74, 0x72, 0xe2, 0x9b, 0x6b, 0x6c, 0x67, 0xa4, 0x9e } },
	/* https://kdsintf.amd.com/vcek/v1/PRODUCT/cert_chain, the last certificate */
	{ CATTEST_ROOT_AMD, "ARK-Milan", { 0x9f, 0x05, 0x6b, 0xee, 0x44, 0x37, 0x7e, 0x29,
					   0x30, 0x8c, 0xb5, 0xff, 0xa8, 0x95, 0xbd, 0xfb,
					   0x62, 0xd1, 0x88, 0x81, 0xfa, 0x6b, 0xed, 0x8d,
					   0x6f, 0x07, 0x5b, 0x02, 0x04, 0x08, 0x9c, 0xb9 } },
	{ CATTEST_ROOT_AMD, "ARK-Genoa", { 0x42, 0x9a, 0x69, 0xc9, 0x42, 0x2a, 0xa2, 0x58,
					   0xee, 0x4d, 0x8d, 0xb5, 0xfc, 0xda, 0x9c, 0x64,
					   0x70, 0xef, 0x15, 0xf8, 0xcd, 0x5a, 0x9c, 0xeb,
					   0xd6, 0xcb, 0xc7, 0xd9, 0x0b, 0x86, 0x38, 0x31 } },
	{ CATTEST_ROOT_AMD, "ARK-Turin", { 0x4f, 0x12, 0x54, 0x10, 0x56, 0x3a, 0x2a, 0xb9,
					   0xa5, 0x03, 0x56, 0xf9, 0x24, 0x3f, 0x6f, 0xe0,
					   0xb6, 0xf7, 0x3d, 0xe9, 0x86, 0x03, 0xf5, 0x3f,
					   0x90, 0x33, 0x9c, 0x70, 0xe9, 0xd7, 0xad, 0x08 } },
	/* https://aws-nitro-enclaves.amazonaws.com/AWS_NitroEnclaves_Root-G1.zip */
	{ CATTEST_ROOT_AWS,
	  "aws.nitro-enclaves",
	  { 0xf2, 0xca, 0xf5, 0xec, 0xc6, 0x19, 0x0b, 0x4a, 0x83, 0x99, 0xb7,
	    0x8b, 0xc5, 0x8a, 0x2b, 0xbc, 0xd0, 0x38, 0x23, 0x75, 0xdb, 0x8a,
	    0x1b, 0xfd, 0x78, 0xa8, 0x27, 0x43, 0x87, 0x4f, 0xd2, 0x25 } },
};

int verifier_root(const struct cattest_verifier *v, enum cattest_root kind, struct span spki)
{
	uint8_t hash[32];

	if (!spki.size || digest("SHA256", &spki, 1, hash, NULL))
		return 0;
	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
		if (built_in[i].kind == kind &&
		    bytes_equal(built_in[i].spki_sha256, hash, sizeof(hash))) {
			*v->roots_met |= 1;
			return 1;
		}
	for (size_t i = 0; i < v->root_count; i++)
		if (v->roots[i].kind == kind &&
		    bytes_equal(v->roots[i].spki_sha256, hash, sizeof(hash))) {
			*v->roots_met |= 2;
			return 2;
		}
	return 0;
}

bool verifier_ak_enrolled(const struct cattest_verifier *v, struct span spki)
{
	uint8_t hash[32];

	if (!spki.size || digest("SHA256", &spki, 1, hash, NULL))
		return false;
	for (size_t i = 0; i < v->root_count; i++)
		if (v->roots[i].kind == CATTEST_ROOT_AK && v->roots[i].enrolled &&
		    bytes_equal(v->roots[i].spki_sha256, hash, sizeof(hash)))
			return true;
	return false;
}

static const struct added_root *added_root(const struct cattest_verifier *v, enum cattest_root kind,
					   size_t index, bool certificate)
{
	for (size_t i = 0; i < v->root_count; i++)
		if (v->roots[i].kind == kind && (!certificate || v->roots[i].certificate) &&
		    !index--)
			return &v->roots[i];
	return NULL;
}

X509 *verifier_root_certificate(const struct cattest_verifier *v, enum cattest_root kind,
				size_t index)
{
	const struct added_root *r = added_root(v, kind, index, true);

	return r ? r->certificate : NULL;
}

EVP_PKEY *verifier_root_key(const struct cattest_verifier *v, enum cattest_root kind, size_t index)
{
	const struct added_root *r = added_root(v, kind, index, false);

	return r ? r->key : NULL;
}

static X509 *read_certificate(struct span in)
{
	BIO *bio = BIO_new_mem_buf(in.data, (int)in.size);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	const uint8_t *p = in.data;

	BIO_free(bio);
	if (!cert) {
		cert = d2i_X509(NULL, &p, (long)in.size);
		if (cert && p != in.data + in.size) {
			X509_free(cert);
			cert = NULL;
		}
	}
	return cert;
}

static EVP_PKEY *read_public_key(struct span in)
{
	BIO *bio = BIO_new_mem_buf(in.data, (int)in.size);
	EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	const uint8_t *p = in.data;

	BIO_free(bio);
	if (!key) {
		key = d2i_PUBKEY(NULL, &p, (long)in.size);
		if (key && p != in.data + in.size) {
			EVP_PKEY_free(key);
			key = NULL;
		}
	}
	return key;
}

/*
 * A TPM2B_PUBLIC (TPM 2.0 part 2, 12.2.5) of a restricted signing key: another kind would sign what only looks like a quote.
 */
static EVP_PKEY *read_tpm_public(struct span in)
{
	struct tpm_public p;

	if (tpm_public_parse(in, &p, NULL) ||
	    (p.attributes & (TPMA_SIGN | TPMA_RESTRICTED | TPMA_DECRYPT)) !=
		    (TPMA_SIGN | TPMA_RESTRICTED) ||
	    p.symmetric != TPM_NULL || (p.type == TPM_RSA && p.key_bits < 2048))
		return NULL;
	return tpm_public_key(&p);
}

static int read_root(struct added_root *r, struct span in, struct cattest_error *err)
{
	uint8_t *spki = NULL;
	int size;

	r->enrolled = r->kind == CATTEST_ROOT_AK && tpm_enrolment_like(in);
	if (r->enrolled) {
		size = tpm_enrolment_key(in, &r->key, err);
		if (size)
			return size;
	} else if ((r->certificate = read_certificate(in))) {
		r->key = X509_get_pubkey(r->certificate);
	} else if (r->kind == CATTEST_ROOT_AK || r->kind == CATTEST_ROOT_SIM) {
		r->key = read_public_key(in);
		if (!r->key && r->kind == CATTEST_ROOT_AK)
			r->key = read_tpm_public(in);
	}
	if (!r->key)
		return fail(
			err, -EBADMSG, "root: no %s in PEM or DER",
			r->kind == CATTEST_ROOT_AK
				? "public key, certificate, TPM2B_PUBLIC of a restricted signing key or enrolment record"
			: r->kind == CATTEST_ROOT_SIM
				? "public key"
				: "X.509 certificate with a known kind of key");
	size = i2d_PUBKEY(r->key, &spki);
	if (size <= 0)
		return fail(err, -ENOMEM, "out of memory");
	size = digest("SHA256", &SPAN(spki, (size_t)size), 1, r->spki_sha256, NULL);
	OPENSSL_free(spki);
	return size ? fail(err, size, "out of memory") : 0;
}

static void root_done(struct added_root *r)
{
	X509_free(r->certificate);
	EVP_PKEY_free(r->key);
}

void roots_done(struct cattest_verifier *v)
{
	for (size_t i = 0; i < v->root_count; i++)
		root_done(&v->roots[i]);
	free(v->roots);
}

int cattest_add_root(struct cattest_verifier *v, enum cattest_root kind, const void *data,
		     size_t size, struct cattest_error *err)
{
	struct added_root r = { .kind = kind }, *grown;
	int ret;

	if (kind < CATTEST_ROOT_INTEL || kind > CATTEST_ROOT_SIM)
		return fail(err, -ENOTSUP, "root: kind %d is not known", (int)kind);
	if (!data || !size || size > (1u << 20))
		return fail(err, data && size ? -E2BIG : -EBADMSG,
			    "root: %zu bytes are no certificate or key", size);
	if (v->root_count == VERIFIER_MAX_ROOTS)
		return fail(err, -E2BIG, "root: more than %d", VERIFIER_MAX_ROOTS);
	ERR_set_mark();
	ret = read_root(&r, SPAN(data, size), err);
	ERR_pop_to_mark();
	grown = ret ? NULL : realloc(v->roots, (v->root_count + 1) * sizeof(*grown));
	if (!grown) {
		root_done(&r);
		return ret ? ret : fail(err, -ENOMEM, "out of memory");
	}
	v->roots = grown;
	v->roots[v->root_count++] = r;
	return 0;
}
