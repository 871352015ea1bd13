/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EAT Attestation Result, draft-ietf-rats-ear-04, as a JWT: names and forms are those of its sections 3 and 3.1 (with underscores, and a
 * list of policies; drafts before -03 had dots and one). The one submodule is named by the type of the evidence. Claims of the
 * evidence go into ear_attester_claims, checks that did not pass into ear_verifier_claims: receivers ignore what they do not know.
 */
#include "attest/result/writer.h"
#include "lib/jose/jose.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#define PROFILE "tag:ietf.org,2026:rats/ear#04"
#define DEVELOPER "Cloister"
#define BUILD "cloister 0.1"

static void json_base64url(struct writer *w, const char *name, const void *data, size_t size)
{
	char *text = base64url_encode(data, size);

	if (text)
		json_text(w, name, text);
	else
		w->bad = true;
	free(text);
}

static void json_vector(struct writer *w, const int8_t vector[TRUST_COUNT])
{
	static const char *const names[TRUST_COUNT] = {
		[INSTANCE_IDENTITY] = "instance-identity",
		[CONFIGURATION] = "configuration",
		[EXECUTABLES] = "executables",
		[FILE_SYSTEM] = "file-system",
		[HARDWARE] = "hardware",
		[RUNTIME_OPAQUE] = "runtime-opaque",
		[STORAGE_OPAQUE] = "storage-opaque",
		[SOURCED_DATA] = "sourced-data",
	};

	json_open(w, "ear_trustworthiness_vector", '{');
	for (size_t i = 0; i < TRUST_COUNT; i++)
		json_number(w, names[i], vector[i]);
	json_close(w, '}');
}

static void json_policy(struct writer *w, const struct cattest_result *r, const char *id)
{
	char hex[65], own[320];

	if (!id && !r->policy)
		return;
	if (!id) {
		snprintf(own, sizeof(own), "%.240s sha256:%s", r->policy,
			 hex_text(SPAN_OF(r->policy_digest), hex, sizeof(hex)));
		id = own;
	}
	json_open(w, "ear_appraisal_policy_ids", '[');
	json_text(w, NULL, id);
	json_close(w, ']');
}

static void json_reasons(struct writer *w, const struct cattest_result *r)
{
	struct writer reason = { 0 };
	char *text;

	json_open(w, "ear_verifier_claims", '{');
	json_text(w, "cloister.verdict", cattest_verdict_name(r->verdict));
	if (r->verdict != CATTEST_TRUSTED) {
		put_reason(&reason, r);
		if (writer_finish(&reason, &text, NULL)) {
			w->bad = true;
		} else {
			json_text(w, "cloister.reason", text);
			free(text);
		}
	}
	json_close(w, '}');
}

static void json_appraisal(struct writer *w, const struct cattest_result *r,
			   const struct cattest_ear_options *o)
{
	const struct cattest_claim *nonce = cattest_result_find(r, "nonce");
	int8_t vector[TRUST_COUNT];

	trust_vector(r, vector);
	json_open(w, "submods", '{');
	json_open(w, r->type, '{');
	json_text(w, "ear_status", trust_status(r, vector));
	json_vector(w, vector);
	json_policy(w, r, o->policy_id);
	/* EAT allows 8 to 64 bytes (RFC 9711, section 4.1). */
	if (nonce && nonce->type == CATTEST_BYTES && nonce->size >= 8 && nonce->size <= 64)
		json_base64url(w, "eat_nonce", nonce->bytes, nonce->size);
	json_claims(w, "ear_attester_claims", r);
	json_reasons(w, r);
	json_close(w, '}');
	json_close(w, '}');
}

static int payload(const struct cattest_result *r, const struct cattest_ear_options *o,
		   char **ret_text, struct cattest_error *err)
{
	struct writer w = { 0 };
	int8_t vector[TRUST_COUNT];

	trust_vector(r, vector);
	json_open(&w, NULL, '{');
	json_text(&w, "eat_profile", PROFILE);
	json_text(&w, "ear_status", trust_status(r, vector));
	json_number(&w, "iat", o->issued_at ? o->issued_at : r->clock);
	json_open(&w, "ear_verifier_id", '{');
	json_text(&w, "developer", o->developer ? o->developer : DEVELOPER);
	json_text(&w, "build", o->build ? o->build : BUILD);
	json_close(&w, '}');
	if (o->nonce)
		json_base64url(&w, "eat_nonce", o->nonce, o->nonce_size);
	if (o->raw_evidence)
		json_base64url(&w, "ear_raw_evidence", r->raw, r->raw_size);
	json_appraisal(&w, r, o);
	json_close(&w, '}');
	return writer_finish(&w, ret_text, err);
}

static EVP_PKEY *read_key(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = NULL;

	ERR_set_mark();
	/* An empty pass phrase rather than OpenSSL's prompt on the terminal. */
	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t) "");
	ERR_pop_to_mark();
	BIO_free(bio);
	return key;
}

int cattest_result_ear(const struct cattest_result *r, const struct cattest_ear_options *options,
		       char **ret_jwt, struct cattest_error *err)
{
	json_t *header;
	EVP_PKEY *key;
	char *text;
	int ret;

	if (!r->judged)
		return fail(err, -EINVAL,
			    "EAR: evidence that was only decoded has no attestation result");
	if (!options || !options->key_pem)
		return fail(err, -EINVAL, "EAR: a signing key is needed");
	if (options->nonce && (options->nonce_size < 8 || options->nonce_size > 64))
		return fail(err, -EINVAL, "EAR: the nonce has %zu bytes; it needs 8 to 64",
			    options->nonce_size);
	if (options->raw_evidence && !r->raw)
		return fail(err, -E2BIG,
			    "EAR: the evidence is larger than %u bytes: too large to be included",
			    RESULT_MAX_RAW);
	key = read_key(options->key_pem);
	if (!key)
		return fail(err, -EBADMSG, "EAR: the signing key is no private key in PEM");
	ret = payload(r, options, &text, err);
	if (ret) {
		EVP_PKEY_free(key);
		return ret;
	}
	header = json_pack("{s:s}", "typ", "JWT");
	ret = header ? jws_sign(key, header, text, strlen(text), ret_jwt) : -ENOMEM;
	json_decref(header);
	EVP_PKEY_free(key);
	free(text);
	if (ret)
		return fail(err, ret, "EAR: %s",
			    ret == -ENOTSUP ? "the signing key must be of P-256 or P-384"
					    : "cannot sign");
	return 0;
}
