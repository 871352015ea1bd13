/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev/sgx_enclave's answer to each malformed request. What is expected here is what Linux's own driver answers: boot/stages.sh runs these tests
 * on it, boot/enclave-run.sh on ours, so neither can go its own way. An answer is a negative errno; where a request reports how far it came, that is
 * looked at too.
 */
#include <asm/sgx.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hypervisor/loader/sign.h"
#include "hypervisor/loader/tests/tests.h"

#define REG ((uint64_t)PT_REG << SECINFO_TYPE_SHIFT)
#define TCS ((uint64_t)PT_TCS << SECINFO_TYPE_SHIFT)
#define RW (SECINFO_R | SECINFO_W)
#define SIZE 0x100000UL
#define BAD_POINTER 8UL

/* An address that nothing is mapped at, with a page above it that is mapped as nobody may execute; see no_execution. */
static uint8_t *hole, *no_execution;
static uint8_t zeros[4 * PAGE_SIZE] __attribute__((aligned(4096)));

static int device(void)
{
	int fd = open("/dev/sgx_enclave", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		printf("/dev/sgx_enclave: %s\n", strerror(errno));
		exit(1);
	}
	return fd;
}

static int control(int fd, unsigned long command, void *argument)
{
	return ioctl(fd, command, argument) ? -errno : 0;
}

/* Where an enclave of SIZE could lie: aligned, reserved through the device. */
static uint64_t place(int fd)
{
	uint8_t *got = mmap(NULL, 2 * SIZE, PROT_NONE, MAP_SHARED, fd, 0);

	if (got == MAP_FAILED) {
		printf("no room for an enclave\n");
		exit(1);
	}
	return ((uintptr_t)got + SIZE - 1) & ~(SIZE - 1);
}

/* --- CREATE ------------------------------------------------------------------------------------- */

static struct secs *new_secs(uint64_t base)
{
	static struct secs s __attribute__((aligned(4096)));

	s = (struct secs){ .size = SIZE,
			   .base = base,
			   .ssa_frame_size = 1,
			   .attributes = { ATTRIBUTE_MODE64BIT, 3 } };
	return &s;
}

static int create_with(int fd, const struct secs *s)
{
	struct sgx_enclave_create c = { .src = (uintptr_t)s };

	return control(fd, SGX_IOC_ENCLAVE_CREATE, &c);
}

/* The answer to CREATE of a SECS that is right but for one change, on a file of its own. */
#define CREATE(answer, change)                                   \
	do {                                                     \
		int create_fd = device();                        \
		struct secs *s = new_secs(place(create_fd));     \
		change;                                          \
		EXPECT_EQUAL(create_with(create_fd, s), answer); \
		munmap((void *)(s->base & ~(SIZE - 1)), SIZE);   \
		close(create_fd);                                \
	} while (0)

