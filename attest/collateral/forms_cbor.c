/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A quote and its collateral in one CBOR map, as Oasis keeps them: {quote: bytes, tcb: {certs: PEM, tcb_info: {tcb_info: body, signature:
 * hex}, qe_id: {enclave_identity: body, signature: hex}}}. The quote is evidence and not looked at here.
 */
#include "attest/collateral/collateral_internal.h"
#include "lib/cbor/cbor.h"

#include <errno.h>

/* The member's bytes of a map that the reader stands on. */
static bool map_bytes(struct cbor map, const char *name, enum cbor_type type,
		      struct span *ret_bytes)
{
	struct cbor_item head, item;
	struct cbor value;

	if (!cbor_expect(&map, CBOR_MAP, &head) ||
	    !cbor_map_find_text(&map, head.number, name, &value) ||
	    !cbor_expect(&value, type, &item))
		return false;
	*ret_bytes = SPAN(item.data, item.size);
	return true;
}

static bool map_map(struct cbor map, const char *name, struct cbor *ret_value)
{
	struct cbor_item head;

	return cbor_expect(&map, CBOR_MAP, &head) &&
	       cbor_map_find_text(&map, head.number, name, ret_value);
}

static int read_signed(struct reading *r, struct cbor tcb, const char *member,
		       const char *body_name, enum intel_json_kind kind,
		       const struct x509_list *chain)
{
	struct span body, signature;
	struct cbor object;
	uint8_t rs[64];

	if (!map_map(tcb, member, &object) || !map_bytes(object, body_name, CBOR_BYTES, &body) ||
	    !map_bytes(object, "signature", CBOR_TEXT, &signature) ||
	    hex_parse((const char *)signature.data, signature.size, rs, sizeof(rs)))
		return fail(r->err, -EBADMSG, "%s: \"%s\" of the bundle is missing or malformed",
			    r->origin, member);
	return read_intel_json(r, kind, body, rs, chain);
}

int read_cbor_bundle(struct reading *r, struct span data)
{
	struct x509_list chain = { .count = 0 };
	struct cbor bundle, tcb;
	struct span certs;
	int ret;

	if (!cbor_well_formed(data.data, data.size, false))
		return fail(r->err, -EBADMSG, "%s: is not well-formed CBOR", r->origin);
	cbor_init(&bundle, data.data, data.size);
	if (!map_map(bundle, "tcb", &tcb) || !map_bytes(tcb, "certs", CBOR_BYTES, &certs))
		return fail(r->err, -ENOTSUP, "%s: is CBOR of no form of collateral that is known",
			    r->origin);
	ret = read_x509(r, certs, &chain);
	if (!ret)
		ret = read_signed(r, tcb, "tcb_info", "tcb_info", INTEL_TCB_INFO, &chain);
	if (!ret)
		ret = read_signed(r, tcb, "qe_id", "enclave_identity", INTEL_QE_IDENTITY, &chain);
	x509_list_done(&chain);
	return ret;
}
