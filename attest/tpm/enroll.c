/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment of attestation keys (TPM 2.0 Library, part 1, 9.5.3.3; TCG EK Credential Profile 2.5).
 * The endorsement key cannot sign, so it vouches for nothing itself: what shows that an
 * attestation key is in the same TPM is that a secret, encrypted to the EK together with the key's
 * name, comes back. The name is a hash of the key's public area with its attributes, which are
 * therefore worth checking before.
 */
#include "attest/core/result.h"
#include "attest/tpm/tpm.h"
#include "attest/x509/x509.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

static const char *endorsement_problem(const struct tpm_public *ek)
{
	const uint32_t needed = TPMA_FIXED_TPM | TPMA_FIXED_PARENT | TPMA_SENSITIVE_DATA_ORIGIN |
				TPMA_RESTRICTED | TPMA_DECRYPT;

	if ((ek->attributes & needed) != needed || ek->attributes & TPMA_SIGN)
		return "the endorsement key is no restricted storage key that stays in its TPM";
	if (ek->type == TPM_RSA && ek->key_bits < 2048)
		return "the endorsement key is shorter than 2048 bits";
	return NULL;
}

static const char *attestation_problem(const struct tpm_public *ak)
{
	const uint32_t needed = TPMA_FIXED_TPM | TPMA_FIXED_PARENT | TPMA_SENSITIVE_DATA_ORIGIN |
				TPMA_RESTRICTED | TPMA_SIGN;

	if ((ak->attributes & needed) != needed || ak->attributes & TPMA_DECRYPT)
		return "the attestation key is not one that stays in its TPM and signs only what the TPM made";
	if (ak->type == TPM_RSA && ak->key_bits < 2048)
		return "the attestation key is shorter than 2048 bits";
	return NULL;
}

/*
 * The key of a certificate; owned. Some manufacturers write RSAES-OAEP as its algorithm (PKCS #1, appendix A.2.1), which OpenSSL makes no key
 * of: what follows is an RSAPublicKey all the same.
 */
static EVP_PKEY *certified_key(X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	ASN1_OBJECT *algorithm;
	const unsigned char *der;
	int size;

	if (key) {
		EVP_PKEY_up_ref(key);
		return key;
	}
	ERR_clear_error();
	if (X509_PUBKEY_get0_param(&algorithm, &der, &size, NULL, X509_get_X509_PUBKEY(cert)) !=
		    1 ||
	    OBJ_obj2nid(algorithm) != NID_rsaesOaep)
		return NULL;
	key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &der, size);
	ERR_clear_error();
	return key;
}

/* The certificate's path, and that it is of this key. */
static int check_endorsement(struct cattest_verifier *v, int64_t now,
			     const struct x509_list *certificates, const struct tpm_public *ek,
			     struct cattest_error *err)
{
	static const struct cattest_expect nothing;
	struct cattest_error own;
	struct appraisal a = { .verifier = v,
			       .result = result_new(),
			       .err = err ? err : &own,
			       .expect = &nothing,
			       .now = now };
	struct path_request request = { .step = "tpm.ek",
					.root = CATTEST_ROOT_TPM,
					.crl = CRL_IF_THERE,
					.certificates = certificates };
	struct path_result path = { 0 };
	EVP_PKEY *key = tpm_public_key(ek),
		 *certified = certificates->count ? certified_key(certificates->items[0]) : NULL;
	const char *problem = NULL;
	int ret = 0;

	if (!a.result || !key) {
		ret = fail(err, !key ? -EBADMSG : -ENOMEM, "tpm: the endorsement key is malformed");
		goto out;
	}
	path_verify(&a, &request, &path);
	for (size_t i = 0; !path.ok && !ret && i < a.result->check_count; i++) {
		const struct cattest_check *c = &a.result->checks[i];

		if (c->outcome == CATTEST_FAIL || c->outcome == CATTEST_MISSING)
			ret = fail(err, -EKEYREJECTED,
				   "tpm: the endorsement key's certificate: %s: %s", c->step,
				   c->found);
	}
	if (!ret && (!path.ok || !path.signatures_ok || !path.dates_ok))
		ret = fail(
			err, -EKEYREJECTED,
			"tpm: the endorsement key's certificate leads to no root that was given");
	if (!ret)
		problem = tpm_ek_certificate_problem(certificates->items[0]);
	if (problem)
		ret = fail(err, -EKEYREJECTED, "tpm: the endorsement key's certificate is %s",
			   problem);
	if (!ret && (!certified || EVP_PKEY_eq(certified, key) != 1))
		ret = fail(err, -EKEYREJECTED,
			   "tpm: the certificate is of another endorsement key");
out:
	cattest_result_free(a.result);
	EVP_PKEY_free(certified);
	EVP_PKEY_free(key);
	return ret;
}

int tpm_challenge_make(struct cattest_verifier *v, int64_t now,
		       const struct x509_list *ek_certificates, struct span ek, struct span ak,
		       struct tpm_challenge *ret_challenge, struct cattest_error *err)
{
	struct tpm_public ek_area, ak_area;
	uint8_t name[TPM_NAME_MAX];
	struct tpm_challenge c = { .blob_size = 0 };
	const char *problem;
	size_t name_size;
	int ret = tpm_public_parse(ek, &ek_area, err);

	if (!ret)
		ret = tpm_public_parse(ak, &ak_area, err);
	if (ret)
		return ret;
	problem = endorsement_problem(&ek_area);
	if (!problem)
		problem = attestation_problem(&ak_area);
	if (problem)
		return fail(err, -EKEYREJECTED, "tpm: %s", problem);
	ret = check_endorsement(v, now, ek_certificates, &ek_area, err);
	if (!ret && (tpm_public_name(&ak_area, name, &name_size) ||
		     RAND_priv_bytes(c.secret, sizeof(c.secret)) != 1))
		ret = fail(err, -ENOMEM, "tpm: no name or no randomness");
	if (!ret)
		ret = tpm_make_credential(&ek_area, SPAN(name, name_size), SPAN_OF(c.secret),
					  c.blob, sizeof(c.blob), &c.blob_size, err);
	if (!ret)
		*ret_challenge = c;
	OPENSSL_cleanse(&c, sizeof(c));
	return ret;
}
