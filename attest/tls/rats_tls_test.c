/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program written to rats-tls' six calls, server and client, over the compatible header; and what must be refused: no policy and no callback, a
 * callback that says no, debug environments, null instances, peers without evidence.
 */
#include "include/cloister/rats-tls.h"
#include "tests/expect.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int calls, answer;
static size_t claims_seen;

#define MEASUREMENT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static int callback(void *evidence)
{
	const rtls_evidence_t *ev = evidence;

	calls++;
	claims_seen = ev->custom_claims_length;
	EXPECT(ev->quote && ev->quote_size > 0 && ev->result, "evidence");
	if (claims_seen)
		EXPECT(!strcmp(ev->custom_claims[0].name, "key_0") &&
			       !memcmp(ev->custom_claims[0].value, "value_0", 8),
		       "claims");
	return answer;
}

struct run {
	const char *tls_type;
	bool mutual, with_callback;
	int listener, sessions;
	unsigned short port;
	rats_tls_err_t server_rc;
};

static void *server(void *context)
{
	struct run *run = context;
	claim_t claims[] = { { .name = (char *)(uintptr_t) "key_0",
			       .value = (uint8_t *)(uintptr_t) "value_0",
			       .value_size = 8 } };
	rats_tls_conf_t conf;
	rats_tls_handle handle;
	char buf[256];

	memset(&conf, 0, sizeof(conf));
	conf.log_level = RATS_TLS_LOG_LEVEL_ERROR;
	snprintf(conf.tls_type, sizeof(conf.tls_type), "%s", run->tls_type);
	conf.flags = RATS_TLS_CONF_FLAGS_SERVER | (run->mutual ? RATS_TLS_CONF_FLAGS_MUTUAL : 0);
	conf.cert_algo = RATS_TLS_CERT_ALGO_DEFAULT;
	conf.custom_claims = claims;
	conf.custom_claims_length = 1;
	run->server_rc = rats_tls_init(&conf, &handle);
	if (run->server_rc)
		return NULL;
	rats_tls_set_verification_callback(&handle, run->with_callback ? callback : NULL);
	for (int i = 0; i < run->sessions; i++) {
		int fd = accept(run->listener, NULL, NULL);
		size_t len = sizeof(buf);

		run->server_rc = rats_tls_negotiate(handle, fd);
		if (!run->server_rc)
			run->server_rc = rats_tls_receive(handle, buf, &len);
		if (!run->server_rc)
			run->server_rc = rats_tls_transmit(handle, buf, &len);
		/* As rats-tls' sample does: the next socket has the same number. */
		close(fd);
	}
	rats_tls_cleanup(handle);
	return NULL;
}

static rats_tls_err_t client(const struct run *run)
{
	static char hello[] = "Hello and welcome to RATS-TLS!\n";
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = run->port,
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	rats_tls_conf_t conf;
	rats_tls_handle handle;
	rats_tls_err_t ret;
	char buf[256];
	size_t len = strlen(hello);

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return RATS_TLS_ERR_UNKNOWN;
	memset(&conf, 0, sizeof(conf));
	conf.log_level = RATS_TLS_LOG_LEVEL_ERROR;
	snprintf(conf.tls_type, sizeof(conf.tls_type), "%s", run->tls_type);
	conf.flags = run->mutual ? RATS_TLS_CONF_FLAGS_MUTUAL : 0;
	ret = rats_tls_init(&conf, &handle);
	if (ret) {
		close(fd);
		return ret;
	}
	rats_tls_set_verification_callback(&handle, run->with_callback ? callback : NULL);
	ret = rats_tls_negotiate(handle, fd);
	if (!ret)
		ret = rats_tls_transmit(handle, hello, &len);
	len = sizeof(buf);
	if (!ret)
		ret = rats_tls_receive(handle, buf, &len);
	if (!ret)
		EXPECT(len == strlen(hello) && !memcmp(buf, hello, len), "what comes back");
	rats_tls_cleanup(handle);
	close(fd);
	return ret;
}

static void test(const char *what, struct run run, bool good)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(at);
	pthread_t thread;

	run.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(run.listener, (struct sockaddr *)&at, sizeof(at)) || listen(run.listener, 5) ||
	    getsockname(run.listener, (struct sockaddr *)&at, &size))
		exit(1);
	run.port = at.sin_port;
	run.sessions = 3;
	calls = 0;
	pthread_create(&thread, NULL, server, &run);
	for (int i = 0; i < run.sessions; i++) {
		rats_tls_err_t ret = client(&run);

		EXPECT(!ret == good, "%s: client %d", what, (int)ret);
	}
	pthread_join(thread, NULL);
	EXPECT(!run.server_rc == good, "%s: server %d", what, (int)run.server_rc);
	close(run.listener);
	printf("ok %s\n", what);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	fputs(text, f);
	fclose(f);
}

