/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real SNP evidence, Milan, Genoa and Turin, VCEK and VLEK, versions 2, 3 and 5: verdicts and every
 * field against what an independent implementation found (EXPECTED.json), and what their publishers
 * say must be refused. Clocks lie inside the certificates' validity.
 */
#include "attest/snp/snp_testing.h"
#include "tests/evidence/samples.h"

#include <jansson.h>

#define CLOCK_2025 1748736000L /* 2025-06-01 */
#define CLOCK_2026 1780272000L /* 2026-06-01 */

static json_t *expected;

static struct der read_file(const char *name)
{
	struct der d = { NULL, 0 };

	d.data = sample_load(name, &d.size);
	must(d.data, name);
	return d;
}

static void add_file(struct cattest_verifier *v, const char *name)
{
	struct der d = read_file(name);
	struct cattest_error err = { "" };
	int r = cattest_add_collateral(v, name, d.data, d.size, &err);

	EXPECT(r == 0, "%s: %s", name, err.text);
	free(d.data);
}

struct sample {
	const char *report, *vek, *chain;
	int64_t now;
};

static const struct sample samples[] = {
	{ "snp/trustee-milan-report.bin", "snp/trustee-milan-vcek.der", "snp/askark-milan.pem",
	  CLOCK_2026 },
	{ "snp/trustee-vlek-report.bin", "snp/trustee-vlek.der", "snp/askark-milan-vlek.pem",
	  CLOCK_2025 },
	{ "snp/virtee-milan-report.bin", "snp/virtee-milan-vcek.der", "snp/askark-milan.pem",
	  CLOCK_2026 },
	{ "snp/ms-milan-report.bin", "snp/ms-milan-vcek.pem", "snp/ms-milan-ask.pem", CLOCK_2026 },
	{ "snp/ms-genoa-report.bin", "snp/ms-genoa-vcek.pem", "snp/ms-genoa-ask.pem", CLOCK_2026 },
	{ "snp/ms-turin-report.bin", "snp/ms-turin-vcek.pem", "snp/ms-turin-ask.pem", CLOCK_2026 },
	{ "snp/yaxi-genoa-v3-report.bin", "snp/yaxi-genoa-v3-chain.pem", NULL, CLOCK_2026 },
	{ "snp/yaxi-milan-v3-report.bin", "snp/yaxi-milan-v3-chain.pem", NULL, CLOCK_2026 },
};
#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

static struct cattest_verifier *verifier_for(const struct sample *s)
{
	struct cattest_verifier *v = cattest_verifier_new();

	must(v, "verifier");
	cattest_set_time(v, s->now);
	add_file(v, s->vek);
	if (s->chain)
		add_file(v, s->chain);
	return v;
}

static void bytes_are(const struct cattest_result *r, const char *file, const char *name,
		      const char *hex)
{
	const struct cattest_claim *c = cattest_result_find(r, name);
	char text[200];

	EXPECT(c && c->type == CATTEST_BYTES &&
		       !strcmp(hex_text(SPAN(c->bytes, c->size), text, sizeof(text)), hex),
	       "%s: %s is not %s", file, name, hex);
}

static void number_is(const struct cattest_result *r, const char *file, const char *name,
		      uint64_t number)
{
	const struct cattest_claim *c = cattest_result_find(r, name);

	EXPECT(c && c->number == number, "%s: %s is %llx, expected %llx", file, name,
	       c ? (unsigned long long)c->number : 0ull, (unsigned long long)number);
}

static void text_is(const struct cattest_result *r, const char *file, const char *name,
		    const char *text)
{
	const struct cattest_claim *c = cattest_result_find(r, name);

	EXPECT(c && c->type == CATTEST_STRING && !strcmp(c->string, text), "%s: %s is not %s", file,
	       name, text);
}

static const char *field(const json_t *e, const char *name)
{
	const char *text = json_string_value(json_object_get(e, name));

	must(text, name);
	return text;
}

static uint64_t number_of_bytes(const char *hex)
{
	uint8_t bytes[8];
	uint64_t n = 0;

	must(hex_parse(hex, strlen(hex), bytes, 8) == 0, hex);
	for (size_t i = 8; i--;)
		n = n << 8 | bytes[i];
	return n;
}

static void version_is(const struct cattest_result *r, const char *file, const char *name,
		       const json_t *list)
{
	char text[32];

	snprintf(text, sizeof(text), "%d.%d.%d", (int)json_integer_value(json_array_get(list, 2)),
		 (int)json_integer_value(json_array_get(list, 1)),
		 (int)json_integer_value(json_array_get(list, 0)));
	text_is(r, file, name, text);
}

