/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launch (hypervisor/trust) against a real TPM in software, with faults between the two: every command of it answered wrongly in every way, and
 * every way the registers can misbehave. What must hold at all times:
 *	1. trusted, or nothing: no report, no signature, the root of SGX's keys is not changed
 *	2. after trust_leave said 0, or a launch without trust whose TPM still obeys, PCR 21 does not open the secret
 *	3. the secret is the same after a boot, and another for another image, other PCRs, and after an index was planted
 * `trust_test record FOLDER` writes the responses of good launches, as what the fuzzer starts from.
 */
#include "abi/report.h"
#include "hypervisor/core/vcpu.h"
#include "hypervisor/crypto/crypto.h"
#include "hypervisor/mem/iommu.h"
#include "hypervisor/sgx/run.h"
#include "hypervisor/sgx/signer.h"
#include "hypervisor/tests/trust/device.h"
#include "hypervisor/trust/tpm.h"
#include "hypervisor/trust/trust.h"
#include "lib/base/string.h"

#include <asm-generic/errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned int failures;
static const char *scene = "";
#define EXPECT(c)                                                                           \
	do {                                                                                \
		if (!(c)) {                                                                 \
			printf("%s:%d: %s: not true: %s\n", __FILE__, __LINE__, scene, #c); \
			failures++;                                                         \
		}                                                                           \
	} while (0)

/* --- What the launch calls besides the TPM ------------------------------------------------------------------------------------------- */

static uint8_t root[32];
static unsigned int roots;
static int signer_result;
static bool signer_debug;

noreturn_ void panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	abort();
}

void crypto_begin(void)
{
}

void crypto_end(void)
{
}

unsigned int iommu_active(void)
{
	return 1;
}

void sgx_set_root_secret(const uint8_t secret[32])
{
	memcpy(root, secret, sizeof(root));
	roots++;
}

uint32_t sgx_security_version(void)
{
	return 1;
}

void sgx_signer_target(uint8_t ret_target_info[REPORT_SGX_TARGETINFO_SIZE])
{
	memset(ret_target_info, 0x77, REPORT_SGX_TARGETINFO_SIZE);
}

int sgx_signer_check(const uint8_t report[REPORT_SGX_SIZE], bool *ret_debug)
{
	(void)report;
	*ret_debug = signer_debug;
	return signer_result;
}

/* --- The TPM, and what is done to its answers ---------------------------------------------------------------------------------------- */

enum answer_fault {
	ANSWER_FINE,
	ANSWER_REFUSED,	 /* not executed, TPM_RC_FAILURE */
	ANSWER_LOST,	 /* executed, and no answer */
	ANSWER_NOT_DONE, /* not executed, and no answer */
	ANSWER_SHORT,	 /* a byte less, and its length says so */
	ANSWER_LONG,	 /* a byte more, and its length says so */
	ANSWER_HUGE,	 /* its length says 2^31 */
	ANSWER_TINY,	 /* its length says 4 */
	ANSWER_EMPTY,	 /* a header that says success, and nothing else */
	ANSWER_TAG,	 /* the other tag */
	ANSWER_FLIPPED,	 /* a bit of its last byte */
	ANSWER_SIZES,	 /* ones in all that is behind the header */
	ANSWER_BIG,	 /* 300 bytes, and its length says so */
	ANSWER_RETRY,	 /* TPM_RC_RETRY for ever */
	ANSWER_FAULTS
};
static struct {
	enum answer_fault fault;
	unsigned int first, last; /* commands that it hits, 1.. */
	unsigned int count;
	unsigned int flip_at, flip; /* of this command's response: this byte, if it has it */
	int random;		    /* how many bytes GetRandom gives, if not 0; -1: none */
	uint32_t flipped_command;
	uint8_t flipped[4096]; /* as it was */
	size_t flipped_size;
	FILE *record;
} wire;

static void set_length(uint8_t *response, size_t length)
{
	response[2] = (uint8_t)(length >> 24);
	response[3] = (uint8_t)(length >> 16);
	response[4] = (uint8_t)(length >> 8);
	response[5] = (uint8_t)length;
}

static int refuse(uint32_t code, uint8_t *response, size_t *ret_size)
{
	memcpy(response, "\x80\x01\0\0\0\x0a\0\0", 8);
	response[8] = (uint8_t)(code >> 8);
	response[9] = (uint8_t)code;
	*ret_size = 10;
	return 0;
}

