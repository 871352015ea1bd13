/* SPDX-License-Identifier: Apache-2.0 */
/* Shared memory objects: System V segments, and memfd with its seals. */
#include "tests/syscall/test.h"

#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif

#define PAGE 4096UL
#define RW (PROT_READ | PROT_WRITE)
#define FAILED ((void *)-1)

static int segments[16], segment_count;

static void remove_segments(void)
{
	while (segment_count)
		shmctl(segments[--segment_count], IPC_RMID, NULL);
}

/* A segment that does not outlive the test. */
static int segment(key_t key, size_t size, int flags)
{
	int id = (int)EXPECT_OK(shmget(key, size, flags));

	segments[segment_count++] = id;
	return id;
}

static struct shmid_ds stat_of(int id)
{
	struct shmid_ds ds;

	EXPECT_OK(shmctl(id, IPC_STAT, &ds));
	return ds;
}

static key_t some_key(void)
{
	return (key_t)(0x5e000000 | (getpid() & 0xffffff));
}

/* EXPECT leaves by _exit: what is left behind then is removed by the next run's IPC_RMID only if the ids match, so every
 * test removes its segments before it checks what could fail, where that is possible. */

TEST(shmget, keys)
{
	key_t key = some_key();
	int id = segment(key, 5000, IPC_CREAT | IPC_EXCL | 0600);

	int again = shmget(key, 100, 0), more = shmget(key, 6000, 0), more_errno = errno;
	int excl = shmget(key, 100, IPC_CREAT | IPC_EXCL | 0600), excl_errno = errno;
	int other = shmget(IPC_PRIVATE, 100, 0600);

	shmctl(other, IPC_RMID, NULL);
	remove_segments();
	EXPECT_EQ(again, id);
	EXPECT(more == -1 && more_errno == EINVAL);
	EXPECT(excl == -1 && excl_errno == EEXIST);
	EXPECT(other >= 0 && other != id);
	EXPECT_ERR(shmget(key, 100, 0), ENOENT);
}

TEST(shmget, errors)
{
	EXPECT_ERR(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
	EXPECT_ERR(shmget(IPC_PRIVATE, (size_t)-1, 0600), EINVAL);
	EXPECT_ERR(shmget(some_key(), 100, 0600), ENOENT);
}

TEST(shmat, two_views_of_one_memory)
{
	int id = segment(IPC_PRIVATE, 3 * PAGE, 0600);
	char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, 0), *r = shmat(id, NULL, SHM_RDONLY);
	struct shmid_ds ds = stat_of(id);
	int zero = open("/dev/zero", O_RDONLY);

	remove_segments();
	EXPECT(a != FAILED && b != FAILED && a != b && r != FAILED);
	EXPECT_EQ(ds.shm_nattch, 3);
	EXPECT_EQ(ds.shm_segsz, 3 * PAGE);
	EXPECT_EQ(ds.shm_cpid, getpid());
	EXPECT_EQ(ds.shm_lpid, getpid());
	EXPECT(ds.shm_atime && ds.shm_ctime);
	a[PAGE] = 5;
	EXPECT_EQ(b[PAGE], 5);
	EXPECT_EQ(r[PAGE], 5);
	EXPECT_EQ(b[3 * PAGE - 1], 0);
	EXPECT_ERR(read(zero, r, 1), EFAULT);
	EXPECT_ERR(mprotect(r, PAGE, RW), EACCES);
	EXPECT_OK(shmdt(a));
	EXPECT_OK(shmdt(b));
	EXPECT_OK(shmdt(r));
	EXPECT_ERR(shmdt(r), EINVAL);
}

