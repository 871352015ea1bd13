/* SPDX-License-Identifier: Apache-2.0 */
/* A real TPM 2.0 in software, by Debian's swtpm: commands over one socket, locality and resets over another (swtpm's man page swtpm_ioctls(3)). */
#include "hypervisor/tests/trust/device.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* swtpm_ioctls(3) */
enum { CMD_INIT = 2, CMD_SET_LOCALITY = 5 };

static char folder[64], data_path[80], control_path[80];
static pid_t child;
static int data = -1, control = -1;
static unsigned int locality_now;

static void die(const char *what)
{
	fprintf(stderr, "swtpm: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Until it listens, or has ended. */
static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	while (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		if (waitpid(child, NULL, WNOHANG) == child) {
			child = 0;
			close(fd);
			return -1;
		}
		usleep(1000);
	}
	return fd;
}

static void run_child(void)
{
	char state[100], server[120], ctrl[120];

	snprintf(state, sizeof(state), "dir=%s", folder);
	snprintf(server, sizeof(server), "type=unixio,path=%s", data_path);
	snprintf(ctrl, sizeof(ctrl), "type=unixio,path=%s", control_path);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server,
	       "--ctrl", ctrl, "--flags", "not-need-init", (char *)NULL);
	_exit(127);
}

static void all(int fd, void *bytes, size_t size, bool out)
{
	uint8_t *at = bytes;

	while (size) {
		ssize_t n = out ? write(fd, at, size) : read(fd, at, size);

		if (n <= 0)
			die(out ? "write" : "read");
		at += n;
		size -= (size_t)n;
	}
}

static void order(uint32_t number, const uint8_t *argument, size_t size)
{
	uint8_t request[16] = { 0, 0, 0, (uint8_t)number }, result[4];

	memcpy(request + 4, argument, size);
	all(control, request, 4 + size, true);
	all(control, result, 4, false);
	if (memcmp(result, "\0\0\0\0", 4)) {
		fprintf(stderr, "swtpm: order %u refused\n", number);
		exit(1);
	}
}

bool swtpm_start(void)
{
	snprintf(folder, sizeof(folder), "%s/cloister-tpm.XXXXXX", getenv("TMPDIR") ?: "/tmp");
	if (!mkdtemp(folder))
		die(folder);
	snprintf(data_path, sizeof(data_path), "%s/data", folder);
	snprintf(control_path, sizeof(control_path), "%s/control", folder);
	fflush(NULL);
	child = fork();
	if (child < 0)
		die("fork");
	if (!child)
		run_child();
	data = connect_to(data_path);
	if (data >= 0)
		control = connect_to(control_path);
	if (control < 0) {
		swtpm_stop();
		return false;
	}
	swtpm_boot();
	return true;
}

void swtpm_stop(void)
{
	static const char *const files[] = { "data", "control", "tpm2-00.permall", ".lock",
					     "tpm2-00.volatilestate" };
	char path[128];

	if (child) {
		kill(child, SIGTERM);
		waitpid(child, NULL, 0);
	}
	child = 0;
	close(data);
	close(control);
	data = control = -1;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		unlink(path);
	}
	rmdir(folder);
}

void swtpm_boot(void)
{
	static const uint8_t flags[4];
	/* TPM2_Startup(CLEAR), Part 3, 9.3 */
	static const uint8_t startup[] = { 0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0 };
	uint8_t response[4096];
	size_t size;

	order(CMD_INIT, flags, sizeof(flags));
	locality_now = ~0U;
	swtpm_command(0, startup, sizeof(startup), response, &size);
}

void swtpm_command(unsigned int locality, const uint8_t *command, size_t size,
		   uint8_t ret_response[4096], size_t *ret_size)
{
	uint8_t copy[4096], number = (uint8_t)locality;
	size_t length;

	if (locality != locality_now)
		order(CMD_SET_LOCALITY, &number, 1);
	locality_now = locality;
	memcpy(copy, command, size);
	all(data, copy, size, true);
	all(data, ret_response, 10, false);
	length = (size_t)ret_response[4] << 8 | ret_response[5];
	if (length < 10 || length > 4096)
		die("response");
	all(data, ret_response + 10, length - 10, false);
	*ret_size = length;
}
