/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What TLS itself could undo: sessions that are resumed or renegotiated, older versions, certificates and names of ordinary authorities
 * beside the evidence, verification that a program has switched off, kept results; and programs with SSLs of their own, with blocking sockets
 * and without sockets.
 */
#include "attest/tls/test_peers.h"

#include <fcntl.h>
#include <openssl/x509v3.h>
#include <signal.h>

/* --- An authority, and what it signs --- */
struct authority {
	EVP_PKEY *key;
	X509 *cert;
	char *pem;
};

static char *pem_of(X509 *cert, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;

	if (cert)
		PEM_write_bio_X509(bio, cert);
	else
		PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	text = strndup(data, (size_t)BIO_get_mem_data(bio, &data));
	BIO_free(bio);
	return text;
}

static void authority_init(struct authority *a)
{
	X509_EXTENSION *extension;

	a->key = EVP_EC_gen("P-256");
	a->cert = plain_certificate(a->key, 0);
	extension = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
	X509_add_ext(a->cert, extension, -1);
	X509_EXTENSION_free(extension);
	X509_sign(a->cert, a->key, EVP_sha256());
	a->pem = pem_of(a->cert, NULL);
}

static void authority_done(struct authority *a)
{
	EVP_PKEY_free(a->key);
	X509_free(a->cert);
	free(a->pem);
}

/* For a DNS name, by the authority. */
static void issue(const struct authority *a, const char *name, char **ret_cert, char **ret_key)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = plain_certificate(key, 0);
	char text[100];
	X509_EXTENSION *names;

	snprintf(text, sizeof(text), "DNS:%s", name);
	names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text);
	X509_add_ext(cert, names, -1);
	X509_EXTENSION_free(names);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "O", MBSTRING_ASC,
				   (const unsigned char *)"issued", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(a->cert));
	X509_sign(cert, a->key, EVP_sha256());
	*ret_cert = pem_of(cert, NULL);
	*ret_key = pem_of(NULL, key);
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* A session of two of ours; what they say goes to *c and *s. */
static void run_both(struct peer *client, struct peer *server, struct side *c, struct side *s)
{
	int fds[2];

	socket_pair(fds);
	side_start(c, client, fds[0], false, false);
	side_start(s, server, fds[1], true, false);
	side_join(c);
	side_join(s);
	close(fds[0]);
	close(fds[1]);
}

static void test_authorities(void)
{
	struct authority ours, others;
	char *cert, *key, *other_cert, *other_key;
	struct peer known, stranger, checks, named, misnamed, mutual, mutual_client;
	struct side c, s;

	authority_init(&ours);
	authority_init(&others);
	issue(&ours, "server.example", &cert, &key);
	issue(&others, "server.example", &other_cert, &other_key);
	peer_init(&known, GOOD, NULL, NULL,
		  &(struct ctls_options){ .certificate_pem = cert, .key_pem = key });
	peer_init(&stranger, GOOD, NULL, NULL,
		  &(struct ctls_options){ .certificate_pem = other_cert, .key_pem = other_key });
	peer_init(&checks, NULL, NULL, POLICY_GOOD, &(struct ctls_options){ .ca_pem = ours.pem });
	peer_init(&named, NULL, NULL, POLICY_GOOD,
		  &(struct ctls_options){ .ca_pem = ours.pem, .server_name = "server.example" });
	peer_init(&misnamed, NULL, NULL, POLICY_GOOD,
		  &(struct ctls_options){ .ca_pem = ours.pem, .server_name = "other.example" });
	peer_init(&mutual, GOOD, NULL, POLICY_GOOD,
		  &(struct ctls_options){
			  .certificate_pem = cert, .key_pem = key, .ca_pem = ours.pem });
	peer_init(&mutual_client, GOOD, NULL, POLICY_GOOD,
		  &(struct ctls_options){ .certificate_pem = other_cert,
					  .key_pem = other_key,
					  .ca_pem = ours.pem });

	run_both(&checks, &known, &c, &s);
	EXPECT(!c.rc && !s.rc, "a CA: %s; %s", c.err.text, s.err.text);
	run_both(&named, &known, &c, &s);
	EXPECT(!c.rc && !s.rc, "a CA and a name: %s; %s", c.err.text, s.err.text);
	run_both(&checks, &stranger, &c, &s);
	EXPECT(c.rc == -EACCES && strstr(c.err.text, "certificate") &&
		       strstr(checks.log, "certificate"),
	       "another CA: %d %s", c.rc, c.err.text);
	run_both(&misnamed, &known, &c, &s);
	EXPECT(c.rc == -EACCES && strstr(c.err.text, "ostname mismatch"), "another name: %d %s",
	       c.rc, c.err.text);
	/* Clients' certificates are part of what is signed. */
	run_both(&mutual, &mutual, &c, &s);
	EXPECT(!c.rc && !s.rc, "certificates of both: %s; %s", c.err.text, s.err.text);
	run_both(&mutual_client, &mutual, &c, &s);
	EXPECT(s.rc == -EACCES && strstr(s.err.text, "certificate"),
	       "a client of another CA: %d %s", s.rc, s.err.text);
	EXPECT(c.rc == -EACCES && strstr(c.err.text, "refused us in TLS"), "it is told: %d %s",
	       c.rc, c.err.text);
	printf("ok authorities and names (%s; %s)\n", c.err.text, s.err.text);
	peer_done(&known);
	peer_done(&stranger);
	peer_done(&checks);
	peer_done(&named);
	peer_done(&misnamed);
	peer_done(&mutual);
	peer_done(&mutual_client);
	free(cert);
	free(key);
	free(other_cert);
	free(other_key);
	authority_done(&ours);
	authority_done(&others);
}

