// SPDX-License-Identifier: Apache-2.0
/*
 * Quotes of a PKI of our own: every status, every version and body, and everything that must be refused, each by the step that is
 * there for it. A case that is good has no failed check and lacks nothing but a policy.
 */
#include "attest/dcap/tcb.h"
#include "tests/evidence/dcap_synthetic.c"

#define GOOD NULL

static int failures;
static const char *running = "";

static void report(const char *what, const char *detail)
{
	fprintf(stderr, "%s: %s %s\n", running, what, detail ? detail : "");
	failures++;
}

static void show(const struct cattest_result *r)
{
	static const char *const outcomes[] = { "none", "pass", "FAIL", "MISSING", "note" };

	for (size_t i = 0; i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		if (c->outcome == CATTEST_FAIL || c->outcome == CATTEST_MISSING)
			fprintf(stderr, "    %s %s: %s | %s\n", outcomes[c->outcome], c->step,
				c->expected, c->found);
	}
}

static bool has(const struct cattest_result *r, const char *step, enum cattest_outcome outcome)
{
	for (size_t i = 0; i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		if (c->outcome == outcome && (!step || !strcmp(c->step, step)))
			return true;
	}
	return false;
}

/* Nothing failed, and only the policy is missing. */
static bool clean(const struct cattest_result *r)
{
	for (size_t i = 0; i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		if (c->outcome == CATTEST_FAIL ||
		    (c->outcome == CATTEST_MISSING && strncmp(c->step, "policy", 6)))
			return false;
	}
	return true;
}

static const char *text_of(const struct cattest_result *r, const char *claim)
{
	const struct cattest_claim *c = cattest_result_find(r, claim);

	return c && c->type == CATTEST_STRING ? c->string : "none";
}

static uint64_t number_of(const struct cattest_result *r, const char *claim)
{
	const struct cattest_claim *c = cattest_result_find(r, claim);

	return c ? c->number : UINT64_MAX;
}

static struct cattest_result *verify_with(struct cattest_verifier *v,
					  const struct dcap_synthetic *s, struct cattest_error *err)
{
	struct cattest_result *r = NULL;

	if (cattest_verify(v, s->quote, s->quote_size, NULL, &r, err) < 0)
		return NULL;
	return r;
}

/* fails: GOOD; a step that must fail; "?STEP" one that must be missing, and none fail; "!" the quote is malformed. */
static void judge(const struct cattest_result *r, const struct cattest_error *err,
		  const char *fails, const char *status)
{
	if (!r) {
		if (!fails || strcmp(fails, "!"))
			report("is malformed:", err->text);
		return;
	}
	if (!fails	      ? !clean(r)
	    : fails[0] == '?' ? !has(r, fails + 1, CATTEST_MISSING) || has(r, NULL, CATTEST_FAIL)
			      : !has(r, fails, CATTEST_FAIL)) {
		report("did not end at", fails ? fails : "clean");
		show(r);
	}
	if (fails && fails[0] != '?' && cattest_result_verdict(r) != CATTEST_REFUSED)
		report("is not refused", NULL);
	if (!fails && cattest_result_verdict(r) != CATTEST_UNDECIDED)
		report("is not undecided without a policy", NULL);
	if (status && strcmp(text_of(r, "tcb.status"), status)) {
		report("has status", text_of(r, "tcb.status"));
		show(r);
	}
}

static void run(const char *name, struct dcap_synthetic *s, const char *fails, const char *status)
{
	struct cattest_verifier *v;
	struct cattest_error err = { "" };
	struct cattest_result *r;

	running = name;
	dcap_synthetic_build(s);
	v = dcap_synthetic_verifier(s);
	/* Twice: what is kept between quotes changes nothing. */
	for (int i = 0; i < 2; i++) {
		r = verify_with(v, s, &err);
		judge(r, &err, fails, status);
		cattest_result_free(r);
	}
	cattest_verifier_free(v);
	dcap_synthetic_done(s);
}

#define CASE(NAME, FAILS, STATUS, ...)        \
	do {                                  \
		struct dcap_synthetic s;      \
                                              \
		dcap_synthetic_init(&s);      \
		__VA_ARGS__;                  \
		run(NAME, &s, FAILS, STATUS); \
	} while (0)

#define TD(VERSION, BODY) s.version = VERSION, s.body_type = BODY

/* --- Versions, bodies, certification --- */

static void forms(void)
{
	CASE("SGX v3", GOOD, "UpToDate", (void)0);
	CASE("SGX v4", GOOD, "UpToDate", s.version = 4);
	CASE("SGX v5", GOOD, "UpToDate", s.version = 5);
	CASE("TD v4", GOOD, "UpToDate", TD(4, 2));
	CASE("TD v5, TD 1.0", GOOD, "UpToDate", TD(5, 2));
	CASE("TD v5, TD 1.5", GOOD, "UpToDate", TD(5, 3));
	CASE("TD v5, TD 1.5 extended", GOOD, "UpToDate", TD(5, 4));
	CASE("platform CA", GOOD, "UpToDate", s.platform_ca = true);
	CASE("trailing bytes", GOOD, "UpToDate", s.trailing = 70);
	CASE("chain as DER", GOOD, "UpToDate", s.chain_as_der = true);
	CASE("chain without its root", GOOD, "UpToDate", s.chain_as_der = true,
	     s.chain_without_root = true);
	CASE("leaf only", GOOD, "UpToDate", s.certification_type = 4);
	CASE("leaf only, DER", GOOD, "UpToDate", s.certification_type = 4, s.chain_as_der = true);
	CASE("TCB info v2", GOOD, "UpToDate", s.tcb_version = 2);
	CASE("TCB info v2 for TDX", "?dcap.tcb_info", NULL, TD(4, 2), s.tcb_version = 2,
	     s.tcb_id = "SGX");
	CASE("version 2", "!", NULL, s.version = 2);
	CASE("SGX components all higher", GOOD, "UpToDate", memset(s.components, 200, 16));
	CASE("PKS and key locker", GOOD, "UpToDate", TD(5, 3), s.td_attributes = 3ull << 30);
}