static void spoil(uint8_t *response, size_t *size)
{
	switch (wire.fault) {
	case ANSWER_SHORT:
		set_length(response, --*size);
		break;
	case ANSWER_LONG:
		response[*size] = 0;
		set_length(response, ++*size);
		break;
	case ANSWER_HUGE:
		set_length(response, 1U << 31);
		break;
	case ANSWER_TINY:
		set_length(response, 4);
		break;
	case ANSWER_EMPTY:
		set_length(response, *size = 10);
		break;
	case ANSWER_TAG:
		response[1] ^= 3;
		break;
	case ANSWER_FLIPPED:
		response[*size - 1] ^= 1;
		break;
	case ANSWER_BIG:
		memset(response + *size, 0, 300);
		set_length(response, *size = 300);
		break;
	case ANSWER_SIZES:
		memset(response + 10, 0xff, *size - 10);
		break;
	default:
		break;
	}
}

static int answer(const uint8_t *command, size_t size, uint8_t response[4096], size_t *ret_size)
{
	bool hit;

	wire.count++;
	hit = wire.fault && wire.count >= wire.first && wire.count <= wire.last;
	if (hit && wire.fault == ANSWER_NOT_DONE)
		return -1;
	if (hit && wire.fault == ANSWER_REFUSED)
		return refuse(0x101, response, ret_size);
	if (hit && wire.fault == ANSWER_RETRY)
		return refuse(0x922, response, ret_size);
	swtpm_command(2, command, size, response, ret_size);
	if (hit && wire.fault == ANSWER_LOST)
		return -1;
	if (hit)
		spoil(response, ret_size);
	if (wire.random && command[8] == 0x01 && command[9] == 0x7b) {
		response[10] = 0;
		response[11] = (uint8_t)(wire.random > 0 ? wire.random : 0);
		if (wire.random <= 32 && response[11] > command[11])
			response[11] = command[11];
		set_length(response, *ret_size = 12U + response[11]);
	}
	if (wire.flip_at == wire.count) {
		wire.flipped_command = (uint32_t)command[8] << 8 | command[9];
		wire.flipped_size = *ret_size;
		memcpy(wire.flipped, response, *ret_size);
		if (wire.flip < *ret_size)
			response[wire.flip] ^= 2;
	}
	if (wire.record) {
		fputc((int)(*ret_size & 255), wire.record);
		fputc((int)(*ret_size >> 8), wire.record);
		fwrite(response, 1, *ret_size, wire.record);
	}
	return 0;
}

/* What anybody sends: no fault. */
static void send(unsigned int locality, const char *hex, uint8_t response[4096])
{
	uint8_t command[512];
	size_t size = strlen(hex) / 2, ignored;

	for (size_t i = 0; i < size; i++) {
		unsigned int byte = 0;

		sscanf(hex + 2 * i, "%2x", &byte);
		command[i] = (uint8_t)byte;
	}
	set_length(command, size);
	swtpm_command(locality, command, size, response, &ignored);
}

static uint32_t code_of(const uint8_t *response)
{
	return (uint32_t)response[8] << 8 | response[9];
}

static void pcr(unsigned int number, uint8_t ret_value[32])
{
	uint8_t response[4096];
	char hex[64];
	uint32_t mask = 1U << number;

	snprintf(hex, sizeof(hex), "8001000000000000017e00000001000b03%02x%02x%02x", mask & 255,
		 mask >> 8 & 255, mask >> 16 & 255);
	send(0, hex, response);
	memcpy(ret_value, response + 10 + 4 + 4 + 2 + 1 + 3 + 4 + 2, 32);
}

/* --- Launches ------------------------------------------------------------------------------------------------------------------------ */

static struct hv_boot boot;

static void boot_init(void)
{
	boot = (struct hv_boot){
		.magic = HV_BOOT_MAGIC,
		.version = HV_ABI_VERSION,
		.cpu_count = 2,
		.start = 0x18000000,
		.epc_start = 0x18800000,
		.end = 0x1c000000,
		.limit = 1ULL << 40,
		.tpm = HV_TPM_TIS,
		.tsc_khz = 1000,
		.seal_pcrs = 1U << 0 | 1U << 2 | 1U << 4 | 1U << 7 | 1U << 9 | 1U << 11,
	};
	memset(boot.image_measurement, 0x5c, sizeof(boot.image_measurement));
	memset(boot.ak_name, 0xa7, sizeof(boot.ak_name));
}

