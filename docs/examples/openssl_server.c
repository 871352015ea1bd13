/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attested TLS for a server that has OpenSSL and an event loop of its own, as web servers do: its SSL_CTX is configured once, and each SSL
 * goes through ctls_start_ssl and ctls_step before its first byte. Sends back what comes. A slow attester belongs in a thread
 * (ctls_work); here it may hold up the loop.
 *   openssl_server ADDRESS ATTESTER SETTINGS [COUNT]
 * Build: cc openssl_server.c $(pkg-config --cflags --libs cloister-tls openssl)
 */
#include <cloister/tls.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 64

struct client {
	SSL *ssl;
	struct ctls_connection *handshake; /* NULL once it is attested */
};
static struct client clients[CLIENTS];
static struct pollfd fds[CLIENTS + 1];

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "openssl_server: %s: %s\n", what, why);
	return 1;
}

/* Any certificate will do: what says who we are is the evidence. */
static int use_own_certificate(SSL_CTX *ctx)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	int ok = key && cert && X509_set_version(cert, X509_VERSION_3) &&
		 ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) &&
		 X509_gmtime_adj(X509_getm_notBefore(cert), 0) &&
		 X509_gmtime_adj(X509_getm_notAfter(cert), 86400) && X509_set_pubkey(cert, key) &&
		 X509_sign(cert, key, EVP_sha256()) && SSL_CTX_use_certificate(ctx, cert) &&
		 SSL_CTX_use_PrivateKey(ctx, key);

	X509_free(cert);
	EVP_PKEY_free(key);
	return ok ? 0 : fail("certificate", "cannot be made");
}

static void end(int i)
{
	ctls_close(clients[i].handshake);
	SSL_free(clients[i].ssl);
	close(fds[i].fd);
	clients[i] = (struct client){ .ssl = NULL };
	fds[i] = (struct pollfd){ .fd = -1 };
}

static void begin(SSL_CTX *ctx, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), i = 0;
	struct cattest_error err;

	while (i < CLIENTS && clients[i].ssl)
		i++;
	if (fd < 0 || i == CLIENTS) {
		close(fd);
		return;
	}
	fds[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
	clients[i].ssl = SSL_new(ctx);
	if (!clients[i].ssl || !SSL_set_fd(clients[i].ssl, fd)) {
		end(i);
		return;
	}
	SSL_set_accept_state(clients[i].ssl);
	if (ctls_start_ssl(clients[i].ssl, &clients[i].handshake, &err)) {
		fail("client", err.text);
		end(i);
	}
}

/* TLS's handshake and the exchange of evidence. 0: done, 1: not yet, -1: refused. */
static int shake_hands(int i)
{
	struct cattest_error err;
	int want;

	while ((want = ctls_step(clients[i].handshake, &err)) == CTLS_WANT_WORK)
		ctls_work(clients[i].handshake);
	if (want < 0) {
		fail("client", err.text);
		return -1;
	}
	fds[i].events = want == CTLS_WANT_WRITE ? POLLOUT : POLLIN;
	if (want != CTLS_DONE)
		return 1;
	ctls_close(clients[i].handshake); /* from here on the SSL is ours alone */
	clients[i].handshake = NULL;
	return 0;
}

/* 0, or -1 at the end. */
static int echo(SSL *ssl)
{
	char buffer[4096];
	int n;

	while ((n = SSL_read(ssl, buffer, sizeof(buffer))) > 0)
		if (SSL_write(ssl, buffer, n) != n)
			return -1; /* an example: it does not wait for slow readers */
	switch (SSL_get_error(ssl, n)) {
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		SSL_shutdown(ssl); /* our end; without it the client takes it for a cut */
		return -1;
	default:
		return -1;
	}
}

int main(int argc, char **argv)
{
	struct ctls_attester table;
	struct ctls_options options = { .attester = &table, .handshake_ms = 10000 };
	struct cattest_attester *attester;
	struct cattest_error err;
	struct ctls *ctls;
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	long left = argc > 4 ? strtol(argv[4], NULL, 10) : -1;

	if (argc < 4)
		return fail("usage", "openssl_server ADDRESS ATTESTER SETTINGS [COUNT]");
	signal(SIGPIPE, SIG_IGN); /* OpenSSL's sockets raise it */
	if (cattest_attester_new(argv[2], argv[3], &attester, &err) ||
	    ctls_attester_from(attester, &table) || ctls_new(&options, &ctls, &err))
		return fail(argv[2], err.text);
	if (!ctx || use_own_certificate(ctx) || ctls_configure(ctx, ctls, &err))
		return fail("TLS", err.text);
	for (int i = 0; i < CLIENTS; i++)
		fds[i].fd = -1;
	fds[CLIENTS] = (struct pollfd){ .fd = ctls_listen(argv[1], &err), .events = POLLIN };
	if (fds[CLIENTS].fd < 0)
		return fail(argv[1], err.text);
	while (left) {
		poll(fds, CLIENTS + 1, 500); /* wakes up for the deadlines of handshakes */
		for (int i = 0; i < CLIENTS; i++) {
			int rc = 0;

			if (clients[i].ssl && clients[i].handshake)
				rc = shake_hands(i);
			if (clients[i].ssl && !rc && fds[i].revents)
				rc = echo(clients[i].ssl);
			if (rc < 0) {
				end(i);
				left -= left > 0;
			}
		}
		if (fds[CLIENTS].revents)
			begin(ctx, fds[CLIENTS].fd);
	}
	close(fds[CLIENTS].fd);
	SSL_CTX_free(ctx);
	ctls_free(ctls);
	cattest_attester_free(attester);
	return 0;
}
