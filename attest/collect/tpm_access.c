/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotes from a TPM with the ESYS interface of libtss2 (TCG TSS 2.0). The attestation key is either
 * one that an administrator made persistent, or a primary key from a fixed template: restricted (it
 * signs only what the TPM made), fixed to its TPM, made inside it. A primary key is derived from
 * the hierarchy's seed: the same template gives the same key until the hierarchy is cleared, so
 * nothing has to be stored.
 *
 * PCRs are read in several commands and quoted in another: a value that changes in between shows in
 * the quote's digest, and all is done again.
 */
#include "attest/collect/tss.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#define QUOTE_TRIES 5

static TPM2B_PUBLIC key_template(bool rsa)
{
	TPM2B_PUBLIC t = { 0 };
	TPMT_PUBLIC *p = &t.publicArea;

	p->type = rsa ? TPM2_ALG_RSA : TPM2_ALG_ECC;
	p->nameAlg = TPM2_ALG_SHA256;
	p->objectAttributes = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT |
			      TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
			      TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH;
	if (rsa) {
		p->parameters.rsaDetail.symmetric.algorithm = TPM2_ALG_NULL;
		p->parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSASSA;
		p->parameters.rsaDetail.scheme.details.rsassa.hashAlg = TPM2_ALG_SHA256;
		p->parameters.rsaDetail.keyBits = 2048;
	} else {
		p->parameters.eccDetail.symmetric.algorithm = TPM2_ALG_NULL;
		p->parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
		p->parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
		p->parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
		p->parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
	}
	return t;
}

static int make_key(struct tpm_access *a, const struct tpm_access_options *o,
		    struct cattest_error *err)
{
	const TPM2B_SENSITIVE_CREATE sensitive = { 0 };
	const TPM2B_PUBLIC template = key_template(o->rsa);
	const TPM2B_DATA outside = { 0 };
	const TPML_PCR_SELECTION no_pcrs = { 0 };
	TPM2B_CREATION_DATA *creation = NULL;
	TPMT_TK_CREATION *ticket = NULL;
	TPM2B_DIGEST *hash = NULL;
	TSS2_RC rc = tss.Esys_CreatePrimary(
		a->esys, o->owner_hierarchy ? ESYS_TR_RH_OWNER : ESYS_TR_RH_ENDORSEMENT,
		ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template, &outside,
		&no_pcrs, &a->key, &a->public_area, &creation, &hash, &ticket);

	if (rc)
		return tss_error(
			err, "make an attestation key (does its hierarchy have a password?)", rc);
	tss.Esys_Free(creation);
	tss.Esys_Free(hash);
	tss.Esys_Free(ticket);
	a->transient = true;
	return 0;
}

static int find_key(struct tpm_access *a, uint32_t handle, struct cattest_error *err)
{
	const TPMA_OBJECT needed = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT |
				   TPMA_OBJECT_FIXEDTPM;
	TSS2_RC rc = tss.Esys_TR_FromTPMPublic(a->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE,
					       ESYS_TR_NONE, &a->key);

	if (!rc)
		rc = tss.Esys_ReadPublic(a->esys, a->key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					 &a->public_area, NULL, NULL);
	if (rc)
		return tss_error(err, "read the attestation key at its handle", rc);
	if ((a->public_area->publicArea.objectAttributes & needed) != needed)
		return fail(
			err, -EINVAL,
			"TPM: the key at 0x%x is no attestation key (restricted, signing, fixed to the TPM)",
			handle);
	return 0;
}

int tpm_access_open(const struct tpm_access_options *options, struct tpm_access **ret_access,
		    struct cattest_error *err)
{
	struct tpm_access *a;
	TSS2_RC tss_rc;
	int rc = tss_load(err);

	if (rc)
		return rc;
	a = calloc(1, sizeof(*a));
	if (!a)
		return fail(err, -ENOMEM, "out of memory");
	a->key = ESYS_TR_NONE;
	tss_rc = tss.Tss2_TctiLdr_Initialize(options->tcti, &a->tcti);
	if (!tss_rc)
		tss_rc = tss.Esys_Initialize(&a->esys, a->tcti, NULL);
	if (tss_rc)
		rc = fail(
			err, -ENODEV,
			"no TPM at \"%.100s\" (error 0x%x): is it there, and may this user open it?",
			options->tcti, tss_rc);
	else if (options->ak_handle)
		rc = find_key(a, options->ak_handle, err);
	else
		rc = make_key(a, options, err);
	if (rc)
		tpm_access_close(a);
	else
		*ret_access = a;
	return rc;
}

void tpm_access_close(struct tpm_access *a)
{
	if (!a)
		return;
	if (a->key != ESYS_TR_NONE && a->transient)
		tss.Esys_FlushContext(a->esys, a->key);
	else if (a->key != ESYS_TR_NONE)
		tss.Esys_TR_Close(a->esys, &a->key);
	if (a->public_area)
		tss.Esys_Free(a->public_area);
	if (a->esys)
		tss.Esys_Finalize(&a->esys);
	if (a->tcti)
		tss.Tss2_TctiLdr_Finalize(&a->tcti);
	free(a);
}

static TPML_PCR_SELECTION selection_of(uint16_t bank, uint32_t mask)
{
	TPML_PCR_SELECTION s = { .count = 1 };

	s.pcrSelections[0].hash = bank;
	s.pcrSelections[0].sizeofSelect = 3;
	for (int i = 0; i < 3; i++)
		s.pcrSelections[0].pcrSelect[i] = (BYTE)(mask >> 8 * i);
	return s;
}

/*
 * One answer to PCR_Read holds at most 8 values: those of *mask that it holds are stored and taken
 * off it.
 */
