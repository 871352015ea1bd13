/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloister-quoted: the host's quoting service. Reads its options, opens what its back ends need,
 * gives up what it does not need any more, and serves until it is told to stop (SIGINT, SIGTERM,
 * SIGHUP). In the foreground: a service manager does the rest.
 *
 * Exit status: 0 stopped, 1 could not start, 2 wrong use.
 */
#include "platform/quoting/quoting.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_FOLDER "/var/lib/cloister/quoting"
#define BACKENDS_MAX 8
#define ALLOW_MAX 64

struct arguments {
	struct server_options server;
	const char *backends[BACKENDS_MAX], *state, *user;
	size_t backend_count;
	uid_t allow[ALLOW_MAX];
	size_t allow_count;
	bool print_ak_name, print_ak;
};

static const char usage[] =
	"Usage: cloister-quoted [OPTION...]\n\n"
	"Turns reports of enclaves into evidence, for the enclaves of this machine.\n\n"
	"  --socket PATH         where to listen (default " QUOTING_SOCKET ")\n"
	"  --aesm-socket PATH    listen there too, with the protocol of Intel's AESM service\n"
	"  --backend NAME[:SETTINGS]  what to offer, any number of times (default sim):\n"
	"                          sim                   simulated evidence, key in the state folder\n"
	"                          tpm[:tcti=...,pcrs=...] quotes of a TPM 2.0\n"
	"                          tsm[:entry=NAME]      SNP and TDX guests (configfs-tsm)\n"
	"                          nsm                   AWS Nitro Enclaves\n"
	"                          sgx[:SOCKET], sgx:sim Intel's aesmd, or simulated\n"
	"                          tdx:unix:PATH|vsock:CID:PORT|tcp:HOST:PORT  Intel's quote generation service\n"
	"                          hv[:tcti=...,pcrs=...] enclaves of Cloister's hypervisor\n"
	"  --state FOLDER        of the sim signer's key (default " STATE_FOLDER ")\n"
	"  --user NAME           become this user once all is open\n"
	"  --allow-user NAME     may ask besides root and the service's own user; any number of times; * for all\n"
	"  --connections N       at once for each user (default 16)\n"
	"  --rate N              requests a second of each user (default 50)\n"
	"  --verbose             log what was answered too\n"
	"  --print-ak-name       print what the hypervisor's module wants as ak_name=, and end; by the settings of --backend hv\n"
	"  --print-ak            the same for the attestation key itself, in PEM, as verifiers take it (--root ak=FILE)\n"
	"  --help, --version\n";

enum {
	OPT_SOCKET = 256,
	OPT_AESM,
	OPT_BACKEND,
	OPT_STATE,
	OPT_USER,
	OPT_ALLOW,
	OPT_CONNECTIONS,
	OPT_RATE,
	OPT_VERBOSE,
	OPT_AK_NAME,
	OPT_AK,
	OPT_HELP,
	OPT_VERSION
};
static const struct option options[] = {
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "aesm-socket", required_argument, NULL, OPT_AESM },
	{ "backend", required_argument, NULL, OPT_BACKEND },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "user", required_argument, NULL, OPT_USER },
	{ "allow-user", required_argument, NULL, OPT_ALLOW },
	{ "connections", required_argument, NULL, OPT_CONNECTIONS },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "print-ak-name", no_argument, NULL, OPT_AK_NAME },
	{ "print-ak", no_argument, NULL, OPT_AK },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static int complain(const char *text, int status)
{
	fprintf(stderr, "cloister-quoted: %s\n", text);
	return status;
}

static int parse_count(const char *name, const char *text, unsigned int max, unsigned int *ret,
		       struct cattest_error *err)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || !value || value > max)
		return fail(err, -EINVAL, "--%s %.40s: not a number from 1 to %u", name, text, max);
	*ret = (unsigned int)value;
	return 0;
}

static int add_user(struct arguments *a, const char *name, struct cattest_error *err)
{
	struct passwd *p;
	char *end;
	unsigned long id;

	if (!strcmp(name, "*")) {
		a->server.any_user = true;
		return 0;
	}
	if (a->allow_count == ALLOW_MAX)
		return fail(err, -E2BIG, "--allow-user: at most %d of them", ALLOW_MAX);
	p = getpwnam(name);
	errno = 0;
	id = strtoul(name, &end, 10);
	if (!p && (name[0] < '0' || name[0] > '9' || *end || errno || id >= UINT32_MAX))
		return fail(err, -EINVAL, "--allow-user %.60s: no such user", name);
	a->allow[a->allow_count++] = p ? p->pw_uid : (uid_t)id;
	return 0;
}

/* 0; 1: done already; negative: wrong. */
static int parse_option(struct arguments *a, int option, struct cattest_error *err)
{
	switch (option) {
	case OPT_SOCKET:
		a->server.socket = optarg;
		return 0;
	case OPT_AESM:
		a->server.aesm_socket = optarg;
		return 0;
	case OPT_BACKEND:
		if (a->backend_count == BACKENDS_MAX)
			return fail(err, -E2BIG, "too many back ends");
		a->backends[a->backend_count++] = optarg;
		return 0;
	case OPT_STATE:
		a->state = optarg;
		return 0;
	case OPT_USER:
		a->user = optarg;
		return 0;
	case OPT_ALLOW:
		return add_user(a, optarg, err);
	case OPT_CONNECTIONS:
		return parse_count("connections", optarg, 64, &a->server.connections_per_user, err);
	case OPT_RATE:
		return parse_count("rate", optarg, 1000000, &a->server.requests_per_second, err);
	case OPT_VERBOSE:
		a->server.verbose = true;
		return 0;
	case OPT_AK_NAME:
		a->print_ak_name = true;
		return 0;
	case OPT_AK:
		a->print_ak = true;
		return 0;
	case OPT_HELP:
		fputs(usage, stdout);
		return fflush(stdout) ? -EIO : 1;
	case OPT_VERSION:
		puts("cloister-quoted 0.1");
		return fflush(stdout) ? -EIO : 1;
	}
	return fail(err, -EINVAL, "wrong use: see cloister-quoted --help");
}

