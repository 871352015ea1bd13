/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every byte of valid evidence counts. Of each sample below, verified as its line of verdicts.txt says, every byte is changed and every prefix is taken:
 * the outcome must be refused or error. A change that does not lead there must be in a range that the sample's owner knows to be outside what is signed, and
 * then the claims must be the same to the last.
 *
 *   mutate_test [all]     all: each of the 8 bits of each byte, and every prefix. Else: one bit of every few bytes, in a stride that is a prime and
 *                         starts elsewhere in each sample, so that the run takes seconds and is the same each time.
 */
#include "tests/evidence/scenario.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

__asm__(".pushsection .rodata\n"
	"verdicts_start: .incbin \"tests/evidence/verdicts.txt\"\n"
	"verdicts_end:\n"
	".popsection\n");
extern const char verdicts_start[] __attribute__((visibility("hidden")));
extern const char verdicts_end[] __attribute__((visibility("hidden")));

/* Bytes that may change: [from, until), and why. until 0: to the end. bits: which bits of each, 0 for all. */
struct range {
	size_t from, until;
	const char *reason;
	uint8_t bits;
};

#define RANGES_MAX 8
struct sample {
	const char *path; /* its first line of verdicts.txt with the verdict "trusted" */
	unsigned stride;  /* of the short run: slow samples take fewer */
	struct range ranges[RANGES_MAX];
	/* Prefixes from this length on may be valid: what is cut is outside what is signed. 0: none. */
	size_t shortest;
};

#define BEHIND "behind the quote: its size fields end before"
#define HINTS                                                                                                                           \
	"CPUSVN and PCESVN that a quote without PCK certificate names: which certificate is the right one is told by its PPID and its " \
	"key, and it says them again, signed"
#define ENVELOPE \
	"of the envelope that a program put around the evidence: names nothing that is judged"
#define TDREPORT \
	"of the TDREPORT, whose MAC can only be checked on its own machine: the TD quote says the same, signed"
#define NOTHING "the name of a member that is null: it stands for no byte of the report"
#define HEX "a hex digit in capitals or not is the same digit"

static const struct sample samples[] = {
	{ .path = "sgx/phala-v3-quote.bin", .stride = 13 },
	{ .path = "sgx/automata-v3-quote-00606A.bin", .stride = 31 },
	{ .path = "tdx/phala-v4-quote.bin",
	  .stride = 13,
	  .ranges = { { .from = 4936, .reason = BEHIND } },
	  .shortest = 4936 },
	{ .path = "tdx/google-v5-quote.bin", .stride = 31 },
	{ .path = "tdx/flashbots-v4-quote.bin",
	  .stride = 31,
	  .ranges = { { .from = 4935, .reason = BEHIND } },
	  .shortest = 4935 },
	{ .path = "tdx/oe-v4-quote.bin", .stride = 31 },
	{ .path = "snp/ms-milan-report.bin", .stride = 3 },
	{ .path = "snp/ms-turin-report.bin", .stride = 7 },
	{ .path = "snp/trustee-vlek-report.bin", .stride = 7 },
	{ .path = "snp/yaxi-genoa-v3-report.bin", .stride = 7 },
	{ .path = "snp/trustee-milan-report.bin", .stride = 31 },
	{ .path = "snp/ms-genoa-report.bin", .stride = 31 },
	{ .path = "snp/virtee-milan-report.bin", .stride = 31 },
	{ .path = "snp/yaxi-milan-v3-report.bin", .stride = 31 },
	{ .path = "snp/trustee-e2e-evidence.json",
	  .stride = 61,
	  .ranges = { { .from = 194, .until = 197, .reason = NOTHING },
		      { .from = 1315, .until = 1318, .reason = NOTHING },
		      { .from = 1689, .until = 1692, .reason = NOTHING },
		      { .from = 1853, .until = 1856, .reason = NOTHING } } },
	{ .path = "nitro/fortanix-doc.cbor", .stride = 31 },
	{ .path = "nitro/anjuna-full-doc.cbor", .stride = 61 },
	{ .path = "nitro/anjuna-prod-doc.cbor", .stride = 61 },
	{ .path = "nitro/anjuna-prod-doc-pubkey.cbor", .stride = 61 },
	{ .path = "nitro/sparsity-doc1.cbor", .stride = 61 },
	{ .path = "sgx/oasis-v3-quote.bin", .stride = 61 },
	{ .path = "sgx/mobilecoin-v3-quote.bin", .stride = 61 },
	{ .path = "sgx/trustee-occlum-v3-quote.bin", .stride = 61 },
	{ .path = "sgx/trustee-as-request.json",
	  .stride = 61,
	  .ranges = { { .until = 37, .reason = ENVELOPE }, { .from = 8464, .reason = ENVELOPE } },
	  .shortest = 8471 },
	{ .path = "sgx/intel-sample/quote.dat",
	  .stride = 13,
	  .ranges = { { .from = 1036, .reason = HINTS } } },
	{ .path = "tdx/trustee-v4-quote.bin", .stride = 61 },
	{ .path = "tdx/oe-v5-quote.bin", .stride = 61 },
	{ .path = "tdx/automata-v4-quote.bin",
	  .stride = 61,
	  .ranges = { { .from = 4935, .reason = BEHIND } },
	  .shortest = 4935 },
	{ .path = "tdx/automata-v5-quote.bin", .stride = 61 },
	{ .path = "azure/tdx-quote.bin",
	  .stride = 61,
	  .ranges = { { .from = 4936, .reason = BEHIND } },
	  .shortest = 4936 },
	{ .path = "azure/tdx-evidence-v1.json",
	  .stride = 61,
	  .ranges = { { .from = 53, .until = 2634, .reason = HEX, .bits = 0x20 },
		      { .from = 2690, .until = 2861, .reason = TDREPORT },
		      { .from = 2946, .until = 3395, .reason = TDREPORT },
		      { .from = 3906, .until = 4056, .reason = TDREPORT },
		      { .from = 12715, .until = 12810, .reason = BEHIND } },
	  .shortest = 12813 },
	{ .path = "azure/snp-evidence-v2.json",
	  .stride = 61,
	  .ranges = { { .from = 53, .until = 2718, .reason = HEX, .bits = 0x20 } },
	  .shortest = 8015 },
	{ .path = "azure/snp-evidence-v0.json", .stride = 211, .shortest = 36047 },
	{ .path = "azure/snp-evidence-genoa.json", .stride = 211 },
	{ .path = "azure/az-quote.bin", .stride = 13 },
};
#define SAMPLE_COUNT (sizeof(samples) / sizeof(samples[0]))

