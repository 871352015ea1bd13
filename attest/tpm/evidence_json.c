/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPM quotes in text:
 *
 * Ours, a JSON object; all byte strings are base64 (RFC 4648, section 4), and no other members are
 * allowed:
 *   "quote"            TPMS_ATTEST
 *   "signature"        TPMT_SIGNATURE
 *   "pcrs"             {"sha256": {"0": "hex", ...}, ...}, or what tpm2_quote --pcr wrote,
 *                      in base64
 *   "ak"               TPM2B_PUBLIC, TPMT_PUBLIC or SubjectPublicKeyInfo; PEM is taken as it is.
 *                      May be missing if the verifier pins the key
 *   "ak_certificate"   chain of the key's certificate, leaf first: PEM, or a list of DER in base64
 *   "ek_certificate"   PEM or base64 DER; names the TPM, without binding the key to it
 *   "event_log"        TCG log
 *
 * Trustee's: {"ak_public": base64, "tpm_quote": {"message": base64, "signature": base64, "pcrs":
 * [24 times hex, SHA-256]}}; and its Azure quotes: {"message": hex, "signature": hex (bare RSASSA
 * with SHA-256), "pcrs": [...]}, whose key comes from elsewhere.
 *
 * go-attestation's: what a machine sends, {"Public": TPMT_PUBLIC, "Quotes": [{"Version", "Quote", "Signature"}], "PCRs":
 * [{"Index", "Digest", "DigestAlg": 3 SHA-1, 5 SHA-256, 6 SHA-384, 7 SHA-512}], "EventLog"}, and what its tools store,
 * {"Static", "AK": {"Public", ...}, "Quote": {"Quote", "Signature", ...}, "Log": {"PCRs", "Raw", ...}}; other members are of no use here.
 *
 * Keylime's: r<quote>:<signature>:<PCR file of tpm2-tools>, each in base64.
 */
#include "attest/tpm/evidence.h"

#include "lib/jose/jose.h"
#include "lib/json/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void tpm_evidence_done(struct tpm_evidence *e)
{
	for (size_t i = 0; i < e->held_count; i++)
		free(e->held[i]);
	json_decref(e->json);
	memset(e, 0, sizeof(*e));
}

int tpm_evidence_hold(struct tpm_evidence *e, uint8_t *data)
{
	if (e->held_count == sizeof(e->held) / sizeof(e->held[0])) {
		free(data);
		return -E2BIG;
	}
	e->held[e->held_count++] = data;
	return 0;
}

static int from_base64(struct tpm_evidence *e, const char *text, size_t len, const char *what,
		       struct span *ret, struct cattest_error *err)
{
	uint8_t *data;
	size_t size;
	int code = base64_decode(text, len, &data, &size);

	if (!code)
		code = tpm_evidence_hold(e, data);
	if (code)
		return fail(err, code == -ENOMEM ? code : -EBADMSG, "tpm: \"%s\" is no base64",
			    what);
	*ret = SPAN(data, size);
	return 0;
}

static int from_hex(struct tpm_evidence *e, const json_t *value, size_t least, size_t most,
		    const char *what, struct span *ret, struct cattest_error *err)
{
	size_t len = json_string_length(value), size = len / 2;
	uint8_t *data;

	if (!json_is_string(value) || len % 2 || size < least || size > most)
		return fail(err, -EBADMSG, "tpm: %s is not hex of %zu to %zu bytes", what, least,
			    most);
	data = malloc(size + 1);
	if (!data || tpm_evidence_hold(e, data))
		return fail(err, -ENOMEM, "tpm: too many values");
	if (hex_parse(json_string_value(value), len, data, size))
		return fail(err, -EBADMSG, "tpm: %s is no hex", what);
	*ret = SPAN(data, size);
	return 0;
}

/* A member in base64. Missing: size 0 if optional. */
static int member_base64(struct tpm_evidence *e, const json_t *object, const char *name,
			 bool optional, struct span *ret, struct cattest_error *err)
{
	const json_t *value = json_object_get(object, name);

	if (!value && optional)
		return 0;
	if (!json_is_string(value))
		return fail(err, -EBADMSG, "tpm: \"%s\" is missing or no string", name);
	return from_base64(e, json_string_value(value), json_string_length(value), name, ret, err);
}

