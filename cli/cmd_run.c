/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cloister run`: from the command line to the enclave's end. The order matters for how fast a short program is:
 * register, start, and at the end kill all host processes at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/evidence_link.h"
#include "cli/run.h"
#include "cli/start_error.h"
#include "cli/stats_report.h"
#include "cli/symbols.h"
#include "cli/terminal.h"

/* A closed standard descriptor must not become one of ours by chance: it is held, but not passed on. */
static void hold_stdio(int ret_stdio[3])
{
	for (int i = 0; i < 3; i++) {
		ret_stdio[i] = i;
		if (fcntl(i, F_GETFD) < 0) {
			int fd = open("/dev/null", O_PATH);

			if (fd >= 0 && fd != i) {
				dup2(fd, i);
				close(fd);
			}
			ret_stdio[i] = -1;
		}
	}
}

static int find_kernel(char *to, size_t size, struct error *err)
{
	const char *chosen = getenv("CLOISTER_KERNEL");

	if (!chosen)
		return find_program("cloister-kernel-process", to, size, err);
	snprintf(to, size, "%s", chosen);
	return 0;
}

static int limit_cpus(uint64_t count, struct error *err)
{
	cpu_set_t all, some;
	uint64_t have = 0;

	if (!count)
		return 0;
	CPU_ZERO(&some);
	if (sched_getaffinity(0, sizeof(all), &all))
		return fail(err, "--cpus: %s", strerror(errno));
	for (int i = 0; i < CPU_SETSIZE && have < count; i++)
		if (CPU_ISSET(i, &all)) {
			CPU_SET(i, &some);
			have++;
		}
	if (have < count)
		return fail(err, "--cpus %llu: only %llu processors are there",
			    (unsigned long long)count, (unsigned long long)have);
	return sched_setaffinity(0, sizeof(some), &some) ? fail(err, "--cpus: %s", strerror(errno))
							 : 0;
}

static int open_log(const struct run_config *c, struct error *err)
{
	int fd;

	if (!c->trace_file)
		return 2;
	fd = open(c->trace_file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	return fd >= 0 ? fd : fail(err, "--trace-file %s: %s", c->trace_file, strerror(errno));
}

static int start(struct launcher *l, const struct run_config *c, const char *kernel,
		 const int stdio[3], struct error *err)
{
	struct enclave_config e = {
		.kernel = kernel,
		.program = c->argv[0],
		.argv = c->argv,
		.envp = c->env.items,
		.cwd = c->cwd,
		.hostname = c->hostname,
		.uid = c->uid,
		.gid = c->gid,
		.memory = c->memory,
		.flags = c->flags,
		.pool_size = (uint32_t)c->pool,
		.stdio = { stdio[0], stdio[1], stdio[2] },
		.mounts = c->mounts,
		.mount_count = c->mount_count,
		.evidence_handle = l->evidence.kernel,
		.text_cache_handle = l->registration.text_cache,
	};
	char *const none[] = { NULL };

	if (!e.envp)
		e.envp = none;
	e.log_handle = open_log(c, err);
	if (e.log_handle < 0 || limit_cpus(c->cpus, err) || launcher_init(l, err))
		return -1;
	if (c->tty) {
		terminal_size(0, &e.rows, &e.columns);
		if (terminal_make_raw(0, err))
			return -1;
	}
	if (enclave_start(&l->enclave, &e, err->text, sizeof(err->text)))
		return -1;
	close_fd(&l->evidence.kernel); /* the kernel has its own */
	l->evidence.kernel = -1;
	return 0;
}

/* What the kernel says of a failed start is a sentence for users; anything else is a dump for us. */
static int report_stop(const struct boot_info *b, const char *kernel)
{
	char reason[BOOT_REASON_SIZE];
	const char *number;
	struct error err;

	memcpy(reason, b->reason, sizeof(reason));
	reason[sizeof(reason) - 1] = 0;
	if (!b->started &&
	    (!strncmp(reason, "cannot ", 7) || !strncmp(reason, "not enough memory", 17))) {
		reason[strcspn(reason, "\n")] = 0;
		number = strstr(reason, "(error ");
		if (number) /* the kernel has no texts for its numbers */
			fail(&err, "the enclave could not be started: %.*s: %s",
			     (int)(number - reason - 1), reason,
			     strerror((int)strtol(number + 7, NULL, 10)));
		else
			fail(&err, "the enclave could not be started: %s", reason);
		return complain(&err, EXIT_OURS);
	}
	fail(&err, "the enclave stopped: %.*s", (int)strcspn(reason, "\n"), reason);
	complain(&err, EXIT_OURS);
	if (strchr(reason, '\n'))
		print_panic(stderr, reason, kernel, b->kernel_start);
	return EXIT_OURS;
}

static int finish(struct launcher *l, const struct run_config *c, const char *kernel)
{
	struct boot_info *b = l->enclave.boot;
	uint64_t memory = c->stats ? enclave_memory(&l->enclave) : 0;
	int status = b->exit_status, code;
	struct guest_view view;
	struct error err;

	enclave_destroy(&l->enclave);
	terminal_restore();
	if (b->stopped) {
		code = report_stop(b, kernel);
	} else if (b->start_error) {
		run_view(c, &view);
		code = describe_start_error(&view, c->argv[0], strings_get_env(&c->env, "PATH"),
					    b->start_error, &err);
		complain(&err, code);
	} else {
		code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	if (c->stats && !b->start_error)
		print_stats(stderr, b, memory);
	registry_remove(&l->registration, c->detach && !c->remove, code << 8);
	return code;
}

/* --- in the background ------------------------------------------------------------------------------------------ */

/* In the child, once the enclave runs or will not: the parent prints the id and leaves, or our message, and status. */
static void tell_parent(int fd, const char *text, int status)
{
	struct {
		int status;
		char text[sizeof(struct error)];
	} m = { .status = status };

	snprintf(m.text, sizeof(m.text), "%s", text);
	if (write(fd, &m, sizeof(m)) < 0)
		_exit(EXIT_OURS);
	close(fd);
}

/* Child: 0, with the pipe to tell the parent by. The parent does not return. */
static int go_to_background(int *ret_pipe, struct error *err)
{
	struct {
		int status;
		char text[sizeof(struct error)];
	} m;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return fail(err, "-d: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		return fail(err, "-d: %s", strerror(errno));
	if (!pid) {
		close(ends[0]);
		setsid();
		*ret_pipe = ends[1];
		return 0;
	}
	close(ends[1]);
	if (read(ends[0], &m, sizeof(m)) != sizeof(m)) {
		fail(err, "-d: the launcher in the background ended at once");
		exit(complain(err, EXIT_OURS));
	}
	if (m.status) {
		fail(err, "%s", m.text);
		exit(complain(err, m.status));
	}
	printf("%s\n", m.text);
	exit(fflush(stdout) ? EXIT_OURS : 0);
}

/* Output goes to the log in the state folder. */
static int redirect_stdio(struct registration *r, struct error *err)
{
	_close_ int none = open("/dev/null", O_RDWR | O_CLOEXEC);
	_close_ int log = openat(r->folder, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (none < 0 || log < 0 || dup2(none, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		return fail(err, "-d: cannot open the log: %s", strerror(errno));
	return 0;
}

/* Waits until the first program was loaded or could not be, so that -d can say so. */
static bool wait_for_start(struct launcher *l)
{
	while (!__atomic_load_n(&l->enclave.boot->started, __ATOMIC_ACQUIRE)) {
		if (enclave_poll(&l->enclave))
			break;
		usleep(500);
	}
	return !l->enclave.boot->start_error && !l->enclave.boot->stopped;
}

/* Tells the parent the id, or why there is none. */
static int report_start(struct launcher *l, int background)
{
	const struct boot_info *b = l->enclave.boot;
	const struct run_config *c = l->config;
	struct guest_view view;
	struct error err;
	int code = EXIT_OURS;

	if (wait_for_start(l)) {
		tell_parent(background, l->registration.info.id, 0);
		return 0;
	}
	if (b->stopped) {
		fail(&err, "the enclave could not be started: %.*s", (int)strcspn(b->reason, "\n"),
		     b->reason);
	} else {
		run_view(c, &view);
		code = describe_start_error(&view, c->argv[0], strings_get_env(&c->env, "PATH"),
					    b->start_error, &err);
	}
	tell_parent(background, err.text, code);
	return -1;
}

static int run(struct run_config *c, int stdio[3], int background, struct error *err)
{
	static struct launcher l = { .signals = -1 };
	static char kernel[4096];

	l.config = c;
	l.kernel = kernel;
	if (find_kernel(kernel, sizeof(kernel), err))
		return -1;
	if (c->tty && !isatty(0))
		return fail(
			err,
			"-t: the standard input is not a terminal (leave -t away, or run it in a terminal)");
	if (registry_add(&l.registration, c->name, c->argv[0], err))
		goto failed;
	if (background >= 0) {
		if (redirect_stdio(&l.registration, err))
			goto failed;
		hold_stdio(stdio);
	}
	if (evidence_link_open(&l.evidence, c->attester, err) || start(&l, c, kernel, stdio, err))
		goto failed;
	registry_write_state(&l.registration, c->argv, c->rootfs ? c->rootfs : "/", c->memory,
			     c->detach);
	if (background >= 0 && report_start(&l, background))
		c->remove = true;
	launcher_loop(&l);
	return finish(&l, c, kernel);
failed:
	terminal_restore();
	registry_remove(&l.registration, false, 0);
	return -1;
}

int cmd_run(char **argv)
{
	static struct run_config c;
	struct error err;
	int background = -1, code, stdio[3];

	/* before anything is opened */
	hold_stdio(stdio);
	if (run_parse(&c, argv, &err))
		return complain(&err, EXIT_OURS);
	if (c.detach && go_to_background(&background, &err))
		return complain(&err, EXIT_OURS);
	code = run(&c, stdio, background, &err);
	if (code >= 0)
		return code;
	if (background < 0)
		return complain(&err, EXIT_OURS);
	tell_parent(background, err.text, EXIT_OURS);
	return EXIT_OURS;
}
