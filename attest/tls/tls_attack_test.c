/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks on attested TLS, each carried out: by a man in the middle with sessions to both sides, by servers and clients that speak TLS well and our
 * protocol badly, by peers that are slow or silent. In each, the side that verifies must refuse and say why, and the other side
 * must learn nothing but the refusal.
 */
#include "attest/tls/test_peers.h"

#include <signal.h>
#include <time.h>

static struct peer checks, attested, same, both, impatient;

/* --- A man in the middle: a TLS session to each side, frames passed on --- */
struct middle {
	int client_fd, server_fd; /* our ends */
	bool mutual;
	EVP_PKEY *key; /* a stolen one, with its certificate; or NULL */
	X509 *cert;
	pthread_t thread;
	uint8_t *evidence; /* what went by */
	size_t evidence_size;
	uint8_t server_hello[HELLO_SIZE];
	uint8_t to_server[4], to_client[4]; /* RESULT bodies seen: count, value */
};

static void pass_frames(struct middle *m, struct raw *from, struct raw *to, bool to_client,
			int count)
{
	struct frame frame;
	uint8_t *body;

	for (int i = 0; i < count && raw_receive(from, &frame, &body); i++) {
		if (frame.type == FRAME_EVIDENCE && !m->evidence) {
			m->evidence = malloc(frame.size);
			memcpy(m->evidence, body, frame.size);
			m->evidence_size = frame.size;
		}
		if (frame.type == FRAME_HELLO && to_client)
			memcpy(m->server_hello, body, HELLO_SIZE);
		if (frame.type == FRAME_RESULT)
			memcpy(to_client ? m->to_client : m->to_server, (uint8_t[]){ 1, body[0] },
			       2);
		raw_send(to, frame.type, body, frame.size);
		free(body);
	}
}

static void *middle_run(void *context)
{
	struct middle *m = context;
	struct raw client = { 0 }, server = { 0 };

	if (!raw_open(&client, m->client_fd, true, TLS1_3_VERSION, m->cert, m->key) &&
	    !raw_open(&server, m->server_fd, false, TLS1_3_VERSION, NULL, NULL)) {
		pass_frames(m, &client, &server, false, 1); /* HELLO */
		/* HELLO, EVIDENCE, and RESULT at once if the server asks for nothing */
		pass_frames(m, &server, &client, true, m->mutual ? 2 : 3);
		pass_frames(m, &client, &server, false, 1); /* RESULT, or EVIDENCE */
	}
	shutdown(m->client_fd, SHUT_RDWR);
	shutdown(m->server_fd, SHUT_RDWR);
	raw_close(&client);
	raw_close(&server);
	return NULL;
}

/* What the client says, with us in the middle. */
static void through_the_middle(const char *what, struct peer *c, struct peer *s, struct middle *m,
			       EVP_PKEY *key, X509 *cert)
{
	struct side client, server;
	int left[2], right[2];

	memset(m, 0, sizeof(*m));
	socket_pair(left);
	socket_pair(right);
	m->mutual = s->verifier;
	m->client_fd = left[1];
	m->server_fd = right[0];
	m->key = key;
	m->cert = cert;
	pthread_create(&m->thread, NULL, middle_run, m);
	side_start(&server, s, right[1], true, false);
	side_start(&client, c, left[0], false, false);
	side_join(&client);
	pthread_join(m->thread, NULL);
	side_join(&server);
	EXPECT(client.rc == -EACCES && strstr(client.err.text, "report_data"), "%s: client %d %s",
	       what, client.rc, client.err.text);
	EXPECT(strstr(c->log, "report_data"), "%s: client's log: %s", what, c->log);
	EXPECT(server.rc < 0 && !strstr(server.err.text, "report_data"), "%s: server %d %s", what,
	       server.rc, server.err.text);
	/* All that went out is one byte. */
	EXPECT(m->to_server[0] && m->to_server[1] == RESULT_REFUSED, "%s: the refusal was not sent",
	       what);
	for (int i = 0; i < 2; i++) {
		close(left[i]);
		close(right[i]);
	}
	printf("ok %s\n", what);
}