static void test_create(void)
{
	struct sgx_enclave_create c = { .src = BAD_POINTER };
	int fd = device();

	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_CREATE, NULL), -EFAULT);
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_CREATE, &c), -EFAULT);
	c.src = (uintptr_t)hole - PAGE_SIZE + 8; /* its last bytes are not there */
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_CREATE, &c), -EFAULT);
	close(fd);
	CREATE(0, );
	CREATE(0, s = memcpy(zeros + 40, s, sizeof(*s))); /* where it lies is not looked at */
	memset(zeros, 0, sizeof(zeros));
	/* The driver's own checks, then ECREATE's. */
	CREATE(-EINVAL, s->size = 0);
	CREATE(-EINVAL, s->size = 0x3000);
	CREATE(-EINVAL, s->size = 1ULL << 63);
	CREATE(-EIO, s->size = PAGE_SIZE);
	CREATE(-EIO, s->size = 1);
	CREATE(-EIO, s->size = 1ULL << 62);
	CREATE(-EIO, s->size = 1ULL << 46);
	CREATE(-EIO, s->base += PAGE_SIZE);
	CREATE(-EIO, s->base = 1ULL << 47);
	CREATE(-EIO, s->ssa_frame_size = 0);
	CREATE(0, s->ssa_frame_size = 2);
	CREATE(0, s->ssa_frame_size = ~0U);
	CREATE(0, s->miscselect = MISC_EXINFO);
	CREATE(-EIO, s->miscselect = 2);
	CREATE(-EIO, s->miscselect = 1U << 31);
	CREATE(-EIO, s->attributes.flags |= ATTRIBUTE_INIT);
	CREATE(-EIO, s->attributes.flags |= 1 << 3);
	CREATE(-EIO, s->attributes.flags |= 1 << 6);
	CREATE(-EIO, s->attributes.flags |= 1ULL << 63);
	CREATE(0, s->attributes.flags |= ATTRIBUTE_DEBUG);
	CREATE(0, s->attributes.flags |= ATTRIBUTE_PROVISIONKEY);
	CREATE(0, s->attributes.flags |= ATTRIBUTE_EINITTOKENKEY);
	CREATE(-EIO, s->attributes.xfrm = 0);
	CREATE(-EIO, s->attributes.xfrm = 1);
	CREATE(-EIO, s->attributes.xfrm = 2);
	CREATE(-EIO, s->attributes.xfrm = 3 | 1ULL << 5);  /* one of AVX-512's three */
	CREATE(-EIO, s->attributes.xfrm = 3 | 1ULL << 8);  /* a supervisor component */
	CREATE(-EIO, s->attributes.xfrm = 3 | 1ULL << 17); /* AMX */
	CREATE(-EIO, s->attributes.xfrm = 3 | 1ULL << 63);
	CREATE(-EIO, s->cet_attributes = 1);
	CREATE(-EIO, s->cet_legacy_bitmap_offset = PAGE_SIZE);
	CREATE(-EIO, s->reserved1[0] = 1);
	CREATE(-EIO, s->reserved5[sizeof(s->reserved5) - 1] = 1);
	CREATE(-EIO, s->config_svn = 1);
	CREATE(-EIO, s->config_id[63] = 1);
	CREATE(0, (s->config_id[63] = 1, s->config_svn = 1, s->attributes.flags |= ATTRIBUTE_KSS));
	/* What ECREATE sets itself */
	CREATE(0, (s->mrenclave[0] = 1, s->mrsigner[0] = 1, s->isv_svn = 1));
	/* 32 bits: below 4 GiB, or not at all */
	CREATE(-EIO, (s->attributes.flags = 0, s->base = 1ULL << 32));
	CREATE(0, (s->attributes.flags = 0, s->base = 0x40000000));
}

/* Before CREATE there is nothing to ask for; a file is one enclave. */
static void test_order(void)
{
	struct sgx_enclave_restrict_permissions p = { .length = PAGE_SIZE };
	struct sgx_enclave_modify_types t = { .length = PAGE_SIZE };
	struct sgx_enclave_remove_pages r = { .length = PAGE_SIZE };
	struct sgx_enclave_init i = { 0 };
	struct sgx_enclave_add_pages a = { 0 };
	int fd = device(), created;

	for (created = 0; created < 2; created++) {
		EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS, &p), -EINVAL);
		EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS, NULL), -EINVAL);
		EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_MODIFY_TYPES, &t), -EINVAL);
		EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_REMOVE_PAGES, &r), -EINVAL);
		EXPECT_EQUAL(control(fd, SGX_IOC_VEPC_REMOVE_ALL, NULL), -ENOTTY);
		EXPECT_EQUAL(control(fd, _IOWR(SGX_MAGIC, 1, long), NULL), -ENOTTY);
		EXPECT_EQUAL(control(fd, _IO(SGX_MAGIC, 0x7f), NULL), -ENOTTY);
		EXPECT_EQUAL(control(fd, TIOCGWINSZ, NULL), -ENOTTY);
		if (created)
			continue;
		EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_ADD_PAGES, &a), -EINVAL);
		EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_ADD_PAGES, NULL), -EINVAL);
		EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_INIT, &i), -EINVAL);
		EXPECT_EQUAL(create_with(fd, new_secs(place(fd))), 0);
	}
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_CREATE, NULL), -EINVAL);
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_ADD_PAGES, NULL), -EFAULT);
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_INIT, NULL), -EFAULT);
	EXPECT(read(fd, zeros, 1) < 0 && errno == EINVAL);
	EXPECT(write(fd, zeros, 1) < 0 && errno == EINVAL);
	EXPECT(lseek(fd, 0, SEEK_SET) < 0 && errno == ESPIPE);
	EXPECT(ftruncate(fd, 0) < 0 && errno == EINVAL);
	EXPECT(fsync(fd) < 0 && errno == EINVAL);
	close(fd);
}