/* Certification data without certificates: PCK from the collateral. */
static void certification_types(void)
{
	for (unsigned type = 1; type <= 3; type++) {
		struct dcap_synthetic s;
		struct cattest_verifier *v;
		struct cattest_result *r;
		struct cattest_error err = { "" };

		running = "certification data without certificates";
		dcap_synthetic_init(&s);
		s.certification_type = type;
		dcap_synthetic_build(&s);
		v = dcap_synthetic_verifier(&s);
		r = verify_with(v, &s, &err);
		judge(r, &err, "?dcap.pck.certificate", NULL);
		cattest_result_free(r);
		if (cattest_add_collateral(v, "pck", s.pck_pem, strlen(s.pck_pem), &err))
			report("no PCK in the bag:", err.text);
		r = verify_with(v, &s, &err);
		judge(r, &err, GOOD, "UpToDate");
		cattest_result_free(r);
		cattest_verifier_free(v);
		/* Another platform's key. */
		s.other_pck_key = true;
		dcap_synthetic_build(&s);
		v = dcap_synthetic_verifier(&s);
		if (cattest_add_collateral(v, "pck", s.pck_pem, strlen(s.pck_pem), &err))
			report("no PCK in the bag:", err.text);
		r = verify_with(v, &s, &err);
		/* A PPID in the open and a TCB name one key: it is there, and did not sign. Else the right one may be missing. */
		judge(r, &err, type == 1 ? "dcap.pck.certificate" : "?dcap.pck.certificate", NULL);
		cattest_result_free(r);
		if (type == 1) {
			running = "the key of another TCB of this platform";
			s.quote[s.quote_size - 4] ^=
				1; /* PCESVN of {PPID, CPUSVN, PCESVN, PCEID} */
			r = verify_with(v, &s, &err);
			judge(r, &err, "?dcap.pck.certificate", NULL);
			cattest_result_free(r);
		}
		cattest_verifier_free(v);
		dcap_synthetic_done(&s);
	}
}

/* The key in the collateral signed, and the quote says that it is of another platform. */
static void contradicting_ppid(void)
{
	struct dcap_synthetic s;
	struct cattest_verifier *v;
	struct cattest_result *r;
	struct cattest_error err = { "" };

	running = "a PPID that is not the certificate's";
	dcap_synthetic_init(&s);
	s.certification_type = 1;
	dcap_synthetic_build(&s);
	s.quote[s.quote_size - 36] ^= 1;
	v = dcap_synthetic_verifier(&s);
	r = verify_with(v, &s, &err);
	judge(r, &err, "?dcap.pck.certificate", NULL);
	cattest_result_free(r);
	if (cattest_add_collateral(v, "pck", s.pck_pem, strlen(s.pck_pem), &err))
		report("no PCK in the bag:", err.text);
	r = verify_with(v, &s, &err);
	judge(r, &err, "dcap.pck.certificate", NULL);
	cattest_result_free(r);
	cattest_verifier_free(v);
	dcap_synthetic_done(&s);
}

/* --- Statuses --- */

static const char *const statuses[] = { "UpToDate",
					"SWHardeningNeeded",
					"ConfigurationNeeded",
					"ConfigurationAndSWHardeningNeeded",
					"OutOfDate",
					"OutOfDateConfigurationNeeded",
					"Revoked" };
/* With a quoting enclave or module that is out of date */
static const char *const converged[] = { "OutOfDate",
					 "OutOfDate",
					 "OutOfDateConfigurationNeeded",
					 "OutOfDateConfigurationNeeded",
					 "OutOfDate",
					 "OutOfDateConfigurationNeeded",
					 "Revoked" };

