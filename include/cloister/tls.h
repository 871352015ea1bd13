/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcloister-tls: TLS whose peers know what runs at the other end. On OpenSSL 3 and libcloister-attest.
 *
 * Two modes:
 *
 * CTLS_SESSION (default): a plain TLS 1.3 handshake, then each side that is asked to sends evidence made for this session alone: its
 * report data is SHA-512 over the role of the sender, the session's exporter value (RFC 9266's channel binding, under a label of
 * our own), both sides' nonces and both certificates. Evidence that is replayed, relayed from another session, diverted to another
 * server, or sent back to its maker does not fit. The protocol: docs/TLS.md.
 *
 * CTLS_CERTIFICATE: the server's (and, if asked, the client's) certificate carries its evidence (RA-TLS as CCC specifies, for peers such as
 * Gramine, rats-tls, librats, Intel's SDK). WEAKNESS: the evidence is as old as the certificate and says nothing about this
 * session; who steals the private key, or has it by a bug of any environment with the same measurement, can use the certificate
 * elsewhere until it expires (replay, relay and diversion attacks on RA-TLS). Use it only to talk to peers that cannot do better.
 *
 * Failing closed: a peer that is to be verified and has no evidence is refused; there is no verifier that accepts everything; a context
 * that neither verifies its peer by evidence nor by a CA is not made. The reason of a refusal goes to the caller and the log
 * of the side that verifies; the other side learns only that it was refused.
 *
 * After fork() a ctls may be used in one of the two processes only: attesters and fetchers hold devices and connections.
 *
 * Functions that return int give 0 (or what they say) or a negative errno with a message in *err (which may be NULL): -EACCES refused (by us, or
 * by the peer: the message says which), -ETIMEDOUT, -EPROTO the peer does not keep to the protocol, -ECONNRESET it went away, -EBUSY too
 * much evidence waits to be verified.
 * A context may be used by several threads at once, a connection by one at a time. No function raises SIGPIPE.
 */
#pragma once

#include <sys/types.h>

#include "cloister/attest.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ssl_st;
struct ssl_ctx_st;

/* --- Attesters and verifiers: tables, so that programs can bring their own --- */
struct ctls_attester {
	void *context;
	/* Evidence bound to report_data, malloc()ed. Called by one thread at a time if it came from ctls_attester_from. */
	int (*collect)(void *context, const uint8_t report_data[CATTEST_REPORT_DATA_SIZE],
		       uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err);
	void (*free)(void *context); /* may be NULL */
};

struct ctls_evidence {
	const uint8_t *data;
	size_t size;
	/* What the evidence must be bound to; size 0 in certificate mode, where the certificate's key is. */
	const uint8_t *report_data;
	size_t report_data_size;
	const char *
		type; /* "ratls-certificate" in certificate mode, else NULL: to be told by its bytes */
};

struct ctls_verifier {
	void *context;
	/* 0: trusted. Anything else is a refusal with its reason in *err. ret_details (may be NULL): the result as JSON, malloc()ed, if
	 * there is one. */
	int (*verify)(void *context, const struct ctls_evidence *evidence, char **ret_details,
		      struct cattest_error *err);
	void (*free)(void *context); /* may be NULL */
};

/* Tables over libcloister-attest. Attester and verifier stay the caller's, and must outlive the context made with the table; they are
 * used under a lock of the table's. The verifier needs a policy: without one nothing is trusted. */
CATTEST_API int ctls_attester_from(struct cattest_attester *attester,
				   struct ctls_attester *ret_table);
CATTEST_API int ctls_verifier_from(struct cattest_verifier *verifier,
				   struct ctls_verifier *ret_table);

/* --- Context: what connections have in common --- */
enum ctls_mode {
	CTLS_SESSION = 0,
	CTLS_CERTIFICATE, /* see the weakness above */
};

struct ctls_options {
	enum ctls_mode mode;
	/* What we prove ourselves with, and what peers are judged by; copied, their contexts belong to the ctls from then on (also if
	 * ctls_new fails). Without a verifier the peer sends no evidence and must be known by ca_pem, or be a server's client. */
	const struct ctls_attester *attester;
	const struct ctls_verifier *verifier;
	/* TLS identity: PEM chain and key. NULL: a key of this process and a self-signed certificate (attested, in certificate mode, where
	 * certificate_pem has to be NULL). */
	const char *certificate_pem, *key_pem;
	/* Peers also need a certificate from one of these CAs (PEM); a server's with this name (NULL: not looked at). Session mode only. */
	const char *ca_pem, *server_name;
	/* Certificate mode speaks TLS 1.3; older peers (mbedTLS of Gramine) may need 1.2. */
	bool allow_tls12;
	/* Keep the verifier's result for ctls_peer_details. */
	bool want_details;
	uint32_t handshake_ms; /* for TLS and evidence together; 0: 30 s */
	uint32_t max_evidence; /* of a peer, bytes; 0: 1 MiB; at most 64 MiB. Certificates: 100 KiB in session mode */
	/* Evidence of all peers that are not verified yet, together, in bytes; what is below 8 KiB for each does not count. 0: 64 MiB, or what
	 * one peer may send if that is more. Beyond it peers are refused (-EBUSY). */
	size_t max_unverified;
	/* Certificate mode. How long a peer's certificate that was trusted is trusted again without a look at it, in seconds; 0: not at all.
	 * Refusals are never kept. A change of policy or collateral takes effect after that time. Evidence of session mode is never kept. */
	uint32_t result_cache_seconds;
	uint32_t certificate_lifetime; /* of our own, in seconds; 0: a day. A new one is made at half of it */
	/* Certificate mode: custom claims of our certificate; copied. */
	const struct cattest_custom_claim *claims;
	size_t claim_count;
	/* One line for each refusal, with its reason; may be called by several threads at once. */
	void (*log)(void *context, const char *line);
	void *log_context;
};

struct ctls;
CATTEST_API int ctls_new(const struct ctls_options *options, struct ctls **ret_ctls,
			 struct cattest_error *err);
/* After its last connection. */
CATTEST_API void ctls_free(struct ctls *ctls);

/* --- Connections: blocking, or for event loops --- */
struct ctls_connection;
/* The whole handshake, until handshake_ms, over a connected stream socket. The socket stays the caller's, and must outlive the connection; it is
 * made non-blocking, but ctls_read and ctls_write wait if it was blocking before. */
CATTEST_API int ctls_connect(struct ctls *ctls, int fd, struct ctls_connection **ret_connection,
			     struct cattest_error *err);
CATTEST_API int ctls_accept(struct ctls *ctls, int fd, struct ctls_connection **ret_connection,
			    struct cattest_error *err);

/* Bytes, 0 at the end that the peer sent, -EAGAIN on non-blocking sockets, -ETIMEDOUT after ctls_set_timeout's time, -ECONNRESET if the
 * stream was cut without the peer's word (which is no end). */
CATTEST_API ssize_t ctls_read(struct ctls_connection *c, void *buffer, size_t size);
/* May write less than size. */
CATTEST_API ssize_t ctls_write(struct ctls_connection *c, const void *buffer, size_t size);
/* For reads and writes that wait; 0: no limit (default). */
CATTEST_API void ctls_set_timeout(struct ctls_connection *c, uint32_t ms);
/* We have sent everything; reading goes on. 0, -EAGAIN or another error. */
CATTEST_API int ctls_shutdown(struct ctls_connection *c);
/* Says goodbye if that needs no waiting, and forgets the connection; not its socket. NULL is allowed. */
CATTEST_API void ctls_close(struct ctls_connection *c);
/* The same without a goodbye: for streams that are not complete, which the peer must not take for ended. */
CATTEST_API void ctls_abort(struct ctls_connection *c);
/* What the verifier said of the peer (JSON), if want_details; else NULL. */
CATTEST_API const char *ctls_peer_details(const struct ctls_connection *c);
CATTEST_API struct ssl_st *ctls_ssl(const struct ctls_connection *c);

/* In an event loop: start, then step until it says CTLS_DONE. When it wants WORK (collecting or verifying evidence, which may take long), call
 * ctls_work() in any thread, and then step again; nothing else may touch the connection meanwhile. */
enum ctls_want {
	CTLS_DONE = 0,
	CTLS_WANT_READ,
	CTLS_WANT_WRITE,
	CTLS_WANT_WORK, /* in certificate mode also for each step of TLS, where evidence is verified */
};
CATTEST_API int ctls_start(struct ctls *ctls, int fd, bool server,
			   struct ctls_connection **ret_connection, struct cattest_error *err);
/* An enum ctls_want, or a negative errno: the handshake has failed. */
CATTEST_API int ctls_step(struct ctls_connection *c, struct cattest_error *err);
CATTEST_API void ctls_work(struct ctls_connection *c);
/* Milliseconds until the handshake's time is over; ctls_step gives -ETIMEDOUT then. */
CATTEST_API int ctls_time_left(const struct ctls_connection *c);
/* What the last ctls_read or ctls_write that gave -EAGAIN waits for: CTLS_WANT_READ or CTLS_WANT_WRITE. */
CATTEST_API int ctls_waits_for(const struct ctls_connection *c);

/* --- Programs that use OpenSSL themselves --- */
/*
 * Sets up their SSL_CTX. In certificate mode that is all: our certificate is put in, and peers' evidence is verified in the TLS handshake. In
 * session mode OpenSSL offers no place for evidence: the program calls ctls_handshake() on each SSL when SSL_connect or SSL_accept is
 * done, before anything else is sent or received; a session without it IS NOT ATTESTED. The ctls must outlive the SSL_CTX.
 * Protocol versions, tickets and verification are set; certificates of session mode stay the program's.
 */
CATTEST_API int ctls_configure(struct ssl_ctx_st *ctx, struct ctls *ctls,
			       struct cattest_error *err);
/* The exchange of evidence on an SSL of a configured SSL_CTX, within the ctls' handshake_ms; its sockets are non-blocking meanwhile. On failure
 * the session must be ended. In certificate mode: checks that the session was attested. Writes as the program's BIO does: with
 * OpenSSL's own that may raise SIGPIPE. */
CATTEST_API int ctls_handshake(struct ssl_st *ssl, struct cattest_error *err);
/* The same for event loops, and for SSLs without sockets (BIOs in memory): ctls_step and ctls_work until CTLS_DONE; from then on the
 * program uses its SSL again. The SSL stays the program's and must outlive the connection, and ctls_close only forgets. If TLS's own
 * handshake is not finished, the steps finish it too. */
CATTEST_API int ctls_start_ssl(struct ssl_st *ssl, struct ctls_connection **ret_connection,
			       struct cattest_error *err);

/* --- Addresses: "host:port", "[::1]:port", "port" (all addresses or localhost), "unix:/path" --- */
/* A connected or listening socket. Of a name's several addresses all are tried; "port" listens with IPv6 and IPv4. */
CATTEST_API int ctls_dial(const char *address, uint32_t timeout_ms, struct cattest_error *err);
CATTEST_API int ctls_listen(const char *address, struct cattest_error *err);
/* The first socket address it stands for; passive: for listening. */
struct sockaddr_storage;
CATTEST_API int ctls_resolve(const char *address, bool passive,
			     struct sockaddr_storage *ret_address, size_t *ret_size,
			     struct cattest_error *err);
/* All of them, at most `room`, in the order in which they are to be tried: their count, at least 1, or a negative errno. */
CATTEST_API int ctls_resolve_all(const char *address, bool passive,
				 struct sockaddr_storage *ret_addresses, size_t *ret_sizes,
				 size_t room, struct cattest_error *err);

/*
 * Only looks at the evidence of a server, of either mode: connects, asks for it, goes away. For cattest_verify: evidence, and the report data
 * it must be bound to (size 0: it is a certificate). NOTHING IS VERIFIED HERE.
 */
struct ctls_fetched {
	enum ctls_mode mode;
	uint8_t *evidence; /* malloc()ed */
	size_t size;
	uint8_t report_data[CATTEST_REPORT_DATA_SIZE];
	size_t report_data_size;
};
CATTEST_API int ctls_fetch_evidence(const char *address, uint32_t timeout_ms,
				    struct ctls_fetched *ret_fetched, struct cattest_error *err);

#ifdef __cplusplus
}
#endif
