/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's interface as programs know it: ioctls in wrong order and with wrong values, mappings, SIGSTRUCTs with changed bytes, attributes
 * that need a grant.
 */
#include <asm/sgx.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hypervisor/loader/enclaves/counter.h"
#include "hypervisor/loader/sign.h"
#include "hypervisor/loader/tests/tests.h"

static int control(struct enclave *e, unsigned long command, void *argument)
{
	return ioctl(enclave_device(e), command, argument) ? -errno : 0;
}

static struct enclave *make_open(struct enclave_file *ret_file)
{
	const struct enclave_options options = { .uninitialised = true };
	struct enclave *e;
	int r;

	open_file("counter", ret_file);
	r = enclave_create(ret_file, &options, &e);
	if (r) {
		printf("%s: %s\n", enclave_failed_step(), strerror(-r));
		exit(1);
	}
	return e;
}

/* --- SIGSTRUCT ------------------------------------------------------------------------------------------------------------------ */

/* Every fifth byte, and the ends of all fields: EINIT refuses; the SIGSTRUCT as it was is accepted after all of that. */
static void test_flipped(void)
{
	struct enclave_file file;
	struct enclave *e = make_open(&file);
	unsigned int tried = 0;
	uint64_t value = 0;

	for (size_t i = 0; i < sizeof(struct sigstruct); i++) {
		struct sigstruct bad = file.sigstruct;
		int r;

		if (i % 5 && i != 127 && i != 511 && i != 899 && i != 1027 && i != 1039 &&
		    i != 1423 && i != 1807)
			continue;
		((uint8_t *)&bad)[i] ^= (uint8_t)(1U << i % 8);
		r = enclave_initialise(e, &bad);
		tried++;
		/* EINVAL: the driver itself looks at the vendor and at what the machine cannot do */
		if (r != -EPERM && r != -EINVAL) {
			printf("byte %zu changed: %s\n", i, r ? strerror(-r) : "accepted");
			failures++;
		}
		if (!r)
			break;
	}
	EXPECT(tried > 300);
	EXPECT_EQUAL(enclave_initialise(e, &file.sigstruct), 0);
	EXPECT_EQUAL(call(e, COUNTER_ADD, 3, 0), 3);
	EXPECT_EQUAL(enclave_call(e, COUNTER_ADD, 3, 0, &value), 0);
	enclave_destroy(e);
	enclave_file_close(&file);
}

/* Another enclave's SIGSTRUCT; pages that were not measured. */
static void test_measurement(void)
{
	const struct enclave_options unmeasured = { .unmeasured = true };
	struct enclave_file file, other;
	struct enclave *e = make_open(&file);

	open_file("checks", &other);
	EXPECT_EQUAL(enclave_initialise(e, &other.sigstruct), -EPERM);
	EXPECT_EQUAL(enclave_initialise(e, &file.sigstruct), 0);
	enclave_destroy(e);
	EXPECT_EQUAL(enclave_create(&file, &unmeasured, &e), -EPERM);
	enclave_file_close(&other);
	enclave_file_close(&file);
}

/* --- Attributes --------------------------------------------------------------------------------------------------------------------- */

int sign_with(const struct enclave_file *file, uint64_t attributes, struct sigstruct *ret_sigstruct)
{
	struct evp_pkey_st *key;
	const char *why = "";
	char path[512];
	int r;

	snprintf(path, sizeof(path), "%s/second-key.pem", folder);
	*ret_sigstruct = file->sigstruct;
	ret_sigstruct->attributes.flags |= attributes;
	r = sign_key_open(path, true, &key, &why);
	r = r ?: sign_sigstruct(ret_sigstruct, 0x20260101, key, &why);
	if (r)
		printf("signing: %s\n", why);
	return r;
}

static void test_provision(void)
{
	const struct enclave_options options = { .uninitialised = true,
						 .attributes = ATTRIBUTE_PROVISIONKEY };
	struct sgx_enclave_provision grant;
	struct enclave_file file;
	struct sigstruct s;
	struct enclave *e;

	open_file("checks", &file);
	EXPECT_EQUAL(sign_with(&file, ATTRIBUTE_PROVISIONKEY, &s), 0);
	EXPECT_EQUAL(enclave_create(&file, &options, &e), 0);
	EXPECT_EQUAL(enclave_initialise(e, &s), -EACCES);
	grant.fd = (uint64_t)open("/dev/null", O_RDONLY);
	EXPECT_EQUAL(control(e, SGX_IOC_ENCLAVE_PROVISION, &grant), -EINVAL);
	close((int)grant.fd);
	EXPECT_EQUAL(control(e, SGX_IOC_ENCLAVE_PROVISION, &grant), -EINVAL);
	grant.fd = (uint64_t)open("/dev/sgx_provision", O_RDONLY);
	EXPECT_EQUAL(control(e, SGX_IOC_ENCLAVE_PROVISION, &grant), 0);
	close((int)grant.fd);
	/* not what the signer said */
	EXPECT_EQUAL(enclave_initialise(e, &file.sigstruct), -EPERM);
	EXPECT_EQUAL(enclave_initialise(e, &s), 0);
	{
		struct keyrequest request = { .key_name = KEY_PROVISION };
		uint8_t key[16];

		EXPECT_EQUAL(call(e, CHECK_KEY, (uintptr_t)&request, (uintptr_t)key), 0);
	}
	enclave_destroy(e);
	enclave_file_close(&file);
}

