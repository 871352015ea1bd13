// SPDX-License-Identifier: Apache-2.0
/*
 * The strict JSON reader of TCB infos and enclave identities. jansson refuses invalid UTF-8, numbers that overflow, duplicates and trailing bytes;
 * nesting is bounded here before it sees the text, since it recurses on it. Reals are never taken for integers.
 */
#include "attest/dcap/json.h"
#include "lib/json/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define DEPTH_MAX 16
#define TEXT_MAX (4u << 20)

void json_reader_fail(struct json_reader *r, const char *format, ...)
{
	char text[256];
	va_list arguments;

	if (r->bad)
		return;
	r->bad = true;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fail(r->err, -EBADMSG, "%s: %s", r->what, text);
}

json_t *json_reader_load(struct json_reader *r, struct span text)
{
	json_error_t error;
	json_t *root;

	if (text.size > TEXT_MAX) {
		json_reader_fail(r, "%zu bytes are more than is allowed (%u)", text.size, TEXT_MAX);
		return NULL;
	}
	if (!text.size || !json_shallow(text.data, text.size, DEPTH_MAX)) {
		json_reader_fail(r, text.size ? "nested more than %d deep" : "empty", DEPTH_MAX);
		return NULL;
	}
	root = json_read(text.data, text.size, DEPTH_MAX, &error);
	if (!root) {
		json_reader_fail(r, "malformed JSON in line %d, column %d", error.line,
				 error.column);
		return NULL;
	}
	if (!json_is_object(root)) {
		json_reader_fail(r, "not a JSON object");
		json_decref(root);
		return NULL;
	}
	return root;
}

static const char *type_name(json_type type)
{
	switch (type) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	default:
		return "of its type";
	}
}

json_t *json_reader_optional(struct json_reader *r, const json_t *object, const char *name,
			     json_type type)
{
	json_t *value = r->bad ? NULL : json_object_get(object, name);

	if (value && json_typeof(value) != type) {
		json_reader_fail(r, "\"%s\" is not %s", name, type_name(type));
		return NULL;
	}
	return value;
}

json_t *json_reader_member(struct json_reader *r, const json_t *object, const char *name,
			   json_type type)
{
	json_t *value = json_reader_optional(r, object, name, type);

	if (!value)
		json_reader_fail(r, "\"%s\" is missing", name);
	return value;
}

uint32_t json_reader_number(struct json_reader *r, const json_t *object, const char *name,
			    uint32_t max)
{
	json_t *value = json_reader_member(r, object, name, JSON_INTEGER);
	json_int_t number = value ? json_integer_value(value) : 0;

	if (number < 0 || number > (json_int_t)max) {
		json_reader_fail(r, "\"%s\" is %" JSON_INTEGER_FORMAT ", not 0 to %u", name, number,
				 max);
		return 0;
	}
	return (uint32_t)number;
}

const char *json_reader_string(struct json_reader *r, const json_t *object, const char *name)
{
	json_t *value = json_reader_member(r, object, name, JSON_STRING);

	return value ? json_string_value(value) : "";
}

void json_reader_hex(struct json_reader *r, const json_t *object, const char *name,
		     uint8_t *ret_bytes, size_t size)
{
	json_t *value = json_reader_member(r, object, name, JSON_STRING);

	if (!value ||
	    hex_parse(json_string_value(value), json_string_length(value), ret_bytes, size) < 0) {
		json_reader_fail(r, "\"%s\" is not the hex of %zu bytes", name, size);
		memset(ret_bytes, 0, size);
	}
}

int64_t json_reader_time(struct json_reader *r, const json_t *object, const char *name)
{
	json_t *value = json_reader_member(r, object, name, JSON_STRING);
	int64_t seconds = 0;

	if (!value || time_parse(json_string_value(value), &seconds) < 0) {
		json_reader_fail(r, "\"%s\" is not a date as 2025-06-19T10:56:42Z", name);
		return 0;
	}
	return seconds;
}
