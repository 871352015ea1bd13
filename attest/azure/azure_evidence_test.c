/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real evidence of Azure's confidential VMs, every form that its publishers' tests have: what is
 * bound to which nonce, PCR 0, and what a change anywhere in the signed parts does.
 */
#include "attest/azure/azure.h"
#include "attest/snp/snp_testing.h"
#include "tests/evidence/samples.h"

#include <jansson.h>

#define CLOCK_2026 1780272000L /* 2026-06-01 */
#define CLOCK_TDX 1752100000L  /* 2025-07-09 */

static struct der read_file(const char *name)
{
	struct der d = { NULL, 0 };

	d.data = sample_load(name, &d.size);
	must(d.data, name);
	return d;
}

static struct cattest_verifier *verifier_with(int64_t now, const char *const *files)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_error err = { "" };

	must(v, "verifier");
	cattest_set_time(v, now);
	for (; *files; files++) {
		struct der d = read_file(*files);

		EXPECT(cattest_add_collateral(v, *files, d.data, d.size, &err) == 0, "%s: %s",
		       *files, err.text);
		free(d.data);
	}
	return v;
}

static const char *const amd[] = { "snp/askark-milan.pem", "snp/askark-genoa.pem",
				   "azure/snp-vcek.pem", NULL };

static struct cattest_expect expecting(const uint8_t *data, size_t size)
{
	return (struct cattest_expect){ .report_data = data, .report_data_size = size };
}

static void bytes_are(const struct verified *got, const char *name, const char *hex)
{
	const struct cattest_claim *c = got->result ? cattest_result_find(got->result, name) : NULL;
	char text[200];

	EXPECT(c && !strcmp(hex_text(SPAN(c->bytes, c->size), text, sizeof(text)), hex),
	       "%s is not %s", name, hex);
}

