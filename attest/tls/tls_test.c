/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attested TLS as it is meant to be used: both modes, one-sided and mutual, blocking and stepwise, through our API and in programs that
 * use OpenSSL; refusals by policy; what the options allow. Attacks are in tls_attack_test.c.
 */
#include "attest/tls/test_peers.h"

#include <signal.h>

static void echo(struct side *client, struct side *server, const char *what)
{
	static char out[300000], in[300000];
	size_t sent = 0, got = 0;
	ssize_t n;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7);
	while (got < sizeof(in)) {
		if (sent < sizeof(out)) {
			n = ctls_write(client->connection, out + sent,
				       sizeof(out) - sent > 16000 ? 16000 : sizeof(out) - sent);
			EXPECT(n > 0, "%s: write %zd", what, n);
			if (n <= 0)
				return;
			sent += (size_t)n;
		}
		n = ctls_read(server->connection, in + got, sizeof(in) - got);
		EXPECT(n > 0, "%s: read %zd", what, n);
		if (n <= 0)
			return;
		got += (size_t)n;
	}
	EXPECT(!memcmp(in, out, sizeof(in)), "%s: bytes differ", what);
	EXPECT(!ctls_shutdown(client->connection), "%s", what);
	EXPECT(ctls_read(server->connection, in, 1) == 0, "%s: no end", what);
	/* Half-closed: the other direction goes on. */
	EXPECT(ctls_write(server->connection, "bye", 3) == 3, "%s", what);
	EXPECT(ctls_read(client->connection, in, 10) == 3, "%s", what);
	EXPECT(ctls_write(client->connection, "x", 1) == -EPIPE, "%s", what);
}

/* Both are to succeed, or the one named to refuse with that in its reason. */
static void session(const char *what, struct peer *c, struct peer *s, const char *client_reason,
		    const char *server_reason)
{
	struct side client, server;
	int fds[2];

	socket_pair(fds);
	side_start(&client, c, fds[0], false, true);
	side_start(&server, s, fds[1], true, true);
	pthread_join(client.thread, NULL);
	if (client.rc)
		shutdown(fds[0], SHUT_RDWR);
	pthread_join(server.thread, NULL);
	if (!client_reason && !server_reason) {
		EXPECT(!client.rc && !server.rc, "%s: client %d %s; server %d %s", what, client.rc,
		       client.err.text, server.rc, server.err.text);
		if (!client.rc && !server.rc)
			echo(&client, &server, what);
	} else {
		/* One may have been done before the other refused. */
		EXPECT(client_reason ? client.rc == -EACCES : true, "%s: client %d %s", what,
		       client.rc, client.err.text);
		EXPECT(server_reason ? server.rc == -EACCES : true, "%s: server %d %s", what,
		       server.rc, server.err.text);
		EXPECT(!client_reason || strstr(client.err.text, client_reason), "%s: client: %s",
		       what, client.err.text);
		EXPECT(!server_reason || strstr(server.err.text, server_reason), "%s: server: %s",
		       what, server.err.text);
		EXPECT(!client_reason || strstr(c->log, client_reason), "%s: log: %s", what,
		       c->log);
		EXPECT(!client_reason || !strstr(s->log, client_reason), "%s: other's log: %s",
		       what, s->log);
		EXPECT(!client_reason || !strstr(server.err.text, client_reason),
		       "%s: the reason leaks: %s", what, server.err.text);
		EXPECT(!server_reason || !strstr(client.err.text, server_reason),
		       "%s: the reason leaks: %s", what, client.err.text);
	}
	if (!client.rc)
		ctls_close(client.connection);
	if (!server.rc)
		ctls_close(server.connection);
	close(fds[0]);
	close(fds[1]);
	printf("ok %s\n", what);
}

static void test_session_mode(void)
{
	struct peer attested, other, debug, checks, both;

	peer_init(&attested, GOOD, NULL, NULL, NULL);
	peer_init(&other, OTHER, NULL, NULL, NULL);
	peer_init(&debug, GOOD, "debug=1", NULL, NULL);
	peer_init(&checks, NULL, NULL, POLICY_GOOD, NULL);
	peer_init(&both, GOOD, NULL, POLICY_GOOD, NULL);
	session("the client verifies", &checks, &attested, NULL, NULL);
	session("both verify", &both, &both, NULL, NULL);
	session("wrong measurement", &checks, &other, "sim.measurement", NULL);
	session("a debug enclave", &checks, &debug, "debug", NULL);
	session("the client has no evidence", &checks, &both, NULL, "the peer has no evidence");
	peer_done(&attested);
	peer_done(&other);
	peer_done(&debug);
	peer_done(&checks);
	peer_done(&both);
}

