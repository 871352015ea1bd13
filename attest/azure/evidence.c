/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forms of Azure evidence:
 *
 *   HCL report alone     what the NV index holds: the hardware's report, and nothing fresh
 *   JSON of Trustee      SNP version 0: {quote, report, vcek}, bytes as arrays of numbers, VCEK in PEM
 *                        SNP version 1, 2: {version, tpm_quote, hcl_report, vcek}, hex and base64url
 *                        TDX version 0, 1: {version, tpm_quote, hcl_report, td_quote}
 *   quote alone          {signature, message, pcrs} in bincode: u64 counts, little endian (in JSON
 *                        it is attest/tpm's)
 *
 * A quote has all 24 PCRs of the SHA-256 bank beside it. Any of the JSON may have cc_eventlog: null, or a log in base64. Other members are
 * errors.
 */
#include "attest/azure/azure.h"
#include "attest/snp/snp.h"

#include <errno.h>
#include <stdlib.h>

#define HCL_MAX 131072u
#define QUOTE_MAX 4096u
#define SIGNATURE_MAX 512u
#define PCR_SIZE 32u
#define VEK_MAX 65536u
#define TD_QUOTE_MAX 131072u
#define LOG_MAX (SNP_JSON_MAX / 4 * 3)
#define JSON_VERSION_MAX 2

static int own(struct azure_evidence *e, uint8_t *data, size_t size, struct span *ret)
{
	e->owned[e->owned_count++] = data;
	*ret = SPAN(data, size);
	return 0;
}

static int member_bytes(struct azure_evidence *e, const json_t *value, enum snp_json_form form,
			size_t max, const char *name, struct span *ret, struct cattest_error *err)
{
	uint8_t *data;
	size_t size;
	int r = snp_json_bytes(value, form, max, &data, &size);

	if (r < 0)
		return fail(err, r, "Azure evidence: %s is missing, malformed or too large", name);
	return own(e, data, size, ret);
}

static int json_quote(struct azure_evidence *e, const json_t *quote, struct cattest_error *err)
{
	struct span *bank = e->pcrs.value[tpm_bank_index(TPM_SHA256)];
	const json_t *pcrs = json_object_get(quote, "pcrs");
	int r;

	if (json_object_size(quote) != 3 || json_array_size(pcrs) != TPM_PCR_COUNT)
		return fail(
			err, -EBADMSG,
			"Azure evidence: a quote has signature, message and %d pcrs, and nothing else",
			TPM_PCR_COUNT);
	r = member_bytes(e, json_object_get(quote, "message"), SNP_JSON_HEX, QUOTE_MAX, "message",
			 &e->message, err);
	if (!r)
		r = member_bytes(e, json_object_get(quote, "signature"), SNP_JSON_HEX,
				 SIGNATURE_MAX, "signature", &e->signature, err);
	for (size_t i = 0; !r && i < TPM_PCR_COUNT; i++) {
		r = member_bytes(e, json_array_get(pcrs, i), SNP_JSON_HEX, PCR_SIZE, "pcrs",
				 &bank[i], err);
		if (!r && bank[i].size != PCR_SIZE)
			r = fail(err, -EBADMSG, "Azure evidence: PCR %zu has %zu bytes", i,
				 bank[i].size);
	}
	e->has_quote = !r;
	return r;
}

static int json_vek(struct azure_evidence *e, const json_t *value, struct cattest_error *err)
{
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);
	uint8_t *copy;

	if (!text || strncmp(text, "-----BEGIN", 10))
		return member_bytes(e, value, SNP_JSON_BASE64, VEK_MAX, "vcek", &e->vek, err);
	if (len > VEK_MAX)
		return fail(err, -E2BIG, "Azure evidence: vcek is too large");
	copy = malloc(len + 1);
	if (!copy)
		return fail(err, -ENOMEM, "out of memory");
	memcpy(copy, text, len);
	return own(e, copy, len, &e->vek);
}