static unsigned failures;
static bool all;

/* --- One sample --- */

struct run {
	const struct sample *sample;
	struct scenario scenario;
	struct cattest_verifier *verifier;
	struct bytes good;
	struct cattest_result *expected;
	size_t changes, refused, errors, allowed;
	/* What must not be, gathered into ranges for the report. */
	const char *fault;
	size_t fault_from, fault_until;
	char fault_why[200];
};

static bool find_scenario(const char *path, struct scenario *ret)
{
	FILE *table = fmemopen((void *)(uintptr_t)verdicts_start,
			       (size_t)(verdicts_end - verdicts_start), "r");
	char line[2048];
	bool found = false;

	for (int number = 1; table && !found && fgets(line, sizeof(line), table); number++)
		found = line[0] != '#' && line[0] != '=' && line[0] != '\n' &&
			!strncmp(line, path, strlen(path)) &&
			!strncmp(line + strlen(path), " trusted ", 9) &&
			scenario_parse(ret, line, number);
	if (table)
		fclose(table);
	/* The words of a scenario point into itself. */
	return found && scenario_parse(ret, line, ret->number);
}

/* Every claim of one is in the other, with the same value, in the same order. */
static bool same_claims(const struct cattest_result *a, const struct cattest_result *b)
{
	static char texts[2][1 << 16];

	if (cattest_result_claims(a) != cattest_result_claims(b))
		return false;
	for (size_t i = 0; i < cattest_result_claims(a); i++) {
		const struct cattest_claim *x = cattest_result_claim(a, i),
					   *y = cattest_result_claim(b, i);

		claim_text_of(x, texts[0], sizeof(texts[0]));
		claim_text_of(y, texts[1], sizeof(texts[1]));
		if (strcmp(x->name, y->name) || x->type != y->type || strcmp(texts[0], texts[1]))
			return false;
	}
	return true;
}

static bool may_change(const struct sample *s, size_t at, int bit)
{
	for (size_t i = 0; i < RANGES_MAX; i++) {
		const struct range *r = &s->ranges[i];

		if (r->reason && at >= r->from && (!r->until || at < r->until) &&
		    (!r->bits || (r->bits & 1 << bit)))
			return true;
	}
	return false;
}

