// SPDX-License-Identifier: Apache-2.0
/*
 * Makes commands and takes responses apart (TCG TPM 2.0 Library 1.59, Parts 2 and 3). Strict: a response must have the tag and the length that
 * its command calls for, and be used up to its last byte. One buffer serves command and response; it is wiped at the end, because a secret went
 * through it. Authorization is by an empty password, or by policy without any HMAC: on the way to the TPM nothing is hidden.
 */
#include "hypervisor/trust/tpm.h"

#include "hypervisor/crypto/crypto.h"
#include "hypervisor/trust/tis.h"
#include "lib/base/string.h"

#include <asm-generic/errno.h>
#include <stdarg.h>

/* Part 2, 6.5.2 TPM_CC; 6.9 TPM_ST; 6.11 TPM_SE; 6.3 TPM_ALG_ID; 7.4 TPM_RH */
/* clang-format off */
enum {
	CC_NV_DEFINE_SPACE = 0x12a, CC_NV_WRITE = 0x137, CC_NV_READ = 0x14e,
	CC_FLUSH_CONTEXT = 0x165, CC_NV_READ_PUBLIC = 0x169, CC_POLICY_LOCALITY = 0x16f,
	CC_START_AUTH_SESSION = 0x176, CC_GET_RANDOM = 0x17b, CC_PCR_READ = 0x17e,
	CC_POLICY_PCR = 0x17f, CC_PCR_EXTEND = 0x182,
};
/* clang-format on */
enum { ST_NO_SESSIONS = 0x8001, ST_SESSIONS = 0x8002, SE_POLICY = 1 };
enum { ALG_SHA256 = 0x000b, ALG_NULL = 0x0010 };
#define RH_OWNER 0x40000001U
#define RH_NULL 0x40000007U
#define RS_PW 0x40000009U
enum { HT_POLICY_SESSION = 3 }; /* 7.2, TPM_HT */
enum { LOCALITY_TWO = 1 << 2 }; /* 8.5, TPMA_LOCALITY */
enum { CONTINUE_SESSION = 1 };	/* 8.4, TPMA_SESSION */
/* 6.6.3: TPM_RC_HANDLE for the first handle; warnings that mean: again, later. */
enum { RC_HANDLE_1 = 0x18b };
enum { RC_YIELDED = 0x908, RC_TESTING = 0x90a, RC_NV_RATE = 0x920, RC_RETRY = 0x922 };
enum { RETRIES = 100, RETRY_MILLISECONDS = 20 };

#define INDEX_ATTRIBUTES (TPMA_NV_POLICYREAD | TPMA_NV_POLICYWRITE | TPMA_NV_NO_DA)

static struct {
	uint8_t bytes[TIS_MAX];
	size_t at, size; /* size: of a response */
	bool bad;	 /* what was put does not fit, or what was wanted is not there */
} m;
uint32_t tpm_code;

/* --- Bytes ------------------------------------------------------------------------------------------------------------------------------- */

static void put(const void *from, size_t size)
{
	if (size > sizeof(m.bytes) - m.at) {
		m.bad = true;
		return;
	}
	memcpy(m.bytes + m.at, from, size);
	m.at += size;
}

static void put_number(uint32_t value, unsigned int size)
{
	value = __builtin_bswap32(value << (32 - 8 * size));
	put(&value, size);
}

/*
 * By a format: 1, 2, 4: a number of that many bytes; d: the 32 bytes at a pointer; a: an authorization area (TPMS_AUTH_COMMAND) of this session, without
 * nonce and HMAC; p: a TPML_PCR_SELECTION of these PCRs (0-23) of the SHA-256 bank.
 */
static void put_all(const char *format, va_list ap)
{
	uint32_t value;

	for (; *format; format++) {
		if (*format == 'd') {
			put(va_arg(ap, const uint8_t *), 32);
			continue;
		}
		value = va_arg(ap, uint32_t);
		if (*format == 'a') {
			put_number(9, 4);
			put_number(value, 4);
			put_number(CONTINUE_SESSION << 8, 4); /* between two sizes of 0 */
			put_number(0, 1);
		} else if (*format == 'p') {
			put_number(1, 4);
			put_number(ALG_SHA256, 2);
			put_number(3, 1);
			value = __builtin_bswap32(value);
			put_number(value >> 8, 3);
		} else {
			put_number(value, (unsigned int)(*format - '0'));
		}
	}
}

/* NULL and bad: there are not that many. */
static const uint8_t *get(size_t size)
{
	if (m.bad || size > m.size - m.at) {
		m.bad = true;
		return NULL;
	}
	m.at += size;
	return m.bytes + m.at - size;
}

