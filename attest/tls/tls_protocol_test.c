/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session mode against another implementation of it: client and server here are written from docs/TLS.md, with OpenSSL and numbers of their
 * own, and use none of the library's code. They are accepted as long as they keep to the protocol; then each of its rules is
 * broken in turn, and the library has to notice.
 */
#include "attest/tls/test_peers.h"

#include <openssl/evp.h>
#include <signal.h>

enum { MINE_HELLO = 1, MINE_EVIDENCE = 2, MINE_RESULT = 3 };

/* What is done otherwise than written. */
struct deviation {
	const char *what;
	int code;
	const char *reason; /* of the library's side */
	uint8_t first_type; /* of the first message instead of HELLO's */
	uint8_t hello_at;   /* byte of HELLO's body, and what it is then */
	uint8_t hello_byte;
	bool no_evidence, evidence_for_result;
	uint8_t result;	     /* instead of 0 */
	uint8_t result_type; /* instead of RESULT's */
	const char *label;
	uint8_t flags; /* instead of mine */
	bool no_certificates;
};

struct mine {
	const struct deviation *d;
	struct cattest_attester *attester; /* or NULL */
	struct cattest_verifier *verifier; /* or NULL */
	bool server;
	int fd;
	pthread_t thread;
	SSL *ssl;
	uint8_t hello[2][36]; /* client's, server's */
	bool done;	      /* RESULT 0 both ways */
	bool refused;
	char why[200];
};

static bool say_mine(struct mine *m, uint8_t type, const void *body, uint32_t size)
{
	uint8_t *message = malloc(8 + size);
	size_t done;
	bool ok;

	memcpy(message, (uint8_t[]){ 'C', 'T', 1, type }, 4);
	for (int i = 0; i < 4; i++)
		message[4 + i] = (uint8_t)(size >> (24 - 8 * i));
	memcpy(message + 8, body, size);
	ok = SSL_write_ex(m->ssl, message, 8 + size, &done) == 1;
	free(message);
	return ok;
}

static bool read_all(SSL *ssl, uint8_t *to, size_t size)
{
	size_t n;

	for (size_t at = 0; at < size; at += n)
		if (SSL_read_ex(ssl, to + at, size - at, &n) != 1)
			return false;
	return true;
}

