/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's side of enrolling its attestation key (the relying party's is attest/tpm/enrolment.c): says which keys its TPM has, and
 * opens the challenge that was made for them. The endorsement key is made from its template each time: the same key comes of it
 * until the TPM's owner changes the endorsement seed, and it is the one that the manufacturer certified.
 *
 * Settings: tcti, ak, hierarchy, key as of the attester "tpm", so that it is the same attestation key; ek=rsa|ecc (default: the first
 * with a certificate in the TPM), ek_certificate=FILE (PEM or DER, where the TPM holds none).
 */
#include "attest/collect/collect.h"
#include "attest/collect/tss.h"
#include "attest/tpm/enrolment.h"
#include "attest/x509/x509.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <stdlib.h>

/* TCG EK Credential Profile 2.5, 2.2.1.4: where certificates are in NV memory */
#define NV_CERTIFICATE_RSA2048 0x01c00002u
#define NV_CERTIFICATE_P256 0x01c0000au
/* One answer to NV_Read: every TPM gives so much (TPM_PT_NV_BUFFER_MAX is 512 at least). */
#define NV_CHUNK 512
#define CERTIFICATE_MAX (16u << 10)

static const char *const enrol_keys[] = { "tcti",	    "ak", "hierarchy", "key", "ek",
					  "ek_certificate", NULL };

struct machine {
	struct settings settings;
	struct tpm_access *access;
	ESYS_TR ek;
	TPM2B_PUBLIC *ek_public;
};

static void machine_close(struct machine *m)
{
	if (m->ek != ESYS_TR_NONE)
		tss.Esys_FlushContext(m->access->esys, m->ek);
	if (m->ek_public)
		tss.Esys_Free(m->ek_public);
	tpm_access_close(m->access);
	settings_done(&m->settings);
}

static int machine_open(const char *settings, struct machine *m, struct cattest_error *err)
{
	struct tpm_access_options options;
	const char *ek;
	int ret;

	*m = (struct machine){ .ek = ESYS_TR_NONE };
	ret = settings_parse("tpm", settings, enrol_keys, &m->settings, err);
	if (ret)
		return ret;
	ek = settings_find(&m->settings, "ek");
	if (ek && strcmp(ek, "rsa") && strcmp(ek, "ecc"))
		ret = fail(err, -EINVAL, "setting ek: \"%.40s\" is not rsa or ecc", ek);
	if (!ret)
		ret = tpm_settings_options(&m->settings, &options, err);
	if (!ret)
		ret = tpm_access_open(&options, &m->access, err);
	if (ret)
		machine_close(m);
	return ret;
}

/* Templates L-1 (RSA 2048) and L-2 (P-256) of the profile, B.3.3 and B.3.4: all but the kind of key is the same. */
static TPM2B_PUBLIC ek_template(bool rsa)
{
	/* PolicySecret(TPM_RH_ENDORSEMENT) with SHA-256: the profile's PolicyA */
	static const uint8_t policy[32] = { 0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8,
					    0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
					    0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64,
					    0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa };
	TPM2B_PUBLIC t = { 0 };
	TPMT_PUBLIC *p = &t.publicArea;
	TPMT_SYM_DEF_OBJECT aes = { .algorithm = TPM2_ALG_AES,
				    .keyBits.aes = 128,
				    .mode.aes = TPM2_ALG_CFB };

	p->type = rsa ? TPM2_ALG_RSA : TPM2_ALG_ECC;
	p->nameAlg = TPM2_ALG_SHA256;
	p->objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
			      TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_ADMINWITHPOLICY |
			      TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
	p->authPolicy.size = sizeof(policy);
	memcpy(p->authPolicy.buffer, policy, sizeof(policy));
	if (rsa) {
		p->parameters.rsaDetail.symmetric = aes;
		p->parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
		p->parameters.rsaDetail.keyBits = 2048;
		p->unique.rsa.size = 256;
	} else {
		p->parameters.eccDetail.symmetric = aes;
		p->parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
		p->parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
		p->parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
		p->unique.ecc.x.size = 32;
		p->unique.ecc.y.size = 32;
	}
	return t;
}

static int make_ek(struct machine *m, bool rsa, struct cattest_error *err)
{
	const TPM2B_SENSITIVE_CREATE sensitive = { 0 };
	const TPM2B_PUBLIC template = ek_template(rsa);
	const TPM2B_DATA outside = { 0 };
	const TPML_PCR_SELECTION no_pcrs = { 0 };
	TPM2B_CREATION_DATA *creation = NULL;
	TPMT_TK_CREATION *ticket = NULL;
	TPM2B_DIGEST *hash = NULL;
	TSS2_RC rc = tss.Esys_CreatePrimary(m->access->esys, ESYS_TR_RH_ENDORSEMENT,
					    ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
					    &sensitive, &template, &outside, &no_pcrs, &m->ek,
					    &m->ek_public, &creation, &hash, &ticket);

	if (rc)
		return tss_error(
			err,
			"make its endorsement key (does the endorsement hierarchy have a password?)",
			rc);
	tss.Esys_Free(creation);
	tss.Esys_Free(hash);
	tss.Esys_Free(ticket);
	return 0;
}

