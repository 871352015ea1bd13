/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy language against results made by hand: every operator for every type of claim with what passes, fails and is
 * absent; every rule that holds unsaid, given up and not; every error, with its text; JSON and YAML side by side; the limits.
 */
#include "attest/core/result.h"
#include "attest/policy/language.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1800000000 /* 2027-01-15T08:00:00Z */
#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define Z32 "00000000000000000000000000000000"
#define A32 "abababababababababababababababab"
#define H32 Z32 Z32	/* 32 bytes in hex */
#define A64 A32 A32	/* 32 bytes */
#define Z48 Z32 Z32 Z32 /* 48 bytes */
#define Z64 Z32 Z32 Z32 Z32

static int failures;

static void failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void failed(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("FAIL ", stdout);
	vprintf(format, args);
	putchar('\n');
	va_end(args);
	failures++;
}

static struct cattest_policy *parse(const char *text, struct cattest_error *err)
{
	struct cattest_policy *policy = NULL;

	err->text[0] = '\0';
	if (cattest_policy_parse("p", text, strlen(text), &policy, err) < 0)
		return NULL;
	return policy;
}

/* --- Results made by hand: "name=value name=value", lists with commas, bytes in hex --- */
static void state(struct appraisal *a, const char *name, char *value)
{
	const struct cattest_claim_name *known = policy_claim_lookup(name);
	uint8_t bytes[128];
	char *save = NULL;

	if (!known) {
		failed("the test states an unknown claim %s", name);
		return;
	}
	switch (known->type) {
	case CATTEST_BYTES:
		hex_parse(value, strlen(value), bytes, strlen(value) / 2);
		claim_bytes(a, name, SPAN(bytes, strlen(value) / 2));
		break;
	case CATTEST_UINT:
		claim_uint(a, name, strtoull(value, NULL, 0));
		break;
	case CATTEST_STRING:
		claim_string(a, name, value);
		break;
	case CATTEST_BOOL:
		claim_bool(a, name, !strcmp(value, "true"));
		break;
	case CATTEST_TIME:
		claim_time(a, name, strtoll(value, NULL, 0));
		break;
	case CATTEST_STRINGS:
		for (char *s = strtok_r(value, ",", &save); s; s = strtok_r(NULL, ",", &save))
			claim_add(a, name, "%s", s);
		break;
	}
}

static void state_all(struct appraisal *a, const char *claims)
{
	char text[4096], *save = NULL;

	snprintf(text, sizeof(text), "%s", claims);
	for (char *item = strtok_r(text, " ", &save); item; item = strtok_r(NULL, " ", &save)) {
		char *value = strchr(item, '=');

		if (!value)
			continue;
		*value++ = '\0';
		state(a, item, value);
	}
}

static const char *outcome_name(int outcome)
{
	static const char *const names[] = { "nothing", "pass", "fail", "missing", "note" };

	return names[outcome];
}

struct run {
	const char *claims;
	bool bound;	 /* the caller gave report data */
	bool incomplete; /* a step before is missing its collateral */
};

/* The outcome of one check; 0: there is none. found: its text. */
static int outcome(const struct cattest_policy *policy, const struct run *run, const char *step,
		   char *found, size_t room)
{
	static const uint8_t data[64];
	const struct cattest_expect expect = { .report_data = run->bound ? data : NULL,
					       .report_data_size = run->bound ? 64 : 0 };
	struct cattest_error err = { "" };
	struct appraisal a = { .result = result_new(), .err = &err, .expect = &expect, .now = NOW };
	int ret = 0;

	state_all(&a, run->claims);
	if (run->incomplete)
		check_missing(&a, "dcap.tcb_info", "no TCB info");
	policy_evaluate(&a, policy);
	for (size_t i = 0; i < cattest_result_checks(a.result); i++) {
		const struct cattest_check *check = cattest_result_check(a.result, i);

		if (strcmp(check->step, step) != 0)
			continue;
		if (ret)
			failed("%s is there twice", step);
		ret = (int)check->outcome;
		if (found)
			snprintf(found, room, "%s", check->found);
	}
	cattest_result_free(a.result);
	return ret;
}

