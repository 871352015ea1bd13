/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging a quote with a key whose own trust is the caller's business: signature, binding, PCR
 * values; and the claims. One piece of evidence may hold several quotes (one for each bank): what
 * they say of the TPM is claimed of the first, and must be the same boot in all.
 */
#include "attest/tpm/tpm.h"
#include "lib/fuzz/outcome.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#define RSA_BITS_MIN 2048
#define ECC_HALF_MAX 66 /* P-521 */

static const EVP_MD *digest_of(uint16_t hash)
{
	return hash == TPM_SHA256   ? EVP_sha256()
	       : hash == TPM_SHA384 ? EVP_sha384()
	       : hash == TPM_SHA512 ? EVP_sha512()
				    : NULL;
}

static bool rsa_verifies(EVP_PKEY *key, const struct tpm_signature *s, struct span message)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx;
	bool ok;

	ERR_set_mark();
	ok = ctx && EVP_DigestVerifyInit(ctx, &key_ctx, digest_of(s->hash), NULL, key) == 1;
	/*
	 * The TPM's salt is as long as the digest, or as long as fits (part 1, B.7): the signature
	 * itself says which.
	 */
	if (ok && s->algorithm == TPM_RSAPSS)
		ok = EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_AUTO) == 1;
	ok = ok && EVP_DigestVerify(ctx, s->rsa.data, s->rsa.size, message.data, message.size) == 1;
	ERR_pop_to_mark();
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* r and s are numbers: they may come with leading zeroes, or without. */
static bool ecdsa_verifies(EVP_PKEY *key, const struct tpm_signature *s, struct span message)
{
	size_t half = ((size_t)EVP_PKEY_get_bits(key) + 7) / 8;
	struct span parts[2] = { s->ec_r, s->ec_s };
	uint8_t raw[2 * ECC_HALF_MAX] = { 0 };

	if (half > ECC_HALF_MAX)
		return false;
	for (size_t i = 0; i < 2; i++) {
		while (parts[i].size > half && !parts[i].data[0])
			parts[i] = SPAN(parts[i].data + 1, parts[i].size - 1);
		if (!parts[i].size || parts[i].size > half)
			return false;
		memcpy(raw + (i + 1) * half - parts[i].size, parts[i].data, parts[i].size);
	}
	return ecdsa_verify(key, tpm_digest_name(s->hash), message, SPAN(raw, 2 * half));
}

const char *tpm_signature_problem(EVP_PKEY *key, const struct tpm_signature *s, struct span message)
{
	bool rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA,
	     ec = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;

	if (!digest_of(s->hash))
		return "its hash is too weak";
	if (s->algorithm == TPM_ECDSA ? !ec : !rsa)
		return "the key is of another kind";
	if (rsa && EVP_PKEY_get_bits(key) < RSA_BITS_MIN)
		return "the key is shorter than 2048 bits";
	if (rsa && fuzz_outcome())
		return NULL;
	if (s->algorithm == TPM_ECDSA ? !ecdsa_verifies(key, s, message)
				      : !rsa_verifies(key, s, message))
		return "it does not verify";
	return NULL;
}

static bool check_signature(struct appraisal *a, const struct tpm_quote_request *r)
{
	const struct tpm_signature *s = &r->signature;
	const char *scheme = s->algorithm == TPM_RSASSA	  ? "RSASSA"
			     : s->algorithm == TPM_RSAPSS ? "RSAPSS"
							  : "ECDSA";
	const char *hash = tpm_hash_name(s->hash),
		   *problem = tpm_signature_problem(r->key, s, r->quote.message);

	return check_that(a, !problem, "tpm.quote.signature",
			  "signed by the attestation key, with SHA-256 or better", "%s-%s%s%s",
			  scheme, hash ? hash : "?", problem ? ": " : "", problem ? problem : "");
}

/*
 * H over the selected values, bank by bank in the order of the selection, ascending; H is the
 * signature's hash.
 */
static bool check_pcrs(struct appraisal *a, const struct tpm_quote_request *r)
{
	const struct tpm_quote *q = &r->quote;
	struct span parts[TPM_SELECTION_MAX * TPM_PCR_COUNT];
	const char *hash = tpm_digest_name(r->signature.hash);
	size_t count = 0, size;
	uint8_t found[64];

	for (size_t i = 0; i < q->selection_count; i++) {
		int bank = tpm_bank_index(q->selection[i].hash);

		for (unsigned n = 0; n < TPM_PCR_COUNT; n++) {
			struct span value;

			if (!(q->selection[i].mask >> n & 1))
				continue;
			value = r->pcrs ? r->pcrs->value[bank][n] : (struct span){ 0 };
			if (!value.size) {
				check_missing(
					a, "tpm.quote.pcrs",
					"the value of PCR %u (%s), which the quote covers, was not given",
					n, tpm_hash_name(q->selection[i].hash));
				return false;
			}
			if (value.size != tpm_hash_size(q->selection[i].hash)) {
				check_fail(a, "tpm.quote.pcrs",
					   "values as long as their bank's hash",
					   "PCR %u (%s) has %zu bytes", n,
					   tpm_hash_name(q->selection[i].hash), value.size);
				return false;
			}
			parts[count++] = value;
		}
	}
	if (!hash || digest(hash, parts, count, found, &size)) {
		check_fail(a, "tpm.quote.pcrs", "a digest of the values given",
			   "the digest could not be computed");
		return false;
	}
	return check_that(a,
			  q->pcr_digest.size == size &&
				  (bytes_equal(q->pcr_digest.data, found, size) || fuzz_outcome()),
			  "tpm.quote.pcrs", "the signed digest is that of the values given",
			  "%zu values", count);
}

