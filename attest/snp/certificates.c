/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates of versioned endorsement keys (VCEK, VLEK) and the table that hosts hand them over
 * in.
 *
 * AMD 57230, chapter 3: extensions under 1.3.6.1.4.1.3704.1 carry DER values: .1 structVersion
 * INTEGER, .2 productName IA5String, .3.n security patch levels INTEGER, .4 hwID (raw bytes; some
 * certificates wrap them in an OCTET STRING), .5 csp_id IA5String (VLEK). A level of 128 and more
 * has a leading zero byte, as DER wants. One walk over the extensions reads them all, without
 * allocating; what is there twice, or is no strict DER, makes the whole certificate unusable.
 */
#include "attest/snp/snp.h"

#include <errno.h>
#include <stdio.h>

/* 1.3.6.1.4.1.3704.1, as DER */
static const uint8_t oid_prefix[] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01 };

/*
 * One DER element of this tag and nothing else, short form of the length: everything here is below
 * 128 bytes.
 */
static bool der_element(struct span in, uint8_t tag, struct span *ret_content)
{
	if (in.size < 2 || in.data[0] != tag || in.data[1] > 0x7f || in.data[1] != in.size - 2)
		return false;
	*ret_content = SPAN(in.data + 2, in.size - 2);
	return true;
}

/* INTEGER 0 to 255, in its only DER form */
static bool der_small(struct span in, uint8_t *ret_value)
{
	struct span n;

	if (!der_element(in, 0x02, &n))
		return false;
	if (n.size == 1 && n.data[0] < 0x80)
		*ret_value = n.data[0];
	else if (n.size == 2 && !n.data[0] && n.data[1] >= 0x80)
		*ret_value = n.data[1];
	else
		return false;
	return true;
}

static bool parse_hwid(struct span value, struct span *ret_hwid)
{
	struct span inner;

	if (value.size == 64 || value.size == 8)
		*ret_hwid = value;
	else if ((value.size == 66 || value.size == 10) && der_element(value, 0x04, &inner))
		*ret_hwid = inner;
	else
		return false;
	return true;
}

enum { HAS_STRUCT_VERSION = 1, HAS_PRODUCT = 2, HAS_HWID = 4, HAS_CSP_ID = 8 };

/* id: what follows the prefix. false: malformed, or there twice. */
static bool parse_extension(struct span id, struct span value, struct snp_vek *vek,
			    struct span *product, unsigned *has)
{
	unsigned seen = *has;
	struct span text;
	uint8_t number;

	if (id.size == 1 && id.data[0] == 1) {
		*has |= HAS_STRUCT_VERSION;
		if (seen & HAS_STRUCT_VERSION || !der_small(value, &number))
			return false;
		vek->struct_version = number;
	} else if (id.size == 1 && id.data[0] == 2) {
		*has |= HAS_PRODUCT;
		return !(seen & HAS_PRODUCT) && der_element(value, 0x16, product);
	} else if (id.size == 1 && id.data[0] == 4) {
		*has |= HAS_HWID;
		return !(seen & HAS_HWID) && parse_hwid(value, &vek->hwid);
	} else if (id.size == 1 && id.data[0] == 5) {
		*has |= HAS_CSP_ID;
		if (seen & HAS_CSP_ID || !der_element(value, 0x16, &text))
			return false;
		vek->csp_id = text;
	} else if (id.size == 2 && id.data[0] == 3 && id.data[1] >= 1 && id.data[1] <= 9) {
		if (vek->spl[id.data[1]] >= 0 || !der_small(value, &number))
			return false;
		vek->spl[id.data[1]] = number;
	}
	return true;
}

/*
 * Bytes of a TCB_VERSION and the extension .3.n of each: AMD 57230, table of the VCEK's extensions.
 */
static const uint8_t spl_of_byte[2][SNP_TCB_SIZE] = {
	{ 1, 2, 4, 5, 6, 7, 3, 8 }, /* Milan, Genoa */
	{ 9, 1, 2, 3, 5, 6, 7, 8 }, /* Turin */
};
/* Of the reserved bytes a certificate need not speak; then they are zero. */
static bool spl_optional(unsigned n)
{
	return n >= 4 && n <= 7;
}