static void test_samples(void)
{
	static const struct {
		const char *file, *nonce, *pcr0;
	} cases[] = {
		{ "azure/snp-evidence-v0.json", "6368616c6c656e6765",
		  "e15c44796beabf46abcec7c57e590942041e47497e4ec27571c8b7664f48dced" },
		{ "azure/snp-evidence-v2.json",
		  "982f5c6e45df0ed3f10b6f60b02f0c8390e281300f3805e2279c16168cd6ae9aa398f647caa2338748cd0fd9f5f819ef",
		  "84275b2f4312cd4fc6cbe6b152ad3c3683e513d9f1e23c34fca160c8cca7a6a7" },
		{ "azure/snp-evidence-genoa.json",
		  "0218488bae25d2509232bf676f1a66a30d7372add909109b36016ef136f2938ca05475f8b46094de6b64270ea35d950f",
		  "afd689d0bb1c5f36f023fbaf574135f555a28a10c1f6b938d2a25e70c7783338" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cattest_verifier *v = verifier_with(CLOCK_2026, amd);
		struct der d = read_file(cases[i].file);
		uint8_t nonce[64];
		size_t size = strlen(cases[i].nonce) / 2;
		struct cattest_expect expect = expecting(nonce, size);
		struct verified got;

		must(hex_parse(cases[i].nonce, 2 * size, nonce, size) == 0, "nonce");
		got = verify_bytes(v, d.data, d.size, &expect);
		bytes_are(&got, "nonce", cases[i].nonce);
		bytes_are(&got, "tpm.pcr.sha256.0", cases[i].pcr0);
		EXPECT(find_check(got.result, "report_data", CATTEST_PASS) &&
			       find_check(got.result, "azure.runtime_data", CATTEST_PASS) &&
			       find_check(got.result, "tpm.quote.signature", CATTEST_PASS) &&
			       find_check(got.result, "snp.signature", CATTEST_PASS),
		       "%s: a step is missing", cases[i].file);
		expect_outcome(cases[i].file, got, OUTCOME_GOOD, NULL);
		nonce[0] ^= 1;
		expect_outcome("wrong nonce", verify_bytes(v, d.data, d.size, &expect),
			       OUTCOME_REFUSED, "report_data");
		free(d.data);
		cattest_verifier_free(v);
	}
}

/*
 * Bytes of the HCL report that nothing signs: only the version in its head may have another value
 * (2).
 */
static bool unsigned_byte(size_t at)
{
	return at == 4;
}

static void test_hcl(void)
{
	struct cattest_verifier *v = verifier_with(CLOCK_2026, amd);
	struct der d = read_file("azure/snp-hcl-report.bin");
	uint8_t zero[64] = { 0 };
	struct cattest_expect expect = expecting(zero, 64);
	unsigned accepted = 0;

	expect_outcome("HCL report", verify_bytes(v, d.data, d.size, NULL), OUTCOME_GOOD, NULL);
	expect_outcome("its user data", verify_bytes(v, d.data, d.size, &expect), OUTCOME_GOOD,
		       NULL);
	expect.report_data = "challenge";
	expect.report_data_size = 9;
	expect_outcome("other user data", verify_bytes(v, d.data, d.size, &expect), OUTCOME_REFUSED,
		       "report_data");
	for (size_t i = 0; i < d.size; i += i < 0x40 || i > 0x4b0 ? 1 : 5) {
		struct verified got;

		d.data[i] ^= 3;
		got = verify_bytes(v, d.data, d.size, NULL);
		if (got.outcome == OUTCOME_GOOD && !unsigned_byte(i)) {
			printf("byte 0x%zx\n", i);
			accepted++;
		}
		cattest_result_free(got.result);
		d.data[i] ^= 3;
	}
	EXPECT(!accepted, "%u mutations accepted", accepted);
	/* What Trustee's tests change. */
	d.data[0x1a6] ^= 0xff;
	expect_outcome("SNP report changed", verify_bytes(v, d.data, d.size, NULL), OUTCOME_REFUSED,
		       "snp.signature");
	d.data[0x1a6] ^= 0xff;
	d.data[0x6e0]++;
	expect_outcome("runtime data changed", verify_bytes(v, d.data, d.size, NULL),
		       OUTCOME_REFUSED, "azure.runtime_data");
	d.data[0x6e0]--;
	for (size_t size = 0; size < 0x4d4 + 1110; size += 31)
		expect_outcome("prefix", verify_bytes(v, d.data, size, NULL), OUTCOME_ERROR, NULL);
	free(d.data);
	cattest_verifier_free(v);
}

/* Each text of the JSON with a character changed. */
static void test_json_mutations(void)
{
	struct cattest_verifier *v = verifier_with(CLOCK_2026, amd);
	struct der d = read_file("azure/snp-evidence-v2.json");
	unsigned accepted = 0;

	for (size_t i = 0; i < d.size; i += 11) {
		struct verified got;
		uint8_t was = d.data[i];

		if (was >= '0' && was <= '9')
			d.data[i] = was == '9' ? '0' : (uint8_t)(was + 1);
		else if ((was >= 'a' && was < 'f') || (was >= 'A' && was < 'Z'))
			d.data[i]++;
		else
			continue;
		got = verify_bytes(v, d.data, d.size, NULL);
		if (got.outcome == OUTCOME_GOOD) {
			accepted++;
			printf("character %zu of %zu\n", i, d.size);
		}
		cattest_result_free(got.result);
		d.data[i] = was;
	}
	/* PCRs 0 to 23 are all quoted, and the version binds nothing. */
	EXPECT(accepted <= 1, "%u mutations accepted", accepted);
	free(d.data);
	cattest_verifier_free(v);
}

static void test_tdx(void)
{
	static const char *const intel[] = { "tdx/automata-tcbinfo-00806f050000-eval17.json",
					     "tdx/automata-tdqe-2025-07.json", NULL };
	struct cattest_verifier *v = verifier_with(CLOCK_TDX, intel);
	struct der d = read_file("azure/tdx-evidence-v1.json"),
		   hcl = read_file("azure/tdx-hcl-report.bin");
	struct cattest_expect expect = expecting((const uint8_t *)"challenge", 9);
	struct verified got = verify_bytes(v, d.data, d.size, &expect);

	EXPECT(got.outcome != OUTCOME_REFUSED && got.outcome != OUTCOME_ERROR, "TDX evidence: %s",
	       got.err.text);
	EXPECT(find_check(got.result, "report_data", CATTEST_PASS) &&
		       find_check(got.result, "azure.runtime_data", CATTEST_PASS) &&
		       find_check(got.result, "azure.td_report", CATTEST_PASS) &&
		       find_check(got.result, "tpm.quote.signature", CATTEST_PASS) &&
		       find_check(got.result, "dcap.quote.signature", CATTEST_PASS),
	       "TDX evidence: a step is missing");
	bytes_are(&got, "tpm.pcr.sha256.0",
		  "782b20b10f55cc46e2142cc2145d548698073e5beb82752c8d7f9279f0d8a273");
	if (got.outcome == OUTCOME_REFUSED)
		print_result(&got);
	cattest_result_free(got.result);
	expect.report_data = "Challenge";
	expect_outcome("TDX, wrong nonce", verify_bytes(v, d.data, d.size, &expect),
		       OUTCOME_REFUSED, "report_data");
	expect_outcome("TDX HCL report alone", verify_bytes(v, hcl.data, hcl.size, NULL),
		       OUTCOME_MISSING, "azure.td_quote");
	free(d.data);
	free(hcl.data);
	cattest_verifier_free(v);
}

static void test_quote_alone(void)
{
	static const char *const none[] = { NULL };
	struct cattest_verifier *v = verifier_with(CLOCK_2026, none);
	struct der d = read_file("azure/az-quote.bin"), ak = read_file("azure/akpub.pem");
	struct cattest_expect expect = expecting((const uint8_t *)"challenge", 9);
	unsigned accepted = 0;

	expect_outcome("quote, no key", verify_bytes(v, d.data, d.size, &expect), OUTCOME_MISSING,
		       "azure.ak");
	must(cattest_add_root(v, CATTEST_ROOT_AK, ak.data, ak.size, NULL) == 0, "akpub.pem");
	expect_outcome("quote", verify_bytes(v, d.data, d.size, &expect), OUTCOME_GOOD, NULL);
	for (size_t i = 0; i < d.size; i += 3) {
		struct verified got;

		d.data[i] ^= 1;
		got = verify_bytes(v, d.data, d.size, &expect);
		accepted += got.outcome == OUTCOME_GOOD;
		cattest_result_free(got.result);
		d.data[i] ^= 1;
		expect_outcome("prefix", verify_bytes(v, d.data, i, &expect), OUTCOME_ERROR, NULL);
	}
	EXPECT(!accepted, "%u mutations accepted", accepted);
	free(d.data);
	free(ak.data);
	cattest_verifier_free(v);
}

int main(void)
{
	char path[512];
	FILE *f;

	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(path, sizeof(path), "%s/azure/snp-hcl-report.bin", samples_path());
	f = fopen(path, "rb");
	if (!f) {
		printf("no samples: %s is not there\n", path);
		return 77;
	}
	fclose(f);
	test_samples();
	test_hcl();
	test_json_mutations();
	test_tdx();
	test_quote_alone();
	return test_report("azure_evidence_test");
}