static void test_certificate_mode(void)
{
	struct ctls_options o = { .mode = CTLS_CERTIFICATE },
			    cached = { .mode = CTLS_CERTIFICATE, .result_cache_seconds = 60 };
	struct ctls_options old = { .mode = CTLS_CERTIFICATE, .allow_tls12 = true };
	struct peer attested, other, debug, checks, both, fresh, keeps, simulated, tls12;

	peer_init(&attested, GOOD, NULL, NULL, &o);
	peer_init(&other, OTHER, NULL, NULL, &o);
	peer_init(&debug, GOOD, "debug=1", NULL, &o);
	peer_init(&checks, NULL, NULL, POLICY_CERTIFICATE, &o);
	peer_init(&both, GOOD, NULL, POLICY_CERTIFICATE, &o);
	peer_init(&keeps, NULL, NULL, POLICY_CERTIFICATE, &cached);
	peer_init(&tls12, GOOD, NULL, POLICY_CERTIFICATE, &old);
	peer_init(
		&fresh, NULL, NULL,
		"{\"version\": 1, \"name\": \"test\", \"types\": [\"sim\", \"ratls-certificate\"], \"allow\": [\"simulated\", "
		"\"custom-root\"], " REQUIRE_MEASUREMENT(GOOD),
		&o);
	peer_init(
		&simulated, NULL, NULL,
		"{\"version\": 1, \"name\": \"test\", \"types\": [\"sim\", \"ratls-certificate\"], \"allow\": [\"no-freshness\", "
		"\"custom-root\"], " REQUIRE_MEASUREMENT(GOOD),
		&o);
	session("certificate: the client verifies", &checks, &attested, NULL, NULL);
	session("certificate: both verify", &both, &both, NULL, NULL);
	session("certificate: TLS 1.2 if allowed", &tls12, &tls12, NULL, NULL);
	session("certificate: wrong measurement", &checks, &other, "sim.measurement", NULL);
	session("certificate: a debug enclave", &checks, &debug, "debug", NULL);
	session("certificate: the policy wants freshness", &fresh, &attested, "fresh", NULL);
	session("certificate: simulated evidence inside", &simulated, &attested, "simulated", NULL);
	for (int i = 0; i < 3; i++) {
		session("certificate: a kept result", &keeps, &attested, NULL, NULL);
		session("certificate: a refusal is not kept", &keeps, &other, "sim.measurement",
			NULL);
	}
	session("certificate: the client has none", &checks, &both, NULL, "no certificate");
	peer_done(&attested);
	peer_done(&other);
	peer_done(&debug);
	peer_done(&checks);
	peer_done(&both);
	peer_done(&fresh);
	peer_done(&keeps);
	peer_done(&simulated);
	peer_done(&tls12);
}

/* Certificates are made again before they end. */
static void test_renewal(void)
{
	struct ctls_options o = { .mode = CTLS_CERTIFICATE, .certificate_lifetime = 2 };
	uint8_t first[32], second[32];
	unsigned int size;
	struct peer attested, checks;

	peer_init(&attested, GOOD, NULL, NULL, &o);
	peer_init(&checks, NULL, NULL, POLICY_CERTIFICATE, &o);
	X509_digest(attested.ctls->own_cert, EVP_sha256(), first, &size);
	session("renewal: first", &checks, &attested, NULL, NULL);
	X509_digest(attested.ctls->own_cert, EVP_sha256(), second, &size);
	EXPECT(!memcmp(first, second, 32), "a new certificate for each session");
	usleep(1100000);
	session("renewal: second", &checks, &attested, NULL, NULL);
	X509_digest(attested.ctls->own_cert, EVP_sha256(), second, &size);
	EXPECT(memcmp(first, second, 32), "the certificate was not made again");
	peer_done(&attested);
	peer_done(&checks);
}

/* Two connections in one thread, as an event loop has them. */
static void test_steps(enum ctls_mode mode)
{
	struct ctls_options o = { .mode = mode, .want_details = true };
	struct ctls_connection *client = NULL, *server = NULL;
	struct cattest_error err = { "" };
	struct peer both;
	int fds[2], c = 1, s = 1, works = 0;

	peer_init(&both, GOOD, NULL, mode ? POLICY_CERTIFICATE : POLICY_GOOD, &o);
	socket_pair(fds);
	must(ctls_start(both.ctls, fds[0], false, &client, &err), "start", &err);
	must(ctls_start(both.ctls, fds[1], true, &server, &err), "start", &err);
	for (int i = 0; i < 1000 && (c > 0 || s > 0); i++) {
		c = c > 0 ? ctls_step(client, &err) : c;
		if (c == CTLS_WANT_WORK)
			ctls_work(client), works++;
		s = s > 0 ? ctls_step(server, &err) : s;
		if (s == CTLS_WANT_WORK)
			ctls_work(server), works++;
	}
	EXPECT(!c && !s, "steps: %d %d %s", c, s, err.text);
	EXPECT(mode ? works >= 2 : works == 4, "%d works", works);
	EXPECT(ctls_peer_details(client) && strstr(ctls_peer_details(client), GOOD), "details: %s",
	       ctls_peer_details(client) ? ctls_peer_details(client) : "none");
	EXPECT(ctls_ssl(client) && ctls_time_left(client) > 0, "time");
	ctls_close(client);
	ctls_close(server);
	close(fds[0]);
	close(fds[1]);
	peer_done(&both);
	printf("ok steps, mode %d\n", mode);
}