static X509 *certificate_of(struct peer *p, EVP_PKEY **ret_key)
{
	if (p->ctls->mode == CTLS_CERTIFICATE) {
		*ret_key = p->ctls->own_key;
		return p->ctls->own_cert;
	}
	*ret_key = SSL_CTX_get0_privatekey(p->ctls->ctx);
	return SSL_CTX_get0_certificate(p->ctls->ctx);
}

/* --- Servers and clients that behave badly --- */
struct attacker {
	void (*act)(struct raw *r, struct attacker *a);
	int fd, version;
	bool server;
	X509 *cert;
	EVP_PKEY *key;
	pthread_t thread;
	int tls;
	bool refused;	 /* a RESULT of refusal came */
	size_t received; /* bytes of anything after what act read */
	const struct middle *recorded;
};

static void *attacker_run(void *context)
{
	struct attacker *a = context;
	struct frame frame;
	struct raw r = { 0 };
	uint8_t *body;

	a->tls = raw_open(&r, a->fd, a->server, a->version ? a->version : TLS1_3_VERSION, a->cert,
			  a->key);
	if (!a->tls && a->act) {
		a->act(&r, a);
		while (raw_receive(&r, &frame, &body)) {
			a->refused |= frame.type == FRAME_RESULT && body[0] == RESULT_REFUSED;
			a->received += frame.size;
			free(body);
		}
		free(body);
	}
	shutdown(a->fd, SHUT_RDWR);
	raw_close(&r);
	return NULL;
}

static int run_attacker(const char *what, struct peer *victim, struct attacker *a, int code,
			const char *reason)
{
	struct side side;
	int fds[2];

	socket_pair(fds);
	a->fd = fds[1];
	pthread_create(&a->thread, NULL, attacker_run, a);
	side_start(&side, victim, fds[0], !a->server, false);
	side_join(&side);
	pthread_join(a->thread, NULL);
	EXPECT(side.rc == code, "%s: %d instead of %d: %s", what, side.rc, code, side.err.text);
	EXPECT(strstr(side.err.text, reason), "%s: reason: %s", what, side.err.text);
	close(fds[0]);
	close(fds[1]);
	printf("ok %s (%s)\n", what, side.err.text);
	return side.rc;
}

static void send_hello(struct raw *r, bool server, uint8_t flags, const uint8_t nonce[32])
{
	struct hello hello = { .server = server, .flags = flags };
	uint8_t body[HELLO_SIZE];

	memcpy(hello.nonce, nonce ? nonce : (const uint8_t[32]){ 1, 2, 3 }, 32);
	hello_write(body, &hello);
	raw_send(r, FRAME_HELLO, body, sizeof(body));
}

static void receive_hello(struct raw *r, uint8_t ret_body[HELLO_SIZE])
{
	struct frame frame;
	uint8_t *body;

	if (raw_receive(r, &frame, &body) && frame.type == FRAME_HELLO && ret_body)
		memcpy(ret_body, body, HELLO_SIZE);
	free(body);
}

static void act_replay(struct raw *r, struct attacker *a)
{
	/* The nonce and the evidence of an earlier session. */
	raw_send(r, FRAME_HELLO, a->recorded->server_hello, HELLO_SIZE);
	raw_send(r, FRAME_EVIDENCE, a->recorded->evidence, a->recorded->evidence_size);
	raw_send(r, FRAME_RESULT, (uint8_t[]){ RESULT_ACCEPTED }, 1);
}

static void act_downgrade(struct raw *r, struct attacker *a)
{
	send_hello(r, a->server, 0, NULL);
	raw_send(r, FRAME_RESULT, (uint8_t[]){ RESULT_ACCEPTED }, 1);
}

static void act_stripped(struct raw *r, struct attacker *a)
{
	send_hello(r, a->server, HELLO_OFFERS, NULL);
	raw_send(r, FRAME_RESULT, (uint8_t[]){ RESULT_ACCEPTED }, 1);
}

static void act_empty(struct raw *r, struct attacker *a)
{
	send_hello(r, a->server, HELLO_OFFERS, NULL);
	raw_send(r, FRAME_EVIDENCE, NULL, 0);
	raw_send(r, FRAME_RESULT, (uint8_t[]){ RESULT_ACCEPTED }, 1);
}

static void act_garbage(struct raw *r, struct attacker *a)
{
	uint8_t bytes[1000];

	RAND_bytes(bytes, sizeof(bytes));
	send_hello(r, a->server, HELLO_OFFERS, NULL);
	raw_send(r, FRAME_EVIDENCE, bytes, sizeof(bytes));
}