static void status_cases(void)
{
	for (size_t i = 0; i < 7; i++) {
		const char *revoked = i == 6 ? "dcap.tcb.status" : GOOD;

		CASE("platform status", revoked, statuses[i], s.platform_status[0] = statuses[i]);
		CASE("platform status, TD", revoked, statuses[i],
		     s.platform_status[0] = statuses[i], TD(5, 3));
		CASE("QE out of date", revoked, converged[i], s.platform_status[0] = statuses[i],
		     s.qe_isvsvn = 4);
		CASE("QE needs configuration", revoked, converged[i],
		     s.platform_status[0] = statuses[i], s.qe_status[0] = "ConfigurationNeeded");
		CASE("module out of date", revoked, converged[i],
		     s.platform_status[0] = statuses[i], TD(4, 2), s.tee_tcb_svn[0] = 3);
		CASE("QE revoked", "dcap.tcb.status", "Revoked", s.platform_status[0] = statuses[i],
		     s.qe_status[0] = "Revoked");
		CASE("module revoked", "dcap.tcb.status", "Revoked", TD(5, 4),
		     s.platform_status[0] = statuses[i], s.module_status[0] = "Revoked");
	}
	CASE("lower level", GOOD, "OutOfDate", memset(s.components, 4, 16));
	CASE("lower PCESVN", GOOD, "OutOfDate", s.pcesvn = 12);
	CASE("below all levels", "dcap.tcb.level", "none", memset(s.components, 1, 16));
	CASE("one component below all levels", "dcap.tcb.level", "none", s.components[15] = 1);
	CASE("PCESVN below all levels", "dcap.tcb.level", "none", s.pcesvn = 7);
	CASE("TDX component below all levels", "dcap.tcb.level", "none", TD(4, 2),
	     s.tee_tcb_svn[2] = 1);
	CASE("TDX module of version 0", GOOD, "UpToDate", TD(4, 2), s.tee_tcb_svn[1] = 0);
	CASE("TDX module of version 0, lower", GOOD, "OutOfDate", TD(4, 2), s.tee_tcb_svn[1] = 0,
	     s.tee_tcb_svn[0] = 4);
	CASE("TDX module of an unknown version", "dcap.tdx_module.identity", "none", TD(4, 2),
	     s.tee_tcb_svn[1] = 9);
	CASE("TDX module SVN below all levels", "dcap.tcb.level", "none", TD(4, 2),
	     s.tee_tcb_svn[0] = 2);
	CASE("QE SVN below all levels", "dcap.qe.tcb", "none", s.qe_isvsvn = 2);
}

#define OLD_LAUNCH s.tee_tcb_svn[0] = 3, s.tee_tcb_svn[2] = 2

static void relaunch_cases(void)
{
	for (unsigned body = 3; body <= 4; body++) {
		CASE("relaunch", GOOD, "TDRelaunchAdvised", TD(5, body), OLD_LAUNCH);
		CASE("relaunch, hardening", GOOD, "TDRelaunchAdvised", TD(5, body), OLD_LAUNCH,
		     s.platform_status[0] = "SWHardeningNeeded");
		CASE("relaunch, configuration", GOOD, "TDRelaunchAdvisedConfigurationNeeded",
		     TD(5, body), OLD_LAUNCH, s.platform_status[0] = "ConfigurationNeeded");
		CASE("relaunch, both", GOOD, "TDRelaunchAdvisedConfigurationNeeded", TD(5, body),
		     OLD_LAUNCH, s.platform_status[0] = "ConfigurationAndSWHardeningNeeded");
		CASE("relaunch, configuration at launch", GOOD,
		     "TDRelaunchAdvisedConfigurationNeeded", TD(5, body), OLD_LAUNCH,
		     s.platform_status[1] = "OutOfDateConfigurationNeeded");
		CASE("no relaunch: still old", GOOD, "OutOfDate", TD(5, body), OLD_LAUNCH,
		     s.tee_tcb_svn2[0] = 3);
		CASE("no relaunch: QE is old", GOOD, "OutOfDate", TD(5, body), OLD_LAUNCH,
		     s.qe_isvsvn = 3);
		CASE("no relaunch: module only", GOOD, "TDRelaunchAdvised", TD(5, body),
		     s.tee_tcb_svn[0] = 3);
		CASE("no relaunch: revoked at launch", "dcap.tcb.status", "Revoked", TD(5, body),
		     OLD_LAUNCH, s.module_status[1] = "Revoked");
		CASE("current below all levels", "dcap.tcb.current_level", "none", TD(5, body),
		     s.tee_tcb_svn2[2] = 1);
		CASE("current module unknown", "dcap.tcb.current_level", "none", TD(5, body),
		     s.tee_tcb_svn2[1] = 2);
	}
	CASE("TD 1.0 knows no relaunch", GOOD, "OutOfDate", TD(5, 2), OLD_LAUNCH);
}

/* --- Certificates --- */

static void certificate_cases(void)
{
	CASE("PCK revoked", "dcap.pck.crl", NULL, s.pck_revoked = true);
	CASE("PCK CA revoked", "dcap.pck.crl", NULL, s.ca_revoked = true);
	CASE("TCB signer revoked", "dcap.tcb_info.crl", NULL, s.tcb_revoked = true);
	CASE("PCK name", "dcap.pck.name", NULL, s.bad_pck_name = true);
	CASE("TCB signer name", "dcap.tcb_info.signer", NULL, s.bad_tcb_name = true);
	CASE("a CA as the TCB signer", "dcap.tcb_info.chain", NULL, s.tcb_is_ca = true);
	CASE("TCB signer of the PCK CA", "dcap.tcb_info.length", NULL, s.tcb_by_ca = true);
	CASE("a CA between root and PCK CA", "dcap.pck.length", NULL, s.middle_ca = true);
	CASE("PCK extension", "dcap.pck.certificate", NULL, s.extension_malformed = true);
	CASE("QE report by another key", "dcap.qe.signature", NULL, s.other_pck_key = true);
	CASE("certificates expired", "dcap.pck.dates", NULL, s.certificates_until = s.now - 1);
	CASE("CRLs expired", "dcap.pck.dates", NULL, s.crls_until = s.now - 1);
	CASE("not yet valid", "dcap.pck.dates", NULL, s.now = 1500000000);
	/* A name that is right does not help where the leaf has no PCK in types 1 to 3. */
	CASE("PCK name, from the bag", "?dcap.pck.certificate", NULL, s.bad_pck_name = true,
	     s.certification_type = 3);
}

