/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading an SNP attestation report, versions 2 to 5 (AMD 56860, table "ATTESTATION_REPORT"), and
 * what its numbers mean.
 *
 *   version  firmware ABI   has
 *   2        1.51           no CPUID; 0x188..0x19f are zero
 *   3        1.56           CPUID family, model, stepping at 0x188
 *   4        not published  as 3: firmware 1.55.31 on Milan makes it and no field of 3 differs
 *   5        1.58           mitigation vectors at 0x1f8 and 0x200
 *
 * Fields that must be zero are looked at here and judged in verify.c: a set one is something this
 * code has no name for, which must not be taken for nothing. A report of a version above 5 is not
 * read at all: its fields may mean something else.
 */
#include "attest/snp/snp.h"

#include <errno.h>

const char *snp_product_name(enum snp_product product)
{
	static const char *const names[] = { NULL, "Milan", "Genoa", "Turin" };

	return names[product];
}

/* AMD 57230, "product name"; Bergamo and Siena (models a0 to af) have Genoa's keys. */
enum snp_product snp_product_of_cpuid(uint8_t family, uint8_t model)
{
	if (family == 0x19 && model <= 0x0f)
		return SNP_MILAN;
	if (family == 0x19 &&
	    ((model >= 0x10 && model <= 0x1f) || (model >= 0xa0 && model <= 0xaf)))
		return SNP_GENOA;
	if (family == 0x1a && model <= 0x11)
		return SNP_TURIN;
	return SNP_UNKNOWN;
}

enum snp_product snp_product_of_name(struct span name)
{
	static const struct {
		const char *text;
		enum snp_product product;
	} names[] = {
		{ "Milan", SNP_MILAN }, { "Genoa", SNP_GENOA }, { "Bergamo", SNP_GENOA },
		{ "Siena", SNP_GENOA }, { "Turin", SNP_TURIN },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i].text);

		if (span_starts(name, names[i].text, len) &&
		    (name.size == len || name.data[len] == '-'))
			return names[i].product;
	}
	return SNP_UNKNOWN;
}

/* AMD 56860, section 2.2 "TCB Version Structure" */
const struct snp_tcb_layout *snp_tcb_layout(enum snp_product product)
{
	static const struct snp_tcb_layout before_turin = {
		.fmc = -1, .bootloader = 0, .tee = 1, .snp = 6, .microcode = 7
	};
	static const struct snp_tcb_layout turin = {
		.fmc = 0, .bootloader = 1, .tee = 2, .snp = 3, .microcode = 7
	};

	return product == SNP_TURIN ? &turin : &before_turin;
}

uint32_t snp_version_number(struct snp_version v)
{
	return (uint32_t)v.major << 16 | (uint32_t)v.minor << 8 | v.build;
}

static struct snp_version take_version(struct cursor *c, const char *reserved,
				       const char **not_zero)
{
	struct snp_version v;

	v.build = take_u8(c);
	v.minor = take_u8(c);
	v.major = take_u8(c);
	if (take_u8(c) && !*not_zero)
		*not_zero = reserved;
	return v;
}

static void must_be_zero(struct cursor *c, size_t until, const char *name, const char **not_zero)
{
	if (!span_is_zero(take(c, until - c->at)) && !*not_zero)
		*not_zero = name;
}

static void parse_identity(struct cursor *c, struct snp_report *r)
{
	r->guest_svn = take_le32(c);
	r->policy = take_le64(c);
	r->family_id = take(c, 16);
	r->image_id = take(c, 16);
	r->vmpl = take_le32(c);
	r->signature_algorithm = take_le32(c);
	r->current_tcb = take(c, SNP_TCB_SIZE);
	r->platform_info = take_le64(c);
	r->key_info = take_le32(c);
	must_be_zero(c, 0x50, "0x04c..0x04f", &r->not_zero);
	r->report_data = take(c, 64);
	r->measurement = take(c, 48);
	r->host_data = take(c, 32);
	r->id_key_digest = take(c, 48);
	r->author_key_digest = take(c, 48);
	r->report_id = take(c, 32);
	r->report_id_ma = take(c, 32);
	r->reported_tcb = take(c, SNP_TCB_SIZE);
}

int snp_report_parse(struct span in, struct snp_report *ret_report, struct cattest_error *err)
{
	struct snp_report r = { .raw = in };
	struct cursor c = CURSOR(in);

	if (in.size != SNP_REPORT_SIZE)
		return fail(err, -EBADMSG, "an SNP report has %u bytes, this one %zu",
			    SNP_REPORT_SIZE, in.size);
	r.version = take_le32(&c);
	if (r.version < 2 || r.version > 5)
		return fail(err, -ENOTSUP, "SNP report of version %u: known are 2 to 5", r.version);
	parse_identity(&c, &r);
	if (r.version >= 3) {
		r.cpuid_family = take_u8(&c);
		r.cpuid_model = take_u8(&c);
		r.cpuid_stepping = take_u8(&c);
		r.product = snp_product_of_cpuid(r.cpuid_family, r.cpuid_model);
	}
	must_be_zero(&c, 0x1a0, r.version >= 3 ? "0x18b..0x19f" : "0x188..0x19f", &r.not_zero);
	r.chip_id = take(&c, 64);
	r.committed_tcb = take(&c, SNP_TCB_SIZE);
	r.current = take_version(&c, "0x1eb", &r.not_zero);
	r.committed = take_version(&c, "0x1ef", &r.not_zero);
	r.launch_tcb = take(&c, SNP_TCB_SIZE);
	if (r.version >= 5) {
		r.launch_mit_vector = take_le64(&c);
		r.current_mit_vector = take_le64(&c);
	}
	must_be_zero(&c, SNP_SIGNED_SIZE, r.version >= 5 ? "0x208..0x29f" : "0x1f8..0x29f",
		     &r.not_zero);
	r.signature_r = take(&c, 72);
	r.signature_s = take(&c, 72);
	must_be_zero(&c, SNP_REPORT_SIZE, "0x330..0x49f", &r.not_zero);
	if (c.bad)
		return fail(err, -EBADMSG, "SNP report ends early");
	if (r.key_info >> 5 && !r.not_zero)
		r.not_zero = "key_info, bits 5 to 31";
	*ret_report = r;
	return 0;
}

enum snp_signing_key snp_report_signing_key(const struct snp_report *report)
{
	return (enum snp_signing_key)(report->key_info >> 2 & 7);
}

bool snp_report_signature(const struct snp_report *report, uint8_t ret_raw[96])
{
	if (!span_is_zero(SPAN(report->signature_r.data + 48, 24)) ||
	    !span_is_zero(SPAN(report->signature_s.data + 48, 24)))
		return false;
	for (size_t i = 0; i < 48; i++) {
		ret_raw[i] = report->signature_r.data[47 - i];
		ret_raw[48 + i] = report->signature_s.data[47 - i];
	}
	return true;
}