static int parse_arguments(int argc, char **argv, struct arguments *a, struct cattest_error *err)
{
	int option, rc = 0;

	*a = (struct arguments){ .state = STATE_FOLDER,
				 .server = { .socket = QUOTING_SOCKET,
					     .connections_per_user = 16,
					     .requests_per_second = 50 } };
	while (!rc && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
		rc = parse_option(a, option, err);
	if (!rc && optind != argc)
		rc = fail(err, -EINVAL, "%.60s: no operands are expected (see --help)",
			  argv[optind]);
	if (!a->backend_count)
		a->backends[a->backend_count++] = "sim";
	return rc;
}

/*
 * Keys in memory: no core files, no debugger of the same user, nothing gained by programs we would
 * start (there are none).
 */
static void harden(void)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	umask(077);
	/* The TSS would write its own lines to stderr. */
	setenv("TSS2_LOG", "all+none", 0);
}

static int become(const char *name, struct cattest_error *err)
{
	struct passwd *p = getpwnam(name);

	if (!p)
		return fail(err, -EINVAL, "--user %.60s: no such user", name);
	if (geteuid() == p->pw_uid)
		return 0;
	/* The user's groups stay: access to a TPM is by group. */
	if (initgroups(name, p->pw_gid) || setresgid(p->pw_gid, p->pw_gid, p->pw_gid) ||
	    setresuid(p->pw_uid, p->pw_uid, p->pw_uid))
		return fail(err, -errno, "--user %.60s: cannot become this user: %s", name,
			    strerror(errno));
	if (p->pw_uid && !setuid(0))
		return fail(err, -EPERM, "--user %.60s: root could be taken back", name);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return 0;
}

static int stop_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	/* Before any thread is made: all inherit the mask. */
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* AESM's requests name no back end: there is one for them. */
static int check_aesm(const struct arguments *a, const struct service *service,
		      struct cattest_error *err)
{
	bool sgx = service->backends[QUOTING_SGX].on, hv = service->backends[QUOTING_HV].on;

	if (!a->server.aesm_socket && a->server.inherited[1] < 0)
		return 0;
	if (!sgx && !hv)
		return fail(err, -EINVAL, "--aesm-socket needs --backend sgx, sgx:sim or hv");
	if (sgx && hv)
		return fail(
			err, -EINVAL,
			"--aesm-socket is for one of the back ends sgx and hv: start a service for each");
	return 0;
}

/* The settings of the first --backend hv, or none. */
static int print_ak(const struct arguments *a, struct cattest_error *err)
{
	const char *settings = NULL;
	char text[2 * 32 + 1], *pem;
	uint8_t name[32];
	int rc;

	for (size_t i = 0; i < a->backend_count && !settings; i++)
		if (!strncmp(a->backends[i], "hv:", 3))
			settings = a->backends[i] + 3;
	rc = hypervisor_ak(settings, name, &pem, err);
	if (rc)
		return rc;
	if (a->print_ak_name)
		puts(hex_text(SPAN_OF(name), text, sizeof(text)));
	if (a->print_ak)
		fputs(pem, stdout);
	free(pem);
	return fflush(stdout) ? fail(err, -EIO, "standard output cannot be written") : 0;
}

static int start(struct arguments *a, struct service *service, struct server **ret_server,
		 struct cattest_error *err)
{
	int rc = 0;

	for (size_t i = 0; i < a->backend_count && !rc; i++)
		rc = service_add(service, a->backends[i], a->state, err);
	if (!rc)
		rc = check_aesm(a, service, err);
	a->server.users = a->allow;
	a->server.user_count = a->allow_count;
	if (!rc)
		rc = server_open(&a->server, service, ret_server, err);
	if (!rc && a->user) {
		rc = become(a->user, err);
		if (rc)
			server_close(*ret_server);
	}
	return rc;
}

int main(int argc, char **argv)
{
	struct cattest_error err = { "" };
	struct arguments a;
	struct service service;
	struct server *server;
	int stop, rc = parse_arguments(argc, argv, &a, &err);

	if (rc)
		return rc > 0 ? 0 : complain(err.text, 2);
	harden();
	if (a.print_ak_name || a.print_ak)
		return print_ak(&a, &err) ? complain(err.text, 1) : 0;
	if (inherit_sockets(a.server.inherited, &err))
		return complain(err.text, 1);
	stop = stop_signals();
	if (stop < 0)
		return complain("cannot wait for signals", 1);
	service_init(&service);
	rc = start(&a, &service, &server, &err);
	if (!rc) {
		fprintf(stderr, "cloister-quoted: ready at %s\n",
			a.server.inherited[0] < 0 ? a.server.socket
						  : "the service manager's socket");
		server_run(server, stop);
		server_close(server);
		fprintf(stderr, "cloister-quoted: stopped\n");
	}
	service_done(&service);
	close(stop);
	return rc ? complain(err.text, 1) : 0;
}