TEST(shmat, addresses)
{
	int id = segment(IPC_PRIVATE, 2 * PAGE, 0600);
	char *free_place = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *taken = mmap(NULL, 8 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *a, *b, *c;
	int e1, e2, e3;

	munmap(free_place, 8 * PAGE);
	a = shmat(id, free_place + PAGE, 0);
	b = shmat(id, free_place + 5 * PAGE + 100, SHM_RND);
	c = shmat(id, taken, SHM_REMAP);
	e1 = shmat(id, taken + 100, 0) == FAILED ? errno : 0;
	e2 = shmat(id, taken + 4 * PAGE, 0) == FAILED ? errno : 0;
	e3 = shmat(id, NULL, SHM_REMAP) == FAILED ? errno : 0;
	remove_segments();
	EXPECT_EQ((long)a, (long)(free_place + PAGE));
	EXPECT_EQ((long)b, (long)(free_place + 5 * PAGE));
	EXPECT_EQ((long)c, (long)taken);
	EXPECT_EQ(e1, EINVAL);
	EXPECT_EQ(e2, EINVAL);
	EXPECT_EQ(e3, EINVAL);
	b[1] = 4;
	EXPECT_EQ(c[1], 4);
	EXPECT_EQ(taken[2 * PAGE], 0);
	EXPECT_ERR((long)shmat(0x7ffffff0, NULL, 0), EINVAL);
}

TEST(shmat, shared_with_children_and_counted)
{
	int id = segment(IPC_PRIVATE, PAGE, 0600), status, inside, after;
	volatile char *p = shmat(id, NULL, 0);
	int go[2], ready[2];
	char c;
	pid_t pid;

	EXPECT_OK(pipe(go));
	EXPECT_OK(pipe(ready));
	pid = fork();
	if (!pid) {
		p[0] = 1;
		if (write(ready[1], "r", 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(1);
		_exit(p[1] == 2 ? 0 : 1);
	}
	p[1] = 2;
	EXPECT_EQ(read(ready[0], &c, 1), 1);
	inside = (int)stat_of(id).shm_nattch;
	EXPECT_EQ(write(go[1], "g", 1), 1);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	/* The child's memory may go a moment after it was reaped. */
	for (int i = 0; i < 10000 && stat_of(id).shm_nattch != 1; i++)
		usleep(1000);
	after = (int)stat_of(id).shm_nattch;
	remove_segments();
	EXPECT_EQ(status, 0);
	EXPECT_EQ(inside, 2);
	EXPECT_EQ(after, 1);
	EXPECT_EQ(p[0], 1);
}

TEST(shmdt, pieces)
{
	int id = segment(IPC_PRIVATE, 4 * PAGE, 0600);
	char *p = shmat(id, NULL, 0);
	unsigned char in[4];

	remove_segments();
	EXPECT(p != FAILED);
	p[0] = 1;
	EXPECT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(shmdt(p + 1), EINVAL);
	EXPECT_OK(shmdt(p));
	EXPECT_ERR(mincore(p, PAGE, in), ENOMEM);
	EXPECT_ERR(mincore(p + 2 * PAGE, 2 * PAGE, in), ENOMEM);
}

TEST(shmctl, removed_segment_lives_while_attached)
{
	key_t key = some_key() ^ 0x800000;
	int id = segment(key, PAGE, IPC_CREAT | 0600), by_key, second_errno;
	char *p = shmat(id, NULL, 0), *q;
	struct shmid_ds ds;

	EXPECT_OK(shmctl(id, IPC_RMID, NULL));
	segment_count = 0;
	by_key = shmget(key, PAGE, 0);
	p[0] = 3;
	EXPECT_OK(shmctl(id, IPC_STAT, &ds));
	EXPECT(ds.shm_perm.mode & SHM_DEST);
	q = shmat(id, NULL, 0);
	EXPECT(q != FAILED);
	EXPECT_EQ(q[0], 3);
	EXPECT_EQ(by_key, -1);
	EXPECT_OK(shmdt(p));
	EXPECT_OK(shmdt(q));
	second_errno = shmctl(id, IPC_STAT, &ds) < 0 ? errno : 0;
	EXPECT(second_errno == EINVAL || second_errno == EIDRM);
}

TEST(shmctl, set_and_permissions)
{
	int id = segment(IPC_PRIVATE, PAGE, 0600), status;
	struct shmid_ds ds = stat_of(id), now;
	pid_t pid;

	ds.shm_perm.mode = 0400;
	EXPECT_OK(shmctl(id, IPC_SET, &ds));
	now = stat_of(id);
	pid = fork();
	if (!pid) {
		char *p;

		if (geteuid() == 0 && setresuid(65534, 65534, 65534))
			_exit(2);
		p = shmat(id, NULL, 0);
		if (p != FAILED || errno != EACCES)
			_exit(3);
		if (ds.shm_perm.uid != geteuid() &&
		    (shmctl(id, IPC_RMID, NULL) == 0 || errno != EPERM))
			_exit(4);
		_exit(0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	remove_segments();
	EXPECT_EQ(status, 0);
	EXPECT_EQ(now.shm_perm.mode & 0777, 0400);
	EXPECT_EQ(now.shm_perm.cuid, geteuid());
}

TEST(shmctl, information)
{
	int id = segment(IPC_PRIVATE, 3 * PAGE, 0600), highest, found = 0, max;
	struct shminfo limits;
	struct shm_info usage;
	struct shmid_ds ds;

	max = shmctl(0, IPC_INFO, (void *)&limits);
	highest = shmctl(0, SHM_INFO, (void *)&usage);
	for (int i = 0; i <= highest; i++)
		found |= shmctl(i, SHM_STAT, &ds) == id && ds.shm_segsz == 3 * PAGE;
	remove_segments();
	EXPECT(max >= 0 && highest >= 0 && found);
	EXPECT_EQ(limits.shmmin, 1);
	EXPECT(limits.shmmni >= 1 && limits.shmmax >= 1UL << 32);
	EXPECT(usage.used_ids >= 1 && usage.shm_tot >= 3);
	EXPECT_ERR(shmctl(id, IPC_STAT, &ds), EINVAL);
	EXPECT_ERR(shmctl(-1, IPC_STAT, &ds), EINVAL);
	EXPECT_ERR(shmctl(0, 12345, &ds), EINVAL);
}

TEST(shmctl, locking)
{
	int id = segment(IPC_PRIVATE, PAGE, 0600);
	int lock = shmctl(id, SHM_LOCK, NULL), locked = stat_of(id).shm_perm.mode & SHM_LOCKED;
	int unlock = shmctl(id, SHM_UNLOCK, NULL),
	    unlocked = stat_of(id).shm_perm.mode & SHM_LOCKED;

	remove_segments();
	EXPECT_EQ(lock, 0);
	EXPECT(locked);
	EXPECT_EQ(unlock, 0);
	EXPECT(!unlocked);
}

/* --- memfd ------------------------------------------------------------------------------------------------------------------- */

TEST(memfd_create, is_a_file)
{
	int fd = (int)EXPECT_OK(memfd_create("name", 0));
	char path[64], link[128] = "", b[10];
	struct stat st;
	char *p;

	EXPECT_OK(fstat(fd, &st));
	EXPECT(S_ISREG(st.st_mode));
	EXPECT_EQ(st.st_size, 0);
	EXPECT_EQ(st.st_mode & 0777, 0777);
	EXPECT_EQ(write(fd, "hello", 5), 5);
	EXPECT_EQ(lseek(fd, 1, SEEK_SET), 1);
	EXPECT_EQ(read(fd, b, 10), 4);
	EXPECT(!memcmp(b, "ello", 4));
	EXPECT_OK(ftruncate(fd, 3 * (off_t)PAGE));
	p = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);
	EXPECT(p != MAP_FAILED);
	EXPECT(!memcmp(p, "hello", 6));
	p[2 * PAGE] = 'x';
	EXPECT_EQ(pread(fd, b, 1, 2 * (off_t)PAGE), 1);
	EXPECT_EQ(b[0], 'x');
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	EXPECT_OK(readlink(path, link, sizeof(link) - 1));
	EXPECT_STR(link, "/memfd:name (deleted)");
	EXPECT_EQ(fcntl(fd, F_GETFD), 0);
	fd = (int)EXPECT_OK(memfd_create("", MFD_CLOEXEC));
	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

TEST(memfd_create, errors)
{
	char name[300];

	memset(name, 'n', sizeof(name));
	name[250] = 0;
	EXPECT_ERR(memfd_create(name, 0), EINVAL);
	name[249] = 0;
	EXPECT_OK(memfd_create(name, 0));
	EXPECT_ERR(memfd_create("x", 0x4000), EINVAL);
	EXPECT_ERR(syscall(SYS_memfd_create, 8, 0), EFAULT);
}

/* How a reader gets a descriptor that cannot write: browsers share memory so. */
TEST(memfd_create, opened_again_by_proc)
{
	int fd = (int)EXPECT_OK(memfd_create("again", MFD_CLOEXEC)), reader;
	char path[64], c = 0, *p, *q;

	EXPECT_OK(ftruncate(fd, 2 * (off_t)PAGE));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reader = (int)EXPECT_OK(open(path, O_RDONLY));
	p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	q = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, reader, 0);
	EXPECT(p != MAP_FAILED && q != MAP_FAILED);
	p[PAGE] = 'x';
	EXPECT_EQ(q[PAGE], 'x');
	EXPECT_EQ(pread(reader, &c, 1, (off_t)PAGE), 1);
	EXPECT_EQ(c, 'x');
	EXPECT(mmap(NULL, PAGE, RW, MAP_SHARED, reader, 0) == MAP_FAILED && errno == EACCES);
	EXPECT_ERR(write(reader, "y", 1), EBADF);
}

TEST(memfd_create, seals)
{
	int fd = (int)EXPECT_OK(memfd_create("s", MFD_ALLOW_SEALING));
	char *p;

	EXPECT_OK(ftruncate(fd, 2 * (off_t)PAGE));
	EXPECT_EQ(fcntl(fd, F_GET_SEALS), 0);
	EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	EXPECT_ERR(ftruncate(fd, PAGE), EPERM);
	EXPECT_OK(ftruncate(fd, 3 * (off_t)PAGE));
	EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	EXPECT_ERR(ftruncate(fd, 4 * (off_t)PAGE), EPERM);
	EXPECT_ERR(pwrite(fd, "x", 1, 3 * (off_t)PAGE), EPERM);
	EXPECT_ERR(fallocate(fd, 0, 0, 5 * (off_t)PAGE), EPERM);
	EXPECT_EQ(pwrite(fd, "x", 1, 0), 1);
	p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	EXPECT(p != MAP_FAILED);
	EXPECT_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	EXPECT_OK(munmap(p, PAGE));
	EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_ERR(pwrite(fd, "y", 1, 0), EPERM);
	EXPECT_ERR((long)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EPERM);
	EXPECT_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EPERM);
	p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	EXPECT(p != MAP_FAILED);
	EXPECT_EQ(p[0], 'x');
	p[0] = 'z';
	EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	EXPECT_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	EXPECT_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

TEST(memfd_create, future_writes_sealed)
{
	int fd = (int)EXPECT_OK(memfd_create("s", MFD_ALLOW_SEALING));
	char *p, *q;

	EXPECT_OK(ftruncate(fd, PAGE));
	p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	EXPECT(p != MAP_FAILED);
	EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	p[0] = 1;
	EXPECT_ERR(pwrite(fd, "y", 1, 0), EPERM);
	EXPECT_ERR((long)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EPERM);
	q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	EXPECT(q != MAP_FAILED);
	EXPECT_EQ(q[0], 1);
	EXPECT_ERR(mprotect(q, PAGE, RW), EACCES);
}

TEST(memfd_create, not_sealable_by_default)
{
	int fd = (int)EXPECT_OK(memfd_create("s", 0)),
	    file = (int)EXPECT_OK(open("f", O_CREAT | O_RDWR, 0600));
	int pipes[2];

	EXPECT_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	EXPECT_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	EXPECT_OK(pipe(pipes));
	EXPECT_ERR(fcntl(pipes[0], F_GET_SEALS), EINVAL);
	(void)file;
}

TEST(memfd_create, shared_by_fork)
{
	int fd = (int)EXPECT_OK(memfd_create("s", 0)), status;
	char c;
	pid_t pid;

	EXPECT_OK(ftruncate(fd, 100 * (off_t)PAGE));
	pid = fork();
	if (!pid) {
		char *p = mmap(NULL, 100 * PAGE, RW, MAP_SHARED, fd, 0);

		p[99 * PAGE] = 7;
		_exit(0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(pread(fd, &c, 1, 99 * (off_t)PAGE), 1);
	EXPECT_EQ(c, 7);
	EXPECT_OK(
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 99 * (off_t)PAGE, PAGE));
	EXPECT_EQ(pread(fd, &c, 1, 99 * (off_t)PAGE), 1);
	EXPECT_EQ(c, 0);
}

TEST_MAIN