/* --- Programs with an SSL_CTX of their own --- */
struct program {
	struct peer *peer;
	int fd;
	bool server, forget;
	int tls, rc;
	struct cattest_error err;
};

static void *program_run(void *context)
{
	struct program *p = context;
	SSL_CTX *ctx = SSL_CTX_new(p->server ? TLS_server_method() : TLS_client_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = plain_certificate(key, 0);
	char c = 0;
	SSL *ssl;

	if (p->server && p->peer->ctls->mode == CTLS_SESSION) {
		SSL_CTX_use_certificate(ctx, cert);
		SSL_CTX_use_PrivateKey(ctx, key);
	}
	p->rc = ctls_configure(ctx, p->peer->ctls, &p->err);
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, p->fd);
	p->tls = p->server ? SSL_accept(ssl) : SSL_connect(ssl);
	if (p->tls == 1 && !p->rc)
		p->rc = ctls_handshake(ssl, &p->err);
	if (p->tls == 1 && !p->rc) {
		if (p->server ? SSL_write(ssl, "x", 1) != 1 : SSL_read(ssl, &c, 1) != 1 || c != 'x')
			p->rc = -EIO;
		SSL_shutdown(ssl);
	}
	shutdown(p->fd, SHUT_RDWR);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return NULL;
}

static void programs(const char *what, struct peer *c, struct peer *s, bool good, bool good_tls)
{
	struct program client = { .peer = c }, server = { .peer = s, .server = true };
	pthread_t threads[2];
	int fds[2];

	socket_pair(fds);
	client.fd = fds[0];
	server.fd = fds[1];
	pthread_create(&threads[0], NULL, program_run, &client);
	pthread_create(&threads[1], NULL, program_run, &server);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	EXPECT((client.tls == 1) == good_tls, "%s: client's TLS %d", what, client.tls);
	if (good_tls)
		EXPECT(!client.rc == good, "%s: client %d %s, server %d %s", what, client.rc,
		       client.err.text, server.rc, server.err.text);
	close(fds[0]);
	close(fds[1]);
	printf("ok %s\n", what);
}

static void test_configure(void)
{
	struct ctls_options o = { .mode = CTLS_CERTIFICATE };
	struct peer both, other, cert, cert_other;

	peer_init(&both, GOOD, NULL, POLICY_GOOD, NULL);
	peer_init(&other, OTHER, NULL, POLICY_GOOD, NULL);
	peer_init(&cert, GOOD, NULL, POLICY_CERTIFICATE, &o);
	peer_init(&cert_other, OTHER, NULL, POLICY_CERTIFICATE, &o);
	programs("configure: session", &both, &both, true, true);
	programs("configure: session, refused", &both, &other, false, true);
	programs("configure: certificate", &cert, &cert, true, true);
	programs("configure: certificate, refused", &cert, &cert_other, false, false);
	programs("configure: certificate, an ordinary server", &cert, &both, false, false);
	peer_done(&both);
	peer_done(&other);
	peer_done(&cert);
	peer_done(&cert_other);
}

/* --- Options that would attest nothing, or not what was meant --- */
static int collect_nothing(void *context, const uint8_t report_data[64], uint8_t **ret_evidence,
			   size_t *ret_size, struct cattest_error *err)
{
	(void)context, (void)report_data, (void)ret_evidence, (void)ret_size;
	snprintf(err->text, sizeof(err->text), "no evidence here");
	return -ENODEV;
}