static int check_levels(const struct snp_vek *vek, struct cattest_error *err)
{
	unsigned stranger = vek->product == SNP_TURIN ? 4 : 9;

	for (unsigned i = 0; i < SNP_TCB_SIZE; i++) {
		unsigned n = spl_of_byte[vek->product == SNP_TURIN][i];

		if (vek->spl[n] < 0 && !spl_optional(n))
			return fail(
				err, -EBADMSG,
				"the VEK's certificate has no extension 1.3.6.1.4.1.3704.1.3.%u",
				n);
	}
	if (vek->spl[stranger] > 0)
		return fail(
			err, -EBADMSG,
			"the VEK's certificate has extension 1.3.6.1.4.1.3704.1.3.%u, which %s has not",
			stranger, snp_product_name(vek->product));
	return 0;
}

static int parse_name(X509 *cert, struct snp_vek *vek, struct cattest_error *err)
{
	char name[64];

	x509_subject_cn(cert, name, sizeof(name));
	if (!strcmp(name, "SEV-VCEK"))
		vek->kind = SNP_VCEK;
	else if (!strcmp(name, "SEV-VLEK"))
		vek->kind = SNP_VLEK;
	else
		return fail(err, -EBADMSG, "the certificate is of no VCEK or VLEK");
	return 0;
}

int snp_vek_parse(X509 *cert, struct snp_vek *ret_vek, struct cattest_error *err)
{
	struct snp_vek vek = { .spl = { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 } };
	struct span product = { NULL, 0 };
	unsigned has = 0;
	int r = parse_name(cert, &vek, err);

	if (r < 0)
		return r;
	for (int i = 0; i < X509_get_ext_count(cert); i++) {
		X509_EXTENSION *extension = X509_get_ext(cert, i);
		const ASN1_OBJECT *object = X509_EXTENSION_get_object(extension);
		const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(extension);
		struct span id = SPAN(OBJ_get0_data(object), OBJ_length(object));
		struct span value =
			SPAN(ASN1_STRING_get0_data(data), (size_t)ASN1_STRING_length(data));

		if (id.size <= sizeof(oid_prefix) ||
		    !span_starts(id, oid_prefix, sizeof(oid_prefix)))
			continue;
		id = SPAN(id.data + sizeof(oid_prefix), id.size - sizeof(oid_prefix));
		if (!parse_extension(id, value, &vek, &product, &has))
			return fail(
				err, -EBADMSG,
				"extension 1.3.6.1.4.1.3704.1.%u of the VEK's certificate is malformed or there twice",
				id.data[0]);
	}
	vek.product = snp_product_of_name(product);
	if (!(has & HAS_STRUCT_VERSION) || vek.struct_version > 1)
		return fail(err, -EBADMSG,
			    "the VEK's certificate has no structVersion known here (0 or 1)");
	if (vek.product == SNP_UNKNOWN)
		return fail(
			err, -EBADMSG,
			"the VEK's certificate has no productName known here (Milan, Genoa, Turin)");
	if (vek.kind == SNP_VCEK && !(has & HAS_HWID))
		return fail(err, -EBADMSG, "the VCEK's certificate has no hwID");
	if (vek.kind == SNP_VLEK && !(has & HAS_CSP_ID))
		return fail(err, -EBADMSG, "the VLEK's certificate has no csp_id");
	if (has & HAS_HWID && vek.hwid.size != (vek.product == SNP_TURIN ? 8 : 64))
		return fail(err, -EBADMSG, "hwID of %zu bytes does not fit %s", vek.hwid.size,
			    snp_product_name(vek.product));
	r = check_levels(&vek, err);
	if (r < 0)
		return r;
	*ret_vek = vek;
	return 0;
}

bool snp_vek_tcb_equal(const struct snp_vek *vek, struct span tcb, const char **ret_component)
{
	static const char *const names[2][SNP_TCB_SIZE] = {
		{ "boot loader", "tee", "spl4", "spl5", "spl6", "spl7", "snp", "microcode" },
		{ "fmc", "boot loader", "tee", "snp", "spl5", "spl6", "spl7", "microcode" },
	};
	bool turin = vek->product == SNP_TURIN;

	for (unsigned i = 0; i < SNP_TCB_SIZE; i++) {
		int level = vek->spl[spl_of_byte[turin][i]];

		if (tcb.data[i] != (level < 0 ? 0 : level)) {
			if (ret_component)
				*ret_component = names[turin][i];
			return false;
		}
	}
	return true;
}