static void report(struct run *r)
{
	if (r->fault)
		printf("%s: %s: bytes %zu to %zu (%s)\n", r->sample->path, r->fault, r->fault_from,
		       r->fault_until, r->fault_why);
	r->fault = NULL;
}

static void note_fault(struct run *r, const char *fault, size_t at,
		       const struct cattest_result *result)
{
	failures++;
	if (r->fault != fault || at > r->fault_until + 1 || at < r->fault_from) {
		report(r);
		r->fault = fault;
		r->fault_from = at;
		first_fault(result, r->fault_why, sizeof(r->fault_why));
	}
	r->fault_until = at;
}

/* What came out of a change at `at` (or a cut there); what is outside what is signed may pass. */
static void judge(struct run *r, size_t at, const void *data, size_t size, bool may_pass)
{
	struct cattest_result *result;
	struct cattest_error err = { "" };
	const char *verdict = scenario_verify(r->verifier, &r->scenario, data, size, &result, &err);

	r->changes++;
	if (!strcmp(verdict, "error"))
		r->errors++;
	else if (!strcmp(verdict, "refused"))
		r->refused++;
	else if (!strcmp(verdict, "undecided"))
		note_fault(r, "undecided", at, result);
	else if (!same_claims(result, r->expected))
		note_fault(r, "trusted with other claims", at, result);
	else if (!may_pass)
		note_fault(r,
			   size == r->good.size ? "a change that nothing notices"
						: "a cut that nothing notices",
			   at, result);
	else
		r->allowed++;
	cattest_result_free(result);
}

static void change_bytes(struct run *r, size_t start, size_t stride)
{
	for (size_t at = start % stride; at < r->good.size; at += stride)
		for (int bit = 0; bit < 8; bit++) {
			if (!all && bit != (int)((at / stride + start) % 8))
				continue;
			r->good.data[at] ^= (uint8_t)(1 << bit);
			judge(r, at, r->good.data, r->good.size, may_change(r->sample, at, bit));
			r->good.data[at] ^= (uint8_t)(1 << bit);
		}
}

static void cut(struct run *r, size_t start, size_t stride)
{
	for (size_t size = start % stride; size < r->good.size; size += stride) {
		/* In memory of its own size: reading past it is seen by the sanitizer. */
		uint8_t *copy = malloc(size ? size : 1);

		if (!copy)
			return;
		memcpy(copy, r->good.data, size);
		judge(r, size, copy, size, r->sample->shortest && size >= r->sample->shortest);
		free(copy);
	}
}

static void check_sample(const struct sample *sample, size_t index)
{
	struct run r = { .sample = sample };
	struct cattest_error err = { "" };
	size_t stride = all ? 1 : sample->stride;
	struct timespec from, until;
	const char *verdict;

	clock_gettime(CLOCK_MONOTONIC, &from);
	if (!find_scenario(sample->path, &r.scenario)) {
		printf("%s: has no line with the verdict trusted\n", sample->path);
		failures++;
		return;
	}
	r.good = evidence_read(sample->path);
	r.verifier = scenario_verifier(&r.scenario);
	verdict = r.good.data && r.verifier ? scenario_verify(r.verifier, &r.scenario, r.good.data,
							      r.good.size, &r.expected, &err)
					    : "unread";
	if (strcmp(verdict, "trusted")) {
		printf("%s: is %s by itself (%s)\n", sample->path, verdict, err.text);
		failures++;
	} else {
		change_bytes(&r, index * 5, stride);
		report(&r);
		cut(&r, index * 7, stride);
		report(&r);
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	printf("%-34s %6zu changes: %6zu refused, %6zu errors, %4zu outside what is signed, %.1f s\n",
	       sample->path, r.changes, r.refused, r.errors, r.allowed,
	       (double)(until.tv_sec - from.tv_sec) + (double)(until.tv_nsec - from.tv_nsec) / 1e9);
	fflush(stdout);
	cattest_result_free(r.expected);
	cattest_verifier_free(r.verifier);
	free(r.good.data);
}

int main(int argc, char **argv)
{
	if (!evidence_folder())
		return 77;
	all = argc > 1 && !strcmp(argv[1], "all");
	for (size_t i = 0; i < SAMPLE_COUNT; i++)
		if (argc < 3 || strstr(samples[i].path, argv[2]))
			check_sample(&samples[i], i);
	scenario_done();
	if (failures)
		printf("%u failures\n", failures);
	return failures != 0;
}
