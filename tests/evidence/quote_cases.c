// SPDX-License-Identifier: Apache-2.0
/*
 * Quotes for another verifier, each with our verdict: every status, version and body of the synthetic PKI, what must be refused, and some thousand
 * changes of single bytes. tests/programs/quote_peer.sh gives them to a verifier in JavaScript that shares no code with us, and compares.
 *
 * Output: a JSON object a line.
 *   {"base": N, "name", "quote": base64, "collateral": {...}, "root": PEM, "now": seconds, ours...}
 *   {"base": N, "in": "quote" | member of the collateral, "at": offset, "xor": byte, ours...}     a change of the base N
 *   ours: "verdict": trusted | refused | undecided | error, "status", "step": the first that failed
 *   quote_cases [N]     changes every N-th of the bytes that it could (default 1)
 * Our policy accepts everything genuine and in date but what that verifier refuses without being asked: debugging, reserved and missing TD attributes.
 */
#include "tests/evidence/dcap_synthetic.c"

static const char policy_text[] =
	"{\"version\": 1, \"name\": \"peer\", \"types\": [\"sgx-quote\", \"tdx-quote\"],"
	" \"allow\": [\"custom-root\", \"no-freshness\", \"any-code\"],"
	" \"require\": [{\"claim\": \"tcb.status\", \"in\": [\"UpToDate\", \"SWHardeningNeeded\", \"ConfigurationNeeded\","
	"   \"ConfigurationAndSWHardeningNeeded\", \"OutOfDate\", \"OutOfDateConfigurationNeeded\", \"TDRelaunchAdvised\","
	"   \"TDRelaunchAdvisedConfigurationNeeded\"]}]}";

static struct cattest_policy *policy;
static unsigned base_count;
static size_t sparseness = 1;

static void put_ours(json_t *line, struct cattest_verifier *v, const void *quote, size_t size)
{
	static const char *const verdicts[] = {
		[CATTEST_NONE] = "none",
		[CATTEST_REFUSED] = "refused",
		[CATTEST_UNDECIDED] = "undecided",
		[CATTEST_TRUSTED] = "trusted",
	};
	struct cattest_result *r = NULL;
	struct cattest_error err = { "" };
	const struct cattest_claim *status;
	const char *step = "";

	if (cattest_verify(v, quote, size, NULL, &r, &err)) {
		json_object_set_new(line, "verdict", json_string("error"));
		json_object_set_new(line, "step", json_string(err.text));
		return;
	}
	status = cattest_result_find(r, "tcb.status");
	for (size_t i = 0; !*step && i < cattest_result_checks(r); i++)
		if (cattest_result_check(r, i)->outcome == CATTEST_FAIL)
			step = cattest_result_check(r, i)->step;
	json_object_set_new(line, "verdict", json_string(verdicts[cattest_result_verdict(r)]));
	json_object_set_new(line, "status", json_string(status ? status->string : ""));
	json_object_set_new(line, "step", json_string(step));
	cattest_result_free(r);
}

static void print_line(json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT);

	MUST(text);
	puts(text);
	free(text);
	json_decref(line);
}

static struct cattest_verifier *judge_new(const struct dcap_synthetic *s, const char *collateral)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_error err;

	MUST(v);
	cattest_set_time(v, s->now);
	MUST(!cattest_add_root(v, CATTEST_ROOT_INTEL, s->root_pem, strlen(s->root_pem), &err));
	/* Collateral that cannot be read is collateral that is missing. */
	(void)cattest_add_collateral(v, "case", collateral, strlen(collateral), &err);
	cattest_set_policy(v, policy);
	return v;
}

static void print_base(const char *name, const struct dcap_synthetic *s)
{
	struct cattest_verifier *v = judge_new(s, s->collateral);
	unsigned char *text = malloc(s->quote_size * 2 + 8);
	json_t *line = json_object();

	MUST(text);
	EVP_EncodeBlock(text, s->quote, (int)s->quote_size);
	json_object_set_new(line, "base", json_integer(++base_count));
	json_object_set_new(line, "name", json_string(name));
	json_object_set_new(line, "quote", json_string((const char *)text));
	json_object_set_new(line, "collateral", json_loads(s->collateral, 0, NULL));
	json_object_set_new(line, "root", json_string(s->root_pem));
	json_object_set_new(line, "now", json_integer(s->now));
	put_ours(line, v, s->quote, s->quote_size);
	print_line(line);
	free(text);
	cattest_verifier_free(v);
}

static void print_change(const char *in, size_t at, uint8_t bits, json_t *line)
{
	json_object_set_new(line, "base", json_integer(base_count));
	json_object_set_new(line, "in", json_string(in));
	json_object_set_new(line, "at", json_integer((json_int_t)at));
	json_object_set_new(line, "xor", json_integer(bits));
	print_line(line);
}

