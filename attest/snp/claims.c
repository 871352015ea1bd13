/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an SNP report states, as claims. TCB_VERSION as one number is its eight bytes little endian,
 * as the specification prints it; the components of the reported one are claimed by name too, since
 * which byte is which depends on the product. A report of version 2 names no product, and no
 * product of Turin's layout makes version 2. snp.product, snp.csp_id and report_data are claimed by
 * verify.c.
 */
#include "attest/snp/snp.h"

#include <stdio.h>

static uint64_t number_le(struct span s)
{
	struct cursor c = CURSOR(s);

	return take_le(&c, s.size);
}

struct flag {
	const char *name;
	unsigned bit;
};

/* AMD 56860, section 4.3 "Guest Policy" */
static const struct flag policy_flags[] = {
	{ "snp.policy.smt", 16 },
	{ "snp.policy.migrate_ma", 18 },
	{ "debug", 19 },
	{ "snp.policy.single_socket", 20 },
	{ "snp.policy.cxl", 21 },
	{ "snp.policy.mem_aes_256_xts", 22 },
	{ "snp.policy.rapl_dis", 23 },
	{ "snp.policy.ciphertext_hiding", 24 },
	{ "snp.policy.page_swap_disable", 25 },
};

/* AMD 56860, table "PLATFORM_INFO" */
static const struct flag platform_flags[] = {
	{ "snp.platform.smt", 0 },
	{ "snp.platform.tsme", 1 },
	{ "snp.platform.ecc", 2 },
	{ "snp.platform.rapl_dis", 3 },
	{ "snp.platform.ciphertext_hiding", 4 },
	{ "snp.platform.alias_check", 5 },
	{ "snp.platform.tio", 7 },
};

static void claim_flags(struct appraisal *a, uint64_t word, const struct flag *flags, size_t count)
{
	for (size_t i = 0; i < count; i++)
		claim_bool(a, flags[i].name, word >> flags[i].bit & 1);
}

static void claim_version(struct appraisal *a, const char *name, struct snp_version v)
{
	char text[16];

	snprintf(text, sizeof(text), "%u.%u.%u", v.major, v.minor, v.build);
	claim_string(a, name, text);
}

static void claim_tcb(struct appraisal *a, const struct snp_report *r)
{
	const struct snp_tcb_layout *layout = snp_tcb_layout(r->product);
	const uint8_t *tcb = r->reported_tcb.data;

	claim_uint(a, "snp.tcb.current", number_le(r->current_tcb));
	claim_uint(a, "snp.tcb.reported", number_le(r->reported_tcb));
	claim_uint(a, "snp.tcb.committed", number_le(r->committed_tcb));
	claim_uint(a, "snp.tcb.launch", number_le(r->launch_tcb));
	if (layout->fmc >= 0)
		claim_uint(a, "snp.tcb.fmc", tcb[layout->fmc]);
	claim_uint(a, "snp.tcb.bootloader", tcb[layout->bootloader]);
	claim_uint(a, "snp.tcb.tee", tcb[layout->tee]);
	claim_uint(a, "snp.tcb.snp", tcb[layout->snp]);
	claim_uint(a, "snp.tcb.microcode", tcb[layout->microcode]);
	claim_version(a, "snp.firmware.current", r->current);
	claim_version(a, "snp.firmware.committed", r->committed);
	claim_uint(a, "snp.firmware.current_version", snp_version_number(r->current));
	claim_uint(a, "snp.firmware.committed_version", snp_version_number(r->committed));
	if (r->version >= 5) {
		claim_uint(a, "snp.mit_vector.launch", r->launch_mit_vector);
		claim_uint(a, "snp.mit_vector.current", r->current_mit_vector);
	}
}

void snp_report_claims(struct appraisal *a, const struct snp_report *r)
{
	claim_uint(a, "snp.version", r->version);
	claim_bytes(a, "snp.measurement", r->measurement);
	claim_bytes(a, "snp.host_data", r->host_data);
	claim_bytes(a, "snp.family_id", r->family_id);
	claim_bytes(a, "snp.image_id", r->image_id);
	claim_uint(a, "snp.guest_svn", r->guest_svn);
	claim_uint(a, "snp.vmpl", r->vmpl);
	claim_uint(a, "snp.policy", r->policy);
	claim_uint(a, "snp.policy.abi_major", r->policy >> 8 & 0xff);
	claim_uint(a, "snp.policy.abi_minor", r->policy & 0xff);
	claim_flags(a, r->policy, policy_flags, sizeof(policy_flags) / sizeof(policy_flags[0]));
	claim_uint(a, "snp.platform_info", r->platform_info);
	claim_flags(a, r->platform_info, platform_flags,
		    sizeof(platform_flags) / sizeof(platform_flags[0]));
	/*
	 * Turin's identity has 8 bytes (AMD 57230, "hwID"); others behind it would be somebody's to
	 * explain, so they are shown.
	 */
	if (r->product == SNP_TURIN && span_is_zero(SPAN(r->chip_id.data + 8, 56)))
		claim_bytes(a, "snp.chip_id", SPAN(r->chip_id.data, 8));
	else
		claim_bytes(a, "snp.chip_id", r->chip_id);
	if (snp_report_signing_key(r) <= SNP_VLEK)
		claim_string(a, "snp.signing_key",
			     snp_report_signing_key(r) == SNP_VLEK ? "VLEK" : "VCEK");
	claim_bool(a, "snp.author_key_en", r->key_info & 1);
	claim_bytes(a, "snp.id_key_digest", r->id_key_digest);
	claim_bytes(a, "snp.author_key_digest", r->author_key_digest);
	claim_bytes(a, "snp.report_id", r->report_id);
	claim_bytes(a, "snp.report_id_ma", r->report_id_ma);
	claim_tcb(a, r);
}