static void compare_fields(const struct cattest_result *r, const char *file)
{
	const json_t *e = json_object_get(json_object_get(expected, "snp"), file);
	const char *product;
	char chip[129];

	must(e, file);
	product = field(e, "product");
	number_is(r, file, "snp.version", (uint64_t)json_integer_value(json_object_get(e, "ver")));
	number_is(r, file, "snp.vmpl", (uint64_t)json_integer_value(json_object_get(e, "vmpl")));
	number_is(r, file, "snp.policy", strtoull(field(e, "policy"), NULL, 16));
	number_is(r, file, "snp.platform_info", strtoull(field(e, "plat"), NULL, 16));
	number_is(r, file, "snp.tcb.current", number_of_bytes(field(e, "cur")));
	number_is(r, file, "snp.tcb.reported", number_of_bytes(field(e, "reptcb")));
	number_is(r, file, "snp.tcb.committed", number_of_bytes(field(e, "comtcb")));
	number_is(r, file, "snp.tcb.launch", number_of_bytes(field(e, "ltcb")));
	bytes_are(r, file, "snp.measurement", field(e, "meas"));
	bytes_are(r, file, "snp.host_data", field(e, "host"));
	bytes_are(r, file, "report_data", field(e, "rd"));
	snprintf(chip, sizeof(chip), "%.*s", strcmp(product, "turin") ? 128 : 16, field(e, "chip"));
	bytes_are(r, file, "snp.chip_id", chip);
	version_is(r, file, "snp.firmware.current", json_object_get(e, "curv"));
	version_is(r, file, "snp.firmware.committed", json_object_get(e, "comv"));
	text_is(r, file, "snp.product",
		product[0] == 'm'   ? "Milan"
		: product[0] == 'g' ? "Genoa"
				    : "Turin");
	text_is(r, file, "snp.signing_key", strstr(product, "vlek") ? "VLEK" : "VCEK");
	if (!strcmp(product, "turin")) {
		number_is(r, file, "snp.mit_vector.launch", number_of_bytes(field(e, "lmit")));
		number_is(r, file, "snp.mit_vector.current", number_of_bytes(field(e, "cmit")));
		number_is(r, file, "snp.tcb.fmc", 1);
	}
}

static void test_samples(void)
{
	for (size_t i = 0; i < SAMPLES; i++) {
		const struct sample *s = &samples[i];
		struct cattest_verifier *v = verifier_for(s);
		struct der report = read_file(s->report);
		struct verified got = verify_bytes(v, report.data, report.size, NULL);
		struct cattest_result *decoded;

		if (got.result) {
			compare_fields(got.result, s->report);
			text_is(got.result, s->report, "root", "built-in");
			number_is(got.result, s->report, "collateral.expired", 0);
		}
		expect_outcome(s->report, got, OUTCOME_GOOD, NULL);
		EXPECT(cattest_decode(report.data, report.size, NULL, &decoded, NULL) == 0,
		       "%s does not decode", s->report);
		bytes_are(decoded, s->report, "snp.measurement",
			  field(json_object_get(json_object_get(expected, "snp"), s->report),
				"meas"));
		cattest_result_free(decoded);
		/* Later and earlier than the certificate allows. */
		cattest_set_time(v, 2200000000L);
		expect_outcome(s->report, verify_bytes(v, report.data, report.size, NULL),
			       OUTCOME_REFUSED, "snp.vek.dates");
		cattest_set_time(v, 1600000000L);
		expect_outcome(s->report, verify_bytes(v, report.data, report.size, NULL),
			       OUTCOME_REFUSED, "snp.vek.dates");
		free(report.data);
		cattest_verifier_free(v);
	}
}

/* Flipped bytes and prefixes: none may verify. */
static void test_mutations(void)
{
	for (size_t i = 0; i < SAMPLES; i++) {
		struct cattest_verifier *v = verifier_for(&samples[i]);
		struct der report = read_file(samples[i].report);
		size_t step = i == 5 ? 1 : 13;
		unsigned accepted = 0, undecided = 0;

		for (size_t at = i % step; at < report.size; at += step) {
			struct verified got;

			report.data[at] ^= 1;
			got = verify_bytes(v, report.data, report.size, NULL);
			accepted += got.outcome == OUTCOME_GOOD;
			undecided += got.outcome == OUTCOME_MISSING;
			cattest_result_free(got.result);
			report.data[at] ^= 1;
			got = verify_bytes(v, report.data, at, NULL);
			accepted += got.outcome != OUTCOME_ERROR;
			cattest_result_free(got.result);
		}
		EXPECT(!accepted, "%s: %u mutations accepted", samples[i].report, accepted);
		/* Only another kind of key being named can leave nothing to judge with. */
		EXPECT(undecided <= 1, "%s: %u mutations left undecided", samples[i].report,
		       undecided);
		free(report.data);
		cattest_verifier_free(v);
	}
}

