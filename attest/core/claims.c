/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims: stated once each, under names of claims.def, with the type that is written there. A name that is not there is a mistake of
 * this program and ends it; a family's suffix may come from outside and is only refused. The same claim twice with
 * the same value is one claim (evidence inside evidence says the same thing); with another value the verification fails.
 */
#include "attest/core/result.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct cattest_claim_name definitions[] = {
#define CLAIM(name, type, meaning) { name, CATTEST_##type, meaning },
#include "attest/core/claims.def"
#undef CLAIM
};
static const uint8_t definition_len[] = {
#define CLAIM(name, type, meaning) sizeof(name) - 1,
#include "attest/core/claims.def"
#undef CLAIM
};
#define DEFINITIONS (sizeof(definitions) / sizeof(definitions[0]))
#define MAX_NAME 160

const struct cattest_claim_name *cattest_claim_names(size_t *ret_count)
{
	if (ret_count)
		*ret_count = DEFINITIONS;
	return definitions;
}

/* Whether the suffix of a family's member is of the letters that all users of names can carry. */
static bool suffix_ok(const char *suffix, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = suffix[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '_' || c == '-'))
			return false;
	}
	return len > 0;
}

/* *ret_family: the name lies in a family, whose definition may yet not allow it. */
static const struct cattest_claim_name *find_definition(const char *name, size_t len,
							bool *ret_family)
{
	*ret_family = false;
	for (size_t i = 0; i < DEFINITIONS; i++)
		if (definition_len[i] == len && !memcmp(definitions[i].name, name, len))
			return definitions[i].name[len - 1] == '*' ? NULL : &definitions[i];
	for (size_t i = 0; i < DEFINITIONS; i++) {
		size_t stem = definition_len[i] - 1u;

		if (definitions[i].name[stem] != '*' || len < stem ||
		    memcmp(definitions[i].name, name, stem))
			continue;
		*ret_family = true;
		return suffix_ok(name + stem, len - stem) && len <= MAX_NAME ? &definitions[i]
									     : NULL;
	}
	return NULL;
}

const struct cattest_claim_name *claim_definition(const char *name, size_t len)
{
	bool family;

	return len ? find_definition(name, len, &family) : NULL;
}

/* Names that are no family's members are the definition's own text, so that most comparisons are of addresses. */
static struct cattest_claim *find_claim(const struct cattest_result *r, const char *name)
{
	bool family;
	const struct cattest_claim_name *d = find_definition(name, strlen(name), &family);

	for (size_t i = 0; d && i < r->claim_count; i++)
		if (r->claims[i].name == d->name || (family && !strcmp(r->claims[i].name, name)))
			return &r->claims[i];
	return NULL;
}

const struct cattest_claim *claim_find(const struct appraisal *a, const char *name)
{
	return find_claim(a->result, name);
}

const struct cattest_claim *cattest_result_find(const struct cattest_result *r, const char *name)
{
	return find_claim(r, name);
}

static bool same_value(const struct cattest_claim *a, const struct cattest_claim *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case CATTEST_BYTES:
		return a->size == b->size && (!a->size || bytes_equal(a->bytes, b->bytes, a->size));
	case CATTEST_STRING:
		return !strcmp(a->string, b->string);
	case CATTEST_UINT:
	case CATTEST_BOOL:
	case CATTEST_TIME:
		return a->number == b->number;
	case CATTEST_STRINGS:
		break;
	}
	return false;
}

/* Where the claim will stand, or NULL: it is there already, or cannot be stored. */
static struct cattest_claim *claim_slot(struct appraisal *a, const char *name,
					enum cattest_claim_type type)
{
	struct cattest_result *r = a->result;
	bool family;
	size_t len = strlen(name);
	const struct cattest_claim_name *d = find_definition(name, len, &family);
	struct cattest_claim *c;

	if (!d && family) {
		char shown[MAX_NAME];

		safe_text(SPAN(name, len), shown, sizeof(shown));
		r->bad_name = result_copy_text(r, shown, strlen(shown));
		return NULL;
	}
	assert(d && d->type == type);
	if (r->claim_count == RESULT_MAX_CLAIMS) {
		r->overflow = true;
		return NULL;
	}
	if (r->claim_count == r->claim_room) {
		size_t room = r->claim_room ? r->claim_room * 2 : 64;

		c = realloc(r->claims, room * sizeof(*c));
		if (!c) {
			r->out_of_memory = true;
			return NULL;
		}
		r->claims = c;
		r->claim_room = room;
	}
	c = &r->claims[r->claim_count];
	*c = (struct cattest_claim){ .name = family ? result_copy_text(r, name, len) : d->name,
				     .type = type };
	return c->name ? c : NULL;
}