/* --- Operators --- */
static const struct {
	const char *rule, *claims;
	int outcome;
} operators[] = {
	/* bytes */
	{ "\"claim\":\"sgx.mrenclave\",\"equals\":\"" A64 "\"", "sgx.mrenclave=" A64,
	  CATTEST_PASS },
	{ "\"claim\":\"sgx.mrenclave\",\"equals\":\"" A64 "\"", "sgx.mrenclave=" H32,
	  CATTEST_FAIL },
	{ "\"claim\":\"sgx.mrenclave\",\"equals\":\"" A64 "\"", "", CATTEST_FAIL },
	{ "\"claim\":\"sgx.mrenclave\",\"equals\":\"ABABABABABABABABABABABABABABABAB" A32 "\"",
	  "sgx.mrenclave=" A64, CATTEST_PASS },
	{ "\"claim\":\"sgx.mrenclave\",\"in\":[\"" H32 "\",\"" A64 "\"]", "sgx.mrenclave=" A64,
	  CATTEST_PASS },
	{ "\"claim\":\"sgx.mrenclave\",\"in\":[\"" H32 "\"]", "sgx.mrenclave=" A64, CATTEST_FAIL },
	{ "\"claim\":\"sgx.mrenclave\",\"in\":[\"" H32 "\"]", "", CATTEST_FAIL },
	{ "\"claim\":\"sgx.configid\",\"prefix\":\"abab\"", "sgx.configid=" A64 A64, CATTEST_PASS },
	{ "\"claim\":\"sgx.configid\",\"prefix\":\"abac\"", "sgx.configid=" A64 A64, CATTEST_FAIL },
	{ "\"claim\":\"sgx.configid\",\"prefix\":\"abac\"", "", CATTEST_FAIL },
	{ "\"claim\":\"nonce\",\"prefix\":\"abab\"", "nonce=ab", CATTEST_FAIL },
	{ "\"claim\":\"sgx.attributes\",\"mask\":\"02"
	  "000000000000000000000000000000\",\"equals\":\"" Z32 "\"",
	  "sgx.attributes=0500000000000000e700000000000000", CATTEST_PASS },
	{ "\"claim\":\"sgx.attributes\",\"mask\":\"02"
	  "000000000000000000000000000000\",\"equals\":\"" Z32 "\"",
	  "sgx.attributes=0700000000000000e700000000000000", CATTEST_FAIL },
	{ "\"claim\":\"sgx.attributes\",\"mask\":\"02"
	  "000000000000000000000000000000\",\"equals\":\"" Z32 "\"",
	  "", CATTEST_FAIL },
	{ "\"claim\":\"nonce\",\"mask\":\"ff\",\"equals\":\"01\"", "nonce=0101", CATTEST_FAIL },
	{ "\"claim\":\"nonce\",\"exists\":true", "nonce=01", CATTEST_PASS },
	{ "\"claim\":\"nonce\",\"exists\":true", "", CATTEST_FAIL },
	/* numbers */
	{ "\"claim\":\"sgx.isvsvn\",\"equals\":3", "sgx.isvsvn=3", CATTEST_PASS },
	{ "\"claim\":\"sgx.isvsvn\",\"equals\":3", "sgx.isvsvn=4", CATTEST_FAIL },
	{ "\"claim\":\"sgx.isvsvn\",\"equals\":3", "", CATTEST_FAIL },
	{ "\"claim\":\"sgx.isvsvn\",\"equals\":\"0x10\"", "sgx.isvsvn=16", CATTEST_PASS },
	{ "\"claim\":\"sgx.isvsvn\",\"in\":[1,3]", "sgx.isvsvn=3", CATTEST_PASS },
	{ "\"claim\":\"sgx.isvsvn\",\"in\":[1,3]", "sgx.isvsvn=2", CATTEST_FAIL },
	{ "\"claim\":\"sgx.isvsvn\",\"in\":[1,3]", "", CATTEST_FAIL },
	{ "\"claim\":\"sgx.isvsvn\",\"at_least\":3", "sgx.isvsvn=3", CATTEST_PASS },
	{ "\"claim\":\"sgx.isvsvn\",\"at_least\":3", "sgx.isvsvn=2", CATTEST_FAIL },
	{ "\"claim\":\"sgx.isvsvn\",\"at_least\":3", "", CATTEST_FAIL },
	{ "\"claim\":\"sgx.isvsvn\",\"at_most\":3", "sgx.isvsvn=3", CATTEST_PASS },
	{ "\"claim\":\"sgx.isvsvn\",\"at_most\":3", "sgx.isvsvn=4", CATTEST_FAIL },
	{ "\"claim\":\"sgx.isvsvn\",\"at_most\":3", "", CATTEST_FAIL },
	{ "\"claim\":\"sgx.miscselect\",\"mask\":\"0xff\",\"equals\":1", "sgx.miscselect=0x101",
	  CATTEST_PASS },
	{ "\"claim\":\"sgx.miscselect\",\"mask\":\"0xff\",\"equals\":1", "sgx.miscselect=0x103",
	  CATTEST_FAIL },
	{ "\"claim\":\"sgx.miscselect\",\"mask\":\"0xff\",\"equals\":1", "", CATTEST_FAIL },
	{ "\"claim\":\"sgx.isvsvn\",\"exists\":true", "sgx.isvsvn=0", CATTEST_PASS },
	{ "\"claim\":\"sgx.isvsvn\",\"exists\":true", "", CATTEST_FAIL },
	/* texts */
	{ "\"claim\":\"platform.ca\",\"equals\":\"platform\"", "platform.ca=platform",
	  CATTEST_PASS },
	{ "\"claim\":\"platform.ca\",\"equals\":\"platform\"", "platform.ca=processor",
	  CATTEST_FAIL },
	{ "\"claim\":\"platform.ca\",\"equals\":\"platform\"", "", CATTEST_FAIL },
	{ "\"claim\":\"platform.type\",\"in\":[\"scalable\",\"standard\"]",
	  "platform.type=standard", CATTEST_PASS },
	{ "\"claim\":\"platform.type\",\"in\":[\"scalable\",\"standard\"]",
	  "platform.type=scalable-with-integrity", CATTEST_FAIL },
	{ "\"claim\":\"platform.type\",\"in\":[\"scalable\",\"standard\"]", "", CATTEST_FAIL },
	{ "\"claim\":\"certificate.subject\",\"prefix\":\"CN=app\"", "certificate.subject=CN=app1",
	  CATTEST_PASS },
	{ "\"claim\":\"certificate.subject\",\"prefix\":\"CN=app\"", "certificate.subject=CN=ap",
	  CATTEST_FAIL },
	{ "\"claim\":\"certificate.subject\",\"prefix\":\"CN=app\"", "", CATTEST_FAIL },
	{ "\"claim\":\"platform.ca\",\"exists\":true", "platform.ca=platform", CATTEST_PASS },
	{ "\"claim\":\"platform.ca\",\"exists\":true", "", CATTEST_FAIL },
	/* true and false */
	{ "\"claim\":\"platform.smt\",\"equals\":false", "platform.smt=false", CATTEST_PASS },
	{ "\"claim\":\"platform.smt\",\"equals\":false", "platform.smt=true", CATTEST_FAIL },
	{ "\"claim\":\"platform.smt\",\"equals\":false", "", CATTEST_FAIL },
	{ "\"claim\":\"platform.smt\",\"exists\":true", "platform.smt=true", CATTEST_PASS },
	{ "\"claim\":\"platform.smt\",\"exists\":true", "", CATTEST_FAIL },
	/* times */
	{ "\"claim\":\"tcb.date\",\"at_least\":\"2024-03-13\"", "tcb.date=1710288000",
	  CATTEST_PASS },
	{ "\"claim\":\"tcb.date\",\"at_least\":\"2024-03-13\"", "tcb.date=1710287999",
	  CATTEST_FAIL },
	{ "\"claim\":\"tcb.date\",\"at_least\":\"2024-03-13\"", "", CATTEST_FAIL },
	{ "\"claim\":\"tcb.date\",\"at_most\":\"2024-03-13T00:00:01Z\"", "tcb.date=1710288001",
	  CATTEST_PASS },
	{ "\"claim\":\"tcb.date\",\"at_most\":\"2024-03-13T00:00:01Z\"", "tcb.date=1710288002",
	  CATTEST_FAIL },
	{ "\"claim\":\"tcb.date\",\"at_most\":\"2024-03-13T00:00:01Z\"", "", CATTEST_FAIL },
	{ "\"claim\":\"tcb.date\",\"at_least\":\"2024-03-13\"", "tcb.date=-5", CATTEST_FAIL },
	{ "\"claim\":\"tcb.date\",\"equals\":\"2024-03-13\"", "tcb.date=1710288000", CATTEST_PASS },
	{ "\"claim\":\"tcb.date\",\"equals\":\"2024-03-13\"", "tcb.date=1710288001", CATTEST_FAIL },
	{ "\"claim\":\"tcb.date\",\"equals\":\"2024-03-13\"", "", CATTEST_FAIL },
	{ "\"claim\":\"tcb.date\",\"not_older_than\":\"1h\"", "tcb.date=1799996400", CATTEST_PASS },
	{ "\"claim\":\"tcb.date\",\"not_older_than\":\"1h\"", "tcb.date=1799996399", CATTEST_FAIL },
	{ "\"claim\":\"tcb.date\",\"not_older_than\":\"1h\"", "tcb.date=1800000300", CATTEST_PASS },
	{ "\"claim\":\"tcb.date\",\"not_older_than\":\"1h\"", "tcb.date=1800000301", CATTEST_FAIL },
	{ "\"claim\":\"tcb.date\",\"not_older_than\":\"1h\"", "tcb.date=-9223372036854775807",
	  CATTEST_FAIL },
	{ "\"claim\":\"tcb.date\",\"not_older_than\":\"1h\"", "", CATTEST_FAIL },
	{ "\"claim\":\"tcb.date\",\"not_older_than\":3600", "tcb.date=1799996400", CATTEST_PASS },
	/* The age of collateral: a week on the verifier's clock, 1800000000 */
	{ "\"claim\":\"collateral.issued\",\"not_older_than\":\"7d\"",
	  "collateral.issued=1799395200", CATTEST_PASS },
	{ "\"claim\":\"collateral.issued\",\"not_older_than\":\"7d\"",
	  "collateral.issued=1799395199", CATTEST_FAIL },
	{ "\"claim\":\"collateral.issued\",\"not_older_than\":\"7d\"", "", CATTEST_FAIL },
	{ "\"claim\":\"tcb.date\",\"exists\":true", "tcb.date=1", CATTEST_PASS },
	{ "\"claim\":\"tcb.date\",\"exists\":true", "", CATTEST_FAIL },
	/* lists; where the TCB was judged, no advisories are an empty list */
	{ "\"claim\":\"tcb.advisories\",\"contains\":\"SA-1\"", "tcb.advisories=SA-2,SA-1",
	  CATTEST_PASS },
	{ "\"claim\":\"tcb.advisories\",\"contains\":\"SA-1\"", "tcb.advisories=SA-2",
	  CATTEST_FAIL },
	{ "\"claim\":\"tcb.advisories\",\"contains\":[\"SA-1\",\"SA-2\"]",
	  "tcb.advisories=SA-2,SA-1,SA-3", CATTEST_PASS },
	{ "\"claim\":\"tcb.advisories\",\"contains\":[\"SA-1\",\"SA-2\"]", "tcb.advisories=SA-2",
	  CATTEST_FAIL },
	{ "\"claim\":\"tcb.advisories\",\"contains\":\"SA-1\"", "", CATTEST_FAIL },
	{ "\"claim\":\"tcb.advisories\",\"subset_of\":[\"SA-2\",\"SA-1\"]", "tcb.advisories=SA-1",
	  CATTEST_PASS },
	{ "\"claim\":\"tcb.advisories\",\"subset_of\":[\"SA-2\",\"SA-1\"]",
	  "tcb.advisories=SA-1,SA-3", CATTEST_FAIL },
	{ "\"claim\":\"tcb.advisories\",\"subset_of\":[\"SA-2\",\"SA-1\"]", "", CATTEST_PASS },
	{ "\"claim\":\"tcb.advisories\",\"subset_of\":[]", "", CATTEST_PASS },
	{ "\"claim\":\"tcb.advisories\",\"subset_of\":[]", "tcb.advisories=SA-1", CATTEST_FAIL },
	{ "\"claim\":\"eventlog.kernel_cmdline\",\"subset_of\":[\"ro\"]",
	  "eventlog.kernel_cmdline=ro", CATTEST_PASS },
	{ "\"claim\":\"eventlog.kernel_cmdline\",\"subset_of\":[\"ro\"]", "eventlog.format=ccel",
	  CATTEST_FAIL },
	{ "\"claim\":\"eventlog.kernel_cmdline\",\"exists\":true", "eventlog.kernel_cmdline=ro",
	  CATTEST_PASS },
	/* all, any, not: three values */
	{ "\"all\":[{\"claim\":\"sgx.isvsvn\",\"equals\":1},{\"claim\":\"sgx.isvprodid\",\"equals\":2}]",
	  "sgx.isvsvn=1 sgx.isvprodid=2", CATTEST_PASS },
	{ "\"all\":[{\"claim\":\"sgx.isvsvn\",\"equals\":1},{\"claim\":\"sgx.isvprodid\",\"equals\":2}]",
	  "sgx.isvsvn=1 sgx.isvprodid=3", CATTEST_FAIL },
	{ "\"all\":[{\"claim\":\"sgx.isvsvn\",\"equals\":1},{\"claim\":\"sgx.isvprodid\",\"equals\":2}]",
	  "sgx.isvsvn=1", CATTEST_FAIL },
	{ "\"any\":[{\"claim\":\"sgx.isvsvn\",\"equals\":1},{\"claim\":\"sgx.isvprodid\",\"equals\":2}]",
	  "sgx.isvsvn=0 sgx.isvprodid=2", CATTEST_PASS },
	{ "\"any\":[{\"claim\":\"sgx.isvsvn\",\"equals\":1},{\"claim\":\"sgx.isvprodid\",\"equals\":2}]",
	  "sgx.isvprodid=2", CATTEST_PASS },
	{ "\"any\":[{\"claim\":\"sgx.isvsvn\",\"equals\":1},{\"claim\":\"sgx.isvprodid\",\"equals\":2}]",
	  "sgx.isvprodid=3", CATTEST_FAIL },
	{ "\"not\":{\"claim\":\"sgx.isvsvn\",\"equals\":1}", "sgx.isvsvn=2", CATTEST_PASS },
	{ "\"not\":{\"claim\":\"sgx.isvsvn\",\"equals\":1}", "sgx.isvsvn=1", CATTEST_FAIL },
	{ "\"not\":{\"claim\":\"sgx.isvsvn\",\"equals\":1}", "", CATTEST_FAIL },
	{ "\"not\":{\"not\":{\"claim\":\"sgx.isvsvn\",\"equals\":1}}", "", CATTEST_FAIL },
	{ "\"not\":{\"not\":{\"claim\":\"sgx.isvsvn\",\"equals\":1}}", "sgx.isvsvn=1",
	  CATTEST_PASS },
	{ "\"not\":{\"any\":[{\"claim\":\"sgx.isvsvn\",\"equals\":1},{\"claim\":\"sgx.isvprodid\",\"equals\":2}]}",
	  "sgx.isvsvn=0", CATTEST_FAIL },
	{ "\"not\":{\"all\":[{\"claim\":\"sgx.isvsvn\",\"equals\":1},{\"claim\":\"sgx.isvprodid\",\"equals\":2}]}",
	  "sgx.isvsvn=0", CATTEST_PASS },
	{ "\"not\":{\"all\":[{\"claim\":\"sgx.isvsvn\",\"equals\":1},{\"claim\":\"sgx.isvprodid\",\"equals\":2}]}",
	  "sgx.isvsvn=1", CATTEST_FAIL },
	{ "\"not\":{\"claim\":\"tcb.advisories\",\"contains\":\"SA-1\"}", "", CATTEST_PASS },
	{ "\"not\":{\"claim\":\"tcb.advisories\",\"contains\":\"SA-1\"}", "tcb.advisories=SA-1",
	  CATTEST_FAIL },
	{ "\"reference\":\"r1\"", "sgx.mrsigner=" A64 " sgx.isvprodid=7 sgx.isvsvn=4",
	  CATTEST_PASS },
	{ "\"reference\":\"r1\"", "sgx.mrsigner=" A64 " sgx.isvprodid=7 sgx.isvsvn=2",
	  CATTEST_FAIL },
	{ "\"reference\":\"r1\"", "sgx.mrsigner=" A64 " sgx.isvprodid=7", CATTEST_FAIL },
	{ "\"reference\":[\"r1\",\"r2\"]", "sgx.mrenclave=" A64, CATTEST_PASS },
	{ "\"reference\":[\"r1\",\"r2\"]", "sgx.mrenclave=" H32, CATTEST_FAIL },
	/* The sets are whole: no value of one and another of the other. */
	{ "\"reference\":[\"r1\",\"r2\"]", "sgx.mrsigner=" A64 " sgx.isvprodid=8 sgx.isvsvn=4",
	  CATTEST_FAIL },
};

