/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What attestation costs a TLS connection: handshakes and bulk transfer of libcloister-tls beside OpenSSL alone.
 *
 * On a machine that others use, the wall clock says little: so both are done in short turns, first one then the other and then the other way round, each
 * turn is compared with its partner only, and what is printed is the median of those. Beside the wall clock stands the processor time of both ends (one
 * process), and that is what the bars are on.
 *   handshake   both sides in one thread, so it is the sum of both; what collecting and verifying evidence took is measured apart
 *               and taken off, as it depends on the evidence
 *   bulk        one thread sends, one receives, over a socket pair
 *   tls [SECONDS-PER-FIGURE]     prints NAME VALUE UNIT lines; status 1 if a bar is missed
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
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

/* Wall clock and processor time, in seconds. */
struct cost {
	double wall, processor;
};
static struct cost evidence; /* spent in collecting and verifying, since it was last cleared */

static double seconds_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The process's processor time: as getrusage(2) has it, in nanoseconds. */
static struct cost now(void)
{
	return (struct cost){ seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID) };
}

static struct cost since(struct cost start)
{
	struct cost end = now();

	return (struct cost){ end.wall - start.wall, end.processor - start.processor };
}

static void add(struct cost *sum, struct cost c)
{
	sum->wall += c.wall;
	sum->processor += c.processor;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "tls: %s: %s\n", what, why);
	exit(1);
}

static int timed_collect(void *context, const uint8_t report_data[64], uint8_t **ret,
			 size_t *ret_size, struct cattest_error *err)
{
	struct cost start = now();
	int rc = attester.collect(context, report_data, ret, ret_size, err);

	add(&evidence, since(start));
	return rc;
}

static int timed_verify(void *context, const struct ctls_evidence *e, char **details,
			struct cattest_error *err)
{
	struct cost start = now();
	int rc = verifier.verify(context, e, details, err);

	add(&evidence, since(start));
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

static struct cost plain_handshake(SSL_CTX *ctx)
{
	struct cost start = now();
	SSL *ssl[2];
	int fds[2];

	plain_pair(ctx, ssl, fds);
	SSL_free(ssl[0]);
	SSL_free(ssl[1]);
	close_pair(fds);
	return since(start);
}

static struct cost attested_handshake(struct ctls *client, struct ctls *server)
{
	struct ctls_connection *c[2];
	struct cost start = now();
	int fds[2];