static uint32_t get_number(unsigned int size)
{
	const uint8_t *bytes = get(size);
	uint32_t value = 0;

	for (unsigned int i = 0; bytes && i < size; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* These very bytes, or bad. */
static void expect(uint32_t value, unsigned int size)
{
	if (get_number(size) != value)
		m.bad = true;
}

/* A TPM2B, whatever is in it. */
static void skip_sized(void)
{
	(void)get(get_number(2));
}

/* --- Commands ---------------------------------------------------------------------------------------------------------------------------- */

/* m has the answer's header behind it. */
static int transmit(uint16_t tag)
{
	uint32_t found;
	int err;

	tpm_code = 0;
	m.size = 0;
	err = tis_transmit(m.bytes, m.at, &m.size);
	m.at = 0;
	if (err)
		return err;
	found = get_number(2);
	expect((uint32_t)m.size, 4);
	tpm_code = get_number(4);
	if (m.bad)
		return -EBADMSG;
	if (tpm_code) /* nothing follows (Part 1, 18.3) */
		return found == ST_NO_SESSIONS && m.at == m.size ? -EACCES : -EBADMSG;
	return found == tag ? 0 : -EBADMSG;
}

static bool again_later(void)
{
	return tpm_code == RC_RETRY || tpm_code == RC_YIELDED || tpm_code == RC_TESTING ||
	       tpm_code == RC_NV_RATE;
}

/* A command of this tag, code and (put_all) the rest. With 0 its answer's parameters come next. */
static int run(uint16_t tag, uint32_t command, const char *format, ...)
{
	uint64_t now;
	int err;

	for (unsigned int tries = 0;; tries++) {
		va_list ap;

		m.at = TIS_HEADER;
		m.bad = false;
		va_start(ap, format);
		put_all(format, ap);
		va_end(ap);
		if (m.bad)
			return -EBADMSG;
		uint32_t size = (uint32_t)m.at;

		m.at = 0;
		put_number(tag, 2);
		put_number(size, 4);
		put_number(command, 4);
		m.at = size;
		err = transmit(tag);
		if (err != -EACCES || !again_later() || tries == RETRIES)
			return err;
		now = clock_milliseconds();
		while (clock_milliseconds() < now + RETRY_MILLISECONDS)
			asm volatile("pause");
	}
}

/* Everything was there, and nothing is left. */
static int end(void)
{
	return m.bad || m.at != m.size ? -EBADMSG : 0;
}

/* Behind the parameters of a response with one session: TPMS_AUTH_RESPONSE, of which nothing is needed. */
static int end_session(void)
{
	skip_sized();
	(void)get(1);
	skip_sized();
	return end();
}

/* run()'s result, of a response without parameters. */
static int end_empty(int err)
{
	if (err)
		return err;
	expect(0, 4); /* parameterSize */
	return end_session();
}

/* --- PCRs, random numbers ------------------------------------------------------------------------------------------------------------------ */

int tpm_pcr_read(unsigned int pcr, uint8_t ret_value[32])
{
	const uint8_t *value;
	uint32_t found;
	int err = run(ST_NO_SESSIONS, CC_PCR_READ, "p", 1U << pcr);

	if (err)
		return err;
	(void)get_number(4); /* pcrUpdateCounter */
	/* A bank that is not allocated is answered by an empty selection, or by none. */
	found = get_number(4);
	if (found != 1)
		return m.bad || found ? -EBADMSG : -ENOENT;
	expect(ALG_SHA256, 2);
	expect(3, 1);
	found = __builtin_bswap32(get_number(3) << 8);
	if (!m.bad && !found)
		return -ENOENT;
	expect(1, 4);
	expect(32, 2);
	value = get(32);
	if (end() || found != 1U << pcr)
		return -EBADMSG;
	memcpy(ret_value, value, 32);
	return 0;
}

int tpm_pcr_extend(unsigned int pcr, const uint8_t digest[32])
{
	return end_empty(
		run(ST_SESSIONS, CC_PCR_EXTEND, "4a42d", pcr, RS_PW, 1, ALG_SHA256, digest));
}

int tpm_random(uint8_t ret_bytes[32])
{
	/* It may give fewer than are asked for. */
	for (size_t at = 0; at < 32;) {
		const uint8_t *bytes;
		size_t size;
		int err = run(ST_NO_SESSIONS, CC_GET_RANDOM, "2", (uint32_t)(32 - at));

		if (err)
			return err;
		size = get_number(2);
		bytes = get(size);
		if (end() || !size || size > 32 - at)
			return -EBADMSG;
		memcpy(ret_bytes + at, bytes, size);
		at += size;
	}
	return 0;
}

/* --- The index ----------------------------------------------------------------------------------------------------------------------------- */

enum { PUBLIC_SIZE = 4 + 2 + 4 + 2 + 32 + 2 }; /* of TPMS_NV_PUBLIC (Part 2, 13.6) as it is here */

int tpm_index_define(uint32_t index, const uint8_t policy[32])
{
	/* Its own authorization is empty, and good for nothing. */
	return end_empty(run(ST_SESSIONS, CC_NV_DEFINE_SPACE, "4a224242d2", RH_OWNER, RS_PW, 0,
			     PUBLIC_SIZE, index, ALG_SHA256, INDEX_ATTRIBUTES, 32, policy,
			     TPM_SECRET_SIZE));
}

int tpm_index_check(uint32_t index, const uint8_t policy[32], bool *ret_written)
{
	const uint8_t *found;
	uint32_t size, behind, attributes;
	bool ours;
	int err = run(ST_NO_SESSIONS, CC_NV_READ_PUBLIC, "4", index);

	if (err == -EACCES && tpm_code == RC_HANDLE_1)
		return -ENOENT;
	if (err)
		return err;
	size = get_number(2);
	behind = (uint32_t)m.at + size;
	expect(index, 4);
	ours = get_number(2) == ALG_SHA256;
	attributes = get_number(4);
	ours &= (attributes & ~TPMA_NV_WRITTEN) == INDEX_ATTRIBUTES;
	size = get_number(2);
	found = get(size);
	ours &= found && size == 32 && !memcmp(found, policy, 32);
	ours &= get_number(2) == TPM_SECRET_SIZE;
	if (m.at != behind)
		return -EBADMSG;
	skip_sized(); /* its name: a hash of the above */
	if (end())
		return -EBADMSG;
	*ret_written = attributes & TPMA_NV_WRITTEN;
	return ours ? 0 : -EEXIST;
}

/* --- Policy (Part 3, 23) ------------------------------------------------------------------------------------------------------------------- */

/* digest = H(digest || what is put), Part 3, 23.2.2 */
static void policy_step(uint8_t digest[32], const char *format, ...)
{
	struct sha256_state s;
	va_list ap;

	m.at = 0;
	va_start(ap, format);
	put_all(format, ap);
	va_end(ap);
	sha256_start(&s);
	sha256_update(&s, digest, 32);
	sha256_update(&s, m.bytes, m.at);
	sha256_finish(&s, digest);
}

void tpm_policy_digest(const struct tpm_policy *policy, uint8_t ret_digest[32])
{
	memset(ret_digest, 0, 32);
	policy_step(ret_digest, "4pd", CC_POLICY_PCR, policy->pcrs, policy->pcr_digest);
	policy_step(ret_digest, "41", CC_POLICY_LOCALITY, LOCALITY_TWO);
}

int tpm_session_start(uint32_t *ret_session)
{
	static const uint8_t nonce[32]; /* nothing is authorized by HMAC: it need not be random */
	uint32_t session;
	/* tpmKey, bind, nonceCaller, encryptedSalt, sessionType, symmetric, authHash */
	int err = run(ST_NO_SESSIONS, CC_START_AUTH_SESSION, "442d2122", RH_NULL, RH_NULL, 32,
		      nonce, 0, SE_POLICY, ALG_NULL, ALG_SHA256);

	if (err)
		return err;
	session = get_number(4);
	skip_sized(); /* nonceTPM */
	if (end() || session >> 24 != HT_POLICY_SESSION)
		return -EBADMSG;
	*ret_session = session;
	return 0;
}

void tpm_session_end(uint32_t session)
{
	uint32_t code = tpm_code;

	/* If it cannot be, Linux loses a session's place. Why something else failed is not forgotten over it. */
	if (run(ST_NO_SESSIONS, CC_FLUSH_CONTEXT, "4", session) == 0)
		tpm_code = code;
}

static int satisfy(uint32_t session, const struct tpm_policy *policy)
{
	int err = run(ST_NO_SESSIONS, CC_POLICY_PCR, "42dp", session, 32, policy->pcr_digest,
		      policy->pcrs);

	if (!err)
		err = end();
	if (!err)
		err = run(ST_NO_SESSIONS, CC_POLICY_LOCALITY, "41", session, LOCALITY_TWO);
	return err ? err : end();
}

int tpm_index_write(uint32_t index, uint32_t session, const struct tpm_policy *policy,
		    const uint8_t secret[TPM_SECRET_SIZE])
{
	int err = satisfy(session, policy);

	/* The index authorizes itself; offset 0. */
	return err ? err
		   : end_empty(run(ST_SESSIONS, CC_NV_WRITE, "44a2d2", index, index, session,
				   TPM_SECRET_SIZE, secret, 0));
}

int tpm_index_read(uint32_t index, uint32_t session, const struct tpm_policy *policy,
		   uint8_t ret_secret[TPM_SECRET_SIZE])
{
	const uint8_t *data;
	int err = satisfy(session, policy);

	if (!err)
		err = run(ST_SESSIONS, CC_NV_READ, "44a22", index, index, session, TPM_SECRET_SIZE,
			  0);
	if (err)
		return err;
	expect(2 + TPM_SECRET_SIZE, 4);
	expect(TPM_SECRET_SIZE, 2);
	data = get(TPM_SECRET_SIZE);
	err = end_session();
	if (!err)
		memcpy(ret_secret, data, TPM_SECRET_SIZE);
	return err;
}

void tpm_wipe(void)
{
	secure_zero(&m, sizeof(m));
}
