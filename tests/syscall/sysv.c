/* SPDX-License-Identifier: Apache-2.0 */
/* System V semaphores and message queues. */
#include "tests/syscall/test.h"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};

static int semaphores, queue;
static pid_t owner;

/* Identifiers outlive their makers: the test's own process removes them, not its children. */
static void remove_all(void)
{
	if (getpid() != owner)
		return;
	if (semaphores > 0)
		semctl(semaphores - 1, 0, IPC_RMID);
	if (queue > 0)
		msgctl(queue - 1, IPC_RMID, NULL);
}

static int make_set(int count)
{
	int id = EXPECT_OK(semget(IPC_PRIVATE, count, 0600));

	owner = getpid();
	semaphores = id + 1;
	return id;
}

static int make_queue(void)
{
	int id = EXPECT_OK(msgget(IPC_PRIVATE, 0600));

	owner = getpid();
	queue = id + 1;
	return id;
}

static int op(int id, int number, int by, int flags)
{
	struct sembuf b = { (unsigned short)number, (short)by, (short)flags };

	return semop(id, &b, 1);
}

static int value(int id, int number)
{
	return (int)EXPECT_OK(semctl(id, number, GETVAL));
}

static void set_value(int id, int number, int to)
{
	EXPECT_OK(semctl(id, number, SETVAL, (union semun){ .val = to }));
}

static pid_t start(void (*fn)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	EXPECT(pid >= 0);
	if (!pid) {
		fn();
		_exit(0);
	}
	return pid;
}