/* What upstream's own tests change. */
static void test_upstream(void)
{
	struct cattest_verifier *v = verifier_for(&samples[0]);
	struct der report = read_file(samples[0].report), vcek = read_file(samples[0].vek);
	struct cattest_error err;

	report.data[42]++;
	expect_outcome("milan [42]", verify_bytes(v, report.data, report.size, NULL),
		       OUTCOME_REFUSED, "snp.signature");
	report.data[42]--;
	report.data[384]++;
	expect_outcome("milan [384]", verify_bytes(v, report.data, report.size, NULL),
		       OUTCOME_REFUSED, "snp.tcb");
	report.data[384]--;
	cattest_verifier_free(v);

	v = cattest_verifier_new();
	must(v, "verifier");
	cattest_set_time(v, CLOCK_2026);
	vcek.data[42]++;
	add_file(v, "snp/askark-milan.pem");
	if (cattest_add_collateral(v, "vcek", vcek.data, vcek.size, &err) == 0)
		expect_outcome("VCEK [42]", verify_bytes(v, report.data, report.size, NULL),
			       OUTCOME_REFUSED, "snp.vek.chain");
	cattest_verifier_free(v);

	v = cattest_verifier_new();
	must(v, "verifier");
	cattest_set_time(v, CLOCK_2026);
	add_file(v, "snp/askark-milan-vlek.pem");
	add_file(v, samples[0].vek);
	expect_outcome("VCEK under ASVK", verify_bytes(v, report.data, report.size, NULL),
		       OUTCOME_REFUSED, "snp.vek.chain");
	cattest_verifier_free(v);
	free(report.data);
	free(vcek.data);

	for (size_t i = 6; i < 8; i++) {
		v = verifier_for(&samples[i]);
		report = read_file(samples[i].report);
		memset(report.data + SNP_SIGNED_SIZE, 'W', 512);
		expect_outcome("signature of W", verify_bytes(v, report.data, report.size, NULL),
			       OUTCOME_REFUSED, "snp.signature");
		free(report.data);
		cattest_verifier_free(v);
	}
}

/* Everything in one bag: each report finds its own. */
static void test_one_bag(void)
{
	struct cattest_verifier *v = cattest_verifier_new();

	must(v, "verifier");
	for (size_t i = 0; i < SAMPLES; i++) {
		add_file(v, samples[i].vek);
		if (samples[i].chain)
			add_file(v, samples[i].chain);
	}
	for (size_t i = 0; i < SAMPLES; i++) {
		struct der report = read_file(samples[i].report);

		cattest_set_time(v, samples[i].now);
		expect_outcome(samples[i].report, verify_bytes(v, report.data, report.size, NULL),
			       OUTCOME_GOOD, NULL);
		free(report.data);
	}
	cattest_verifier_free(v);
}

static void test_forms(void)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct der d = read_file("snp/trustee-e2e-evidence.json");
	struct cattest_result *r = NULL;

	must(v, "verifier");
	cattest_set_time(v, CLOCK_2026);
	add_file(v, "snp/askark-genoa.pem");
	add_file(v, "snp/askark-milan.pem");
	expect_outcome("e2e evidence", verify_bytes(v, d.data, d.size, NULL), OUTCOME_GOOD, NULL);
	free(d.data);

	d = read_file("snp/lit-report-msg-resp.bin");
	EXPECT(cattest_decode(d.data, d.size, NULL, &r, NULL) == 0, "answer of SNP_GET_REPORT");
	if (r) {
		number_is(r, "lit", "snp.version", 2);
		number_is(r, "lit", "snp.policy", 0x30000);
	}
	cattest_result_free(r);
	expect_outcome("answer without its VCEK", verify_bytes(v, d.data, d.size, NULL),
		       OUTCOME_MISSING, "snp.vek");
	free(d.data);

	d = read_file("snp/neg-lit-bad-sig-report.bin");
	expect_outcome("report of 1185 bytes", verify_bytes(v, d.data, d.size, NULL), OUTCOME_ERROR,
		       NULL);
	expect_outcome("bad signature", verify_bytes(v, d.data, d.size - 1, NULL), OUTCOME_MISSING,
		       "snp.vek");
	free(d.data);
	cattest_verifier_free(v);
}