static void expired(const char *name, void (*change)(struct dcap_synthetic *), bool expected)
{
	struct dcap_synthetic s;
	struct cattest_verifier *v;
	struct cattest_result *r;
	struct cattest_error err = { "" };

	running = name;
	dcap_synthetic_init(&s);
	if (change)
		change(&s);
	dcap_synthetic_build(&s);
	v = dcap_synthetic_verifier(&s);
	r = verify_with(v, &s, &err);
	if (!r || number_of(r, "collateral.expired") != expected)
		report("has another collateral.expired", err.text);
	if (r && strcmp(text_of(r, "tcb.status"), "UpToDate"))
		report("has no status", NULL);
	cattest_result_free(r);
	cattest_verifier_free(v);
	dcap_synthetic_done(&s);
}

static void tcb_expired(struct dcap_synthetic *s)
{
	s->tcb_until = s->now - 1;
}
static void tcb_future(struct dcap_synthetic *s)
{
	s->tcb_issued = s->now + 1;
}
static void qe_expired(struct dcap_synthetic *s)
{
	s->qe_until = s->now - 1;
}
static void qe_future(struct dcap_synthetic *s)
{
	s->qe_issued = s->now + 1;
}
static void crls_expired(struct dcap_synthetic *s)
{
	s->crls_until = s->now - 1;
}
static void all_expired(struct dcap_synthetic *s)
{
	s->tcb_until = s->qe_until = s->crls_until = s->certificates_until = s->now - 86400;
}

static void expiry_cases(void)
{
	expired("all valid", NULL, false);
	expired("TCB info expired", tcb_expired, true);
	expired("TCB info of the future", tcb_future, true);
	expired("QE identity expired", qe_expired, true);
	expired("QE identity of the future", qe_future, true);
	expired("CRLs expired, claim", crls_expired, true);
	expired("everything expired", all_expired, true);
}

/* --- Signed JSON --- */

static void tcb_drop_date(json_t *o)
{
	json_object_del(o, "nextUpdate");
}
static void tcb_bad_date(json_t *o)
{
	json_object_set_new(o, "issueDate", json_string("2025-16-06T10:12:17Z"));
}
static void tcb_status(json_t *o)
{
	json_object_set_new(json_array_get(json_object_get(o, "tcbLevels"), 0), "tcbStatus",
			    json_string("Splendid"));
}
static void tcb_type(json_t *o)
{
	json_object_set_new(o, "tcbType", json_integer(1));
}
static void tcb_version(json_t *o)
{
	json_object_set_new(o, "version", json_integer(4));
}
static void tcb_negative(json_t *o)
{
	json_object_set_new(o, "tcbEvaluationDataNumber", json_integer(-1));
}
static void tcb_real(json_t *o)
{
	json_object_set_new(o, "tcbEvaluationDataNumber", json_real(3.5));
}
static void tcb_no_levels(json_t *o)
{
	json_object_set_new(o, "tcbLevels", json_array());
}
static void tcb_repeat(json_t *o)
{
	json_t *levels = json_object_get(o, "tcbLevels");

	json_array_append(levels, json_array_get(levels, 0));
}
static json_t *first_components(json_t *o, const char *which)
{
	return json_object_get(
		json_object_get(json_array_get(json_object_get(o, "tcbLevels"), 0), "tcb"), which);
}
static void tcb_large_svn(json_t *o)
{
	/* 261 & 255 is 5: what Intel's verifier would make of it. */
	json_object_set_new(json_array_get(first_components(o, "sgxtcbcomponents"), 3), "svn",
			    json_integer(261));
}
static void tcb_15(json_t *o)
{
	json_array_remove(first_components(o, "sgxtcbcomponents"), 15);
}
static void tcb_15_tdx(json_t *o)
{
	json_array_remove(first_components(o, "tdxtcbcomponents"), 15);
}
static void tcb_unsorted(json_t *o)
{
	json_t *levels = json_object_get(o, "tcbLevels"),
	       *first = json_incref(json_array_get(levels, 0));

	json_array_remove(levels, 0);
	json_array_append_new(levels, first);
}
static void tcb_sgx_module(json_t *o)
{
	json_object_set_new(o, "tdxModule", json_object());
}
static void tcb_no_module(json_t *o)
{
	json_object_del(o, "tdxModule");
}
static void tcb_no_identities(json_t *o)
{
	json_object_del(o, "tdxModuleIdentities");
}
static void tcb_lower_case(json_t *o)
{
	json_object_set_new(json_array_get(json_object_get(o, "tdxModuleIdentities"), 0), "id",
			    json_string("tdx_01"));
}
static void tcb_module_signer(json_t *o)
{
	char text[97];

	memset(text, 'a', 96);
	text[96] = 0;
	json_object_set_new(json_array_get(json_object_get(o, "tdxModuleIdentities"), 0),
			    "mrsigner", json_string(text));
}
static void tcb_module_attributes(json_t *o)
{
	json_object_set_new(json_array_get(json_object_get(o, "tdxModuleIdentities"), 0),
			    "attributes", json_string("0100000000000000"));
}
static void tcb_module_status(json_t *o)
{
	json_t *module = json_array_get(json_object_get(o, "tdxModuleIdentities"), 0);

	json_object_set_new(json_array_get(json_object_get(module, "tcbLevels"), 0), "tcbStatus",
			    json_string("ConfigurationNeeded"));
}
static void tcb_pceid(json_t *o)
{
	json_object_set_new(o, "pceId", json_string("0001"));
}
static void tcb_advisory(json_t *o)
{
	json_object_set_new(json_array_get(json_object_get(o, "tcbLevels"), 0), "advisoryIDs",
			    json_pack("[s]", "a\x1b[31m"));
}
static void tcb_more(json_t *o)
{
	json_object_set_new(o, "somethingNew", json_pack("{s:[i]}", "a", 1));
}
static void qe_mrsigner_edit(json_t *o)
{
	char text[65];

	memset(text, '1', 64);
	text[64] = 0;
	json_object_set_new(o, "mrsigner", json_string(text));
}
static void qe_prodid(json_t *o)
{
	json_object_set_new(o, "isvprodid", json_integer(9));
}
static void qe_misc(json_t *o)
{
	json_object_set_new(o, "miscselect", json_string("01000000"));
}
static void qe_attributes(json_t *o)
{
	json_object_set_new(o, "attributes", json_string("15000000000000000000000000000000"));
}
static void qe_version_1(json_t *o)
{
	json_object_set_new(o, "version", json_integer(1));
}
static void qe_drop_mrsigner(json_t *o)
{
	json_object_del(o, "mrsigner");
}
static void qe_overflow(json_t *o)
{
	json_object_set_new(o, "isvprodid", json_integer(65537));
}