static void power_on(void)
{
	static const uint8_t nothing[32];

	swtpm_boot();
	fifo_reset();
	memset(&wire, 0, sizeof(wire));
	fifo_answer = answer;
	trust_wipe();
	sgx_set_root_secret(nothing);
	roots = 0;
}

static enum hv_trust launch(void)
{
	wire.count = 0;
	trust_launch(&boot);
	EXPECT(!fifo_is_open());
	return trust_state();
}

static void opening_value(uint8_t ret_value[32])
{
	uint8_t both[64];

	memset(both, 0xff, 32);
	memcpy(both + 32, boot.image_measurement, 32);
	sha256(both, sizeof(both), ret_value);
}

static bool pcr21_opens(void)
{
	uint8_t value[32], opens[32], ones[32];

	memset(ones, 0xff, sizeof(ones));
	opening_value(opens);
	pcr(21, value);
	return !memcmp(value, opens, 32) || !memcmp(value, ones, 32);
}

static void check_nothing(void)
{
	struct hv_device_report r;
	uint8_t report[REPORT_SGX_SIZE] = { 0 }, signature[64];

	EXPECT(trust_report(&r) == -ENODATA);
	EXPECT(trust_sign(report, signature) == -ENODATA);
	EXPECT(roots == 0);
}

static void check_everything(void)
{
	struct hv_device_report r;
	uint8_t value[32], expected[32], both[64], signature[64], report[REPORT_SGX_SIZE] = { 0 };

	EXPECT(roots == 1);
	EXPECT(trust_report(&r) == 0);
	EXPECT(r.target_info[9] == 0x77);
	EXPECT(!memcmp(r.report.measurement, boot.image_measurement, 32));
	EXPECT(!memcmp(r.report.ak_name, boot.ak_name, 32));
	EXPECT(r.report.size == sizeof(r.report) && r.report.security_version == 1);
	/* What attest/hv expects of PCR 21 and 22. */
	opening_value(expected);
	pcr(21, value);
	EXPECT(!memcmp(value, expected, 32));
	memset(both, 0xff, 32);
	sha256(&r.report, sizeof(r.report), both + 32);
	sha256(both, sizeof(both), expected);
	pcr(22, value);
	EXPECT(!memcmp(value, expected, 32));
	signer_result = -EBADMSG;
	EXPECT(trust_sign(report, signature) == -EBADMSG);
	signer_result = 0;
	EXPECT(trust_sign(report, signature) == 0);
}

static uint8_t last_key[64]; /* attestation */

/* A launch that must be trusted: its root. */
static void good(const char *name, uint8_t ret_root[32])
{
	scene = name;
	struct hv_device_report r = { 0 };

	EXPECT(launch() == HV_TRUST_YES);
	check_everything();
	EXPECT(trust_report(&r) == 0);
	memcpy(last_key, r.report.key, sizeof(last_key));
	memcpy(ret_root, root, 32);
	EXPECT(trust_leave() == 0);
	EXPECT(!pcr21_opens());
}

#define PASSWORD "00000009400000090000000000"
static void remove_indexes(void)
{
	uint8_t response[4096];
	char hex[128];

	for (unsigned int i = 0; i < 8; i++) {
		snprintf(hex, sizeof(hex), "8002000000000000012240000001%08x" PASSWORD,
			 0x18c1510 + i);
		send(0, hex, response);
	}
}

/* --- Tests --------------------------------------------------------------------------------------------------------------------------- */

static void test_secret(void)
{
	uint8_t first[32], other[32], key[64], response[4096];

	boot_init();
	power_on();
	good("first", first);
	memcpy(key, last_key, sizeof(key));
	power_on();
	good("after a boot", other);
	EXPECT(!memcmp(first, other, 32));
	EXPECT(memcmp(key, last_key, sizeof(key)));
	power_on();
	boot.image_measurement[31] ^= 1;
	good("another image", other);
	EXPECT(memcmp(first, other, 32));
	boot_init();
	power_on();
	send(0,
	     "8002000000000000018200000009" PASSWORD "00000001000b"
	     "1111111111111111111111111111111111111111111111111111111111111111",
	     response);
	EXPECT(code_of(response) == 0);
	good("another PCR 9", other);
	EXPECT(memcmp(first, other, 32));
	power_on();
	boot.seal_pcrs = 1;
	good("fewer PCRs", other);
	EXPECT(memcmp(first, other, 32));
	boot_init();
	power_on();
	good("as at first", other);
	EXPECT(!memcmp(first, other, 32));
	/* The same again in this boot: PCR 21 has moved. */
	fifo_reset();
	trust_wipe();
	roots = 0;
	scene = "second launch of a boot";
	EXPECT(launch() == HV_TRUST_EXTENDED);
	check_nothing();
}