static void act_application_data(struct raw *r, struct attacker *a)
{
	(void)a;
	raw_write(r, "HTTP/1.1 200 OK\r\n\r\nhello", 24);
}

/* Sends back whatever comes. */
static void act_reflect(struct raw *r, struct attacker *a)
{
	struct frame frame;
	uint8_t *body;

	while (raw_receive(r, &frame, &body)) {
		raw_send(r, frame.type, body, frame.size);
		a->refused |= frame.type == FRAME_RESULT && body[0] == RESULT_REFUSED;
		free(body);
	}
	free(body);
}

/* Takes our nonce for its own, with its own role. */
static void act_same_nonce(struct raw *r, struct attacker *a)
{
	uint8_t hello[HELLO_SIZE];

	receive_hello(r, hello);
	send_hello(r, a->server, HELLO_OFFERS | HELLO_REQUIRES, hello + 4);
}

static void act_truncated(struct raw *r, struct attacker *a)
{
	uint8_t header[FRAME_HEADER];

	send_hello(r, a->server, HELLO_OFFERS, NULL);
	frame_write(header, FRAME_EVIDENCE, 5000);
	raw_write(r, header, sizeof(header));
	raw_write(r, "only this", 9);
	SSL_shutdown(r->ssl);
	shutdown(a->fd, SHUT_WR);
}

static void act_truncated_header(struct raw *r, struct attacker *a)
{
	raw_write(r, "CT\1", 3);
	shutdown(a->fd, SHUT_WR);
}

static void act_oversized(struct raw *r, struct attacker *a)
{
	uint8_t header[FRAME_HEADER];

	send_hello(r, a->server, HELLO_OFFERS, NULL);
	frame_write(header, FRAME_EVIDENCE, (1u << 20) + 1);
	raw_write(r, header, sizeof(header));
}

static void act_huge(struct raw *r, struct attacker *a)
{
	uint8_t header[FRAME_HEADER];

	send_hello(r, a->server, HELLO_OFFERS, NULL);
	frame_write(header, FRAME_EVIDENCE, UINT32_MAX);
	raw_write(r, header, sizeof(header));
}

static void act_unknown_type(struct raw *r, struct attacker *a)
{
	(void)a;
	raw_send(r, (enum frame_type)9, "x", 1);
}

static void act_unknown_version(struct raw *r, struct attacker *a)
{
	uint8_t frame[FRAME_HEADER + HELLO_SIZE] = { 'C', 'T', 2, FRAME_HELLO, 0, 0, 0, HELLO_SIZE };

	(void)a;
	raw_write(r, frame, sizeof(frame));
}

static void act_unknown_flags(struct raw *r, struct attacker *a)
{
	send_hello(r, a->server, 0x80 | HELLO_OFFERS, NULL);
}

static void act_second_hello(struct raw *r, struct attacker *a)
{
	send_hello(r, a->server, HELLO_OFFERS, NULL);
	send_hello(r, a->server, HELLO_OFFERS, NULL);
}

/* TLS is done, then nothing. */
static void act_silent(struct raw *r, struct attacker *a)
{
	char c;

	(void)a;
	send_hello(r, a->server, HELLO_OFFERS, NULL);
	SSL_read(r->ssl, &c, 1);
	while (SSL_read(r->ssl, &c, 1) == 1)
		;
}

/* One byte now and then: each is progress, and all are too late. */
static void act_slow(struct raw *r, struct attacker *a)
{
	uint8_t frame[FRAME_HEADER + HELLO_SIZE] = { 'C',	 'T', 1, FRAME_HELLO, 0, 0, 0,
						     HELLO_SIZE, 1,   1, HELLO_OFFERS };

	(void)a;
	for (size_t i = 0; i < sizeof(frame) && raw_write(r, frame + i, 1); i++)
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
}