static void json_cases(void)
{
	CASE("unknown status", "dcap.tcb_info.form", "none", s.edit_tcb = tcb_status);
	CASE("TCB type", "dcap.tcb_info.form", "none", s.edit_tcb = tcb_type);
	CASE("no levels", "dcap.tcb_info.form", "none", s.edit_tcb = tcb_no_levels);
	CASE("level twice", "dcap.tcb_info.form", "none", s.edit_tcb = tcb_repeat);
	CASE("SVN of 261", "dcap.tcb_info.form", "none", s.edit_tcb = tcb_large_svn);
	CASE("15 components", "dcap.tcb_info.form", "none", s.edit_tcb = tcb_15);
	CASE("15 TDX components", "dcap.tcb_info.form", "none", s.edit_tcb = tcb_15_tdx, TD(4, 2));
	CASE("levels in another order", GOOD, "UpToDate", s.edit_tcb = tcb_unsorted);
	CASE("TDX module in SGX's", "dcap.tcb_info.form", "none", s.edit_tcb = tcb_sgx_module);
	CASE("no TDX module", "dcap.tcb_info.form", "none", s.edit_tcb = tcb_no_module, TD(4, 2));
	CASE("no module identities", "dcap.tdx_module.identity", "none",
	     s.edit_tcb = tcb_no_identities, TD(4, 2));
	CASE("no module identities, version 0", GOOD, "UpToDate", s.edit_tcb = tcb_no_identities,
	     TD(4, 2), s.tee_tcb_svn[1] = 0);
	CASE("module identity in lower case", GOOD, "UpToDate", s.edit_tcb = tcb_lower_case,
	     TD(4, 2));
	CASE("module signer", "dcap.tdx_module.mrsigner", NULL, s.edit_tcb = tcb_module_signer,
	     TD(5, 3));
	CASE("module attributes", "dcap.tdx_module.attributes", NULL,
	     s.edit_tcb = tcb_module_attributes, TD(5, 3));
	CASE("module status", "dcap.tcb_info.form", "none", s.edit_tcb = tcb_module_status,
	     TD(5, 3));
	CASE("PCEID", "dcap.tcb_info.pceid", NULL, s.edit_tcb = tcb_pceid);
	CASE("advisory with an escape sequence", "dcap.tcb_info.form", "none",
	     s.edit_tcb = tcb_advisory);
	CASE("member of the future", GOOD, "UpToDate", s.edit_tcb = tcb_more);
	CASE("TDX TCB info for SGX", "?dcap.tcb_info", "none", s.tcb_id = "TDX");
	CASE("QE identity for the other TEE", "?dcap.qe_identity", "none", s.qe_id = "TD_QE");
	CASE("QE identity for the other TEE, TD", "?dcap.qe_identity", "none", s.qe_id = "QE",
	     TD(4, 2));
	CASE("QE signer", "dcap.qe.mrsigner", NULL, s.edit_qe = qe_mrsigner_edit);
	CASE("QE product", "dcap.qe.isvprodid", NULL, s.edit_qe = qe_prodid);
	CASE("QE MISCSELECT", "dcap.qe.miscselect", NULL, s.edit_qe = qe_misc);
	CASE("QE attributes", "dcap.qe.attributes", NULL, s.edit_qe = qe_attributes);
	CASE("QE identity without MRSIGNER", "dcap.qe_identity.form", "none",
	     s.edit_qe = qe_drop_mrsigner);
	CASE("QE product of 65537", "dcap.qe_identity.form", "none", s.edit_qe = qe_overflow);
}