/* Does this byte of a good response say nothing that the launch needs, or nothing that it could know better? */
static bool says_nothing(uint32_t command, unsigned int at, const uint8_t *response)
{
	unsigned int area;

	switch (command) {
	case 0x17e: /* PCR_Read: how often PCRs were extended */
		return at >= 10 && at < 14;
	case 0x169: /* NV_ReadPublic: the name. Algorithm, attributes, policy, size: it is another's, and there are more */
		return at >= 10 + 2 + 46 + 2 || (at >= 16 && at < 58 && at != 22 && at != 23);
	case 0x176: /* StartAuthSession: the nonce */
		return at >= 10 + 4 + 2;
	case 0x17b: /* GetRandom */
		return at >= 10 + 2;
	case 0x165: /* FlushContext: whether it worked */
		return true;
	case 0x14e: /* NV_Read: the secret */
		if (at >= 16 && at < 16 + 32)
			return true;
		area = 16 + 32;
		break;
	case 0x182: /* PCR_Extend, NV_DefineSpace, NV_Write */
	case 0x12a:
	case 0x137:
		area = 14;
		break;
	default:
		return false;
	}
	/* Nonce and attributes of the session. */
	return at >= area + 2 &&
	       at <= area + 2 + ((unsigned int)response[area] << 8 | response[area + 1]);
}

/* One bit of each byte of this response: it matters, or it is one of those. False: there is no such response. */
static bool bytes_of(unsigned int command, bool fresh)
{
	static char text[60];
	bool trusted;

	scene = text;
	for (unsigned int i = 1;; i++) {
		snprintf(text, sizeof(text), "byte %u of response %u", i, command);
		if (fresh || i == 1)
			remove_indexes();
		power_on();
		if (!fresh) {
			EXPECT(launch() == HV_TRUST_YES);
			EXPECT(trust_leave() == 0);
			power_on();
		}
		wire.flip_at = command;
		wire.flip = i;
		trusted = launch() == HV_TRUST_YES;
		wire.flip_at = 0;
		EXPECT(trust_leave() == 0);
		EXPECT(!pcr21_opens());
		if (i >= wire.flipped_size)
			return wire.flipped_size;
		EXPECT(trusted == says_nothing(wire.flipped_command, i, wire.flipped));
		if (!fresh)
			remove_indexes();
	}
}

static void test_bytes(void)
{
	boot_init();
	for (unsigned int command = 1; bytes_of(command, true); command++)
		;
	/* The ninth looks at the first index, which is there now. */
	EXPECT(bytes_of(9, false) && wire.flipped_command == 0x169 && wire.flipped_size > 58);
}

static void test_debug(void)
{
	uint8_t report[REPORT_SGX_SIZE] = { 0 }, signature[64];
	struct hv_device_report r;

	scene = "debug";
	boot_init();
	boot.flags = HV_BOOT_DEBUG;
	power_on();
	EXPECT(launch() == HV_TRUST_YES);
	EXPECT(trust_report(&r) == 0 && r.report.attributes == REPORT_ATTRIBUTE_DEBUG);
	signer_debug = false;
	EXPECT(trust_sign(report, signature) == -EPERM);
	signer_debug = true;
	EXPECT(trust_sign(report, signature) == 0);
	signer_debug = false;
	EXPECT(trust_leave() == 0);
}

