/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether evidence just collected is bound to what was asked: a guard against stale files and
 * against others who use the same interface at the same time, not a verification. Offsets: SGX and
 * TDX quote formats (DCAP quote library), SEV-SNP ABI, table "ATTESTATION_REPORT".
 */
#include "attest/collect/collect.h"

#include <errno.h>

#define QUOTE_HEADER 48
#define SGX_REPORT_DATA 320 /* in the report body */
#define TD_REPORT_DATA 520  /* in the TD report body */
#define TEE_TDX 0x81
#define SNP_REPORT_SIZE 1184
#define SNP_REPORT_DATA 0x50

/* Offset of the report data in a quote; 0: not a form known here. */
static size_t quote_offset(struct span in)
{
	struct cursor c = CURSOR(in);
	uint16_t version = take_le16(&c), key_type = take_le16(&c), body_type;
	uint32_t tee = take_le32(&c);

	if (c.bad || key_type < 2 || key_type > 3 || (tee && tee != TEE_TDX))
		return 0;
	if (version == 3)
		return tee ? 0 : QUOTE_HEADER + SGX_REPORT_DATA;
	if (version == 4)
		return QUOTE_HEADER + (tee ? TD_REPORT_DATA : SGX_REPORT_DATA);
	if (version != 5)
		return 0;
	take(&c, QUOTE_HEADER - 8);
	body_type = take_le16(&c);
	/* u16 type and u32 size stand before the body. */
	return c.bad || !body_type || body_type > 4
		       ? 0
		       : QUOTE_HEADER + 6 + (body_type == 1 ? SGX_REPORT_DATA : TD_REPORT_DATA);
}

static size_t snp_offset(struct span in)
{
	struct cursor c = CURSOR(in);
	uint32_t version = take_le32(&c);

	/* signature algorithm at 0x34: 1, ECDSA P-384 */
	take(&c, 0x30);
	return in.size >= SNP_REPORT_SIZE && version >= 2 && version <= 5 && take_le32(&c) == 1
		       ? SNP_REPORT_DATA
		       : 0;
}

int collect_check_bound(const char *what, struct span evidence, const uint8_t report_data[64],
			struct cattest_error *err)
{
	/*
	 * An SNP report of version 3 to 5 starts with the same two bytes as a quote, but has 0 as
	 * its "key type".
	 */
	size_t offset = quote_offset(evidence);

	if (!offset)
		offset = snp_offset(evidence);
	if (!offset)
		return 0;
	if (evidence.size < offset + 64)
		return fail(err, -EBADMSG, "%s: the evidence is cut short (%zu bytes)", what,
			    evidence.size);
	if (!bytes_equal(evidence.data + offset, report_data, 64))
		return fail(
			err, -EBADMSG,
			"%s: the evidence is bound to other data than was asked: somebody else uses the same interface, or it is stale",
			what);
	return 0;
}