/* What the bag refuses already, or the verification does: no status either way. */
static void unusable(const char *name, void (*edit_tcb)(json_t *), void (*edit_qe)(json_t *))
{
	struct dcap_synthetic s;
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_result *r = NULL;
	struct cattest_error err = { "" };

	running = name;
	dcap_synthetic_init(&s);
	s.edit_tcb = edit_tcb;
	s.edit_qe = edit_qe;
	dcap_synthetic_build(&s);
	cattest_set_time(v, s.now);
	MUST(!cattest_add_root(v, CATTEST_ROOT_INTEL, s.root_pem, strlen(s.root_pem), &err));
	if (cattest_add_collateral(v, "synthetic", s.collateral, strlen(s.collateral), &err) == 0) {
		r = verify_with(v, &s, &err);
		if (!r || clean(r) || strcmp(text_of(r, "tcb.status"), "none"))
			report("was used", NULL);
	}
	cattest_result_free(r);
	cattest_verifier_free(v);
	dcap_synthetic_done(&s);
}

static void json_refused(void)
{
	unusable("no next update", tcb_drop_date, NULL);
	unusable("bad date", tcb_bad_date, NULL);
	unusable("TCB info of version 4", tcb_version, NULL);
	unusable("negative number", tcb_negative, NULL);
	unusable("real number", tcb_real, NULL);
	unusable("QE identity of version 1", NULL, qe_version_1);
}

/* --- Signed bytes --- */

static void debug_qe(uint8_t report[384])
{
	report[48] |= 2;
}
static void qe_binding(uint8_t report[384])
{
	report[320] ^= 1;
}
static void qe_rest(uint8_t report[384])
{
	report[383] ^= 1;
}
static void vendor(uint8_t *data, size_t size)
{
	(void)size, data[12] ^= 1;
}
static void key_type(uint8_t *data, size_t size)
{
	(void)size, data[2] = 3;
}
static void seam_attributes(uint8_t *data, size_t size)
{
	(void)size, data[48 + 6 + 112] = 1;
}
static void mrsignerseam(uint8_t *data, size_t size)
{
	(void)size, data[48 + 6 + 64] = 1;
}
static void body_type(uint8_t *data, size_t size)
{
	(void)size, data[48] = 5;
}
static void body_size(uint8_t *data, size_t size)
{
	(void)size, data[50]++;
}
static void body_tee(uint8_t *data, size_t size)
{
	(void)size, data[4] = 0;
}

static void quote_cases(void)
{
	CASE("QE in debug mode", "dcap.qe.attributes", NULL, s.edit_qe_report = debug_qe);
	CASE("attestation key not bound", "dcap.qe.binding", NULL, s.edit_qe_report = qe_binding);
	CASE("QE report data not padded by zero", "dcap.qe.binding", NULL,
	     s.edit_qe_report = qe_rest);
	CASE("vendor", "!", NULL, s.edit_body = vendor);
	CASE("P-384", "!", NULL, s.edit_body = key_type);
	CASE("SEAM attributes", "dcap.tdx_module.attributes", NULL, TD(5, 3),
	     s.edit_body = seam_attributes);
	CASE("module signer in the quote", "dcap.tdx_module.mrsigner", NULL, TD(5, 3),
	     s.edit_body = mrsignerseam);
	CASE("unknown body", "!", NULL, TD(5, 3), s.edit_body = body_type);
	CASE("size of the body", "!", NULL, TD(5, 3), s.edit_body = body_size);
	CASE("body of another TEE", "!", NULL, TD(5, 3), s.edit_body = body_tee);
}

static void flipped(const char *name, size_t at, const char *fails)
{
	struct dcap_synthetic s;
	struct cattest_verifier *v;
	struct cattest_result *r;
	struct cattest_error err = { "" };

	running = name;
	dcap_synthetic_init(&s);
	dcap_synthetic_build(&s);
	v = dcap_synthetic_verifier(&s);
	s.quote[at] ^= 1;
	r = verify_with(v, &s, &err);
	judge(r, &err, fails, NULL);
	cattest_result_free(r);
	cattest_verifier_free(v);
	dcap_synthetic_done(&s);
}

/* Signatures over the JSON, spoilt after signing. */
static void spoilt_json(const char *name, const char *field, const char *fails)
{
	struct dcap_synthetic s;
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_result *r;
	struct cattest_error err = { "" };
	char *at;

	running = name;
	dcap_synthetic_init(&s);
	dcap_synthetic_build(&s);
	at = strstr(s.collateral, field);
	MUST(at);
	at += strlen(field) + 12;
	*at = *at == '1' ? '2' : '1';
	cattest_set_time(v, s.now);
	MUST(!cattest_add_root(v, CATTEST_ROOT_INTEL, s.root_pem, strlen(s.root_pem), &err));
	if (cattest_add_collateral(v, "synthetic", s.collateral, strlen(s.collateral), &err)) {
		report("collateral:", err.text);
	} else {
		r = verify_with(v, &s, &err);
		judge(r, &err, fails, NULL);
		cattest_result_free(r);
	}
	cattest_verifier_free(v);
	dcap_synthetic_done(&s);
}

static void signature_cases(void)
{
	flipped("header", 30, "dcap.quote.signature");
	flipped("body", 48 + 64, "dcap.quote.signature");
	flipped("quote signature", 436 + 5, "dcap.quote.signature");
	flipped("attestation key", 436 + 64 + 5, "dcap.qe.binding");
	flipped("QE report", 436 + 128 + 64, "dcap.qe.signature");
	flipped("QE report signature", 436 + 128 + 384 + 3, "dcap.qe.signature");
	flipped("authentication data", 436 + 128 + 384 + 64 + 2, "dcap.qe.binding");
	flipped("certification type", 436 + 128 + 384 + 64 + 2 + 32, "dcap.pck.certificate");
	spoilt_json("TCB info signature", "\"tcb_info_signature\"", "dcap.tcb_info.signature");
	spoilt_json("QE identity signature", "\"qe_identity_signature\"",
		    "dcap.qe_identity.signature");
}