#define TCB_RULE "{\"claim\":\"tcb.status\",\"in\":[\"UpToDate\"]}"
#define REFERENCES                                                                                                         \
	"\"references\":{\"r1\":{\"source\":\"build 1\",\"sgx.mrsigner\":\"" A64                                           \
	"\",\"sgx.isvprodid\":7,\"sgx.isvsvn\":{\"at_least\":3}},\"r2\":{\"source\":\"build 2\",\"sgx.mrenclave\":[\"" A64 \
	"\"]}},"

static void test_operators(void)
{
	struct cattest_error err;
	char text[2048], claims[1024], found[1024];

	for (size_t i = 0; i < COUNT(operators); i++) {
		bool reference = strstr(operators[i].rule, "reference") != NULL;
		bool certificate = strstr(operators[i].rule, "certificate.") != NULL;
		bool log = strstr(operators[i].rule, "eventlog.") != NULL;
		struct cattest_policy *policy;
		struct run run = { .claims = claims, .bound = true };
		int got;

		/* Both sets are used, by the rule or by one that always passes. */
		snprintf(
			text, sizeof(text),
			"{\"version\":1,\"name\":\"t\",\"types\":[\"%s\"%s],\"allow\":[\"any-code\"],%s\"require\":[" TCB_RULE
			",{\"name\":\"x\",%s}%s]}",
			log ? "tdx-quote" : "sgx-quote",
			certificate ? ",\"ratls-certificate\"" : "", reference ? REFERENCES : "",
			operators[i].rule,
			reference
				? ",{\"any\":[{\"reference\":[\"r1\",\"r2\"]},{\"claim\":\"tcb.status\",\"exists\":true}]}"
				: "");
		snprintf(claims, sizeof(claims), "evidence.type=%s tcb.status=UpToDate %s",
			 log ? "tdx-quote" : "sgx-quote", operators[i].claims);
		policy = parse(text, &err);
		if (!policy) {
			failed("%s: %s", operators[i].rule, err.text);
			continue;
		}
		got = outcome(policy, &run, "policy.x", found, sizeof(found));
		if (got != operators[i].outcome)
			failed("%s with %s: %s, not %s (%s)", operators[i].rule,
			       operators[i].claims, outcome_name(got),
			       outcome_name(operators[i].outcome), found);
		cattest_policy_free(policy);
	}
}

/* --- What holds unsaid --- */
#define SGX_GOOD \
	"evidence.type=sgx-quote debug=false root=built-in collateral.expired=false tcb.status=UpToDate sgx.mrenclave=" H32
#define TDX_GOOD                                                                                                       \
	"evidence.type=tdx-quote debug=false root=built-in collateral.expired=false tcb.status=UpToDate tdx.mrtd=" Z48 \
	" tdx.migratable=false tdx.reserved_attributes=false tdx.sept_ve_disable=true"
#define SNP_GOOD                                                                  \
	"evidence.type=snp-report debug=false root=built-in snp.measurement=" Z48 \
	" snp.vmpl=0 snp.policy.migrate_ma=false"

