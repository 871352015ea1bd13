/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SNP reports of a key hierarchy made here: every version and product, VCEK and VLEK, and each step
 * of verification made to fail on its own, with a report whose signature is good: only then does it
 * show that the step itself refuses.
 */
#include "attest/snp/snp_testing.h"

#include <openssl/pem.h>

static struct test_pki milan, genoa, turin;
static EVP_PKEY *vek_key, *other_key;
static uint8_t chip[64], chip_turin[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

/* bl 4, tee 1, snp 24, microcode 219: above 127 on purpose */
static const uint8_t tcb_milan[8] = { 4, 1, 0, 0, 0, 0, 24, 219 };
/* fmc 1, bl 2, tee 3, snp 4, microcode 0x51 */
static const uint8_t tcb_turin[8] = { 1, 2, 3, 4, 0, 0, 0, 0x51 };

static struct test_vek base_vek(const struct test_pki *pki)
{
	struct test_vek t = {
		.cn = "SEV-VCEK",
		.product = pki->product,
		.spl = { -1, 4, 1, 24, 0, 0, 0, 0, 219, -1 },
		.hwid_size = 64,
		.from = TEST_NOW - TEST_YEAR,
		.until = TEST_NOW + 6 * TEST_YEAR,
	};
	static const int turin_levels[10] = { -1, 2, 3, 4, -1, 0, 0, 0, 0x51, 1 };

	t.issuer = pki == &milan ? "SEV-Milan" : pki == &genoa ? "SEV-Genoa" : "SEV-Turin";
	memcpy(t.hwid, chip, sizeof(chip));
	if (pki == &turin) {
		t.struct_version = 1;
		t.hwid_size = 8;
		memcpy(t.hwid, chip_turin, 8);
		memcpy(t.spl, turin_levels, sizeof(t.spl));
	}
	return t;
}

static struct test_vek base_vlek(const struct test_pki *pki)
{
	struct test_vek t = base_vek(pki);

	t.cn = "SEV-VLEK";
	t.issuer = pki == &milan   ? "SEV-VLEK-Milan"
		   : pki == &genoa ? "SEV-VLEK-Genoa"
				   : "SEV-VLEK-Turin";
	t.hwid_size = 0;
	t.csp_id = "CN=cloud.example";
	t.until = TEST_NOW + TEST_YEAR;
	return t;
}

struct setup {
	const struct test_pki *pki;
	struct test_vek vek;
	uint8_t report[SNP_REPORT_SIZE];
	bool no_vek, no_ask, unsigned_report;
	EVP_PKEY *report_key; /* NULL: vek_key */
	EVP_PKEY *issuer_key; /* of the VEK; NULL: by its kind */
	X509_CRL *crl, *crl2;
	int64_t now;
	struct cattest_expect expect;
};

static struct setup base(const struct test_pki *pki, unsigned version, unsigned cpuid)
{
	struct setup s = { .pki = pki, .vek = base_vek(pki), .now = TEST_NOW };

	if (pki == &turin)
		make_report(s.report, version, cpuid, tcb_turin, chip_turin, sizeof(chip_turin));
	else
		make_report(s.report, version, cpuid, tcb_milan, chip, sizeof(chip));
	return s;
}

static struct setup base_vlek_setup(const struct test_pki *pki, unsigned version, unsigned cpuid)
{
	struct setup s = base(pki, version, cpuid);

	s.vek = base_vlek(pki);
	memset(s.report + 0x1a0, 0, 64);
	s.report[0x048] = 1 << 2;
	return s;
}

static bool is_vlek(const struct setup *s)
{
	return strstr(s->vek.issuer, "VLEK") != NULL;
}

static struct verified run(struct setup *s)
{
	struct cattest_verifier *v = new_verifier(s->pki->ark);
	EVP_PKEY *issuer = s->issuer_key ? s->issuer_key
			   : is_vlek(s)	 ? s->pki->asvk_key
					 : s->pki->ask_key;
	X509 *vek = new_vek(&s->vek, vek_key, issuer);
	struct verified got;

	cattest_set_time(v, s->now);
	if (!s->no_ask)
		add_cert(v, "ask", is_vlek(s) ? s->pki->asvk : s->pki->ask);
	if (!s->no_vek)
		add_cert(v, "vek", vek);
	if (s->crl)
		add_crl(v, "crl", s->crl);
	if (s->crl2)
		add_crl(v, "crl2", s->crl2);
	if (!s->unsigned_report)
		sign_report(s->report, s->report_key ? s->report_key : vek_key);
	got = verify_bytes(v, s->report, SNP_REPORT_SIZE, &s->expect);
	X509_free(vek);
	cattest_verifier_free(v);
	return got;
}

static void expect_run(const char *name, struct setup *s, enum outcome outcome, const char *step)
{
	expect_outcome(name, run(s), outcome, step);
}

static void claim_is(const struct verified *got, const char *name, const char *text)
{
	const struct cattest_claim *c = got->result ? cattest_result_find(got->result, name) : NULL;

	EXPECT(c && c->type == CATTEST_STRING && !strcmp(c->string, text), "%s is %s, expected %s",
	       name, c && c->string ? c->string : "?", text);
}

static void number_is(const struct verified *got, const char *name, uint64_t number)
{
	const struct cattest_claim *c = got->result ? cattest_result_find(got->result, name) : NULL;

	EXPECT(c && c->number == number, "%s is %llu, expected %llu", name,
	       c ? (unsigned long long)c->number : 0ull, (unsigned long long)number);
}

static void test_good(void)
{
	static const struct {
		const char *name;
		struct test_pki *pki;
		unsigned version, cpuid;
	} cases[] = {
		{ "Milan v2", &milan, 2, 0 },	     { "Milan v3", &milan, 3, 0x1901 },
		{ "Milan v4", &milan, 4, 0x1901 },   { "Milan v5", &milan, 5, 0x1901 },
		{ "Genoa v2", &genoa, 2, 0 },	     { "Genoa v3", &genoa, 3, 0x1911 },
		{ "Bergamo v3", &genoa, 3, 0x19a0 }, { "Genoa v5", &genoa, 5, 0x191f },
		{ "Turin v3", &turin, 3, 0x1a02 },   { "Turin v4", &turin, 4, 0x1a02 },
		{ "Turin v5", &turin, 5, 0x1a11 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct setup s = base(cases[i].pki, cases[i].version, cases[i].cpuid);
		struct verified got;

		s.expect = (struct cattest_expect){ .report_data = s.report + 0x50,
						    .report_data_size = 64 };
		got = run(&s);
		claim_is(&got, "snp.product", cases[i].pki->product);
		claim_is(&got, "snp.signing_key", "VCEK");
		claim_is(&got, "root", "custom");
		claim_is(&got, "snp.firmware.current", "1.55.29");
		number_is(&got, "snp.version", cases[i].version);
		number_is(&got, "snp.firmware.committed_version", 0x01371d);
		number_is(&got, "snp.tcb.microcode", cases[i].pki == &turin ? 0x51 : 219);
		number_is(&got, "snp.tcb.snp", cases[i].pki == &turin ? 4 : 24);
		number_is(&got, "debug", 0);
		expect_outcome(cases[i].name, got, OUTCOME_GOOD, NULL);
		if (cases[i].version >= 3) {
			s = base_vlek_setup(cases[i].pki, cases[i].version, cases[i].cpuid);
			got = run(&s);
			claim_is(&got, "snp.csp_id", "CN=cloud.example");
			claim_is(&got, "snp.signing_key", "VLEK");
			expect_outcome(cases[i].name, got, OUTCOME_GOOD, NULL);
		}
	}
}

/* One byte of the report changed before it is signed: the step itself must see it. */
static void test_report_fields(void)
{
	static const struct {
		const char *name, *step;
		unsigned offset;
		uint8_t value;
		enum outcome outcome;
	} cases[] = {
		{ "version 1", NULL, 0x000, 1, OUTCOME_ERROR },
		{ "version 6", NULL, 0x000, 6, OUTCOME_ERROR },
		{ "version 5 with a byte set", NULL, 0x001, 1, OUTCOME_ERROR },
		{ "policy bit 17", "snp.reserved", 0x00a, 0x01, OUTCOME_REFUSED },
		{ "policy bit 26", "snp.reserved", 0x00b, 0x04, OUTCOME_REFUSED },
		{ "policy bit 63", "snp.reserved", 0x00f, 0x80, OUTCOME_REFUSED },
		{ "vmpl 3", NULL, 0x030, 3, OUTCOME_GOOD },
		{ "vmpl 4", "snp.vmpl", 0x030, 4, OUTCOME_REFUSED },
		{ "vmpl of the host", "snp.vmpl", 0x033, 0xff, OUTCOME_REFUSED },
		{ "algorithm 0", "snp.algorithm", 0x034, 0, OUTCOME_REFUSED },
		{ "algorithm 2", "snp.algorithm", 0x034, 2, OUTCOME_REFUSED },
		{ "author key", NULL, 0x048, 0x01, OUTCOME_GOOD },
		{ "masked chip key", "snp.signing_key", 0x048, 0x02, OUTCOME_REFUSED },
		{ "no signing key", "snp.signing_key", 0x048, 0x1c, OUTCOME_REFUSED },
		{ "signing key 2", "snp.signing_key", 0x048, 0x08, OUTCOME_REFUSED },
		/* Signed so: the VLEK is missing. Changed afterwards: test_signing_key. */
		{ "VLEK named, VCEK there", "snp.vek", 0x048, 0x04, OUTCOME_MISSING },
		{ "key_info bit 5", "snp.reserved", 0x048, 0x20, OUTCOME_REFUSED },
		{ "reserved 0x4c", "snp.reserved", 0x04c, 1, OUTCOME_REFUSED },
		{ "reserved 0x4f", "snp.reserved", 0x04f, 1, OUTCOME_REFUSED },
		{ "reserved 0x18b", "snp.reserved", 0x18b, 1, OUTCOME_REFUSED },
		{ "reserved 0x19f", "snp.reserved", 0x19f, 1, OUTCOME_REFUSED },
		{ "reserved 0x1eb", "snp.reserved", 0x1eb, 1, OUTCOME_REFUSED },
		{ "reserved 0x1ef", "snp.reserved", 0x1ef, 1, OUTCOME_REFUSED },
		{ "reserved 0x1f8", "snp.reserved", 0x1f8, 1, OUTCOME_REFUSED },
		{ "reserved 0x207", "snp.reserved", 0x207, 1, OUTCOME_REFUSED },
		{ "reserved 0x29f", "snp.reserved", 0x29f, 1, OUTCOME_REFUSED },
		{ "stepping", NULL, 0x18a, 9, OUTCOME_GOOD },
		{ "family of Turin", "snp.product", 0x188, 0x1a, OUTCOME_REFUSED },
		{ "unknown family", "snp.product", 0x188, 0x1b, OUTCOME_REFUSED },
		{ "model of Genoa", "snp.product", 0x189, 0x11, OUTCOME_REFUSED },
		{ "unknown model", "snp.product", 0x189, 0x20, OUTCOME_REFUSED },
		{ "another chip", "snp.chip_id", 0x1a0, 0xee, OUTCOME_REFUSED },
		{ "another chip's end", "snp.chip_id", 0x1df, 0xee, OUTCOME_REFUSED },
		{ "reported boot loader", "snp.tcb", 0x180, 3, OUTCOME_REFUSED },
		{ "reported tee", "snp.tcb", 0x181, 0, OUTCOME_REFUSED },
		{ "reported reserved", "snp.tcb", 0x182, 1, OUTCOME_REFUSED },
		{ "reported snp", "snp.tcb", 0x186, 23, OUTCOME_REFUSED },
		{ "reported microcode", "snp.tcb", 0x187, 218, OUTCOME_REFUSED },
		{ "committed below reported", "snp.tcb.order", 0x1e6, 23, OUTCOME_REFUSED },
		{ "committed above current", "snp.tcb.order", 0x1e0, 5, OUTCOME_REFUSED },
		{ "current below committed", "snp.tcb.order", 0x03f, 218, OUTCOME_REFUSED },
		{ "current above committed", NULL, 0x03f, 220, OUTCOME_GOOD },
		{ "launch above current", "snp.tcb.order", 0x1f0, 5, OUTCOME_REFUSED },
		{ "launch below current", NULL, 0x1f0, 3, OUTCOME_GOOD },
		{ "committed firmware above current", "snp.firmware.order", 0x1ec, 30,
		  OUTCOME_REFUSED },
		{ "committed firmware below current", NULL, 0x1ec, 28, OUTCOME_GOOD },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct setup s = base(&milan, 3, 0x1901);

		s.report[cases[i].offset] = cases[i].value;
		expect_run(cases[i].name, &s, cases[i].outcome, cases[i].step);
	}
}

static void test_versions(void)
{
	struct setup s = base(&milan, 2, 0);

	s.report[0x188] = 0x19;
	expect_run("v2 with a CPUID", &s, OUTCOME_REFUSED, "snp.reserved");
	s = base(&milan, 5, 0x1901);
	s.report[0x208] = 1;
	expect_run("v5 reserved 0x208", &s, OUTCOME_REFUSED, "snp.reserved");
	s = base(&milan, 5, 0x1901);
	s.report[0x29f] = 1;
	expect_run("v5 reserved 0x29f", &s, OUTCOME_REFUSED, "snp.reserved");
	s = base(&turin, 2, 0);
	expect_run("v2 of a Turin", &s, OUTCOME_REFUSED, "snp.product");
	s = base(&turin, 5, 0x1a02);
	s.report[0x1a0 + 8] = 1;
	expect_run("Turin's chip with a ninth byte", &s, OUTCOME_REFUSED, "snp.chip_id");
	s = base(&turin, 5, 0x1a02);
	s.report[0x183] = 3;
	expect_run("Turin's reported snp", &s, OUTCOME_REFUSED, "snp.tcb");
	s = base(&turin, 5, 0x1a02);
	s.report[0x180] = 0;
	expect_run("Turin's reported fmc", &s, OUTCOME_REFUSED, "snp.tcb");
	s = base(&milan, 3, 0x1901);
	s.report[0x00a] |= 8;
	{
		struct verified got = run(&s);

		number_is(&got, "debug", 1);
		expect_outcome("debug is a claim", got, OUTCOME_GOOD, NULL);
	}
}

static void test_signature(void)
{
	struct setup s = base(&milan, 3, 0x1901);

	s.report_key = other_key;
	expect_run("signed by another key", &s, OUTCOME_REFUSED, "snp.signature");
	s = base(&milan, 3, 0x1901);
	s.unsigned_report = true;
	expect_run("not signed", &s, OUTCOME_REFUSED, "snp.signature");
	memset(s.report + SNP_SIGNED_SIZE, 'W', 512);
	expect_run("signature of W", &s, OUTCOME_REFUSED, "snp.signature");
	s = base(&milan, 3, 0x1901);
	sign_report(s.report, vek_key);
	s.unsigned_report = true;
	expect_run("signed", &s, OUTCOME_GOOD, NULL);
	s.report[SNP_SIGNED_SIZE + 48] = 1;
	expect_run("byte behind r", &s, OUTCOME_REFUSED, "snp.signature");
	s.report[SNP_SIGNED_SIZE + 48] = 0;
	s.report[SNP_SIGNED_SIZE + 144] = 1;
	expect_run("byte behind s", &s, OUTCOME_REFUSED, "snp.reserved");
	s.report[SNP_SIGNED_SIZE + 144] = 0;
	s.report[0x50] ^= 1;
	expect_run("report data changed", &s, OUTCOME_REFUSED, "snp.signature");
}

static void test_vek(void)
{
	struct setup s = base(&milan, 3, 0x1901);

	s.vek.product = "Milan-B0";
	expect_run("product with stepping", &s, OUTCOME_GOOD, NULL);
	s.vek.product = "Milano";
	expect_run("product that begins alike", &s, OUTCOME_MISSING, "snp.vek");
	s.vek.product = "Genoa";
	expect_run("product of another", &s, OUTCOME_REFUSED, "snp.product");
	s = base(&milan, 2, 0);
	s.vek.product = "Genoa";
	expect_run("product that is not its issuer's", &s, OUTCOME_REFUSED, "snp.product");
	s = base(&milan, 3, 0x1901);
	s.vek.wrapped = true;
	expect_run("hwID in an OCTET STRING", &s, OUTCOME_GOOD, NULL);
	s.vek.hwid[0] = 4;
	s.vek.hwid[1] = 62;
	s.report[0x1a0] = 4;
	s.report[0x1a1] = 62;
	s.vek.wrapped = false;
	expect_run("hwID that looks wrapped", &s, OUTCOME_GOOD, NULL);
	s.vek.hwid_size = 8;
	expect_run("hwID of 8 bytes", &s, OUTCOME_MISSING, "snp.vek");
	s = base(&milan, 3, 0x1901);
	s.vek.hwid_size = 0;
	expect_run("no hwID", &s, OUTCOME_MISSING, "snp.vek");
	s = base(&milan, 3, 0x1901);
	s.vek.cn = "VCEK";
	expect_run("another name", &s, OUTCOME_MISSING, "snp.vek");
	s = base(&milan, 3, 0x1901);
	s.vek.twice = "1.3.6.1.4.1.3704.1.3.8";
	expect_run("an extension twice", &s, OUTCOME_MISSING, "snp.vek");
	s = base(&milan, 3, 0x1901);
	s.vek.long_integer = true;
	expect_run("levels that are no DER", &s, OUTCOME_MISSING, "snp.vek");
	s = base(&milan, 3, 0x1901);
	s.vek.spl[8] = -1;
	expect_run("no microcode level", &s, OUTCOME_MISSING, "snp.vek");
	s = base(&milan, 3, 0x1901);
	s.vek.spl[9] = 1;
	expect_run("Milan with an fmc", &s, OUTCOME_MISSING, "snp.vek");
	s = base(&milan, 3, 0x1901);
	s.vek.struct_version = 2;
	expect_run("structVersion 2", &s, OUTCOME_MISSING, "snp.vek");
	s = base(&milan, 3, 0x1901);
	s.vek.spl[4] = s.vek.spl[5] = s.vek.spl[6] = s.vek.spl[7] = -1;
	expect_run("no reserved levels", &s, OUTCOME_GOOD, NULL);
	s.report[0x182] = s.report[0x1e2] = s.report[0x3a] = 1;
	expect_run("reserved level that the certificate does not have", &s, OUTCOME_REFUSED,
		   "snp.tcb");
	s = base(&milan, 3, 0x1901);
	s.vek.spl[1] = 128;
	s.report[0x180] = s.report[0x1e0] = s.report[0x38] = 128;
	expect_run("boot loader 128", &s, OUTCOME_GOOD, NULL);
}

static void test_path(void)
{
	struct setup s = base(&milan, 3, 0x1901);

	s.no_ask = true;
	expect_run("no ASK", &s, OUTCOME_MISSING, "snp.vek.chain");
	s = base(&milan, 3, 0x1901);
	s.no_vek = true;
	expect_run("no VCEK", &s, OUTCOME_MISSING, "snp.vek");
	s = base(&milan, 3, 0x1901);
	s.issuer_key = genoa.ask_key;
	expect_run("VCEK of another ASK", &s, OUTCOME_REFUSED, "snp.vek.chain");
	s = base(&milan, 3, 0x1901);
	s.vek.issuer = "SEV-VLEK-Milan";
	expect_run("VCEK by the ASVK", &s, OUTCOME_REFUSED, "snp.product");
	s = base_vlek_setup(&milan, 3, 0x1901);
	s.vek.issuer = "SEV-Milan";
	expect_run("VLEK by the ASK", &s, OUTCOME_REFUSED, "snp.product");
	s = base(&milan, 3, 0x1901);
	s.now = TEST_NOW + 7 * TEST_YEAR;
	expect_run("VCEK expired", &s, OUTCOME_REFUSED, "snp.vek.dates");
	s.now = TEST_NOW - 2 * TEST_YEAR;
	expect_run("VCEK not yet valid", &s, OUTCOME_REFUSED, "snp.vek.dates");
	s = base_vlek_setup(&milan, 3, 0x1901);
	s.now = TEST_NOW + 2 * TEST_YEAR;
	expect_run("VLEK expired", &s, OUTCOME_REFUSED, "snp.vek.dates");
	s = base_vlek_setup(&milan, 3, 0x1901);
	s.vek.csp_id = NULL;
	expect_run("VLEK without csp_id", &s, OUTCOME_MISSING, "snp.vek");
	/* The hierarchy of another product signs what says Milan. */
	s = base(&milan, 3, 0x1901);
	s.pki = &genoa;
	s.issuer_key = genoa.ask_key;
	s.vek.issuer = "SEV-Genoa";
	expect_run("Milan under Genoa", &s, OUTCOME_REFUSED, "snp.product");
}

static void test_unknown_root(void)
{
	struct setup s = base(&milan, 3, 0x1901);
	struct cattest_verifier *v = cattest_verifier_new();
	X509 *vek = new_vek(&s.vek, vek_key, milan.ask_key);

	must(v, "verifier");
	cattest_set_time(v, TEST_NOW);
	add_cert(v, "ark", milan.ark);
	add_cert(v, "ask", milan.ask);
	add_cert(v, "vek", vek);
	sign_report(s.report, vek_key);
	expect_outcome("root that nobody pinned", verify_bytes(v, s.report, SNP_REPORT_SIZE, NULL),
		       OUTCOME_REFUSED, "snp.vek.root");
	X509_free(vek);
	cattest_verifier_free(v);
}

static void test_revocation(void)
{
	struct setup s = base(&milan, 3, 0x1901);
	X509_CRL *empty = new_crl(milan.ark, milan.ark_key, -1, TEST_NOW - 86400, TEST_NOW + 86400);
	X509_CRL *ask =
		new_crl(milan.ark, milan.ark_key, 0x10001, TEST_NOW - 86400, TEST_NOW + 86400);
	X509_CRL *asvk =
		new_crl(milan.ark, milan.ark_key, 0x10101, TEST_NOW - 86400, TEST_NOW + 86400);
	X509_CRL *old =
		new_crl(milan.ark, milan.ark_key, -1, TEST_NOW - 2 * 86400, TEST_NOW - 86400);
	X509_CRL *vlek =
		new_crl(milan.asvk, milan.asvk_key, 77, TEST_NOW - 86400, TEST_NOW + 86400);
	X509_CRL *forged =
		new_crl(milan.ark, milan.ask_key, -1, TEST_NOW - 86400, TEST_NOW + 86400);
	struct verified got = run(&s);

	number_is(&got, "snp.revocation_checked", 0);
	cattest_result_free(got.result);
	s.crl = empty;
	got = run(&s);
	number_is(&got, "snp.revocation_checked", 1);
	expect_outcome("empty CRL", got, OUTCOME_GOOD, NULL);
	s.crl = ask;
	expect_run("ASK revoked", &s, OUTCOME_REFUSED, "snp.vek.crl");
	s.crl = asvk;
	expect_run("ASVK revoked, VCEK used", &s, OUTCOME_GOOD, NULL);
	s.crl = old;
	expect_run("old CRL", &s, OUTCOME_REFUSED, NULL);
	s.crl = forged;
	got = run(&s);
	number_is(&got, "snp.revocation_checked", 0);
	cattest_result_free(got.result);
	s = base_vlek_setup(&milan, 3, 0x1901);
	s.vek.serial = 77;
	s.crl = asvk;
	expect_run("ASVK revoked", &s, OUTCOME_REFUSED, "snp.vek.crl");
	s.crl = empty;
	s.crl2 = vlek;
	expect_run("VLEK revoked", &s, OUTCOME_REFUSED, "snp.vek.crl");
	s.vek.serial = 78;
	expect_run("another VLEK revoked", &s, OUTCOME_GOOD, NULL);
	X509_CRL_free(empty);
	X509_CRL_free(ask);
	X509_CRL_free(asvk);
	X509_CRL_free(old);
	X509_CRL_free(vlek);
	X509_CRL_free(forged);
}

static void test_masked_chip(void)
{
	struct setup s = base(&milan, 3, 0x1901);

	memset(s.report + 0x1a0, 0, 64);
	expect_run("masked chip", &s, OUTCOME_GOOD, NULL);
	s.no_vek = true;
	expect_run("masked chip, no VCEK", &s, OUTCOME_MISSING, "snp.vek");
}

static void test_binding(void)
{
	struct setup s = base(&milan, 3, 0x1901);
	uint8_t wrong[64] = { 1 };

	s.expect = (struct cattest_expect){ .report_data = wrong, .report_data_size = 64 };
	expect_run("other report data", &s, OUTCOME_REFUSED, "report_data");
	memset(s.report + 0x50, 0, 64);
	memcpy(s.report + 0x50, "nonce", 5);
	s.expect = (struct cattest_expect){ .report_data = "nonce", .report_data_size = 5 };
	expect_run("short report data", &s, OUTCOME_GOOD, NULL);
	s.expect.report_data_size = 4;
	expect_run("shorter report data", &s, OUTCOME_REFUSED, "report_data");
}

/* Several certificates in the bag: the one of this chip and TCB is taken, whatever came along. */
static void test_choice(void)
{
	struct setup s = base(&milan, 3, 0x1901);
	struct cattest_verifier *v = new_verifier(milan.ark);
	struct test_vek t = s.vek;
	X509 *right = new_vek(&t, vek_key, milan.ask_key), *old, *foreign, *again;

	t.spl[3] = 23;
	old = new_vek(&t, other_key, milan.ask_key);
	t = s.vek;
	t.hwid[5] ^= 1;
	foreign = new_vek(&t, other_key, milan.ask_key);
	t = s.vek;
	t.until = TEST_NOW - 1;
	again = new_vek(&t, vek_key, milan.ask_key);
	sign_report(s.report, vek_key);
	add_cert(v, "ask", milan.ask);
	add_cert(v, "old", old);
	expect_outcome("VCEK of an older TCB", verify_bytes(v, s.report, SNP_REPORT_SIZE, NULL),
		       OUTCOME_REFUSED, "snp.tcb");
	add_cert(v, "foreign", foreign);
	expect_outcome("VCEK of an older TCB, another",
		       verify_bytes(v, s.report, SNP_REPORT_SIZE, NULL), OUTCOME_REFUSED,
		       "snp.tcb");
	add_cert(v, "expired", again);
	add_cert(v, "right", right);
	expect_outcome("the right one among several",
		       verify_bytes(v, s.report, SNP_REPORT_SIZE, NULL), OUTCOME_GOOD, NULL);
	X509_free(right);
	X509_free(old);
	X509_free(foreign);
	X509_free(again);
	cattest_verifier_free(v);
}

static void test_vlek_choice(void)
{
	struct setup s = base_vlek_setup(&milan, 3, 0x1901);
	struct cattest_verifier *v = new_verifier(milan.ark);
	struct test_vek t = s.vek;
	X509 *right, *other;
	struct verified got;

	t.csp_id = "CN=other.example";
	other = new_vek(&t, other_key, milan.asvk_key);
	right = new_vek(&s.vek, vek_key, milan.asvk_key);
	sign_report(s.report, vek_key);
	add_cert(v, "asvk", milan.asvk);
	add_cert(v, "other", other);
	add_cert(v, "right", right);
	got = verify_bytes(v, s.report, SNP_REPORT_SIZE, NULL);
	claim_is(&got, "snp.csp_id", "CN=cloud.example");
	expect_outcome("VLEK of two clouds", got, OUTCOME_GOOD, NULL);
	X509_free(right);
	X509_free(other);
	cattest_verifier_free(v);
}

/* --- Certificate table --- */

static const uint8_t guid_vcek[16] = { 0x8d, 0x75, 0xda, 0x63, 0x64, 0xe6, 0x64, 0x45,
				       0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd };
static const uint8_t guid_ask[16] = { 0x79, 0xb3, 0xb7, 0x4a, 0xac, 0xbb, 0xe4, 0x4f,
				      0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7, 0x82 };
static const uint8_t guid_ark[16] = { 0xa4, 0x06, 0xb4, 0xc0, 0x03, 0xa8, 0x52, 0x49,
				      0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0, 0xae };

struct table_part {
	const uint8_t *guid;
	struct der der;
};

static size_t build_table(uint8_t *out, const struct table_part *parts, size_t count)
{
	size_t at = 24 * (count + 1);

	memset(out, 0, at);
	for (size_t i = 0; i < count; i++) {
		memcpy(out + 24 * i, parts[i].guid, 16);
		put_le(out + 24 * i + 16, at, 4);
		put_le(out + 24 * i + 20, parts[i].der.size, 4);
		memcpy(out + at, parts[i].der.data, parts[i].der.size);
		at += parts[i].der.size;
	}
	return at;
}

static void test_table(void)
{
	struct setup s = base(&milan, 3, 0x1901);
	X509 *vek = new_vek(&s.vek, vek_key, milan.ask_key);
	struct table_part parts[3] = { { guid_vcek, cert_der(vek) },
				       { guid_ask, cert_der(milan.ask) },
				       { guid_ark, cert_der(milan.ark) } };
	uint8_t *buffer = malloc(65536), *table = buffer + SNP_REPORT_SIZE;
	struct cattest_verifier *v = new_verifier(milan.ark);
	size_t size;
	struct der forged;

	must(buffer, "memory");
	sign_report(s.report, vek_key);
	memcpy(buffer, s.report, SNP_REPORT_SIZE);
	size = SNP_REPORT_SIZE + build_table(table, parts, 3);
	expect_outcome("report and table", verify_bytes(v, buffer, size, NULL), OUTCOME_GOOD, NULL);
	/* Any order, and entries that nobody knows; a host may add its own (GHCB, 4.1.8.1). */
	{
		static const uint8_t unknown[16] = { 1, 2, 3 };
		struct table_part other[5] = { parts[2],
					       { unknown, parts[0].der },
					       parts[1],
					       { unknown, parts[1].der },
					       parts[0] };

		size = SNP_REPORT_SIZE + build_table(table, other, 5);
		expect_outcome("another order, unknown entries",
			       verify_bytes(v, buffer, size, NULL), OUTCOME_GOOD, NULL);
		size = SNP_REPORT_SIZE + build_table(table, parts, 3);
	}
	memset(buffer + size, 0, 4096);
	expect_outcome("table in a page", verify_bytes(v, buffer, size + 4096, NULL), OUTCOME_GOOD,
		       NULL);
	for (size_t cut = SNP_REPORT_SIZE + 1; cut < size; cut += 97)
		expect_outcome("table cut", verify_bytes(v, buffer, cut, NULL), OUTCOME_ERROR,
			       NULL);
	put_le(table + 16, 0xfffffff0, 4);
	expect_outcome("offset far away", verify_bytes(v, buffer, size, NULL), OUTCOME_ERROR, NULL);
	put_le(table + 16, 4, 4);
	expect_outcome("offset in the head", verify_bytes(v, buffer, size, NULL), OUTCOME_ERROR,
		       NULL);
	put_le(table + 16, 97, 4);
	expect_outcome("entries overlap", verify_bytes(v, buffer, size, NULL), OUTCOME_ERROR, NULL);
	put_le(table + 16, 96, 4);
	put_le(table + 20, 0, 4);
	expect_outcome("empty entry", verify_bytes(v, buffer, size, NULL), OUTCOME_ERROR, NULL);
	put_le(table + 20, 0xffffffff, 4);
	expect_outcome("size too large", verify_bytes(v, buffer, size, NULL), OUTCOME_ERROR, NULL);
	size = SNP_REPORT_SIZE + build_table(table, parts, 3);
	table[72 + 16] = 1;
	expect_outcome("last entry not zero", verify_bytes(v, buffer, size, NULL), OUTCOME_ERROR,
		       NULL);
	/* What came along cannot be read. */
	size = SNP_REPORT_SIZE + build_table(table, parts, 3);
	table[96] ^= 0xff;
	expect_outcome("VCEK that is none", verify_bytes(v, buffer, size, NULL), OUTCOME_ERROR,
		       NULL);
	/* A forged VCEK comes along: the key is the attacker's, and nobody certified it. */
	{
		X509 *mine = new_vek(&s.vek, other_key, genoa.ask_key);

		forged = cert_der(mine);
		X509_free(mine);
	}
	OPENSSL_free(parts[0].der.data);
	parts[0].der = forged;
	sign_report(s.report, other_key);
	memcpy(buffer, s.report, SNP_REPORT_SIZE);
	size = SNP_REPORT_SIZE + build_table(table, parts, 3);
	expect_outcome("forged VCEK", verify_bytes(v, buffer, size, NULL), OUTCOME_REFUSED,
		       "snp.vek.chain");
	memset(table, 0, 24);
	expect_outcome("empty table", verify_bytes(v, buffer, SNP_REPORT_SIZE + 24, NULL),
		       OUTCOME_MISSING, "snp.vek");
	for (size_t i = 0; i < 3; i++)
		OPENSSL_free(parts[i].der.data);
	free(buffer);
	X509_free(vek);
	cattest_verifier_free(v);
}

/* An old VCEK of the host's gives way to the right one of the collateral. */
static void test_stale_table(void)
{
	struct setup s = base(&milan, 3, 0x1901);
	struct test_vek t = s.vek;
	X509 *right = new_vek(&s.vek, vek_key, milan.ask_key), *old;
	struct cattest_verifier *v = new_verifier(milan.ark);
	struct table_part part;
	uint8_t *buffer = malloc(65536);
	size_t size;

	must(buffer, "memory");
	t.spl[3] = 20;
	old = new_vek(&t, other_key, milan.ask_key);
	part = (struct table_part){ guid_vcek, cert_der(old) };
	sign_report(s.report, vek_key);
	memcpy(buffer, s.report, SNP_REPORT_SIZE);
	size = SNP_REPORT_SIZE + build_table(buffer + SNP_REPORT_SIZE, &part, 1);
	add_cert(v, "ask", milan.ask);
	expect_outcome("stale VCEK", verify_bytes(v, buffer, size, NULL), OUTCOME_REFUSED,
		       "snp.tcb");
	add_cert(v, "right", right);
	expect_outcome("stale VCEK, right one given", verify_bytes(v, buffer, size, NULL),
		       OUTCOME_GOOD, NULL);
	OPENSSL_free(part.der.data);
	free(buffer);
	X509_free(right);
	X509_free(old);
	cattest_verifier_free(v);
}

static void test_response(void)
{
	struct setup s = base(&milan, 3, 0x1901);
	X509 *vek = new_vek(&s.vek, vek_key, milan.ask_key);
	struct cattest_verifier *v = new_verifier(milan.ark);
	uint8_t buffer[4000] = { 0 };

	sign_report(s.report, vek_key);
	put_le(buffer + 4, SNP_REPORT_SIZE, 4);
	memcpy(buffer + 0x20, s.report, SNP_REPORT_SIZE);
	add_cert(v, "ask", milan.ask);
	add_cert(v, "vek", vek);
	expect_outcome("answer", verify_bytes(v, buffer, sizeof(buffer), NULL), OUTCOME_GOOD, NULL);
	expect_outcome("short answer", verify_bytes(v, buffer, 0x20 + SNP_REPORT_SIZE, NULL),
		       OUTCOME_GOOD, NULL);
	expect_outcome("cut answer", verify_bytes(v, buffer, 0x20 + SNP_REPORT_SIZE - 1, NULL),
		       OUTCOME_ERROR, NULL);
	buffer[0] = 0x16;
	expect_outcome("status", verify_bytes(v, buffer, sizeof(buffer), NULL), OUTCOME_ERROR,
		       NULL);
	buffer[0] = 0;
	buffer[3999] = 1;
	expect_outcome("something behind it", verify_bytes(v, buffer, sizeof(buffer), NULL),
		       OUTCOME_ERROR, NULL);
	X509_free(vek);
	cattest_verifier_free(v);
}

/* --- A fetcher that is KDS --- */

struct kds {
	struct der vek, crl;
	char *chain;
	char asked[8][512];
	unsigned count;
	bool no_crl;
};

static int kds_get(void *context, const char *url, uint8_t **ret_body, size_t *ret_size,
		   char **ret_chain, struct cattest_error *err)
{
	struct kds *k = context;
	struct der body = { NULL, 0 };

	snprintf(k->asked[k->count++ % 8], sizeof(k->asked[0]), "%s", url);
	if (strstr(url, "cert_chain"))
		body = (struct der){ (uint8_t *)k->chain, strlen(k->chain) };
	else if (strstr(url, "/crl") && !k->no_crl)
		body = k->crl;
	else if (strstr(url, "blSPL=4") && strstr(url, "teeSPL=1") && strstr(url, "snpSPL=24") &&
		 strstr(url, "ucodeSPL=219"))
		body = k->vek;
	if (ret_chain)
		*ret_chain = NULL;
	if (!body.size) {
		snprintf(err->text, sizeof(err->text), "not found");
		return -ENOENT;
	}
	*ret_body = malloc(body.size);
	must(*ret_body, "memory");
	memcpy(*ret_body, body.data, body.size);
	*ret_size = body.size;
	return 0;
}

static char *pem_of(X509 *a, X509 *b)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text, *copy;
	long size;

	must(bio && PEM_write_bio_X509(bio, a) == 1 && PEM_write_bio_X509(bio, b) == 1, "PEM");
	size = BIO_get_mem_data(bio, &text);
	copy = calloc(1, (size_t)size + 1);
	must(copy, "memory");
	memcpy(copy, text, (size_t)size);
	BIO_free(bio);
	return copy;
}

/* AMD 57230, chapter 4: /vcek/v1/{product}/{hwid}?blSPL=... */
static void expect_url(const struct kds *k, unsigned index)
{
	char expected[512] = "https://kdsintf.amd.com/vcek/v1/Milan/",
	     *at = expected + strlen(expected);

	for (size_t i = 0; i < sizeof(chip); i++)
		at += snprintf(at, 3, "%02x", chip[i]);
	snprintf(at, 64, "?blSPL=4&teeSPL=1&snpSPL=24&ucodeSPL=219");
	EXPECT(!strcmp(k->asked[index], expected), "%s, expected %s", k->asked[index], expected);
}

/*
 * A VLEK is not to be had from KDS, its chain and list are: from /vlek/v1/, where another key signs. (The fetcher here answers for any path, so the
 * paths are looked at.)
 */
static void test_fetcher_vlek(void)
{
	static const char *const paths[] = {
		"https://kdsintf.amd.com/vlek/v1/Milan/cert_chain",
		"https://kdsintf.amd.com/vlek/v1/Milan/crl",
	};
	struct setup s = base_vlek_setup(&milan, 3, 0x1901);
	X509 *vlek = new_vek(&s.vek, vek_key, milan.asvk_key);
	X509_CRL *crl = new_crl(milan.ark, milan.ark_key, -1, TEST_NOW - 86400, TEST_NOW + 86400);
	struct kds k = { .vek = cert_der(vlek), .chain = pem_of(milan.asvk, milan.ark) };
	struct cattest_fetcher fetcher = { .context = &k, .get = kds_get };
	struct cattest_verifier *v = new_verifier(milan.ark);
	const struct cattest_check *missing;
	struct verified got;

	k.crl.size = (size_t)i2d_X509_CRL(crl, &k.crl.data);
	sign_report(s.report, vek_key);
	cattest_set_fetcher(v, &fetcher);
	got = verify_bytes(v, s.report, SNP_REPORT_SIZE, NULL);
	missing = got.result ? find_check(got.result, "snp.vek", CATTEST_MISSING) : NULL;
	EXPECT(missing && strstr(missing->found, "gives it to its cloud alone"), "%s",
	       missing ? missing->found : "no check");
	EXPECT(!k.count, "%u requests for what cannot be had", k.count);
	expect_outcome("no VLEK", got, OUTCOME_MISSING, "snp.vek");
	add_cert(v, "vlek", vlek);
	expect_outcome("VLEK given, the rest from KDS",
		       verify_bytes(v, s.report, SNP_REPORT_SIZE, NULL), OUTCOME_GOOD, NULL);
	EXPECT(k.count == 2, "%u requests", k.count);
	for (size_t i = 0; i < 2; i++)
		EXPECT(!strcmp(k.asked[i], paths[i]), "%s", k.asked[i]);
	cattest_verifier_free(v);
	OPENSSL_free(k.vek.data);
	OPENSSL_free(k.crl.data);
	free(k.chain);
	X509_CRL_free(crl);
	X509_free(vlek);
}

static void test_product_names(void)
{
	static const char *const names[] = { "Genoa-B1", "Bergamo", "Siena", "Siena-B0" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct setup s = base(&genoa, 3, 0x19a0);

		s.vek.product = names[i];
		expect_run(names[i], &s, OUTCOME_GOOD, NULL);
	}
	for (size_t i = 0; i < 2; i++) {
		struct setup s = base(&genoa, 3, 0x19a0);

		s.vek.product = i ? "Sienax" : "Rome";
		expect_run(s.vek.product, &s, OUTCOME_MISSING, "snp.vek");
	}
}

static void test_fetcher(void)
{
	struct setup s = base(&milan, 3, 0x1901);
	X509 *vek = new_vek(&s.vek, vek_key, milan.ask_key);
	X509_CRL *crl = new_crl(milan.ark, milan.ark_key, -1, TEST_NOW - 86400, TEST_NOW + 86400);
	struct kds k = { .vek = cert_der(vek), .chain = pem_of(milan.ask, milan.ark) };
	struct cattest_fetcher fetcher = { .context = &k, .get = kds_get };
	struct cattest_verifier *v = new_verifier(milan.ark);

	k.crl.size = (size_t)i2d_X509_CRL(crl, &k.crl.data);
	sign_report(s.report, vek_key);
	cattest_set_fetcher(v, &fetcher);
	expect_outcome("all from KDS", verify_bytes(v, s.report, SNP_REPORT_SIZE, NULL),
		       OUTCOME_GOOD, NULL);
	EXPECT(k.count == 3, "%u requests", k.count);
	expect_url(&k, 0);
	expect_outcome("again", verify_bytes(v, s.report, SNP_REPORT_SIZE, NULL), OUTCOME_GOOD,
		       NULL);
	EXPECT(k.count == 3, "%u requests", k.count);
	cattest_verifier_free(v);

	v = new_verifier(milan.ark);
	k.no_crl = true;
	cattest_set_fetcher(v, &fetcher);
	expect_outcome("no CRL from KDS", verify_bytes(v, s.report, SNP_REPORT_SIZE, NULL),
		       OUTCOME_MISSING, "snp.revocation");
	cattest_verifier_free(v);

	v = new_verifier(milan.ark);
	k.no_crl = false;
	cattest_set_fetcher(v, &fetcher);
	s.report[0x180] = 3;
	sign_report(s.report, vek_key);
	expect_outcome("KDS has no such VCEK", verify_bytes(v, s.report, SNP_REPORT_SIZE, NULL),
		       OUTCOME_MISSING, "snp.vek");
	cattest_verifier_free(v);

	v = new_verifier(milan.ark);
	s = base(&milan, 2, 0);
	sign_report(s.report, vek_key);
	cattest_set_fetcher(v, &fetcher);
	expect_outcome("version 2 from KDS", verify_bytes(v, s.report, SNP_REPORT_SIZE, NULL),
		       OUTCOME_GOOD, NULL);
	cattest_verifier_free(v);

	OPENSSL_free(k.vek.data);
	OPENSSL_free(k.crl.data);
	free(k.chain);
	X509_CRL_free(crl);
	X509_free(vek);
}

/* --- JSON --- */

static void json_of_bytes(char *out, size_t room, const uint8_t *data, size_t size)
{
	size_t at = (size_t)snprintf(out, room, "[");

	for (size_t i = 0; i < size; i++)
		at += (size_t)snprintf(out + at, room - at, "%s%u", i ? "," : "", data[i]);
	snprintf(out + at, room - at, "]");
}

static void test_json(void)
{
	struct setup s = base(&milan, 3, 0x1901);
	X509 *vek = new_vek(&s.vek, vek_key, milan.ask_key);
	struct der d = cert_der(vek);
	struct cattest_verifier *v = new_verifier(milan.ark);
	char hex[2 * SNP_REPORT_SIZE + 1], *text = malloc(65536), *cert = malloc(16384);
	static const char *const bad[] = {
		"{\"attestation_report\":7}",
		"{\"attestation_report\":{},\"cert_chain\":{},\"serial_number\":\"1\"}",
		"{\"attestation_report\":\"\"}",
		"{\"attestation_report\":{\"version\":3,\"version\":3}}",
		"{\"attestation_report\":{\"version\":-1}}",
		"{\"attestation_report\":{\"version\":4294967296}}",
		"{\"attestation_report\":{\"version\":3,\"unheard_of\":1}}",
		"{\"attestation_report\":{\"version\":3,\"chip_id\":[1,2]}}",
		"{\"attestation_report\":{\"version\":3,\"chip_id\":[256]}}",
		"{\"attestation_report\":{\"version\":3,\"current_tcb\":5}}",
		"{\"attestation_report\":{\"version\":3,\"current_tcb\":{\"bootloader\":256}}}",
		"{\"attestation_report\":{\"version\":3,\"_reserved_0\":1}}",
		"{\"attestation_report\":{\"version\":3},\"cert_chain\":{}}",
		"{\"attestation_report\":{\"version\":3},\"cert_chain\":[7]}",
		"{\"attestation_report\":{\"version\":3},\"more\":[7]}",
		"{\"attestation_report\":{\"version\":3}",
		"{\"attestation_report\":{\"version\":3}}x",
		"[[[[[[[[[[[[[[[[[[[[\"attestation_report\"]]]]]]]]]]]]]]]]]]]]",
	};

	must(text && cert, "memory");
	sign_report(s.report, vek_key);
	for (size_t i = 0; i < SNP_REPORT_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", s.report[i]);
	json_of_bytes(cert, 16384, d.data, d.size);
	add_cert(v, "ask", milan.ask);
	snprintf(
		text, 65536,
		"{\"attestation_report\":\"%s\",\"cert_chain\":[{\"cert_type\":\"VCEK\",\"data\":%s}]}",
		hex, cert);
	expect_outcome("JSON", verify_bytes(v, text, strlen(text), NULL), OUTCOME_GOOD, NULL);
	snprintf(
		text, 65536,
		" \n{\"cert_chain\":[{\"cert_type\":\"VLEK\",\"data\":%s}],\"attestation_report\":\"%s\"}",
		cert, hex);
	expect_outcome("VCEK called a VLEK", verify_bytes(v, text, strlen(text), NULL),
		       OUTCOME_MISSING, "snp.vek");
	snprintf(text, 65536, "{\"attestation_report\":\"%s\",\"cert_chain\":null}", hex);
	expect_outcome("JSON without certificates", verify_bytes(v, text, strlen(text), NULL),
		       OUTCOME_MISSING, "snp.vek");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_outcome(bad[i], verify_bytes(v, bad[i], strlen(bad[i]), NULL), OUTCOME_ERROR,
			       NULL);
	OPENSSL_free(d.data);
	free(text);
	free(cert);
	X509_free(vek);
	cattest_verifier_free(v);
}

/* The kind of key changed after signing: the key that signed is there, so nothing is missing. */
static void test_signing_key(void)
{
	for (int vlek = 0; vlek < 2; vlek++) {
		struct setup s = vlek ? base_vlek_setup(&milan, 3, 0x1901)
				      : base(&milan, 3, 0x1901);

		if (vlek)
			memcpy(s.report + 0x1a0, chip, sizeof(chip));
		sign_report(s.report, vek_key);
		s.unsigned_report = true;
		expect_run("as signed", &s, OUTCOME_GOOD, NULL);
		s.report[0x048] ^= 1 << 2;
		expect_run("SIGNING_KEY changed", &s, OUTCOME_REFUSED, "snp.vek");
		/* Without that key nobody can tell. */
		s.no_vek = true;
		expect_run("SIGNING_KEY changed, no key", &s, OUTCOME_MISSING, "snp.vek");
		/* A key of the other kind that did not sign says nothing either. */
		s.no_vek = false;
		s.report[0x050] ^= 1;
		expect_run("another report", &s, OUTCOME_MISSING, "snp.vek");
	}
}

/* Names of entries of a cert_chain. */
static void test_json_entries(void)
{
	static const struct {
		const char *name, *entry;
		enum outcome outcome;
	} cases[] = {
		{ "one of its own", "{\"cert_type\":{\"OTHER\":\"1-2\"},\"data\":[1]}",
		  OUTCOME_MISSING },
		{ "an empty one", "{\"cert_type\":\"Empty\",\"data\":[]}", OUTCOME_MISSING },
		{ "a name that is not known", "{\"cert_type\":\"VBEK\",\"data\":[1]}",
		  OUTCOME_ERROR },
		{ "no name", "{\"bert_type\":\"VCEK\",\"data\":[1]}", OUTCOME_ERROR },
		{ "a number", "{\"cert_type\":7,\"data\":[1]}", OUTCOME_ERROR },
		{ "more members", "{\"cert_type\":\"ASK\",\"data\":[1],\"x\":1}", OUTCOME_ERROR },
		{ "bytes with blanks",
		  "{\"cert_type\":\"Empty\",\"data\":[ 1 ,2,3,4,5,6,7,8,\n9,10,11,12,13,14,15,16,255 ]}",
		  OUTCOME_MISSING },
		{ "a byte too large",
		  "{\"cert_type\":\"Empty\",\"data\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,256]}",
		  OUTCOME_ERROR },
		{ "a byte with a zero before it",
		  "{\"cert_type\":\"Empty\",\"data\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,01]}",
		  OUTCOME_ERROR },
		{ "a comma too many",
		  "{\"cert_type\":\"Empty\",\"data\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,]}",
		  OUTCOME_ERROR },
		{ "what bytes are packed as",
		  "{\"cert_type\":\"Empty\",\"data\":\"\x7f"
		  "0011223344556677\"}",
		  OUTCOME_ERROR },
		{ "the same, escaped",
		  "{\"cert_type\":\"Empty\",\"data\":\"\\u007f0011223344556677\"}", OUTCOME_ERROR },
		{ "an unknown object", "{\"cert_type\":{\"OTHR\":\"1\"},\"data\":[1]}",
		  OUTCOME_ERROR },
	};
	struct cattest_verifier *v = new_verifier(milan.ark);
	struct setup s = base(&milan, 3, 0x1901);
	char hex[2 * SNP_REPORT_SIZE + 1], text[4096];

	sign_report(s.report, vek_key);
	for (size_t i = 0; i < SNP_REPORT_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", s.report[i]);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "{\"attestation_report\":\"%s\",\"cert_chain\":[%s]}",
			 hex, cases[i].entry);
		expect_outcome(cases[i].name, verify_bytes(v, text, strlen(text), NULL),
			       cases[i].outcome, NULL);
	}
	cattest_verifier_free(v);
}

/* Every byte of a signed report, and every prefix. */
static void test_mutations(void)
{
	struct setup s = base(&milan, 3, 0x1901);
	X509 *vek = new_vek(&s.vek, vek_key, milan.ask_key);
	struct cattest_verifier *v = new_verifier(milan.ark);
	unsigned accepted = 0;

	sign_report(s.report, vek_key);
	add_cert(v, "ask", milan.ask);
	add_cert(v, "vek", vek);
	for (size_t i = 0; i < SNP_REPORT_SIZE; i++) {
		struct verified got;

		s.report[i] ^= 0x41;
		got = verify_bytes(v, s.report, SNP_REPORT_SIZE, NULL);
		accepted += got.outcome == OUTCOME_GOOD;
		cattest_result_free(got.result);
		s.report[i] ^= 0x41;
		if (i % 8 == 0) {
			got = verify_bytes(v, s.report, i, NULL);
			accepted += got.outcome != OUTCOME_ERROR;
			cattest_result_free(got.result);
		}
	}
	EXPECT(!accepted, "%u mutations accepted", accepted);
	X509_free(vek);
	cattest_verifier_free(v);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(chip); i++)
		chip[i] = (uint8_t)(0x40 + i);
	pki_init(&milan, "Milan");
	pki_init(&genoa, "Genoa");
	pki_init(&turin, "Turin");
	vek_key = new_p384();
	other_key = new_p384();
	test_good();
	test_report_fields();
	test_versions();
	test_signature();
	test_vek();
	test_path();
	test_unknown_root();
	test_revocation();
	test_masked_chip();
	test_binding();
	test_choice();
	test_vlek_choice();
	test_table();
	test_stale_table();
	test_response();
	test_fetcher();
	test_fetcher_vlek();
	test_product_names();
	test_json();
	test_json_entries();
	test_signing_key();
	test_mutations();
	EVP_PKEY_free(vek_key);
	EVP_PKEY_free(other_key);
	pki_done(&milan);
	pki_done(&genoa);
	pki_done(&turin);
	return test_report("snp_synthetic_test");
}
