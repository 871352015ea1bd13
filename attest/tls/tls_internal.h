/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of libcloister-tls: context (context.c), exchange of evidence (exchange.c over frame.c and binding.c), TLS below it
 * (stream.c), connections (connection.c), certificate mode (attested.c).
 */
#pragma once

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "include/cloister/tls.h"

#define CTLS_DEFAULT_HANDSHAKE_MS 30000
#define CTLS_DEFAULT_EVIDENCE (1u << 20)
#define CTLS_MAX_EVIDENCE (64u << 20)
#define CTLS_DEFAULT_UNVERIFIED (64u << 20)
/* RFC 5705, section 4: labels for private use begin with EXPERIMENTAL. */
#define CTLS_EXPORTER_LABEL "EXPERIMENTAL-Cloister-Attested-TLS-1"
#define CTLS_EXPORTER_SIZE 32

int ctls_fail(struct cattest_error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* With what OpenSSL's queue says; clears it. */
int ctls_fail_openssl(struct cattest_error *err, int code, const char *what);

/* --- Frames: 'C' 'T', version, type, length (4 bytes, big endian), body --- */
#define FRAME_HEADER 8
#define FRAME_VERSION 1
enum frame_type { FRAME_HELLO = 1, FRAME_EVIDENCE, FRAME_RESULT };
struct frame {
	enum frame_type type;
	uint32_t size;
};
/* 0 or -EPROTO and a message; size is within what the type allows. */
int frame_parse(const uint8_t header[FRAME_HEADER], uint32_t max_evidence, struct frame *ret_frame,
		struct cattest_error *err);
void frame_write(uint8_t header[FRAME_HEADER], enum frame_type type, uint32_t size);

/* Body of HELLO: version, role (0 client, 1 server), flags, 0, nonce. */
#define HELLO_SIZE 36
#define HELLO_REQUIRES 1 /* evidence of the other side */
#define HELLO_OFFERS 2	 /* evidence of its own */
struct hello {
	bool server;
	uint8_t flags;
	uint8_t nonce[32];
};
int hello_parse(const uint8_t body[HELLO_SIZE], struct hello *ret_hello, struct cattest_error *err);
void hello_write(uint8_t body[HELLO_SIZE], const struct hello *hello);
/* Body of RESULT: one byte. */
#define RESULT_SIZE 1
enum { RESULT_ACCEPTED = 0, RESULT_REFUSED = 1 };

/* --- What evidence is bound to --- */
struct session {
	uint8_t exporter[CTLS_EXPORTER_SIZE];
	uint8_t certificates[2][32]; /* SHA-256 of client's and server's, zero if there is none */
};
int session_from_ssl(SSL *ssl, bool server, struct session *ret_session, struct cattest_error *err);
/* hello: [0] the client's, [1] the server's bodies. */
int session_report_data(const struct session *session, const uint8_t hello[2][HELLO_SIZE],
			bool sender_is_server, uint8_t ret_report_data[CATTEST_REPORT_DATA_SIZE]);

/* --- Bytes below the exchange --- */
struct stream {
	void *context;
	/* Bytes; 0 the end; -EAGAIN and *ret_want; another negative errno. */
	ssize_t (*read)(void *context, void *buffer, size_t size, int *ret_want);
	ssize_t (*write)(void *context, const void *buffer, size_t size, int *ret_want);
};
struct stream ssl_stream(SSL *ssl);
/* Gives it the socket by a BIO that raises no SIGPIPE, and that ends when the peer sends message after message of TLS that say nothing. */
int ssl_use_socket(SSL *ssl, int fd);
bool socket_flooded(SSL *ssl); /* it has ended so */
bool is_alert(int reason);     /* of OpenSSL's error: the peer has sent one */
int64_t monotonic_ms(void);
/* Waits for CTLS_WANT_READ or CTLS_WANT_WRITE until then (0: no limit): 0, -ETIMEDOUT, or another errno. */
int wait_for(int fd, int want, int64_t until);

/* --- The exchange --- */
struct exchange;
int exchange_new(struct ctls *ctls, bool server, const struct session *session,
		 struct stream stream, struct exchange **ret_exchange, struct cattest_error *err);
void exchange_free(struct exchange *x);
/* enum ctls_want or a negative errno. */
int exchange_step(struct exchange *x, struct cattest_error *err);
void exchange_work(struct exchange *x);
char *exchange_take_details(struct exchange *x);

int64_t connection_until(const struct ctls_connection *c);
/* Closes without touching the socket, whose number may by now be another's. NULL is allowed. */
void connection_forget(struct ctls_connection *c);

/* --- Context --- */
#define CACHED_RESULTS 64
struct ctls {
	enum ctls_mode mode;
	struct ctls_attester attester; /* collect NULL: none */
	struct ctls_verifier verifier; /* verify NULL: none */
	bool want_details, allow_tls12, ca_needed;
	char *server_name;
	uint32_t handshake_ms, max_evidence, cache_seconds, lifetime;
	size_t max_unverified;
	atomic_size_t unverified; /* bytes of evidence that is not verified yet, of all connections */
	void (*log)(void *context, const char *line);
	void *log_context;
	SSL_CTX *ctx;
	struct cattest_custom_claim *claims;
	size_t claim_count;

	pthread_mutex_t lock; /* of what follows */
	X509 *own_cert;	      /* certificate mode, attested */
	EVP_PKEY *own_key;
	int64_t renew_at; /* monotonic ms */
	struct {
		uint8_t digest[32];
		int64_t until; /* monotonic ms */
	} cached[CACHED_RESULTS];
	unsigned int cached_next;
};
void ctls_log(const struct ctls *ctls, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Common to our own and programs' SSL_CTX. */
int ctls_setup(SSL_CTX *ctx, struct ctls *ctls, struct cattest_error *err);
struct ctls *ctls_of(const SSL *ssl);

/* --- Certificate mode --- */
int attested_setup(SSL_CTX *ctx, struct ctls *ctls, struct cattest_error *err);
/* What the verification of this session's peer has said; NULL: there was none. */
struct attested_peer {
	bool trusted;
	struct cattest_error reason;
	char *details;
};
struct attested_peer *attested_peer(const SSL *ssl);
