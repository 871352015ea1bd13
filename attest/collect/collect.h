/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collecting evidence where we run: one table of attesters, one file each. An attester asks what
 * lies below (a file tree of the kernel, a device, a TPM, the host's quoting service) for evidence
 * bound to 64 bytes, and hands on what it gets as a verifier wants it. It judges nothing, but never
 * hands on what is plainly not evidence: nothing at all, or evidence that is bound to something
 * else.
 *
 * Settings are "key=value,key=value"; a comma or backslash in a value has a backslash before it. A
 * key that the attester does not know is an error. "root=FOLDER" stands before every path an
 * attester opens, for tests and for trees that are mounted elsewhere.
 */
#pragma once

#include "attest/core/appraisal.h"

#define SETTINGS_MAX 24
#define COLLECT_EVIDENCE_MAX (4u << 20)

struct settings {
	char *text;
	struct {
		const char *key, *value;
	} items[SETTINGS_MAX];
	size_t count;
};
/* text may be NULL. keys: what is known, NULL-ended. */
int settings_parse(const char *attester, const char *text, const char *const *keys,
		   struct settings *ret_settings, struct cattest_error *err);
void settings_done(struct settings *s);
const char *settings_find(const struct settings *s, const char *key); /* NULL: not set */
/* Decimal or 0x; leaves *value alone if it is not set. */
int settings_number(const struct settings *s, const char *key, uint64_t max, uint64_t *value,
		    struct cattest_error *err);
/* Exactly size bytes of hex; leaves them alone if it is not set. */
int settings_hex(const struct settings *s, const char *key, uint8_t *bytes, size_t size,
		 struct cattest_error *err);

struct attester_type {
	const char *name;
	const char *const *keys;
	uint32_t backend; /* of the quoting service, for socket=: enum quoting_backend */
	/* Whether this machine seems to have it; NULL: never taken unasked. */
	bool (*present)(void);
	int (*open)(const struct settings *s, void **ret_state, struct cattest_error *err);
	int (*collect)(void *state, const uint8_t report_data[CATTEST_REPORT_DATA_SIZE],
		       uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err);
	void (*close)(void *state);
};
extern const struct attester_type collect_sim, collect_tsm, collect_gramine, collect_nsm,
	collect_tpm;

/* --- files.c --- */
/* root (may be NULL) and path in one buffer. -ENAMETOOLONG. */
int collect_path(const char *root, const char *path, char *ret_path, size_t room);
/* A whole file, however long stat() says it is: malloc()ed. -E2BIG: more than max. May be empty. */
int collect_read(const char *path, size_t max, uint8_t **ret_data, size_t *ret_size);
/* Text of a small file without its last newline. */
int collect_read_line(const char *path, char *ret_text, size_t room);
/* In one write(), as configfs wants its blobs; the file must exist. */
int collect_write(const char *path, const void *data, size_t size);

/* --- service.c: a client of the quoting service --- */
/* settings' socket, $CLOISTER_QUOTING_SOCKET, or the default. */
const char *service_socket(const struct settings *s);
/* One request, its answer's body malloc()ed. Errors of the service come back with its message. */
int service_ask(const char *socket_path, uint32_t operation, uint32_t backend,
		const uint8_t report_data[64], struct span body, uint8_t **ret_body,
		size_t *ret_size, struct cattest_error *err);

/* --- bound.c --- */
/*
 * Whether evidence of a form known here (SGX and TDX quotes, SNP reports) carries report_data: 0 it
 * does, or the form is not known; -EBADMSG it carries something else, with a message.
 */
int collect_check_bound(const char *what, struct span evidence, const uint8_t report_data[64],
			struct cattest_error *err);

/* --- Seams for tests: what cannot be played by ordinary files. --- */
struct tsm_calls {
	int (*make)(const char *path);	 /* mkdir; 0 or -errno */
	int (*remove)(const char *path); /* rmdir */
};
extern const struct tsm_calls *collect_tsm_calls;
/* The ioctl of /dev/nsm: 0 or -errno. *response_size: room, then bytes. */
extern int (*collect_nsm_call)(int fd, const void *request, size_t request_size, void *response,
			       size_t *response_size);
