/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchange of evidence after the TLS handshake, as a state machine that never waits: it says what it wants. Both sides run the same one.
 *
 *   client                          server
 *     HELLO (nonce, flags)  ------>
 *                           <------   HELLO (nonce, flags)
 *                           <------   EVIDENCE            if the client requires it
 *     [verifies]                      RESULT at once, if the server requires none
 *     EVIDENCE              ------>                       if the server requires it
 *     RESULT                ------>   [verifies]
 *                           <------   RESULT
 *
 * The server shows itself first: a client's evidence goes to a server only that has been verified. No side writes much while the other
 * does, so neither can block the other. Invariants:
 *  1. DONE is reached only after our verifier said 0 (if we require evidence) and the peer's RESULT said accepted.
 *  2. Memory for a peer's message grows with what arrives, not with what its header promises, and is bounded: for one peer, and beyond
 *     FREE_ROOM for all of a context together, so that very many peers cannot make us hold very much before any has proved anything.
 *  3. Why a peer is refused stays here: what goes out is one RESULT frame, the same for every reason.
 */
#include "attest/tls/tls_internal.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 4096u
#define FREE_ROOM 8192u /* evidence is smaller, as a rule */

enum state {
	START,
	READ_HELLO,
	COLLECT,
	READ_EVIDENCE,
	VERIFY,
	READ_RESULT,
	DONE,
	REFUSED,
	FAILED
};

struct exchange {
	struct ctls *ctls;
	struct stream stream;
	struct session session;
	bool server;
	enum state state;
	struct hello own, peer;
	uint8_t hello[2][HELLO_SIZE]; /* client's, server's */

	uint8_t *out;
	size_t out_size, out_at;

	uint8_t header[FRAME_HEADER];
	size_t header_at;
	struct frame frame;
	uint8_t *body;
	size_t body_at, body_room;
	size_t reserved; /* of the context's unverified bytes */

	bool collected, verified, result_sent;
	bool work_done;
	int work_rc;
	uint8_t *evidence; /* ours, collected */
	size_t evidence_size;
	char *details;
	int failure;
	struct cattest_error reason;
};

int exchange_new(struct ctls *ctls, bool server, const struct session *session,
		 struct stream stream, struct exchange **ret_exchange, struct cattest_error *err)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return ctls_fail(err, -ENOMEM, "out of memory");
	x->ctls = ctls;
	x->server = server;
	x->session = *session;
	x->stream = stream;
	x->own.server = server;
	x->own.flags = (uint8_t)((ctls->verifier.verify ? HELLO_REQUIRES : 0) |
				 (ctls->attester.collect ? HELLO_OFFERS : 0));
	if (RAND_bytes(x->own.nonce, sizeof(x->own.nonce)) != 1) {
		free(x);
		return ctls_fail(err, -EIO, "no random numbers");
	}
	*ret_exchange = x;
	return 0;
}

static void release(struct exchange *x)
{
	atomic_fetch_sub(&x->ctls->unverified, x->reserved);
	x->reserved = 0;
}

void exchange_free(struct exchange *x)
{
	if (!x)
		return;
	free(x->out);
	free(x->body);
	release(x);
	free(x->evidence);
	free(x->details);
	OPENSSL_cleanse(&x->session, sizeof(x->session));
	free(x);
}

char *exchange_take_details(struct exchange *x)
{
	char *ret = x->details;

	x->details = NULL;
	return ret;
}

/* --- Sending --- */
static int put_frame(struct exchange *x, enum frame_type type, const void *body, size_t size)
{
	size_t left = x->out_size - x->out_at, need = left + FRAME_HEADER + size;
	uint8_t *out = malloc(need);

	if (!out)
		return -ENOMEM;
	if (left)
		memcpy(out, x->out + x->out_at, left);
	frame_write(out + left, type, (uint32_t)size);
	memcpy(out + left + FRAME_HEADER, body, size);
	free(x->out);
	x->out = out;
	x->out_at = 0;
	x->out_size = need;
	return 0;
}

static int put_result(struct exchange *x, uint8_t result)
{
	x->result_sent = true;
	return put_frame(x, FRAME_RESULT, &result, RESULT_SIZE);
}

static int lost(ssize_t n, struct cattest_error *err, const char *text)
{
	if (n == -EPROTO)
		text = "the peer does not keep to TLS: bad records, or messages without end";
	if (n == -EACCES)
		text = "the peer refused us in TLS (its log has the reason)";
	return ctls_fail(err, n ? (int)n : -ECONNRESET, "%s", text);
}

static int flush_out(struct exchange *x, struct cattest_error *err)
{
	while (x->out_at < x->out_size) {
		int want = CTLS_WANT_WRITE;
		ssize_t n = x->stream.write(x->stream.context, x->out + x->out_at,
					    x->out_size - x->out_at, &want);

		if (n == -EAGAIN)
			return want;
		if (n <= 0)
			return lost(n, err, "the peer went away during the exchange of evidence");
		x->out_at += (size_t)n;
	}
	free(x->out);
	x->out = NULL;
	x->out_at = x->out_size = 0;
	return 0;
}

