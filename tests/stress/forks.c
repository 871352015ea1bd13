/* SPDX-License-Identifier: Apache-2.0 */
/* forks COUNT: children by fork, vfork and posix_spawn, from several threads at once; each child's status is checked. */
#include <spawn.h>

#include "stress.h"

static int each;
static char *self;
static atomic_int done;

static void by_fork(int i)
{
	pid_t pid = fork();

	if (!pid)
		_exit(i & 63);
	if (pid < 0 && errno == EAGAIN)
		return;
	CHECK(pid > 0);
	stress_wait(pid, (i & 63) << 8);
}

static void by_vfork(int i)
{
	pid_t pid = vfork();

	if (!pid)
		_exit(i & 63);
	CHECK(pid > 0);
	stress_wait(pid, (i & 63) << 8);
}

static void by_spawn(int i)
{
	char number[16], child[] = "--child", *argv[] = { self, child, number, NULL };
	pid_t pid;
	int err;

	snprintf(number, sizeof(number), "%d", i & 63);
	err = posix_spawn(&pid, self, NULL, NULL, argv, NULL);
	if (err)
		FAIL("posix_spawn: %s", strerror(err));
	stress_wait(pid, (i & 63) << 8);
}

static void *worker(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < each; i++) {
		if (i % 16 == me)
			by_spawn(i);
		else if (i % 4 == 0)
			by_vfork(i);
		else
			by_fork(i);
		atomic_fetch_add(&done, 1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 1000;
	pthread_t threads[4];

	if (argc > 2 && !strcmp(argv[1], "--child"))
		return atoi(argv[2]);
	stress_time_limit("forks", (unsigned int)(60 + count / 50));
	self = argv[0];
	each = count / 5;
	for (intptr_t i = 0; i < 4; i++)
		stress_thread(&threads[i], worker, (void *)i);
	worker((void *)(intptr_t)4);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
	CHECK_EQ(errno, ECHILD);
	printf("ok %d children\n", atomic_load(&done));
	return 0;
}
