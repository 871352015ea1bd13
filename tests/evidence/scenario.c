/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenarios of verdicts.txt: see there for the words. One policy for all of them accepts everything genuine, so that what is refused is refused by
 * the verification itself: debug enclaves and the like are claims here, not reasons.
 */
#include "tests/evidence/scenario.h"
#include "tests/evidence/samples.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char policy_text[] =
	"{\"version\": 1, \"name\": \"everything-genuine\","
	" \"types\": [\"sgx-quote\", \"tdx-quote\", \"snp-report\", \"azure-snp\", \"azure-tdx\", \"azure-quote\", \"nitro\", \"tpm-quote\","
	"             \"ratls-certificate\"],"
	" \"allow\": [\"debug\", \"custom-root\", \"no-freshness\", \"vmpl\", \"migration\", \"reserved-attributes\", \"sept-ve\","
	"             \"untrusted-ak\", \"any-code\"],"
	" \"require\": [{\"types\": [\"sgx-quote\", \"tdx-quote\", \"azure-tdx\"], \"claim\": \"tcb.status\", \"in\": [\"UpToDate\","
	"   \"SWHardeningNeeded\", \"ConfigurationNeeded\", \"ConfigurationAndSWHardeningNeeded\", \"OutOfDate\","
	"   \"OutOfDateConfigurationNeeded\", \"TDRelaunchAdvised\", \"TDRelaunchAdvisedConfigurationNeeded\"]}]}";

static struct cattest_policy *policy;

const char *evidence_folder(void)
{
	return samples_folder();
}

struct bytes evidence_read(const char *path)
{
	struct bytes ret = { .data = NULL };

	ret.data = sample_load(path, &ret.size);
	if (!ret.data)
		printf("%s: cannot be read\n", path);
	return ret;
}

bool scenario_parse(struct scenario *s, const char *line, int number)
{
	const struct {
		const char *name;
		const char **value;
	} known[] = { { "type=", &s->type }, { "at=", &s->at },	    { "trust=", &s->root },
		      { "log=", &s->log },   { "with=", &s->with }, { "data=", &s->data } };
	char *save = NULL;

	*s = (struct scenario){ .number = number };
	snprintf(s->line, sizeof(s->line), "%s", line);
	s->path = strtok_r(s->line, " \t\n", &save);
	s->verdict = s->path ? strtok_r(NULL, " \t\n", &save) : NULL;
	if (!s->verdict)
		return false;
	for (char *word; (word = strtok_r(NULL, " \t\n", &save)) && word[0] != '#';) {
		size_t i = 0;

		while (i < 6 && strncmp(word, known[i].name, strlen(known[i].name)))
			i++;
		if (i < 6) {
			*known[i].value = word + strlen(known[i].name);
		} else if (!strcmp(word, "evidence-time")) {
			s->evidence_time = true;
		} else if (strchr(word, '=') && s->claim_count < SCENARIO_WORDS) {
			s->claims[s->claim_count++] = word;
		} else {
			printf("verdicts.txt:%d: \"%s\" is no word of it\n", number, word);
			return false;
		}
	}
	return true;
}

static bool parse_time(const char *text, int64_t *ret_seconds)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (!end || *end)
		return false;
	*ret_seconds = timegm(&tm);
	return true;
}

static bool add_root(struct cattest_verifier *v, const char *kind_and_path)
{
	static const struct {
		const char *name;
		enum cattest_root kind;
	} kinds[] = { { "intel:", CATTEST_ROOT_INTEL },
		      { "amd:", CATTEST_ROOT_AMD },
		      { "tpm:", CATTEST_ROOT_TPM },
		      { "ak:", CATTEST_ROOT_AK },
		      { "aws:", CATTEST_ROOT_AWS } };

	for (size_t i = 0; i < 5; i++) {
		struct cattest_error err = { "" };
		struct bytes b;
		int ret;

		if (strncmp(kind_and_path, kinds[i].name, strlen(kinds[i].name)))
			continue;
		b = evidence_read(kind_and_path + strlen(kinds[i].name));
		ret = b.data ? cattest_add_root(v, kinds[i].kind, b.data, b.size, &err) : -1;
		free(b.data);
		if (ret)
			printf("%s: %s\n", kind_and_path, err.text);
		return !ret;
	}
	return false;
}