/* --- Collateral that is not there or of another platform --- */

static void without(const char *name, const char *field, const char *missing)
{
	struct dcap_synthetic s;
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_error err = { "" };
	struct cattest_result *r;
	bool tcb = strcmp(field, "tcb_info"), qe = strcmp(field, "qe_identity"),
	     crl = strcmp(field, "pck_crl"), root_crl = strcmp(field, "root_crl"),
	     chain = strcmp(field, "tcb_chain");

	running = name;
	dcap_synthetic_init(&s);
	dcap_synthetic_build(&s);
	cattest_set_time(v, s.now);
	MUST(!cattest_add_root(v, CATTEST_ROOT_INTEL, s.root_pem, strlen(s.root_pem), &err));
	MUST(!tcb || !cattest_add_collateral(v, "tcb", s.tcb_info, strlen(s.tcb_info), &err));
	MUST(!qe || !cattest_add_collateral(v, "qe", s.qe_identity, strlen(s.qe_identity), &err));
	MUST(!crl || !cattest_add_collateral(v, "crl", s.pck_crl, (size_t)s.pck_crl_size, &err));
	MUST(!root_crl ||
	     !cattest_add_collateral(v, "root crl", s.root_crl, (size_t)s.root_crl_size, &err));
	MUST(!chain ||
	     !cattest_add_collateral(v, "chain", s.tcb_chain_pem, strlen(s.tcb_chain_pem), &err));
	r = verify_with(v, &s, &err);
	judge(r, &err, missing, NULL);
	cattest_result_free(r);
	cattest_verifier_free(v);
	dcap_synthetic_done(&s);
}

static void missing_cases(void)
{
	without("collateral in parts", "nothing", GOOD);
	without("no TCB info", "tcb_info", "?dcap.tcb_info");
	without("no QE identity", "qe_identity", "?dcap.qe_identity");
	without("no PCK CRL", "pck_crl", "?dcap.pck.crl");
	without("no root CRL", "root_crl", "?dcap.pck.crl");
	without("no root CRL, TCB info", "root_crl", "?dcap.tcb_info.crl");
	without("no signing chain", "tcb_chain", "?dcap.tcb_info.signer");
}

/* The quote of one platform with the collateral of another. */
static void other_platform(void)
{
	struct dcap_synthetic s, other;
	struct cattest_verifier *v;
	struct cattest_result *r;
	struct cattest_error err = { "" };

	running = "FMSPC of another platform";
	dcap_synthetic_init(&s);
	dcap_synthetic_build(&s);
	dcap_synthetic_init(&other);
	other.fmspc[5] = 0x77;
	dcap_synthetic_build(&other);
	v = dcap_synthetic_verifier(&other);
	r = verify_with(v, &s, &err);
	judge(r, &err, "?dcap.tcb_info", "none");
	cattest_result_free(r);
	cattest_verifier_free(v);
	/* Without our root nothing is believed. */
	running = "root that is not trusted";
	v = cattest_verifier_new();
	cattest_set_time(v, s.now);
	MUST(!cattest_add_collateral(v, "synthetic", s.collateral, strlen(s.collateral), &err));
	r = verify_with(v, &s, &err);
	if (!r || cattest_result_verdict(r) != CATTEST_REFUSED)
		report("is not refused", NULL);
	cattest_result_free(r);
	cattest_verifier_free(v);
	dcap_synthetic_done(&s);
	dcap_synthetic_done(&other);
}

/* --- Collateral that is fetched --- */

static unsigned asked;

static char *url_encoded(const char *text)
{
	char *out = malloc(3 * strlen(text) + 1), *at = out;

	MUST(out);
	for (; *text; text++, at += 3)
		snprintf(at, 4, "%%%02X", (unsigned char)*text);
	*at = 0;
	return out;
}

static int serve(void *context, const char *url, uint8_t **ret_body, size_t *ret_size,
		 char **ret_chain, struct cattest_error *err)
{
	const struct dcap_synthetic *s = context;
	const char *text = strstr(url, "/tcb?")		 ? s->tcb_info
			   : strstr(url, "/qe/identity") ? s->qe_identity
							 : NULL;
	const uint8_t *crl = strstr(url, "pckcrl") ? s->pck_crl : s->root_crl;
	size_t size = text ? strlen(text)
			   : (size_t)(crl == s->pck_crl ? s->pck_crl_size : s->root_crl_size);

	(void)err;
	asked++;
	*ret_body = malloc(size);
	MUST(*ret_body);
	memcpy(*ret_body, text ? (const uint8_t *)text : crl, size);
	*ret_size = size;
	*ret_chain = text ? url_encoded(s->tcb_chain_pem) : NULL;
	return 0;
}

static void fetched(void)
{
	struct dcap_synthetic s;
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_error err = { "" };
	struct cattest_fetcher fetcher = { .context = &s, .get = serve };
	struct cattest_result *r;

	running = "fetched collateral";
	dcap_synthetic_init(&s);
	TD(5, 3);
	s.platform_ca = true;
	dcap_synthetic_build(&s);
	cattest_set_time(v, s.now);
	MUST(!cattest_add_root(v, CATTEST_ROOT_INTEL, s.root_pem, strlen(s.root_pem), &err));
	cattest_set_fetcher(v, &fetcher);
	for (int i = 0; i < 2; i++) {
		r = verify_with(v, &s, &err);
		judge(r, &err, GOOD, "UpToDate");
		cattest_result_free(r);
	}
	if (asked != 4)
		report("did not ask four times", NULL);
	cattest_verifier_free(v);
	dcap_synthetic_done(&s);
}