/* --- Plain TLS peers --- */
struct plain {
	int fd, version;
	bool server, renegotiate, no_certificate;
	SSL_SESSION *session; /* to resume; then the one that was made */
	bool reused, resumable;
	int handshake, renegotiated;
	char name[64]; /* the client's SNI */
	pthread_t thread;
};

static int take_name(SSL *ssl, int *alert, void *context)
{
	struct plain *p = context;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	snprintf(p->name, sizeof(p->name), "%s", name ? name : "");
	return SSL_TLSEXT_ERR_OK;
}

static void *plain_run(void *context)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = plain_certificate(key, 0);
	struct plain *p = context;
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	SSL *ssl;
	char c;

	if (!p->no_certificate) {
		SSL_CTX_use_certificate(ctx, cert);
		SSL_CTX_use_PrivateKey(ctx, key);
	}
	SSL_CTX_set_max_proto_version(ctx, p->version);
	SSL_CTX_set_tlsext_servername_callback(ctx, take_name);
	SSL_CTX_set_tlsext_servername_arg(ctx, p);
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, p->fd);
	if (p->session)
		SSL_set_session(ssl, p->session);
	SSL_SESSION_free(p->session);
	p->session = NULL;
	p->handshake = p->server ? SSL_accept(ssl) : SSL_connect(ssl);
	if (p->handshake == 1) {
		p->reused = SSL_session_reused(ssl);
		if (p->renegotiate) {
			SSL_renegotiate(ssl);
			p->renegotiated = SSL_do_handshake(ssl);
		}
		SSL_read(ssl, &c, 1); /* tickets would come before anything else */
		p->session = SSL_get1_session(ssl);
		p->resumable = SSL_SESSION_is_resumable(p->session);
	}
	shutdown(p->fd, SHUT_RDWR);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return NULL;
}

static int against_plain(struct peer *ours, struct plain *p, struct cattest_error *ret_err)
{
	struct side side;
	int fds[2];

	socket_pair(fds);
	p->fd = fds[1];
	pthread_create(&p->thread, NULL, plain_run, p);
	side_start(&side, ours, fds[0], !p->server, false);
	side_join(&side);
	pthread_join(p->thread, NULL);
	close(fds[0]);
	close(fds[1]);
	*ret_err = side.err;
	return side.rc;
}

