/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tunnel: plain streams on one side, attested TLS on the other. One thread runs all connections (tunnel.c, tunnel_pair.c); collecting and verifying
 * evidence is done by a few workers (tunnel_worker.c), so that it holds up nobody else.
 */
#pragma once

#include "cli/cli.h"
#include "cloister/tls.h"

#include <pthread.h>
#include <sys/socket.h>

#define TUNNEL_WORKERS 2
#define TUNNEL_PROCESSES_MAX 64
#define TUNNEL_BUFFER (64u << 10)
#define TUNNEL_ADDRESSES 8 /* of --connect's name, at most */

struct tunnel_options {
	bool server; /* TLS comes in, plain goes out */
	const char *listen, *connect;
	uint64_t max_connections, max_handshakes, idle_seconds, max_age_seconds, grace_seconds,
		processes;
	bool verbose;
};

/*
 * What connections prove themselves with and judge by. It is made again when the tunnel is told to (SIGHUP); connections keep the one they
 * began with. Only the loop counts users.
 */
struct tunnel_trust {
	struct ctls *ctls;
	unsigned int users;
	void (*free)(struct tunnel_trust *trust);
};
void tunnel_trust_put(struct tunnel_trust *trust);

enum pair_state {
	PAIR_DIALLING, /* to where it goes; a server does it after the handshake */
	PAIR_HANDSHAKE,
	PAIR_WORKING, /* a worker has it: nothing else may touch its TLS */
	PAIR_OPEN,
};

/* One end of a pair. Readiness is remembered from edges until the system says EAGAIN. */
struct end {
	struct pair *pair;
	int fd;
	bool is_tls, can_read, can_write;
	bool read_done;	 /* its end has come */
	bool write_done; /* and was passed on to it */
};

struct flow {
	uint8_t *buffer; /* NULL while empty */
	size_t at, size;
};

struct pair {
	struct tunnel *tunnel;
	struct tunnel_trust *trust;
	struct pair *next, **link;  /* all pairs */
	struct pair *older, *newer; /* peers of a server that are not attested yet */
	bool unproved;		    /* it is one of them */
	struct pair *queue_next;    /* to workers, back from them, or ready for more */
	enum pair_state state;
	bool dead, ready;
	struct end plain, tls;
	struct flow out, in; /* plain to TLS, TLS to plain */
	struct ctls_connection *connection;
	int64_t deadline; /* of dialling */
	size_t tried;	  /* addresses */
	int64_t opened;
	int64_t active; /* last time that bytes moved */
	uint64_t bytes_out, bytes_in;
	char peer[64];
};

struct pair_queue {
	struct pair *first, **last;
};

struct tunnel {
	struct tunnel_options options;
	struct tunnel_trust *trust;
	/* A new one, or NULL and a message. */
	struct tunnel_trust *(*make_trust)(void *context, struct error *err);
	void *trust_context;
	int epoll, listener, wake, signals;
	unsigned int
		part; /* of several processes: which, from 1; 0: the only one, or the one that looks after them */
	bool accepting, stopping;
	struct pair *pairs;
	uint64_t count;
	struct pair *oldest, *newest; /* unproved */
	uint64_t unproved;
	struct sockaddr_storage to[TUNNEL_ADDRESSES];
	size_t to_size[TUNNEL_ADDRESSES];
	size_t to_count, to_good; /* that answered last */
	int64_t now, stop_at, accept_again;
	struct pair_queue ready;
	uint8_t *spare[64];
	size_t spares;
	/* Log lines of this second. */
	int64_t log_second;
	unsigned int log_lines, log_lost;

	pthread_t workers[TUNNEL_WORKERS];
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t work;
	struct pair_queue todo, done;
	bool end_workers;
};

int64_t tunnel_now(void);
void tunnel_say(struct tunnel *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Takes the address to listen at, and as many descriptors as may be had. Before anything that a process may not share is opened. */
int tunnel_open(struct tunnel *t, struct error *err);
/*
 * Divides the connections among options.processes processes that listen together (tunnel_processes.c). TUNNEL_SERVE: this one serves its
 * part; else this one looked after them all, and this is its exit status (1 with a message).
 */
#define TUNNEL_SERVE (-1)
int tunnel_divide(struct tunnel *t, struct error *err);
/* Runs until it is told to end. */
int tunnel_run(struct tunnel *t, struct error *err);
void tunnel_close(struct tunnel *t);

uint8_t *tunnel_buffer(struct tunnel *t);
void tunnel_buffer_free(struct tunnel *t, uint8_t *buffer);

void queue_put(struct pair_queue *q, struct pair *p);
struct pair *queue_take(struct pair_queue *q);

int workers_start(struct tunnel *t, struct error *err);
void workers_end(struct tunnel *t);
void workers_give(struct tunnel *t, struct pair *p);
struct pair *workers_back(struct tunnel *t);

/* Takes fd. */
void pair_begin(struct tunnel *t, int fd, const char *peer);
/* Whether one more may begin; at the cost of one that is slow. */
bool pair_room(struct tunnel *t);
/* Something may have become possible. The pair may be gone afterwards. */
void pair_go_on(struct pair *p);
/* Its time may be over. */
void pair_tick(struct pair *p);
void pair_end(struct pair *p);
/* The same, but both sides get an error instead of an end. */
void pair_cut(struct pair *p);
