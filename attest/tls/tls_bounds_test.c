/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What peers can cost us before they have proved anything, and after: time (messages of TLS itself that never end, silence towards a program with
 * a blocking socket) and memory (evidence announced by very many). Each bound is tested by a peer that goes beyond it.
 */
#include "attest/tls/test_peers.h"

#include <signal.h>

#define MESSAGES 20000

struct flood {
	int fd;
	bool server, tickets;
	pthread_t thread;
	long sent, size;
};

/* Messages of TLS 1.3 that carry nothing: made beforehand, since making one costs as much as reading it, then sent as fast as they are taken. */
static void *flood_run(void *context)
{
	struct flood *f = context;
	BIO *made = BIO_new(BIO_s_mem());
	struct raw r = { 0 };
	char *bytes;
	ssize_t n;

	if (raw_open(&r, f->fd, f->server, TLS1_3_VERSION, NULL, NULL))
		return NULL;
	SSL_set0_wbio(r.ssl, made);
	for (int i = 0; i < MESSAGES; i++)
		if ((f->tickets ? SSL_new_session_ticket(r.ssl)
				: SSL_key_update(r.ssl, SSL_KEY_UPDATE_NOT_REQUESTED)) != 1 ||
		    SSL_do_handshake(r.ssl) != 1)
			return NULL;
	f->size = BIO_get_mem_data(made, &bytes);
	for (; f->sent < f->size; f->sent += n) {
		n = send(f->fd, bytes + f->sent, (size_t)(f->size - f->sent), MSG_NOSIGNAL);
		if (n <= 0)
			break;
	}
	shutdown(f->fd, SHUT_WR);
	raw_close(&r);
	return NULL;
}

/* All is sent at once: a side that reads on would take everything, and then say that the peer went away. */
static void test_flood(const char *what, struct peer *victim, bool server, bool tickets)
{
	struct flood f = { .server = server, .tickets = tickets };
	struct side side;
	int fds[2];

	socket_pair(fds);
	f.fd = fds[1];
	pthread_create(&f.thread, NULL, flood_run, &f);
	side_start(&side, victim, fds[0], !server, false);
	side_join(&side);
	pthread_join(f.thread, NULL);
	EXPECT(side.rc == -EPROTO && strstr(side.err.text, "messages without end"), "%s: %d %s",
	       what, side.rc, side.err.text);
	EXPECT(f.size && f.sent < f.size, "%s: %ld of %ld bytes were taken", what, f.sent, f.size);
	close(fds[0]);
	close(fds[1]);
	printf("ok %s (%s)\n", what, side.err.text);
}

/* --- An attested peer that does it later --- */
static void test_flood_when_open(struct peer *both)
{
	struct ctls_connection *c;
	struct side client, server;
	char byte, end = 'e';
	int fds[2], n;
	SSL *ssl;

	socket_pair(fds);
	side_start(&client, both, fds[0], false, true);
	side_start(&server, both, fds[1], true, true);
	side_join(&client);
	side_join(&server);
	if (client.rc || server.rc) {
		EXPECT(false, "client %s, server %s", client.err.text, server.err.text);
		return;
	}
	c = client.connection;
	ssl = ctls_ssl(c);
	/* Some are in order, and bytes in between begin the count again. */
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 20; i++)
			EXPECT(SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
				       SSL_do_handshake(ssl) == 1,
			       "key update");
		EXPECT(ctls_write(c, &end, 1) == 1, "write");
		EXPECT(ctls_read(server.connection, &byte, 1) == 1 && byte == 'e', "round %d",
		       round);
	}
	for (n = 0; n < 3000 && SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
		    SSL_do_handshake(ssl) == 1;
	     n++)
		;
	EXPECT(ctls_read(server.connection, &byte, 1) == -EPROTO, "%d key updates", n);
	ctls_close(client.connection);
	ctls_close(server.connection);
	close(fds[0]);
	close(fds[1]);
	printf("ok key updates between bytes are none too many, but in a row\n");
}

/* --- Memory: what is announced, and what all peers together may send --- */
struct sender {
	struct raw raw;
	struct ctls_connection *connection;
	struct cattest_error err;
	uint32_t announced; /* 0: what is sent, and a byte */
	int fds[2];
	pthread_t thread;
};

/* TLS, HELLO and most of a piece of evidence. */
static void *send_most(void *context)
{
	static uint8_t evidence[100000];
	struct hello hello = { .server = true, .flags = HELLO_OFFERS, .nonce = { 1 } };
	uint8_t body[HELLO_SIZE], header[FRAME_HEADER];
	struct sender *s = context;

	if (raw_open(&s->raw, s->fds[1], true, TLS1_3_VERSION, NULL, NULL))
		return NULL;
	hello_write(body, &hello);
	frame_write(header, FRAME_EVIDENCE, s->announced ? s->announced : sizeof(evidence));
	raw_send(&s->raw, FRAME_HELLO, body, sizeof(body));
	raw_write(&s->raw, header, sizeof(header));
	raw_write(&s->raw, evidence, sizeof(evidence) - 1);
	return NULL;
}

