/* SPDX-License-Identifier: Apache-2.0 */
/* What the attacks share: the module's device, operands in its buffer, evicting and loading. See attack.h. */
#include "hypervisor/loader/tests/attack.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PCMDS_AT = COPIES * PAGE_SIZE, OPERANDS_AT = PCMDS_AT + PAGE_SIZE };

struct encls_info attacked;
static int device = -1;
static uint8_t *buffer;

static void ask(unsigned long command, void *argument)
{
	if (ioctl(device, command, argument)) {
		printf("%s, command %#lx: %m\n", ENCLS_DEVICE, command);
		exit(1);
	}
}

void attacker_open(void)
{
	if (device >= 0)
		return;
	device = open(ENCLS_DEVICE, O_RDWR | O_CLOEXEC);
	if (device < 0) {
		printf("SKIP: no %s: %m (the module encls.ko is not loaded)\n", ENCLS_DEVICE);
		exit(77);
	}
	ask(ENCLS_INFO, &attacked);
	buffer = mmap(NULL, ENCLS_BUFFER, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
	if (buffer == MAP_FAILED) {
		printf("%s: mmap: %m\n", ENCLS_DEVICE);
		exit(1);
	}
}

uint32_t encls(uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
	struct encls_call l = { leaf, rbx, rcx, rdx };

	ask(ENCLS_RUN, &l);
	switch (leaf) {
	case ENCLS_ECREATE:
	case ENCLS_EADD:
	case ENCLS_EEXTEND:
	case ENCLS_EPA:
	case ENCLS_EAUG: /* have no codes: RAX is still the leaf's number */
		return (uint32_t)l.rax & ENCLS_FAULT ? (uint32_t)l.rax : SGX_OK;
	default:
		return (uint32_t)l.rax;
	}
}

static uint64_t operand(size_t offset, const void *data, size_t size)
{
	memcpy(buffer + OPERANDS_AT + offset, data, size);
	return attacked.buffer + OPERANDS_AT + offset;
}

uint32_t encls_page(uint32_t leaf, struct page_info info, uint64_t rcx, uint64_t rdx)
{
	return encls(leaf, operand(0, &info, sizeof(info)), rcx, rdx);
}

uint64_t secinfo_operand(uint64_t flags)
{
	const struct secinfo s = { .flags = flags };

	return operand(64, &s, sizeof(s));
}

uint64_t copy_operand(unsigned int copy)
{
	return attacked.buffer + copy * PAGE_SIZE;
}

uint64_t pcmd_operand(unsigned int copy)
{
	return attacked.buffer + PCMDS_AT + copy * sizeof(struct pcmd);
}

uint8_t *copy_data(unsigned int copy)
{
	return buffer + copy * PAGE_SIZE;
}

struct pcmd *copy_pcmd(unsigned int copy)
{
	return (struct pcmd *)(void *)(buffer + PCMDS_AT) + copy;
}

uint64_t epc_at(uint64_t physical)
{
	return attacked.epc + (physical - attacked.epc_start);
}

uint64_t epc_spare(unsigned int index)
{
	return attacked.epc + (attacked.epc_pages - 1 - index) * PAGE_SIZE;
}

uint64_t physical_at(uint64_t epc)
{
	return attacked.epc_start + (epc - attacked.epc);
}

uint64_t entry_get(const void *address)
{
	struct encls_entry e = { (uintptr_t)address, 0 };

	ask(ENCLS_ENTRY_GET, &e);
	return e.entry;
}

void entry_set(const void *address, uint64_t entry)
{
	struct encls_entry e = { (uintptr_t)address, entry };

	ask(ENCLS_ENTRY_SET, &e);
}

uint64_t page_behind(const void *address)
{
	return epc_at(entry_get(address) & ENTRY_FRAME);
}

uint64_t secs_of(uint64_t page)
{
	struct rdinfo info = { 0 };
	const uint64_t at = operand(128, &info, sizeof(info));

	EXPECT_EQUAL(encls(ENCLS_ERDINFO, at, page, 0), 0);
	memcpy(&info, buffer + OPERANDS_AT + 128, sizeof(info));
	return epc_at(info.enclave_context);
}

void kick(void)
{
	ask(ENCLS_KICK, NULL);
}

uint8_t *physical_map(uint64_t physical)
{
	uint8_t *p = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, device,
			  (off_t)(ENCLS_PHYSICAL + physical));

	if (p == MAP_FAILED) {
		printf("%s: mmap of %#lx: %m\n", ENCLS_DEVICE, physical);
		exit(1);
	}
	return p;
}

void pin_to(unsigned int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor % (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), &set);
	EXPECT(!sched_setaffinity(0, sizeof(set), &set));
}

/* Turns until what was inside has left: each kick sees to that for all processors, but new threads come. */
#define TRACK_TURNS 1000
uint32_t evict(uint64_t page, unsigned int copy, uint64_t slot)
{
	const struct page_info info = { .source = copy_operand(copy),
					.secinfo = pcmd_operand(copy) };
	const uint64_t secs = secs_of(page);
	uint32_t code = encls(ENCLS_EBLOCK, 0, page, 0);

	EXPECT(code == SGX_OK || code == SGX_BLKSTATE);
	for (unsigned int i = 0; i < TRACK_TURNS; i++) {
		code = encls(ENCLS_ETRACK, 0, secs, 0);
		if (code != SGX_PREV_TRK_INCMPL)
			break;
		kick();
	}
	EXPECT_EQUAL(code, SGX_OK);
	for (unsigned int i = 0; i < TRACK_TURNS; i++) {
		code = encls_page(ENCLS_EWB, info, page, slot);
		if (code != SGX_NOT_TRACKED)
			break;
		kick();
	}
	return code;
}

uint32_t reload(uint64_t page, unsigned int copy, uint64_t slot, uint64_t linear, uint64_t secs)
{
	const struct page_info info = { .linear = linear,
					.source = copy_operand(copy),
					.secinfo = pcmd_operand(copy),
					.secs = secs };

	return encls_page(ENCLS_ELDU, info, page, slot);
}

static uint32_t access_faults(struct enclave *e, uint64_t kind, const void *address,
			      uint32_t *ret_error)
{
	const uint64_t seen = call(e, CHECK_FAULT, kind, (uintptr_t)address);

	if (seen &&
	    call(e, CHECK_FAULT_ADDRESS, 0, 0) / PAGE_SIZE != (uintptr_t)address / PAGE_SIZE) {
		printf("a fault at another address than %p\n", address);
		failures++;
	}
	*ret_error = (uint32_t)(seen >> 32);
	return (uint32_t)seen;
}

uint32_t enclave_read_faults(struct enclave *e, const void *address, uint32_t *ret_error)
{
	return access_faults(e, FAULT_READ, address, ret_error);
}

uint32_t enclave_write_faults(struct enclave *e, const void *address, uint32_t *ret_error)
{
	return access_faults(e, FAULT_WRITE, address, ret_error);
}