/* An index of our policy with these attributes, and perhaps a value that is known. */
static void plant(uint32_t index, uint32_t attributes, unsigned int size, bool written)
{
	struct tpm_policy policy = { .pcrs = boot.seal_pcrs | 1U << 21 };
	uint8_t values[7 * 32], digest[32], response[4096];
	unsigned int count = 0;
	char hex[256], text[65];

	for (unsigned int i = 0; i < 16; i++)
		if (boot.seal_pcrs >> i & 1)
			pcr(i, values + 32 * count++);
	opening_value(values + 32 * count++);
	sha256(values, (size_t)32 * count, policy.pcr_digest);
	tpm_policy_digest(&policy, digest);
	for (unsigned int i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	snprintf(hex, sizeof(hex),
		 "8002000000000000012a40000001" PASSWORD "0000002e%08x000b%08x0020%s%04x", index,
		 attributes, text, size);
	send(0, hex, response);
	EXPECT(code_of(response) == 0);
	if (!written)
		return;
	snprintf(hex, sizeof(hex), "8002000000000000013740000001%08x" PASSWORD "0020%064d0000",
		 index, 7);
	send(0, hex, response);
	EXPECT(code_of(response) == 0);
}

static void test_planted(void)
{
	static const struct {
		const char *name;
		uint32_t attributes;
		unsigned int size;
		bool written, used;
	} plants[] = {
		{ "the owner writes", 0x0208000a, 32, true, false },
		{ "the owner reads", 0x020a0008, 32, false, false },
		{ "who knows its password writes", 0x0208000c, 32, false, false },
		{ "who knows its password reads", 0x020c0008, 32, false, false },
		{ "policy for deleting", 0x02080008, 31, false, false },
		{ "longer", 0x02080008, 33, false, false },
		{ "a counter of bits", 0x02080028, 8, false, false },
		{ "cleared by a boot", 0x0a080008, 32, false, false },
		/* Nobody but us can write it: as good as one of ours. */
		{ "not written yet", 0x02080008, 32, false, true },
	};
	uint8_t response[4096], found[32];
	uint32_t attributes;

	boot_init();
	for (size_t i = 0; i < ARRAY_SIZE(plants); i++) {
		remove_indexes();
		power_on();
		scene = plants[i].name;
		plant(0x18c1510, plants[i].attributes, plants[i].size, plants[i].written);
		good(plants[i].name, found);
		send(0, "80010000000000000169018c1510", response);
		attributes = (uint32_t)response[18] << 24 | (uint32_t)response[19] << 16 |
			     (uint32_t)response[20] << 8 | response[21];
		/* Written by us, or as it was. */
		EXPECT(attributes == (plants[i].attributes |
				      (plants[i].written || plants[i].used ? TPMA_NV_WRITTEN : 0)));
		send(0, "80010000000000000169018c1511", response);
		EXPECT((code_of(response) == 0) == !plants[i].used);
	}
	remove_indexes();
}

/* GetRandom may give less than it was asked for, but not more, nor nothing. */
static void test_random(void)
{
	static const struct {
		int size;
		enum hv_trust state;
	} sizes[] = { { 5, HV_TRUST_YES },
		      { 16, HV_TRUST_YES },
		      { -1, HV_TRUST_RANDOM },
		      { 33, HV_TRUST_RANDOM },
		      { 200, HV_TRUST_RANDOM } };

	boot_init();
	scene = "random numbers";
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		remove_indexes();
		power_on();
		wire.random = sizes[i].size;
		EXPECT(launch() == sizes[i].state);
		EXPECT(trust_leave() == 0);
		EXPECT(!pcr21_opens());
	}
}

static void test_refusals(void)
{
	static const struct {
		uint32_t tpm;
		enum hv_trust state;
	} tpms[] = {
		{ HV_TPM_NONE, HV_TRUST_NO_TPM },
		{ HV_TPM_OTHER, HV_TRUST_OTHER },
		{ HV_TPM_UNUSED, HV_TRUST_UNUSED },
		{ HV_TPM_BUSY, HV_TRUST_BUSY },
		{ 77, HV_TRUST_NO_TPM },
	};
	uint8_t response[4096];

	boot_init();
	for (size_t i = 0; i < ARRAY_SIZE(tpms); i++) {
		scene = "no TPM";
		power_on();
		boot.tpm = tpms[i].tpm;
		EXPECT(launch() == tpms[i].state);
		EXPECT(wire.count == 0 && trust_leave() == 0 && wire.count == 0);
		check_nothing();
	}
	boot_init();
	scene = "PCR 22 extended";
	power_on();
	send(2,
	     "8002000000000000018200000016" PASSWORD "00000001000b"
	     "1111111111111111111111111111111111111111111111111111111111111111",
	     response);
	EXPECT(launch() == HV_TRUST_EXTENDED);
	check_nothing();
	EXPECT(!pcr21_opens());
	scene = "no index is free";
	remove_indexes();
	power_on();
	for (uint32_t i = 0; i < 8; i++)
		plant(0x18c1510 + i, 0x020a0008, 32, false);
	EXPECT(launch() == HV_TRUST_INDEXES);
	check_nothing();
	EXPECT(!pcr21_opens());
	remove_indexes();
	scene = "the owner's authorization is set";
	power_on();
	send(0, "8002000000000000012940000001" PASSWORD "000461626364", response);
	EXPECT(code_of(response) == 0);
	EXPECT(launch() == HV_TRUST_OWNER);
	check_nothing();
	EXPECT(!pcr21_opens());
	send(0,
	     "80020000000000000129400000010000000d40000009000000000461626364"
	     "0000",
	     response);
	EXPECT(code_of(response) == 0);
}