/* As above, but PEM is taken as it stands in the JSON text. */
static int member_pem_or_base64(struct tpm_evidence *e, const json_t *value, const char *name,
				struct span *ret, struct cattest_error *err)
{
	const char *text = json_string_value(value);

	if (!text)
		return fail(err, -EBADMSG, "tpm: \"%s\" is no string", name);
	if (strncmp(text, "-----BEGIN ", 11))
		return from_base64(e, text, json_string_length(value), name, ret, err);
	*ret = SPAN(text, json_string_length(value));
	return 0;
}

/* "0" to "23", without signs or leading zeroes. */
static int pcr_number(const char *text)
{
	unsigned n = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || n > 99)
			return -1;
		n = 10 * n + (unsigned)(*text - '0');
	}
	return n < TPM_PCR_COUNT ? (int)n : -1;
}

static int pcrs_from_object(struct tpm_evidence *e, json_t *banks, struct tpm_pcrs *ret,
			    struct cattest_error *err)
{
	const char *bank_name, *number;
	json_t *bank, *value;
	int code;

	json_object_foreach(banks, bank_name, bank) {
		uint16_t hash = tpm_hash_of_name(bank_name);

		if (!hash || !json_is_object(bank))
			return fail(
				err, -EBADMSG,
				"tpm: \"pcrs\" has a bank that is not known here (sha1, sha256, sha384, sha512 are)");
		json_object_foreach(bank, number, value) {
			int n = pcr_number(number);

			if (n < 0)
				return fail(err, -EBADMSG,
					    "tpm: \"pcrs\" has a register that is none of 0 to 23");
			code = from_hex(e, value, tpm_hash_size(hash), tpm_hash_size(hash),
					"a PCR's value", &ret->value[tpm_bank_index(hash)][n], err);
			if (code)
				return code;
		}
	}
	return 0;
}

/* 24 values of the SHA-256 bank. */
static int pcrs_from_list(struct tpm_evidence *e, const json_t *list, struct tpm_pcrs *ret,
			  struct cattest_error *err)
{
	if (!json_is_array(list) || json_array_size(list) != TPM_PCR_COUNT)
		return fail(err, -EBADMSG, "tpm: \"pcrs\" is not a list of 24 values");
	for (size_t n = 0; n < TPM_PCR_COUNT; n++) {
		int code = from_hex(e, json_array_get(list, n), 32, 32, "a PCR's value",
				    &ret->value[tpm_bank_index(TPM_SHA256)][n], err);

		if (code)
			return code;
	}
	return 0;
}

static int certificates_from(struct tpm_evidence *e, const json_t *value, struct cattest_error *err)
{
	size_t count = json_is_array(value) ? json_array_size(value) : 1;
	int code = 0;

	if (!value)
		return 0;
	if (!count || count > TPM_CERTIFICATES_MAX)
		return fail(err, -EBADMSG, "tpm: \"ak_certificate\" has %zu certificates", count);
	for (size_t i = 0; !code && i < count; i++)
		code = member_pem_or_base64(e,
					    json_is_array(value) ? json_array_get(value, i) : value,
					    "ak_certificate",
					    &e->certificate[e->certificate_count++], err);
	return code;
}