static const struct {
	const char *type, *allow, *claims, *step;
	bool bound;
	int outcome;
} implicits[] = {
	{ "sgx-quote", "", SGX_GOOD, "policy.types", true, CATTEST_PASS },
	{ "sgx-quote", "", TDX_GOOD, "policy.types", true, CATTEST_FAIL },
	{ "sgx-quote", "", "root=built-in", "policy.types", true, CATTEST_FAIL },
	{ "sgx-quote", "", SGX_GOOD, "policy.debug", true, CATTEST_PASS },
	{ "sgx-quote", "", "evidence.type=sgx-quote debug=true", "policy.debug", true,
	  CATTEST_FAIL },
	{ "sgx-quote", "", "evidence.type=sgx-quote", "policy.debug", true, CATTEST_FAIL },
	{ "sgx-quote", "debug", "evidence.type=sgx-quote debug=true", "policy.debug", true,
	  CATTEST_NOTE },
	{ "sgx-quote", "debug", SGX_GOOD, "policy.debug", true, CATTEST_PASS },
	{ "tpm-quote", "", "evidence.type=tpm-quote", "policy.debug", true, 0 },
	{ "tpm-quote", "", "evidence.type=tpm-quote debug=true", "policy.debug", true,
	  CATTEST_FAIL },
	{ "sgx-quote", "", SGX_GOOD, "policy.collateral", true, CATTEST_PASS },
	{ "sgx-quote", "", "evidence.type=sgx-quote collateral.expired=true", "policy.collateral",
	  true, CATTEST_FAIL },
	{ "sgx-quote", "expired-collateral", "evidence.type=sgx-quote collateral.expired=true",
	  "policy.collateral", true, CATTEST_NOTE },
	{ "sgx-quote", "", "evidence.type=sgx-quote", "policy.collateral", true, 0 },
	{ "sgx-quote", "", SGX_GOOD, "policy.root", true, CATTEST_PASS },
	{ "sgx-quote", "", "evidence.type=sgx-quote root=custom", "policy.root", true,
	  CATTEST_FAIL },
	{ "sgx-quote", "", "evidence.type=sgx-quote", "policy.root", true, CATTEST_FAIL },
	{ "sgx-quote", "custom-root", "evidence.type=sgx-quote root=custom", "policy.root", true,
	  CATTEST_NOTE },
	{ "sgx-quote", "", SGX_GOOD, "policy.freshness", true, CATTEST_PASS },
	{ "sgx-quote", "", SGX_GOOD, "policy.freshness", false, CATTEST_MISSING },
	{ "sgx-quote", "no-freshness", SGX_GOOD, "policy.freshness", false, CATTEST_NOTE },
	{ "sim", "custom-root", "evidence.type=sim debug=false root=custom", "policy.simulated",
	  true, CATTEST_FAIL },
	{ "sim", "simulated", "evidence.type=sim debug=false root=custom", "policy.simulated", true,
	  CATTEST_NOTE },
	{ "snp-report", "", SNP_GOOD, "policy.vmpl", true, CATTEST_PASS },
	{ "snp-report", "", "evidence.type=snp-report snp.vmpl=1", "policy.vmpl", true,
	  CATTEST_FAIL },
	{ "snp-report", "", "evidence.type=snp-report", "policy.vmpl", true, CATTEST_FAIL },
	{ "snp-report", "vmpl", "evidence.type=snp-report snp.vmpl=1", "policy.vmpl", true,
	  CATTEST_NOTE },
	{ "snp-report", "", SNP_GOOD, "policy.migration", true, CATTEST_PASS },
	{ "snp-report", "", "evidence.type=snp-report snp.policy.migrate_ma=true",
	  "policy.migration", true, CATTEST_FAIL },
	{ "snp-report", "migration", "evidence.type=snp-report snp.policy.migrate_ma=true",
	  "policy.migration", true, CATTEST_NOTE },
	{ "tdx-quote", "", TDX_GOOD, "policy.migration", true, CATTEST_PASS },
	{ "tdx-quote", "", "evidence.type=tdx-quote tdx.migratable=true", "policy.migration", true,
	  CATTEST_FAIL },
	{ "tdx-quote", "migration", "evidence.type=tdx-quote tdx.migratable=true",
	  "policy.migration", true, CATTEST_NOTE },
	{ "tdx-quote", "", TDX_GOOD, "policy.reserved-attributes", true, CATTEST_PASS },
	{ "tdx-quote", "", "evidence.type=tdx-quote tdx.reserved_attributes=true",
	  "policy.reserved-attributes", true, CATTEST_FAIL },
	{ "tdx-quote", "reserved-attributes",
	  "evidence.type=tdx-quote tdx.reserved_attributes=true", "policy.reserved-attributes",
	  true, CATTEST_NOTE },
	{ "tdx-quote", "", TDX_GOOD, "policy.sept-ve", true, CATTEST_PASS },
	{ "tdx-quote", "", "evidence.type=tdx-quote tdx.sept_ve_disable=false", "policy.sept-ve",
	  true, CATTEST_FAIL },
	{ "tdx-quote", "sept-ve", "evidence.type=tdx-quote tdx.sept_ve_disable=false",
	  "policy.sept-ve", true, CATTEST_NOTE },
	{ "tpm-quote", "", "evidence.type=tpm-quote tpm.ak_trust=certificate", "policy.ak-trust",
	  true, CATTEST_PASS },
	{ "tpm-quote", "", "evidence.type=tpm-quote tpm.ak_trust=none", "policy.ak-trust", true,
	  CATTEST_FAIL },
	{ "tpm-quote", "", "evidence.type=tpm-quote", "policy.ak-trust", true, CATTEST_FAIL },
	{ "tpm-quote", "untrusted-ak", "evidence.type=tpm-quote tpm.ak_trust=none",
	  "policy.ak-trust", true, CATTEST_NOTE },
	/* Not for other types. */
	{ "nitro", "", "evidence.type=nitro debug=false", "policy.sept-ve", true, 0 },
	{ "nitro", "", "evidence.type=nitro debug=false", "policy.vmpl", true, 0 },
	{ "nitro", "", "evidence.type=nitro debug=false", "policy.ak-trust", true, 0 },
	{ "nitro", "", "evidence.type=nitro debug=true", "policy.debug", true, CATTEST_FAIL },
	/* A certificate: itself and what it holds must be accepted. */
	{ "ratls-certificate\",\"sgx-quote", "",
	  "evidence.type=ratls-certificate debug=false sgx.mrenclave=" H32, "policy.types", true,
	  CATTEST_PASS },
	{ "ratls-certificate\",\"sgx-quote", "", "evidence.type=ratls-certificate tdx.mrtd=" Z48,
	  "policy.types", true, CATTEST_FAIL },
	{ "ratls-certificate\",\"sgx-quote", "", "evidence.type=ratls-certificate", "policy.types",
	  true, CATTEST_FAIL },
	{ "ratls-certificate\",\"sgx-quote", "", SGX_GOOD, "policy.types", true, CATTEST_PASS },
	{ "sgx-quote", "", "evidence.type=ratls-certificate sgx.mrenclave=" H32, "policy.types",
	  true, CATTEST_FAIL },
	{ "ratls-certificate\",\"sgx-quote", "",
	  "evidence.type=ratls-certificate debug=true sgx.mrenclave=" H32, "policy.debug", true,
	  CATTEST_FAIL },
	{ "ratls-certificate\",\"snp-report", "",
	  "evidence.type=ratls-certificate snp.vmpl=2 snp.measurement=" Z48, "policy.vmpl", true,
	  CATTEST_FAIL },
};

static void test_implicit(void)
{
	struct cattest_error err;
	char text[1024], allow[64], found[1024];

	for (size_t i = 0; i < COUNT(implicits); i++) {
		const char *type = implicits[i].type;
		struct run run = { .claims = implicits[i].claims, .bound = implicits[i].bound };
		struct cattest_policy *policy;
		bool tcb = strstr(type, "sgx") || strstr(type, "tdx");
		int got;

		snprintf(allow, sizeof(allow), "%s%s%s", *implicits[i].allow ? ",\"" : "",
			 implicits[i].allow, *implicits[i].allow ? "\"" : "");
		snprintf(
			text, sizeof(text),
			"{\"version\":1,\"name\":\"t\",\"types\":[\"%s\"],\"allow\":[\"any-code\"%s],\"require\":[%s]}",
			type, allow,
			tcb ? TCB_RULE : "{\"claim\":\"evidence.type\",\"exists\":true}");
		policy = parse(text, &err);
		if (!policy) {
			failed("%s: %s", text, err.text);
			continue;
		}
		got = outcome(policy, &run, implicits[i].step, found, sizeof(found));
		if (got != implicits[i].outcome)
			failed("%s, allow [%s], %s: %s is %s, not %s", type, implicits[i].allow,
			       implicits[i].claims, implicits[i].step, outcome_name(got),
			       outcome_name(implicits[i].outcome));
		cattest_policy_free(policy);
	}
}

/* A pin of the policy's own is as good as the caller's; with collateral missing, what depends on it is missing too. */
static void test_undecided(void)
{
	static const struct {
		const char *rules, *claims, *step;
		bool incomplete;
		int outcome;
	} cases[] = {
		{ TCB_RULE, "evidence.type=sgx-quote", "policy.tcb.status", true, CATTEST_MISSING },
		{ TCB_RULE, "evidence.type=sgx-quote", "policy.tcb.status", false, CATTEST_FAIL },
		{ TCB_RULE, "evidence.type=sgx-quote tcb.status=OutOfDate", "policy.tcb.status",
		  true, CATTEST_FAIL },
		{ TCB_RULE, "evidence.type=sgx-quote", "policy.root", true, CATTEST_MISSING },
		{ TCB_RULE ",{\"claim\":\"sgx.isvsvn\",\"at_least\":1}", "evidence.type=sgx-quote",
		  "policy.sgx.isvsvn", true, CATTEST_FAIL },
		{ TCB_RULE
		  ",{\"name\":\"y\",\"not\":{\"claim\":\"tcb.platform_status\",\"equals\":\"OutOfDate\"}}",
		  "evidence.type=sgx-quote", "policy.y", true, CATTEST_MISSING },
		{ TCB_RULE
		  ",{\"name\":\"y\",\"all\":[{\"claim\":\"platform.smt\",\"equals\":false},{\"claim\":\"sgx.isvsvn\",\"equals\":2}]}",
		  "evidence.type=sgx-quote sgx.isvsvn=1", "policy.y", true, CATTEST_FAIL },
		{ TCB_RULE ",{\"claim\":\"report_data\",\"equals\":\"" Z64 "\"}",
		  "evidence.type=sgx-quote", "policy.freshness", false, CATTEST_PASS },
		{ TCB_RULE ",{\"claim\":\"report_data\",\"prefix\":\"" Z32 "\"}",
		  "evidence.type=sgx-quote", "policy.freshness", false, CATTEST_PASS },
		{ TCB_RULE ",{\"claim\":\"report_data\",\"prefix\":\"00\"}",
		  "evidence.type=sgx-quote", "policy.freshness", false, CATTEST_MISSING },
		{ TCB_RULE ",{\"claim\":\"report_data\",\"exists\":true}",
		  "evidence.type=sgx-quote", "policy.freshness", false, CATTEST_MISSING },
		{ TCB_RULE ",{\"not\":{\"claim\":\"report_data\",\"equals\":\"" Z64 "\"}}",
		  "evidence.type=sgx-quote", "policy.freshness", false, CATTEST_MISSING },
		{ TCB_RULE ",{\"any\":[{\"claim\":\"report_data\",\"equals\":\"" Z64
			   "\"},{\"claim\":\"sgx.isvsvn\",\"equals\":2}]}",
		  "evidence.type=sgx-quote", "policy.freshness", false, CATTEST_MISSING },
	};
	struct cattest_error err;
	char text[1024], found[1024];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run run = { .claims = cases[i].claims, .incomplete = cases[i].incomplete };
		struct cattest_policy *policy;
		int got;

		snprintf(
			text, sizeof(text),
			"{\"version\":1,\"name\":\"t\",\"types\":[\"sgx-quote\"],\"allow\":[\"any-code\"],\"require\":[%s]}",
			cases[i].rules);
		policy = parse(text, &err);
		if (!policy) {
			failed("%s: %s", cases[i].rules, err.text);
			continue;
		}
		got = outcome(policy, &run, cases[i].step, found, sizeof(found));
		if (got != cases[i].outcome)
			failed("undecided %s, %s: %s is %s, not %s", cases[i].rules,
			       cases[i].claims, cases[i].step, outcome_name(got),
			       outcome_name(cases[i].outcome));
		cattest_policy_free(policy);
	}
}