/* --- Certificate table --- */

/* In bytes: the first three fields little endian (RFC 9562, section 4: "mixed endian"). */
static const struct {
	enum snp_entry_kind kind;
	uint8_t guid[16];
} known_entries[] = {
	{ SNP_ENTRY_VCEK,
	  { 0x8d, 0x75, 0xda, 0x63, 0x64, 0xe6, 0x64, 0x45, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8,
	    0xac, 0xcd } },
	{ SNP_ENTRY_VLEK,
	  { 0xc2, 0x4b, 0x07, 0xa8, 0x5a, 0xa2, 0x3e, 0x48, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0,
	    0xb8, 0xa1 } },
	{ SNP_ENTRY_ASK,
	  { 0x79, 0xb3, 0xb7, 0x4a, 0xac, 0xbb, 0xe4, 0x4f, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27,
	    0xc7, 0x82 } },
	{ SNP_ENTRY_ARK,
	  { 0xa4, 0x06, 0xb4, 0xc0, 0x03, 0xa8, 0x52, 0x49, 0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c,
	    0xd0, 0xae } },
	{ SNP_ENTRY_CRL,
	  { 0xc3, 0x1b, 0xf8, 0x92, 0x11, 0x58, 0x3d, 0x4d, 0x97, 0xff, 0xd1, 0x9f, 0x88, 0xdc,
	    0x67, 0xea } },
};

const char *snp_entry_name(enum snp_entry_kind kind)
{
	static const char *const names[] = { "other", "VCEK", "VLEK", "ASK", "ARK", "CRL" };

	return names[kind];
}

static enum snp_entry_kind kind_of_guid(struct span guid)
{
	for (size_t i = 0; i < sizeof(known_entries) / sizeof(known_entries[0]); i++)
		if (!memcmp(guid.data, known_entries[i].guid, 16))
			return known_entries[i].kind;
	return SNP_ENTRY_OTHER;
}

static void guid_text(const uint8_t g[16], char ret_text[37])
{
	snprintf(ret_text, 37,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", g[3], g[2],
		 g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14],
		 g[15]);
}

static bool overlap(struct span a, struct span b)
{
	return a.size && b.size && a.data < b.data + b.size && b.data < a.data + a.size;
}

/*
 * Certificates lie behind the entries and are each their own bytes: tables that claim otherwise are
 * made by hand.
 */
static int check_layout(struct span in, size_t entries_end, const struct snp_table *table,
			struct cattest_error *err)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct snp_entry *e = &table->entries[i];

		if ((size_t)(e->data.data - in.data) < entries_end)
			return fail(err, -EBADMSG,
				    "certificate table: entry %zu lies inside the table's head", i);
		for (size_t k = 0; k < i; k++)
			if (overlap(e->data, table->entries[k].data))
				return fail(err, -EBADMSG,
					    "certificate table: entries %zu and %zu overlap", k, i);
	}
	return 0;
}

int snp_table_parse(struct span in, struct snp_table *ret_table, struct cattest_error *err)
{
	struct snp_table table = { .count = 0 };
	struct cursor c = CURSOR(in);
	int r;

	for (;;) {
		struct span guid = take(&c, 16);
		uint32_t offset = take_le32(&c), size = take_le32(&c);
		struct snp_entry *e = &table.entries[table.count];

		if (c.bad)
			return fail(err, -EBADMSG, "certificate table: no entry of zeroes ends it");
		if (span_is_zero(guid)) {
			if (offset || size)
				return fail(err, -EBADMSG,
					    "certificate table: the last entry is not all zero");
			break;
		}
		if (table.count == SNP_TABLE_MAX)
			return fail(err, -E2BIG, "certificate table: more than %u entries",
				    SNP_TABLE_MAX);
		if (!size || offset > in.size || size > in.size - offset)
			return fail(err, -EBADMSG,
				    "certificate table: entry %zu does not lie inside the table",
				    table.count);
		e->kind = kind_of_guid(guid);
		guid_text(guid.data, e->guid);
		e->data = SPAN(in.data + offset, size);
		table.count++;
	}
	r = check_layout(in, c.at, &table, err);
	if (r < 0)
		return r;
	*ret_table = table;
	return 0;
}