/* What the quote is bound to, as report data: the forms that tpm.h lists. */
static void check_binding(struct appraisal *a, const struct tpm_quote *q)
{
	uint8_t expected[CATTEST_REPORT_DATA_SIZE] = { 0 }, found[CATTEST_REPORT_DATA_SIZE] = { 0 },
		hashed[64];
	struct span given = SPAN(a->expect->report_data, a->expect->report_data_size),
		    whole = SPAN_OF(expected);
	static const char *const hashes[] = { "SHA256", "SHA384" };
	char expected_text[140], found_text[140];
	bool bound = false;
	size_t size;

	memcpy(found, q->extra_data.data ? q->extra_data.data : found,
	       q->extra_data.size < sizeof(found) ? q->extra_data.size : sizeof(found));
	if (!a->expect->report_data || a->decode_only) {
		if (q->extra_data.size <= sizeof(found) && !claim_find(a, "report_data"))
			claim_bytes(a, "report_data", SPAN_OF(found));
		return;
	}
	memcpy(expected, given.data, given.size < sizeof(expected) ? given.size : sizeof(expected));
	bound = (q->extra_data.size && span_equal(q->extra_data, given)) ||
		span_equal(q->extra_data, whole);
	for (size_t i = 0; !bound && i < 2; i++)
		bound = !digest(hashes[i], &whole, 1, hashed, &size) &&
			span_equal(q->extra_data, SPAN(hashed, size));
	if (bound && !claim_find(a, "report_data"))
		claim_bytes(a, "report_data", whole);
	if (bound)
		check_pass(a, "report_data", "extraData is the expected report data or its hash");
	else
		check_fail(a, "report_data", hex_text(given, expected_text, sizeof(expected_text)),
			   "%s", hex_text(q->extra_data, found_text, sizeof(found_text)));
}

static void claim_pcr(struct appraisal *a, uint16_t hash, unsigned n, struct span value)
{
	const struct cattest_claim *before;
	char name[32];

	snprintf(name, sizeof(name), "tpm.pcr.%s.%u", tpm_hash_name(hash), n);
	before = claim_find(a, name);
	if (!before)
		claim_bytes(a, name, value);
	else if (!span_equal(SPAN(before->bytes, before->size), value))
		check_fail(a, "tpm.quote.pcrs", "one value for a PCR in all quotes",
			   "PCR %u (%s) has two", n, tpm_hash_name(hash));
}

static void claim_key(struct appraisal *a, EVP_PKEY *key)
{
	unsigned char *spki = NULL;
	int size = i2d_PUBKEY(key, &spki);
	uint8_t hashed[32];

	if (size > 0 && !digest("SHA256", &SPAN(spki, (size_t)size), 1, hashed, NULL))
		claim_bytes(a, "tpm.ak", SPAN_OF(hashed));
	OPENSSL_free(spki);
}

static void state_claims(struct appraisal *a, const struct tpm_quote_request *r, bool with_pcrs)
{
	const struct tpm_quote *q = &r->quote;

	if (!claim_find(a, "tpm.clock")) {
		if (r->key)
			claim_key(a, r->key);
		if (r->trust)
			claim_string(a, "tpm.ak_trust", r->trust);
		claim_bytes(a, "tpm.qualified_signer", q->qualified_signer);
		claim_uint(a, "tpm.firmware", q->firmware);
		claim_uint(a, "tpm.clock", q->clock);
		claim_uint(a, "tpm.reset_count", q->reset_count);
		claim_uint(a, "tpm.restart_count", q->restart_count);
		claim_bool(a, "tpm.clock_safe", q->safe);
		if (!claim_find(a, "nonce"))
			claim_bytes(a, "nonce", q->extra_data);
	}
	for (size_t i = 0; with_pcrs && i < q->selection_count; i++) {
		int bank = tpm_bank_index(q->selection[i].hash);

		for (unsigned n = 0; n < TPM_PCR_COUNT; n++)
			if (q->selection[i].mask >> n & 1 && r->pcrs &&
			    r->pcrs->value[bank][n].size)
				claim_pcr(a, q->selection[i].hash, n, r->pcrs->value[bank][n]);
	}
}

void tpm_quote_claims(struct appraisal *a, const struct tpm_quote_request *request)
{
	state_claims(a, request, true);
	if (request->bind_report_data)
		check_binding(a, &request->quote);
}

/* A reset between two quotes would mean that their PCRs are of different boots. */
static bool same_boot(struct appraisal *a, const struct tpm_quote *q)
{
	const struct cattest_claim *reset = claim_find(a, "tpm.reset_count"),
				   *restart = claim_find(a, "tpm.restart_count");

	if (!reset || !restart ||
	    (reset->number == q->reset_count && restart->number == q->restart_count))
		return true;
	check_fail(a, "tpm.quote.boot", "all quotes of one boot", "resets and restarts differ");
	return false;
}

bool tpm_quote_appraise_with_key(struct appraisal *a, const struct tpm_quote_request *request)
{
	bool ok;

	check_pass(a, "tpm.quote.form", "TPM_GENERATED, a quote, %zu bytes",
		   request->quote.message.size);
	ok = check_signature(a, request);
	if (request->bind_report_data)
		check_binding(a, &request->quote);
	ok &= same_boot(a, &request->quote);
	ok &= check_pcrs(a, request);
	state_claims(a, request, ok);
	return ok;
}