/* Rules for one type say nothing about another. */
static void test_types(void)
{
	static const char text[] =
		"version: 1\nname: two\ntypes: [sgx-quote, nitro]\nrequire:\n"
		"- {name: a, types: [sgx-quote], claim: tcb.status, in: [UpToDate]}\n"
		"- {name: b, types: [sgx-quote], claim: sgx.mrenclave, equals: " A64 "}\n"
		"- {name: c, types: [nitro], claim: nitro.pcr.0, equals: " A64 A32 "}\n"
		"- {name: d, types: [nitro], claim: evidence.time, not_older_than: 5m}\n";
	struct run sgx = {
		.claims = "evidence.type=sgx-quote tcb.status=UpToDate sgx.mrenclave=" A64
	};
	struct run nitro = { .claims = "evidence.type=nitro nitro.pcr.0=" A64 A32
				       " evidence.time=1799999900" };
	struct cattest_error err;
	struct cattest_policy *policy = parse(text, &err);

	if (!policy) {
		failed("two types: %s", err.text);
		return;
	}
	if (outcome(policy, &sgx, "policy.a", NULL, 0) != CATTEST_PASS ||
	    outcome(policy, &sgx, "policy.c", NULL, 0) ||
	    outcome(policy, &nitro, "policy.c", NULL, 0) != CATTEST_PASS ||
	    outcome(policy, &nitro, "policy.a", NULL, 0) ||
	    outcome(policy, &nitro, "policy.b", NULL, 0) ||
	    outcome(policy, &nitro, "policy.d", NULL, 0) != CATTEST_PASS)
		failed("rules of one type were applied to another");
	/* The signed time makes Nitro's document fresh, and nothing makes the quote so. */
	if (outcome(policy, &nitro, "policy.freshness", NULL, 0) != CATTEST_PASS ||
	    outcome(policy, &sgx, "policy.freshness", NULL, 0) != CATTEST_MISSING)
		failed("freshness by a rule of another type");
	cattest_policy_free(policy);
}

/* --- Errors --- */
#define HEAD "version: 1\nname: t\ntypes: [sgx-quote]\n"
#define BASE HEAD "allow: [any-code]\nrequire:\n- {claim: tcb.status, in: [UpToDate]}\n"
#define HV                                                                                           \
	"version: 1\nname: t\ntypes: [cloister-hv]\nrequire:\n- {claim: sgx.mrenclave, equals: " A64 \
	"}\n"
