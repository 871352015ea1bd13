/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What attestation costs a TLS connection: handshakes and bulk transfer of libcloister-tls beside OpenSSL alone, in turns in one run.
 * Handshakes run both sides in one thread, so the figure is the sum of both; the time in collecting and verifying evidence is measured
 * apart and taken off, as it depends on the evidence.
 *   tls [SECONDS-PER-FIGURE]     prints NAME VALUE UNIT lines
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cloister/tls.h"

#define MEASUREMENT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CHUNK 16384

static struct ctls_attester attester;
static struct ctls_verifier verifier;
static double collecting, verifying;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "tls: %s: %s\n", what, why);
	exit(1);
}

static int timed_collect(void *context, const uint8_t report_data[64], uint8_t **ret,
			 size_t *ret_size, struct cattest_error *err)
{
	double start = now();
	int rc = attester.collect(context, report_data, ret, ret_size, err);

	collecting += now() - start;
	return rc;
}

static int timed_verify(void *context, const struct ctls_evidence *e, char **details,
			struct cattest_error *err)
{
	double start = now();
	int rc = verifier.verify(context, e, details, err);

	verifying += now() - start;
	return rc;
}

static struct ctls *make_ctls(void)
{
	static const char policy[] =
		"{\"version\": 1, \"name\": \"bench\", \"types\": [\"sim\"], \"allow\": [\"simulated\", \"custom-root\"], "
		"\"require\": [{\"claim\": \"sim.measurement\", \"equals\": \"" MEASUREMENT "\"}]}";
	struct ctls_attester a;
	struct ctls_verifier v;
	struct ctls_options o = { .attester = &a, .verifier = NULL };
	struct cattest_attester *sim;
	struct cattest_verifier *judge = cattest_verifier_new();
	struct cattest_policy *p;
	struct cattest_error err;
	struct ctls *ctls;
	char key[2000];
	size_t size;
	FILE *f;

	if (cattest_attester_new("sim", "folder=sim,measurement=" MEASUREMENT, &sim, &err))
		die("attester", err.text);
	f = fopen("sim/sim-key.pub.pem", "re");
	size = f ? fread(key, 1, sizeof(key), f) : 0;
	if (cattest_add_root(judge, CATTEST_ROOT_SIM, key, size, &err) ||
	    cattest_policy_parse("bench", policy, strlen(policy), &p, &err))
		die("policy", err.text);
	fclose(f);
	cattest_set_policy(judge, p);
	ctls_attester_from(sim, &attester);
	ctls_verifier_from(judge, &verifier);
	a = (struct ctls_attester){ .context = attester.context, .collect = timed_collect };
	v = (struct ctls_verifier){ .context = verifier.context, .verify = timed_verify };
	o.verifier = &v;
	if (ctls_new(&o, &ctls, &err))
		die("ctls_new", err.text);
	return ctls;
}

/* One-sided: the server attests, the client verifies. */
static struct ctls *one_side(bool server)
{
	struct ctls_attester a = { .context = attester.context, .collect = timed_collect };
	struct ctls_verifier v = { .context = verifier.context, .verify = timed_verify };
	struct ctls_options o = { .attester = server ? &a : NULL, .verifier = server ? NULL : &v };
	struct cattest_error err;
	struct ctls *ctls;

	if (ctls_new(&o, &ctls, &err))
		die("ctls_new", err.text);
	return ctls;
}

static void pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds))
		die("socketpair", strerror(errno));
}

