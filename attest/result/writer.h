/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that grows, and JSON written into it. An own writer since claims are 64-bit unsigned numbers, which must come out as what they
 * are. Running out of memory is remembered; texts of results are valid UTF-8 already.
 */
#pragma once

#include "attest/core/result.h"

struct writer {
	char *text;
	size_t len, room;
	bool bad;
	bool comma; /* JSON: something stands before */
};

void put(struct writer *w, const char *text, size_t len);
void put_text(struct writer *w, const char *text);
void put_format(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The text, or NULL and -ENOMEM; the writer is empty then. */
int writer_finish(struct writer *w, char **ret_text, struct cattest_error *err);

/* JSON: name NULL inside arrays. */
void json_open(struct writer *w, const char *name, char bracket);
void json_close(struct writer *w, char bracket);
void json_text(struct writer *w, const char *name, const char *value);
void json_hex(struct writer *w, const char *name, struct span value);
void json_number(struct writer *w, const char *name, int64_t value);
void json_unsigned(struct writer *w, const char *name, uint64_t value);
void json_bool(struct writer *w, const char *name, bool value);
/* All claims as members of an object: BYTES hex, TIME RFC 3339. */
void json_claims(struct writer *w, const char *name, const struct cattest_result *r);

/* AR4SI's trust vector, in the order of its names; 0 is "no claim". */
enum trust {
	INSTANCE_IDENTITY,
	CONFIGURATION,
	EXECUTABLES,
	FILE_SYSTEM,
	HARDWARE,
	RUNTIME_OPAQUE,
	STORAGE_OPAQUE,
	SOURCED_DATA,
	TRUST_COUNT
};
void trust_vector(const struct cattest_result *r, int8_t ret_vector[TRUST_COUNT]);
/* "none", "affirming", "warning", "contraindicated" */
const char *trust_status(const struct cattest_result *r, const int8_t vector[TRUST_COUNT]);

/* The checks that made the verdict, in words on one line: "debug: found true, expected false; and 2 more". */
void put_reason(struct writer *w, const struct cattest_result *r);