static void test_resumption(void)
{
	struct ctls_options o = { .mode = CTLS_CERTIFICATE },
			    old = { .mode = CTLS_CERTIFICATE, .allow_tls12 = true };
	struct cattest_error err = { "" };
	struct peer session, certificate, tls12;

	peer_init(&session, GOOD, NULL, NULL, NULL);
	peer_init(&certificate, GOOD, NULL, NULL, &o);
	peer_init(&tls12, GOOD, NULL, NULL, &old);
	struct {
		const char *what;
		struct peer *peer;
		int version;
	} servers[] = { { "session mode", &session, TLS1_3_VERSION },
			{ "certificate mode", &certificate, TLS1_3_VERSION },
			{ "certificate mode, TLS 1.2", &tls12, TLS1_2_VERSION } };

	for (size_t i = 0; i < 3; i++) {
		struct plain p = { .version = servers[i].version };

		against_plain(servers[i].peer, &p, &err);
		EXPECT(p.handshake == 1 && !p.resumable, "%s: it can be resumed", servers[i].what);
		against_plain(servers[i].peer, &p, &err);
		EXPECT(p.handshake == 1 && !p.reused, "%s: it was resumed", servers[i].what);
		SSL_SESSION_free(p.session);
	}
	struct plain again = { .version = TLS1_2_VERSION, .renegotiate = true };

	against_plain(&tls12, &again, &err);
	EXPECT(again.handshake == 1 && again.renegotiated != 1, "renegotiated");
	SSL_SESSION_free(again.session);
	struct plain older = { .version = TLS1_2_VERSION };

	EXPECT(against_plain(&certificate, &older, &err) == -EPROTO && older.handshake != 1,
	       "TLS 1.2: %s", err.text);
	printf("ok nothing is resumed or renegotiated (%s)\n", err.text);
	peer_done(&session);
	peer_done(&certificate);
	peer_done(&tls12);
}

/* The name goes out, so that servers with several certificates know which. */
static void test_name(void)
{
	struct plain p = { .version = TLS1_3_VERSION, .server = true };
	struct authority a;
	struct cattest_error err;
	struct peer named, strict;

	authority_init(&a);
	peer_init(&strict, GOOD, NULL, NULL, &(struct ctls_options){ .ca_pem = a.pem });
	peer_init(&named, NULL, NULL, POLICY_GOOD,
		  &(struct ctls_options){ .ca_pem = a.pem, .server_name = "server.example" });
	EXPECT(against_plain(&named, &p, &err) == -EACCES, "%s", err.text);
	EXPECT(!strcmp(p.name, "server.example"), "name: %s", p.name);
	SSL_SESSION_free(p.session);
	/* And a server with a CA serves no client without a certificate. */
	p = (struct plain){ .version = TLS1_3_VERSION, .no_certificate = true };
	EXPECT(against_plain(&strict, &p, &err) == -EACCES && strstr(err.text, "no certificate"),
	       "%s", err.text);
	SSL_SESSION_free(p.session);
	peer_done(&strict);
	peer_done(&named);
	authority_done(&a);
	printf("ok the server's name is sent (%s)\n", err.text);
}

/* --- Attesters and verifiers that fail, and what of it is said --- */
struct table {
	int collect_rc, verify_rc, calls;
	bool nothing;
};

static int collect(void *context, const uint8_t report_data[64], uint8_t **ret_evidence,
		   size_t *ret_size, struct cattest_error *err)
{
	struct table *t = context;

	(void)report_data;
	if (t->collect_rc)
		return snprintf(err->text, sizeof(err->text), "the device\nis \x1b[31maway"),
		       t->collect_rc;
	*ret_evidence = t->nothing ? NULL : (uint8_t *)strdup("evidence");
	*ret_size = t->nothing ? 0 : 8;
	return 0;
}

static int verify(void *context, const struct ctls_evidence *e, char **ret_details,
		  struct cattest_error *err)
{
	struct table *t = context;

	(void)e;
	t->calls++;
	if (ret_details)
		*ret_details = strdup("{}");
	if (t->verify_rc)
		snprintf(err->text, sizeof(err->text), "not today");
	return t->verify_rc;
}