/* Each of a list with commas. */
static bool add_collateral(struct cattest_verifier *v, const char *list)
{
	char paths[1024], *save = NULL;

	snprintf(paths, sizeof(paths), "%s", list);
	for (char *path = strtok_r(paths, ",", &save); path; path = strtok_r(NULL, ",", &save)) {
		struct cattest_error err = { "" };
		struct bytes b = evidence_read(path);
		int ret = b.data ? cattest_add_collateral(v, path, b.data, b.size, &err) : -1;

		free(b.data);
		if (ret) {
			printf("%s\n", err.text);
			return false;
		}
	}
	return true;
}

struct cattest_verifier *scenario_verifier(const struct scenario *s)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_error err = { "" };
	int64_t now = 0;

	if (!policy &&
	    cattest_policy_parse("everything", policy_text, strlen(policy_text), &policy, &err))
		printf("%s\n", err.text);
	if (!v || !policy || (s->at && !parse_time(s->at, &now)) ||
	    (s->root && !add_root(v, s->root)) || (s->with && !add_collateral(v, s->with))) {
		printf("verdicts.txt:%d: cannot be set up\n", s->number);
		cattest_verifier_free(v);
		return NULL;
	}
	/* The time of the table: without its own, one that no sample is judged by. */
	cattest_set_time(v, s->at ? now : 1750000000);
	cattest_set_evidence_time(v, s->evidence_time);
	cattest_set_policy(v, policy);
	return v;
}

const char *scenario_verify(struct cattest_verifier *v, const struct scenario *s, const void *data,
			    size_t size, struct cattest_result **ret_result,
			    struct cattest_error *err)
{
	static const char *last_log;
	static struct bytes log;
	struct cattest_expect expect = { .type = s->type };
	uint8_t bound[64];

	*ret_result = NULL;
	if (s->log && (!last_log || strcmp(last_log, s->log))) {
		free(log.data);
		log = evidence_read(s->log);
		last_log = s->log;
	}
	if (s->log) {
		expect.event_log = log.data;
		expect.event_log_size = log.size;
	}
	if (s->data) {
		for (size_t i = 0; i < strlen(s->data) / 2 && i < sizeof(bound); i++) {
			unsigned byte = 0;

			sscanf(s->data + 2 * i, "%2x", &byte);
			bound[i] = (uint8_t)byte;
		}
		expect.report_data = bound;
		expect.report_data_size = strlen(s->data) / 2;
	}
	if (cattest_verify(v, data, size, &expect, ret_result, err))
		return "error";
	switch (cattest_result_verdict(*ret_result)) {
	case CATTEST_TRUSTED:
		return "trusted";
	case CATTEST_UNDECIDED:
		return "undecided";
	case CATTEST_REFUSED:
		return "refused";
	default:
		return "none";
	}
}

void claim_text_of(const struct cattest_claim *claim, char *text, size_t room)
{
	size_t at = 0;
	time_t t;
	struct tm tm;

	text[0] = 0;
	switch (claim->type) {
	case CATTEST_BYTES:
		for (size_t i = 0; i < claim->size && at + 3 < room; i++)
			at += (size_t)snprintf(text + at, room - at, "%02x", claim->bytes[i]);
		break;
	case CATTEST_STRING:
		snprintf(text, room, "%s", claim->string);
		break;
	case CATTEST_BOOL:
		snprintf(text, room, "%s", claim->number ? "true" : "false");
		break;
	case CATTEST_TIME:
		t = (time_t)claim->number;
		if (gmtime_r(&t, &tm))
			strftime(text, room, "%Y-%m-%dT%H:%M:%SZ", &tm);
		break;
	case CATTEST_STRINGS:
		for (size_t i = 0; i < claim->size && at < room; i++)
			at += (size_t)snprintf(text + at, room - at, "%s%s", i ? "," : "",
					       claim->strings[i]);
		break;
	default:
		snprintf(text, room, "%llu", (unsigned long long)claim->number);
	}
}

void first_fault(const struct cattest_result *r, char *text, size_t room)
{
	text[0] = 0;
	for (int missing = 0; missing < 2; missing++)
		for (size_t i = 0; i < cattest_result_checks(r); i++) {
			const struct cattest_check *c = cattest_result_check(r, i);

			if (c->outcome == (missing ? CATTEST_MISSING : CATTEST_FAIL)) {
				snprintf(text, room, "%s: %s", c->step, c->found);
				return;
			}
		}
}

void scenario_done(void)
{
	cattest_policy_free(policy);
	policy = NULL;
}
