/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and process groups. The runner makes each case the leader of a group of its own. */
#include "tests/syscall/test.h"

static void in_child(void (*fn)(void))
{
	EXPECT_EQ(test_in_child(fn), 0);
}

static pid_t waiting_child(int *ret_end)
{
	int hold[2], ready[2];
	pid_t pid;
	char c;

	EXPECT_OK(pipe(hold));
	EXPECT_OK(pipe(ready));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(hold[1]);
		EXPECT_EQ(write(ready[1], "x", 1), 1);
		EXPECT_OK(read(hold[0], &c, 1));
		_exit(0);
	}
	EXPECT_EQ(read(ready[0], &c, 1), 1);
	close(hold[0]);
	close(ready[0]);
	close(ready[1]);
	*ret_end = hold[1];
	return pid;
}

static void end_child(pid_t pid, int end)
{
	int status;

	close(end);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

static void new_session(void)
{
	EXPECT_EQ(setsid(), getpid());
	EXPECT_EQ(getsid(0), getpid());
	EXPECT_EQ(getpgrp(), getpid());
	EXPECT_EQ(getpgid(0), getpid());
	EXPECT_ERR(setsid(), EPERM);
	EXPECT_ERR(setpgid(0, 0), EPERM);
	EXPECT_ERR(open("/dev/tty", O_RDWR), ENXIO);
}

TEST(setsid, makes_a_session)
{
	in_child(new_session);
}

TEST(setsid, refused_to_group_leaders)
{
	EXPECT_EQ(getpgrp(), getpid());
	EXPECT_ERR(setsid(), EPERM);
}

/* A group with our id still exists although we left it. */
static void group_outlives(void)
{
	int end;
	pid_t pid, other;
	char c;
	int sync[2];

	EXPECT_OK(setpgid(0, 0));
	pid = waiting_child(&end);
	EXPECT_EQ(getpgid(pid), getpid());
	EXPECT_OK(pipe(sync));
	other = fork();
	if (!other) {
		close(end);
		EXPECT_OK(setpgid(0, 0));
		EXPECT_EQ(write(sync[1], "x", 1), 1);
		pause();
		_exit(0);
	}
	EXPECT_EQ(read(sync[0], &c, 1), 1);
	EXPECT_OK(setpgid(0, other));
	EXPECT_ERR(setsid(), EPERM);
	end_child(pid, end);
	EXPECT_OK(setsid());
	EXPECT_OK(kill(other, SIGKILL));
	EXPECT_EQ(waitpid(other, NULL, 0), other);
}

TEST(setsid, refused_while_the_group_lives)
{
	in_child(group_outlives);
}

TEST(setpgid, of_a_child)
{
	int end;
	pid_t pid = waiting_child(&end);

	EXPECT_EQ(getpgid(pid), getpgrp());
	EXPECT_OK(setpgid(pid, pid));
	EXPECT_EQ(getpgid(pid), pid);
	EXPECT_OK(setpgid(pid, getpgrp()));
	EXPECT_EQ(getpgid(pid), getpgrp());
	EXPECT_OK(setpgid(pid, 0));
	EXPECT_EQ(getpgid(pid), pid);
	end_child(pid, end);
	EXPECT_ERR(getpgid(pid), ESRCH);
}

TEST(setpgid, errors)
{
	int end;
	pid_t pid = waiting_child(&end);

	EXPECT_ERR(setpgid(0, -1), EINVAL);
	EXPECT_ERR(setpgid(4000000, 0), ESRCH);
	EXPECT_ERR(setpgid(getppid(), 0), ESRCH);
	EXPECT_ERR(setpgid(pid, 4000000), EPERM);
	EXPECT_ERR(setpgid(0, 4000000), EPERM);
	end_child(pid, end);
}

static void other_session(void)
{
	int end;
	pid_t pid = waiting_child(&end);
	int sync[2];
	pid_t leader;
	char c;

	EXPECT_OK(pipe(sync));
	leader = fork();
	if (!leader) {
		EXPECT_OK(setsid());
		EXPECT_EQ(write(sync[1], "x", 1), 1);
		pause();
		_exit(0);
	}
	EXPECT_EQ(read(sync[0], &c, 1), 1);
	/* a child in another session, a session leader, a group of another session */
	EXPECT_ERR(setpgid(leader, leader), EPERM);
	EXPECT_ERR(setpgid(leader, getpgrp()), EPERM);
	EXPECT_ERR(setpgid(pid, leader), EPERM);
	EXPECT_EQ(getsid(leader), leader);
	EXPECT_EQ(getsid(pid), getsid(0));
	EXPECT_OK(kill(leader, SIGKILL));
	EXPECT_EQ(waitpid(leader, NULL, 0), leader);
	end_child(pid, end);
}

TEST(setpgid, not_across_sessions)
{
	in_child(other_session);
}

TEST(setpgid, not_after_execve)
{
	int hold[2], out[2];
	char c, self[512];
	pid_t pid;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	EXPECT(n > 0);
	self[n] = 0;
	EXPECT_OK(pipe(hold));
	EXPECT_OK(pipe(out));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		char in_fd[16], out_fd[16];

		close(hold[1]);
		snprintf(in_fd, sizeof(in_fd), "%d", hold[0]);
		snprintf(out_fd, sizeof(out_fd), "%d", out[1]);
		execl(self, self, "--hold", in_fd, out_fd, NULL);
		_exit(1);
	}
	EXPECT_EQ(read(out[0], &c, 1), 1);
	EXPECT_ERR(setpgid(pid, pid), EACCES);
	close(hold[1]);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
}