static int from_ours(struct tpm_evidence *e, json_t *object, struct cattest_error *err)
{
	static const char *const members[] = { "quote",		 "signature",	   "pcrs",     "ak",
					       "ak_certificate", "ek_certificate", "event_log" };
	struct tpm_evidence_quote *q = &e->quote[0];
	const json_t *value;
	const char *name;
	struct span file = { 0 };
	json_t *any;
	int code;

	json_object_foreach(object, name, any) {
		size_t i = 0;

		while (i < sizeof(members) / sizeof(members[0]) && strcmp(members[i], name))
			i++;
		if (i == sizeof(members) / sizeof(members[0]))
			return fail(err, -EBADMSG,
				    "tpm: the quote's JSON has a member that is not known here");
	}
	e->form = "JSON";
	e->quote_count = 1;
	code = member_base64(e, object, "quote", false, &q->message, err);
	if (!code)
		code = member_base64(e, object, "signature", false, &q->signature, err);
	if (!code)
		code = member_base64(e, object, "event_log", true, &e->event_log, err);
	value = json_object_get(object, "ak");
	if (!code && value)
		code = member_pem_or_base64(e, value, "ak", &e->ak, err);
	value = json_object_get(object, "ek_certificate");
	if (!code && value)
		code = member_pem_or_base64(e, value, "ek_certificate", &e->ek_certificate, err);
	if (!code)
		code = certificates_from(e, json_object_get(object, "ak_certificate"), err);
	any = json_object_get(object, "pcrs");
	q->has_pcrs = any;
	if (code || !any)
		return code;
	if (json_is_object(any))
		return pcrs_from_object(e, any, &q->pcrs, err);
	code = member_base64(e, object, "pcrs", false, &file, err);
	return code ? code : tpm_pcrs_from_tools(file, &q->pcrs, err);
}

static int from_trustee(struct tpm_evidence *e, json_t *object, struct cattest_error *err)
{
	json_t *quote = json_object_get(object, "tpm_quote");
	struct tpm_evidence_quote *q = &e->quote[0];
	int code;

	e->form = "Trustee's JSON";
	e->quote_count = 1;
	q->has_pcrs = true;
	code = member_base64(e, object, "ak_public", false, &e->ak, err);
	if (!code)
		code = member_base64(e, quote, "message", false, &q->message, err);
	if (!code)
		code = member_base64(e, quote, "signature", false, &q->signature, err);
	if (!code)
		code = pcrs_from_list(e, json_object_get(quote, "pcrs"), &q->pcrs, err);
	return code;
}

static int from_azure(struct tpm_evidence *e, json_t *object, struct cattest_error *err)
{
	struct tpm_evidence_quote *q = &e->quote[0];
	int code;

	e->form = "Azure's quote JSON";
	e->quote_count = 1;
	q->has_pcrs = q->raw_rsa = true;
	code = from_hex(e, json_object_get(object, "message"), 1, 4096, "\"message\"", &q->message,
			err);
	if (!code)
		code = from_hex(e, json_object_get(object, "signature"), 1, 512, "\"signature\"",
				&q->signature, err);
	if (!code)
		code = pcrs_from_list(e, json_object_get(object, "pcrs"), &q->pcrs, err);
	return code;
}

/* crypto.Hash of Go; 0: none that is known here. */
static uint16_t hash_of_go(json_int_t number)
{
	return number == 3   ? TPM_SHA1
	       : number == 5 ? TPM_SHA256
	       : number == 6 ? TPM_SHA384
	       : number == 7 ? TPM_SHA512
			     : 0;
}

static int pcrs_from_go(struct tpm_evidence *e, const json_t *list, struct tpm_pcrs *ret,
			struct cattest_error *err)
{
	json_t *pcr;
	size_t i;

	json_array_foreach(list, i, pcr) {
		json_int_t n = json_integer_value(json_object_get(pcr, "Index"));
		uint16_t hash = hash_of_go(json_integer_value(json_object_get(pcr, "DigestAlg")));
		struct span value = { 0 };
		int code = member_base64(e, pcr, "Digest", false, &value, err);

		if (code)
			return code;
		if (!json_is_integer(json_object_get(pcr, "Index")) || n < 0 ||
		    n >= TPM_PCR_COUNT || !hash || value.size != tpm_hash_size(hash) ||
		    ret->value[tpm_bank_index(hash)][n].size)
			return fail(
				err, -EBADMSG,
				"tpm: element %zu of \"PCRs\" is no register's value, or one that was there before",
				i);
		ret->value[tpm_bank_index(hash)][n] = value;
	}
	return 0;
}

