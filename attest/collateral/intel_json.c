/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel's signed JSON (PCS API v4): a wrapper with one signed object and its signature as hex r || s. Only the fields that choosing
 * needs are read here; DCAP's code reads all of it. The body is kept byte for byte.
 */
#include "attest/collateral/collateral_internal.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

static int text_field(const json_t *o, const char *name, char *ret_text, size_t room)
{
	const json_t *v = json_object_get(o, name);
	const char *text = json_string_value(v);

	if (!text || json_string_length(v) >= room || strlen(text) != json_string_length(v))
		return -EBADMSG;
	memcpy(ret_text, text, json_string_length(v) + 1);
	return 0;
}

static int number_field(const json_t *o, const char *name, uint32_t *ret_number)
{
	const json_t *v = json_object_get(o, name);
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v) || n < 0 || n > UINT32_MAX)
		return -EBADMSG;
	*ret_number = (uint32_t)n;
	return 0;
}

static int time_field(const json_t *o, const char *name, int64_t *ret_time)
{
	char text[32];

	return text_field(o, name, text, sizeof(text)) ? -EBADMSG : time_parse(text, ret_time);
}

/* Versions: TCB info 2 (SGX only, without id) and 3, identities 2, evaluation numbers 1 (PCS API v4). */
static int read_fields(const json_t *o, struct intel_json *json, const char **ret_what)
{
	char fmspc[16];

	*ret_what = "version";
	if (number_field(o, "version", &json->version))
		return -EBADMSG;
	if (json->kind == INTEL_TCB_INFO      ? json->version != 2 && json->version != 3
	    : json->kind == INTEL_QE_IDENTITY ? json->version != 2
					      : json->version != 1)
		return -ENOTSUP;
	*ret_what = "id";
	if (json->kind == INTEL_TCB_INFO && json->version == 2 && !json_object_get(o, "id"))
		memcpy(json->id, "SGX", 4);
	else if (text_field(o, "id", json->id, sizeof(json->id)))
		return -EBADMSG;
	if (json->kind == INTEL_QE_IDENTITY
		    ? strcmp(json->id, "QE") && strcmp(json->id, "TD_QE") &&
			      strcmp(json->id, "QVE") && strcmp(json->id, "QAE")
		    : strcmp(json->id, "SGX") && strcmp(json->id, "TDX"))
		return -ENOTSUP;
	*ret_what = "issueDate";
	if (time_field(o, "issueDate", &json->issue_date))
		return -EBADMSG;
	*ret_what = "nextUpdate";
	if (time_field(o, "nextUpdate", &json->next_update) || json->next_update < json->issue_date)
		return -EBADMSG;
	*ret_what = "tcbEvaluationDataNumber";
	if (json->kind != INTEL_TCB_EVALUATION_NUMBERS &&
	    number_field(o, "tcbEvaluationDataNumber", &json->evaluation_number))
		return -EBADMSG;
	*ret_what = "fmspc";
	if (json->kind == INTEL_TCB_INFO &&
	    (text_field(o, "fmspc", fmspc, sizeof(fmspc)) ||
	     hex_parse(fmspc, strlen(fmspc), json->fmspc, sizeof(json->fmspc))))
		return -EBADMSG;
	return 0;
}

int read_intel_json(struct reading *r, enum intel_json_kind kind, struct span text,
		    const uint8_t signature[64], const struct x509_list *chain)
{
	struct intel_json *json = calloc(1, sizeof(*json));
	uint8_t *body = malloc(text.size + 1);
	const char *what = "JSON";
	struct span unused;
	json_error_t error;
	json_t *o = NULL;
	int ret;

	if (!json || !body) {
		free(body);
		free(json);
		return fail(r->err, -ENOMEM, "out of memory");
	}
	memcpy(body, text.data, text.size);
	json->kind = kind;
	json->origin = collateral_keep_origin(r->bag, r->origin);
	json->body = SPAN(body, text.size);
	memcpy(json->signature, signature, sizeof(json->signature));
	for (size_t i = 0; chain && i < chain->count; i++) {
		X509_up_ref(chain->items[i]);
		json->chain.items[json->chain.count++] = chain->items[i];
	}
	/* The scanner bounds the nesting. */
	if (json->origin && json_scan_member(text, "", &unused) >= 0)
		o = json_loadb((const char *)body, text.size, JSON_REJECT_DUPLICATES, &error);
	ret = json_is_object(o) ? read_fields(o, json, &what) : -EBADMSG;
	json_decref(o);
	if (ret) {
		intel_json_free(json);
		return fail(r->err, ret,
			    "%s: the signed object's \"%s\" is missing, malformed or not known",
			    r->origin, what);
	}
	ret = bag_add_json(r->bag, json);
	return ret ? fail(r->err, ret, "%s: does not fit into the collateral any more", r->origin)
		   : 0;
}

int read_pcs_json(struct reading *r, struct span text, const struct x509_list *chain)
{
	static const char *const names[] = { "tcbInfo", "enclaveIdentity",
					     "tcbEvaluationDataNumbers" };
	static const enum intel_json_kind kinds[] = { INTEL_TCB_INFO, INTEL_QE_IDENTITY,
						      INTEL_TCB_EVALUATION_NUMBERS };
	struct span body, hex;
	uint8_t signature[64];

	for (size_t i = 0; i < 3; i++) {
		int ret = json_scan_member(text, names[i], &body);

		if (ret < 0)
			return fail(r->err, -EBADMSG, "%s: is not a well-formed JSON object",
				    r->origin);
		if (!ret)
			continue;
		if (json_scan_member(text, "signature", &hex) != 1 || hex.size != 130 ||
		    hex.data[0] != '"' ||
		    hex_parse((const char *)hex.data + 1, 128, signature, sizeof(signature)))
			return fail(r->err, -EBADMSG, "%s: \"signature\" is not 64 bytes as hex",
				    r->origin);
		return read_intel_json(r, kinds[i], body, signature, chain);
	}
	return fail(r->err, -ENOTSUP,
		    "%s: holds no tcbInfo, enclaveIdentity or tcbEvaluationDataNumbers", r->origin);
}
