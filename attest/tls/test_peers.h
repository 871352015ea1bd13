/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of attested TLS: attested peers (simulated evidence, one signer for all), and peers that speak plain TLS and whatever
 * bytes a test wants, to play the attacker. All over socket pairs; each side of a session in a thread of its own.
 */
#pragma once

#include "attest/tls/tls_internal.h"
#include "tests/expect.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(int rc, const char *what, const struct cattest_error *err)
{
	if (!rc)
		return;
	printf("FAIL %s: %d %s\n", what, rc, err->text);
	exit(1);
}

/* --- Attested peers --- */
#define POLICY_HEAD \
	"{\"version\": 1, \"name\": \"test\", \"types\": [\"sim\"], \"allow\": [\"simulated\", \"custom-root\"], "
#define POLICY_CERTIFICATE_HEAD                                                                                         \
	"{\"version\": 1, \"name\": \"test\", \"types\": [\"sim\", \"ratls-certificate\"], \"allow\": [\"simulated\", " \
	"\"custom-root\", \"no-freshness\"], "
#define REQUIRE_MEASUREMENT(hex64) \
	"\"require\": [{\"claim\": \"sim.measurement\", \"equals\": \"" hex64 "\"}]}"
#define GOOD "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define POLICY_GOOD POLICY_HEAD REQUIRE_MEASUREMENT(GOOD)
#define POLICY_CERTIFICATE POLICY_CERTIFICATE_HEAD REQUIRE_MEASUREMENT(GOOD)

struct peer {
	struct cattest_attester *attester;
	struct cattest_verifier *verifier;
	struct cattest_policy *policy;
	struct ctls *ctls;
	char log[2048];
	pthread_mutex_t log_lock;
};

static char *read_file(const char *path, size_t *ret_size)
{
	FILE *f = fopen(path, "re");
	char *text;
	size_t n;

	if (!f)
		return NULL;
	text = calloc(1, 1 << 20);
	n = text ? fread(text, 1, (1 << 20) - 1, f) : 0;
	fclose(f);
	if (ret_size)
		*ret_size = n;
	return text;
}

static void peer_log(void *context, const char *line)
{
	struct peer *p = context;
	size_t used;

	pthread_mutex_lock(&p->log_lock);
	used = strlen(p->log);
	snprintf(p->log + used, sizeof(p->log) - used, "%s\n", line);
	pthread_mutex_unlock(&p->log_lock);
}

/* measurement NULL: no attester; policy NULL: no verifier. options: the rest, or NULL. */
__attribute__((unused)) static void peer_init(struct peer *p, const char *measurement,
					      const char *more_settings, const char *policy,
					      const struct ctls_options *options)
{
	struct ctls_options o = options ? *options : (struct ctls_options){ 0 };
	struct cattest_error err = { "" };
	struct ctls_attester attester;
	struct ctls_verifier verifier;
	char settings[400], *key;
	size_t size;

	memset(p, 0, sizeof(*p));
	pthread_mutex_init(&p->log_lock, NULL);
	/* Made by the first attester. */
	if (measurement) {
		snprintf(settings, sizeof(settings), "folder=sim,measurement=%s%s%s", measurement,
			 more_settings ? "," : "", more_settings ? more_settings : "");
		must(cattest_attester_new("sim", settings, &p->attester, &err), "attester", &err);
		must(ctls_attester_from(p->attester, &attester), "table", &err);
		o.attester = &attester;
	}
	if (policy) {
		p->verifier = cattest_verifier_new();
		key = read_file("sim/sim-key.pub.pem", &size);
		if (!key)
			must(-ENOENT, "sim/sim-key.pub.pem", &err);
		must(cattest_add_root(p->verifier, CATTEST_ROOT_SIM, key, size, &err), "root",
		     &err);
		free(key);
		must(cattest_policy_parse("test", policy, strlen(policy), &p->policy, &err),
		     "policy", &err);
		cattest_set_policy(p->verifier, p->policy);
		must(ctls_verifier_from(p->verifier, &verifier), "table", &err);
		o.verifier = &verifier;
	}
	o.log = peer_log;
	o.log_context = p;
	if (!o.handshake_ms)
		o.handshake_ms = 20000;
	must(ctls_new(&o, &p->ctls, &err), "ctls_new", &err);
}

__attribute__((unused)) static void peer_done(struct peer *p)
{
	ctls_free(p->ctls);
	cattest_attester_free(p->attester);
	cattest_verifier_free(p->verifier);
	cattest_policy_free(p->policy);
}

/* --- One side of a session, in a thread --- */
struct side {
	struct peer *peer;
	int fd;
	bool server;
	pthread_t thread;
	int rc;
	struct cattest_error err;
	struct ctls_connection *connection;
	bool keep; /* do not close the connection */
};