static void quote_changes(const struct dcap_synthetic *s, size_t stride)
{
	struct cattest_verifier *v = judge_new(s, s->collateral);

	for (size_t at = 0; at < s->quote_size; at += stride * sparseness) {
		json_t *line = json_object();
		uint8_t bits = (uint8_t)(1u << at % 8);

		s->quote[at] ^= bits;
		put_ours(line, v, s->quote, s->quote_size);
		s->quote[at] ^= bits;
		print_change("quote", at, bits, line);
	}
	cattest_verifier_free(v);
}

/* One bit of some characters of each signed text, signature and chain; such that it stays a text. */
static void collateral_changes(const struct dcap_synthetic *s)
{
	static const struct {
		const char *name;
		size_t stride;
	} members[] = { { "tcb_info", 11 },
			{ "tcb_info_signature", 5 },
			{ "tcb_info_issuer_chain", 37 },
			{ "qe_identity", 5 },
			{ "qe_identity_signature", 5 },
			{ "qe_identity_issuer_chain", 37 } };

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		json_t *collateral = json_loads(s->collateral, 0, NULL);
		const char *whole = json_string_value(json_object_get(collateral, members[i].name));
		char *text = strdup(whole);

		MUST(text);
		for (size_t at = 1; at < strlen(text); at += members[i].stride * sparseness) {
			json_t *line = json_object();
			struct cattest_verifier *v;
			char *changed;

			text[at] ^= 1;
			json_object_set_new(collateral, members[i].name, json_string(text));
			changed = json_dumps(collateral, JSON_COMPACT);
			/* A newline becomes a control character, which is text to JSON. */
			MUST(changed);
			v = judge_new(s, changed);
			put_ours(line, v, s->quote, s->quote_size);
			print_change(members[i].name, at, 1, line);
			cattest_verifier_free(v);
			free(changed);
			text[at] ^= 1;
		}
		free(text);
		json_decref(collateral);
	}
}

#define CASE(NAME, ...)                   \
	do {                              \
		struct dcap_synthetic s;  \
                                          \
		dcap_synthetic_init(&s);  \
		__VA_ARGS__;              \
		dcap_synthetic_build(&s); \
		print_base(NAME, &s);     \
		dcap_synthetic_done(&s);  \
	} while (0)
#define TD(VERSION, BODY) s.version = VERSION, s.body_type = BODY

/* MRSERVICETD of TD reports 1.5: the other verifier refuses TDs that have one. */
static void no_service_td(uint8_t *signed_bytes, size_t size)
{
	if (size == 54 + 648)
		memset(signed_bytes + 54 + 600, 0, 48);
}

static const char *const statuses[] = { "UpToDate",
					"SWHardeningNeeded",
					"ConfigurationNeeded",
					"ConfigurationAndSWHardeningNeeded",
					"OutOfDate",
					"OutOfDateConfigurationNeeded",
					"Revoked" };

static void status_cases(void)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		for (size_t qe = 0; qe < 7; qe++)
			CASE("platform and QE", s.platform_status[0] = statuses[i],
			     s.qe_status[0] = statuses[qe]);
		CASE("lower level", s.platform_status[1] = statuses[i],
		     memset(s.components, 4, 16));
		CASE("TD v4", TD(4, 2), s.platform_status[0] = statuses[i]);
		CASE("TD v4, module of version 0", TD(4, 2), s.tee_tcb_svn[1] = 0,
		     s.platform_status[0] = statuses[i]);
		CASE("TD v5, TD 1.0", TD(5, 2), s.platform_status[0] = statuses[i]);
		CASE("TD v5, TD 1.5", TD(5, 3), s.edit_body = no_service_td,
		     s.platform_status[0] = statuses[i]);
		CASE("TD v5, QE lower", TD(5, 3), s.edit_body = no_service_td,
		     s.platform_status[0] = statuses[i], s.qe_isvsvn = 4);
		CASE("TD v4, module lower", TD(4, 2), s.platform_status[0] = statuses[i],
		     s.tee_tcb_svn[0] = 3);
		CASE("TD v5, relaunch", TD(5, 3), s.edit_body = no_service_td,
		     s.platform_status[0] = statuses[i], s.tee_tcb_svn[0] = 3,
		     s.tee_tcb_svn[2] = 2);
	}
	CASE("below all levels", memset(s.components, 1, 16));
	CASE("PCESVN below all levels", s.pcesvn = 7);
	CASE("PCESVN lower", s.pcesvn = 12);
	CASE("QE SVN below all levels", s.qe_isvsvn = 2);
	CASE("TDX component below all levels", TD(4, 2), s.tee_tcb_svn[2] = 1);
	CASE("components all higher", memset(s.components, 200, 16));
}

