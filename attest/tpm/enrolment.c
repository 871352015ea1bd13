/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relying party's side of enrolling a TPM's attestation key, as texts in JSON that files and mails can carry. Byte strings are base64
 * (RFC 4648, section 4), certificates PEM; unknown members are errors.
 *
 *   request    {"ek_certificate", "ek": TPM2B_PUBLIC, "ak": TPM2B_PUBLIC}         from the machine
 *   challenge  {"credential": TPM2B_ID_OBJECT || TPM2B_ENCRYPTED_SECRET, "ak_name": hex}   to the machine
 *   pending    {"ak", "ek_certificate_sha256", "secret_sha256"}                   stays here, for one answer
 *   answer     {"secret"}                                                        from the machine
 *   record     {"cloister_enrolment": 1, "ak", "ak_name", "ek_certificate_sha256", "time"}
 *
 * Of the secret only its hash is kept: who reads the pending file cannot answer. A record is as good as the place that it is read from:
 * it is a root of the caller's, like a key that is pinned.
 */
#include "attest/tpm/enrolment.h"

#include "attest/core/verifier.h"
#include "attest/x509/x509.h"
#include "lib/jose/jose.h"
#include "lib/json/json.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#define TEXT_MAX (256u << 10)
#define DEPTH_MAX 2
#define RECORD_VERSION 1

/* --- Texts --- */

static int set_bytes(json_t *object, const char *name, struct span bytes)
{
	char *text = base64_encode(bytes.data, bytes.size);
	int ret = text ? json_object_set_new(object, name, json_string(text)) : -1;

	free(text);
	return ret ? -ENOMEM : 0;
}

static int set_hex(json_t *object, const char *name, struct span bytes)
{
	char text[2 * 66 + 1];

	return json_object_set_new(object, name, json_string(hex_text(bytes, text, sizeof(text))))
		       ? -ENOMEM
		       : 0;
}

static int set_text(json_t *object, const char *name, const char *text)
{
	return json_object_set_new(object, name, json_string(text)) ? -ENOMEM : 0;
}

/* Takes object. ret: what building it came to. */
static int write_text(json_t *object, int ret, char **ret_text, struct cattest_error *err)
{
	char *text = ret ? NULL : json_dumps(object, JSON_INDENT(1) | JSON_SORT_KEYS);

	json_decref(object);
	if (!text)
		return fail(err, -ENOMEM, "out of memory");
	*ret_text = text;
	return 0;
}

/* An object with exactly these members, all texts (but the version of a record). NULL with a message. */
static json_t *read_text(struct span in, const char *what, const char *const *names,
			 struct cattest_error *err)
{
	json_t *object = in.size <= TEXT_MAX ? json_read(in.data, in.size, DEPTH_MAX, NULL) : NULL;
	size_t count = 0;

	while (names[count] && (json_is_string(json_object_get(object, names[count])) ||
				json_is_integer(json_object_get(object, names[count]))))
		count++;
	if (json_is_object(object) && !names[count] && json_object_size(object) == count)
		return object;
	fail(err, -EBADMSG, "tpm: this is no %s: it has not the members of one", what);
	json_decref(object);
	return NULL;
}

/* malloc()ed; a member that read_text() has seen. */
static int get_bytes(const json_t *object, const char *name, uint8_t **ret_data, size_t *ret_size,
		     struct cattest_error *err)
{
	const json_t *value = json_object_get(object, name);
	int ret = json_is_string(value)
			  ? base64_decode(json_string_value(value), json_string_length(value),
					  ret_data, ret_size)
			  : -EBADMSG;

	return ret ? fail(err, ret, "tpm: \"%s\" is not base64", name) : 0;
}

static int get_hash(const json_t *object, const char *name, uint8_t ret_hash[32],
		    struct cattest_error *err)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_string(value) ||
	    hex_parse(json_string_value(value), json_string_length(value), ret_hash, 32))
		return fail(err, -EBADMSG, "tpm: \"%s\" is not 32 bytes as hex", name);
	return 0;
}

int tpm_enrol_write_request(const char *certificate_pem, struct span ek, struct span ak,
			    char **ret_request, struct cattest_error *err)
{
	json_t *object = json_object();
	int ret = set_text(object, "ek_certificate", certificate_pem);

	if (!ret)
		ret = set_bytes(object, "ek", ek);
	if (!ret)
		ret = set_bytes(object, "ak", ak);
	return write_text(object, ret, ret_request, err);
}

int tpm_enrol_read_challenge(struct span in, uint8_t **ret_blob, size_t *ret_size,
			     struct cattest_error *err)
{
	static const char *const names[] = { "credential", "ak_name", NULL };
	/* tpm2-tools: magic and version before the same two structures */
	static const uint8_t tools[8] = { 0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1 };
	json_t *object;
	int ret;

