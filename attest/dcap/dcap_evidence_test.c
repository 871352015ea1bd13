// SPDX-License-Identifier: Apache-2.0
/*
 * Real quotes and collateral of others: each parsed value and each verdict that EXPECTED.json of the evidence states, in its window
 * of time and outside; mutations and negatives whose outcome their publishers state. The samples are not part of the sources.
 */
#include "attest/dcap/quote.h"
#include "include/cloister/attest.h"
#include "tests/evidence/samples.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static int failures;
static size_t rows, clean_rows;
static char running[256];

static void report(const char *what, const char *found, const char *expected)
{
	fprintf(stderr, "%s: %s is %s, expected %s\n", running, what, found, expected);
	failures++;
}

static void *load(const char *path, size_t *ret_size)
{
	uint8_t *data = sample_load(path, ret_size);

	if (!data) {
		fprintf(stderr, "%s: cannot be read\n", path);
		failures++;
	}
	return data;
}

static int add(struct cattest_verifier *v, const char *path)
{
	struct cattest_error err = { "" };
	size_t size = 0;
	void *data = load(path, &size);
	int r = data ? cattest_add_collateral(v, path, data, size, &err) : -ENOENT;

	free(data);
	return r;
}

/* A member of a QuoteCollateralV3 as collateral by itself: CRLs and chains that other rows need. */
static void add_member(struct cattest_verifier *v, const char *path, const char *member)
{
	struct cattest_error err = { "" };
	size_t size = 0;
	char *data = load(path, &size);
	json_t *o = data ? json_loadb(data, size, 0, NULL) : NULL;
	const char *text = json_string_value(json_object_get(o, member));
	uint8_t der[8192];
	int r;

	if (text && text[0] == '3') {
		size_t der_size = strlen(text) / 2;

		for (size_t i = 0; i < der_size && i < sizeof(der); i++) {
			unsigned byte = 0;

			sscanf(text + 2 * i, "%2x", &byte);
			der[i] = (uint8_t)byte;
		}
		r = cattest_add_collateral(v, member, der, der_size, &err);
	} else {
		r = text ? cattest_add_collateral(v, member, text, strlen(text), &err) : -ENOENT;
	}
	if (r)
		report(member, err.text, "usable");
	json_decref(o);
	free(data);
}

static const char *const collaterals[] = { "sgx/phala-v3-collateral.json",
					   "tdx/phala-v4-collateral.json",
					   "tdx/phala-v5-notsupported-collateral.json",
					   "tdx/flashbots-v4-collateral.json",
					   "tdx/oe-v5-collateral-eval21.json" };