/* ioctl by the system call of 32-bit programs. */
static int control_32(int fd, unsigned long command, const void *argument)
{
	uint32_t number = 54;

	asm volatile("int $0x80"
		     : "+a"(number)
		     : "b"(fd), "c"((uint32_t)command), "d"((uint32_t)(uintptr_t)argument)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)number;
}

static void test_compat(void)
{
	struct sgx_enclave_create *c = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	int fd = device();

	EXPECT(c != MAP_FAILED);
	EXPECT_EQUAL(control_32(fd, SGX_IOC_ENCLAVE_CREATE, NULL), -EFAULT);
	EXPECT_EQUAL(control_32(fd, SGX_IOC_VEPC_REMOVE_ALL, NULL), -ENOTTY);
	c->src = (uintptr_t)new_secs(place(fd));
	EXPECT_EQUAL(control_32(fd, SGX_IOC_ENCLAVE_CREATE, c), 0);
	EXPECT_EQUAL(control_32(fd, SGX_IOC_ENCLAVE_CREATE, c), -EINVAL);
	munmap(c, PAGE_SIZE);
	close(fd);
}

/* --- ADD_PAGES ------------------------------------------------------------------------------------ */

/* A page that no mapping may execute: of a file system that says so. And a page with nothing just below it. */
static void make_holes(void)
{
	int fd;

	mkdir("/tmp/noexec", 0700);
	if (mount("none", "/tmp/noexec", "tmpfs", MS_NOEXEC, NULL)) {
		printf("mount: %s\n", strerror(errno));
		exit(1);
	}
	fd = open("/tmp/noexec/page", O_RDWR | O_CREAT | O_TRUNC, 0600);
	hole = mmap(NULL, 4 * PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(fd >= 0 && !ftruncate(fd, 2 * PAGE_SIZE) && hole != MAP_FAILED);
	hole += PAGE_SIZE;
	no_execution =
		mmap(hole + PAGE_SIZE, 2 * PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
	EXPECT(no_execution == hole + PAGE_SIZE);
	EXPECT(!munmap(hole, PAGE_SIZE));
	close(fd);
	umount2("/tmp/noexec", MNT_DETACH);
	if (failures)
		exit(1);
}

static struct secinfo secinfo __attribute__((aligned(64)));

static struct sgx_enclave_add_pages request(uint64_t flags)
{
	secinfo = (struct secinfo){ .flags = flags };
	return (struct sgx_enclave_add_pages){ .src = (uintptr_t)zeros,
					       .length = PAGE_SIZE,
					       .secinfo = (uintptr_t)&secinfo,
					       .flags = SGX_PAGE_MEASURE };
}

/* The answer to ADD_PAGES of a request that is right but for the change, and the bytes it reports as done. */
#define ADD(answer, done, secinfo_flags, change)                                  \
	do {                                                                      \
		struct sgx_enclave_add_pages a = request(secinfo_flags);          \
		a.count = 0x123;                                                  \
		change;                                                           \
		EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_ADD_PAGES, &a), answer); \
		EXPECT_EQUAL(a.count, done);                                      \
	} while (0)
#define UNTOUCHED 0x123