	if (in.size > sizeof(tools) && in.size < 4096 && span_starts(in, tools, sizeof(tools))) {
		*ret_size = in.size - sizeof(tools);
		*ret_blob = malloc(*ret_size);
		if (!*ret_blob)
			return fail(err, -ENOMEM, "out of memory");
		memcpy(*ret_blob, in.data + sizeof(tools), *ret_size);
		return 0;
	}
	object = read_text(in, "challenge", names, err);
	ret = object ? get_bytes(object, "credential", ret_blob, ret_size, err) : -EBADMSG;
	json_decref(object);
	return ret;
}

int tpm_enrol_write_answer(struct span secret, char **ret_answer, struct cattest_error *err)
{
	json_t *object = json_object();

	return write_text(object, set_bytes(object, "secret", secret), ret_answer, err);
}

/* --- Challenge --- */

struct request {
	struct x509_list certificates;
	uint8_t *ek, *ak;
	size_t ek_size, ak_size;
};

static void request_done(struct request *r)
{
	x509_list_done(&r->certificates);
	free(r->ek);
	free(r->ak);
}

static int read_request(struct span in, struct request *r, struct cattest_error *err)
{
	static const char *const names[] = { "ek_certificate", "ek", "ak", NULL };
	json_t *object = read_text(in, "request for enrolment", names, err);
	const json_t *pem = json_object_get(object, "ek_certificate");
	int ret = object ? 0 : -EBADMSG;

	if (!ret && (!json_is_string(pem) ||
		     x509_list_from(SPAN(json_string_value(pem), json_string_length(pem)),
				    &r->certificates)))
		ret = fail(err, -EBADMSG,
			   "tpm: the endorsement key's certificate is not well-formed PEM");
	if (!ret)
		ret = get_bytes(object, "ek", &r->ek, &r->ek_size, err);
	if (!ret)
		ret = get_bytes(object, "ak", &r->ak, &r->ak_size, err);
	json_decref(object);
	return ret;
}

static int write_challenge(const struct tpm_challenge *c, struct span ak_name, char **ret_text,
			   struct cattest_error *err)
{
	json_t *object = json_object();
	int ret = set_bytes(object, "credential", SPAN(c->blob, c->blob_size));

	return write_text(object, ret ? ret : set_hex(object, "ak_name", ak_name), ret_text, err);
}

static int write_pending(const struct tpm_challenge *c, const struct request *r, char **ret_text,
			 struct cattest_error *err)
{
	unsigned char *der = NULL;
	int der_size = i2d_X509(r->certificates.items[0], &der), ret;
	uint8_t certificate[32], secret[32];
	json_t *object = json_object();

	ret = der_size <= 0 ||
			      digest("SHA256", &SPAN(der, (size_t)der_size), 1, certificate,
				     NULL) ||
			      digest("SHA256", &SPAN_OF(c->secret), 1, secret, NULL)
		      ? -ENOMEM
		      : set_bytes(object, "ak", SPAN(r->ak, r->ak_size));
	if (!ret)
		ret = set_hex(object, "ek_certificate_sha256", SPAN_OF(certificate));
	if (!ret)
		ret = set_hex(object, "secret_sha256", SPAN_OF(secret));
	OPENSSL_free(der);
	return write_text(object, ret, ret_text, err);
}

static int name_of(struct span area, uint8_t ret_name[TPM_NAME_MAX], size_t *ret_size,
		   struct cattest_error *err)
{
	struct tpm_public public_area;
	int ret = tpm_public_parse(area, &public_area, err);

	return ret ? ret : tpm_public_name(&public_area, ret_name, ret_size);
}

int cattest_enrol_challenge(struct cattest_verifier *v, const void *request, size_t size,
			    char **ret_challenge, char **ret_pending, struct cattest_error *err)
{
	struct request r = { .ek = NULL };
	struct tpm_challenge c = { .blob_size = 0 };
	uint8_t name[TPM_NAME_MAX];
	char *challenge = NULL;
	size_t name_size;
	int ret = read_request(SPAN(request, size), &r, err);

	if (!ret)
		ret = tpm_challenge_make(v, verifier_now(v), &r.certificates, SPAN(r.ek, r.ek_size),
					 SPAN(r.ak, r.ak_size), &c, err);
	if (!ret)
		ret = name_of(SPAN(r.ak, r.ak_size), name, &name_size, err);
	if (!ret)
		ret = write_challenge(&c, SPAN(name, name_size), &challenge, err);
	if (!ret)
		ret = write_pending(&c, &r, ret_pending, err);
	if (ret)
		free(challenge);
	else
		*ret_challenge = challenge;
	OPENSSL_cleanse(&c, sizeof(c));
	request_done(&r);
	return ret;
}