/* Signing chains and CRLs of all times. */
static void add_common(struct cattest_verifier *v)
{
	static const char *const files[] = {
		"sgx/oasis-tcb-signing-chain.pem", "sgx/mobilecoin-processor-crl.der",
		"sgx/mobilecoin-root-crl.der",	   "sgx/automata-platform-crl-2025-08.der",
		"tdx/google-pck-platform-crl.der", "tdx/google-root-crl.der"
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (add(v, files[i]))
			report(files[i], "refused", "usable");
	for (size_t i = 0; i < sizeof(collaterals) / sizeof(*collaterals); i++) {
		add_member(v, collaterals[i], "root_ca_crl");
		add_member(v, collaterals[i], "pck_crl");
		add_member(v, collaterals[i], "tcb_info_issuer_chain");
	}
}

static const struct cattest_claim *claim(const struct cattest_result *r, const char *name)
{
	return cattest_result_find(r, name);
}

static const char *text_of(const struct cattest_result *r, const char *name)
{
	const struct cattest_claim *c = claim(r, name);

	return c && c->type == CATTEST_STRING ? c->string : "None";
}

/* The first failed check that is not of dates, NULL: none. dates: also those. */
static const char *failed(const struct cattest_result *r, bool dates)
{
	for (size_t i = 0; i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		if (c->outcome == CATTEST_FAIL && (dates || !strstr(c->step, ".dates")))
			return c->step;
	}
	return NULL;
}

static bool has(const struct cattest_result *r, const char *step, enum cattest_outcome outcome)
{
	for (size_t i = 0; i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		if (c->outcome == outcome && !strcmp(c->step, step))
			return true;
	}
	return false;
}

static const char *missing(const struct cattest_result *r)
{
	for (size_t i = 0; i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		if (c->outcome == CATTEST_MISSING && strncmp(c->step, "policy", 6))
			return c->step;
	}
	return NULL;
}

static struct cattest_result *verify(struct cattest_verifier *v, const char *path)
{
	struct cattest_error err = { "" };
	struct cattest_result *r = NULL;
	size_t size = 0;
	void *data = load(path, &size);

	if (data && cattest_verify(v, data, size, NULL, &r, &err))
		report(path, err.text, "readable");
	free(data);
	return r;
}

/* --- Parsed values --- */

static void expect_hex(const struct cattest_result *r, const char *name, const json_t *value)
{
	const struct cattest_claim *c = claim(r, name);
	const char *text = json_string_value(value);
	char hex[256] = "";

	if (!text)
		return;
	for (size_t i = 0; c && i < c->size && i < 100; i++)
		snprintf(hex + 2 * i, 3, "%02x", c->bytes[i]);
	if (strcmp(hex, text))
		report(name, hex, text);
}

static uint64_t little_endian(const char *hex)
{
	uint64_t value = 0;

	for (size_t i = strlen(hex) / 2; i--;) {
		unsigned byte = 0;

		sscanf(hex + 2 * i, "%2x", &byte);
		value = value << 8 | byte;
	}
	return value;
}

static void expect_number(const struct cattest_result *r, const char *name, const json_t *value)
{
	const struct cattest_claim *c = claim(r, name);
	uint64_t expected;
	char found[32], wanted[32];

	if (!value || (json_is_string(value) && !*json_string_value(value)))
		return;
	expected = json_is_string(value) ? little_endian(json_string_value(value))
					 : (uint64_t)json_integer_value(value);
	if (c && c->number == expected)
		return;
	snprintf(found, sizeof(found), "%llu", c ? (unsigned long long)c->number : 0);
	snprintf(wanted, sizeof(wanted), "%llu", (unsigned long long)expected);
	report(name, found, wanted);
}

static void parsed_values(const char *path, const json_t *e)
{
	static const char *const bytes[][2] = {
		{ "sgx.mrenclave", "mrenclave" },
		{ "sgx.mrsigner", "mrsigner" },
		{ "sgx.attributes", "attributes" },
		{ "sgx.cpusvn", "cpusvn" },
		{ "report_data", "report_data" },
		{ "platform.fmspc", "fmspc" },
		{ "platform.pceid", "pceid" },
		{ "platform.cpusvn", "pck_cpusvn" },
		{ "tdx.tee_tcb_svn", "teetcbsvn" },
		{ "tdx.mrseam", "mrseam" },
		{ "tdx.mrsignerseam", "mrsignerseam" },
		{ "tdx.seam_attributes", "seamattr" },
		{ "tdx.mrtd", "mrtd" },
		{ "tdx.mrconfigid", "mrconfigid" },
		{ "tdx.mrowner", "mrowner" },
		{ "tdx.rtmr.0", "rtmr0" },
		{ "tdx.rtmr.1", "rtmr1" },
		{ "tdx.rtmr.2", "rtmr2" },
		{ "tdx.rtmr.3", "rtmr3" },
		{ "tdx.tee_tcb_svn2", "tee_tcb_svn2" },
		{ "tdx.mrservicetd", "mrservicetd" },
	};
	static const char *const numbers[][2] = {
		{ "quote.version", "version" },	    { "quote.qe_svn", "qe_svn" },
		{ "quote.pce_svn", "pce_svn" },	    { "quote.certification_type", "cert_type" },
		{ "sgx.isvprodid", "isvprodid" },   { "sgx.isvsvn", "isvsvn" },
		{ "sgx.miscselect", "miscselect" }, { "platform.pcesvn", "pck_pcesvn" },
		{ "tdx.attributes", "tdattr" },	    { "tdx.xfam", "xfam" },
	};
	struct cattest_error err = { "" };
	struct cattest_result *r = NULL;
	struct quote q;
	size_t size = 0;
	void *data = load(path, &size);
	const char *ca = json_string_value(json_object_get(e, "ca"));

	snprintf(running, sizeof(running), "%s", path);
	if (!data || cattest_decode(data, size, NULL, &r, &err)) {
		report("quote", err.text, "readable");
		free(data);
		return;
	}
	for (size_t i = 0; i < sizeof(bytes) / sizeof(*bytes); i++)
		expect_hex(r, bytes[i][0], json_object_get(e, bytes[i][1]));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		expect_number(r, numbers[i][0], json_object_get(e, numbers[i][1]));
	if (ca &&
	    !strstr(ca, !strcmp(text_of(r, "platform.ca"), "platform") ? "Platform" : "Processor"))
		report("platform.ca", text_of(r, "platform.ca"), ca);
	if (quote_parse(SPAN(data, size), &q, &err) ||
	    q.trailing != (size_t)json_integer_value(json_object_get(e, "trailing")) ||
	    q.body_type != (unsigned)json_integer_value(json_object_get(e, "body_type")))
		report("trailing bytes or body type", "another", "as stated");
	cattest_result_free(r);
	free(data);
}

/* --- Computed verdicts --- */

static bool listed(const struct cattest_claim *c, const char *text)
{
	for (size_t i = 0; c && i < c->size; i++)
		if (!strcmp(c->strings[i], text))
			return true;
	return false;
}

static int64_t seconds(const json_t *date)
{
	int64_t t = 0;

	if (time_parse(json_string_value(date), &t))
		report("date", json_string_value(date), "RFC 3339");
	return t;
}

static void expect_status(const struct cattest_result *r, const json_t *row)
{
	const char *status = json_string_value(json_object_get(row, "status")),
		   *platform = json_string_value(json_object_get(row, "platform"));
	const json_t *components = json_object_get(row, "components"),
		     *advisories = json_object_get(row, "advisories"), *item;
	const struct cattest_claim *found = claim(r, "tcb.advisories");
	size_t i;

	if (!strcmp(status, "TCB_NOT_SUPPORTED")) {
		if (!has(r, "dcap.tcb.level", CATTEST_FAIL) || claim(r, "tcb.status"))
			report("level", "there", "TCB_NOT_SUPPORTED");
		return;
	}
	if (strcmp(text_of(r, "tcb.status"), status))
		report("tcb.status", text_of(r, "tcb.status"), status);
	if (strcmp(text_of(r, "tcb.platform_status"), platform))
		report("tcb.platform_status", text_of(r, "tcb.platform_status"), platform);
	json_array_foreach(components, i, item)
		if (strcmp(text_of(r, i ? "tcb.module_status" : "tcb.qe_status"),
			   json_string_value(item)))
			report(i ? "tcb.module_status" : "tcb.qe_status",
			       text_of(r, i ? "tcb.module_status" : "tcb.qe_status"),
			       json_string_value(item));
	json_array_foreach(advisories, i, item)
		if (!listed(found, json_string_value(item)))
			report("advisory", "not listed", json_string_value(item));
	if ((found ? found->size : 0) != json_array_size(advisories))
		report("count of advisories", "another", "as stated");
}

static void verdict_row(const json_t *row)
{
	const json_t *collateral = json_object_get(row, "collateral"), *item;
	const char *quote = json_string_value(json_object_get(row, "quote"));
	bool whole = json_is_string(collateral), supported;
	int64_t from = seconds(json_object_get(row, "valid_from")),
		until = seconds(json_object_get(row, "valid_to"));
	struct cattest_verifier *v;
	struct cattest_result *r;
	size_t i;

	/* Without a time at which all of it is valid there is no verdict to compare. */
	if (!json_is_true(json_object_get(row, "window_nonempty")) ||
	    !json_string_value(json_object_get(row, "status")))
		return;
	snprintf(running, sizeof(running), "%s with %s", quote,
		 whole ? json_string_value(collateral)
		       : json_string_value(json_array_get(collateral, 0)));
	supported = strcmp(json_string_value(json_object_get(row, "status")), "TCB_NOT_SUPPORTED");
	v = cattest_verifier_new();
	if (whole && add(v, json_string_value(collateral)))
		report("collateral", "refused", "usable");
	json_array_foreach(collateral, i, item)
		if (add(v, json_string_value(item)))
			report(json_string_value(item), "refused", "usable");
	if (!whole)
		add_common(v);
	cattest_set_time(v, from + (until - from) / 2);
	r = verify(v, quote);
	if (r) {
		rows++;
		expect_status(r, row);
		expect_number(r, "tcb.evaluation_number", json_object_get(row, "tcb_eval"));
		if (supported && failed(r, whole))
			report("failed check", failed(r, whole), "none");
		if (missing(r))
			report("missing", missing(r), "nothing");
		if (!failed(r, true)) {
			clean_rows++;
			if (claim(r, "collateral.expired")->number)
				report("collateral.expired", "true", "false");
		}
		cattest_result_free(r);
	}
	cattest_set_time(v, until + 86400);
	r = verify(v, quote);
	if (r) {
		if (!claim(r, "collateral.expired") || !claim(r, "collateral.expired")->number)
			report("collateral.expired after the window", "false", "true");
		expect_status(r, row);
		cattest_result_free(r);
	}
	cattest_set_time(v, from - 86400);
	r = verify(v, quote);
	if (r && (!claim(r, "collateral.expired") || !claim(r, "collateral.expired")->number))
		report("collateral.expired before the window", "false", "true");
	cattest_result_free(r);
	cattest_verifier_free(v);
}

/* --- What go-tdx-guest's tests do to its quote --- */

static void go_tdx_guest(void)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *step; /* NULL: malformed */
	} table[] = {
		{ 0x00, 0x03, NULL },
		{ 0x278, 0x10, NULL },
		{ 0x1343, 0x32, "dcap.pck.certificate" },
		{ 0x1329, 0x32, "dcap.pck.chain" },
		{ 0xf5f, 0x32, "dcap.pck.chain" },
		{ 0xb77, 0x32, "dcap.pck.chain" },
		{ 0x1e, 0x32, "dcap.quote.signature" },
		{ 0x3c, 0x32, "dcap.quote.signature" },
	};
	size_t size = 0;
	uint8_t *data = load("tdx/google-v4-quote.bin", &size);
	struct cattest_verifier *v = cattest_verifier_new();

	add(v, "tdx/google-tcbinfo-v4.json");
	add(v, "tdx/google-tdqe.json");
	add_common(v);
	cattest_set_time(v, 1688169600); /* 2023-07-01 */
	for (size_t i = 0; data && i < sizeof(table) / sizeof(*table); i++) {
		uint8_t kept = data[table[i].at];
		struct cattest_error err = { "" };
		struct cattest_result *r = NULL;
		int code;

		snprintf(running, sizeof(running), "google-v4 byte 0x%zx", table[i].at);
		data[table[i].at] = table[i].value;
		code = cattest_verify(v, data, size, NULL, &r, &err);
		if (table[i].step ? code || !has(r, table[i].step, CATTEST_FAIL) : !code)
			report("outcome",
			       code		 ? err.text
			       : failed(r, true) ? failed(r, true)
						 : "pass",
			       table[i].step ? table[i].step : "malformed");
		cattest_result_free(r);
		data[table[i].at] = kept;
	}
	cattest_verifier_free(v);
	free(data);
}

