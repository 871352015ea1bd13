/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON that collateral is kept in. Every form is a table of members; a member that its form does not have is an error, so that a misspelt
 * name does not go unnoticed.
 *
 *   PCS answer     {tcbInfo | enclaveIdentity | tcbEvaluationDataNumbers: {...}, signature: hex}
 *   raw            {raw_tcb_info | raw_enclave_identity | ..: text, signature: [DER bytes] or hex, ca_chain: [PEM]}   (fortanix)
 *   captures       {tcb_info_json | enclave_identity_json: text of a PCS answer, issuer_chain: PEM}                   (teepot)
 *   THIM           {vcekCert, certificateChain: PEM, tcbm: hex, cacheControl}: AMD's chain from Azure's metadata service
 *   collateral v3  Intel's sgx_ql_qve_collateral_t as JSON: bodies with or without their wrapper, lists in hex, base64, PEM or bytes. Programs in Go
 *                  have every member in base64, as C's strings with their NUL; Intel's MigTD spells in camel case and has a list of
 *                  platforms, each with its TCB info
 */
#include "attest/collateral/collateral_internal.h"
#include "attest/x509/pem.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <stdlib.h>

static struct span text_of(const json_t *v)
{
	return SPAN(json_string_value(v), json_string_length(v));
}

/* A string, or an array of numbers 0 to 255, as bytes; malloc()ed. */
static int bytes_of(const json_t *v, uint8_t **ret_bytes, size_t *ret_size)
{
	size_t size = json_is_string(v) ? json_string_length(v) : json_array_size(v);
	uint8_t *bytes;

	if (!json_is_string(v) && !json_is_array(v))
		return -EBADMSG;
	bytes = malloc(size + 1);
	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < size; i++) {
		const json_t *item = json_array_get(v, i);
		json_int_t n = json_integer_value(item);

		if (json_is_string(v)) {
			bytes[i] = (uint8_t)json_string_value(v)[i];
		} else if (!json_is_integer(item) || n < 0 || n > 255) {
			free(bytes);
			return -EBADMSG;
		} else {
			bytes[i] = (uint8_t)n;
		}
	}
	*ret_bytes = bytes;
	*ret_size = size;
	return 0;
}

/* ECDSA-Sig-Value to r || s. */
static int der_signature(struct span der, uint8_t ret_signature[64])
{
	const unsigned char *p = der.data;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)der.size);
	int ret = -EBADMSG;

	if (sig && p == der.data + der.size &&
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret_signature, 32) == 32 &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret_signature + 32, 32) == 32)
		ret = 0;
	ECDSA_SIG_free(sig);
	ERR_clear_error();
	return ret;
}

/* Hex of r || s, or its bytes, or the bytes of an ECDSA-Sig-Value. */
static int signature_of(struct reading *r, const json_t *v, uint8_t ret_signature[64])
{
	uint8_t *bytes = NULL;
	size_t size = 0;
	int ret = bytes_of(v, &bytes, &size);

	if (!ret && json_is_string(v))
		ret = hex_parse((const char *)bytes, size, ret_signature, 64);
	else if (!ret && size == 64)
		memcpy(ret_signature, bytes, 64);
	else if (!ret)
		ret = size && size < 80 ? der_signature(SPAN(bytes, size), ret_signature)
					: -EBADMSG;
	free(bytes);
	return ret ? fail(r->err, ret, "%s: the signature is missing or malformed", r->origin) : 0;
}

static int bytes_of_x509(struct reading *r, const json_t *v, const char *what,
			 struct x509_list *chain)
{
	uint8_t *bytes = NULL;
	size_t size = 0;
	int ret = bytes_of(v, &bytes, &size);

	ret = ret ? fail(r->err, ret, "%s: %s is malformed", r->origin, what)
		  : read_x509(r, SPAN(bytes, size), chain);
	free(bytes);
	return ret;
}