static void test_add(void)
{
	struct tcs *tcs = (void *)zeros;
	int fd = device();

	EXPECT_EQUAL(create_with(fd, new_secs(place(fd))), 0);
	ADD(-EINVAL, UNTOUCHED, REG | RW, a.src += 8);
	ADD(-EINVAL, UNTOUCHED, REG | RW, a.offset = 8);
	ADD(-EINVAL, UNTOUCHED, REG | RW, a.length = 0);
	ADD(-EINVAL, UNTOUCHED, REG | RW, a.length = 8);
	ADD(-EINVAL, UNTOUCHED, REG | RW, a.offset = SIZE);
	ADD(-EINVAL, UNTOUCHED, REG | RW, a.length = SIZE + PAGE_SIZE);
	ADD(-EINVAL, UNTOUCHED, REG | RW, (a.offset = ~0xfffULL, a.length = 2 * PAGE_SIZE));
	ADD(-EFAULT, UNTOUCHED, REG | RW, a.secinfo = BAD_POINTER);
	ADD(-EINVAL, UNTOUCHED, REG | SECINFO_W, );
	ADD(-EINVAL, UNTOUCHED, REG | SECINFO_W | SECINFO_X, );
	ADD(-EINVAL, UNTOUCHED, TCS | RW, );
	ADD(-EINVAL, UNTOUCHED, RW, );
	ADD(-EINVAL, UNTOUCHED, (uint64_t)PT_VA << 8, );
	ADD(-EINVAL, UNTOUCHED, (uint64_t)PT_TRIM << 8, );
	ADD(-EINVAL, UNTOUCHED, 5ULL << 8, );
	ADD(-EINVAL, UNTOUCHED, REG | RW | SECINFO_PENDING, );
	ADD(-EINVAL, UNTOUCHED, REG | RW | SECINFO_MODIFIED, );
	ADD(-EINVAL, UNTOUCHED, REG | RW | 1ULL << 16, );
	ADD(-EINVAL, UNTOUCHED, REG | RW, secinfo.reserved[55] = 1);
	ADD(-EFAULT, 0, REG | RW, a.src = 0);
	ADD(-EFAULT, 0, REG | RW, a.src = ~0xfffULL);
	ADD(-EACCES, 0, REG | RW, a.src = (uintptr_t)no_execution);
	ADD(-EACCES, 0, REG | RW, a.src = (uintptr_t)hole); /* the next mapping is judged */
	/* two good pages and one that is not there */
	EXPECT(!mprotect(zeros + 2 * PAGE_SIZE, PAGE_SIZE, PROT_NONE));
	ADD(-EFAULT, 2 * PAGE_SIZE, REG | RW, (a.length = 4 * PAGE_SIZE));
	EXPECT(!mprotect(zeros + 2 * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE));
	ADD(-EBUSY, 0, REG | RW, );
	ADD(-EBUSY, 0, REG | RW, a.src = (uintptr_t)no_execution); /* that comes first */
	ADD(-EBUSY, PAGE_SIZE, REG | RW,
	    (a.offset = SIZE - PAGE_SIZE, a.length = PAGE_SIZE,
	     control(fd, SGX_IOC_ENCLAVE_ADD_PAGES, &a), a.offset -= PAGE_SIZE, a.length *= 2));
	ADD(0, 4 * PAGE_SIZE, REG, (a.offset = 0x10000, a.length = 4 * PAGE_SIZE));
	ADD(0, PAGE_SIZE, REG | RW, (a.offset = 0x14000, a.flags = ~1ULL)); /* one flag counts */
	/* EADD's own checks of a TCS */
	ADD(0, PAGE_SIZE, TCS, a.offset = 0x15000);
	tcs->flags = 4;
	ADD(-EIO, 0, TCS, a.offset = 0x16000);
	tcs->flags = 0;
	tcs->reserved[100] = 1;
	ADD(-EIO, 0, TCS, a.offset = 0x16000);
	memset(zeros, 0, sizeof(zeros));
	ADD(0, PAGE_SIZE, TCS, a.offset = 0x16000);
	{
		/* The answer cannot be written: told after all is done. */
		static struct sgx_enclave_add_pages fixed __attribute__((aligned(4096)));

		fixed = request(REG | RW);
		fixed.offset = 0x17000;
		EXPECT(!mprotect(&fixed, PAGE_SIZE, PROT_READ));
		EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_ADD_PAGES, &fixed), -EFAULT);
		EXPECT(!mprotect(&fixed, PAGE_SIZE, PROT_READ | PROT_WRITE));
		ADD(-EBUSY, 0, REG | RW, a.offset = 0x17000);
	}
	close(fd);
}