/* Type, or 0. */
static uint8_t hear(struct mine *m, uint8_t **ret_body, uint32_t *ret_size)
{
	uint8_t h[8];

	*ret_body = NULL;
	if (!read_all(m->ssl, h, 8) || h[0] != 'C' || h[1] != 'T' || h[2] != 1)
		return 0;
	*ret_size = (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | h[7];
	*ret_body = malloc(*ret_size + 1);
	if (!read_all(m->ssl, *ret_body, *ret_size))
		return 0;
	m->refused |= h[3] == MINE_RESULT && **ret_body == 1;
	return h[3];
}

/* "What evidence is bound to" */
static void report_data(struct mine *m, uint8_t sender, uint8_t out[64])
{
	uint8_t text[24 + 1 + 32 + 36 + 36 + 32 + 32] = "Cloister attested TLS 1", *p = text + 24;
	const char *label = m->d->label && sender == m->server
				    ? m->d->label
				    : "EXPERIMENTAL-Cloister-Attested-TLS-1";
	X509 *own = SSL_get_certificate(m->ssl), *peer = SSL_get0_peer_certificate(m->ssl);
	X509 *certificates[2];

	certificates[m->server] = m->server ? own : NULL; /* nobody asks clients for one here */
	certificates[!m->server] = peer;
	*p++ = sender;
	SSL_export_keying_material(m->ssl, p, 32, label, strlen(label), (const uint8_t *)"", 0, 0);
	memcpy(p += 32, m->hello[0], 36);
	memcpy(p += 36, m->hello[1], 36);
	p += 36;
	for (int i = 0; i < 2; i++, p += 32)
		if (certificates[i] && !(m->d->no_certificates && sender == m->server))
			X509_digest(certificates[i], EVP_sha256(), p, NULL);
	EVP_Digest(text, (size_t)(p - text), out, NULL, EVP_sha512(), NULL);
}

static bool prove(struct mine *m)
{
	uint8_t data[64], *evidence = NULL;
	struct cattest_error err;
	size_t size = 0;
	bool ok;

	if (m->d->no_evidence)
		return true;
	report_data(m, m->server, data);
	ok = !cattest_collect(m->attester, data, &evidence, &size, &err) &&
	     say_mine(m, MINE_EVIDENCE, evidence, (uint32_t)size);
	free(evidence);
	return ok;
}

static bool judge(struct mine *m)
{
	struct cattest_expect expect = { .report_data_size = 64 };
	struct cattest_result *result = NULL;
	struct cattest_error err = { "" };
	uint8_t data[64], *body, type;
	uint32_t size;
	bool ok;

	type = hear(m, &body, &size);
	report_data(m, !m->server, data);
	expect.report_data = data;
	ok = type == MINE_EVIDENCE &&
	     !cattest_verify(m->verifier, body, size, &expect, &result, &err) &&
	     cattest_result_verdict(result) == CATTEST_TRUSTED;
	if (!ok)
		snprintf(m->why, sizeof(m->why), "message %d is not the evidence that was to come",
			 type);
	cattest_result_free(result);
	free(body);
	return ok;
}

static bool accept_peer(struct mine *m)
{
	uint8_t result = m->d->result, body[36] = { 0 };

	if (m->d->result_type)
		return say_mine(m, m->d->result_type, body,
				m->d->result_type == MINE_HELLO ? 36 : 1);
	return say_mine(m, MINE_RESULT, &result, 1);
}

/* "Order" */
static bool exchange_mine(struct mine *m)
{
	uint8_t own_flags = (uint8_t)((m->verifier ? 1 : 0) | (m->attester ? 2 : 0)), *body, type;
	uint8_t *own = m->hello[m->server];
	bool asked;
	uint32_t size;

	memcpy(own, (uint8_t[]){ 1, m->server, m->d->flags ? m->d->flags : own_flags, 0 }, 4);
	RAND_bytes(own + 4, 32);
	if (m->d->hello_at)
		own[m->d->hello_at - 1] = m->d->hello_byte;
	if (!say_mine(m, m->d->first_type ? m->d->first_type : MINE_HELLO, own, 36))
		return false;
	type = hear(m, &body, &size);
	if (type != MINE_HELLO || size != 36) {
		snprintf(m->why, sizeof(m->why), "message %d instead of HELLO", type);
		free(body);
		return false;
	}
	memcpy(m->hello[!m->server], body, 36);
	free(body);
	asked = m->hello[!m->server][2] & 1;
	if (m->server && asked && !prove(m))
		return false;
	if (m->verifier && m->server) {
		if (!judge(m) || !accept_peer(m))
			return false;
	} else if (m->server && !accept_peer(m)) {
		return false;
	}
	if (!m->server && ((m->verifier && !judge(m)) || (asked && !prove(m)) || !accept_peer(m)))
		return false;
	type = hear(m, &body, &size);
	m->done = type == MINE_RESULT && size == 1 && !*body;
	free(body);
	return m->done;
}

static void *mine_run(void *context)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = plain_certificate(key, 0);
	struct mine *m = context;
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	uint8_t *body;
	uint32_t size;
	char c;

	if (m->server) {
		SSL_CTX_use_certificate(ctx, cert);
		SSL_CTX_use_PrivateKey(ctx, key);
	}
	m->ssl = SSL_new(ctx);
	SSL_set_fd(m->ssl, m->fd);
	if ((m->server ? SSL_accept(m->ssl) : SSL_connect(m->ssl)) == 1) {
		if (exchange_mine(m)) {
			SSL_write(m->ssl, "x", 1);
			SSL_read(m->ssl, &c, 1);
		}
		while (!m->done && hear(m, &body, &size))
			free(body);
		if (!m->done)
			free(body);
	}
	shutdown(m->fd, SHUT_RDWR);
	SSL_free(m->ssl);
	SSL_CTX_free(ctx);
	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return NULL;
}