static int quote_from_go(struct tpm_evidence *e, const json_t *quote, struct cattest_error *err)
{
	struct tpm_evidence_quote *q = &e->quote[e->quote_count];
	int code;

	if (e->quote_count == TPM_QUOTES_MAX)
		return fail(err, -EBADMSG, "tpm: more than %d quotes", TPM_QUOTES_MAX);
	code = member_base64(e, quote, "Quote", false, &q->message, err);
	if (!code)
		code = member_base64(e, quote, "Signature", false, &q->signature, err);
	e->quote_count++;
	return code;
}

/* quotes: one, or a list */
static int from_go(struct tpm_evidence *e, const json_t *ak, const json_t *quotes,
		   const json_t *pcrs, const json_t *log, struct cattest_error *err)
{
	struct tpm_pcrs values = { 0 };
	int code = member_base64(e, ak, "Public", false, &e->ak, err);

	e->form = "go-attestation's JSON";
	if (json_is_object(quotes) && !code)
		code = quote_from_go(e, quotes, err);
	for (size_t i = 0; !code && i < json_array_size(quotes); i++)
		code = quote_from_go(e, json_array_get(quotes, i), err);
	if (!code && !e->quote_count)
		code = fail(err, -EBADMSG, "tpm: \"Quotes\" has none");
	if (!code && json_is_string(log))
		code = from_base64(e, json_string_value(log), json_string_length(log), "the log",
				   &e->event_log, err);
	if (!code)
		code = pcrs_from_go(e, pcrs, &values, err);
	for (size_t i = 0; i < e->quote_count; i++) {
		e->quote[i].pcrs = values;
		e->quote[i].has_pcrs = json_is_array(pcrs);
	}
	return code;
}

/* TPMVersion of go-attestation: 1 is TPM 1.2, whose quotes are other structures. */
static int from_go_dump(struct tpm_evidence *e, json_t *object, struct cattest_error *err)
{
	const json_t *log = json_object_get(object, "Log");

	if (json_integer_value(json_object_get(json_object_get(object, "Static"), "TPMVersion")) ==
	    1)
		return fail(err, -ENOTSUP, "tpm: a quote of a TPM 1.2, which is not judged here");
	return from_go(e, json_object_get(object, "AK"), json_object_get(object, "Quote"),
		       json_object_get(log, "PCRs"), json_object_get(log, "Raw"), err);
}

#define JSON_DEPTH_MAX 4

/*
 * Cheap, since every text in JSON is asked: an object, and somewhere the name that each of our
 * forms has ("quote" or "tpm_quote", "Quote" or "Quotes", or "message").
 */
static bool looks_like_object(struct span in)
{
	size_t at = 0;

	while (at < in.size && (in.data[at] == ' ' || in.data[at] == '\n' || in.data[at] == '\r' ||
				in.data[at] == '\t'))
		at++;
	return at < in.size && in.data[at] == '{' && in.size <= TPM_JSON_MAX &&
	       (memmem(in.data, in.size, "quote\"", 6) || memmem(in.data, in.size, "\"Quote", 6) ||
		memmem(in.data, in.size, "\"message\"", 9));
}

int tpm_evidence_from_json(struct span in, struct tpm_evidence *e, struct cattest_error *err)
{
	json_t *object;

	if (!looks_like_object(in))
		return -ENOENT;
	object = json_read(in.data, in.size, JSON_DEPTH_MAX, NULL);
	if (!object)
		return -ENOENT;
	e->json = object;
	if (json_is_string(json_object_get(object, "quote")) &&
	    json_is_string(json_object_get(object, "signature")))
		return from_ours(e, object, err);
	if (json_is_object(json_object_get(object, "tpm_quote")) &&
	    json_is_string(json_object_get(object, "ak_public")))
		return from_trustee(e, object, err);
	if (json_object_size(object) == 3 && json_is_string(json_object_get(object, "message")) &&
	    json_is_string(json_object_get(object, "signature")) &&
	    json_is_array(json_object_get(object, "pcrs")))
		return from_azure(e, object, err);
	if (json_is_string(json_object_get(object, "Public")) &&
	    json_is_array(json_object_get(object, "Quotes")))
		return from_go(e, object, json_object_get(object, "Quotes"),
			       json_object_get(object, "PCRs"), json_object_get(object, "EventLog"),
			       err);
	if (json_is_object(json_object_get(object, "Static")) &&
	    json_is_object(json_object_get(object, "AK")) &&
	    json_is_object(json_object_get(object, "Quote")))
		return from_go_dump(e, object, err);
	return -ENOENT;
}