/* --- Certificate --- */

/* With the index' own, empty, authorization, or the owner's. */
static TSS2_RC nv_read(struct tpm_access *a, ESYS_TR index, size_t size, uint8_t *ret_data)
{
	const ESYS_TR auths[] = { index, ESYS_TR_RH_OWNER };
	TSS2_RC rc = 0;

	for (size_t at = 0; at < size;) {
		UINT16 part = (UINT16)(size - at < NV_CHUNK ? size - at : NV_CHUNK);
		TPM2B_MAX_NV_BUFFER *data = NULL;

		for (size_t i = 0; i < 2; i++) {
			rc = tss.Esys_NV_Read(a->esys, auths[i], index, ESYS_TR_PASSWORD,
					      ESYS_TR_NONE, ESYS_TR_NONE, part, (UINT16)at, &data);
			if (!rc)
				break;
		}
		if (rc)
			return rc;
		if (data->size != part) {
			tss.Esys_Free(data);
			return TSS2_ESYS_RC_MALFORMED_RESPONSE;
		}
		memcpy(ret_data + at, data->buffer, part);
		tss.Esys_Free(data);
		at += part;
	}
	return 0;
}

/* -ENOENT: there is none. */
static int certificate_from_nv(struct tpm_access *a, uint32_t handle, uint8_t **ret_data,
			       size_t *ret_size, struct cattest_error *err)
{
	TPM2B_NV_PUBLIC *info = NULL;
	ESYS_TR index = ESYS_TR_NONE;
	uint8_t *data = NULL;
	size_t size = 0;
	TSS2_RC rc = tss.Esys_TR_FromTPMPublic(a->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE,
					       ESYS_TR_NONE, &index);

	if (rc)
		return -ENOENT;
	rc = tss.Esys_NV_ReadPublic(a->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &info,
				    NULL);
	if (!rc) {
		size = info->nvPublic.dataSize;
		data = malloc(size + 1);
		rc = data ? nv_read(a, index, size, data) : TSS2_ESYS_RC_MEMORY;
		tss.Esys_Free(info);
	}
	tss.Esys_TR_Close(a->esys, &index);
	if (rc) {
		free(data);
		return tss_error(err, "read the endorsement key's certificate", rc);
	}
	*ret_data = data;
	*ret_size = size;
	return 0;
}

static bool is_rsa(const X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);

	/* Manufacturers also write the key's algorithm as RSAES-OAEP, which OpenSSL makes no key of. */
	return !key || EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
}

/* Certificates as PEM, malloc()ed; bytes behind one certificate are the NV index' padding. */
static int as_pem(struct span data, bool *ret_rsa, char **ret_pem, struct cattest_error *err)
{
	struct x509_list list = { .count = 0 };
	const unsigned char *p = data.data;
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = bio != NULL;
	char *text;
	long size;

	if (x509_list_from(data, &list)) {
		list.items[0] = d2i_X509(NULL, &p, (long)data.size);
		list.count = list.items[0] != NULL;
	}
	ok = ok && list.count;
	for (size_t i = 0; ok && i < list.count; i++)
		ok = PEM_write_bio_X509(bio, list.items[i]) == 1;
	if (ok)
		*ret_rsa = is_rsa(list.items[0]);
	x509_list_done(&list);
	size = bio ? BIO_get_mem_data(bio, &text) : 0;
	*ret_pem = ok && size > 0 ? strndup(text, (size_t)size) : NULL;
	BIO_free(bio);
	return *ret_pem ? 0
			: fail(err, -EBADMSG,
			       "the endorsement key's certificate is not well-formed");
}

static int find_certificate(struct machine *m, bool *ret_rsa, char **ret_pem,
			    struct cattest_error *err)
{
	const char *path = settings_find(&m->settings, "ek_certificate"),
		   *ek = settings_find(&m->settings, "ek");
	uint8_t *data = NULL;
	size_t size = 0;
	int ret = -ENOENT;

	if (path) {
		ret = collect_read(path, CERTIFICATE_MAX, &data, &size);
		if (ret)
			return fail(err, ret, "%s: %s", path, strerror(-ret));
	}
	if (ret == -ENOENT && (!ek || !strcmp(ek, "rsa")))
		ret = certificate_from_nv(m->access, NV_CERTIFICATE_RSA2048, &data, &size, err);
	if (ret == -ENOENT && (!ek || !strcmp(ek, "ecc")))
		ret = certificate_from_nv(m->access, NV_CERTIFICATE_P256, &data, &size, err);
	if (ret == -ENOENT)
		return fail(
			err, ret,
			"the TPM holds no certificate of its endorsement key: get it from its manufacturer and set ek_certificate=FILE");
	if (!ret)
		ret = as_pem(SPAN(data, size), ret_rsa, ret_pem, err);
	free(data);
	if (!ret && ek && *ret_rsa != !strcmp(ek, "rsa")) {
		free(*ret_pem);
		ret = fail(err, -EINVAL, "setting ek: the certificate is of a key of another kind");
	}
	return ret;
}

