/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endorsements as Open Enclave packs them (its attestation.h and endorsements.h): what the DCAP client gave, at offsets. Little endian.
 *
 *   [ version 3 | format 16 | size 8 ]                      oe_attestation_header_t, if it was asked for
 *   version 1 | enclave type | size of the rest | 9 | 9 offsets, from the end of the offsets | the parts
 *   parts: version (1), TCB info, its chain, PCK CRL, root CA's CRL, CRLs' chain, QE identity, its chain, time of making
 *
 * The parts follow one another: each ends where the next begins. They are C's strings or DER, and are verified as all collateral is; the
 * time of making is nobody's word and not looked at.
 */
#include "attest/collateral/collateral_internal.h"

#include <errno.h>

#define PARTS 9
#define HEADER_VERSION 3
#define ENDORSEMENTS_VERSION 1

enum {
	PART_VERSION,
	PART_TCB_INFO,
	PART_TCB_CHAIN,
	PART_PCK_CRL,
	PART_ROOT_CRL,
	PART_CRL_CHAIN,
	PART_QE_IDENTITY,
	PART_QE_CHAIN,
};

/* Without oe_attestation_header_t, if it is there and of this size. */
static struct span without_header(struct span data)
{
	struct cursor c = CURSOR(data);

	if (take_le32(&c) != HEADER_VERSION)
		return data;
	take(&c, 16);
	if (take_le64(&c) != cursor_left(&c) || c.bad)
		return data;
	return take(&c, cursor_left(&c));
}

bool open_enclave_detect(struct span data)
{
	struct cursor c = CURSOR(without_header(data));
	uint32_t version = take_le32(&c), size, parts;

	take_le32(&c);
	size = take_le32(&c);
	parts = take_le32(&c);
	return !c.bad && version == ENDORSEMENTS_VERSION && size == cursor_left(&c) &&
	       parts == PARTS;
}

static int read_body(struct reading *r, struct span body, struct span chain_text)
{
	struct x509_list chain = { .count = 0 };
	int ret = read_x509(r, chain_text, &chain);

	while (body.size && !body.data[body.size - 1])
		body.size--;
	if (!ret)
		ret = read_pcs_json(r, body, &chain);
	x509_list_done(&chain);
	return ret;
}

int read_open_enclave(struct reading *r, struct span data)
{
	struct cursor c = CURSOR(without_header(data)), version;
	uint32_t offsets[PARTS + 1];
	struct span rest, parts[PARTS];
	int ret;

	take(&c, 4 * sizeof(uint32_t));
	for (size_t i = 0; i < PARTS; i++)
		offsets[i] = take_le32(&c);
	rest = take(&c, cursor_left(&c));
	if (c.bad)
		return fail(r->err, -EBADMSG, "%s: endorsements end early", r->origin);
	offsets[PARTS] = (uint32_t)rest.size;
	for (size_t i = 0; i < PARTS; i++) {
		if (offsets[i] > offsets[i + 1] || offsets[i + 1] > rest.size || (!i && offsets[0]))
			return fail(r->err, -EBADMSG, "%s: endorsements with parts out of order",
				    r->origin);
		parts[i] = SPAN(rest.data + offsets[i], offsets[i + 1] - offsets[i]);
	}
	version = CURSOR(parts[PART_VERSION]);
	if (take_le32(&version) != ENDORSEMENTS_VERSION || version.bad || cursor_left(&version))
		return fail(r->err, -ENOTSUP, "%s: endorsements of an unknown version", r->origin);
	ret = read_x509(r, parts[PART_CRL_CHAIN], NULL);
	if (!ret)
		ret = read_x509(r, parts[PART_PCK_CRL], NULL);
	if (!ret)
		ret = read_x509(r, parts[PART_ROOT_CRL], NULL);
	if (!ret)
		ret = read_body(r, parts[PART_TCB_INFO], parts[PART_TCB_CHAIN]);
	return ret ? ret : read_body(r, parts[PART_QE_IDENTITY], parts[PART_QE_CHAIN]);
}