/* PEM text, an array of it, or its bytes, into chain (and the bag). */
static int chain_of(struct reading *r, const json_t *v, struct x509_list *chain)
{
	size_t count = json_is_array(v) ? json_array_size(v) : 1;

	if (json_is_integer(json_array_get(v, 0)))
		return bytes_of_x509(r, v, "a certificate chain", chain);
	if (!v || (!json_is_array(v) && !json_is_string(v)))
		return fail(r->err, -EBADMSG, "%s: a certificate chain is missing or malformed",
			    r->origin);
	for (size_t i = 0; i < count; i++) {
		const json_t *one = json_is_array(v) ? json_array_get(v, i) : v;
		int ret;

		if (!json_is_string(one))
			return fail(r->err, -EBADMSG, "%s: a certificate chain is malformed",
				    r->origin);
		ret = read_x509(r, text_of(one), chain);
		if (ret)
			return ret;
	}
	return 0;
}

static int crl_of(struct reading *r, const json_t *v)
{
	return bytes_of_x509(r, v, "a revocation list", NULL);
}

/* A body: JSON text, or base64 or bytes of it, perhaps with the NUL of C's strings. malloc()ed. */
static int body_of(struct reading *r, const json_t *v, const char *name, uint8_t **ret_text,
		   size_t *ret_size)
{
	uint8_t *text = NULL, *decoded = NULL;
	size_t size = 0;
	int ret = bytes_of(v, &text, &size);

	/* No base64 has a brace, and no object goes without. */
	if (!ret && json_is_string(v) && !memchr(text, '{', size)) {
		ret = base64_lines(SPAN(text, size), &decoded, &size);
		free(text);
		text = decoded;
	}
	while (!ret && size && !text[size - 1])
		size--;
	if (!ret && size) {
		*ret_text = text;
		*ret_size = size;
		return 0;
	}
	free(text);
	return fail(r->err, ret ? ret : -EBADMSG,
		    "%s: \"%s\" is not a text (as it is, in base64, or as bytes)", r->origin, name);
}

/* --- Forms --- */

static const struct {
	const char *raw, *capture;
	enum intel_json_kind kind;
} bodies[] = {
	{ "raw_tcb_info", "tcb_info_json", INTEL_TCB_INFO },
	{ "raw_enclave_identity", "enclave_identity_json", INTEL_QE_IDENTITY },
	{ "raw_tcb_evaluation_data_numbers", "tcb_evaluation_data_numbers_json",
	  INTEL_TCB_EVALUATION_NUMBERS },
};
#define BODY_COUNT (sizeof(bodies) / sizeof(bodies[0]))

/* Every member is one of these. */
static int only_members(struct reading *r, json_t *o, const char *const names[])
{
	const char *key;
	json_t *value;

	json_object_foreach(o, key, value) {
		size_t i = 0;

		while (names[i] && strcmp(names[i], key))
			i++;
		if (!names[i]) {
			char clean[64];

			return fail(r->err, -EBADMSG, "%s: has an unknown member \"%s\"", r->origin,
				    safe_text(SPAN(key, strlen(key)), clean, sizeof(clean)));
		}
	}
	return 0;
}

static int read_raw(struct reading *r, json_t *o, size_t body)
{
	const char *const members[] = { bodies[body].raw, "signature", "ca_chain", NULL };
	const json_t *text = json_object_get(o, bodies[body].raw);
	struct x509_list chain = { .count = 0 };
	uint8_t signature[64];
	int ret = only_members(r, o, members);

	if (!ret && !json_is_string(text))
		ret = fail(r->err, -EBADMSG, "%s: \"%s\" is not a text", r->origin,
			   bodies[body].raw);
	if (!ret)
		ret = signature_of(r, json_object_get(o, "signature"), signature);
	if (!ret && json_object_get(o, "ca_chain"))
		ret = chain_of(r, json_object_get(o, "ca_chain"), &chain);
	if (!ret)
		ret = read_intel_json(r, bodies[body].kind, text_of(text), signature, &chain);
	x509_list_done(&chain);
	return ret;
}

static int read_capture(struct reading *r, json_t *o, const char *name)
{
	const char *const members[] = { name, "issuer_chain", NULL };
	const json_t *text = json_object_get(o, name);
	struct x509_list chain = { .count = 0 };
	int ret = only_members(r, o, members);

	if (!ret && !json_is_string(text))
		ret = fail(r->err, -EBADMSG, "%s: \"%s\" is not a text", r->origin, name);
	if (!ret)
		ret = chain_of(r, json_object_get(o, "issuer_chain"), &chain);
	if (!ret)
		ret = read_pcs_json(r, text_of(text), &chain);
	x509_list_done(&chain);
	return ret;
}