/* The slot's claim becomes part of the result, unless the name has been claimed before. */
static void claim_commit(struct appraisal *a, struct cattest_claim *c)
{
	struct cattest_claim *before = find_claim(a->result, c->name);

	if (!before)
		a->result->claim_count++;
	else if (!same_value(before, c))
		check_fail(a, "claims.unique", "each claim has one value", "%s is claimed twice",
			   c->name);
}

void claim_bytes(struct appraisal *a, const char *name, struct span value)
{
	struct cattest_claim *c = claim_slot(a, name, CATTEST_BYTES);
	uint8_t *copy;

	if (!c)
		return;
	copy = result_alloc(a->result, value.size + 1);
	if (!copy)
		return;
	if (value.size)
		memcpy(copy, value.data, value.size);
	c->bytes = copy;
	c->size = value.size;
	claim_commit(a, c);
}

static void claim_number(struct appraisal *a, const char *name, enum cattest_claim_type type,
			 uint64_t value)
{
	struct cattest_claim *c = claim_slot(a, name, type);

	if (!c)
		return;
	c->number = value;
	claim_commit(a, c);
}

void claim_uint(struct appraisal *a, const char *name, uint64_t value)
{
	claim_number(a, name, CATTEST_UINT, value);
}

void claim_bool(struct appraisal *a, const char *name, bool value)
{
	claim_number(a, name, CATTEST_BOOL, value);
}

void claim_time(struct appraisal *a, const char *name, int64_t unix_seconds)
{
	claim_number(a, name, CATTEST_TIME, (uint64_t)unix_seconds);
}

/* Printable copy in the arena, whole; NULL if there is no room. */
static const char *arena_text(struct cattest_result *r, struct span value)
{
	char small[512], *text = small;
	const char *ret;
	size_t room;

	if (value.size > RESULT_MAX_BYTES) {
		r->overflow = true;
		return NULL;
	}
	room = value.size * 4 + 4;
	if (room > sizeof(small)) {
		text = malloc(room);
		if (!text) {
			r->out_of_memory = true;
			return NULL;
		}
	}
	safe_text(value, text, room);
	ret = result_copy_text(r, text, strlen(text));
	if (text != small)
		free(text);
	return ret;
}

void claim_text(struct appraisal *a, const char *name, struct span value)
{
	struct cattest_claim *c = claim_slot(a, name, CATTEST_STRING);

	if (!c)
		return;
	c->string = arena_text(a->result, value);
	if (c->string)
		claim_commit(a, c);
}

void claim_string(struct appraisal *a, const char *name, const char *value)
{
	claim_text(a, name, SPAN(value, strlen(value)));
}

/* The list grows by doubling in the arena: a power of two of strings is full. */
static void list_append(struct cattest_result *r, struct cattest_claim *c, const char *value)
{
	const char **items = (const char **)(uintptr_t)c->strings;

	if (c->size == RESULT_MAX_STRINGS) {
		r->overflow = true;
		return;
	}
	if (!(c->size & (c->size - 1)) && c->size != 1) {
		size_t room = c->size ? c->size * 2 : 2;

		items = result_alloc(r, room * sizeof(*items));
		if (!items)
			return;
		if (c->size)
			memcpy(items, c->strings, c->size * sizeof(*items));
		c->strings = items;
	}
	items[c->size++] = value;
}

static struct cattest_claim *list_claim(struct appraisal *a, const char *name)
{
	struct cattest_claim *c = find_claim(a->result, name);

	if (!c) {
		c = claim_slot(a, name, CATTEST_STRINGS);
		if (c)
			a->result->claim_count++;
	}
	assert(!c || c->type == CATTEST_STRINGS);
	return c;
}

static void list_add(struct appraisal *a, const char *name, const char *value)
{
	struct cattest_claim *c = list_claim(a, name);
	const char *copy = c ? arena_text(a->result, SPAN(value, strlen(value))) : NULL;

	if (copy)
		list_append(a->result, c, copy);
}

void claim_add(struct appraisal *a, const char *name, const char *format, ...)
{
	char small[1024], *text = small;
	va_list ap;
	int len;

	va_start(ap, format);
	len = vsnprintf(small, sizeof(small), format, ap);
	va_end(ap);
	if (len >= (int)sizeof(small)) {
		va_start(ap, format);
		len = vasprintf(&text, format, ap);
		va_end(ap);
	}
	if (len < 0) {
		a->result->out_of_memory = true;
		return;
	}
	list_add(a, name, text);
	if (text != small)
		free(text);
}

void claim_add_once(struct appraisal *a, const char *name, const char *value)
{
	const struct cattest_claim *c = find_claim(a->result, name);

	for (size_t i = 0; c && i < c->size; i++)
		if (!strcmp(c->strings[i], value))
			return;
	if (c && c->size >= RESULT_MAX_UNIQUE)
		a->result->overflow = true;
	else
		list_add(a, name, value);
}
