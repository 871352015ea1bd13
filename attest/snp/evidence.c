/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forms that SNP evidence comes in, brought to one: the report's 1184 bytes and a list of
 * certificates.
 *
 *   report                      what /dev/sev-guest and configfs-tsm's outblob give
 *   report || table             outblob || auxblob: "extended" reports with a certificate table,
 *                               and what Cloister's own attester makes
 *   SNP_GET_REPORT's answer     status u32, size u32, 24 bytes, report at 0x20, zeroes
 *                               (MSG_REPORT_RSP, AMD 56860)
 *   {"attestation_report",      of Trustee and its guests: the report field by field (or as one
 *    "cert_chain"}              text in hex or base64), certificates as {"cert_type", "data"}
 *
 * Field by field means that the signed bytes are put together again here; bytes that have no field
 * are zero, as the specification says of them. A field that is not known, or does not fit, is an
 * error: it would change what is signed.
 */
#include "attest/snp/snp.h"

#include <errno.h>
#include <stdlib.h>

#define RESPONSE_HEAD 0x20u
#define CERTIFICATE_MAX 65536u

struct field {
	const char *name;
	unsigned short offset, size;
	bool number;
};

static const struct field fields[] = {
	{ "version", 0x000, 4, true },
	{ "guest_svn", 0x004, 4, true },
	{ "policy", 0x008, 8, true },
	{ "family_id", 0x010, 16, false },
	{ "image_id", 0x020, 16, false },
	{ "vmpl", 0x030, 4, true },
	{ "sig_algo", 0x034, 4, true },
	{ "plat_info", 0x040, 8, true },
	{ "key_info", 0x048, 4, true },
	{ "_author_key_en", 0x048, 4, true }, /* until version 5 of the sev crate */
	{ "report_data", 0x050, 64, false },
	{ "measurement", 0x090, 48, false },
	{ "host_data", 0x0c0, 32, false },
	{ "id_key_digest", 0x0e0, 48, false },
	{ "author_key_digest", 0x110, 48, false },
	{ "report_id", 0x140, 32, false },
	{ "report_id_ma", 0x160, 32, false },
	{ "cpuid_fam_id", 0x188, 1, true },
	{ "cpuid_mod_id", 0x189, 1, true },
	{ "cpuid_step", 0x18a, 1, true },
	{ "chip_id", 0x1a0, 64, false },
	{ "current_build", 0x1e8, 1, true },
	{ "current_minor", 0x1e9, 1, true },
	{ "current_major", 0x1ea, 1, true },
	{ "committed_build", 0x1ec, 1, true },
	{ "committed_minor", 0x1ed, 1, true },
	{ "committed_major", 0x1ee, 1, true },
	{ "launch_mit_vector", 0x1f8, 8, true },
	{ "current_mit_vector", 0x200, 8, true },
};
static const struct field version_fields[] = {
	{ "build", 0, 1, true },
	{ "minor", 1, 1, true },
	{ "major", 2, 1, true },
};
static const struct field signature_fields[] = {
	{ "r", 0, 72, false },
	{ "s", 72, 72, false },
};
static const struct field tcb_fields[2][6] = {
	{ { "bootloader", 0, 1, true },
	  { "tee", 1, 1, true },
	  { "snp", 6, 1, true },
	  { "microcode", 7, 1, true } },
	{ { "fmc", 0, 1, true },
	  { "bootloader", 1, 1, true },
	  { "tee", 2, 1, true },
	  { "snp", 3, 1, true },
	  { "microcode", 7, 1, true } },
};

enum nested { TCB, VERSION, SIGNATURE };
static const struct {
	const char *name;
	unsigned short offset;
	enum nested kind;
} nested_fields[] = {
	{ "current_tcb", 0x038, TCB },	   { "reported_tcb", 0x180, TCB },
	{ "committed_tcb", 0x1e0, TCB },   { "current", 0x1e8, VERSION },
	{ "committed", 0x1ec, VERSION },   { "launch_tcb", 0x1f0, TCB },
	{ "signature", 0x2a0, SIGNATURE },
};

static int put_field(const struct field *f, const json_t *value, uint8_t *out)
{
	uint8_t *data;
	size_t size;
	int r;

	if (f->number) {
		json_int_t number = json_integer_value(value);

		if (!json_is_integer(value) || number < 0 ||
		    (f->size < 8 && number >> (8 * f->size)))
			return -EBADMSG;
		for (size_t i = 0; i < f->size; i++)
			out[f->offset + i] = (uint8_t)((uint64_t)number >> (8 * i));
		return 0;
	}
	r = snp_json_bytes(value, SNP_JSON_HEX, f->size, &data, &size);
	if (r < 0)
		return r;
	if (size == f->size)
		memcpy(out + f->offset, data, size);
	else
		r = -EBADMSG;
	free(data);
	return r;
}

static const struct field *find_field(const struct field *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].name && !strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

/*
 * Names that begin with "_reserved" are zeroes by specification; they hold nothing else in what
 * writes them.
 */
static bool reserved_zero(const char *name, const json_t *value)
{
	return !strncmp(name, "_reserved", 9) && snp_json_zeroes(value);
}

