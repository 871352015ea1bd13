/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM that says anything. First byte even: what follows are its responses, u16 size and bytes, each as tis_transmit gives it. Odd: what the registers
 * read, byte by byte. Whatever comes, the launch ends, and what is not trusted shows nothing; no secret of an earlier launch stays.
 */
#include "abi/report.h"
#include "hypervisor/core/vcpu.h"
#include "hypervisor/crypto/crypto.h"
#include "hypervisor/mem/iommu.h"
#include "hypervisor/sgx/run.h"
#include "hypervisor/sgx/signer.h"
#include "hypervisor/trust/trust.h"
#include "lib/base/string.h"

#include <asm-generic/errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The real one, under other names: tis_open and the rest choose. */
#define tis_open fifo_open
#define tis_close fifo_close
#define tis_transmit fifo_transmit
#include "hypervisor/trust/tis.c"
#undef tis_open
#undef tis_close
#undef tis_transmit

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input;
static size_t left;
static bool by_registers;
static uint64_t now;
static unsigned int roots;

uint8_t register_read(unsigned int offset)
{
	(void)offset;
	if (!left)
		return 0;
	left--;
	return *input++;
}

void register_write(unsigned int offset, uint8_t value)
{
	(void)offset;
	(void)value;
}

uint64_t clock_milliseconds(void)
{
	return now += 50;
}

int tis_open(void)
{
	return by_registers ? fifo_open() : 0;
}

void tis_close(void)
{
	if (by_registers)
		fifo_close();
}

int tis_transmit(uint8_t bytes[TIS_MAX], size_t size, size_t *ret_size)
{
	size_t length;

	if (by_registers)
		return fifo_transmit(bytes, size, ret_size);
	if (left < 2)
		return -ETIMEDOUT;
	length = (size_t)input[0] | (size_t)input[1] << 8;
	input += 2;
	left -= 2;
	if (length < TIS_HEADER || length > TIS_MAX || length > left)
		return -EIO;
	memcpy(bytes, input, length);
	input += length;
	left -= length;
	*ret_size = length;
	return 0;
}

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
	return 0;
}

void sgx_set_root_secret(const uint8_t secret[32])
{
	(void)secret;
	roots++;
}

uint32_t sgx_security_version(void)
{
	return 1;
}

void sgx_signer_target(uint8_t ret_target_info[REPORT_SGX_TARGETINFO_SIZE])
{
	memset(ret_target_info, 0, REPORT_SGX_TARGETINFO_SIZE);
}

int sgx_signer_check(const uint8_t report[REPORT_SGX_SIZE], bool *ret_debug)
{
	(void)report;
	*ret_debug = false;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hv_boot boot = { .tpm = HV_TPM_TIS, .seal_pcrs = 0x0a95, .end = PAGE_SIZE };
	static const struct report_hv nothing;
	uint8_t report[REPORT_SGX_SIZE] = { 0 }, signature[64];
	struct hv_device_report r;
	enum hv_trust state;

	if (!size)
		return 0;
	/* As trust_test.c has it: the recorded indexes are of this policy. */
	memset(boot.image_measurement, 0x5c, sizeof(boot.image_measurement));
	by_registers = data[0] & 1;
	input = data + 1;
	left = size - 1;
	now = 0;
	roots = 0;
	trust_wipe();
	trust_launch(&boot);
	state = trust_state();
	if (state >= HV_TRUSTS || (state == HV_TRUST_YES) != (roots == 1))
		abort();
	if (state != HV_TRUST_YES &&
	    (trust_report(&r) != -ENODATA || trust_sign(report, signature) != -ENODATA))
		abort();
	if (state == HV_TRUST_YES &&
	    (trust_report(&r) || !memcmp(&r.report, &nothing, sizeof(nothing))))
		abort();
	/* No answer is left: what is open cannot be shut, and is not said to be. */
	left = 0;
	if (state == HV_TRUST_YES && trust_leave() == 0)
		abort();
	return 0;
}