static void table_peer(struct peer *p, struct table *t, bool proves,
		       const struct ctls_options *options)
{
	struct ctls_attester attester = { .context = t, .collect = collect };
	struct ctls_verifier verifier = { .context = t, .verify = verify };
	struct ctls_options o = *options;
	struct cattest_error err = { "" };

	memset(p, 0, sizeof(*p));
	pthread_mutex_init(&p->log_lock, NULL);
	o.attester = proves ? &attester : NULL;
	o.verifier = proves ? NULL : &verifier;
	o.log = peer_log;
	o.log_context = p;
	o.handshake_ms = 20000;
	must(ctls_new(&o, &p->ctls, &err), "ctls_new", &err);
}

static void test_tables(void)
{
	const struct ctls_options none = { .mode = CTLS_SESSION };
	struct table prover = { 0 }, judge = { 0 };
	struct peer server, client;
	struct side c, s;

	table_peer(&server, &prover, true, &none);
	table_peer(&client, &judge, false, &none);
	run_both(&client, &server, &c, &s);
	EXPECT(!c.rc && !s.rc && judge.calls == 1, "%s; %s", c.err.text, s.err.text);
	for (int code = -7; code <= 7; code += 14) {
		judge.verify_rc = code;
		run_both(&client, &server, &c, &s);
		EXPECT(c.rc == -EACCES && !strcmp(c.err.text, "not today"), "verify %d: %d %s",
		       code, c.rc, c.err.text);
	}
	judge.verify_rc = 0;
	for (int code = -7; code <= 7; code += 14) {
		prover.collect_rc = code;
		run_both(&client, &server, &c, &s);
		EXPECT(s.rc < 0 && strstr(s.err.text, "the device"), "collect %d: %d %s", code,
		       s.rc, s.err.text);
		EXPECT(strstr(server.log, "the device?is ?[31maway"), "log: %s", server.log);
		EXPECT(c.rc == -EACCES && strstr(c.err.text, "refused us"), "the other side: %d %s",
		       c.rc, c.err.text);
	}
	prover.collect_rc = 0;
	prover.nothing = true;
	run_both(&client, &server, &c, &s);
	EXPECT(s.rc == -EINVAL && strstr(s.err.text, "no evidence"), "no evidence: %d %s", s.rc,
	       s.err.text);
	peer_done(&server);
	peer_done(&client);
	printf("ok tables that fail\n");
}

/* --- Kept results --- */
static int calls_of(struct peer *client, struct table *t, struct peer *server, int sessions)
{
	struct side c, s;

	t->calls = 0;
	for (int i = 0; i < sessions; i++) {
		run_both(client, server, &c, &s);
		EXPECT(!c.rc, "%s", c.err.text);
	}
	return t->calls;
}

static void test_kept(void)
{
	struct ctls_options o = { .mode = CTLS_CERTIFICATE },
			    keeps = { .mode = CTLS_CERTIFICATE, .result_cache_seconds = 3600 };
	struct ctls_options details = { .mode = CTLS_CERTIFICATE,
					.result_cache_seconds = 3600,
					.want_details = true };
	struct table t = { 0 };
	struct peer server, each, kept, told;

	peer_init(&server, GOOD, NULL, NULL, &o);
	table_peer(&each, &t, false, &o);
	table_peer(&kept, &t, false, &keeps);
	table_peer(&told, &t, false, &details);
	EXPECT(calls_of(&each, &t, &server, 2) == 2, "%d without the option", t.calls);
	EXPECT(calls_of(&told, &t, &server, 2) == 2, "%d though details are wanted", t.calls);
	EXPECT(calls_of(&kept, &t, &server, 3) == 1, "%d with the option", t.calls);
	/* Its time is over. */
	for (int i = 0; i < CACHED_RESULTS; i++)
		if (kept.ctls->cached[i].until)
			kept.ctls->cached[i].until = 1;
	EXPECT(calls_of(&kept, &t, &server, 1) == 1, "%d after its time", t.calls);
	peer_done(&server);
	peer_done(&each);
	peer_done(&kept);
	peer_done(&told);
	printf("ok kept results\n");
}

/* --- One context, many threads, and a certificate that is made again meanwhile --- */
#define PAIRS 6