static void test_init(void)
{
	rats_tls_conf_t conf;
	rats_tls_handle handle = NULL;

	memset(&conf, 0, sizeof(conf));
	conf.log_level = RATS_TLS_LOG_LEVEL_NONE;
	EXPECT(rats_tls_init(NULL, &handle) && rats_tls_init(&conf, NULL), "no configuration");
	memcpy(conf.verifier_type, "nullverifier", 13);
	EXPECT(rats_tls_init(&conf, &handle) && !handle, "a null verifier");
	memset(conf.verifier_type, 'x', sizeof(conf.verifier_type));
	EXPECT(rats_tls_init(&conf, &handle) && !handle, "a name without end");
	memset(conf.verifier_type, 0, sizeof(conf.verifier_type));
	memcpy(conf.tls_type, "nulltls", 8);
	EXPECT(rats_tls_init(&conf, &handle) && !handle, "null TLS");
	memset(conf.tls_type, 0, sizeof(conf.tls_type));
	conf.api_version = 9;
	EXPECT(rats_tls_init(&conf, &handle) && !handle, "API version 9");
	EXPECT(rats_tls_cleanup(NULL) && rats_tls_negotiate(NULL, 1), "no handle");
	printf("ok init\n");
}

int main(void)
{
	const struct run certificate = { .tls_type = "" },
			 mutual = { .tls_type = "openssl", .mutual = true },
			 session = { .tls_type = "cloister" },
			 asked = { .tls_type = "", .with_callback = true },
			 asked_session = { .tls_type = "cloister",
					   .mutual = true,
					   .with_callback = true };
	struct cattest_attester *attester;
	struct cattest_error err = { "" };
	char folder[] = "rats_tls_test.XXXXXX";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	/* Makes the signer. */
	if (cattest_attester_new("sim", "folder=sim,measurement=" MEASUREMENT, &attester, &err)) {
		printf("FAIL %s\n", err.text);
		return 1;
	}
	cattest_attester_free(attester);
	setenv("CLOISTER_ATTESTER", "sim:folder=sim,measurement=" MEASUREMENT, 1);
	setenv("CLOISTER_ROOT", "sim=sim/sim-key.pub.pem", 1);
	write_file(
		"policy.json",
		"{\"version\": 1, \"name\": \"test\", \"types\": [\"sim\", \"ratls-certificate\"], \"allow\": [\"simulated\", "
		"\"custom-root\", \"no-freshness\"], \"require\": [{\"claim\": \"sim.measurement\", \"equals\": \"" MEASUREMENT
		"\"}]}");
	write_file(
		"other.json",
		"{\"version\": 1, \"name\": \"test\", \"types\": [\"sim\", \"ratls-certificate\"], \"allow\": [\"simulated\", "
		"\"custom-root\", \"no-freshness\"], \"require\": [{\"claim\": \"sim.measurement\", \"equals\": \""
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"}]}");
	test_init();
	test("nothing says whom to trust", certificate, false);
	test("nothing says whom to trust, session", session, false);
	answer = 1;
	test("the callback accepts", asked, true);
	EXPECT(calls == 3 && claims_seen == 1, "%d calls, %zu claims", calls, claims_seen);
	test("the callback accepts, session, mutual", asked_session, true);
	EXPECT(calls == 6, "%d calls", calls);
	answer = 2;
	test("the callback does not say 1", asked, false);
	answer = 1;
	setenv("CLOISTER_ATTESTER", "sim:folder=sim,debug=1,measurement=" MEASUREMENT, 1);
	test("the callback would accept a debug environment", asked, false);
	EXPECT(!calls, "%d calls", calls);
	setenv("CLOISTER_ATTESTER", "sim:folder=sim,measurement=" MEASUREMENT, 1);
	setenv("CLOISTER_POLICY", "policy.json", 1);
	test("a policy", certificate, true);
	test("a policy, mutual", mutual, true);
	test("a policy, session", session, true);
	setenv("CLOISTER_POLICY", "other.json", 1);
	test("another policy", certificate, false);
	test("another policy, though the callback accepts", asked, false);
	return failures ? 1 : 0;
}