/* --- Refusing: the peer learns nothing but that --- */
static int refuse(struct exchange *x, int code, const struct cattest_error *reason)
{
	x->failure = code;
	x->reason = *reason;
	x->state = REFUSED;
	/* Whatever was still to be sent is no longer of use. */
	if (!x->out_at)
		x->out_size = 0;
	ctls_log(x->ctls, "peer refused: %s", reason->text);
	if (x->out_size == x->out_at && put_result(x, RESULT_REFUSED))
		x->state = FAILED;
	return 0;
}

static int refuse_text(struct exchange *x, int code, const char *text)
{
	struct cattest_error reason;

	ctls_fail(&reason, code, "%s", text);
	return refuse(x, code, &reason);
}

/* --- Receiving: 0 a frame is there, a want, or an error --- */
static int reserve(struct exchange *x, size_t room)
{
	size_t more = room > FREE_ROOM ? room - x->reserved : 0;

	if (atomic_fetch_add(&x->ctls->unverified, more) + more > x->ctls->max_unverified) {
		atomic_fetch_sub(&x->ctls->unverified, more);
		return -EBUSY;
	}
	x->reserved += more;
	return 0;
}

static int grow_body(struct exchange *x)
{
	size_t room = x->body_room ? 2 * x->body_room : FIRST_ROOM;
	uint8_t *body;

	if (room > x->frame.size)
		room = x->frame.size;
	if (reserve(x, room))
		return -EBUSY;
	body = realloc(x->body, room);
	if (!body)
		return -ENOMEM;
	x->body = body;
	x->body_room = room;
	return 0;
}

static int read_body(struct exchange *x, struct cattest_error *err)
{
	while (x->body_at < x->frame.size) {
		int want = CTLS_WANT_READ;
		ssize_t n;
		int rc = x->body_at == x->body_room ? grow_body(x) : 0;

		if (rc == -EBUSY)
			return ctls_fail(
				err, rc,
				"too much evidence of peers that are not verified yet; later it may do");
		if (rc)
			return ctls_fail(err, rc, "out of memory");
		n = x->stream.read(x->stream.context, x->body + x->body_at,
				   x->body_room - x->body_at, &want);
		if (n == -EAGAIN)
			return want;
		if (n <= 0)
			return lost(n, err, "the peer went away in the middle of a message");
		x->body_at += (size_t)n;
	}
	return 0;
}

static int read_frame(struct exchange *x, struct cattest_error *err)
{
	while (x->header_at < FRAME_HEADER) {
		int want = CTLS_WANT_READ;
		ssize_t n = x->stream.read(x->stream.context, x->header + x->header_at,
					   FRAME_HEADER - x->header_at, &want);
		int rc;

		if (n == -EAGAIN)
			return want;
		if (n <= 0)
			return lost(n, err,
				    "the peer went away without having shown what was asked of it");
		x->header_at += (size_t)n;
		if (x->header_at < FRAME_HEADER)
			continue;
		rc = frame_parse(x->header, x->ctls->max_evidence, &x->frame, err);
		if (rc)
			return rc;
	}
	return read_body(x, err);
}

static void drop_frame(struct exchange *x)
{
	free(x->body);
	release(x);
	x->body = NULL;
	x->body_at = x->body_room = 0;
	x->header_at = 0;
}

/* --- Steps --- */
/* What comes next, once HELLOs are known. */
static int advance(struct exchange *x)
{
	bool collect = (x->peer.flags & HELLO_REQUIRES) && !x->collected;
	bool verify = (x->own.flags & HELLO_REQUIRES) && !x->verified;

	x->work_done = false;
	if (x->server ? collect : collect && !verify) {
		x->state = COLLECT;
		return 0;
	}
	if (!verify && !x->result_sent && put_result(x, RESULT_ACCEPTED))
		return -ENOMEM;
	x->state = verify ? READ_EVIDENCE : READ_RESULT;
	return 0;
}

static int take_hello(struct exchange *x)
{
	struct cattest_error err;
	int rc;

	if (x->frame.type != FRAME_HELLO)
		return refuse_text(x, -EPROTO, "the peer's first message is not HELLO");
	rc = hello_parse(x->body, &x->peer, &err);
	if (rc)
		return refuse(x, rc, &err);
	memcpy(x->hello[!x->server], x->body, HELLO_SIZE);
	drop_frame(x);
	if (x->peer.server == x->server ||
	    !CRYPTO_memcmp(x->peer.nonce, x->own.nonce, sizeof(x->own.nonce)))
		return refuse_text(x, -EACCES, "the peer sends back what we send (reflection)");
	if ((x->own.flags & HELLO_REQUIRES) && !(x->peer.flags & HELLO_OFFERS))
		return refuse_text(x, -EACCES, "the peer has no evidence");
	if ((x->peer.flags & HELLO_REQUIRES) && !(x->own.flags & HELLO_OFFERS))
		return refuse_text(x, -EACCES,
				   "the peer asks for evidence, and we have no attester");
	return advance(x);
}