static void test_attackers(const struct middle *recorded)
{
	const struct {
		const char *what;
		void (*act)(struct raw *r, struct attacker *a);
		int code;
		const char *reason;
	} servers[] = {
		{ "replay", act_replay, -EACCES, "report_data" },
		{ "downgrade to no evidence", act_downgrade, -EACCES, "the peer has no evidence" },
		{ "stripped evidence", act_stripped, -EACCES, "instead of its evidence" },
		{ "empty evidence", act_empty, -EPROTO, "with 0 bytes" },
		{ "garbage as evidence", act_garbage, -EACCES, "no kind of evidence" },
		{ "an ordinary server", act_application_data, -EPROTO,
		  "does not speak attested TLS" },
		{ "reflection", act_reflect, -EACCES, "reflection" },
		{ "reflection of the nonce", act_same_nonce, -EACCES, "reflection" },
		{ "a truncated message", act_truncated, -ECONNRESET, "in the middle of a message" },
		{ "a truncated header", act_truncated_header, -ECONNRESET, "went away" },
		{ "an oversized message", act_oversized, -EPROTO, "1048577 bytes" },
		{ "a huge message", act_huge, -EPROTO, "4294967295 bytes" },
		{ "an unknown message", act_unknown_type, -EPROTO, "unknown type 9" },
		{ "an unknown version", act_unknown_version, -EPROTO, "version 2" },
		{ "unknown flags", act_unknown_flags, -EPROTO, "HELLO is malformed" },
		{ "two HELLOs", act_second_hello, -EACCES, "instead of its evidence" },
	};

	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		struct attacker a = { .act = servers[i].act, .server = true, .recorded = recorded };

		run_attacker(servers[i].what, &checks, &a, servers[i].code, servers[i].reason);
		EXPECT(!strcmp(servers[i].what, "a truncated message") ||
			       !strcmp(servers[i].what, "a truncated header") || a.refused,
		       "%s: not told", servers[i].what);
	}
	for (size_t i = 1; i < 4; i++) {
		struct attacker a = { .act = servers[i].act };

		run_attacker(servers[i].what, &both, &a, servers[i].code, servers[i].reason);
	}
}

static void test_slow(void)
{
	const struct {
		const char *what;
		void (*act)(struct raw *r, struct attacker *a);
	} slow[] = { { "half open: TLS, then nothing", act_silent },
		     { "slow: a byte at a time", act_slow } };
	int64_t start;
	int fds[2];

	for (size_t i = 0; i < 2; i++) {
		struct attacker a = { .act = slow[i].act, .server = true };

		start = monotonic_ms();
		run_attacker(slow[i].what, &impatient, &a, -ETIMEDOUT, "within 500 ms");
		EXPECT(monotonic_ms() - start < 3000, "%s: %d ms", slow[i].what,
		       (int)(monotonic_ms() - start));
		EXPECT(strstr(impatient.log, "in time"), "%s: log %s", slow[i].what, impatient.log);
	}
	for (int server = 0; server < 2; server++) {
		struct side side;

		socket_pair(fds);
		start = monotonic_ms();
		side_start(&side, &impatient, fds[0], server, false);
		side_join(&side);
		EXPECT(side.rc == -ETIMEDOUT && monotonic_ms() - start < 3000, "half open: %d %s",
		       side.rc, side.err.text);
		close(fds[0]);
		close(fds[1]);
		printf("ok half open: no TLS (%s)\n", side.err.text);
	}
}

static void test_versions_and_sizes(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *big = plain_certificate(key, 1 << 20);
	struct attacker old_server = { .server = true, .version = TLS1_2_VERSION };
	struct attacker old_client = { .version = TLS1_2_VERSION };
	struct attacker big_server = { .server = true, .cert = big, .key = key };
	struct attacker big_client = { .cert = big, .key = key };

	run_attacker("a TLS 1.2 server", &checks, &old_server, -EACCES, "protocol version");
	run_attacker("a TLS 1.2 client", &both, &old_client, -EPROTO, "TLS handshake failed");
	run_attacker("a server's certificate of 1 MiB", &checks, &big_server, -EPROTO,
		     "TLS handshake failed");
	EXPECT(big_server.tls < 0 || !big_server.received, "big certificate");
	/* Nobody asks a client for one in session mode: it has no evidence, which ends it. */
	big_client.act = act_downgrade;
	run_attacker("a client with a certificate of 1 MiB", &both, &big_client, -EACCES,
		     "no evidence");
	X509_free(big);
	EVP_PKEY_free(key);
}

