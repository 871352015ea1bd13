/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attested TLS with SGX quotes of a synthetic PKI: collateral that has expired, a revoked platform, an old TCB, a debug enclave, quotes of
 * another maker are refused in the handshake, in both modes, and the reason stays with the client. A program of rats-tls' whose callback
 * accepts everything refuses the same.
 */
#include "attest/tls/test_peers.h"
#include "include/cloister/rats-tls.h"

#include "tests/evidence/dcap_synthetic.c"

#define POLICY                                                                                                              \
	"{\"version\": 1, \"name\": \"test\", \"types\": [\"sgx-quote\"%s], \"allow\": [\"custom-root\", \"any-code\"%s], " \
	"\"require\": [{\"claim\": \"tcb.status\", \"equals\": \"UpToDate\"}]}"

static struct dcap_synthetic s;

static int collect(void *context, const uint8_t report_data[64], uint8_t **ret_evidence,
		   size_t *ret_size, struct cattest_error *err)
{
	(void)context;
	(void)err;
	s.report_data = report_data;
	dcap_synthetic_build(&s);
	s.report_data = NULL;
	*ret_evidence = malloc(s.quote_size);
	memcpy(*ret_evidence, s.quote, s.quote_size);
	*ret_size = s.quote_size;
	return 0;
}

/* Made with the collateral as it is now, judged at the time s.now + later. */
static void session(const char *what, enum ctls_mode mode, int64_t later, const char *reason)
{
	struct ctls_attester attester = { .collect = collect };
	struct ctls_verifier verifier;
	struct ctls_options server_options = { .mode = mode, .attester = &attester },
			    client_options = { .mode = mode };
	struct peer client = { 0 }, server = { 0 };
	struct side c, d;
	struct cattest_error err = { "" };
	char text[400];
	int fds[2];

	snprintf(text, sizeof(text), POLICY, mode ? ", \"ratls-certificate\"" : "",
		 mode ? ", \"no-freshness\"" : "");
	pthread_mutex_init(&client.log_lock, NULL);
	pthread_mutex_init(&server.log_lock, NULL);
	dcap_synthetic_build(&s);
	client.verifier = dcap_synthetic_verifier(&s);
	cattest_set_time(client.verifier, s.now + later);
	must(cattest_policy_parse("test", text, strlen(text), &client.policy, &err), "policy",
	     &err);
	cattest_set_policy(client.verifier, client.policy);
	must(ctls_verifier_from(client.verifier, &verifier), "table", &err);
	client_options.verifier = &verifier;
	client_options.log = peer_log;
	client_options.log_context = &client;
	server_options.log = peer_log;
	server_options.log_context = &server;
	must(ctls_new(&client_options, &client.ctls, &err), "client", &err);
	must(ctls_new(&server_options, &server.ctls, &err), "server", &err);
	socket_pair(fds);
	side_start(&d, &server, fds[1], true, false);
	side_start(&c, &client, fds[0], false, false);
	side_join(&c);
	side_join(&d);
	if (!reason) {
		EXPECT(!c.rc && !d.rc, "%s: client %s; server %s", what, c.err.text, d.err.text);
	} else {
		EXPECT(c.rc == -EACCES && strstr(c.err.text, reason), "%s: client %d %s", what,
		       c.rc, c.err.text);
		EXPECT(strstr(client.log, reason), "%s: log %s", what, client.log);
		EXPECT((mode || d.rc) && !strstr(d.err.text, reason) && !strstr(server.log, reason),
		       "%s: server %s", what, d.err.text);
	}
	printf("ok %s%s%s\n", what, reason ? ": " : "", c.err.text);
	peer_done(&client);
	peer_done(&server);
	close(fds[0]);
	close(fds[1]);
}

static void both_modes(const char *what, int64_t later, const char *reason)
{
	session(what, CTLS_SESSION, later, reason);
	/* Certificates are made with the system's clock. */
	if (!later)
		session(what, CTLS_CERTIFICATE, 0, reason);
}

/* --- rats-tls' calls, no policy, and a callback that accepts whatever it is asked about --- */
static int asked;

static int accept_all(void *evidence)
{
	(void)evidence;
	asked++;
	return 1;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	fputs(text, f);
	fclose(f);
}

static void rats_session(const char *what, bool good)
{
	struct ctls_attester attester = { .collect = collect };
	struct ctls_options options = { .mode = CTLS_CERTIFICATE, .attester = &attester };
	rats_tls_conf_t conf = { .log_level = RATS_TLS_LOG_LEVEL_NONE };
	struct cattest_error err = { "" };
	struct peer server = { 0 };
	rats_tls_handle handle;
	rats_tls_err_t rc;
	struct side d;
	int fds[2];

	dcap_synthetic_build(&s);
	write_file("root.pem", s.root_pem);
	write_file("collateral.json", s.collateral);
	must(ctls_new(&options, &server.ctls, &err), "server", &err);
	must(rats_tls_init(&conf, &handle), "rats_tls_init", &err);
	rats_tls_set_verification_callback(&handle, accept_all);
	socket_pair(fds);
	side_start(&d, &server, fds[1], true, false);
	asked = 0;
	rc = rats_tls_negotiate(handle, fds[0]);
	side_join(&d);
	EXPECT(!rc == good && asked == good, "%s: %d, asked %d times", what, (int)rc, asked);
	rats_tls_cleanup(handle);
	peer_done(&server);
	close(fds[0]);
	close(fds[1]);
	printf("ok rats-tls: %s\n", what);
}

static void test_rats_tls(void)
{
	int64_t until = s.tcb_until;

	setenv("CLOISTER_ROOT", "intel=root.pem", 1);
	setenv("CLOISTER_COLLATERAL", "collateral.json", 1);
	rats_session("valid", true);
	s.tcb_until = s.now - 3600;
	rats_session("expired collateral", false);
	s.tcb_until = until;
	s.debug = true;
	rats_session("a debug enclave", false);
	s.debug = false;
	s.platform_status[0] = "OutOfDate";
	rats_session("an old TCB", false);
	s.platform_status[0] = "UpToDate";
	s.pck_revoked = true;
	rats_session("a revoked platform", false);
	s.pck_revoked = false;
	s.other_pck_key = true;
	rats_session("quotes of somebody else", false);
	s.other_pck_key = false;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	dcap_synthetic_init(&s);
	/* Real time, for the certificates' sake. */
	s.now = time(NULL);
	s.tcb_issued = s.qe_issued = s.now - 86400;
	s.tcb_until = s.qe_until = s.crls_until = s.now + 30 * 86400;
	s.certificates_until = s.now + 3650 * (int64_t)86400;
	enter_folder("tls_dcap_test");
	test_rats_tls();
	both_modes("valid", 0, NULL);
	both_modes("expired collateral", 31 * 86400, "expired");
	s.debug = true;
	both_modes("a debug enclave", 0, "debug");
	s.debug = false;
	s.pck_revoked = true;
	both_modes("a revoked platform", 0, "revoked");
	s.pck_revoked = false;
	s.platform_status[0] = "OutOfDate";
	both_modes("an old TCB", 0, "OutOfDate");
	s.platform_status[0] = "UpToDate";
	s.other_pck_key = true;
	both_modes("quotes of somebody else", 0, "dcap");
	dcap_synthetic_done(&s);
	return failures ? 1 : 0;
}