/* The names of a body, its signature and its chain. */
struct v3_body {
	enum intel_json_kind kind;
	const char *body, *signature, *chain;
};

/* Body, signature and chain of collateral v3: the signature is a member of its own, or in the body's wrapper. */
static int read_v3_body(struct reading *r, const json_t *o, const struct v3_body *names)
{
	const json_t *value = json_object_get(o, names->body),
		     *signature = json_object_get(o, names->signature);
	struct x509_list chain = { .count = 0 };
	uint8_t rs[64], *text = NULL;
	size_t size = 0;
	int ret;

	if (!value)
		return signature ? fail(r->err, -EBADMSG, "%s: \"%s\" without \"%s\"", r->origin,
					names->signature, names->body)
				 : 0;
	ret = body_of(r, value, names->body, &text, &size);
	if (!ret && json_object_get(o, names->chain))
		ret = chain_of(r, json_object_get(o, names->chain), &chain);
	if (!ret && !signature)
		ret = read_pcs_json(r, SPAN(text, size), &chain);
	else if (!ret && !(ret = signature_of(r, signature, rs)))
		ret = read_intel_json(r, names->kind, SPAN(text, size), rs, &chain);
	x509_list_done(&chain);
	free(text);
	return ret;
}

/* Both spellings of collateral v3. */
static const struct v3_form {
	const char *members[16], *chains[2], *crls[2];
	struct v3_body bodies[2];
} v3_forms[] = {
	{ { "version", "major_version", "minor_version", "tee_type", "pck_crl_issuer_chain",
	    "root_ca_crl", "pck_crl", "tcb_info_issuer_chain", "tcb_info", "tcb_info_signature",
	    "qe_identity_issuer_chain", "qe_identity", "qe_identity_signature",
	    "pck_certificate_chain", NULL },
	  { "pck_crl_issuer_chain", "pck_certificate_chain" },
	  { "root_ca_crl", "pck_crl" },
	  { { INTEL_TCB_INFO, "tcb_info", "tcb_info_signature", "tcb_info_issuer_chain" },
	    { INTEL_QE_IDENTITY, "qe_identity", "qe_identity_signature",
	      "qe_identity_issuer_chain" } } },
	{ { "version", "majorVersion", "minorVersion", "teeType", "rootCa", "pckCrlIssuerChain",
	    "rootCaCrl", "pckCrl", "tcbInfoIssuerChain", "tcbInfo", "tcbInfoSignature",
	    "qeIdentityIssuerChain", "qeIdentity", "qeIdentitySignature", "platforms", NULL },
	  { "pckCrlIssuerChain", "rootCa" },
	  { "rootCaCrl", "pckCrl" },
	  { { INTEL_TCB_INFO, "tcbInfo", "tcbInfoSignature", "tcbInfoIssuerChain" },
	    { INTEL_QE_IDENTITY, "qeIdentity", "qeIdentitySignature", "qeIdentityIssuerChain" } } },
};

static int read_platforms(struct reading *r, const json_t *list, const struct v3_body *names)
{
	const char *const members[] = { "fmspc", names->body, names->signature, names->chain,
					NULL };
	json_t *item;
	size_t i;

	if (list && !json_is_array(list))
		return fail(r->err, -EBADMSG, "%s: \"platforms\" is not a list", r->origin);
	json_array_foreach(list, i, item) {
		/* What FMSPC a TCB info is for, it says itself, signed. */
		int ret = json_is_object(item)
				  ? only_members(r, item, members)
				  : fail(r->err, -EBADMSG,
					 "%s: an entry of \"platforms\" is not an object",
					 r->origin);

		if (!ret)
			ret = read_v3_body(r, item, names);
		if (ret)
			return ret;
	}
	return 0;
}