/* --- INIT and PROVISION -------------------------------------------------------------------------- */

static int init_with(struct enclave *e, const struct sigstruct *from,
		     void (*change)(struct sigstruct *))
{
	struct sigstruct s = *from;

	change(&s);
	return enclave_initialise(e, &s);
}

static void change_vendor(struct sigstruct *s)
{
	s->vendor = 1;
}

static void change_misc(struct sigstruct *s)
{
	s->miscselect = s->misc_mask = 2;
}

static void change_reserved_attribute(struct sigstruct *s)
{
	s->attributes.flags |= 1 << 10;
	s->attribute_mask.flags |= 1 << 10;
}

static void change_xfrm(struct sigstruct *s)
{
	s->attributes.xfrm |= 1ULL << 17;
	s->attribute_mask.xfrm |= 1ULL << 17;
}

static void change_unmasked(struct sigstruct *s)
{
	s->attributes.xfrm |= 1ULL << 17;
	s->attribute_mask.xfrm &= ~(1ULL << 17);
}

static void change_hash(struct sigstruct *s)
{
	s->enclave_hash[0] ^= 1;
}

static struct enclave *make_open(uint64_t attributes, struct enclave_file *ret_file)
{
	const struct enclave_options options = { .uninitialised = true, .attributes = attributes };
	struct enclave *e;

	open_file("checks", ret_file);
	if (enclave_create(ret_file, &options, &e)) {
		printf("the enclave cannot be made: %s\n", enclave_failed_step());
		exit(1);
	}
	return e;
}

static void test_init(void)
{
	struct sgx_enclave_init i = { .sigstruct = BAD_POINTER };
	struct enclave_file file;
	struct enclave *e = make_open(0, &file), *other;
	int fd = enclave_device(e);

	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_INIT, &i), -EFAULT);
	i.sigstruct = (uintptr_t)hole - 1800;
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_INIT, &i), -EFAULT);
	EXPECT_EQUAL(init_with(e, &file.sigstruct, change_vendor), -EINVAL);
	EXPECT_EQUAL(init_with(e, &file.sigstruct, change_misc), -EINVAL);
	EXPECT_EQUAL(init_with(e, &file.sigstruct, change_reserved_attribute), -EINVAL);
	EXPECT_EQUAL(init_with(e, &file.sigstruct, change_xfrm), -EINVAL);
	/* the signature is over what was changed */
	EXPECT_EQUAL(init_with(e, &file.sigstruct, change_unmasked), -EPERM);
	EXPECT_EQUAL(init_with(e, &file.sigstruct, change_hash), -EPERM);
	EXPECT_EQUAL(enclave_initialise(e, &file.sigstruct), 0);
	EXPECT_EQUAL(enclave_initialise(e, &file.sigstruct), -EINVAL);
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_INIT, NULL), -EINVAL);
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_ADD_PAGES, NULL), -EINVAL);
	enclave_destroy(e);
	enclave_file_close(&file);
	/* What needs a grant is looked at first, but after the vendor. */
	other = make_open(ATTRIBUTE_EINITTOKENKEY, &file);
	EXPECT_EQUAL(init_with(other, &file.sigstruct, change_vendor), -EINVAL);
	EXPECT_EQUAL(init_with(other, &file.sigstruct, change_misc), -EACCES);
	enclave_destroy(other);
	enclave_file_close(&file);
}

/* A grant holds for what is created, not for what will be. */
static void test_grant(void)
{
	struct sgx_enclave_provision g = { .fd = ~0ULL };
	struct sigstruct s __attribute__((aligned(4096)));
	struct sgx_enclave_init i = { .sigstruct = (uintptr_t)&s };
	struct secs *secs;
	int fd = device();

	memset(&s, 0, sizeof(s));
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_PROVISION, NULL), -EFAULT);
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_PROVISION, &g), -EINVAL);
	g.fd = (uint64_t)fd;
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_PROVISION, &g), -EINVAL);
	g.fd = (uint64_t)open("/dev/sgx_provision", O_RDONLY);
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_PROVISION, &g), 0);
	secs = new_secs(place(fd));
	secs->attributes.flags |= ATTRIBUTE_PROVISIONKEY;
	EXPECT_EQUAL(create_with(fd, secs), 0);
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_INIT, &i), -EACCES);
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_PROVISION, &g), 0);
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_INIT, &i), -EPERM); /* of an empty SIGSTRUCT */
	EXPECT_EQUAL(ioctl((int)g.fd, SGX_IOC_ENCLAVE_PROVISION, &g), -1);
	EXPECT_EQUAL(errno, ENOTTY);
	close((int)g.fd);
	close(fd);
}