static int step_until_quiet(struct sender *s)
{
	int rc;

	do
		rc = ctls_step(s->connection, &s->err);
	while (rc > 0 && !wait_for(s->fds[0], rc, monotonic_ms() + 200));
	return rc;
}

static int begin(struct sender *s, struct peer *victim)
{
	int rc;

	socket_pair(s->fds);
	must(ctls_start(victim->ctls, s->fds[0], false, &s->connection, &s->err), "start", &s->err);
	pthread_create(&s->thread, NULL, send_most, s);
	rc = step_until_quiet(s);
	pthread_join(s->thread, NULL);
	return rc > 0 ? step_until_quiet(s) : rc;
}

static void finish(struct sender *s)
{
	ctls_close(s->connection);
	raw_close(&s->raw);
	close(s->fds[0]);
	close(s->fds[1]);
}

static void test_memory(void)
{
	struct ctls_options o = { .max_evidence = 200000, .max_unverified = 250000 };
	struct sender first = { 0 }, second = { 0 }, third = { 0 }, fourth = { 0 };
	struct peer checks;

	peer_init(&checks, NULL, NULL, POLICY_GOOD, &o);
	EXPECT(begin(&first, &checks) == CTLS_WANT_READ, "%s", first.err.text);
	EXPECT(begin(&second, &checks) == CTLS_WANT_READ, "%s", second.err.text);
	EXPECT(checks.ctls->unverified == 200000, "%zu", (size_t)checks.ctls->unverified);
	EXPECT(begin(&third, &checks) == -EBUSY && strstr(third.err.text, "not verified yet"), "%s",
	       third.err.text);
	EXPECT(strstr(checks.log, "not verified yet"), "%s", checks.log);
	/* What goes away, at whatever stage, makes room. */
	finish(&first);
	finish(&third);
	EXPECT(checks.ctls->unverified == 100000, "%zu", (size_t)checks.ctls->unverified);
	EXPECT(begin(&fourth, &checks) == CTLS_WANT_READ, "%s", fourth.err.text);
	EXPECT(raw_write(&fourth.raw, "", 1) && step_until_quiet(&fourth) == CTLS_WANT_WORK, "%s",
	       fourth.err.text);
	ctls_work(fourth.connection);
	EXPECT(step_until_quiet(&fourth) == -EACCES, "%s", fourth.err.text);
	EXPECT(checks.ctls->unverified == 100000, "%zu", (size_t)checks.ctls->unverified);
	finish(&second);
	finish(&fourth);
	EXPECT(!checks.ctls->unverified, "%zu", (size_t)checks.ctls->unverified);
	peer_done(&checks);
	printf("ok evidence that is not verified yet (%s)\n", third.err.text);
}

/* Of 64 MiB that are announced, and do not come, nothing is held. */
static void test_announced(void)
{
	struct ctls_options o = { .max_evidence = CTLS_MAX_EVIDENCE };
	struct sender s = { .announced = CTLS_MAX_EVIDENCE };
	struct peer checks;

	peer_init(&checks, NULL, NULL, POLICY_GOOD, &o);
	EXPECT(checks.ctls->max_unverified == CTLS_MAX_EVIDENCE, "room for one");
	EXPECT(begin(&s, &checks) == CTLS_WANT_READ, "%s", s.err.text);
	EXPECT(checks.ctls->unverified <= 200000, "%zu", (size_t)checks.ctls->unverified);
	finish(&s);
	peer_done(&checks);
	printf("ok memory comes with the bytes\n");
}

int main(void)
{
	struct peer checks, both;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN); /* of the attackers' sockets, which are OpenSSL's */
	enter_folder("tls_bounds_test");
	peer_init(&both, GOOD, "debug=0", NULL, NULL); /* makes the signer */
	peer_done(&both);
	peer_init(&both, GOOD, NULL, POLICY_GOOD, NULL);
	peer_init(&checks, NULL, NULL, POLICY_GOOD, NULL);
	test_flood("key updates to a client", &checks, true, false);
	test_flood("tickets to a client", &checks, true, true);
	test_flood("key updates to a server", &both, false, false);
	test_flood_when_open(&both);
	test_memory();
	test_announced();
	peer_done(&checks);
	peer_done(&both);
	return failures ? 1 : 0;
}