static int take_collected(struct exchange *x)
{
	int rc;

	if (x->work_rc)
		return refuse(x, x->work_rc, &x->reason);
	if (!x->evidence || !x->evidence_size || x->evidence_size > CTLS_MAX_EVIDENCE)
		return refuse_text(x, -EINVAL, "our attester gave no evidence, or far too much");
	rc = put_frame(x, FRAME_EVIDENCE, x->evidence, x->evidence_size);
	free(x->evidence);
	x->evidence = NULL;
	if (rc)
		return rc;
	x->collected = true;
	return advance(x);
}

static int take_verified(struct exchange *x)
{
	drop_frame(x);
	if (x->work_rc)
		return refuse(x, x->work_rc, &x->reason);
	x->verified = true;
	return advance(x);
}

static int take_message(struct exchange *x, struct cattest_error *err)
{
	if (x->frame.type == FRAME_RESULT && x->body[0] == RESULT_REFUSED) {
		x->state = FAILED;
		x->failure = -EACCES;
		return ctls_fail(err, -EACCES, "the peer refused us (its log has the reason)");
	}
	if (x->state == READ_HELLO)
		return take_hello(x);
	if (x->state == READ_EVIDENCE) {
		if (x->frame.type != FRAME_EVIDENCE)
			return refuse_text(x, -EACCES,
					   "the peer sent something else instead of its evidence");
		x->state = VERIFY;
		return 0;
	}
	if (x->frame.type != FRAME_RESULT || x->body[0] != RESULT_ACCEPTED)
		return refuse_text(x, -EPROTO,
				   "the peer sent something else instead of its result");
	drop_frame(x);
	x->state = DONE;
	return 0;
}

static int start(struct exchange *x)
{
	hello_write(x->hello[x->server], &x->own);
	x->state = READ_HELLO;
	return put_frame(x, FRAME_HELLO, x->hello[x->server], HELLO_SIZE);
}

static int run_state(struct exchange *x, struct cattest_error *err)
{
	struct cattest_error reason;
	int rc;

	switch (x->state) {
	case START:
		return start(x);
	case READ_HELLO:
	case READ_EVIDENCE:
	case READ_RESULT:
		rc = read_frame(x, &reason);
		if (rc == -EPROTO || rc == -EBUSY)
			return refuse(x, rc, &reason);
		if (rc < 0 && err)
			*err = reason;
		return rc ? rc : take_message(x, err);
	case COLLECT:
		return x->work_done ? take_collected(x) : CTLS_WANT_WORK;
	case VERIFY:
		return x->work_done ? take_verified(x) : CTLS_WANT_WORK;
	default:
		return ctls_fail(err, x->failure ? x->failure : -EPROTO, "%s", x->reason.text);
	}
}

int exchange_step(struct exchange *x, struct cattest_error *err)
{
	for (;;) {
		/* A refusal that cannot be sent is a refusal all the same. */
		int rc = flush_out(x, x->state == REFUSED ? NULL : err);

		if (x->state == REFUSED && rc <= 0) {
			x->state = FAILED;
			return ctls_fail(err, x->failure, "%s", x->reason.text);
		}
		if (!rc && x->state == DONE)
			return CTLS_DONE;
		if (!rc)
			rc = run_state(x, err);
		if (rc == -ENOMEM)
			ctls_fail(err, rc, "out of memory");
		if (rc)
			return rc;
	}
}

/* --- The slow parts, in any thread --- */
static int collect(struct exchange *x)
{
	uint8_t report_data[CATTEST_REPORT_DATA_SIZE];
	int rc;

	if (session_report_data(&x->session, x->hello, x->server, report_data))
		return ctls_fail(&x->reason, -ENOMEM, "out of memory");
	rc = x->ctls->attester.collect(x->ctls->attester.context, report_data, &x->evidence,
				       &x->evidence_size, &x->reason);
	/* A positive number would look like something that we want. */
	return rc > 0 ? -EIO : rc;
}

static int verify(struct exchange *x)
{
	uint8_t report_data[CATTEST_REPORT_DATA_SIZE];
	struct ctls_evidence evidence = { .data = x->body,
					  .size = x->frame.size,
					  .report_data = report_data,
					  .report_data_size = sizeof(report_data) };
	int rc;

	if (session_report_data(&x->session, x->hello, !x->server, report_data))
		return ctls_fail(&x->reason, -ENOMEM, "out of memory");
	rc = x->ctls->verifier.verify(x->ctls->verifier.context, &evidence,
				      x->ctls->want_details ? &x->details : NULL, &x->reason);
	/* Whatever kept it from being trusted, a positive number too. */
	return rc && rc != -ENOMEM ? -EACCES : rc;
}

void exchange_work(struct exchange *x)
{
	if (x->work_done || (x->state != COLLECT && x->state != VERIFY))
		return;
	x->reason.text[0] = 0;
	x->work_rc = x->state == COLLECT ? collect(x) : verify(x);
	if (x->work_rc && !x->reason.text[0])
		ctls_fail(&x->reason, x->work_rc, "%s",
			  x->state == COLLECT ? "evidence cannot be collected"
					      : "evidence not trusted");
	x->work_done = true;
}