static int put_members(const struct field *list, size_t count, const json_t *object, uint8_t *out,
		       struct cattest_error *err)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return fail(err, -EBADMSG,
			    "attestation_report: an object is expected where something else is");
	json_object_foreach((json_t *)(uintptr_t)object, name, value) {
		const struct field *f = find_field(list, count, name);
		char text[64];

		if (json_is_null(value) || reserved_zero(name, value))
			continue;
		if (!f || put_field(f, value, out) < 0)
			return fail(err, -EBADMSG, "attestation_report: member %s is %s",
				    safe_text(SPAN(name, strlen(name)), text, sizeof(text)),
				    f ? "malformed" : "not known");
	}
	return 0;
}

static int put_nested(size_t index, const json_t *value, bool turin, uint8_t *report,
		      struct cattest_error *err)
{
	uint8_t *out = report + nested_fields[index].offset;

	switch (nested_fields[index].kind) {
	case TCB:
		return put_members(tcb_fields[turin], 6, value, out, err);
	case VERSION:
		return put_members(version_fields, 3, value, out, err);
	case SIGNATURE:
		return put_members(signature_fields, 2, value, out, err);
	}
	return -EBADMSG;
}

/* Which TCB layout its writer used shows in the components: only Turin's has an fmc. */
static bool has_fmc(const json_t *report)
{
	return json_is_integer(json_object_get(json_object_get(report, "reported_tcb"), "fmc"));
}