static void test_parse_only(void)
{
	static const struct {
		const char *file, *product;
		unsigned version;
	} cases[] = {
		{ "snp/yaxi-parse-milan-report.bin", NULL, 2 },
		{ "snp/yaxi-parse-genoa-report.bin", NULL, 2 },
		{ "snp/yaxi-parse-turin-report.bin", "Turin", 5 },
	};

	for (size_t i = 0; i < 3; i++) {
		struct der d = read_file(cases[i].file);
		struct cattest_result *r = NULL;

		EXPECT(cattest_decode(d.data, d.size, NULL, &r, NULL) == 0, "%s", cases[i].file);
		if (r) {
			number_is(r, cases[i].file, "snp.version", cases[i].version);
			if (cases[i].product)
				text_is(r, cases[i].file, "snp.product", cases[i].product);
		}
		cattest_result_free(r);
		free(d.data);
	}
}

static void test_certificates(void)
{
	static const struct {
		const char *file;
		int microcode;
	} cases[] = {
		{ "snp/neg-trustee-vcek-legacy.der", 169 },
		{ "snp/neg-trustee-vcek-new.der", 30 },
	};

	for (size_t i = 0; i < 2; i++) {
		struct der d = read_file(cases[i].file);
		X509 *cert = x509_from_der(SPAN(d.data, d.size));
		struct cattest_error err = { "" };
		struct snp_vek vek;
		int r = cert ? snp_vek_parse(cert, &vek, &err) : -1;

		EXPECT(r == 0, "%s: %s", cases[i].file, err.text);
		if (!r) {
			EXPECT(vek.hwid.size == 64 && vek.hwid.data[1] == 1 &&
				       vek.hwid.data[63] == 63,
			       "hwID of %zu bytes", vek.hwid.size);
			EXPECT(vek.spl[8] == cases[i].microcode, "microcode %d", vek.spl[8]);
		}
		X509_free(cert);
		free(d.data);
	}
}

/*
 * Turin's certificate of another chip: its path is good, and the report that is put under it is not
 * signed by it.
 */
static void test_turin_certificate(void)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct der d = read_file("snp/virtee-turin-vcek.der");
	X509 *cert = x509_from_der(SPAN(d.data, d.size));
	struct snp_vek vek;
	uint8_t report[SNP_REPORT_SIZE], tcb[8] = { 0 };
	EVP_PKEY *key = new_p384();
	struct verified got;

	must(v && cert && snp_vek_parse(cert, &vek, NULL) == 0, "virtee-turin-vcek.der");
	EXPECT(vek.product == SNP_TURIN && vek.hwid.size == 8, "product %d", vek.product);
	tcb[0] = (uint8_t)vek.spl[9];
	for (int i = 1; i < 4; i++)
		tcb[i] = (uint8_t)vek.spl[i];
	tcb[7] = (uint8_t)vek.spl[8];
	make_report(report, 5, 0x1a02, tcb, vek.hwid.data, 8);
	sign_report(report, key);
	cattest_set_time(v, CLOCK_2026);
	add_file(v, "snp/askark-turin.pem");
	add_file(v, "snp/virtee-turin-vcek.der");
	got = verify_bytes(v, report, sizeof(report), NULL);
	EXPECT(find_check(got.result, "snp.vek.chain", CATTEST_PASS) &&
		       find_check(got.result, "snp.vek.root", CATTEST_PASS) &&
		       find_check(got.result, "snp.chip_id", CATTEST_PASS) &&
		       find_check(got.result, "snp.tcb", CATTEST_PASS),
	       "Turin's path");
	expect_outcome("Turin's certificate", got, OUTCOME_REFUSED, "snp.signature");
	EVP_PKEY_free(key);
	X509_free(cert);
	free(d.data);
	cattest_verifier_free(v);
}

int main(void)
{
	char path[512];

	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(path, sizeof(path), "%s/EXPECTED.json", samples_path());
	expected = json_load_file(path, 0, NULL);
	if (!expected) {
		printf("no samples: %s is not there\n", path);
		return 77;
	}
	test_samples();
	test_upstream();
	test_one_bag();
	test_forms();
	test_parse_only();
	test_certificates();
	test_turin_certificate();
	test_mutations();
	json_decref(expected);
	return test_report("snp_evidence_test");
}