static void test_threads(enum ctls_mode mode)
{
	struct ctls_options o = { .mode = mode, .want_details = true };
	struct side sides[2 * PAIRS];
	struct peer both;

	peer_init(&both, GOOD, NULL, mode ? POLICY_CERTIFICATE : POLICY_GOOD, &o);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < PAIRS; i++) {
			int fds[2];

			socket_pair(fds);
			side_start(&sides[2 * i], &both, fds[0], false, false);
			side_start(&sides[2 * i + 1], &both, fds[1], true, false);
		}
		for (int i = 0; i < 2 * PAIRS; i++) {
			side_join(&sides[i]);
			EXPECT(!sides[i].rc, "round %d: %s", round, sides[i].err.text);
			close(sides[i].fd);
		}
		pthread_mutex_lock(&both.ctls->lock);
		both.ctls->renew_at = 0;
		pthread_mutex_unlock(&both.ctls->lock);
	}
	EXPECT(!both.ctls->unverified, "%zu bytes are left", (size_t)both.ctls->unverified);
	peer_done(&both);
	printf("ok threads, mode %d\n", mode);
}

/* --- Connections before and after their handshake --- */
static void test_connection_states(void)
{
	struct ctls_options hurry = { .handshake_ms = 200 }, o = { .mode = CTLS_CERTIFICATE };
	struct peer both, impatient, checks;
	struct ctls_connection *c = NULL;
	struct cattest_error err = { "" };
	struct side client, server;
	char byte = 0;
	int fds[2], rc;

	peer_init(&both, GOOD, NULL, POLICY_GOOD, NULL);
	peer_init(&impatient, NULL, NULL, POLICY_GOOD, &hurry);
	peer_init(&checks, NULL, NULL, POLICY_CERTIFICATE, &o);
	socket_pair(fds);
	must(ctls_start(impatient.ctls, fds[0], false, &c, &err), "start", &err);
	EXPECT(ctls_read(c, &byte, 1) == -EPIPE && ctls_write(c, &byte, 1) == -EPIPE &&
		       ctls_shutdown(c) == -EPIPE,
	       "bytes before the handshake");
	while ((rc = ctls_step(c, &err)) > 0)
		poll(NULL, 0, 20);
	EXPECT(rc == -ETIMEDOUT, "%d %s", rc, err.text);
	EXPECT(ctls_step(c, &err) == -EPROTO && strstr(err.text, "failed before"),
	       "a step after failure: %s", err.text);
	EXPECT(ctls_write(c, &byte, 1) == -EPIPE, "bytes after failure");
	ctls_close(c);
	EXPECT(!(fcntl(fds[0], F_GETFL) & O_NONBLOCK), "the socket does not wait any more");
	EXPECT(ctls_accept(checks.ctls, fds[0], &c, &err) == -EINVAL &&
		       strstr(err.text, "attester"),
	       "a server without evidence: %s", err.text);
	close(fds[0]);
	close(fds[1]);

	socket_pair(fds);
	side_start(&client, &both, fds[0], false, true);
	side_start(&server, &both, fds[1], true, true);
	side_join(&client);
	side_join(&server);
	EXPECT(!client.rc && !server.rc, "%s; %s", client.err.text, server.err.text);
	ctls_set_timeout(client.connection, 50);
	EXPECT(ctls_read(client.connection, &byte, 1) == -ETIMEDOUT, "a read without an end");
	/* A cut is no end. */
	ctls_set_timeout(client.connection, 0);
	shutdown(fds[1], SHUT_RDWR);
	EXPECT(ctls_read(client.connection, &byte, 1) == -ECONNRESET, "a cut");
	EXPECT(ctls_read(client.connection, &byte, 1) == -EPIPE, "after a cut");
	ctls_close(client.connection);
	ctls_close(server.connection);
	close(fds[0]);
	close(fds[1]);
	peer_done(&both);
	peer_done(&impatient);
	peer_done(&checks);
	printf("ok states of a connection\n");
}