static void other_platform(json_t *o)
{
	json_object_set_new(o, "fmspc", json_string("112233445566"));
}
static void other_pce(json_t *o)
{
	json_object_set_new(o, "pceId", json_string("0100"));
}
static void other_qe_signer(json_t *o)
{
	json_object_set_new(
		o, "mrsigner",
		json_string("00000000000000000000000000000000000000000000000000000000000000aa"));
}
static void other_qe_product(json_t *o)
{
	json_object_set_new(o, "isvprodid", json_integer(77));
}
static void unknown_status(json_t *o)
{
	json_object_set_new(json_array_get(json_object_get(o, "tcbLevels"), 0), "tcbStatus",
			    json_string("Splendid"));
}
static void next_version(json_t *o)
{
	json_object_set_new(o, "version", json_integer(9));
}
static void no_update(json_t *o)
{
	json_object_del(o, "nextUpdate");
}
static void qe_debug(uint8_t *report)
{
	report[48] |= 2;
}
static void qe_report_rest(uint8_t *report)
{
	report[320 + 63] = 1;
}

static void form_cases(void)
{
	CASE("SGX v3", (void)0);
	CASE("SGX v4", s.version = 4);
	CASE("SGX v5", s.version = 5);
	CASE("TD v5, TD 1.5 extended", TD(5, 4));
	CASE("platform CA", s.platform_ca = true);
	CASE("trailing bytes", s.trailing = 70);
	CASE("debug", s.debug = true);
	CASE("debug, TD", TD(4, 2), s.debug = true);
	CASE("TD attribute 2 (reserved)", TD(4, 2), s.td_attributes |= 4);
	CASE("without SEPT_VE_DISABLE", TD(4, 2), s.td_attributes = 0);
	CASE("PKS and key locker", TD(5, 3), s.edit_body = no_service_td,
	     s.td_attributes |= 3ull << 30);
	CASE("TCB info v2", s.tcb_version = 2);
	CASE("QE identity of the other TEE", s.qe_id = "TD_QE");
	CASE("QE identity of the other TEE, TD", TD(4, 2), s.qe_id = "QE");
	CASE("TCB info of the other TEE", s.tcb_id = "TDX");
	CASE("TCB info of the other TEE, TD", TD(4, 2), s.tcb_id = "SGX");
	CASE("another FMSPC", s.edit_tcb = other_platform);
	CASE("another PCE", s.edit_tcb = other_pce);
	CASE("unknown status", s.edit_tcb = unknown_status);
	CASE("TCB info of an unknown version", s.edit_tcb = next_version);
	CASE("TCB info without a date", s.edit_tcb = no_update);
	CASE("QE identity of an unknown version", s.edit_qe = next_version);
	CASE("QE identity without a date", s.edit_qe = no_update);
	CASE("QE of another signer", s.edit_qe = other_qe_signer);
	CASE("QE of another product", s.edit_qe = other_qe_product);
	CASE("QE in debug mode", s.edit_qe_report = qe_debug);
	CASE("QE report data with a rest", s.edit_qe_report = qe_report_rest);
}

static void certificate_cases(void)
{
	CASE("PCK revoked", s.pck_revoked = true);
	CASE("PCK CA revoked", s.ca_revoked = true);
	CASE("TCB signer revoked", s.tcb_revoked = true);
	CASE("PCK of another name", s.bad_pck_name = true);
	CASE("TCB signer of another name", s.bad_tcb_name = true);
	CASE("a CA as the TCB signer", s.tcb_is_ca = true);
	CASE("PCK extension malformed", s.extension_malformed = true);
	CASE("QE report by another key", s.other_pck_key = true);
	CASE("certificates expired", s.certificates_until = s.now - 1);
	CASE("CRLs expired", s.crls_until = s.now - 1);
	CASE("TCB info expired", s.tcb_until = s.now - 1);
	CASE("TCB info of the future", s.tcb_issued = s.now + 1);
	CASE("QE identity expired", s.qe_until = s.now - 1);
	CASE("QE identity of the future", s.qe_issued = s.now + 1);
}

static void changes(unsigned version, unsigned body, size_t stride)
{
	struct dcap_synthetic s;

	dcap_synthetic_init(&s);
	s.version = version;
	s.body_type = body;
	s.edit_body = no_service_td;
	dcap_synthetic_build(&s);
	print_base("to be changed", &s);
	quote_changes(&s, stride);
	if (version != 4)
		collateral_changes(&s);
	dcap_synthetic_done(&s);
}

int main(int argc, char **argv)
{
	struct cattest_error err;

	if (argc > 1)
		sparseness = strtoul(argv[1], NULL, 10);
	if (!sparseness)
		return 2;

	if (cattest_policy_parse("peer", policy_text, sizeof(policy_text) - 1, &policy, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	form_cases();
	status_cases();
	certificate_cases();
	changes(3, 1, 5);
	changes(4, 2, 7);
	changes(5, 3, 5);
	cattest_policy_free(policy);
	return 0;
}