int cattest_enrol_request(const char *settings, char **ret_request, struct cattest_error *err)
{
	struct cattest_error own = { "" };
	uint8_t ek[1100], ak[1100];
	size_t ek_size = 0, ak_size;
	struct machine m;
	char *pem = NULL;
	bool rsa = false;
	int ret;

	err = err ? err : &own;
	ret = machine_open(settings, &m, err);
	if (ret)
		return ret;
	ret = find_certificate(&m, &rsa, &pem, err);
	if (!ret)
		ret = make_ek(&m, rsa, err);
	if (!ret && tss.Tss2_MU_TPM2B_PUBLIC_Marshal(m.ek_public, ek, sizeof(ek), &ek_size))
		ret = fail(err, -E2BIG, "TPM: cannot write its public key");
	if (!ret)
		ret = tpm_access_public(m.access, ak, sizeof(ak), &ak_size, err);
	if (!ret)
		ret = tpm_enrol_write_request(pem, SPAN(ek, ek_size), SPAN(ak, ak_size),
					      ret_request, err);
	free(pem);
	machine_close(&m);
	return ret;
}

/* --- Activation --- */

/* A session that has satisfied the endorsement key's policy. */
static TSS2_RC endorsement_session(struct tpm_access *a, ESYS_TR *ret_session)
{
	const TPMT_SYM_DEF plain = { .algorithm = TPM2_ALG_NULL };
	TPM2B_TIMEOUT *timeout = NULL;
	TPMT_TK_AUTH *ticket = NULL;
	TSS2_RC rc = tss.Esys_StartAuthSession(a->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					       ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_POLICY,
					       &plain, TPM2_ALG_SHA256, ret_session);

	if (rc)
		return rc;
	rc = tss.Esys_PolicySecret(a->esys, ESYS_TR_RH_ENDORSEMENT, *ret_session, ESYS_TR_PASSWORD,
				   ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0, &timeout,
				   &ticket);
	tss.Esys_Free(timeout);
	tss.Esys_Free(ticket);
	return rc;
}

static int activate(struct machine *m, const TPM2B_ID_OBJECT *object,
		    const TPM2B_ENCRYPTED_SECRET *secret, TPM2B_DIGEST **ret_opened,
		    struct cattest_error *err)
{
	ESYS_TR session = ESYS_TR_NONE;
	TSS2_RC rc = endorsement_session(m->access, &session);

	if (!rc)
		rc = tss.Esys_ActivateCredential(m->access->esys, m->access->key, m->ek,
						 ESYS_TR_PASSWORD, session, ESYS_TR_NONE, object,
						 secret, ret_opened);
	/* ESYS lets sessions go on after their use (continueSession), and the TPM has room for three. */
	if (session != ESYS_TR_NONE)
		tss.Esys_FlushContext(m->access->esys, session);
	return rc ? tss_error(
			    err,
			    "open the challenge: it is for another TPM or another attestation key",
			    rc)
		  : 0;
}

int cattest_enrol_activate(const char *settings, const void *challenge, size_t size,
			   char **ret_answer, struct cattest_error *err)
{
	TPM2B_ENCRYPTED_SECRET secret = { .size = 0 };
	TPM2B_ID_OBJECT object = { .size = 0 };
	TPM2B_DIGEST *opened = NULL;
	struct cattest_error own = { "" };
	size_t blob_size, at = 0;
	struct machine m;
	uint8_t *blob;
	int ret;

	err = err ? err : &own;
	ret = tpm_enrol_read_challenge(SPAN(challenge, size), &blob, &blob_size, err);
	if (ret)
		return ret;
	ret = machine_open(settings, &m, err);
	if (ret) {
		free(blob);
		return ret;
	}
	if (tss.Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(blob, blob_size, &at, &object) ||
	    tss.Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(blob, blob_size, &at, &secret) ||
	    at != blob_size)
		ret = fail(err, -EBADMSG, "tpm: the challenge's credential is malformed");
	/* Its size says which endorsement key it was made for: a block of RSA 2048, or a point. */
	if (!ret)
		ret = make_ek(&m, secret.size == 256, err);
	if (!ret)
		ret = activate(&m, &object, &secret, &opened, err);
	if (!ret) {
		ret = tpm_enrol_write_answer(SPAN(opened->buffer, opened->size), ret_answer, err);
		OPENSSL_cleanse(opened, sizeof(*opened));
		tss.Esys_Free(opened);
	}
	machine_close(&m);
	free(blob);
	return ret;
}