/* --- Intel's own samples --- */

static struct cattest_verifier *sample_verifier(const char *name, int64_t now)
{
	static const char *const files[] = { "pckCert.pem",    "pckSignChain.pem",
					     "rootCaCrl.der",  "intermediateCaCrl.der",
					     "tcbInfo.json",   "tcbSignChain.pem",
					     "qeIdentity.json" };
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_error err = { "" };
	char path[128];
	size_t size = 0;
	void *root;

	cattest_set_time(v, now);
	snprintf(path, sizeof(path), "%s/trustedRootCaCert.pem", name);
	root = load(path, &size);
	if (!root || cattest_add_root(v, CATTEST_ROOT_INTEL, root, size, &err))
		report("root", err.text, "usable");
	free(root);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s", name, files[i]);
		if (add(v, path))
			report(path, "refused", "usable");
	}
	return v;
}

static void intel_samples(void)
{
	struct cattest_verifier *v;
	struct cattest_result *r;

	snprintf(running, sizeof(running), "Intel's SGX sample");
	v = sample_verifier("sgx/intel-sample", 1600000000);
	r = verify(v, "sgx/intel-sample/quote.dat");
	if (r && (failed(r, true) || missing(r)))
		report("outcome", failed(r, true) ? failed(r, true) : missing(r), "good");
	if (r &&
	    (strcmp(text_of(r, "tcb.status"), "UpToDate") || strcmp(text_of(r, "root"), "custom")))
		report("tcb.status", text_of(r, "tcb.status"), "UpToDate");
	cattest_result_free(r);
	cattest_verifier_free(v);
	/*
	 * The TDX sample's TCB info has SVNs of two bytes (65473 is 0xffc1), which Intel's verifier cuts to one: then they match. Such
	 * an SVN is malformed here. Its QE identity has another MRSIGNER than the quote, which their application does not notice since it
	 * does not look at it unless asked to. The signatures are good.
	 */
	snprintf(running, sizeof(running), "Intel's TDX sample");
	v = sample_verifier("tdx/intel-sample", 1700000000);
	r = verify(v, "tdx/intel-sample/quote.dat");
	if (r && (!has(r, "dcap.tcb_info.form", CATTEST_FAIL) ||
		  !has(r, "dcap.qe.mrsigner", CATTEST_FAIL) ||
		  !has(r, "dcap.quote.signature", CATTEST_PASS) ||
		  !has(r, "dcap.qe.signature", CATTEST_PASS) ||
		  !has(r, "dcap.pck.chain", CATTEST_PASS) ||
		  !has(r, "dcap.qe_identity.signature", CATTEST_PASS)))
		report("outcome", "another",
		       "SVNs malformed, MRSIGNER of another QE, signatures good");
	cattest_result_free(r);
	cattest_verifier_free(v);
}