static const struct {
	const char *text, *error;
} errors[] = {
	{ "", "the policy is empty" },
	{ "  \n", "the policy is empty" },
	{ "# nothing\n", "the policy is empty" },
	{ "[]", "a policy is a mapping" },
	{ "word", "a policy is a mapping" },
	{ "{", "not valid JSON" },
	{ "{\"version\":1}x", "not valid JSON" },
	{ "{\"version\":1,\"version\":1}", "duplicate" },
	{ "version: 1\nversion: 1\n", "p:2: the key \"version\" is there twice" },
	{ "version: [1\n", "not valid YAML" },
	{ "version: 1\n---\nversion: 1\n", "a second document" },
	{ "version: &a 1\n", "anchors (&) are not allowed" },
	{ "version: &a [1]\n", "anchors (&) are not allowed" },
	{ "a: &x 1\nb: *x\n", "anchors (&) are not allowed" },
	{ "b: *x\n", "aliases (*) are not allowed" },
	{ "version: !!int 1\n", "tags (!) are not allowed" },
	{ "version: !x [1]\n", "tags (!) are not allowed" },
	{ "%TAG ! tag:a,2000:\n---\nversion: 1\n", "tags (!) are not allowed" },
	{ "version:\n", "p:1: a value is missing" },
	{ "version: ~\n", "a value is missing" },
	{ "{\"version\":null}", "null means nothing here" },
	{ "{\"version\":1.0}", "is not a whole number" },
	{ "{\"name\":\"a\\u0007\"}", "a control character" },
	{ "name: \"a\\0b\"\n", "a control character" },
	{ "? [a]\n: 1\n", "a key must be a text" },
	{ "[[[[[[[[[[[[[[[[[[[[", "nested deeper than 16" },
	{ "{\"a\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}", "nested deeper than 16" },
	{ "name: t\ntypes: [sim]\nrequire: [a]\n", "the key \"version\" is missing" },
	{ "version: 2\nname: t\n", "version is the number 1" },
	{ "version: \"1\"\nname: t\n", "version is the number 1" },
	{ "version: 1\ntypes: [sim]\nrequire: [a]\n", "the key \"name\" is missing" },
	{ "version: 1\nname: t\nrequire: [a]\n", "the key \"types\" is missing" },
	{ HEAD, "the key \"require\" is missing" },
	{ HEAD "require: []\n", "a list of rules is expected: nothing is trusted by default" },
	{ "version: 1\nname: a b\ntypes: [sim]\nrequire: [a]\n", "a name is 1 to 64 letters" },
	{ "version: 1\nname: t\ntypes: []\nrequire: [a]\n",
	  "a list of evidence types is expected" },
	{ "version: 1\nname: t\ntypes: [sgx]\nrequire: [a]\n",
	  "p:3: types: no evidence type is called \"sgx\"" },
	{ "version: 1\nname: t\ntypes: [sgxquote]\nrequire: [a]\n",
	  "(did you mean \"sgx-quote\"?)" },
	{ "version: 1\nname: t\ntypes: [az-snp-vtpm]\nrequire: [a]\n",
	  "no evidence type is called \"az-snp-vtpm\"" },
	{ "version: 1\nname: t\ntypes: [sim, sim]\nrequire: [a]\n", "\"sim\" is there twice" },
	{ HEAD "allow: []\nrequire: [a]\n", "a list of relaxations is expected" },
	{ HEAD "allow: [everything]\nrequire: [a]\n", "no relaxation is called \"everything\"" },
	{ HEAD "allow: [debugging]\nrequire: [a]\n", "(did you mean \"debug\"?)" },
	{ HEAD "allow: [debug, debug]\nrequire: [a]\n", "\"debug\" is there twice" },
	{ HEAD "allow: [sept-ve, any-code]\nrequire:\n- {claim: tcb.status, in: [UpToDate]}\n",
	  "\"sept-ve\" concerns none of the accepted types" },
	{ HEAD "allows: [debug]\nrequire: [a]\n",
	  "p:4: unknown key \"allows\" (did you mean \"allow\"?)" },
	{ HEAD "description: [a]\nrequire: [a]\n", "description is a text" },
	/* rules */
	{ BASE "- a\n", "require[1]: a rule is a mapping" },
	{ BASE "- {equals: 1}\n", "a rule needs one of claim, all, any, not, reference" },
	{ BASE "- {claim: sgx.isvsvn, any: []}\n", "\"claim\" and \"any\" in one rule" },
	{ BASE "- {claim: sgx.isvsvn, equal: 1}\n",
	  "unknown key \"equal\" (did you mean \"equals\"?)" },
	{ BASE "- {claim: sgx.isvsvn}\n",
	  "sgx.isvsvn is not compared with anything: one of equals, in, mask, at_least, at_most, exists" },
	{ BASE "- {claim: sgx.isvsvn, at_least: 1, at_most: 2}\n",
	  "several operators in one rule" },
	{ BASE "- {claim: sgx.isvsvn, mask: 1}\n", "mask needs equals" },
	{ BASE "- {any: [{claim: sgx.isvsvn, equals: 1}], equals: 1}\n",
	  "\"equals\" belongs to a claim" },
	{ BASE "- {any: []}\n", "a list of rules is expected" },
	{ BASE "- {all: {claim: sgx.isvsvn, equals: 1}}\n", "a list of rules is expected" },
	{ BASE "- {not: [a]}\n", "a rule is a mapping" },
	{ BASE "- {any: [{name: x, claim: sgx.isvsvn, equals: 1}]}\n",
	  "name and types belong to the rules of \"require\" itself" },
	{ BASE "- {claim: [sgx.isvsvn], equals: 1}\n", "the name of one claim is expected" },
	{ BASE "- {name: debug, claim: sgx.isvsvn, equals: 1}\n", "the name \"debug\" is taken" },
	{ BASE "- {name: tcb.status, claim: sgx.isvsvn, equals: 1}\n",
	  "the name \"tcb.status\" is taken" },
	{ BASE "- {name: \"a b\", claim: sgx.isvsvn, equals: 1}\n", "a name is 1 to 64 letters" },
	{ BASE "- {types: [nitro], claim: nitro.pcr.0, equals: " A64 "}\n",
	  "a type is listed here that the policy does not accept" },
	/* claims and values */
	{ BASE "- {claim: sgx.mrenclav, equals: " A64 "}\n",
	  "p:7: require[1]: no claim is called \"sgx.mrenclav\" (did you mean \"sgx.mrenclave\"?)" },
	{ BASE "- {claim: mrenclave, equals: " A64 "}\n", "(did you mean \"sgx.mrenclave\"?)" },
	{ BASE "- {claim: tdx.rtmr.4, equals: " Z48 "}\n", "no claim is called \"tdx.rtmr.4\"" },
	{ BASE "- {claim: tpm.pcr.sha256.24, equals: " H32 "}\n", "no claim is called" },
	{ BASE "- {claim: tpm.pcr.sha256.07, equals: " H32 "}\n", "no claim is called" },
	{ BASE "- {claim: nitro.pcr.*, equals: " Z48 "}\n", "no claim is called" },
	{ BASE "- {claim: sgx.mrenclave, equals: abab}\n",
	  "sgx.mrenclave has 32 bytes (64 hex digits), not 2" },
	{ BASE "- {claim: sgx.mrenclave, equals: aba}\n", "an even number of hex digits" },
	{ BASE "- {claim: sgx.mrenclave, equals: 0xab}\n", "hex digits without spaces or 0x" },
	{ BASE "- {claim: sgx.mrenclave, equals: [" A64 "]}\n",
	  "one value is expected here, not a list" },
	{ BASE "- {claim: sgx.mrenclave, in: " A64 "}\n", "a list of values is expected" },
	{ BASE "- {claim: sgx.mrenclave, in: []}\n", "an empty list can never match" },
	{ BASE "- {claim: sgx.mrenclave, in: [" A64 ", " A64 "]}\n", "is there twice" },
	{ BASE "- {claim: sgx.mrenclave, at_least: " A64 "}\n",
	  "sgx.mrenclave is bytes: it cannot be compared with \"at_least\" (use one of equals, in, prefix, mask, exists)" },
	{ BASE "- {claim: sgx.mrenclave, prefix: " A64 "ab}\n", "the prefix has 33" },
	{ BASE "- {claim: sgx.attributes, mask: ff, equals: " Z32 "}\n",
	  "sgx.attributes has 16 bytes" },
	{ BASE "- {claim: sgx.attributes, mask: " Z32 ", equals: " Z32 "}\n", "the mask is zero" },
	{ BASE
	  "- {claim: sgx.attributes, mask: \"02000000000000000000000000000000\", equals: \"01000000000000000000000000000000\"}\n",
	  "equals has bits outside of the mask" },
	{ BASE "- {claim: nonce, mask: ff, equals: ffff}\n", "mask and equals differ in length" },
	{ BASE "- {claim: sgx.miscselect, mask: 1, equals: 2}\n",
	  "equals has bits outside of the mask" },
	{ BASE "- {claim: sgx.isvsvn, equals: three}\n", "sgx.isvsvn is a number" },
	{ BASE "- {claim: sgx.isvsvn, equals: 007}\n", "sgx.isvsvn is a number" },
	{ BASE "- {claim: sgx.isvsvn, equals: -1}\n", "sgx.isvsvn is a number" },
	{ BASE "- {claim: sgx.isvsvn, equals: 65536}\n",
	  "sgx.isvsvn is at most 65535: 65536 can never be" },
	{ BASE "- {claim: tdx.attributes, equals: 18446744073709551616}\n",
	  "tdx.attributes is a number" },
	{ BASE "- {claim: sgx.isvsvn, contains: 1}\n", "it cannot be compared with \"contains\"" },
	{ BASE "- {claim: platform.smt, equals: yes}\n", "platform.smt is true or false" },
	{ BASE "- {claim: platform.smt, equals: \"true\"}\n", "platform.smt is true or false" },
	{ BASE "- {claim: platform.smt, in: [true]}\n", "it cannot be compared with \"in\"" },
	{ BASE "- {claim: tcb.date, at_least: yesterday}\n", "tcb.date is a time" },
	{ BASE "- {claim: tcb.date, at_least: 2026-02-30}\n", "tcb.date is a time" },
	{ BASE "- {claim: tcb.date, not_older_than: 10 m}\n", "a duration is a number above zero" },
	{ BASE "- {claim: tcb.date, not_older_than: 0m}\n", "a duration is a number above zero" },
	{ BASE "- {claim: tcb.date, not_older_than: 999999w}\n", "at most a century" },
	{ BASE "- {claim: tcb.advisories, equals: x}\n", "tcb.advisories is a list of texts" },
	{ BASE "- {claim: tcb.advisories, subset_of: x}\n", "a list of values is expected" },
	{ BASE "- {claim: tcb.advisories, contains: []}\n", "an empty list can never match" },
	{ BASE "- {claim: platform.ca, equals: true}\n", "platform.ca is a text, not true" },
	{ BASE "- {claim: certificate.subject, equals: \"\"}\n", "an empty text" },
	{ "{\"version\":1,\"name\":\"t\",\"types\":[\"sgx-quote\"],\"require\":[{\"claim\":\"sgx.mrenclave\",\"equals\":12}]}",
	  "sgx.mrenclave is bytes: write them as a text" },
	{ "{\"version\":1,\"name\":\"t\",\"types\":[\"sgx-quote\"],\"require\":[{\"claim\":\"platform.ca\",\"equals\":12}]}",
	  "platform.ca is a text: put it in quotes" },
	{ BASE "- {claim: tcb.qe_status, in: [Uptodate]}\n",
	  "tcb.qe_status is never \"Uptodate\" (did you mean \"UpToDate\"?)" },
	{ BASE "- {claim: tcb.status, prefix: Up}\n", "tcb.status is one of a few known words" },
	{ BASE "- {claim: tcb.status, in: [UpToDate, Revoked]}\n", "Revoked cannot be accepted" },
	{ BASE "- {claim: tcb.qe_status, equals: Revoked}\n", "Revoked cannot be accepted" },
	{ BASE "- {claim: sgx.isvsvn, exists: false}\n", "only \"exists: true\" can be asked" },
	{ BASE "- {not: {claim: sgx.isvsvn, exists: true}}\n",
	  "a \"not\" over exists can never pass" },
	{ BASE "- {not: {any: [{claim: sgx.isvsvn, exists: true}]}}\n",
	  "a \"not\" over exists can never pass" },
	/* references */
	{ HEAD "references: {}\nrequire: [a]\n", "a mapping of names to sets" },
	{ HEAD "references: {r: {sgx.isvsvn: 1}}\nrequire: [a]\n",
	  "references.r: \"source\" is missing" },
	{ HEAD "references: {r: {source: x}}\nrequire: [a]\n", "the set has no values" },
	{ HEAD "references: {r: [a]}\nrequire: [a]\n", "a set of reference values is a mapping" },
	{ HEAD "references: {\"r r\": {source: x, sgx.isvsvn: 1}}\nrequire: [a]\n",
	  "a name is 1 to 64 letters" },
	{ HEAD "references: {r: {source: x, sgx.isvsv: 1}}\nrequire: [a]\n",
	  "references.r.sgx.isvsv: no claim is called" },
	{ HEAD "references: {r: {source: x, sgx.isvsvn: {atleast: 1}}}\nrequire: [a]\n",
	  "unknown key \"atleast\" (did you mean \"at_least\"?)" },
	{ HEAD "references: {r: {source: x, tcb.advisories: [a]}}\nrequire: [a]\n",
	  "is a list of texts: write {contains" },
	{ HEAD "references: {r: {source: x, platform.smt: [true]}}\nrequire: [a]\n",
	  "a list of values makes no sense" },
	{ HEAD "references: {r: {source: x, tcb.status: Revoked}}\nrequire: [a]\n",
	  "Revoked cannot be accepted" },
	{ HEAD "references: {r: {source: x, sgx.mrenclave: abab}}\nrequire: [a]\n",
	  "references.r.sgx.mrenclave: sgx.mrenclave has 32 bytes" },
	{ HEAD
	  "references: {r: {source: x, sgx.isvsvn: 1}}\nallow: [any-code]\nrequire: [{claim: tcb.status, in: [UpToDate]}]\n",
	  "references.r: no rule uses this set" },
	{ HEAD
	  "references: {r: {source: x, tdx.mrtd: " Z48
	  "}}\nallow: [any-code]\nrequire: [{claim: tcb.status, in: [UpToDate]}, {reference: r}]\n",
	  "references.r.tdx.mrtd: evidence of the accepted types (sgx-quote) never states this claim" },
	{ BASE "- {reference: q}\n", "no set of references is called \"q\"" },
	{ BASE "- {reference: []}\n", "a list of names, is expected" },
	{ HEAD "references: {r: {source: x, sgx.isvsvn: 1}}\nrequire: [{reference: [r, r]}]\n",
	  "\"r\" is there twice" },
	{ BASE "- {claim: sgx.sigstruct.vendor, equals: 0}\n",
	  "require[1]: evidence of type sgx-quote never states sgx.sigstruct.vendor" },
	/* what cannot be meant */
	{ "version: 1\nname: t\ntypes: [cloister-hv]\nrequire:\n- {claim: sgx.mrenclave, equals: " A64
	  "}\n",
	  "no rule says which hypervisor is accepted" },
	{ "version: 1\nname: t\ntypes: [cloister-hv]\nrequire:\n- {claim: hv.measurement, equals: " A64
	  "}\n",
	  "no rule says which program is accepted" },
	{ HV "- {claim: hv.measurement, equals: " A64 "}\n",
	  "no rule says what may boot the hypervisor" },
	{ HV "- {claim: hv.measurement, equals: " A64
	     "}\n- {not: {claim: tpm.pcr.sha256.4, equals: " A64 "}}\n",
	  "no rule says what may boot the hypervisor" },
	{ HV "- {claim: hv.measurement, equals: " A64
	     "}\n- {any: [{claim: tpm.pcr.sha256.4, equals: " A64
	     "}, {claim: sgx.isvsvn, at_least: 1}]}\n",
	  "no rule says what may boot the hypervisor" },
	{ HV "- {claim: hv.measurement, equals: " A64
	     "}\n- {claim: eventlog.boot_applications, contains: [\"" A64 "\"]}\n",
	  "no rule says what may boot the hypervisor" },
	{ HEAD "allow: [any-code]\nrequire:\n- {claim: sgx.isvsvn, at_least: 1}\n",
	  "no rule says which tcb.status is accepted of sgx-quote" },
	{ HEAD
	  "allow: [any-code]\nrequire:\n- {not: {claim: tcb.status, in: [Revoked, OutOfDate]}}\n",
	  "no rule says which tcb.status is accepted" },
	{ HEAD
	  "allow: [any-code]\nrequire:\n- {any: [{claim: tcb.status, in: [UpToDate]}, {claim: sgx.isvsvn, equals: 1}]}\n",
	  "no rule says which tcb.status is accepted" },
	{ HEAD "require:\n- {claim: tcb.status, in: [UpToDate]}\n",
	  "no rule says which program is accepted of sgx-quote" },
	{ HEAD
	  "require:\n- {claim: tcb.status, in: [UpToDate]}\n- {not: {claim: sgx.mrenclave, equals: " A64
	  "}}\n",
	  "no rule says which program is accepted" },
	{ "version: 1\nname: t\ntypes: [snp-report]\nrequire:\n- {claim: sgx.mrenclave, equals: " A64
	  "}\n",
	  "require[0]: evidence of type snp-report never states sgx.mrenclave" },
	{ "version: 1\nname: t\ntypes: [sgx-quote, nitro]\nallow: [any-code]\nrequire:\n- {claim: tcb.status, in: [UpToDate]}\n",
	  "evidence of type nitro never states what this rule tests" },
	{ "version: 1\nname: t\ntypes: [ratls-certificate]\nallow: [any-code]\nrequire:\n- {claim: certificate.format, equals: cmw}\n",
	  "list the types it may hold too" },
	{ BASE "- {claim: sgx.isvsvn, equals: 1}\n- {claim: sgx.isvsvn, at_least: 2}\n",
	  "no value of sgx.isvsvn passes all the rules about it" },
	{ BASE "- {claim: sgx.isvsvn, at_most: 1}\n- {claim: sgx.isvsvn, at_least: 2}\n",
	  "no value of sgx.isvsvn passes all the rules" },
	{ BASE
	  "- {claim: tcb.date, at_most: 2024-01-01}\n- {claim: tcb.date, at_least: 2025-01-01}\n",
	  "no value of tcb.date passes" },
	{ BASE "- {claim: tcb.status, in: [OutOfDate]}\n",
	  "no value of tcb.status passes all the rules" },
	{ BASE "- {not: {claim: tcb.status, equals: UpToDate}}\n",
	  "no value of tcb.status passes all the rules" },
	{ BASE
	  "- {not: {any: [{claim: platform.smt, equals: true}, {claim: platform.smt, equals: false}]}}\n",
	  "no value of platform.smt passes" },
	{ BASE "- {claim: sgx.mrenclave, equals: " A64 "}\n- {claim: sgx.mrenclave, prefix: aa}\n",
	  "no value of sgx.mrenclave passes" },
	{ BASE "- {claim: debug, equals: true}\n",
	  "contradicts what every policy demands of debug" },
	{ BASE "- {claim: root, equals: custom}\n",
	  "contradicts what every policy demands of root" },
	{ BASE
	  "- {any: [{claim: tcb.status, equals: OutOfDate}, {claim: sgx.isvsvn, equals: 1}]}\n",
	  "this alternative can never pass: no value of tcb.status" },
	{ HEAD
	  "references: {r: {source: x, sgx.isvsvn: 1}, q: {source: y, sgx.isvsvn: 5}}\nallow: [any-code]\nrequire:\n"
	  "- {claim: tcb.status, in: [UpToDate]}\n- {reference: [r, q]}\n- {claim: sgx.isvsvn, at_least: 3}\n",
	  "the reference r can never match: another rule excludes its sgx.isvsvn" },
};