static int report_of_members(const json_t *object, uint8_t *report, struct cattest_error *err)
{
	bool turin = has_fmc(object);
	const char *name;
	json_t *value;
	int r;

	json_object_foreach((json_t *)(uintptr_t)object, name, value) {
		const struct field *f =
			find_field(fields, sizeof(fields) / sizeof(fields[0]), name);
		size_t i = 0, count = sizeof(nested_fields) / sizeof(nested_fields[0]);
		char text[64];

		while (i < count && strcmp(nested_fields[i].name, name))
			i++;
		if (json_is_null(value) || (i == count && !f && reserved_zero(name, value)))
			continue;
		if (i < count)
			r = put_nested(i, value, turin, report, err);
		else if (!f || put_field(f, value, report) < 0)
			return fail(err, -EBADMSG, "attestation_report: member %s is %s",
				    safe_text(SPAN(name, strlen(name)), text, sizeof(text)),
				    f ? "malformed" : "not known");
		else
			r = 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static void own(struct snp_evidence *e, uint8_t *data)
{
	e->decoded[e->decoded_count++] = data;
}

static int json_report(const json_t *value, struct snp_evidence *e, struct cattest_error *err)
{
	uint8_t *report;
	size_t size;
	int r;

	if (!json_is_object(value)) {
		enum snp_json_form form = json_string_length(value) == 2 * SNP_REPORT_SIZE
						  ? SNP_JSON_HEX
						  : SNP_JSON_BASE64;

		r = snp_json_bytes(value, form, SNP_REPORT_SIZE, &report, &size);
		if (r < 0)
			return fail(
				err, r,
				"attestation_report is neither an object nor the bytes of a report");
		own(e, report);
		e->report = SPAN(report, size);
		return 0;
	}
	report = calloc(1, SNP_REPORT_SIZE);
	if (!report)
		return fail(err, -ENOMEM, "out of memory");
	own(e, report);
	e->report = SPAN(report, SNP_REPORT_SIZE);
	return report_of_members(value, report, err);
}

/*
 * What an entry is: "VCEK" and so on, "Empty", or {"OTHER": uuid}, as the sev crate writes them. A name that
 * is none of these is an error, not an entry to pass over: the key would seem to be missing.
 */
static bool kind_of_name(const json_t *name, enum snp_entry_kind *ret_kind)
{
	const char *text = json_string_value(name);

	*ret_kind = SNP_ENTRY_OTHER;
	if (json_is_object(name))
		return json_object_size(name) == 1 &&
		       json_is_string(json_object_get(name, "OTHER"));
	for (enum snp_entry_kind k = SNP_ENTRY_VCEK; text && k <= SNP_ENTRY_CRL; k++)
		if (!strcmp(text, snp_entry_name(k))) {
			*ret_kind = k;
			return true;
		}
	return text && !strcmp(text, "Empty");
}

static int json_chain(const json_t *chain, struct snp_evidence *e, struct cattest_error *err)
{
	size_t i;
	json_t *item;

	if (!chain || json_is_null(chain))
		return 0;
	if (!json_is_array(chain) || json_array_size(chain) > SNP_TABLE_MAX)
		return fail(err, -EBADMSG,
			    "cert_chain is no list, or one of more than %u certificates",
			    SNP_TABLE_MAX);
	json_array_foreach(chain, i, item) {
		struct snp_entry *entry = &e->table.entries[e->table.count];
		uint8_t *data;
		size_t size;
		int r;

		if (json_object_size(item) != 2 ||
		    !kind_of_name(json_object_get(item, "cert_type"), &entry->kind))
			return fail(
				err, -EBADMSG,
				"cert_chain: entry %zu is not {cert_type, data} of a type known here",
				i);
		r = snp_json_bytes(json_object_get(item, "data"), SNP_JSON_BASE64, CERTIFICATE_MAX,
				   &data, &size);
		if (r < 0)
			return fail(err, r, "cert_chain: the data of entry %zu is malformed", i);
		own(e, data);
		entry->data = SPAN(data, size);
		e->table.count++;
	}
	return 0;
}

static int parse_json(struct span in, struct snp_evidence *e, struct cattest_error *err)
{
	json_t *root = snp_json_load(in, "SNP evidence", err), *report, *value;
	const char *name;
	int r = 0;

	if (!root)
		return -EBADMSG;
	json_object_foreach(root, name, value)
		if (!strcmp(name, "serial_number"))
			r = fail(err, -ENOTSUP,
				 "this is evidence of Hygon CSV, which is not judged here");
		else if (!r && strcmp(name, "attestation_report") && strcmp(name, "cert_chain"))
			r = fail(
				err, -EBADMSG,
				"SNP evidence has a member that is neither attestation_report nor cert_chain");
	report = json_object_get(root, "attestation_report");
	if (!r)
		r = report ? json_report(report, e, err)
			   : fail(err, -EBADMSG, "SNP evidence has no attestation_report");
	if (!r)
		r = json_chain(json_object_get(root, "cert_chain"), e, err);
	json_decref(root);
	return r;
}

static bool is_response(struct span in)
{
	static const uint8_t size[4] = { SNP_REPORT_SIZE & 0xff, SNP_REPORT_SIZE >> 8, 0, 0 };

	return in.size >= RESPONSE_HEAD + SNP_REPORT_SIZE && !memcmp(in.data + 4, size, 4) &&
	       span_is_zero(SPAN(in.data + 8, 24));
}

static int parse_response(struct span in, struct snp_evidence *e, struct cattest_error *err)
{
	struct cursor c = CURSOR(in);
	uint32_t status = take_le32(&c);

	if (status)
		return fail(err, -EBADMSG,
			    "SNP_GET_REPORT's answer has status 0x%x: the firmware made no report",
			    status);
	take(&c, RESPONSE_HEAD - 4);
	e->report = take(&c, SNP_REPORT_SIZE);
	if (!span_is_zero(take(&c, cursor_left(&c))))
		return fail(err, -EBADMSG, "SNP_GET_REPORT's answer goes on behind the report");
	return 0;
}

bool snp_json_like(struct span in)
{
	size_t i = 0;

	while (i < in.size && (in.data[i] == ' ' || in.data[i] == '\t' || in.data[i] == '\r' ||
			       in.data[i] == '\n'))
		i++;
	return i < in.size && in.data[i] == '{';
}

int snp_evidence_parse(struct span in, struct snp_evidence *ret_evidence, struct cattest_error *err)
{
	struct snp_evidence e = { .decoded_count = 0 };
	int r;

	if (snp_json_like(in)) {
		r = parse_json(in, &e, err);
	} else if (is_response(in)) {
		r = parse_response(in, &e, err);
	} else if (in.size < SNP_REPORT_SIZE) {
		r = fail(err, -EBADMSG, "SNP evidence of %zu bytes: a report has %u", in.size,
			 SNP_REPORT_SIZE);
	} else {
		e.report = SPAN(in.data, SNP_REPORT_SIZE);
		r = in.size == SNP_REPORT_SIZE ? 0
					       : snp_table_parse(SPAN(in.data + SNP_REPORT_SIZE,
								      in.size - SNP_REPORT_SIZE),
								 &e.table, err);
	}
	if (r < 0) {
		snp_evidence_done(&e);
		return r;
	}
	*ret_evidence = e;
	return 0;
}

void snp_evidence_done(struct snp_evidence *evidence)
{
	for (size_t i = 0; i < evidence->decoded_count; i++)
		free(evidence->decoded[i]);
	evidence->decoded_count = 0;
}

/* --- The evidence type --- */

static bool snp_detect(struct span in)
{
	struct cursor c = CURSOR(in);
	uint32_t version;

	if (snp_json_like(in))
		return in.size <= SNP_JSON_MAX &&
		       memmem(in.data, in.size, "\"attestation_report\"", 20);
	if (is_response(in))
		return true;
	version = take_le32(&c);
	/*
	 * Versions not known here too, so that they are refused by name; a quote of Intel's has its
	 * key's type in these bytes.
	 */
	return in.size >= SNP_REPORT_SIZE && version >= 2 && version < 16;
}

static int snp_appraise_evidence(struct appraisal *a, struct span in)
{
	struct snp_evidence evidence;
	struct snp_request request = { .bound = true };
	int r = snp_evidence_parse(in, &evidence, a->err);

	if (r < 0)
		return r;
	request.report = evidence.report;
	request.table = &evidence.table;
	r = snp_appraise(a, &request);
	snp_evidence_done(&evidence);
	return r;
}

const struct evidence_type snp_report_type = {
	.name = "snp-report",
	.meaning = "AMD SEV-SNP attestation report, with or without its certificates",
	.detect = snp_detect,
	.appraise = snp_appraise_evidence,
};