int tpm_evidence_from_keylime(struct span in, struct tpm_evidence *e, struct cattest_error *err)
{
	static const char *const names[] = { "quote", "signature", "pcrs" };
	struct tpm_evidence_quote *q = &e->quote[0];
	struct span parts[3] = { 0 };
	size_t at = 1, end;

	while (in.size && (in.data[in.size - 1] == '\n' || in.data[in.size - 1] == '\r'))
		in.size--;
	/* The quote's first bytes, ff 54 43 47, in base64 */
	if (in.size < 16 || in.size > TPM_JSON_MAX || !span_starts(in, "r/1RDR", 6))
		return -ENOENT;
	for (size_t i = 0; i < 3; i++, at = end + 1) {
		int code;

		if (at > in.size)
			return fail(err, -EBADMSG, "tpm: a Keylime quote has three parts");
		for (end = at; end < in.size && in.data[end] != ':'; end++)
			;
		code = from_base64(e, (const char *)in.data + at, end - at, names[i], &parts[i],
				   err);
		if (code)
			return code;
	}
	if (at <= in.size)
		return fail(err, -EBADMSG, "tpm: a Keylime quote has three parts");
	e->form = "Keylime's quote";
	e->quote_count = 1;
	q->message = parts[0];
	q->signature = parts[1];
	q->has_pcrs = true;
	return tpm_pcrs_from_tools(parts[2], &q->pcrs, err);
}

/*
 * tpm2-tools, lib/pcr.c: TPML_PCR_SELECTION as it lies in memory (u32 count, 16 of {u16 hash, u8
 * size, u8 bits[4], u8 padding}), u32 count of lists, lists {u32 count, 8 of {u16 size, u8
 * bytes[64]}}; since 4.2 all little endian. Values follow the selection's order.
 */
int tpm_pcrs_from_tools(struct span in, struct tpm_pcrs *ret_pcrs, struct cattest_error *err)
{
	struct cursor c = CURSOR(in), values;
	uint32_t count = take_le32(&c), lists, in_list = 0;
	struct tpm_selection selection[16];
	struct tpm_pcrs pcrs = { 0 };

	for (size_t i = 0; i < 16; i++) {
		selection[i].hash = take_le16(&c);
		take_u8(&c);
		selection[i].mask = take_le32(&c);
		take_u8(&c);
	}
	lists = take_le32(&c);
	if (c.bad || count > 16 || lists > 64 || cursor_left(&c) != lists * 532u)
		return fail(err, -EBADMSG, "tpm: the PCR values are no file of tpm2_quote --pcr");
	values = CURSOR(((struct span){ NULL, 0 }));
	for (uint32_t i = 0; i < count; i++) {
		int bank = tpm_bank_index(selection[i].hash);

		if ((selection[i].mask && bank < 0) || selection[i].mask >> TPM_PCR_COUNT)
			return fail(err, -ENOTSUP,
				    "tpm: the PCR values are of a bank that is not known here");
		for (unsigned n = 0; n < TPM_PCR_COUNT; n++) {
			struct span slot;
			size_t size;

			if (!(selection[i].mask >> n & 1))
				continue;
			if (!in_list) {
				values = CURSOR(take(&c, 532));
				in_list = take_le32(&values);
			}
			size = take_le16(&values);
			slot = take(&values, 64);
			if (values.bad || !in_list || in_list > 8 ||
			    size != tpm_hash_size(selection[i].hash))
				return fail(err, -EBADMSG,
					    "tpm: the PCR values do not fit their selection");
			in_list--;
			pcrs.value[bank][n] = SPAN(slot.data, size);
		}
	}
	if (in_list || cursor_left(&c))
		return fail(err, -EBADMSG, "tpm: more PCR values than the selection has");
	*ret_pcrs = pcrs;
	return 0;
}