/* --- Handshakes --- */
static SSL_CTX *plain_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	X509_set_version(cert, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	SSL_CTX_use_certificate(ctx, cert);
	SSL_CTX_use_PrivateKey(ctx, key);
	SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(ctx, 0);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

static void plain_pair(SSL_CTX *ctx, SSL *ssl[2], int fds[2])
{
	int done[2] = { 0, 0 };

	pair(fds);
	for (int i = 0; i < 2; i++) {
		ssl[i] = SSL_new(ctx);
		SSL_set_fd(ssl[i], fds[i]);
		if (i)
			SSL_set_accept_state(ssl[i]);
		else
			SSL_set_connect_state(ssl[i]);
	}
	for (int round = 0; round < 100 && !(done[0] && done[1]); round++)
		for (int i = 0; i < 2; i++)
			done[i] = SSL_do_handshake(ssl[i]) == 1;
	if (!done[0] || !done[1])
		die("plain handshake", "failed");
}

static void attested_pair(struct ctls *client, struct ctls *server, struct ctls_connection *c[2],
			  int fds[2])
{
	struct cattest_error err = { "" };
	int rc[2] = { 1, 1 };

	pair(fds);
	if (ctls_start(client, fds[0], false, &c[0], &err) ||
	    ctls_start(server, fds[1], true, &c[1], &err))
		die("attested handshake", err.text);
	for (int round = 0; round < 100 && (rc[0] > 0 || rc[1] > 0); round++)
		for (int i = 0; i < 2; i++)
			while (rc[i] > 0 && (rc[i] = ctls_step(c[i], &err)) == CTLS_WANT_WORK)
				ctls_work(c[i]);
	if (rc[0] || rc[1])
		die("attested handshake", err.text);
}

static void close_pair(int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static void handshakes(struct ctls *client, struct ctls *server, const char *name, double seconds)
{
	SSL_CTX *ctx = plain_ctx();
	double end = now() + 2 * seconds, plain = 0, attested = 0;
	unsigned int count = 0;

	collecting = verifying = 0;
	while (now() < end) {
		struct ctls_connection *c[2];
		double start = now(), middle;
		SSL *ssl[2];
		int fds[2];

		plain_pair(ctx, ssl, fds);
		SSL_free(ssl[0]);
		SSL_free(ssl[1]);
		close_pair(fds);
		middle = now();
		attested_pair(client, server, c, fds);
		ctls_close(c[0]);
		ctls_close(c[1]);
		close_pair(fds);
		plain += middle - start;
		attested += now() - middle;
		count++;
	}
	SSL_CTX_free(ctx);
	printf("handshake.%s.plain %.1f us\n", name, plain / count * 1e6);
	printf("handshake.%s.attested %.1f us\n", name, attested / count * 1e6);
	printf("handshake.%s.evidence_made %.1f us\n", name, collecting / count * 1e6);
	printf("handshake.%s.evidence_verified %.1f us\n", name, verifying / count * 1e6);
	printf("handshake.%s.added %.1f us (without evidence's own time; bar: 500)\n", name,
	       (attested - plain - collecting - verifying) / count * 1e6);
}

/* --- Bulk --- */
struct sender {
	SSL *ssl;
	struct ctls_connection *c;
	size_t total;
};

static void *send_all(void *context)
{
	static char data[CHUNK];
	struct sender *s = context;

	for (size_t sent = 0; sent < s->total; sent += CHUNK)
		if (s->c ? ctls_write(s->c, data, CHUNK) != CHUNK
			 : SSL_write(s->ssl, data, CHUNK) != CHUNK)
			die("write", "failed");
	return NULL;
}

static double bulk(SSL_CTX *ctx, struct ctls *client, struct ctls *server, size_t total)
{
	static char data[CHUNK];
	struct ctls_connection *c[2] = { NULL, NULL };
	SSL *ssl[2] = { NULL, NULL };
	struct sender s = { .total = total };
	size_t got = 0;
	pthread_t thread;
	double start;
	int fds[2];

	if (ctx) {
		plain_pair(ctx, ssl, fds);
	} else {
		struct cattest_error err;

		attested_pair(client, server, c, fds);
		(void)err;
	}
	for (int i = 0; i < 2; i++)
		fcntl(fds[i], F_SETFL, 0);
	s.ssl = ssl[0];
	s.c = c[0];
	start = now();
	pthread_create(&thread, NULL, send_all, &s);
	while (got < total) {
		ssize_t n = ctx ? SSL_read(ssl[1], data, CHUNK) : ctls_read(c[1], data, CHUNK);

		if (n <= 0)
			die("read", "failed");
		got += (size_t)n;
	}
	pthread_join(thread, NULL);
	start = now() - start;
	SSL_free(ssl[0]);
	SSL_free(ssl[1]);
	ctls_close(c[0]);
	ctls_close(c[1]);
	close_pair(fds);
	return (double)total / start / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 2, plain[9], attested[9];
	struct ctls *both, *client, *server;
	char folder[] = "/tmp/bench-tls.XXXXXX";
	SSL_CTX *ctx;

	if (!mkdtemp(folder) || chdir(folder))
		die(folder, strerror(errno));
	both = make_ctls();
	client = one_side(false);
	server = one_side(true);
	handshakes(client, server, "one_sided", seconds);
	handshakes(both, both, "mutual", seconds);
	ctx = plain_ctx();
	for (int i = 0; i < 9; i++) {
		plain[i] = bulk(ctx, NULL, NULL, (size_t)256 << 20);
		attested[i] = bulk(NULL, client, server, (size_t)256 << 20);
	}
	qsort(plain, 9, sizeof(double), by_value);
	qsort(attested, 9, sizeof(double), by_value);
	printf("bulk.plain %.0f MB/s\nbulk.attested %.0f MB/s\nbulk.ratio %.3f (bar: 0.98)\n",
	       plain[4], attested[4], attested[4] / plain[4]);
	SSL_CTX_free(ctx);
	ctls_free(both);
	ctls_free(client);
	ctls_free(server);
	return 0;
}