/* --- Programs' SSLs --- */
static SSL_CTX *program_ctx(struct peer *p, bool server)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = plain_certificate(key, 0);
	struct cattest_error err;

	if (server && p->ctls->mode == CTLS_SESSION) {
		SSL_CTX_use_certificate(ctx, cert);
		SSL_CTX_use_PrivateKey(ctx, key);
	}
	must(ctls_configure(ctx, p->ctls, &err), "configure", &err);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

struct program {
	struct peer *peer;
	void (*then)(SSL_CTX *ctx); /* what the program does after ctls_configure */
	int fd, rc;
	bool server;
	struct cattest_error err;
	pthread_t thread;
};

static void *program_run(void *context)
{
	struct program *p = context;
	SSL_CTX *ctx = program_ctx(p->peer, p->server);
	SSL *ssl;

	if (p->then)
		p->then(ctx);
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, p->fd);
	p->rc = (p->server ? SSL_accept(ssl) : SSL_connect(ssl)) == 1 ? ctls_handshake(ssl, &p->err)
								      : -EPIPE;
	EXPECT(SSL_get_mode(ssl) & SSL_MODE_AUTO_RETRY, "the SSL is not what it was");
	shutdown(p->fd, SHUT_RDWR);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return NULL;
}

static int run_programs(struct peer *client, struct peer *server, void (*then)(SSL_CTX *ctx),
			struct cattest_error *ret_err)
{
	struct program c = { .peer = client, .then = then },
		       s = { .peer = server, .server = true, .then = then };
	int fds[2];

	socket_pair(fds);
	c.fd = fds[0];
	s.fd = fds[1];
	pthread_create(&c.thread, NULL, program_run, &c);
	pthread_create(&s.thread, NULL, program_run, &s);
	pthread_join(c.thread, NULL);
	pthread_join(s.thread, NULL);
	close(fds[0]);
	close(fds[1]);
	*ret_err = c.err;
	return c.rc;
}

static void older(SSL_CTX *ctx)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
}

static void unverified(SSL_CTX *ctx)
{
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
}

static void *silent(void *context)
{
	struct raw r = { 0 };
	char c;

	if (!raw_open(&r, *(int *)context, true, TLS1_3_VERSION, NULL, NULL))
		SSL_read(r.ssl, &c, 1), SSL_read(r.ssl, &c, 1);
	while (r.ssl && SSL_read(r.ssl, &c, 1) == 1)
		;
	raw_close(&r);
	return NULL;
}

/* A blocking socket, and a peer that does TLS and then nothing. */
static void test_silent_peer(void)
{
	struct ctls_options hurry = { .handshake_ms = 300 };
	struct cattest_error err = { "" };
	struct peer impatient;
	pthread_t thread;
	SSL_CTX *ctx;
	SSL *ssl;
	int fds[2];

	peer_init(&impatient, NULL, NULL, POLICY_GOOD, &hurry);
	ctx = program_ctx(&impatient, false);
	ssl = SSL_new(ctx);
	socket_pair(fds);
	pthread_create(&thread, NULL, silent, &fds[1]);
	SSL_set_fd(ssl, fds[0]);
	EXPECT(SSL_connect(ssl) == 1, "TLS");
	EXPECT(ctls_handshake(ssl, &err) == -ETIMEDOUT, "%s", err.text);
	EXPECT(!(fcntl(fds[0], F_GETFL) & O_NONBLOCK), "the socket does not wait any more");
	shutdown(fds[0], SHUT_RDWR);
	pthread_join(thread, NULL);
	SSL_free(ssl);
	/* Nobody has configured this one. */
	SSL_CTX_free(ctx);
	ctx = SSL_CTX_new(TLS_method());
	ssl = SSL_new(ctx);
	EXPECT(ctls_handshake(ssl, &err) == -EINVAL && strstr(err.text, "ctls_configure"), "%s",
	       err.text);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fds[0]);
	close(fds[1]);
	peer_done(&impatient);
	printf("ok a silent peer of a program\n");
}