	evidence = (struct cost){ 0, 0 };
	attested_pair(client, server, c, fds);
	ctls_close(c[0]);
	ctls_close(c[1]);
	close_pair(fds);
	return since(start);
}

/* --- Medians --- */
#define TURNS_MAX 20000
struct figures {
	double wall[TURNS_MAX], processor[TURNS_MAX];
};
static struct figures plain, attested, made, added; /* one of each for each turn */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

static void put(struct figures *f, size_t turn, struct cost c)
{
	f->wall[turn] = c.wall;
	f->processor[turn] = c.processor;
}

static void print(const char *name, const char *what, struct figures *f, size_t count)
{
	printf("handshake.%s.%s %.1f us, processor %.1f us\n", name, what,
	       median(f->wall, count) * 1e6, median(f->processor, count) * 1e6);
}

/* true: within its bar. */
static bool handshakes(struct ctls *client, struct ctls *server, const char *name, double seconds)
{
	SSL_CTX *ctx = plain_ctx();
	double end = now().wall + 2 * seconds, extra;
	size_t count = 0;

	for (; count < TURNS_MAX && (count < 11 || now().wall < end); count++) {
		struct cost p, a;

		if (count % 2)
			a = attested_handshake(client, server), p = plain_handshake(ctx);
		else
			p = plain_handshake(ctx), a = attested_handshake(client, server);
		put(&plain, count, p);
		put(&attested, count, a);
		put(&made, count, evidence);
		put(&added, count,
		    (struct cost){ a.wall - p.wall - evidence.wall,
				   a.processor - p.processor - evidence.processor });
	}
	SSL_CTX_free(ctx);
	print(name, "plain", &plain, count);
	print(name, "attested", &attested, count);
	print(name, "evidence", &made, count);
	print(name, "added", &added, count);
	extra = median(added.processor, count) * 1e6;
	printf("handshake.%s.bar %.1f us of processor time added, without evidence's own (bar: 500), %zu turns\n",
	       name, extra, count);
	return extra <= 500;
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

static struct cost bulk(SSL_CTX *ctx, struct ctls *client, struct ctls *server, size_t total)
{
	static char data[CHUNK];
	struct ctls_connection *c[2] = { NULL, NULL };
	SSL *ssl[2] = { NULL, NULL };
	struct sender s = { .total = total };
	struct cost start;
	size_t got = 0;
	pthread_t thread;
	int fds[2];

	if (ctx)
		plain_pair(ctx, ssl, fds);
	else
		attested_pair(client, server, c, fds);
	for (int i = 0; i < 2; i++)
		fcntl(fds[i], F_SETFL, 0);
	s.ssl = ssl[0];
	s.c = c[0];
	start = now();
	if (pthread_create(&thread, NULL, send_all, &s))
		die("thread", "cannot be made");
	while (got < total) {
		ssize_t n = ctx ? SSL_read(ssl[1], data, CHUNK) : ctls_read(c[1], data, CHUNK);

		if (n <= 0)
			die("read", "failed");
		got += (size_t)n;
	}
	pthread_join(thread, NULL);
	start = since(start);
	SSL_free(ssl[0]);
	SSL_free(ssl[1]);
	ctls_close(c[0]);
	ctls_close(c[1]);
	close_pair(fds);
	return start;
}

#define TRANSFER ((size_t)16 << 20) /* some 30 ms: shorter than a busy neighbour's turn */

/* Plain's cost as a part of attested's: above 1 means that attested was the cheaper one. true: within its bar. */
static bool transfers(struct ctls *client, struct ctls *server, double seconds)
{
	SSL_CTX *ctx = plain_ctx();
	double end = now().wall + 4 * seconds, ratio;
	size_t count = 0;

	for (; count < TURNS_MAX && (count < 101 || now().wall < end); count++) {
		struct cost p, a;

		if (count % 2)
			a = bulk(NULL, client, server, TRANSFER),
			p = bulk(ctx, NULL, NULL, TRANSFER);
		else
			p = bulk(ctx, NULL, NULL, TRANSFER),
			a = bulk(NULL, client, server, TRANSFER);
		put(&plain, count, p);
		put(&attested, count, a);
		put(&added, count, (struct cost){ p.wall / a.wall, p.processor / a.processor });
	}
	SSL_CTX_free(ctx);
	printf("bulk.plain %.0f MB/s, processor %.3f ns/byte\n",
	       (double)TRANSFER / median(plain.wall, count) / 1e6,
	       median(plain.processor, count) * 1e9 / (double)TRANSFER);
	printf("bulk.attested %.0f MB/s, processor %.3f ns/byte\n",
	       (double)TRANSFER / median(attested.wall, count) / 1e6,
	       median(attested.processor, count) * 1e9 / (double)TRANSFER);
	ratio = median(added.processor, count);
	printf("bulk.ratio wall clock %.3f, processor time %.3f (bar on it: 0.98), %zu turns\n",
	       median(added.wall, count), ratio, count);
	return ratio >= 0.98;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;
	struct ctls *both, *client, *server;
	char folder[] = "/tmp/bench-tls.XXXXXX";
	bool ok;

	if (!mkdtemp(folder) || chdir(folder))
		die(folder, strerror(errno));
	both = make_ctls();
	client = one_side(false);
	server = one_side(true);
	ok = handshakes(client, server, "one_sided", seconds);
	ok = handshakes(both, both, "mutual", seconds) && ok;
	ok = transfers(client, server, seconds) && ok;
	ctls_free(both);
	ctls_free(client);
	ctls_free(server);
	return !ok;
}