/* --- Claims --- */

static void claim_values(void)
{
	struct dcap_synthetic s;
	struct cattest_verifier *v;
	struct cattest_result *r;
	struct cattest_error err = { "" };
	const struct cattest_claim *c;
	static const uint8_t tdid[32] = { [0 ... 31] = 0x1d };

	running = "claims of TD 1.5 extended";
	dcap_synthetic_init(&s);
	TD(5, 4);
	s.debug = true;
	s.td_attributes |= 1ull << 20;
	s.platform_ca = true;
	dcap_synthetic_build(&s);
	v = dcap_synthetic_verifier(&s);
	r = verify_with(v, &s, &err);
	MUST(r);
	c = cattest_result_find(r, "tdx.tdid");
	if (!c || c->size != 32 || memcmp(c->bytes, tdid, 32))
		report("tdx.tdid", NULL);
	if (number_of(r, "debug") != 1 || number_of(r, "tdx.reserved_attributes") != 1 ||
	    number_of(r, "tdx.sept_ve_disable") != 1 || number_of(r, "tdx.body_type") != 4 ||
	    number_of(r, "tdx.vmid") != 3 || number_of(r, "quote.version") != 5 ||
	    number_of(r, "tcb.evaluation_number") != 17 || number_of(r, "platform.dynamic") != 1 ||
	    number_of(r, "platform.cached_keys") != 0 || number_of(r, "platform.smt") != 1 ||
	    number_of(r, "tcb.date") != 1700000000 ||
	    /* The CRLs are older than TCB info and identity. */
	    number_of(r, "collateral.issued") != 1577836800)
		report("numbers", NULL);
	if (strcmp(text_of(r, "root"), "custom") || strcmp(text_of(r, "platform.ca"), "platform"))
		report("root", text_of(r, "root"));
	c = cattest_result_find(r, "tcb.advisories");
	if (!c || c->size != 3 || strcmp(c->strings[0], "INTEL-SA-00001") ||
	    strcmp(c->strings[1], "INTEL-SA-00005") || strcmp(c->strings[2], "INTEL-SA-00003"))
		report("advisories", NULL);
	cattest_result_free(r);
	cattest_verifier_free(v);
	dcap_synthetic_done(&s);
}

/* --- Every byte and every prefix --- */

static bool same_claims(const struct cattest_result *a, const struct cattest_result *b)
{
	if (cattest_result_claims(a) != cattest_result_claims(b))
		return false;
	for (size_t i = 0; i < cattest_result_claims(a); i++) {
		const struct cattest_claim *x = cattest_result_claim(a, i),
					   *y = cattest_result_claim(b, i);

		if (strcmp(x->name, y->name) || x->type != y->type || x->number != y->number ||
		    (x->type == CATTEST_BYTES &&
		     (x->size != y->size || memcmp(x->bytes, y->bytes, x->size))) ||
		    (x->type == CATTEST_STRING && strcmp(x->string, y->string)))
			return false;
	}
	return true;
}

static void mutations(unsigned version, unsigned body)
{
	struct dcap_synthetic s;
	struct cattest_verifier *v;
	struct cattest_result *good, *r;
	struct cattest_error err = { "" };
	size_t accepted = 0;
	char at[32];

	running = "mutation";
	dcap_synthetic_init(&s);
	s.version = version;
	s.body_type = body;
	dcap_synthetic_build(&s);
	v = dcap_synthetic_verifier(&s);
	good = verify_with(v, &s, &err);
	MUST(good && clean(good));
	for (size_t i = 0; i < s.quote_size; i++) {
		uint8_t kept = s.quote[i];

		s.quote[i] ^= (uint8_t)(1u << (i % 8));
		r = verify_with(v, &s, &err);
		if (r && clean(r)) {
			accepted++;
			snprintf(at, sizeof(at), "%zu", i);
			if (i < s.signed_size + 4 + 128 || !same_claims(good, r))
				report("accepted: byte", at);
		}
		cattest_result_free(r);
		s.quote[i] = kept;
	}
	for (size_t size = 1; size < s.quote_size; size++) {
		r = NULL;
		if (!cattest_verify(v, s.quote, size, NULL, &r, &err) && clean(r))
			report("accepted a prefix", NULL);
		cattest_result_free(r);
	}
	/* Line ends and the NUL of PEM are all that may change. */
	if (accepted > 64) {
		snprintf(at, sizeof(at), "%zu", accepted);
		report("too many accepted:", at);
	}
	cattest_result_free(good);
	cattest_verifier_free(v);
	dcap_synthetic_done(&s);
}

int main(void)
{
	forms();
	certification_types();
	contradicting_ppid();
	status_cases();
	relaunch_cases();
	certificate_cases();
	expiry_cases();
	json_cases();
	json_refused();
	quote_cases();
	signature_cases();
	missing_cases();
	other_platform();
	fetched();
	claim_values();
	mutations(3, 1);
	mutations(5, 4);
	printf("%s\n", failures ? "failed" : "ok");
	return failures ? 1 : 0;
}