/* --- EDMM ------------------------------------------------------------------------------------------ */

/* The answer, the bytes reported as done and the code of the instruction; of one page unless the request says otherwise. */
#define EDMM(answer, done, code, command, type, ...)            \
	do {                                                    \
		struct type m = { __VA_ARGS__ };                \
		m.length = m.length ?: PAGE_SIZE;               \
		EXPECT_EQUAL(control(fd, command, &m), answer); \
		EXPECT_EQUAL(m.count, done);                    \
		EXPECT_EQUAL(m.result, code);                   \
	} while (0)
#define RESTRICT(answer, done, code, ...)                              \
	EDMM(answer, done, code, SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS, \
	     sgx_enclave_restrict_permissions, __VA_ARGS__)
#define MODIFY(answer, done, code, ...)                                                  \
	EDMM(answer, done, code, SGX_IOC_ENCLAVE_MODIFY_TYPES, sgx_enclave_modify_types, \
	     __VA_ARGS__)
#define REMOVE(answer, done, ...)                                                    \
	do {                                                                         \
		struct sgx_enclave_remove_pages m = { __VA_ARGS__ };                 \
		m.length = m.length ?: PAGE_SIZE;                                    \
		EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_REMOVE_PAGES, &m), answer); \
		EXPECT_EQUAL(m.count, done);                                         \
	} while (0)

static void test_edmm_arguments(void)
{
	struct enclave *e = make_checks(NULL);
	uint64_t size = enclave_layout(e)->size;
	int fd = enclave_device(e);

	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS, NULL), -EFAULT);
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_MODIFY_TYPES, NULL), -EFAULT);
	EXPECT_EQUAL(control(fd, SGX_IOC_ENCLAVE_REMOVE_PAGES, NULL), -EFAULT);
	RESTRICT(-EINVAL, 0, 0, .offset = 8);
	RESTRICT(-EINVAL, 0, 0, .offset = size);
	RESTRICT(-EINVAL, 0, 0, .offset = size - PAGE_SIZE, .permissions = 8);
	RESTRICT(-EINVAL, 0, 0, .permissions = SECINFO_W);
	RESTRICT(-EINVAL, 1, 0, .permissions = SECINFO_R, .count = 1);
	RESTRICT(-EINVAL, 0, 1, .permissions = SECINFO_R, .result = 1);
	MODIFY(-EINVAL, 0, 0, .page_type = PT_TRIM, .offset = 8);
	MODIFY(-EINVAL, 0, 0, .page_type = PT_TRIM, .offset = size);
	MODIFY(-EINVAL, 0, 0, .page_type = PT_SECS);
	MODIFY(-EINVAL, 0, 0, .page_type = PT_REG);
	MODIFY(-EINVAL, 0, 0, .page_type = PT_VA);
	MODIFY(-EINVAL, 0, 0, .page_type = 5);
	MODIFY(-EINVAL, 0, 0, .page_type = PT_TRIM | 1 << 8);
	MODIFY(-EINVAL, 1, 0, .page_type = PT_TRIM, .count = 1);
	MODIFY(-EINVAL, 0, 1, .page_type = PT_TRIM, .result = 1);
	REMOVE(-EINVAL, 0, .offset = 8);
	REMOVE(-EINVAL, 0, .offset = size);
	REMOVE(-EINVAL, 1, .count = 1);
	enclave_destroy(e);
}