TEST(getpgid, of_self_and_others)
{
	EXPECT_EQ(getpgid(0), getpgrp());
	EXPECT_EQ(getpgid(getpid()), getpgrp());
	EXPECT_ERR(getpgid(4000000), ESRCH);
	EXPECT_ERR(getpgid(-1), ESRCH);
}

TEST(getpgrp, is_inherited)
{
	int end;
	pid_t pid;

	EXPECT_EQ(syscall(SYS_getpgrp), getpid());
	pid = waiting_child(&end);
	EXPECT_EQ(getpgid(pid), getpid());
	end_child(pid, end);
}

TEST(getsid, of_self_and_others)
{
	EXPECT_EQ(getsid(0), getsid(getpid()));
	EXPECT(getsid(0) >= 0);
	EXPECT_ERR(getsid(4000000), ESRCH);
}

static volatile sig_atomic_t hups, conts;

static void count(int sig)
{
	if (sig == SIGHUP)
		hups++;
	else
		conts++;
}

/* Grandchild stopped in a group of its own; its parent, the only tie to the session, goes: HUP and CONT. */
TEST(exit_group, orphaned_stopped_group_is_told)
{
	int out[2], status;
	char c = 0;
	pid_t pid;

	EXPECT_OK(pipe(out));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		pid_t stopped;

		/* A session of its own: whoever inherits the grandchild is no tie to it. */
		EXPECT(setsid() > 0);
		stopped = fork();
		if (!stopped) {
			struct sigaction a = { .sa_handler = count };

			EXPECT_OK(setpgid(0, 0));
			sigaction(SIGHUP, &a, NULL);
			sigaction(SIGCONT, &a, NULL);
			raise(SIGSTOP);
			for (int i = 0; i < 10000 && !(hups && conts); i++)
				usleep(1000);
			c = hups && conts ? 'y' : 'n';
			EXPECT_EQ(write(out[1], &c, 1), 1);
			_exit(0);
		}
		EXPECT_EQ(waitpid(stopped, &status, WUNTRACED), stopped);
		EXPECT(WIFSTOPPED(status));
		_exit(0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(read(out[0], &c, 1), 1);
	EXPECT_EQ(c, 'y');
}

int main(int argc, char **argv)
{
	char c;

	/* the other half of not_after_execve */
	if (argc == 4 && !strcmp(argv[1], "--hold")) {
		if (write(atoi(argv[3]), "x", 1) != 1)
			return 1;
		return read(atoi(argv[2]), &c, 1) < 0;
	}
	return test_main(argc, argv);
}