static void *side_run(void *context)
{
	struct side *s = context;

	s->rc = s->server ? ctls_accept(s->peer->ctls, s->fd, &s->connection, &s->err)
			  : ctls_connect(s->peer->ctls, s->fd, &s->connection, &s->err);
	if (s->rc || s->keep)
		return NULL;
	ctls_close(s->connection);
	return NULL;
}

__attribute__((unused)) static void side_start(struct side *s, struct peer *peer, int fd,
					       bool server, bool keep)
{
	memset(s, 0, sizeof(*s));
	s->peer = peer;
	s->fd = fd;
	s->server = server;
	s->keep = keep;
	peer->log[0] = 0;
	pthread_create(&s->thread, NULL, side_run, s);
}

__attribute__((unused)) static void side_join(struct side *s)
{
	pthread_join(s->thread, NULL);
	/* As a program would: the other side sees the end. */
	if (!s->keep)
		shutdown(s->fd, SHUT_RDWR);
}

/* --- Plain TLS for attackers --- */
struct raw {
	SSL_CTX *ctx;
	SSL *ssl;
};

__attribute__((unused)) static X509 *plain_certificate(EVP_PKEY *key, size_t padding)
{
	X509 *cert = X509_new();

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)"attacker", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	if (padding) {
		ASN1_OCTET_STRING *content = ASN1_OCTET_STRING_new();
		ASN1_OBJECT *oid = OBJ_txt2obj("1.2.3.4.5", 1);
		uint8_t *bytes = calloc(1, padding);
		X509_EXTENSION *extension;

		ASN1_OCTET_STRING_set(content, bytes, (int)padding);
		extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, content);
		X509_add_ext(cert, extension, -1);
		X509_EXTENSION_free(extension);
		ASN1_OBJECT_free(oid);
		ASN1_OCTET_STRING_free(content);
		free(bytes);
	}
	X509_sign(cert, key, EVP_sha256());
	return cert;
}

/* cert_pem: with its key, or NULL: one of its own. Blocking; 0 or -1. */
__attribute__((unused)) static int raw_open(struct raw *r, int fd, bool server, int max_version,
					    X509 *cert, EVP_PKEY *key)
{
	EVP_PKEY *own_key = key ? NULL : EVP_EC_gen("P-256");
	X509 *own = cert ? NULL : plain_certificate(key ? key : own_key, 0);

	r->ctx = SSL_CTX_new(TLS_method());
	SSL_CTX_set_max_proto_version(r->ctx, max_version);
	SSL_CTX_set_max_cert_list(r->ctx, 4 << 20);
	SSL_CTX_use_certificate(r->ctx, cert ? cert : own);
	SSL_CTX_use_PrivateKey(r->ctx, key ? key : own_key);
	X509_free(own);
	EVP_PKEY_free(own_key);
	r->ssl = SSL_new(r->ctx);
	SSL_set_fd(r->ssl, fd);
	return (server ? SSL_accept(r->ssl) : SSL_connect(r->ssl)) == 1 ? 0 : -1;
}

__attribute__((unused)) static void raw_close(struct raw *r)
{
	SSL_free(r->ssl);
	SSL_CTX_free(r->ctx);
	ERR_clear_error();
}

__attribute__((unused)) static bool raw_read(struct raw *r, void *buffer, size_t size)
{
	size_t done;

	for (size_t at = 0; at < size; at += done)
		if (SSL_read_ex(r->ssl, (uint8_t *)buffer + at, size - at, &done) != 1)
			return false;
	return true;
}

__attribute__((unused)) static bool raw_write(struct raw *r, const void *buffer, size_t size)
{
	size_t done;

	return SSL_write_ex(r->ssl, buffer, size, &done) == 1;
}

__attribute__((unused)) static bool raw_send(struct raw *r, enum frame_type type, const void *body,
					     size_t size)
{
	uint8_t header[FRAME_HEADER];

	frame_write(header, type, (uint32_t)size);
	return raw_write(r, header, sizeof(header)) && (!size || raw_write(r, body, size));
}

/* A frame of any type; its body malloc()ed. */
__attribute__((unused)) static bool raw_receive(struct raw *r, struct frame *ret_frame,
						uint8_t **ret_body)
{
	uint8_t header[FRAME_HEADER];

	*ret_body = NULL;
	if (!raw_read(r, header, sizeof(header)) ||
	    frame_parse(header, CTLS_MAX_EVIDENCE, ret_frame, NULL))
		return false;
	*ret_body = malloc(ret_frame->size);
	return raw_read(r, *ret_body, ret_frame->size);
}

__attribute__((unused)) static void socket_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
		perror("socketpair");
		exit(1);
	}
}

/* A folder of the test's own, left behind empty of nothing: tests run in a temporary one. */
__attribute__((unused)) static void enter_folder(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "%s.XXXXXX", name);
	if (!mkdtemp(path) || chdir(path)) {
		perror(path);
		exit(1);
	}
}