static int read_v3(struct reading *r, json_t *o, const struct v3_form *form)
{
	int ret = only_members(r, o, form->members);

	for (size_t i = 0; i < 2 && !ret; i++) {
		const json_t *chain = json_object_get(o, form->chains[i]);

		if (chain && !json_is_null(chain))
			ret = chain_of(r, chain, NULL);
	}
	for (size_t i = 0; i < 2 && !ret; i++)
		if (json_object_get(o, form->crls[i]))
			ret = crl_of(r, json_object_get(o, form->crls[i]));
	for (size_t i = 0; i < 2 && !ret; i++)
		ret = read_v3_body(r, o, &form->bodies[i]);
	return ret ? ret : read_platforms(r, json_object_get(o, "platforms"), &form->bodies[0]);
}

/* NULL: not that form. */
static const struct v3_form *v3_form(const json_t *o)
{
	for (size_t i = 0; i < sizeof(v3_forms) / sizeof(v3_forms[0]); i++) {
		const struct v3_form *f = &v3_forms[i];

		if (json_object_get(o, f->bodies[0].body) ||
		    json_object_get(o, f->bodies[1].body) || json_object_get(o, f->crls[0]) ||
		    json_object_get(o, f->crls[1]))
			return f;
	}
	return NULL;
}

/* A captured revocation list: {crl_data: [bytes] or PEM, issuer_chain: PEM}. */
static int read_crl_capture(struct reading *r, json_t *o)
{
	static const char *const members[] = { "crl_data", "issuer_chain", NULL };
	int ret = only_members(r, o, members);

	if (!ret && json_object_get(o, "issuer_chain"))
		ret = chain_of(r, json_object_get(o, "issuer_chain"), NULL);
	return ret ? ret : crl_of(r, json_object_get(o, "crl_data"));
}

/*
 * Azure's Trusted Hardware Identity Management, GET /metadata/THIM/amd/certification: what AMD's KDS would give for this machine. tcbm (the TCB that
 * the VCEK is for) and cacheControl say nothing that the certificate does not, or that is looked at here.
 */
static int read_thim(struct reading *r, json_t *o)
{
	static const char *const members[] = { "vcekCert", "certificateChain", "tcbm",
					       "cacheControl", NULL };
	int ret = only_members(r, o, members);

	if (!ret)
		ret = chain_of(r, json_object_get(o, "vcekCert"), NULL);
	if (!ret && json_object_get(o, "certificateChain"))
		ret = chain_of(r, json_object_get(o, "certificateChain"), NULL);
	return ret;
}

static int read_members(struct reading *r, json_t *o, struct span text,
			const struct x509_list *chain)
{
	static const char *const pcs[] = { "tcbInfo", "enclaveIdentity",
					   "tcbEvaluationDataNumbers" };

	for (size_t i = 0; i < BODY_COUNT; i++) {
		const char *const members[] = { pcs[i], "signature", NULL };
		int ret;

		if (json_is_object(json_object_get(o, pcs[i]))) {
			ret = only_members(r, o, members);
			return ret ? ret : read_pcs_json(r, text, chain);
		}
		if (json_object_get(o, bodies[i].raw))
			return read_raw(r, o, i);
		if (json_object_get(o, bodies[i].capture))
			return read_capture(r, o, bodies[i].capture);
	}
	if (json_object_get(o, "crl_data"))
		return read_crl_capture(r, o);
	if (json_object_get(o, "vcekCert"))
		return read_thim(r, o);
	if (v3_form(o))
		return read_v3(r, o, v3_form(o));
	return fail(r->err, -ENOTSUP, "%s: is JSON of no form of collateral that is known",
		    r->origin);
}

int read_json_form(struct reading *r, struct span text, const struct x509_list *chain)
{
	json_error_t error;
	struct span unused;
	json_t *o;
	int ret;

	/* The scanner bounds nesting and is stricter than jansson about names. */
	if (json_scan_member(text, "", &unused) < 0)
		return fail(r->err, -EBADMSG, "%s: is not a well-formed JSON object", r->origin);
	o = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
	if (!o)
		return fail(r->err, -EBADMSG, "%s: is not well-formed JSON (line %d)", r->origin,
			    error.line);
	ret = read_members(r, o, text, chain);
	json_decref(o);
	return ret;
}