/* --- Certificate mode: evidence that is another key's --- */
static X509 *with_extension_of(X509 *from, EVP_PKEY *key)
{
	X509 *cert = plain_certificate(key, 0);

	for (int i = 0; i < X509_get_ext_count(from); i++)
		X509_add_ext(cert, X509_get_ext(from, i), -1);
	X509_sign(cert, key, EVP_sha256());
	return cert;
}

static void test_certificates(void)
{
	struct ctls_options o = { .mode = CTLS_CERTIFICATE };
	struct peer victim, genuine;
	EVP_PKEY *key = EVP_EC_gen("P-256"), *genuine_key;
	X509 *stolen, *altered, *genuine_cert;
	const ASN1_BIT_STRING *signature;
	struct attacker a = { .server = true };

	peer_init(&victim, NULL, NULL, POLICY_CERTIFICATE, &o);
	peer_init(&genuine, GOOD, NULL, NULL, &o);
	genuine_cert = certificate_of(&genuine, &genuine_key);

	stolen = with_extension_of(genuine_cert, key);
	a.cert = stolen;
	a.key = key;
	run_attacker("certificate: evidence for another key", &victim, &a, -EACCES, "pubkey_hash");

	a.cert = plain_certificate(key, 0);
	run_attacker("certificate: stripped evidence", &victim, &a, -EACCES, "no evidence");
	X509_free(a.cert);

	a.cert = plain_certificate(key, 1 << 20);
	run_attacker("certificate: 1 MiB", &victim, &a, -EPROTO, "TLS handshake failed");
	X509_free(a.cert);

	/* The genuine key and evidence, but the certificate is not signed by its key. */
	altered = X509_dup(genuine_cert);
	X509_get0_signature(&signature, NULL, altered);
	signature->data[signature->length - 1] ^= 1;
	a.cert = altered;
	a.key = genuine_key;
	run_attacker("certificate: a bad signature", &victim, &a, -EACCES, "certificate.signature");

	X509_free(stolen);
	X509_free(altered);
	EVP_PKEY_free(key);
	peer_done(&victim);
	peer_done(&genuine);
}

static void test_report_data(void)
{
	struct session s = { { 0 }, { { 0 } } };
	uint8_t hello[2][HELLO_SIZE] = { { 0 } }, first[64], next[64];
	uint8_t *parts[] = { s.exporter, s.certificates[0], s.certificates[1], hello[0], hello[1] };

	must(session_report_data(&s, hello, false, first), "report data", NULL);
	must(session_report_data(&s, hello, true, next), "report data", NULL);
	EXPECT(memcmp(first, next, 64), "the sender's role does not count");
	for (size_t i = 0; i < 5; i++) {
		parts[i][5] ^= 1;
		must(session_report_data(&s, hello, false, next), "report data", NULL);
		EXPECT(memcmp(first, next, 64), "part %zu does not count", i);
		parts[i][5] ^= 1;
	}
	printf("ok report data\n");
}

int main(void)
{
	struct ctls_options hurry = { .handshake_ms = 500 };
	struct middle m, recorded;
	EVP_PKEY *key;
	X509 *cert;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN); /* of the attackers' sockets, which are OpenSSL's */
	enter_folder("tls_attack_test");
	peer_init(&attested, GOOD, NULL, NULL, NULL);
	peer_init(&same, GOOD, NULL, NULL, NULL);
	peer_init(&checks, NULL, NULL, POLICY_GOOD, NULL);
	peer_init(&both, GOOD, NULL, POLICY_GOOD, NULL);
	peer_init(&impatient, NULL, NULL, POLICY_GOOD, &hurry);
	test_report_data();
	through_the_middle("relay", &checks, &attested, &recorded, NULL, NULL);
	through_the_middle("relay between peers that both verify", &both, &both, &m, NULL, NULL);
	free(m.evidence);
	/* To another environment with the same measurement, by somebody who has the server's TLS key. */
	cert = certificate_of(&attested, &key);
	through_the_middle("diversion", &checks, &same, &m, key, cert);
	free(m.evidence);
	through_the_middle("diversion with a stolen key", &checks, &attested, &m, key, cert);
	free(m.evidence);
	test_attackers(&recorded);
	free(recorded.evidence);
	test_slow();
	test_versions_and_sizes();
	test_certificates();
	peer_done(&attested);
	peer_done(&same);
	peer_done(&checks);
	peer_done(&both);
	peer_done(&impatient);
	return failures ? 1 : 0;
}