static void expect_exit(pid_t pid)
{
	int status;

	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

/* --- semget --- */

TEST(semget, finds_by_key)
{
	key_t key = (key_t)(0x51000000 + getpid());
	int id = EXPECT_OK(semget(key, 2, IPC_CREAT | IPC_EXCL | 0600));

	owner = getpid();
	semaphores = id + 1;
	EXPECT_EQ(semget(key, 0, 0), id);
	EXPECT_EQ(semget(key, 2, IPC_CREAT | 0600), id);
	EXPECT_ERR(semget(key, 2, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	EXPECT_ERR(semget(key, 3, 0), EINVAL);
	EXPECT_OK(semctl(id, 0, IPC_RMID));
	semaphores = 0;
	EXPECT_ERR(semget(key, 2, 0600), ENOENT);
	EXPECT_ERR(semget(IPC_PRIVATE, 0, 0600), EINVAL);
	EXPECT_ERR(semget(IPC_PRIVATE, -1, 0600), EINVAL);
	EXPECT_ERR(semget(IPC_PRIVATE, 10000000, 0600), EINVAL);
	EXPECT_ERR(semctl(id, 0, GETVAL), EINVAL);
}

TEST(semget, new_sets_are_zero_and_distinct)
{
	int id = make_set(3), other = EXPECT_OK(semget(IPC_PRIVATE, 1, 0600));

	EXPECT(id != other);
	EXPECT_OK(semctl(other, 0, IPC_RMID));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(value(id, i), 0);
	remove_all();
}

/* --- semop --- */

TEST(semop, is_all_or_nothing)
{
	int id = make_set(3);
	struct sembuf ops[] = { { 0, 2, 0 }, { 1, 1, 0 }, { 2, -1, IPC_NOWAIT } };

	EXPECT_ERR(semop(id, ops, 3), EAGAIN);
	EXPECT_EQ(value(id, 0), 0);
	EXPECT_OK(semop(id, ops, 2));
	EXPECT_EQ(value(id, 0), 2);
	EXPECT_EQ(value(id, 1), 1);
	EXPECT_EQ(semctl(id, 0, GETPID), getpid());
	remove_all();
}

TEST(semop, wants_sense)
{
	int id = make_set(1);
	struct sembuf many[501];

	memset(many, 0, sizeof(many));
	EXPECT_ERR(semop(id, many, 0), EINVAL);
	EXPECT_ERR(semop(id, many, 501), E2BIG);
	EXPECT_OK(semop(id, many, 500));
	EXPECT_ERR(op(id, 1, 1, 0), EFBIG);
	EXPECT_ERR(op(-1, 0, 1, 0), EINVAL);
	EXPECT_ERR(semop(id, (void *)8, 1), EFAULT);
	set_value(id, 0, 32767);
	EXPECT_ERR(op(id, 0, 1, 0), ERANGE);
	EXPECT_ERR(op(id, 0, 0, IPC_NOWAIT), EAGAIN);
	remove_all();
}

static int set_id;

static void take_one(void)
{
	EXPECT_OK(op(set_id, 0, -1, 0));
	EXPECT_OK(op(set_id, 1, 1, 0));
}

static void wait_zero(void)
{
	EXPECT_OK(op(set_id, 0, 0, 0));
	EXPECT_OK(op(set_id, 1, 1, 0));
}

TEST(semop, blocks_until_it_can)
{
	pid_t pid;

	set_id = make_set(2);
	pid = start(take_one);
	EXPECT_SOON(semctl(set_id, 0, GETNCNT) == 1);
	EXPECT_EQ(value(set_id, 1), 0);
	EXPECT_OK(op(set_id, 0, 1, 0));
	EXPECT_OK(op(set_id, 1, -1, 0));
	EXPECT_EQ(value(set_id, 0), 0);
	expect_exit(pid);

	set_value(set_id, 0, 2);
	pid = start(wait_zero);
	EXPECT_SOON(semctl(set_id, 0, GETZCNT) == 1);
	EXPECT_OK(op(set_id, 0, -1, 0));
	EXPECT_EQ(semctl(set_id, 0, GETZCNT), 1);
	set_value(set_id, 0, 0);
	EXPECT_OK(op(set_id, 1, -1, 0));
	expect_exit(pid);
	remove_all();
}

static void is_removed(void)
{
	EXPECT_ERR(op(set_id, 0, -1, 0), EIDRM);
}

TEST(semctl, removal_wakes_waiters)
{
	pid_t pid;

	set_id = make_set(2);
	pid = start(is_removed);
	EXPECT_SOON(semctl(set_id, 0, GETNCNT) == 1);
	EXPECT_OK(semctl(set_id, 0, IPC_RMID));
	expect_exit(pid);
	EXPECT_ERR(op(set_id, 0, 1, 0), EINVAL);
}

static void nothing(int sig)
{
	(void)sig;
}

static void is_interrupted(void)
{
	struct sigaction a = { .sa_handler = nothing, .sa_flags = SA_RESTART };

	sigaction(SIGUSR1, &a, NULL);
	EXPECT_ERR(op(set_id, 0, -1, 0), EINTR);
}

TEST(semop, is_interrupted_even_with_restart)
{
	pid_t pid;

	set_id = make_set(1);
	pid = start(is_interrupted);
	EXPECT_SOON(semctl(set_id, 0, GETNCNT) == 1);
	EXPECT_OK(kill(pid, SIGUSR1));
	expect_exit(pid);
	EXPECT_EQ(semctl(set_id, 0, GETNCNT), 0);
	remove_all();
}

static void takes_and_dies(void)
{
	EXPECT_OK(op(set_id, 0, -2, SEM_UNDO));
	EXPECT_OK(op(set_id, 1, 5, SEM_UNDO));
	EXPECT_OK(op(set_id, 0, 1, SEM_UNDO));
	EXPECT_EQ(value(set_id, 0), 2);
}

TEST(semop, undo_at_exit)
{
	set_id = make_set(2);
	set_value(set_id, 0, 3);
	expect_exit(start(takes_and_dies));
	EXPECT_EQ(value(set_id, 0), 3);
	EXPECT_EQ(value(set_id, 1), 0);
	remove_all();
}

static void takes_undo_and_waits(void)
{
	EXPECT_OK(op(set_id, 0, -1, SEM_UNDO));
	EXPECT_OK(op(set_id, 1, 1, 0));
	for (;;)
		pause();
}

TEST(semop, undo_when_killed_wakes_others)
{
	pid_t holder;

	set_id = make_set(2);
	set_value(set_id, 0, 1);
	holder = start(takes_undo_and_waits);
	EXPECT_OK(op(set_id, 1, -1, 0));
	EXPECT_OK(kill(holder, SIGKILL));
	EXPECT_OK(op(set_id, 0, -1, 0));
	EXPECT_EQ(waitpid(holder, NULL, 0), holder);
	remove_all();
}

TEST(semtimedop, gives_up)
{
	int id = make_set(1);
	struct sembuf b = { 0, -1, 0 };
	struct timespec t = { 0, 20000000 }, bad = { 0, 1000000000 }, negative = { -1, 0 };

	EXPECT_ERR(semtimedop(id, &b, 1, &t), EAGAIN);
	EXPECT_ERR(semtimedop(id, &b, 1, &bad), EINVAL);
	EXPECT_ERR(semtimedop(id, &b, 1, &negative), EINVAL);
	EXPECT_ERR(syscall(SYS_semtimedop, id, &b, 1, (void *)8), EFAULT);
	set_value(id, 0, 1);
	EXPECT_OK(semtimedop(id, &b, 1, &t));
	EXPECT_OK(op(id, 0, 1, 0));
	EXPECT_OK(syscall(SYS_semtimedop, id, &b, 1, NULL));
	remove_all();
}

/* --- semctl --- */

TEST(semctl, values)
{
	int id = make_set(3);
	unsigned short all[3] = { 1, 2, 3 }, got[3] = { 0 }, high[3] = { 0, 40000, 0 };

	EXPECT_OK(semctl(id, 0, SETALL, (union semun){ .array = all }));
	EXPECT_OK(semctl(id, 0, GETALL, (union semun){ .array = got }));
	EXPECT(!memcmp(all, got, sizeof(all)));
	EXPECT_ERR(semctl(id, 0, SETALL, (union semun){ .array = high }), ERANGE);
	EXPECT_EQ(value(id, 0), 1);
	EXPECT_ERR(semctl(id, 0, SETVAL, (union semun){ .val = 32768 }), ERANGE);
	EXPECT_ERR(semctl(id, 0, SETVAL, (union semun){ .val = -1 }), ERANGE);
	EXPECT_ERR(semctl(id, 3, SETVAL, (union semun){ .val = 1 }), EINVAL);
	EXPECT_ERR(semctl(id, 3, GETVAL), EINVAL);
	EXPECT_ERR(semctl(id, 0, 99), EINVAL);
	EXPECT_ERR(semctl(id, 0, GETALL, (union semun){ .array = (void *)8 }), EFAULT);
	remove_all();
}

TEST(semctl, status_and_settings)
{
	int id = make_set(4);
	struct semid_ds ds;
	struct seminfo info;

	memset(&ds, 0xff, sizeof(ds));
	EXPECT_OK(semctl(id, 0, IPC_STAT, (union semun){ .buf = &ds }));
	EXPECT_EQ(ds.sem_nsems, 4);
	EXPECT_EQ(ds.sem_perm.mode & 0777, 0600);
	EXPECT_EQ(ds.sem_perm.uid, geteuid());
	EXPECT_EQ(ds.sem_otime, 0);
	EXPECT(ds.sem_ctime > 0);
	EXPECT_OK(op(id, 0, 1, 0));
	ds.sem_perm.mode = 0640;
	EXPECT_OK(semctl(id, 0, IPC_SET, (union semun){ .buf = &ds }));
	EXPECT_OK(semctl(id, 0, IPC_STAT, (union semun){ .buf = &ds }));
	EXPECT_EQ(ds.sem_perm.mode & 0777, 0640);
	EXPECT(ds.sem_otime > 0);
	EXPECT_ERR(semctl(id, 0, IPC_STAT, (union semun){ .buf = (void *)8 }), EFAULT);
	EXPECT_OK(semctl(0, 0, IPC_INFO, (union semun){ .info = &info }));
	EXPECT_EQ(info.semvmx, 32767);
	EXPECT(info.semopm >= 500);
	remove_all();
}

static void stranger(void)
{
	struct semid_ds ds;

	EXPECT_OK(setgid(12345));
	EXPECT_OK(setuid(12345));
	EXPECT_ERR(semctl(set_id, 0, GETVAL), EACCES);
	EXPECT_ERR(op(set_id, 0, 1, 0), EACCES);
	EXPECT_ERR(semctl(set_id, 0, IPC_STAT, (union semun){ .buf = &ds }), EACCES);
	EXPECT_ERR(semctl(set_id, 0, IPC_RMID), EPERM);
}

TEST(semctl, permissions)
{
	if (geteuid())
		SKIP("changing the user id needs root");
	set_id = make_set(1);
	expect_exit(start(stranger));
	remove_all();
}

/* --- message queues --- */

struct message {
	long type;
	char text[64];
};

static int send_text(int id, long type, const char *text, int flags)
{
	struct message m = { .type = type };

	strcpy(m.text, text);
	return msgsnd(id, &m, strlen(text), flags);
}

static void expect_text(int id, long wanted, int flags, long type, const char *text)
{
	struct message m = { 0 };

	EXPECT_EQ(msgrcv(id, &m, sizeof(m.text) - 1, wanted, flags), strlen(text));
	EXPECT_EQ(m.type, type);
	EXPECT_STR(m.text, text);
}

TEST(msgget, finds_by_key)
{
	key_t key = (key_t)(0x52000000 + getpid());
	int id = EXPECT_OK(msgget(key, IPC_CREAT | IPC_EXCL | 0600));

	EXPECT_EQ(msgget(key, 0), id);
	EXPECT_ERR(msgget(key, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	EXPECT_OK(msgctl(id, IPC_RMID, NULL));
	EXPECT_ERR(msgget(key, 0), ENOENT);
}

TEST(msgrcv, chooses_by_type)
{
	int id = make_queue();

	EXPECT_OK(send_text(id, 3, "three", 0));
	EXPECT_OK(send_text(id, 1, "one", 0));
	EXPECT_OK(send_text(id, 2, "two", 0));
	EXPECT_OK(send_text(id, 3, "drei", 0));
	EXPECT_OK(send_text(id, 5, "five", 0));
	expect_text(id, -2, 0, 1, "one");
	expect_text(id, 3, MSG_EXCEPT, 2, "two");
	expect_text(id, 5, 0, 5, "five");
	expect_text(id, 0, 0, 3, "three");
	expect_text(id, -9, 0, 3, "drei");
	EXPECT_ERR(msgrcv(id, &(struct message){ 0 }, 8, 0, IPC_NOWAIT), ENOMSG);
	remove_all();
}

TEST(msgrcv, size_and_errors)
{
	int id = make_queue();
	struct message m = { 0 };

	EXPECT_OK(send_text(id, 1, "abcdef", 0));
	EXPECT_ERR(msgrcv(id, &m, 3, 0, 0), E2BIG);
	EXPECT_EQ(msgrcv(id, &m, 3, 0, MSG_NOERROR), 3);
	EXPECT(!memcmp(m.text, "abc", 3));
	EXPECT_ERR(msgrcv(id, &m, 3, 0, IPC_NOWAIT), ENOMSG);
	EXPECT_ERR(msgrcv(id, &m, (size_t)-1, 0, 0), EINVAL);
	EXPECT_ERR(msgrcv(-1, &m, 3, 0, 0), EINVAL);
	EXPECT_OK(send_text(id, 1, "x", 0));
	EXPECT_ERR(msgrcv(id, (void *)8, 3, 0, 0), EFAULT);
	remove_all();
}

TEST(msgsnd, errors)
{
	int id = make_queue();
	struct message m = { .type = 0 };
	static struct {
		long type;
		char text[9000];
	} big = { .type = 1 };

	EXPECT_ERR(msgsnd(id, &m, 1, 0), EINVAL);
	m.type = -1;
	EXPECT_ERR(msgsnd(id, &m, 1, 0), EINVAL);
	EXPECT_ERR(msgsnd(id, &big, 8193, 0), EINVAL);
	EXPECT_ERR(msgsnd(id, (void *)8, 1, 0), EFAULT);
	EXPECT_ERR(msgsnd(-1, &big, 1, 0), EINVAL);
	EXPECT_OK(msgsnd(id, &big, 8192, 0));
	EXPECT_OK(msgsnd(id, &big, 8192, 0));
	EXPECT_ERR(msgsnd(id, &big, 1, IPC_NOWAIT), EAGAIN);
	EXPECT_EQ(msgrcv(id, &big, sizeof(big.text), 0, 0), 8192);
	big.type = 7;
	EXPECT_OK(msgsnd(id, &big, 0, IPC_NOWAIT));
	EXPECT_EQ(msgrcv(id, &big, sizeof(big.text), 7, 0), 0);
	remove_all();
}

static int queue_id;

static void receives(void)
{
	expect_text(queue_id, 4, 0, 4, "late");
}

TEST(msgrcv, blocks_until_its_type_comes)
{
	struct msqid_ds ds;
	pid_t pid;

	queue_id = make_queue();
	pid = start(receives);
	EXPECT_OK(send_text(queue_id, 1, "other", 0));
	EXPECT_OK(send_text(queue_id, 4, "late", 0));
	expect_exit(pid);
	EXPECT_OK(msgctl(queue_id, IPC_STAT, &ds));
	EXPECT_EQ(ds.msg_qnum, 1);
	EXPECT_EQ(ds.msg_lrpid, pid);
	EXPECT_EQ(ds.msg_lspid, getpid());
	remove_all();
}

static void sends_much(void)
{
	static struct {
		long type;
		char text[8192];
	} big = { .type = 1 };

	for (int i = 0; i < 5; i++)
		EXPECT_OK(msgsnd(queue_id, &big, sizeof(big.text), 0));
}

TEST(msgsnd, blocks_until_there_is_room)
{
	static struct {
		long type;
		char text[8192];
	} big;
	pid_t pid;

	queue_id = make_queue();
	pid = start(sends_much);
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(msgrcv(queue_id, &big, sizeof(big.text), 0, 0), 8192);
	expect_exit(pid);
	remove_all();
}

static int sync_pipe[2];

static void receives_until_removed(void)
{
	EXPECT_EQ(write(sync_pipe[1], "x", 1), 1);
	/* the removal may come before or after the call begins */
	EXPECT_EQ(msgrcv(queue_id, &(struct message){ 0 }, 8, 0, 0), -1);
	EXPECT(errno == EIDRM || errno == EINVAL);
}

TEST(msgctl, removal_wakes_waiters)
{
	pid_t pid;
	char c;

	EXPECT_OK(pipe(sync_pipe));
	queue_id = make_queue();
	pid = start(receives_until_removed);
	EXPECT_EQ(read(sync_pipe[0], &c, 1), 1);
	EXPECT_OK(msgctl(queue_id, IPC_RMID, NULL));
	expect_exit(pid);
	EXPECT_ERR(send_text(queue_id, 1, "x", 0), EINVAL);
}

TEST(msgctl, status_and_settings)
{
	int id = make_queue();
	struct msqid_ds ds;
	struct msginfo info;

	EXPECT_OK(send_text(id, 1, "four", 0));
	memset(&ds, 0xff, sizeof(ds));
	EXPECT_OK(msgctl(id, IPC_STAT, &ds));
	EXPECT_EQ(ds.msg_qnum, 1);
	EXPECT_EQ(ds.msg_qbytes, 16384);
	EXPECT_EQ(ds.msg_perm.mode & 0777, 0600);
	EXPECT(ds.msg_stime > 0);
	EXPECT_EQ(ds.msg_rtime, 0);
	ds.msg_qbytes = 4;
	EXPECT_OK(msgctl(id, IPC_SET, &ds));
	EXPECT_ERR(send_text(id, 1, "x", IPC_NOWAIT), EAGAIN);
	ds.msg_qbytes = 20000;
	if (geteuid())
		EXPECT_ERR(msgctl(id, IPC_SET, &ds), EPERM);
	EXPECT_ERR(msgctl(id, 99, &ds), EINVAL);
	EXPECT_ERR(msgctl(id, IPC_STAT, (void *)8), EFAULT);
	EXPECT_OK(msgctl(0, IPC_INFO, (struct msqid_ds *)&info));
	EXPECT_EQ(info.msgmax, 8192);
	EXPECT_EQ(info.msgmnb, 16384);
	remove_all();
}

TEST_MAIN
