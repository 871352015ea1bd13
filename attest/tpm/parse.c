/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading TPMS_ATTEST of type quote and TPMT_SIGNATURE (TPM 2.0 Library, part 2, 10.12.8 and
 * 11.3.4). All of a structure is read before anything is said about it, nothing may be left over,
 * and what this library cannot judge (SM2, SM3, ECDAA...) is refused by name.
 */
#include "attest/tpm/tpm.h"

#include <errno.h>

#define TPM_GENERATED_VALUE \
	0xff544347 /* part 2, 6.2: only the TPM puts it before what a restricted key signs */
#define TPM_ST_ATTEST_NV 0x8014 /* part 2, 6.9: the first of them */
#define TPM_ST_ATTEST_QUOTE 0x8018
#define DATA_MAX 66 /* TPM2B_DATA: a TPMT_HA, whose largest digest has 64 bytes */
#define NAME_SIZE_MAX (2 + 64)
#define RSA_SIZE_MAX 512
#define ECC_SIZE_MAX 66

static const struct {
	uint16_t id;
	size_t size;
	const char *name, *digest_name;
} hashes[TPM_BANK_COUNT] = {
	{ TPM_SHA1, 20, "sha1", "SHA1" },
	{ TPM_SHA256, 32, "sha256", "SHA256" },
	{ TPM_SHA384, 48, "sha384", "SHA384" },
	{ TPM_SHA512, 64, "sha512", "SHA512" },
};

int tpm_bank_index(uint16_t hash)
{
	for (int i = 0; i < TPM_BANK_COUNT; i++)
		if (hashes[i].id == hash)
			return i;
	return -1;
}

const char *tpm_hash_name(uint16_t hash)
{
	int i = tpm_bank_index(hash);

	return i < 0 ? NULL : hashes[i].name;
}

const char *tpm_digest_name(uint16_t hash)
{
	int i = tpm_bank_index(hash);

	return i < 0 ? NULL : hashes[i].digest_name;
}

size_t tpm_hash_size(uint16_t hash)
{
	int i = tpm_bank_index(hash);

	return i < 0 ? 0 : hashes[i].size;
}

uint16_t tpm_hash_of_name(const char *name)
{
	for (int i = 0; i < TPM_BANK_COUNT; i++)
		if (!strcmp(hashes[i].name, name))
			return hashes[i].id;
	return 0;
}

/* A TPM2B of at most `most` bytes. */
static struct span take_sized(struct cursor *c, size_t most)
{
	size_t size = take_be16(c);

	if (size > most)
		c->bad = true;
	return take(c, size);
}

/* TPMS_PCR_SELECTION (part 2, 10.6.2): the bitmap's least significant bit first. */
static int take_selection(struct cursor *c, struct tpm_selection *ret, struct cattest_error *err)
{
	uint16_t hash = take_be16(c);
	uint8_t octets = take_u8(c);
	uint32_t mask = 0;
	struct span bits = take(c, octets);

	if (c->bad || octets > 4)
		return fail(err, -EBADMSG, "tpm: a PCR selection of the quote is malformed");
	for (size_t i = 0; i < bits.size; i++)
		mask |= (uint32_t)bits.data[i] << 8 * i;
	if (mask >> TPM_PCR_COUNT)
		return fail(err, -EBADMSG, "tpm: the quote selects a PCR above 23");
	if (mask && tpm_bank_index(hash) < 0)
		return fail(
			err, -ENOTSUP,
			"tpm: the quote selects PCRs of a bank that is not known here (algorithm 0x%04x%s)",
			hash, hash == TPM_SM3_256 ? ", SM3" : "");
	*ret = (struct tpm_selection){ hash, mask };
	return 0;
}

/* TPMI_ST_ATTEST (part 2, 10.12.10): what else an attestation key can have signed. */
static const char *attest_type_name(uint16_t type)
{
	static const char *const names[] = {
		" (NV contents)",
		" (command audit)",
		" (session audit)",
		" (certified object)",
		" (a quote)",
		" (time)",
		" (creation of a key)",
		"",
		" (digest of NV contents)",
	};

	return type >= TPM_ST_ATTEST_NV && type - TPM_ST_ATTEST_NV < 9
		       ? names[type - TPM_ST_ATTEST_NV]
		       : "";
}

int tpm_quote_parse(struct span in, struct tpm_quote *ret_quote, struct cattest_error *err)
{
	struct tpm_quote q = { .message = in };
	struct cursor c = CURSOR(in);
	uint32_t magic = take_be32(&c), count;
	uint16_t type = take_be16(&c);
	uint8_t safe;
	int ret;

	if (c.bad || magic != TPM_GENERATED_VALUE)
		return fail(
			err, -EBADMSG,
			"tpm: not a TPMS_ATTEST (its first bytes are not ff 54 43 47): it was not made by a TPM");
	if (type != TPM_ST_ATTEST_QUOTE)
		return fail(err, -EBADMSG,
			    "tpm: attestation of type 0x%04x%s, not a quote (0x8018)", type,
			    attest_type_name(type));
	q.qualified_signer = take_sized(&c, NAME_SIZE_MAX);
	q.extra_data = take_sized(&c, DATA_MAX);
	q.clock = take_be64(&c);
	q.reset_count = take_be32(&c);
	q.restart_count = take_be32(&c);
	safe = take_u8(&c);
	q.safe = safe == 1;
	q.firmware = take_be64(&c);
	count = take_be32(&c);
	if (c.bad || safe > 1 || count > TPM_SELECTION_MAX)
		return fail(err, -EBADMSG, "tpm: the quote is malformed");
	while (q.selection_count < count) {
		ret = take_selection(&c, &q.selection[q.selection_count++], err);
		if (ret)
			return ret;
	}
	q.pcr_digest = take_sized(&c, 64);
	if (c.bad || cursor_left(&c))
		return fail(err, -EBADMSG, "tpm: the quote is %s",
			    c.bad ? "cut short" : "longer than its parts");
	*ret_quote = q;
	return 0;
}

int tpm_signature_parse(struct span in, struct tpm_signature *ret_signature,
			struct cattest_error *err)
{
	struct tpm_signature s = { 0 };
	struct cursor c = CURSOR(in);

	s.algorithm = take_be16(&c);
	s.hash = take_be16(&c);
	switch (c.bad ? 0 : s.algorithm) {
	case TPM_RSASSA:
	case TPM_RSAPSS:
		s.rsa = take_sized(&c, RSA_SIZE_MAX);
		break;
	case TPM_ECDSA:
		s.ec_r = take_sized(&c, ECC_SIZE_MAX);
		s.ec_s = take_sized(&c, ECC_SIZE_MAX);
		break;
	case 0:
		return fail(err, -EBADMSG, "tpm: the signature is cut short");
	default:
		return fail(
			err, -ENOTSUP,
			"tpm: signature scheme 0x%04x%s is not known here (RSASSA, RSAPSS and ECDSA are)",
			s.algorithm, s.algorithm == TPM_SM2 ? " (SM2)" : "");
	}
	if (c.bad || cursor_left(&c))
		return fail(err, -EBADMSG, "tpm: the signature is %s",
			    c.bad ? "malformed" : "longer than its parts");
	if (tpm_bank_index(s.hash) < 0)
		return fail(err, -ENOTSUP, "tpm: the signature's hash 0x%04x%s is not known here",
			    s.hash, s.hash == TPM_SM3_256 ? " (SM3)" : "");
	*ret_signature = s;
	return 0;
}
