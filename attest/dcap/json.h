/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict reading of Intel's signed JSON with jansson. A reader remembers the first thing that is wrong, names it, and gives zeroes
 * from then on, so that a parser checks once. What Intel adds in the future as further members is left alone, as their API allows;
 * a member that is known is there, has the type and the range that the API states, or the object is malformed.
 */
#pragma once

#include "attest/core/appraisal.h"

#include <jansson.h>

struct json_reader {
	struct cattest_error *err;
	const char *what; /* for messages: "TCB info" */
	bool bad;
};

/* The object in exactly these bytes: no duplicate members, nothing after it, nested at most 16 deep, at most 4 MiB. NULL: malformed, with a
 * message. */
json_t *json_reader_load(struct json_reader *r, struct span text);

/* Remembers a failure. */
void json_reader_fail(struct json_reader *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The member of an object; bad if it is not there or of another type. */
json_t *json_reader_member(struct json_reader *r, const json_t *object, const char *name,
			   json_type type);
/* NULL, not bad, if it is not there. */
json_t *json_reader_optional(struct json_reader *r, const json_t *object, const char *name,
			     json_type type);
/* 0 to max. */
uint32_t json_reader_number(struct json_reader *r, const json_t *object, const char *name,
			    uint32_t max);
const char *json_reader_string(struct json_reader *r, const json_t *object, const char *name);
void json_reader_hex(struct json_reader *r, const json_t *object, const char *name,
		     uint8_t *ret_bytes, size_t size);
int64_t json_reader_time(struct json_reader *r, const json_t *object, const char *name);