/* A debug enclave is read and written through /proc/self/mem; another is not. */
static void test_debug(void)
{
	const struct enclave_options options = { .uninitialised = true,
						 .attributes = ATTRIBUTE_DEBUG };
	struct enclave_file file;
	struct sigstruct s;
	struct enclave *e, *closed = make_checks(NULL);
	uint64_t word = 0, growth;
	off_t at;
	int memory = open("/proc/self/mem", O_RDWR);

	open_file("checks", &file);
	EXPECT(memory >= 0);
	EXPECT_EQUAL(sign_with(&file, ATTRIBUTE_DEBUG, &s), 0);
	EXPECT_EQUAL(enclave_create(&file, &options, &e), 0);
	EXPECT_EQUAL(enclave_initialise(e, &s), 0);
	growth = call(e, CHECK_GROWTH, 0, 0);
	EXPECT_EQUAL(call(e, CHECK_GROW, 0, 1), 1);
	call(e, CHECK_WRITE, growth + 8, 0x0102030405060708);
	at = (off_t)(growth + 10);
	EXPECT_EQUAL(pread(memory, &word, 4, at), 4);
	EXPECT_EQUAL(word, 0x03040506);
	word = 0xbeef;
	EXPECT_EQUAL(pwrite(memory, &word, 2, at), 2);
	EXPECT_EQUAL(call(e, CHECK_READ, growth + 8, 0), 0x01020304beef0708);
	enclave_destroy(e);
	growth = call(closed, CHECK_GROWTH, 0, 0);
	EXPECT_EQUAL(call(closed, CHECK_GROW, 0, 1), 1);
	EXPECT(pread(memory, &word, 8, (off_t)growth) < 0);
	enclave_destroy(closed);
	close(memory);
	enclave_file_close(&file);
}

/* --- ioctls ------------------------------------------------------------------------------------------------------------------------- */

static int add(struct enclave *e, uint64_t offset, uint64_t length, uint64_t flags,
	       uint64_t secinfo_flags, uint8_t reserved)
{
	static uint8_t source[PAGE_SIZE] __attribute__((aligned(4096)));
	struct secinfo info __attribute__((aligned(64))) = { .flags = secinfo_flags };
	struct sgx_enclave_add_pages r = { .src = (uintptr_t)source,
					   .offset = offset,
					   .length = length,
					   .secinfo = (uintptr_t)&info,
					   .flags = flags };

	info.reserved[55] = reserved;
	return control(e, SGX_IOC_ENCLAVE_ADD_PAGES, &r);
}