/* --- Negatives --- */

static void json_negatives(void)
{
	static const char *const bad[] = {
		"tcbInfoNegativeSignature",	   "tcbInfoNegativeFloat",
		"tcbInfoNegativeIntegerOverflow",  "tcbInfoNegativeIntegerWithSign",
		"tcbInfoNegativeInvalidIssueDate", "tcbInfoNegativeStringEscape",
		"tcbInfoNegativePceSvn",	   "tcbInfoNegativeMissingNextUpdate",
		"qe_identity_missing_mrsigner",	   "qe_identity_missing_signature",
		"qe_identity_missing_tcb_levels",  "qe_identity_missing_nextupdate",
		"qe_identity_missing_isvsvn",	   "qe_identity_ok",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct cattest_error err = { "" };
		struct cattest_result *r = NULL;
		bool good = !strcmp(bad[i], "qe_identity_ok");
		size_t size = 0;
		void *data;
		int code;

		snprintf(running, sizeof(running), "sgx/neg-json/%s.json", bad[i]);
		data = load(running, &size);
		code = cattest_decode(data, size, bad[i][0] == 't' ? "tcb-info" : "qe-identity", &r,
				      &err);
		if (!data || !code != good)
			report("decoding", code ? err.text : "accepted",
			       good ? "accepted" : "refused");
		cattest_result_free(r);
		free(data);
	}
}