static void test_errors(void)
{
	struct cattest_error err;

	for (size_t i = 0; i < COUNT(errors); i++) {
		struct cattest_policy *policy = parse(errors[i].text, &err);

		if (policy)
			failed("accepted, not \"%s\":\n%s", errors[i].error, errors[i].text);
		else if (!strstr(err.text, errors[i].error))
			failed("\"%s\", not \"%s\":\n%s", err.text, errors[i].error,
			       errors[i].text);
		else if (strchr(err.text, '\n') || strncmp(err.text, "p:", 2) != 0)
			failed("not one line with its place: %s", err.text);
		cattest_policy_free(policy);
	}
	if (cattest_policy_parse(NULL, NULL, 0, NULL, &err) != -EINVAL ||
	    cattest_policy_parse("p", "x", 1, NULL, NULL) != -EINVAL)
		failed("no text or no place for the policy was accepted");
}

/* What says enough about who booted a hypervisor; that less is refused is in errors[]. */
static void test_hypervisor_boot(void)
{
	static const char *const texts[] = {
		HV "- {claim: hv.measurement, equals: " A64
		   "}\n- {claim: tpm.pcr.sha256.4, equals: " A64 "}\n",
		HV "- {claim: hv.measurement, equals: " A64
		   "}\n- {claim: tpm.pcr.sha256.7, in: [" A64 "]}\n",
		HV "- {claim: tpm.pcr.sha256.21, equals: " A64
		   "}\n- {claim: eventlog.boot_applications, subset_of: [\"" A64 "\"]}\n",
		HV "allow: [any-code]\n",
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct cattest_error err;
		struct cattest_policy *policy = parse(texts[i], &err);

		if (!policy)
			failed("refused: %s:\n%s", err.text, texts[i]);
		cattest_policy_free(policy);
	}
}

/* --- The same in both forms --- */
static char *explained(const char *text)
{
	struct cattest_error err;
	struct cattest_policy *policy = parse(text, &err);
	char *words = NULL, *body;

	if (!policy) {
		failed("%s\n%s", err.text, text);
		return NULL;
	}
	if (cattest_policy_explain(policy, &words, &err) < 0)
		failed("explain: %s", err.text);
	cattest_policy_free(policy);
	/* Without the digest of the text. */
	body = words ? strchr(words, '\n') : NULL;
	if (body)
		memmove(words, body, strlen(body) + 1);
	return words;
}

static void test_forms(void)
{
	static const char yaml[] =
		"# comment\nversion: 1\nname: payments\ndescription: >\n  Two\n  lines\ntypes:\n  - sgx-quote\n  - tdx-quote\n"
		"allow: [debug, custom-root]\nreferences:\n  app:\n    source: 'build 2026-11-20'\n    sgx.mrsigner: " A64
		"\n    sgx.isvsvn: {at_least: 3}\n    sgx.isvprodid: [1, 0x2]\nrequire:\n"
		"- claim: tcb.status\n  in: [UpToDate, \"SWHardeningNeeded\"]\n- {claim: tcb.date, at_least: 2024-03-13}\n"
		"- {name: code, types: [sgx-quote], reference: app}\n"
		"- {name: vm, types: [tdx-quote], all: [{claim: tdx.mrtd, equals: \"" Z48
		"\"}, {not: {claim: tdx.pks, equals: true}}]}\n"
		"- {claim: tcb.advisories, subset_of: [INTEL-SA-2, INTEL-SA-1]}\n"
		"- any: [{claim: platform.smt, equals: false}, {claim: platform.dynamic, equals: false}]\n";
	static const char json[] =
		"{\"version\":1,\"name\":\"payments\",\"description\":\"Two lines\",\"types\":[\"sgx-quote\",\"tdx-quote\"],"
		"\"allow\":[\"debug\",\"custom-root\"],\"references\":{\"app\":{\"source\":\"build 2026-11-20\",\"sgx.mrsigner\":\"" A64
		"\",\"sgx.isvsvn\":{\"at_least\":3},\"sgx.isvprodid\":[1,\"0x2\"]}},\"require\":["
		"{\"claim\":\"tcb.status\",\"in\":[\"UpToDate\",\"SWHardeningNeeded\"]},{\"claim\":\"tcb.date\",\"at_least\":\"2024-03-13\"},"
		"{\"name\":\"code\",\"types\":[\"sgx-quote\"],\"reference\":[\"app\"]},"
		"{\"name\":\"vm\",\"types\":[\"tdx-quote\"],\"all\":[{\"claim\":\"tdx.mrtd\",\"equals\":\"" Z48
		"\"},{\"not\":{\"claim\":\"tdx.pks\",\"equals\":true}}]},"
		"{\"claim\":\"tcb.advisories\",\"subset_of\":[\"INTEL-SA-2\",\"INTEL-SA-1\"]},"
		"{\"any\":[{\"claim\":\"platform.smt\",\"equals\":false},{\"claim\":\"platform.dynamic\",\"equals\":false}]}]}";
	static const char *const wanted[] = {
		"policy.tcb.status",
		"tcb.status is one of UpToDate, SWHardeningNeeded",
		"for sgx-quote: matches the reference app",
		"app, from: build 2026-11-20",
		"sgx.isvsvn is at least 3",
		"policy.rule-6",
		"tdx.mrtd is " Z48 " and not (tdx.pks is true)",
		"tcb.date is not before 2024-03-13T00:00:00Z",
		"Given up by this policy",
		"policy.sept-ve",
		"an environment that its host can debug is accepted",
		"holds nothing else than INTEL-SA-1, INTEL-SA-2",
	};
	char *a = explained(yaml), *b = explained(json);

	if (!a || !b || strcmp(a, b) != 0)
		failed("YAML and JSON differ:\n%s\n%s", a ? a : "-", b ? b : "-");
	for (size_t i = 0; a && i < COUNT(wanted); i++)
		if (!strstr(a, wanted[i]))
			failed("explain does not say \"%s\":\n%s", wanted[i], a);
	free(a);
	free(b);
}