static void test_options(void)
{
	struct ctls_attester attester = { .collect = collect_nothing };
	struct ctls_verifier incomplete = { 0 };
	const struct cattest_custom_claim claim = { "name", "value", 5 };
	const struct {
		struct ctls_options options;
		const char *reason;
	} bad[] = {
		{ { 0 }, "nothing would be attested" },
		{ { .verifier = &incomplete }, "without verify" },
		{ { .attester = &attester, .mode = (enum ctls_mode)7 }, "mode 7" },
		{ { .attester = &attester, .certificate_pem = "x" }, "needs its key" },
		{ { .attester = &attester, .key_pem = "x" }, "its certificate" },
		{ { .attester = &attester, .server_name = "x" }, "without a CA" },
		{ { .attester = &attester, .allow_tls12 = true }, "TLS 1.3" },
		{ { .attester = &attester, .claims = &claim, .claim_count = 1 }, "custom claims" },
		{ { .attester = &attester, .mode = CTLS_CERTIFICATE, .ca_pem = "x" },
		  "knows no CA" },
		{ { .attester = &attester,
		    .mode = CTLS_CERTIFICATE,
		    .certificate_pem = "x",
		    .key_pem = "x" },
		  "its own certificate" },
		{ { .attester = &attester, .ca_pem = "nothing" }, "holds no certificate" },
		{ { .attester = &attester, .max_evidence = CTLS_MAX_EVIDENCE + 1 },
		  "never accepted" },
		{ { .attester = &attester, .max_unverified = 1 }, "max_unverified" },
		{ { .attester = &attester, .mode = CTLS_CERTIFICATE }, "no evidence here" },
	};
	struct ctls_options o = { .attester = &attester };
	struct ctls_connection *c;
	struct cattest_error err;
	struct ctls *ctls;
	int fds[2];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.text[0] = 0;
		EXPECT(ctls_new(&bad[i].options, &ctls, &err) < 0 &&
			       strstr(err.text, bad[i].reason),
		       "options %zu: %s", i, err.text);
	}
	must(ctls_new(&o, &ctls, &err), "ctls_new", &err);
	socket_pair(fds);
	/* It would send its evidence to anybody and know nothing of the server. */
	EXPECT(ctls_connect(ctls, fds[0], &c, &err) == -EINVAL && strstr(err.text, "verifier"),
	       "%s", err.text);
	EXPECT(ctls_connect(ctls, -1, &c, &err) < 0, "fd -1");
	ctls_free(ctls);
	close(fds[0]);
	close(fds[1]);
	printf("ok options\n");
}

/* --- Looking at a server's evidence --- */
static void *accept_one(void *context)
{
	struct side *s = context;
	int fd = accept(s->fd, NULL, NULL);

	s->rc = ctls_accept(s->peer->ctls, fd, &s->connection, &s->err);
	if (!s->rc)
		ctls_close(s->connection);
	close(fd);
	return NULL;
}

static void test_fetch(enum ctls_mode mode)
{
	struct ctls_options o = { .mode = mode };
	struct cattest_error err = { "" };
	struct ctls_fetched f;
	struct side server = { 0 };
	struct peer both;
	struct cattest_result *result;
	struct cattest_expect expect = { 0 };

	peer_init(&both, GOOD, NULL, mode ? POLICY_CERTIFICATE : POLICY_GOOD, &o);
	server.peer = &both;
	server.fd = ctls_listen("unix:fetch.sock", &err);
	if (server.fd < 0)
		must(server.fd, "listen", &err);
	pthread_create(&server.thread, NULL, accept_one, &server);
	if (mode) {
		/* The server of certificate mode wants a certificate, and there is none: its word comes after ours is done. */
		int rc = ctls_fetch_evidence("unix:fetch.sock", 5000, &f, &err);

		EXPECT(!rc, "fetch: %s", err.text);
	} else {
		must(ctls_fetch_evidence("unix:fetch.sock", 5000, &f, &err), "fetch", &err);
	}
	pthread_join(server.thread, NULL);
	EXPECT(f.mode == mode && f.size > 100, "mode %d, %zu bytes", f.mode, f.size);
	expect.report_data = f.report_data_size ? f.report_data : NULL;
	expect.report_data_size = f.report_data_size;
	must(cattest_verify(both.verifier, f.evidence, f.size, &expect, &result, &err), "verify",
	     &err);
	EXPECT(cattest_result_verdict(result) == CATTEST_TRUSTED, "verdict %d",
	       cattest_result_verdict(result));
	cattest_result_free(result);
	free(f.evidence);
	close(server.fd);
	unlink("fetch.sock");
	peer_done(&both);
	printf("ok fetch, mode %d\n", mode);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	enter_folder("tls_test");
	test_session_mode();
	test_certificate_mode();
	test_renewal();
	test_steps(CTLS_SESSION);
	test_steps(CTLS_CERTIFICATE);
	test_options();
	test_fetch(CTLS_SESSION);
	test_fetch(CTLS_CERTIFICATE);
	/* The library raises no SIGPIPE; OpenSSL's own sockets do. */
	signal(SIGPIPE, SIG_IGN);
	test_configure();
	return failures ? 1 : 0;
}