static void test_edmm_pages(void)
{
	struct enclave *e = make_checks(NULL);
	const struct enclave_layout *l = enclave_layout(e);
	uint64_t base = (uintptr_t)enclave_base(e), page = call(e, CHECK_GROWTH, 0, 0);
	uint64_t at = page - base, tcs = l->tcs[2], code = l->entry & ~0xfffULL;
	int fd = enclave_device(e);

	/* a hole, a TCS, a page that may not be written */
	RESTRICT(-EFAULT, 0, 0, .offset = at, .permissions = SECINFO_R);
	MODIFY(-EFAULT, 0, 0, .offset = at, .page_type = PT_TRIM);
	REMOVE(-EFAULT, 0, .offset = at);
	RESTRICT(-EINVAL, 0, 0, .offset = tcs, .permissions = SECINFO_R);
	MODIFY(-EINVAL, 0, 0, .offset = tcs, .page_type = PT_TCS);
	REMOVE(-EPERM, 0, .offset = tcs);
	MODIFY(-EPERM, 0, 0, .offset = code, .page_type = PT_TCS);
	/* pending: EAUG gave it, nobody accepted it */
	call(e, CHECK_FAULT, FAULT_WRITE, page);
	RESTRICT(-EFAULT, 0, SGX_PAGE_NOT_MODIFIABLE, .offset = at, .permissions = SECINFO_R);
	MODIFY(-EFAULT, 0, SGX_PAGE_NOT_MODIFIABLE, .offset = at, .page_type = PT_TRIM);
	EXPECT_EQUAL(call(e, CHECK_GROW, 0, 2), 2);
	/* two pages and a hole */
	RESTRICT(-EFAULT, 2 * PAGE_SIZE, 0, .offset = at, .length = 3 * PAGE_SIZE,
		 .permissions = RW);
	RESTRICT(0, PAGE_SIZE, 0, .offset = at, .permissions = RW); /* again, not accepted */
	EXPECT_EQUAL(call(e, CHECK_ACCEPT, page, REG | RW | SECINFO_PR), 0);
	RESTRICT(0, PAGE_SIZE, 0, .offset = at, .permissions = 0);
	EXPECT_EQUAL(call(e, CHECK_ACCEPT, page, REG | SECINFO_PR), 0);
	REMOVE(-EPERM, 0, .offset = at);
	MODIFY(0, PAGE_SIZE, 0, .offset = at, .page_type = PT_TRIM);
	MODIFY(-EINVAL, 0, 0, .offset = at, .page_type = PT_TRIM);
	RESTRICT(-EINVAL, 0, 0, .offset = at, .permissions = SECINFO_R);
	REMOVE(-EPERM, 0, .offset = at);
	EXPECT_EQUAL(call(e, CHECK_ACCEPT, page, (uint64_t)PT_TRIM << 8 | SECINFO_MODIFIED), 0);
	REMOVE(-EPERM, PAGE_SIZE, .offset = at, .length = 2 * PAGE_SIZE);
	REMOVE(-EFAULT, 0, .offset = at);
	/* a TCS may go as well */
	MODIFY(0, PAGE_SIZE, 0, .offset = tcs, .page_type = PT_TRIM);
	EXPECT_EQUAL(call(e, CHECK_ACCEPT, base + tcs, (uint64_t)PT_TRIM << 8 | SECINFO_MODIFIED),
		     0);
	REMOVE(0, PAGE_SIZE, .offset = tcs);
	EXPECT_EQUAL(call(e, CHECK_COUNT, 0, 0), 1);
	enclave_destroy(e);
}

#define WITH_HOLES(name)                    \
	static void name##_with_holes(void) \
	{                                   \
		make_holes();               \
		name();                     \
	}
WITH_HOLES(test_create)
WITH_HOLES(test_add)
WITH_HOLES(test_init)

const struct test driver_tests[] = {
	{ "driver-create", test_create_with_holes },
	{ "driver-order", test_order },
	{ "driver-compat", test_compat },
	{ "driver-add", test_add_with_holes },
	{ "driver-init", test_init_with_holes },
	{ "driver-grant", test_grant },
	{ "driver-edmm", test_edmm_arguments },
	{ "driver-edmm-pages", test_edmm_pages },
	{ 0 },
};