/* The launch with one fault, at one command or from it on; `commands`: how many a good one has. 0: there was no such command. */
static bool faulty_launch(bool fresh, enum answer_fault fault, unsigned int at, bool on)
{
	static char text[80];
	enum hv_trust state;

	snprintf(text, sizeof(text), "%s index, fault %d at command %u%s", fresh ? "new" : "old",
		 fault, at, on ? " and on" : "");
	scene = text;
	if (fresh)
		remove_indexes();
	power_on();
	wire.fault = fault;
	wire.first = at;
	wire.last = on ? ~0U : at;
	state = launch();
	if (wire.count < at)
		return false;
	if (state == HV_TRUST_YES) {
		/* Not every byte says something: nonces, names, an empty answer; and ending the session may fail. But what is claimed is true. */
		EXPECT(at == wire.count || fault == ANSWER_FLIPPED || fault == ANSWER_EMPTY ||
		       fault == ANSWER_SIZES || fault == ANSWER_RETRY);
		wire.fault = ANSWER_FINE;
		EXPECT(trust_leave() == 0);
	} else {
		EXPECT(fault != ANSWER_RETRY || on);
		check_nothing();
		if (trust_leave())
			EXPECT(on);
		wire.fault = ANSWER_FINE;
		EXPECT(trust_leave() == 0);
	}
	EXPECT(!pcr21_opens());
	return true;
}

static void test_faults(void)
{
	uint8_t ignored[32];

	boot_init();
	for (int fresh = 0; fresh < 2; fresh++) {
		remove_indexes();
		power_on();
		good("before the faults", ignored);
		for (int fault = 1; fault < ANSWER_FAULTS; fault++)
			for (int on = 0; on < 2; on++)
				for (unsigned int at = 1; faulty_launch(fresh, fault, at, on); at++)
					;
	}
}

static void test_registers(void)
{
	unsigned int commands;
	enum hv_trust state;
	uint8_t ignored[32];
	static char text[80];

	boot_init();
	power_on();
	good("makes the index", ignored);
	power_on();
	good("before the registers' faults", ignored);
	commands = wire.count;
	scene = text;
	for (int fault = 1; fault < FIFO_FAULTS; fault++) {
		for (unsigned int from = 1; from <= commands; from++) {
			snprintf(text, sizeof(text), "registers' fault %d from command %u", fault,
				 from);
			power_on();
			fifo_fault = fault;
			fifo_fault_from = from;
			state = launch();
			if (fault == FIFO_SEIZE) {
				EXPECT(state == HV_TRUST_YES);
			} else if (fault <= FIFO_REFUSED) {
				EXPECT(state == HV_TRUST_LOCALITY);
				check_nothing();
				EXPECT(trust_leave() == 0); /* nothing was promised */
			} else if (state == HV_TRUST_YES) {
				/* It began with the end of the session, or with leaving. */
				EXPECT(from + 1 >= commands);
			} else {
				check_nothing();
			}
			if (fault > FIFO_SEIZE)
				EXPECT(trust_leave() == -EIO);
			if (fault >= FIFO_SEIZE) {
				fifo_fault = FIFO_FINE;
				EXPECT(trust_leave() == 0);
				EXPECT(!pcr21_opens());
			}
		}
	}
}

static int record(const char *to)
{
	static const char *const names[] = { "new-index", "old-index", "pcr-21-extended" };
	char path[512];

	boot_init();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (i < 2)
			power_on();
		snprintf(path, sizeof(path), "%s/%s", to, names[i]);
		wire.record = fopen(path, "wb");
		if (!wire.record)
			return 1;
		fputc(0, wire.record); /* responses follow: trust_fuzz.c */
		launch();
		if (trust_leave())
			return 1;
		fclose(wire.record);
		wire.record = NULL;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int result = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!swtpm_start()) {
		printf("SKIP: no swtpm\n");
		return 77;
	}
	if (argc == 3 && !strcmp(argv[1], "record")) {
		result = record(argv[2]);
	} else {
		test_secret();
		test_bytes();
		test_debug();
		test_planted();
		test_random();
		test_refusals();
		test_registers();
		test_faults();
	}
	swtpm_stop();
	printf("%u failures\n", failures);
	return result || failures;
}