/* One thread, no sockets: both SSLs over a pair of BIOs in memory. */
static void test_without_sockets(enum ctls_mode mode)
{
	struct ctls_options o = { .mode = mode };
	struct ctls_connection *ends[2];
	struct cattest_error err = { "" };
	SSL_CTX *ctx[2];
	SSL *ssl[2];
	BIO *bio[2];
	struct session session;
	int state[2] = { 1, 1 }, works = 0;
	struct peer both;
	char c = 0;

	peer_init(&both, GOOD, NULL, mode ? POLICY_CERTIFICATE : POLICY_GOOD, &o);
	BIO_new_bio_pair(&bio[0], 0, &bio[1], 0);
	for (int i = 0; i < 2; i++) {
		ctx[i] = program_ctx(&both, i);
		ssl[i] = SSL_new(ctx[i]);
		SSL_set_bio(ssl[i], bio[i], bio[i]);
		i ? SSL_set_accept_state(ssl[i]) : SSL_set_connect_state(ssl[i]);
		must(ctls_start_ssl(ssl[i], &ends[i], &err), "start", &err);
	}
	EXPECT(session_from_ssl(ssl[0], false, &session, &err) < 0, "bound before its handshake");
	EXPECT(ctls_handshake(ssl[0], &err) == -EINVAL && strstr(err.text, "ctls_start_ssl"), "%s",
	       err.text);
	for (int i = 0; i < 10000 && (state[0] > 0 || state[1] > 0); i++) {
		int *s = &state[i & 1];

		*s = *s > 0 ? ctls_step(ends[i & 1], &err) : *s;
		if (*s == CTLS_WANT_WORK)
			ctls_work(ends[i & 1]), works++;
	}
	EXPECT(!state[0] && !state[1] && works >= 4, "%d %d %d %s", state[0], state[1], works,
	       err.text);
	EXPECT(SSL_write(ssl[1], "x", 1) == 1 && SSL_read(ssl[0], &c, 1) == 1 && c == 'x', "bytes");
	for (int i = 0; i < 2; i++) {
		ctls_close(ends[i]);
		SSL_free(ssl[i]);
		SSL_CTX_free(ctx[i]);
	}
	peer_done(&both);
	printf("ok without sockets, mode %d\n", mode);
}

static void test_programs(void)
{
	struct ctls_options o = { .mode = CTLS_CERTIFICATE };
	struct peer both, proves, checks, certificate, other;
	struct cattest_error err = { "" };

	peer_init(&proves, GOOD, NULL, NULL, NULL);
	peer_init(&both, GOOD, NULL, POLICY_GOOD, NULL);
	peer_init(&checks, NULL, NULL, POLICY_CERTIFICATE, &o);
	peer_init(&certificate, GOOD, NULL, NULL, &o);
	peer_init(&other, OTHER, NULL, NULL, &o);
	EXPECT(run_programs(&proves, &both, NULL, &err) == -EINVAL &&
		       strstr(err.text, "needs a verifier"),
	       "%s", err.text);
	EXPECT(!run_programs(&both, &both, NULL, &err), "%s", err.text);
	EXPECT(run_programs(&both, &both, older, &err) == -EPROTO &&
		       strstr(err.text, "TLS 1.3 sessions only"),
	       "%s", err.text);
	EXPECT(!run_programs(&checks, &certificate, unverified, &err), "%s", err.text);
	EXPECT(run_programs(&checks, &other, unverified, &err) == -EACCES &&
		       strstr(err.text, "not attested"),
	       "%s", err.text);
	peer_done(&both);
	peer_done(&checks);
	peer_done(&certificate);
	peer_done(&other);
	peer_done(&proves);
	printf("ok what programs change (%s)\n", err.text);
}

int main(void)
{
	struct peer signer;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN); /* of programs' sockets, which are OpenSSL's */
	enter_folder("tls_identity_test");
	peer_init(&signer, GOOD, NULL, NULL, NULL);
	peer_done(&signer);
	test_authorities();
	test_resumption();
	test_name();
	test_tables();
	test_kept();
	test_threads(CTLS_SESSION);
	test_threads(CTLS_CERTIFICATE);
	test_connection_states();
	test_silent_peer();
	test_without_sockets(CTLS_SESSION);
	test_without_sockets(CTLS_CERTIFICATE);
	test_programs();
	return failures ? 1 : 0;
}