static int read_some(struct tpm_access *a, uint32_t *mask, struct tpm_collected *q,
		     struct cattest_error *err)
{
	const TPML_PCR_SELECTION want = selection_of(q->bank, *mask);
	TPML_PCR_SELECTION *got = NULL;
	TPML_DIGEST *values = NULL;
	uint32_t got_mask = 0, next = 0;
	TSS2_RC rc = tss.Esys_PCR_Read(a->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &want,
				       NULL, &got, &values);

	if (rc)
		return tss_error(err, "read PCRs", rc);
	if (got->count == 1 && got->pcrSelections[0].hash == q->bank &&
	    got->pcrSelections[0].sizeofSelect <= 4)
		for (unsigned int i = 0; i < got->pcrSelections[0].sizeofSelect; i++)
			got_mask |= (uint32_t)got->pcrSelections[0].pcrSelect[i] << 8 * i;
	got_mask &= *mask;
	for (unsigned int i = 0; i < TPM_QUOTE_PCRS && next < values->count && next < 8; i++) {
		if (!(got_mask >> i & 1) || values->digests[next].size != q->pcr_size)
			continue;
		memcpy(q->pcr[i], values->digests[next++].buffer, q->pcr_size);
		*mask &= ~(1u << i);
	}
	tss.Esys_Free(got);
	tss.Esys_Free(values);
	return next ? 0
		    : fail(err, -ENOTSUP,
			   "TPM: it has not all of the PCRs asked for (is the bank switched on?)");
}

static int sign_quote(struct tpm_access *a, struct span extra, struct tpm_collected *q,
		      TPM2B_ATTEST **ret_attest, struct cattest_error *err)
{
	const TPML_PCR_SELECTION selection = selection_of(q->bank, q->mask);
	const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };
	TPM2B_DATA qualifying = { .size = (UINT16)extra.size };
	TPMT_SIGNATURE *signature = NULL;
	size_t offset = 0;
	TSS2_RC rc;

	memcpy(qualifying.buffer, extra.data, extra.size);
	rc = tss.Esys_Quote(a->esys, a->key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
			    &qualifying, &scheme, &selection, ret_attest, &signature);
	if (rc)
		return tss_error(err, "quote", rc);
	rc = tss.Tss2_MU_TPMT_SIGNATURE_Marshal(signature, q->signature, sizeof(q->signature),
						&offset);
	q->signature_size = offset;
	tss.Esys_Free(signature);
	return rc ? tss_error(err, "write a signature", rc) : 0;
}

/*
 * The quote ends in pcrDigest: SHA-256, as the key's scheme says, over the values (TPM 2.0 part 2,
 * TPMS_QUOTE_INFO).
 */
static bool digest_fits(const struct tpm_collected *q)
{
	struct span parts[TPM_QUOTE_PCRS];
	uint8_t hash[32];
	size_t count = 0;

	for (unsigned int i = 0; i < TPM_QUOTE_PCRS; i++)
		if (q->mask >> i & 1)
			parts[count++] = SPAN(q->pcr[i], q->pcr_size);
	return !digest("SHA256", parts, count, hash, NULL) && q->attest_size > sizeof(hash) &&
	       !memcmp(q->attest + q->attest_size - sizeof(hash), hash, sizeof(hash));
}

static int quote_once(struct tpm_access *a, struct span extra, struct tpm_collected *q,
		      struct cattest_error *err)
{
	uint32_t left = q->mask;
	TPM2B_ATTEST *attest = NULL;
	int rc = 0;

	while (left && !rc)
		rc = read_some(a, &left, q, err);
	if (!rc)
		rc = sign_quote(a, extra, q, &attest, err);
	if (rc)
		return rc;
	if (attest->size > sizeof(q->attest)) {
		rc = fail(err, -E2BIG, "TPM: a quote of %u bytes", attest->size);
	} else {
		memcpy(q->attest, attest->attestationData, attest->size);
		q->attest_size = attest->size;
		if (!digest_fits(q))
			rc = fail(err, -EAGAIN,
				  "TPM: its PCRs change faster than they can be read");
	}
	tss.Esys_Free(attest);
	return rc;
}

int tpm_access_public(struct tpm_access *access, uint8_t *ret_area, size_t room, size_t *ret_size,
		      struct cattest_error *err)
{
	size_t offset = 0;

	if (tss.Tss2_MU_TPM2B_PUBLIC_Marshal(access->public_area, ret_area, room, &offset))
		return fail(err, -E2BIG, "TPM: cannot write its public key");
	*ret_size = offset;
	return 0;
}

int tpm_access_quote(struct tpm_access *access, struct span extra, uint16_t bank, uint32_t mask,
		     struct tpm_collected *ret_quote, struct cattest_error *err)
{
	int rc = -EAGAIN;

	memset(ret_quote, 0, sizeof(*ret_quote));
	ret_quote->bank = bank;
	ret_quote->mask = mask;
	ret_quote->pcr_size = bank == TPM2_ALG_SHA1	? 20
			      : bank == TPM2_ALG_SHA256 ? 32
			      : bank == TPM2_ALG_SHA384 ? 48
							: 64;
	if (!mask || mask >> TPM_QUOTE_PCRS || extra.size > 50)
		return fail(err, -EINVAL, "TPM: no such quote");
	for (int i = 0; i < QUOTE_TRIES && rc == -EAGAIN; i++)
		rc = quote_once(access, extra, ret_quote, err);
	if (rc)
		return rc;
	return tpm_access_public(access, ret_quote->public_area, sizeof(ret_quote->public_area),
				 &ret_quote->public_size, err);
}