static void expect_failure(const char *what, const char *quote, const char *tcb, const char *qe,
			   const char *extra, int64_t now, const char *step,
			   enum cattest_outcome outcome)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_result *r;

	snprintf(running, sizeof(running), "%s", what);
	add(v, tcb);
	add(v, qe);
	if (extra)
		add(v, extra);
	else
		add_common(v);
	cattest_set_time(v, now);
	r = verify(v, quote);
	if (r && !has(r, step, outcome))
		report("outcome",
		       failed(r, true) ? failed(r, true)
		       : missing(r)    ? missing(r)
				       : "pass",
		       step);
	cattest_result_free(r);
	cattest_verifier_free(v);
}

static void negatives(void)
{
	static const char quote[] = "sgx/oasis-v3-quote.bin",
			  tcb[] = "sgx/oasis-tcbinfo-00606A000000.json",
			  qe[] = "sgx/oasis-qeidentity.json";
	struct cattest_verifier *v;
	struct cattest_error err = { "" };
	size_t size = 0;
	void *data;

	expect_failure("PCK expired", quote, tcb, qe, NULL, 1891163522, "dcap.pck.dates",
		       CATTEST_FAIL);
	expect_failure("PCK not yet valid", quote, tcb, qe, NULL, 1670238720, "dcap.pck.dates",
		       CATTEST_FAIL);
	expect_failure("wrong signing chain", quote, tcb, qe,
		       "sgx/neg-oasis-tcb-signing-chain-bad.pem", 1671497404,
		       "dcap.tcb_info.signer", CATTEST_MISSING);
	expect_failure("no PCK in the quote", "sgx/oasis-v3-eppid-quote.bin", tcb, qe, NULL,
		       1671497404, "dcap.pck.certificate", CATTEST_MISSING);
	expect_failure("no PCK in the quote, 2", "sgx/fortanix-v3-quote-rawtcb.bin", tcb, qe, NULL,
		       1671497404, "dcap.pck.certificate", CATTEST_MISSING);
	/* Its issue date was changed to lie after its next update: not even taken. */
	expect_failure("TCB info changed", "sgx/fortanix-v3-quote.bin",
		       "sgx/neg-fortanix-tcbinfo-corrupted.json",
		       "sgx/fortanix-qeidentity-2020.json", NULL, 1590000000, "dcap.tcb_info",
		       CATTEST_MISSING);
	expect_failure("QE identity changed", "sgx/fortanix-v3-quote.bin",
		       "sgx/fortanix-tcbinfo-00906ea10000-2020.json",
		       "sgx/neg-fortanix-qeidentity-corrupt.json", NULL, 1590000000,
		       "dcap.qe_identity.signature", CATTEST_FAIL);
	expect_failure("example of Intel's documentation", "sgx/oasis-v3-quote.bin",
		       "sgx/neg-mobilecoin-example-tcbinfo.json", qe, NULL, 1671497404,
		       "dcap.tcb_info", CATTEST_MISSING);
	/* A root with Intel's name and another key is no root. */
	snprintf(running, sizeof(running), "another root");
	data = load("sgx/neg-fortanix-other-root.pem", &size);
	v = cattest_verifier_new();
	if (data && cattest_add_root(v, CATTEST_ROOT_INTEL, data, size, &err))
		report("root", err.text, "readable");
	cattest_verifier_free(v);
	free(data);
	json_negatives();
}