/* What `policy explain` says of firmware that is not restricted, and of each way to restrict it. */
static void test_firmware_hint(void)
{
	static const char hint[] = "any firmware version is accepted";
	static const struct {
		const char *rule;
		bool hinted;
	} cases[] = {
		{ "{claim: snp.vmpl, equals: 0}", true },
		{ "{claim: snp.tcb.snp, at_least: 20}", false },
		{ "{claim: snp.firmware.committed, in: [1.55.29]}", false },
		{ "{claim: snp.firmware.committed_version, at_least: 0x013731}", false },
		{ "{claim: snp.firmware.current, in: [1.55.29]}", true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[512], *words;

		snprintf(
			text, sizeof(text),
			"version: 1\nname: x\ntypes: [snp-report]\nallow: [any-code]\nrequire:\n- %s\n",
			cases[i].rule);
		words = explained(text);
		if (words && !strstr(words, hint) == cases[i].hinted)
			failed("%s: hinted %d:\n%s", cases[i].rule, !cases[i].hinted, words);
		free(words);
	}
}

static void test_found(void)
{
	static const struct {
		const char *rule, *claims, *found;
	} cases[] = {
		{ "claim: sgx.isvsvn, at_least: 3", "sgx.isvsvn=2", "sgx.isvsvn is 2" },
		{ "claim: sgx.isvsvn, at_least: 3", "", "sgx.isvsvn is not stated" },
		{ "all: [{claim: sgx.isvsvn, equals: 1}, {claim: sgx.isvprodid, equals: 2}]",
		  "sgx.isvsvn=1 sgx.isvprodid=3", "sgx.isvprodid is 3" },
		{ "any: [{claim: sgx.isvsvn, equals: 1}, {claim: sgx.isvprodid, equals: 2}]",
		  "sgx.isvsvn=4 sgx.isvprodid=3", "sgx.isvsvn is 4; sgx.isvprodid is 3" },
		{ "any: [{claim: sgx.isvsvn, equals: 1}, {claim: sgx.isvprodid, equals: 2}]",
		  "sgx.isvsvn=4 sgx.isvprodid=2", "sgx.isvprodid is 2" },
		{ "not: {claim: sgx.isvsvn, equals: 1}", "sgx.isvsvn=1", "sgx.isvsvn is 1" },
		{ "reference: r", "sgx.isvsvn=2", "r:; sgx.isvsvn is 2" },
		{ "reference: r", "sgx.isvsvn=7", "matches r (build 7)" },
		{ "claim: tcb.advisories, subset_of: [a]", "tcb.advisories=a,b",
		  "tcb.advisories is a, b" },
		{ "claim: tcb.date, at_least: 2024-03-13", "tcb.date=0",
		  "tcb.date is 1970-01-01T00:00:00Z" },
	};
	struct cattest_error err;
	char text[1024], claims[512], found[1024];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct run run = { .claims = claims, .bound = true };
		struct cattest_policy *policy;
		bool reference = strstr(cases[i].rule, "reference") != NULL;

		snprintf(
			text, sizeof(text),
			HEAD
			"allow: [any-code]\n%srequire:\n- {claim: tcb.status, in: [UpToDate]}\n- {name: x, %s}\n",
			reference ? "references: {r: {source: build 7, sgx.isvsvn: 7}}\n" : "",
			cases[i].rule);
		snprintf(claims, sizeof(claims), "evidence.type=sgx-quote tcb.status=UpToDate %s",
			 cases[i].claims);
		policy = parse(text, &err);
		found[0] = '\0';
		if (!policy)
			failed("%s: %s", cases[i].rule, err.text);
		else if (outcome(policy, &run, "policy.x", found, sizeof(found)),
			 strcmp(found, cases[i].found) != 0)
			failed("%s with %s found \"%s\", not \"%s\"", cases[i].rule,
			       cases[i].claims, found, cases[i].found);
		cattest_policy_free(policy);
	}
}

/* --- Limits --- */
static void repeat(FILE *out, const char *text, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fputs(text, out);
}

static void test_limit(const char *before, const char *item, size_t count, const char *after,
		       const char *error)
{
	struct cattest_policy *policy = NULL;
	struct cattest_error err = { "" };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	fputs(before, out);
	repeat(out, item, count);
	fputs(after, out);
	fclose(out);
	if (cattest_policy_parse("p", text, size, &policy, &err) < 0
		    ? !error || !strstr(err.text, error)
		    : error != NULL)
		failed("%zu times \"%s\": \"%s\", not \"%s\"", count, item, err.text,
		       error ? error : "accepted");
	cattest_policy_free(policy);
	free(text);
}

static void test_limits(void)
{
	test_limit(BASE, "#", 1u << 20, "\n", "a policy may have 1 MiB");
	test_limit("{\"version\":1,\"a\":[", "{},", 70000, "{}]}", "more than 65536 values");
	test_limit("a: [", "b,", 70000, "c]", "more than 65536 values");
	test_limit("a: [", "{a: b},", 30000, "c]", "more than 65536 values");
	test_limit("", "[", 500000, "", "nested deeper than 16");
	test_limit("", "{a: ", 50000, "", "not valid JSON");
	test_limit("", "- ", 400000, "a", "nested deeper than 16");
	test_limit("", "? ", 400000, "a", "a key must be a text");
	test_limit("", "&", 500000, "", "not valid YAML");
	test_limit("a: \"", "\\x41", 200000, "\"", "unknown key");
	test_limit(BASE, "- {claim: sgx.isvsvn, at_least: 1}\n", 511, "", NULL);
	test_limit(BASE, "- {claim: sgx.isvsvn, at_least: 1}\n", 512, "", "more than 512 rules");
	test_limit(BASE "- any: [", "{claim: sgx.isvsvn, at_least: 1},", 5000, "]",
		   "more than 4096 rules");
	test_limit(BASE "- {claim: nonce, in: [", "ab,", 5000, "]}",
		   "a list of more than 4096 values");
	test_limit(BASE "- {claim: tcb.advisories, contains: [", "a,", 65, "]}",
		   "a list of more than 64 values");
}

/* Every type of evidence that can be verified is known to policies, and every claim to a type and with its size. */
static void test_vocabulary(void)
{
	size_t count, sized = 0, stated = 0;
	const struct cattest_claim_name *names = cattest_claim_names(&count);
	char words[128];

	for (size_t i = 0; evidence_types[i]; i++)
		if (!evidence_types[i]->decode_only && !policy_type_bit(evidence_types[i]->name))
			failed("policies do not know the evidence type %s",
			       evidence_types[i]->name);
	for (size_t i = 0; i < count; i++) {
		policy_size_words(names[i].name, words, sizeof(words));
		sized += *words != '\0';
		if (*words && names[i].type != CATTEST_BYTES)
			failed("%s has a size, and is not bytes", names[i].name);
		if (policy_claim_strings(names[i].name) && names[i].type != CATTEST_STRING)
			failed("%s has words, and is not a text", names[i].name);
		if (policy_claim_maximum(names[i].name) != UINT64_MAX &&
		    names[i].type != CATTEST_UINT)
			failed("%s has a maximum, and is not a number", names[i].name);
		stated += policy_claim_types(names[i].name) != 0;
	}
	if (sized < 40 || stated < 100)
		failed("only %zu claims have sizes, only %zu are stated by evidence", sized,
		       stated);
}

int main(void)
{
	test_operators();
	test_implicit();
	test_undecided();
	test_types();
	test_errors();
	test_hypervisor_boot();
	test_forms();
	test_firmware_hint();
	test_found();
	test_limits();
	test_vocabulary();
	printf("%zu operators, %zu unsaid, %zu errors: %d failures\n", COUNT(operators),
	       COUNT(implicits), COUNT(errors), failures);
	return failures ? 1 : 0;
}
