/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event logs of real machines (EVIDENCE): each is read, comes to registers that are then taken for
 * signed, and gives the facts that are known of it. Then each register is changed, each byte of
 * the log, and its end: nothing may be claimed that the registers do not carry.
 */
#include "attest/tpm/eventlog_internal.h"
#include "attest/tpm/tpm_testing.h"
#include "tests/evidence/samples.h"

#include <jansson.h>

static uint8_t buffer[1 << 18];

static struct span load(const char *name)
{
	return SPAN(buffer, sample_read(name, buffer, sizeof(buffer)));
}

struct sample {
	const char *name;
	bool cc;
	int secure_boot; /* -1: not known */
	size_t cmdlines, applications_least;
};

static const struct sample samples[] = {
	{ "tpm/eventlog-arch-linux-workstation.bin", false, 0, 1, 1 },
	{ "tpm/eventlog-debian-10.bin", false, 1, 0, 1 },
	{ "tpm/eventlog-ubuntu-2404-amd-sevsnp.bin", false, 0, 1, 2 },
	{ "tpm/goattest-crypto_agile_eventlog.bin", false, 0, 0, 1 },
	{ "tpm/goattest-ebs_event_missing_eventlog.bin", false, 0, 0, 1 },
	{ "tpm/goattest-option_rom_eventlog.bin", false, 1, 0, 1 },
	{ "tpm/goattest-sb_cert_eventlog.bin", false, 1, 0, 1 },
	{ "tpm/keylime-boot-log.bin", false, 0, 1, 1 },
	{ "tpm/keylime-boot-log-secureboot.bin", false, 1, 1, 1 },
	{ "tpm/tpm2tools-event-gce-ubuntu-2104-log.bin", false, 0, 1, 1 },
	{ "tpm/tpm2tools-event-moklisttrusted.bin", false, 1, 1, 1 },
	{ "tpm/tpm2tools-event-uefi-sha1-log.bin", false, 0, 0, 1 },
	{ "tdx/ccel-grub.bin", true, 1, 0, 1 },
	{ "tdx/ccel-ovmf.bin", true, 0, 0, 1 },
	{ "tdx/ccel-aael-alibaba.bin", true, 0, 1, 1 },
};

/*
 * An appraisal whose registers are what the log comes to; one of them changed, if there are that
 * many.
 */
static struct cattest_result *judge(struct span log, const struct log_replay *p, bool cc,
				    size_t change, bool signed_ok, int *ret_code)
{
	static const char *const banks[] = { "sha1", "sha256", "sha384", "sha512" };
	static const size_t sizes[] = { 20, 32, 48, 64 };
	static const struct cattest_expect expect;
	static struct cattest_error err;
	struct appraisal a = { .result = result_new(), .err = &err, .expect = &expect };
	size_t count = 0;
	char name[32];

	for (unsigned bank = 0; bank < 4; bank++)
		for (unsigned n = 0; n < LOG_REGISTERS; n++) {
			uint8_t value[64];

			if (!p->has_events[n] || !p->bank[bank] ||
			    (cc && (bank != 2 || !n || n > 4)))
				continue;
			memcpy(value, p->value[bank][n], sizes[bank]);
			if (count++ == change)
				value[n % sizes[bank]] ^= 1;
			if (cc)
				snprintf(name, sizeof(name), "tdx.rtmr.%u", n - 1);
			else
				snprintf(name, sizeof(name), "tpm.pcr.%s.%u", banks[bank], n);
			claim_bytes(&a, name, SPAN(value, sizes[bank]));
		}
	*ret_code = event_log_replay(&a, log, signed_ok);
	EXPECT(!result_state(a.result, &err), "result");
	return a.result;
}

static void test_sample(const struct sample *s)
{
	struct log_replay *p = malloc(sizeof(*p));
	struct span log = load(s->name);
	struct cattest_error err = { .text = "" };
	const struct cattest_claim *c;
	struct cattest_result *r;
	int code = log_replay_all(log, p, &err);
	size_t registers;

	EXPECT(log.size && event_log_detect(log) && !code, err.text);
	if (code)
		goto out;
	r = judge(log, p, s->cc, SIZE_MAX, true, &code);
	EXPECT(!code && !first_problem(r)[0] && string_count(r, "eventlog.replayed"),
	       first_problem(r));
	c = cattest_result_find(r, "eventlog.secure_boot");
	EXPECT(s->secure_boot < 0 ? !c : c && c->number == (uint64_t)s->secure_boot, s->name);
	EXPECT(string_count(r, "eventlog.kernel_cmdline") == s->cmdlines, s->name);
	EXPECT(string_count(r, "eventlog.boot_applications") >= s->applications_least, s->name);
	EXPECT(has_string(r, "eventlog.format",
			  s->cc	     ? "ccel"
			  : p->agile ? "tcg-crypto-agile"
				     : "tcg-sha1"),
	       s->name);
	registers = string_count(r, "eventlog.replayed");
	cattest_result_free(r);
	r = judge(log, p, s->cc, SIZE_MAX, false, &code);
	EXPECT(!code && !cattest_result_find(r, "eventlog.digests") &&
		       !cattest_result_find(r, "eventlog.replayed"),
	       "unsigned");
	cattest_result_free(r);
	for (size_t i = 0; i < registers; i++) {
		r = judge(log, p, s->cc, i, true, &code);
		EXPECT(!code && begins(first_problem(r), "eventlog.replay") &&
			       string_count(r, "eventlog.replayed") < registers,
		       s->name);
		cattest_result_free(r);
	}
	/* Nothing that this log could be held against */
	memset(p->has_events, 0, sizeof(p->has_events));
	r = judge(log, p, s->cc, SIZE_MAX, true, &code);
	EXPECT(!code && begins(first_problem(r), "?eventlog.replay"), s->name);
	cattest_result_free(r);
out:
	free(p);
}

