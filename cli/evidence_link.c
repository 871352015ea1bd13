/* SPDX-License-Identifier: Apache-2.0 */
/* See evidence_link.h. The service is no child of ours in the end: the children of a launcher are host processes of its enclave. */
#include "cli/evidence_link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cli/measure.h"

#define SERVICE "cloister-attest"

int evidence_link_open(struct evidence_link *link, const char *attester, struct error *err)
{
	int ends[2];

	link->ours = link->kernel = -1;
	if (!strcmp(attester, "none"))
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return fail(err, "--attester: no socket: %s", strerror(errno));
	link->ours = ends[0];
	link->kernel = ends[1];
	return 0;
}

void evidence_link_close(struct evidence_link *link)
{
	close_fd(&link->ours);
	close_fd(&link->kernel);
	link->ours = link->kernel = -1;
}

/* Never returns. fds: the socket, the two streams; they become 3, 4 and 5. */
static void become_service(const char *program, const char *attester, bool debug, const int fds[3])
{
	int moved[3];
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGINT, SIG_IGN); /* Ctrl-C is for the program in the enclave */
	setsid();
	for (int i = 0; i < 3; i++) {
		moved[i] = fcntl(fds[i], F_DUPFD, 10);
		if (moved[i] < 0)
			_exit(EXIT_OURS);
	}
	for (int i = 0; i < 3; i++)
		if (dup2(moved[i], 3 + i) < 0)
			_exit(EXIT_OURS);
	syscall(SYS_close_range, 6, ~0U, 0);
	execl(program, SERVICE, "evidence-service", attester, debug ? "debug" : "", (char *)NULL);
	_exit(EXIT_NOT_FOUND);
}

void evidence_link_serve(struct evidence_link *link, const struct launcher *l)
{
	bool debug = l->config->flags & BOOT_TRACE; /* its host sees every call */
	struct measure_streams streams = { -1, -1 };
	struct error err;
	char program[4096];
	int status = 0;
	pid_t pid = -1;

	if (find_program(SERVICE, program, sizeof(program), &err) ||
	    measure_enclave(l, l->kernel, &streams, &err)) {
		complain(&err, 0);
		evidence_link_close(link);
		return;
	}
	pid = fork();
	if (!pid) {
		if (fork() == 0)
			become_service(program, l->config->attester, debug,
				       (const int[]){ link->ours, streams.measurement,
						      streams.config });
		_exit(0);
	}
	if (pid < 0 || (waitpid(pid, &status, 0) < 0 && errno != ECHILD)) {
		fail(&err, "the service for evidence cannot be started: %s", strerror(errno));
		complain(&err, 0);
	}
	close_fd(&streams.measurement);
	close_fd(&streams.config);
	evidence_link_close(link);
}