static void with_mine(const struct deviation *d, struct peer *ours, struct peer *prover,
		      struct peer *judge_of, bool server)
{
	struct mine m = { .d = d,
			  .server = server,
			  .attester = prover ? prover->attester : NULL,
			  .verifier = judge_of ? judge_of->verifier : NULL };
	struct side side;
	int fds[2];

	socket_pair(fds);
	m.fd = fds[1];
	pthread_create(&m.thread, NULL, mine_run, &m);
	side_start(&side, ours, fds[0], !server, false);
	side_join(&side);
	pthread_join(m.thread, NULL);
	EXPECT(side.rc == d->code && (!d->reason || strstr(side.err.text, d->reason)),
	       "%s, %s: %d %s", d->what, server ? "server" : "client", side.rc, side.err.text);
	if (!d->code)
		EXPECT(m.done, "%s, %s: %s", d->what, server ? "server" : "client", m.why);
	else /* who has our acceptance already reads no further */
		EXPECT((m.refused || m.done || d->result == 1) &&
			       (d->result == 1 || strstr(ours->log, d->reason)),
		       "%s: not told, or no log: %s", d->what, ours->log);
	close(fds[0]);
	close(fds[1]);
	printf("ok %s, %s %s\n", d->what, server ? "server" : "client",
	       side.rc ? side.err.text : "");
}

int main(void)
{
	static const struct deviation good = { .what = "another implementation" };
	static const struct deviation bad[] = {
		{ "another label of the exporter", -EACCES, "report_data",
		  .label = "EXPORTER-Channel-Binding" },
		{ "certificates left out of what is signed", -EACCES, "report_data",
		  .no_certificates = true },
		{ "RESULT instead of the evidence", -EACCES, "instead of its evidence",
		  .no_evidence = true },
		{ "evidence is the first message", -EPROTO, "first message is not HELLO",
		  .first_type = MINE_EVIDENCE },
		{ "HELLO of another version", -EPROTO, "HELLO is malformed", .hello_at = 1,
		  .hello_byte = 2 },
		{ "HELLO of a third role", -EPROTO, "HELLO is malformed", .hello_at = 2,
		  .hello_byte = 2 },
		{ "HELLO with a reserved byte", -EPROTO, "HELLO is malformed", .hello_at = 4,
		  .hello_byte = 1 },
		{ "a third RESULT", -EPROTO, "instead of its result", .result = 2 },
		{ "another HELLO instead of RESULT", -EPROTO, "instead of its result",
		  .result_type = MINE_HELLO },
		{ "evidence instead of RESULT", -EPROTO, "instead of its result",
		  .result_type = MINE_EVIDENCE },
		{ "a refusal", -EACCES, "the peer refused us", .result = 1 },
	};
	static const struct deviation as_client = { "HELLO of the other role", -EACCES,
						    "reflection", .hello_at = 2, .hello_byte = 0 },
				      as_server = { "HELLO of the other role", -EACCES,
						    "reflection", .hello_at = 2, .hello_byte = 1 },
				      asks = { "evidence asked of who has none", -EACCES,
					       "we have no attester", .flags = 3 };
	struct peer attested, checks, both;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	enter_folder("tls_protocol_test");
	peer_init(&attested, GOOD, NULL, NULL, NULL);
	peer_init(&checks, NULL, NULL, POLICY_GOOD, NULL);
	peer_init(&both, GOOD, NULL, POLICY_GOOD, NULL);
	with_mine(&good, &checks, &attested, NULL, true);
	with_mine(&good, &attested, NULL, &checks, false);
	with_mine(&good, &both, &both, &both, true);
	with_mine(&good, &both, &both, &both, false);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		with_mine(&bad[i], &checks, &attested, NULL, true);
		with_mine(&bad[i], &both, &both, &both, false);
	}
	with_mine(&as_client, &checks, &attested, NULL, true);
	with_mine(&as_server, &both, &both, &both, false);
	with_mine(&asks, &checks, &attested, NULL, true);
	peer_done(&attested);
	peer_done(&checks);
	peer_done(&both);
	return failures ? 1 : 0;
}
