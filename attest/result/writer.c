/* SPDX-License-Identifier: Apache-2.0 */
/* Growing text and JSON: see writer.h. */
#include "attest/result/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void put(struct writer *w, const char *text, size_t len)
{
	if (w->bad)
		return;
	if (len >= w->room - w->len) {
		size_t room = (w->room + len + 256) * 2;
		char *grown = realloc(w->text, room);

		if (!grown) {
			w->bad = true;
			return;
		}
		w->text = grown;
		w->room = room;
	}
	memcpy(w->text + w->len, text, len);
	w->len += len;
	w->text[w->len] = 0;
}

void put_text(struct writer *w, const char *text)
{
	put(w, text, strlen(text));
}

void put_format(struct writer *w, const char *format, ...)
{
	char *text;
	va_list ap;
	int len;

	va_start(ap, format);
	len = vasprintf(&text, format, ap);
	va_end(ap);
	if (len < 0) {
		w->bad = true;
		return;
	}
	put(w, text, (size_t)len);
	free(text);
}

int writer_finish(struct writer *w, char **ret_text, struct cattest_error *err)
{
	if (!w->text)
		put(w, "", 0);
	if (w->bad) {
		free(w->text);
		*w = (struct writer){ 0 };
		return fail(err, -ENOMEM, "out of memory");
	}
	*ret_text = w->text;
	*w = (struct writer){ 0 };
	return 0;
}

static void put_quoted(struct writer *w, const char *text)
{
	put(w, "\"", 1);
	for (size_t run; *text; text += run) {
		run = strcspn(
			text,
			"\"\\\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16"
			"\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f");
		put(w, text, run);
		if (!text[run])
			break;
		put_format(w, text[run] == '"' || text[run] == '\\' ? "\\%c" : "\\u%04x",
			   text[run]);
		run++;
	}
	put(w, "\"", 1);
}

static void put_name(struct writer *w, const char *name)
{
	if (w->comma)
		put(w, ",", 1);
	w->comma = true;
	if (name) {
		put_quoted(w, name);
		put(w, ":", 1);
	}
}

void json_open(struct writer *w, const char *name, char bracket)
{
	put_name(w, name);
	put(w, &bracket, 1);
	w->comma = false;
}

void json_close(struct writer *w, char bracket)
{
	put(w, &bracket, 1);
	w->comma = true;
}

void json_text(struct writer *w, const char *name, const char *value)
{
	put_name(w, name);
	put_quoted(w, value);
}

void json_hex(struct writer *w, const char *name, struct span value)
{
	size_t room = value.size * 2 + 4;
	char *text = malloc(room);

	if (!text) {
		w->bad = true;
		return;
	}
	json_text(w, name, hex_text(value, text, room));
	free(text);
}

void json_number(struct writer *w, const char *name, int64_t value)
{
	put_name(w, name);
	put_format(w, "%" PRId64, value);
}

void json_unsigned(struct writer *w, const char *name, uint64_t value)
{
	put_name(w, name);
	put_format(w, "%" PRIu64, value);
}

void json_bool(struct writer *w, const char *name, bool value)
{
	put_name(w, name);
	put_text(w, value ? "true" : "false");
}

static void json_claim(struct writer *w, const struct cattest_claim *c)
{
	char time[32];

	switch (c->type) {
	case CATTEST_BYTES:
		json_hex(w, c->name, SPAN(c->bytes, c->size));
		break;
	case CATTEST_UINT:
		json_unsigned(w, c->name, c->number);
		break;
	case CATTEST_BOOL:
		json_bool(w, c->name, c->number);
		break;
	case CATTEST_TIME:
		json_text(w, c->name, time_text((int64_t)c->number, time));
		break;
	case CATTEST_STRING:
		json_text(w, c->name, c->string);
		break;
	case CATTEST_STRINGS:
		json_open(w, c->name, '[');
		for (size_t i = 0; i < c->size; i++)
			json_text(w, NULL, c->strings[i]);
		json_close(w, ']');
		break;
	}
}

void json_claims(struct writer *w, const char *name, const struct cattest_result *r)
{
	json_open(w, name, '{');
	for (size_t i = 0; i < r->claim_count; i++)
		json_claim(w, &r->claims[i]);
	json_close(w, '}');
}
