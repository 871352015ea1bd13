/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endorsements that an attested certificate brings along (TCG 2.23.133.5.4.2, CCC interoperable RA-TLS): Intel's collateral, so that
 * its verifier need not fetch it. It is the peer's word only until it is verified, as all collateral is; so that a peer
 * cannot fill the verifier's bag, or put forged items before good ones for others, it is taken out again afterwards.
 *
 *   60000([ version, TCB info, its chain, PCK CRL, root CA's CRL, CRLs' chain, QE identity, its chain, ? creation time ])
 */
#include "attest/certificate/certificate.h"
#include "attest/collateral/collateral.h"
#include "lib/cbor/cbor.h"

#include <ctype.h>
#include <errno.h>

static const char origin[] = "the certificate's endorsements";

/* The order of addition: chains first, so that what they sign finds its signer. */
static const struct {
	unsigned int place;
	const char *name;
} items[] = { { 2, "TCB info's chain" }, { 7, "QE identity's chain" }, { 5, "CRL's chain" },
	      { 1, "TCB info" },	 { 6, "QE identity" },	       { 3, "PCK CRL" },
	      { 4, "root CA's CRL" } };

static bool is_hex(struct span s)
{
	for (size_t i = 0; i < s.size; i++)
		if (!isxdigit(s.data[i]))
			return false;
	return s.size && s.size % 2 == 0;
}

/* As strings of C some writers end them with a NUL; version 3.0 of Intel's collateral has CRLs in hex. */
static int add_item(struct appraisal *a, struct span data)
{
	struct collateral *bag = verifier_collateral(a->verifier);
	uint8_t *bytes;
	int rc;

	while (data.size && data.data[0] != 0x30 && !data.data[data.size - 1])
		data.size--;
	if (!data.size)
		return -EBADMSG;
	if (!is_hex(data))
		return collateral_add(bag, origin, data, NULL);
	bytes = OPENSSL_malloc(data.size / 2);
	if (!bytes)
		return -ENOMEM;
	rc = hex_parse((const char *)data.data, data.size, bytes, data.size / 2);
	if (!rc)
		rc = collateral_add(bag, origin, SPAN(bytes, data.size / 2), NULL);
	OPENSSL_free(bytes);
	return rc;
}

static int add_all(struct appraisal *a, struct span endorsements)
{
	struct cbor_item tag, array, version, item;
	struct span parts[9] = { { 0 } };
	struct cbor c;

	cbor_init_lenient(&c, endorsements.data, endorsements.size);
	if (!cbor_expect(&c, CBOR_TAG, &tag) || tag.number != CERTIFICATE_TAG_INTEL_QUOTE ||
	    !cbor_expect(&c, CBOR_ARRAY, &array) || array.number < 8 || array.number > 9 ||
	    !cbor_expect(&c, CBOR_UINT, &version))
		return fail(a->err, -EBADMSG,
			    "certificate: its endorsements are not 60000([version, 7 or 8 items])");
	for (uint64_t i = 1; i < array.number; i++) {
		if (!cbor_next(&c, &item) || (item.type != CBOR_BYTES && item.type != CBOR_TEXT))
			return fail(a->err, -EBADMSG,
				    "certificate: item %llu of its endorsements is not a string",
				    (unsigned long long)i);
		parts[i] = SPAN(item.data, item.size);
	}
	if (!cbor_done(&c))
		return fail(a->err, -EBADMSG, "certificate: bytes follow its endorsements");
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		int rc = add_item(a, parts[items[i].place]);

		if (rc == -ENOMEM)
			return fail(a->err, rc, "certificate: out of memory");
		/* Nothing rests on it yet: what is missing then is reported where it is needed. */
		if (rc)
			check_note(a, "certificate.endorsements", "the %s in it is not usable",
				   items[i].name);
	}
	return 0;
}

int certificate_add_endorsements(struct appraisal *a, struct span endorsements,
				 struct collateral_guests *ret_guests)
{
	struct collateral *bag = verifier_collateral(a->verifier);
	int rc;

	collateral_guests_begin(bag, ret_guests);
	rc = add_all(a, endorsements);
	collateral_guests_added(bag, ret_guests);
	return rc;
}