/* The claims that people look for first. */
static void known_values(void)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_result *r;

	snprintf(running, sizeof(running), "debug enclave");
	cattest_set_time(v, 1750000000);
	r = verify(v, "sgx/trustee-occlum-v3-quote.bin");
	if (r && (!claim(r, "debug") || claim(r, "debug")->number != 1))
		report("debug", "false", "true");
	cattest_result_free(r);
	snprintf(running, sizeof(running), "TD");
	r = verify(v, "tdx/oasis-v4-quote.bin");
	if (r && (claim(r, "debug")->number || !claim(r, "tdx.sept_ve_disable")->number ||
		  claim(r, "tdx.attributes")->number != 1 << 28 ||
		  claim(r, "tdx.reserved_attributes")->number))
		report("attributes", "others", "SEPT_VE_DISABLE alone");
	cattest_result_free(r);
	cattest_verifier_free(v);
}

int main(void)
{
	json_t *expected, *value;
	const char *path;
	size_t size = 0, i;
	char *text, name[512];
	FILE *probe;

	snprintf(name, sizeof(name), "%s/EXPECTED.json", samples_path());
	probe = fopen(name, "rb");
	if (!probe) {
		printf("skip: no evidence samples (EVIDENCE)\n");
		return 77;
	}
	fclose(probe);
	text = load("EXPECTED.json", &size);
	expected = text ? json_loadb(text, size, 0, NULL) : NULL;
	if (!expected) {
		printf("EXPECTED.json is malformed\n");
		return 1;
	}
	json_object_foreach(json_object_get(expected, "sgx_tdx"), path, value)
		parsed_values(path, value);
	json_array_foreach(json_object_get(expected, "pairs"), i, value)
		verdict_row(value);
	go_tdx_guest();
	intel_samples();
	negatives();
	known_values();
	json_decref(expected);
	free(text);
	printf("%s: %zu rows, %zu of them with CRLs of their time\n", failures ? "failed" : "ok",
	       rows, clean_rows);
	return failures ? 1 : 0;
}
