/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attested TLS with SGX quotes of a synthetic PKI: collateral that has expired, a revoked platform, an old TCB, a debug enclave, quotes of
 * another maker are refused in the handshake, in both modes, and the reason stays with the client.
 */
#include "attest/tls/test_peers.h"

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

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	dcap_synthetic_init(&s);
	/* Real time, for the certificates' sake. */
	s.now = time(NULL);
	s.tcb_issued = s.qe_issued = s.now - 86400;
	s.tcb_until = s.qe_until = s.crls_until = s.now + 30 * 86400;
	s.certificates_until = s.now + 3650 * (int64_t)86400;
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