static bool same_strings(const struct cattest_result *a, const struct cattest_result *b,
			 const char *name)
{
	const struct cattest_claim *x = cattest_result_find(a, name),
				   *y = cattest_result_find(b, name);

	if (!x || !y || x->size != y->size)
		return x == y;
	for (size_t i = 0; i < x->size; i++)
		if (strcmp(x->strings[i], y->strings[i]))
			return false;
	return true;
}

/*
 * A byte that may change without being noticed is one that no digest covers: the facts stay what
 * they are.
 */
static void test_changes(const char *name, bool cc, size_t step)
{
	struct log_replay *p = malloc(sizeof(*p));
	struct span log = load(name);
	const struct cattest_claim *was, *is;
	struct cattest_result *good, *r;
	size_t noticed = 0, total = 0;
	int code;

	log_replay_all(log, p, NULL);
	good = judge(log, p, cc, SIZE_MAX, true, &code);
	was = cattest_result_find(good, "eventlog.secure_boot");
	for (size_t i = 0; i < log.size && i < 20000; i += step, total++) {
		buffer[i] ^= (uint8_t)(1 << i % 8);
		r = judge(log, p, cc, SIZE_MAX, true, &code);
		if (code || first_problem(r)[0]) {
			noticed++;
		} else {
			is = cattest_result_find(r, "eventlog.secure_boot");
			/* Or a size swallows all events of a register, as a cut does. */
			EXPECT(same_strings(good, r, "eventlog.digests") ||
				       string_count(r, "eventlog.replayed") <
					       string_count(good, "eventlog.replayed"),
			       name);
			/* A partition table that is not shown to be one counts as a program. */
			EXPECT(string_count(r, "eventlog.boot_applications") >=
				       string_count(good, "eventlog.boot_applications"),
			       name);
			EXPECT(string_count(r, "eventlog.kernel_cmdline") <=
				       string_count(good, "eventlog.kernel_cmdline"),
			       name);
			EXPECT((was && is) ? was->number == is->number : was == is, name);
		}
		cattest_result_free(r);
		buffer[i] ^= (uint8_t)(1 << i % 8);
	}
	EXPECT(noticed > total / 50, name);
	for (size_t cut = 0; cut < log.size && cut < 20000; cut += step) {
		r = judge(SPAN(log.data, cut), p, cc, SIZE_MAX, true, &code);
		/*
		 * Only where the events of one register end, or where filler begins, is a log
		 * whole.
		 */
		EXPECT(code || first_problem(r)[0] || same_strings(good, r, "eventlog.digests") ||
			       string_count(r, "eventlog.replayed") <
				       string_count(good, "eventlog.replayed"),
		       name);
		cattest_result_free(r);
	}
	cattest_result_free(good);
	free(p);
}

/* Trustee's own reading of the same logs. */
static void test_other_reading(const char *name, const char *json_name)
{
	json_t *root, *list;
	struct log_reader reader;
	struct cattest_error err = { .text = "" };
	struct log_event e;
	struct span text;
	size_t i = 0;

	text = load(json_name);
	root = json_loadb((const char *)text.data, text.size, 0, NULL);
	list = json_object_get(root, "uefi_event_logs");
	EXPECT(json_is_array(list) && !log_open(load(name), &reader, &err), json_name);
	while (log_next(&reader, &e, &err) > 0) {
		const json_t *theirs = json_array_get(list, i++),
			     *digests = json_object_get(theirs, "digests");
		const char *hex =
			json_string_value(json_object_get(json_array_get(digests, 0), "digest"));
		const char *type = json_string_value(json_object_get(theirs, "type_name"));
		char ours[129];

		EXPECT(json_integer_value(json_object_get(theirs, "index")) == (json_int_t)e.index,
		       json_name);
		EXPECT(hex && !strcmp(hex, hex_text(e.digest[2], ours, sizeof(ours))), json_name);
		EXPECT(type && log_event_type_name(e.type) &&
			       !strcmp(type, log_event_type_name(e.type)),
		       type);
	}
	EXPECT(!err.text[0] && i == json_array_size(list), json_name);
	json_decref(root);
}

static void test_bad(void)
{
	struct log_replay *p = malloc(sizeof(*p));

	EXPECT(log_replay_all(load("tpm/neg-keylime-boot-log-bogus.bin"), p, NULL), "bogus");
	EXPECT(!event_log_detect(load("tpm/neg-keylime-boot-log-bogus.bin")), "bogus");
	/* Well-formed: a StartupLocality and nothing else. */
	EXPECT(!log_replay_all(load("tpm/goattest-short_no_action_eventlog.bin"), p, NULL) &&
		       p->value[1][0][31] == 3 && !p->has_events[0],
	       "short");
	/* SM3 only: read, with no register that could be compared. */
	EXPECT(!log_replay_all(load("csv/ccel.bin"), p, NULL) && !p->bank[0] && !p->bank[1] &&
		       !p->bank[2] && !p->bank[3],
	       "SM3");
	free(p);
}

int main(void)
{
	if (!samples_folder())
		return 77;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		test_sample(&samples[i]);
	test_changes("tdx/ccel-ovmf.bin", true, 1);
	test_changes("tdx/ccel-aael-alibaba.bin", true, 7);
	test_changes("tpm/tpm2tools-event-moklisttrusted.bin", false, 11);
	test_changes("tpm/tpm2tools-event-uefi-sha1-log.bin", false, 7);
	test_other_reading("tdx/ccel-ovmf.bin", "tdx/ccel-ovmf.json");
	test_other_reading("tdx/ccel-grub.bin", "tdx/ccel-grub.json");
	test_bad();
	return failed;
}