/* --- Answer --- */

static int check_answer(const json_t *pending, struct span answer, struct cattest_error *err)
{
	static const char *const names[] = { "secret", NULL };
	json_t *object = read_text(answer, "answer", names, err);
	uint8_t expected[32], found[32], *secret = NULL;
	size_t size = 0;
	int ret = object ? get_bytes(object, "secret", &secret, &size, err) : -EBADMSG;

	if (!ret)
		ret = get_hash(pending, "secret_sha256", expected, err);
	if (!ret && digest("SHA256", &SPAN(secret, size), 1, found, NULL))
		ret = fail(err, -ENOMEM, "out of memory");
	if (!ret && (size != TPM_CHALLENGE_SECRET || !bytes_equal(expected, found, 32)))
		ret = fail(
			err, -EKEYREJECTED,
			"tpm: the answer is not the secret that was sent: the attestation key is not in that TPM");
	if (secret)
		OPENSSL_cleanse(secret, size);
	free(secret);
	json_decref(object);
	return ret;
}

static int write_record(const struct cattest_verifier *v, const json_t *pending, char **ret_record,
			struct cattest_error *err)
{
	json_t *object = json_object();
	uint8_t name[TPM_NAME_MAX], certificate[32], *ak = NULL;
	size_t ak_size = 0, name_size = 0;
	char when[32];
	int ret = get_bytes(pending, "ak", &ak, &ak_size, err);

	if (!ret)
		ret = name_of(SPAN(ak, ak_size), name, &name_size, err);
	if (!ret)
		ret = get_hash(pending, "ek_certificate_sha256", certificate, err);
	if (ret) {
		json_decref(object);
		free(ak);
		return ret;
	}
	ret = json_object_set_new(object, "cloister_enrolment", json_integer(RECORD_VERSION))
		      ? -ENOMEM
		      : set_bytes(object, "ak", SPAN(ak, ak_size));
	if (!ret)
		ret = set_hex(object, "ak_name", SPAN(name, name_size));
	if (!ret)
		ret = set_hex(object, "ek_certificate_sha256", SPAN_OF(certificate));
	if (!ret)
		ret = set_text(object, "time", time_text(verifier_now(v), when));
	free(ak);
	return write_text(object, ret, ret_record, err);
}

int cattest_enrol_check(struct cattest_verifier *v, const void *pending, size_t pending_size,
			const void *answer, size_t answer_size, char **ret_record,
			struct cattest_error *err)
{
	static const char *const names[] = { "ak", "ek_certificate_sha256", "secret_sha256", NULL };
	json_t *object = read_text(SPAN(pending, pending_size), "pending enrolment", names, err);
	int ret = object ? check_answer(object, SPAN(answer, answer_size), err) : -EBADMSG;

	if (!ret)
		ret = write_record(v, object, ret_record, err);
	json_decref(object);
	return ret;
}

/* --- Record --- */

bool tpm_enrolment_like(struct span in)
{
	return in.size && in.data[0] == '{';
}

int tpm_enrolment_key(struct span in, EVP_PKEY **ret_key, struct cattest_error *err)
{
	static const char *const names[] = { "cloister_enrolment",    "ak",   "ak_name",
					     "ek_certificate_sha256", "time", NULL };
	json_t *object = read_text(in, "enrolment record", names, err);
	const json_t *version = json_object_get(object, "cloister_enrolment");
	uint8_t name[TPM_NAME_MAX], *ak = NULL;
	struct tpm_public public_area;
	char text[2 * TPM_NAME_MAX + 1];
	size_t ak_size, name_size;
	const char *stated;
	int ret = object ? 0 : -EBADMSG;

	if (!ret && (!json_is_integer(version) || json_integer_value(version) != RECORD_VERSION))
		ret = fail(err, -ENOTSUP, "tpm: an enrolment record of a version not known here");
	if (!ret)
		ret = get_bytes(object, "ak", &ak, &ak_size, err);
	if (!ret)
		ret = tpm_public_parse(SPAN(ak, ak_size), &public_area, err);
	if (!ret && tpm_public_name(&public_area, name, &name_size))
		ret = fail(err, -ENOMEM, "out of memory");
	stated = json_string_value(json_object_get(object, "ak_name"));
	if (!ret &&
	    (!stated || strcmp(stated, hex_text(SPAN(name, name_size), text, sizeof(text)))))
		ret = fail(err, -EBADMSG, "tpm: the record's ak_name is not its key's");
	if (!ret) {
		*ret_key = tpm_public_key(&public_area);
		ret = *ret_key ? 0 : fail(err, -EBADMSG, "tpm: the record's key is malformed");
	}
	free(ak);
	json_decref(object);
	return ret;
}