static int json_version(const json_t *value, struct azure_evidence *e, struct cattest_error *err)
{
	json_int_t version = json_integer_value(value);

	if (!json_is_integer(value) || version < 1 || version > JSON_VERSION_MAX)
		return fail(err, -ENOTSUP,
			    "Azure evidence of a version that is not known here (1 and 2 are)");
	e->version = (unsigned)version;
	return 0;
}

/* Each once: duplicates of a name are no JSON here, but two names mean one thing. */
static int json_member(struct azure_evidence *e, const char *name, const json_t *value,
		       struct cattest_error *err)
{
	bool quote = !strcmp(name, "quote") || !strcmp(name, "tpm_quote");
	bool report = !strcmp(name, "report") || !strcmp(name, "hcl_report");

	if (!strcmp(name, "version"))
		return json_version(value, e, err);
	if (quote && !e->has_quote)
		return json_quote(e, value, err);
	if (report && !e->hcl.size)
		return member_bytes(e, value, SNP_JSON_BASE64, HCL_MAX, name, &e->hcl, err);
	if (!strcmp(name, "vcek"))
		return json_vek(e, value, err);
	if (!strcmp(name, "td_quote"))
		return member_bytes(e, value, SNP_JSON_BASE64, TD_QUOTE_MAX, name, &e->td_quote,
				    err);
	if (!strcmp(name, "cc_eventlog"))
		return json_is_null(value) || (json_is_string(value) && !json_string_length(value))
			       ? 0
			       : member_bytes(e, value, SNP_JSON_BASE64, LOG_MAX, name, &e->log,
					      err);
	return fail(err, -EBADMSG,
		    "Azure evidence has a member that is not known here, or one twice");
}

static int parse_json(struct span in, struct azure_evidence *e, struct cattest_error *err)
{
	json_t *root = snp_json_load(in, "Azure evidence", err), *value;
	const char *name;
	int r = 0;

	if (!root)
		return -EBADMSG;
	json_object_foreach(root, name, value) {
		r = json_member(e, name, value, err);
		if (r < 0)
			break;
	}
	json_decref(root);
	if (!r && (!e->hcl.size || !e->has_quote))
		r = fail(err, -EBADMSG, "Azure evidence has no %s",
			 e->hcl.size ? "quote" : "HCL report");
	return r;
}

/* serde's bincode: vectors are a u64 count and their items. */
static bool parse_bincode(struct span in, struct azure_evidence *e)
{
	struct span *bank = e->pcrs.value[tpm_bank_index(TPM_SHA256)];
	struct cursor c = CURSOR(in);
	uint64_t size = take_le64(&c);

	if (size > SIGNATURE_MAX)
		return false;
	e->signature = take(&c, size);
	size = take_le64(&c);
	if (size > QUOTE_MAX)
		return false;
	e->message = take(&c, size);
	if (take_le64(&c) != TPM_PCR_COUNT)
		return false;
	for (size_t i = 0; i < TPM_PCR_COUNT; i++)
		bank[i] = take(&c, PCR_SIZE);
	e->has_quote = true;
	return !c.bad && !cursor_left(&c) && e->message.size && e->signature.size;
}

int azure_evidence_parse(struct span in, struct azure_evidence *ret_evidence,
			 struct cattest_error *err)
{
	struct azure_evidence e = { .version = 0 };
	int r = 0;

	if (span_starts(in, "HCLA", 4))
		e.hcl = in;
	else if (snp_json_like(in))
		r = parse_json(in, &e, err);
	else if (!parse_bincode(in, &e))
		r = fail(err, -EBADMSG,
			 "no Azure evidence: neither an HCL report, nor its JSON, nor a quote");
	if (r < 0) {
		azure_evidence_done(&e);
		return r;
	}
	*ret_evidence = e;
	return 0;
}

void azure_evidence_done(struct azure_evidence *evidence)
{
	for (size_t i = 0; i < evidence->owned_count; i++)
		free(evidence->owned[i]);
	evidence->owned_count = 0;
}
