/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attesters of the public interface: choosing one, reading its settings, collecting. Settings
 * are copied; nothing of the caller's is kept.
 */
#include "attest/collect/collect.h"

#include "abi/quoting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * In the order in which they are tried: what is certain and local first. Simulated evidence is
 * never taken unasked.
 */
static const struct attester_type *const attesters[] = { &collect_gramine, &collect_tsm,
							 &collect_nsm, &collect_tpm, &collect_sim };

struct cattest_attester {
	const struct attester_type *type;
	char *socket; /* not NULL: evidence comes through the quoting service */
	void *state;
};

/* The next comma-separated part, unescaped in place; NULL: a lone backslash at the end. */
static char *next_part(char **at)
{
	char *start = *at, *to = *at, *from = *at;

	for (; *from && *from != ','; from++) {
		if (*from == '\\' && !*++from)
			return NULL;
		*to++ = *from;
	}
	*at = *from ? from + 1 : NULL;
	*to = 0;
	return start;
}

static bool known(const char *const *keys, const char *key)
{
	for (; *keys; keys++)
		if (!strcmp(*keys, key))
			return true;
	return false;
}

static int unknown_setting(const char *attester, const char *key, const char *const *keys,
			   struct cattest_error *err)
{
	char list[256] = "";
	size_t used = 0;

	for (; *keys && used < sizeof(list); keys++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, " %s", *keys);
	return fail(err, -EINVAL, "attester %s: there is no setting \"%.60s\"; known:%s", attester,
		    key, list);
}

static int add_setting(const char *attester, char *part, const char *const *keys,
		       struct settings *s, struct cattest_error *err)
{
	char *equals = strchr(part, '=');

	if (!equals)
		return fail(err, -EINVAL, "attester %s: \"%.60s\" is not key=value", attester,
			    part);
	*equals = 0;
	if (!known(keys, part))
		return unknown_setting(attester, part, keys, err);
	if (settings_find(s, part))
		return fail(err, -EINVAL, "attester %s: %s is set twice", attester, part);
	if (s->count == SETTINGS_MAX)
		return fail(err, -E2BIG, "attester %s: too many settings", attester);
	s->items[s->count].key = part;
	s->items[s->count++].value = equals + 1;
	return 0;
}

int settings_parse(const char *attester, const char *text, const char *const *keys,
		   struct settings *ret_settings, struct cattest_error *err)
{
	struct settings s = { 0 };
	char *at;
	int rc = 0;

	if (text && *text) {
		at = s.text = strdup(text);
		if (!at)
			return fail(err, -ENOMEM, "out of memory");
		while (at && !rc) {
			char *part = next_part(&at);

			rc = part ? add_setting(attester, part, keys, &s, err)
				  : fail(err, -EINVAL, "attester %s: settings end in a backslash",
					 attester);
		}
	}
	if (rc)
		settings_done(&s);
	else
		*ret_settings = s;
	return rc;
}

void settings_done(struct settings *s)
{
	free(s->text);
	*s = (struct settings){ 0 };
}

const char *settings_find(const struct settings *s, const char *key)
{
	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(s->items[i].key, key))
			return s->items[i].value;
	return NULL;
}

int settings_number(const struct settings *s, const char *key, uint64_t max, uint64_t *value,
		    struct cattest_error *err)
{
	const char *text = settings_find(s, key);
	unsigned long long number;
	char *end;

	if (!text)
		return 0;
	errno = 0;
	number = strtoull(text, &end, 0);
	if (text[0] < '0' || text[0] > '9' || *end || errno || number > max)
		return fail(err, -EINVAL, "setting %s: \"%.40s\" is not a number from 0 to %llu",
			    key, text, (unsigned long long)max);
	*value = number;
	return 0;
}

int settings_hex(const struct settings *s, const char *key, uint8_t *bytes, size_t size,
		 struct cattest_error *err)
{
	const char *text = settings_find(s, key);

	if (text && hex_parse(text, strlen(text), bytes, size))
		return fail(err, -EINVAL, "setting %s: must be %zu bytes in hex", key, size);
	return 0;
}

/* --- the public calls --- */

static const struct attester_type *choose(const char *name, struct cattest_error *err)
{
	for (size_t i = 0; i < sizeof(attesters) / sizeof(attesters[0]); i++)
		if (name ? !strcmp(attesters[i]->name, name)
			 : attesters[i]->present && attesters[i]->present())
			return attesters[i];
	if (name)
		fail(err, -ENOTSUP,
		     "there is no attester \"%.40s\"; known: gramine, tsm, nsm, tpm, sim", name);
	else
		fail(err, -ENODEV,
		     "nothing here makes evidence: no /dev/attestation, no configfs-tsm, no /dev/nsm, no TPM (simulated evidence: name the attester \"sim\")");
	return NULL;
}

int cattest_attester_new(const char *name, const char *settings,
			 struct cattest_attester **ret_attester, struct cattest_error *err)
{
	const struct attester_type *type = choose(name, err);
	struct cattest_attester *a;
	struct settings s;
	int rc;

	if (!type)
		return name ? -ENOTSUP : -ENODEV;
	rc = settings_parse(type->name, settings, type->keys, &s, err);
	if (rc)
		return rc;
	a = calloc(1, sizeof(*a));
	if (a) {
		a->type = type;
		/* The sim attester makes the report itself, and so talks to the service itself. */
		if (type->backend != QUOTING_SIM && settings_find(&s, "socket")) {
			a->socket = strdup(settings_find(&s, "socket"));
			rc = a->socket ? 0 : fail(err, -ENOMEM, "out of memory");
		} else {
			rc = type->open(&s, &a->state, err);
		}
	} else {
		rc = fail(err, -ENOMEM, "out of memory");
	}
	settings_done(&s);
	if (rc)
		free(a);
	else
		*ret_attester = a;
	return rc;
}

const char *cattest_attester_name(const struct cattest_attester *a)
{
	return a->type->name;
}

int cattest_collect(struct cattest_attester *a, const uint8_t report_data[CATTEST_REPORT_DATA_SIZE],
		    uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err)
{
	uint8_t *evidence = NULL;
	size_t size = 0;
	int rc;

	if (a->socket)
		rc = service_ask(a->socket, QUOTING_EVIDENCE, a->type->backend, report_data,
				 SPAN(NULL, 0), &evidence, &size, err);
	else
		rc = a->type->collect(a->state, report_data, &evidence, &size, err);
	if (rc)
		return rc;
	if (!size)
		rc = fail(err, -ENODATA, "attester %s gave no evidence at all", a->type->name);
	else
		rc = collect_check_bound(a->type->name, SPAN(evidence, size), report_data, err);
	if (rc) {
		free(evidence);
		return rc;
	}
	*ret_evidence = evidence;
	*ret_size = size;
	return 0;
}

void cattest_attester_free(struct cattest_attester *a)
{
	if (!a)
		return;
	if (a->state)
		a->type->close(a->state);
	free(a->socket);
	free(a);
}
