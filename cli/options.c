/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading command lines: options by table ("--name value", "--name=value", "-n value", "-nvalue", "-it"), numbers,
 * sizes and signal names; and the small things every command needs: messages and lists of strings.
 */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

int fail(struct error *err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
	return -1;
}

int complain(const struct error *err, int status)
{
	char line[sizeof(err->text) + 16];
	size_t used = (size_t)snprintf(line, sizeof(line) - 1, "cloister: %s", err->text);

	/* Names may hold anything; a terminal must not obey it. */
	for (size_t i = 0; i < used; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[used++] = '\n';
	if (write(2, line, used) < 0)
		return status;
	return status;
}

static void *need(void *p)
{
	if (!p) {
		struct error err;

		fail(&err, "out of memory");
		_exit(complain(&err, EXIT_OURS));
	}
	return p;
}

char *format_string(const char *format, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&s, format, ap) < 0)
		s = NULL;
	va_end(ap);
	return need(s);
}

void strings_add(struct strings *s, const char *item)
{
	if (s->count + 2 > s->room) {
		s->room = s->room ? s->room * 2 : 64;
		s->items = need(realloc(s->items, s->room * sizeof(char *)));
	}
	s->items[s->count++] = need(strdup(item));
	s->items[s->count] = NULL;
}

void strings_done(struct strings *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->items[i]);
	free(s->items);
	*s = (struct strings){ 0 };
}

void strings_set_env(struct strings *s, const char *item)
{
	size_t len = strcspn(item, "=");

	for (size_t i = 0; i < s->count; i++)
		if (!strncmp(s->items[i], item, len) && s->items[i][len] == '=') {
			free(s->items[i]);
			s->items[i] = need(strdup(item));
			return;
		}
	strings_add(s, item);
}

const char *strings_get_env(const struct strings *s, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < s->count; i++)
		if (!strncmp(s->items[i], name, len) && s->items[i][len] == '=')
			return s->items[i] + len + 1;
	return NULL;
}

static int take_value(struct option_parser *p, const struct option *o, const char *attached,
		      struct error *err)
{
	p->value = attached;
	if (!o->value)
		return attached ? fail(err, "%s takes no value", p->shown) : 0;
	if (p->value)
		return 0;
	p->value = p->argv[0];
	if (!p->value)
		return fail(err, "%s needs a value: %s", p->shown, o->value);
	p->argv++;
	return 0;
}

static int unknown_option(struct option_parser *p, struct error *err)
{
	fail(err, "%s: unknown option (--help lists them)", p->shown);
	return -2;
}

static int long_option(struct option_parser *p, const char *name, struct error *err)
{
	size_t len = strcspn(name, "=");

	snprintf(p->shown, sizeof(p->shown), "--%.*s", (int)(len < 50 ? len : 50), name);
	for (int i = 0; p->table[i].name; i++) {
		const struct option *o = &p->table[i];

		if (strncmp(o->name, name, len) || o->name[len])
			continue;
		return take_value(p, o, name[len] ? name + len + 1 : NULL, err) ? -2 : i;
	}
	return unknown_option(p, err);
}

int option_next(struct option_parser *p, struct error *err)
{
	char letter;

	if (!p->cluster || !*p->cluster) {
		const char *s = p->argv[0];

		if (!s || s[0] != '-' || !s[1])
			return -1;
		p->argv++;
		if (!strcmp(s, "--"))
			return -1;
		if (s[1] == '-')
			return long_option(p, s + 2, err);
		p->cluster = s + 1;
	}
	letter = *p->cluster++;
	snprintf(p->shown, sizeof(p->shown), "-%c", letter);
	for (int i = 0; p->table[i].name; i++) {
		const struct option *o = &p->table[i];
		const char *rest = NULL;

		if (o->brief != letter)
			continue;
		if (o->value && *p->cluster) {
			rest = p->cluster + (*p->cluster == '=');
			p->cluster = NULL;
		}
		return take_value(p, o, rest, err) ? -2 : i;
	}
	return unknown_option(p, err);
}

int parse_number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || errno || value > max)
		return -1;
	*ret = value;
	return 0;
}

int parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char suffixes[] = "BKMGT";
	const char *suffix;
	char *end;
	unsigned long long value;
	unsigned int shift = 0;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || errno || !value)
		return -1;
	if (*end) {
		suffix = strchr(suffixes, toupper((unsigned char)*end));
		if (!suffix)
			return -1;
		shift = (unsigned int)(suffix - suffixes) * 10;
		end++;
		if (shift && (*end == 'i' || *end == 'I'))
			end++;
		if (shift && (*end == 'b' || *end == 'B'))
			end++;
		if (*end)
			return -1;
	}
	if (value > UINT64_MAX >> shift)
		return -1;
	*ret_bytes = value << shift;
	return 0;
}

int parse_signal(const char *text, int *ret_signal)
{
	uint64_t number;

	if (!parse_number(text, 64, &number)) {
		*ret_signal = (int)number;
		return 0;
	}
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	for (int i = 1; i < 32; i++) {
		const char *name = sigabbrev_np(i);

		if (name && !strcasecmp(name, text)) {
			*ret_signal = i;
			return 0;
		}
	}
	return -1;
}

int find_program(const char *name, char *to, size_t size, struct error *err)
{
	static const char *const places[] = { "", "../lib/cloister/" };
	char own[3072];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;

	if (n <= 0)
		return fail(err, "/proc is not mounted: cloister needs it");
	own[n] = 0;
	slash = strrchr(own, '/');
	if (slash)
		*slash = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(to, size, "%s/%s%s", own, places[i], name);
		if (!access(to, R_OK))
			return 0;
	}
	return fail(err, "%s/%s is missing (make builds it)", own, name);
}