static void test_ioctls(void)
{
	struct enclave_file file, other_file;
	struct enclave *e = make_open(&file), *other;
	uint64_t size = enclave_layout(e)->size, growth = enclave_layout(e)->growth;
	struct secs *secs = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	struct sgx_enclave_create create = { .src = (uintptr_t)secs };
	struct sgx_enclave_remove_pages removal = { .length = PAGE_SIZE };
	int fd = open("/dev/sgx_enclave", O_RDWR);

	memset(secs, 0, sizeof(*secs));
	EXPECT_EQUAL(control(e, SGX_IOC_ENCLAVE_CREATE, &create), -EINVAL);
	EXPECT(ioctl(fd, SGX_IOC_ENCLAVE_CREATE, NULL) && errno == EFAULT);
	secs->size = 0x3000;
	EXPECT(ioctl(fd, SGX_IOC_ENCLAVE_CREATE, &create) && errno == EINVAL);
	/* ECREATE's own checks: SSAFRAMESIZE 0 */
	secs->size = 0x10000;
	secs->base = (uintptr_t)enclave_base(e) & ~0xffffULL;
	EXPECT(ioctl(fd, SGX_IOC_ENCLAVE_CREATE, &create) && errno == EIO);
	EXPECT(ioctl(fd, SGX_IOC_ENCLAVE_CREATE, &create) && errno == EIO);
	/* and with what it wants, on the same file */
	secs->ssa_frame_size = 1;
	secs->attributes.flags = ATTRIBUTE_MODE64BIT;
	secs->attributes.xfrm = 3;
	EXPECT(!ioctl(fd, SGX_IOC_ENCLAVE_CREATE, &create));
	close(fd);
	/* Linux's driver looks at the flag that it knows, and at no other. */
	other = make_open(&other_file);
	EXPECT_EQUAL(add(other, growth, PAGE_SIZE, 2, 0x203, 0), 0);
	enclave_destroy(other);
	enclave_file_close(&other_file);
	EXPECT_EQUAL(add(e, growth, 0, 1, 0x203, 0), -EINVAL);
	EXPECT_EQUAL(add(e, growth + 1, PAGE_SIZE, 1, 0x203, 0), -EINVAL);
	EXPECT_EQUAL(add(e, size, PAGE_SIZE, 1, 0x203, 0), -EINVAL);
	EXPECT_EQUAL(add(e, ~0xfffULL, 2 * PAGE_SIZE, 1, 0x203, 0), -EINVAL);
	EXPECT_EQUAL(add(e, growth, PAGE_SIZE, 1, 0x202, 0), -EINVAL);
	EXPECT_EQUAL(add(e, growth, PAGE_SIZE, 1, 0x103, 0), -EINVAL);
	EXPECT_EQUAL(add(e, growth, PAGE_SIZE, 1, 0x003, 0), -EINVAL);
	EXPECT_EQUAL(add(e, growth, PAGE_SIZE, 1, 0x303, 0), -EINVAL);
	EXPECT_EQUAL(add(e, growth, PAGE_SIZE, 1, 0x20b, 0), -EINVAL);
	EXPECT_EQUAL(add(e, growth, PAGE_SIZE, 1, 0x203, 1), -EINVAL);
	EXPECT_EQUAL(control(e, SGX_IOC_ENCLAVE_REMOVE_PAGES, &removal), -EINVAL);
	EXPECT_EQUAL(enclave_initialise(e, &file.sigstruct), 0);
	EXPECT_EQUAL(enclave_initialise(e, &file.sigstruct), -EINVAL);
	EXPECT_EQUAL(add(e, growth, PAGE_SIZE, 1, 0x203, 0), -EINVAL);
	removal.length = 0;
	EXPECT_EQUAL(control(e, SGX_IOC_ENCLAVE_REMOVE_PAGES, &removal), -EINVAL);
	EXPECT_EQUAL(control(e, SGX_IOC_VEPC_REMOVE_ALL, NULL), -ENOTTY);
	EXPECT(access("/dev/sgx_vepc", F_OK) && errno == ENOENT);
	EXPECT_EQUAL(call(e, COUNTER_ADD, 1, 0), 1);
	enclave_destroy(e);
	enclave_file_close(&file);
	free(secs);
}

static void test_mappings(void)
{
	struct enclave *e = make_checks(NULL);
	uint8_t *base = enclave_base(e), *code = base + enclave_layout(e)->entry, *got;
	size_t size = enclave_layout(e)->size;
	int fd = enclave_device(e);

	EXPECT(mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED &&
	       errno == EINVAL);
	EXPECT(mprotect(code, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC) && errno == EACCES);
	EXPECT(mmap(code, PAGE_SIZE, PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED &&
	       errno == EACCES);
	/* by then Linux had unmapped what was there */
	EXPECT(mmap(code, PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == code);
	EXPECT(!mprotect(code, PAGE_SIZE, PROT_READ | PROT_EXEC));
	/* outside the enclave's range, once it is initialised */
	got = mmap(base + size, PAGE_SIZE, PROT_NONE, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
	EXPECT(got == MAP_FAILED && (errno == EACCES || errno == EEXIST));
	EXPECT_EQUAL(call(e, CHECK_COUNT, 0, 0), 1);
	/* a page without mapping: EENTER cannot reach its TCS; mapped again, it can */
	EXPECT(!munmap(base + enclave_layout(e)->tcs[0], PAGE_SIZE));
	EXPECT_EQUAL(enclave_call_on(e, 0, CHECK_COUNT, 0, 0, NULL), -EFAULT);
	EXPECT_EQUAL(enclave_last_exception()->vector, 14);
	EXPECT_EQUAL(enclave_last_exception()->function, 2);
	EXPECT(mmap(base + enclave_layout(e)->tcs[0], PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
	EXPECT_EQUAL(enclave_call_on(e, 0, CHECK_COUNT, 0, 0, NULL), 0);
	enclave_destroy(e);
}

const struct test interface_tests[] = {
	{ "flipped", test_flipped },
	{ "measurement", test_measurement },
	{ "provision", test_provision },
	{ "debug", test_debug },
	{ "ioctls", test_ioctls },
	{ "mappings", test_mappings },
	{ 0 },
};
