// SPDX-License-Identifier: Apache-2.0
/*
 * The structures that are only decoded: each with the values that were put into it, refused where its size, header or reserved bytes are wrong; and
 * TCB infos and identities of our own PKI as people would dump them.
 */
#include "attest/core/result.h"
#include "attest/dcap/dcap.h"
#include "tests/evidence/dcap_synthetic.c"

static int failures;

static void check(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "%s\n", what);
		failures++;
	}
}

/* NULL: refused. By the type itself, so that this does not depend on the list of types. */
static struct cattest_result *decode(const struct evidence_type *type, const void *data,
				     size_t size)
{
	struct cattest_expect expect = { 0 };
	struct cattest_error err = { "" };
	struct cattest_result *r = result_new();
	struct appraisal a = { .result = r,
			       .err = &err,
			       .evidence = SPAN(data, size),
			       .expect = &expect,
			       .decode_only = true };

	if (type->appraise(&a, a.evidence) || result_state(r, &err)) {
		cattest_result_free(r);
		return NULL;
	}
	return r;
}

static bool number(const struct cattest_result *r, const char *name, uint64_t value)
{
	const struct cattest_claim *c = cattest_result_find(r, name);

	return c && c->number == value;
}

static bool bytes(const struct cattest_result *r, const char *name, const void *value, size_t size)
{
	const struct cattest_claim *c = cattest_result_find(r, name);

	return c && c->size == size && !memcmp(c->bytes, value, size);
}

static void refused(const struct evidence_type *type, uint8_t *data, size_t size, size_t at,
		    const char *what)
{
	struct cattest_result *r;

	data[at] ^= 0x80;
	r = decode(type, data, size);
	check(!r && !type->detect(SPAN(data, size)), what);
	cattest_result_free(r);
	data[at] ^= 0x80;
}

static void report_body(uint8_t body[384])
{
	memset(body, 0, 384);
	memset(body, 0x0c, 16);
	body[48] = 7; /* INIT, DEBUG, MODE64 */
	memset(body + 64, 0xe1, 32);
	memset(body + 128, 0x51, 32);
	body[256] = 3;
	body[258] = 4;
	memset(body + 320, 0xda, 64);
}

static void sgx_report(void)
{
	uint8_t report[432];
	struct cattest_result *r;

	memset(report, 0x77, sizeof(report));
	report_body(report);
	for (size_t size = 384; size <= 432; size += 48) {
		r = decode(&sgx_report_type, report, size);
		check(r && sgx_report_type.detect(SPAN(report, size)) &&
			      bytes(r, "sgx.mrenclave", report + 64, 32) &&
			      bytes(r, "sgx.mrsigner", report + 128, 32) &&
			      number(r, "sgx.isvprodid", 3) && number(r, "sgx.isvsvn", 4) &&
			      number(r, "debug", 1) && bytes(r, "report_data", report + 320, 64),
		      "SGX report");
		check(r && bytes(r, "sgx.report.mac", report + 416, 16) == (size == 432),
		      "SGX report: MAC");
		cattest_result_free(r);
	}
	refused(&sgx_report_type, report, sizeof(report), 100, "SGX report with reserved bytes");
	check(!decode(&sgx_report_type, report, 431), "SGX report cut off");
}

static void sgx_targetinfo(void)
{
	uint8_t info[512] = { 0 };
	struct cattest_result *r;

	memset(info, 0xe1, 32);
	info[32] = 5;
	info[50] = 9;
	memset(info + 64, 0xc0, 64);
	r = decode(&sgx_targetinfo_type, info, sizeof(info));
	check(r && bytes(r, "sgx.mrenclave", info, 32) && number(r, "sgx.configsvn", 9) &&
		      number(r, "debug", 0) && bytes(r, "sgx.configid", info + 64, 64),
	      "TARGETINFO");
	cattest_result_free(r);
	refused(&sgx_targetinfo_type, info, sizeof(info), 511, "TARGETINFO with reserved bytes");
}

static void sgx_sigstruct(void)
{
	static const uint8_t header[16] = { 6, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1 };
	static const uint8_t header2[16] = { 1, 1, 0, 0, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 1 };
	uint8_t s[1808] = { 0 }, mrsigner[32];
	struct cattest_result *r;

	memcpy(s, header, 16);
	memcpy(s + 24, header2, 16);
	memcpy(s + 20, (const uint8_t[]){ 0x31, 0x12, 0x24, 0x20 }, 4); /* 2024-12-31 */
	memset(s + 128, 0x9d, 384);
	s[512] = 3;
	s[928] = 4;
	memset(s + 944, 0xff, 16);
	memset(s + 960, 0xe1, 32);
	s[1024] = 5;
	s[1026] = 6;
	SHA256(s + 128, 384, mrsigner);
	r = decode(&sgx_sigstruct_type, s, sizeof(s));
	check(r && sgx_sigstruct_type.detect(SPAN(s, sizeof(s))) &&
		      bytes(r, "sgx.mrsigner", mrsigner, 32) &&
		      bytes(r, "sgx.mrenclave", s + 960, 32) && number(r, "sgx.isvprodid", 5) &&
		      number(r, "sgx.isvsvn", 6) && number(r, "sgx.sigstruct.date", 1735603200) &&
		      number(r, "sgx.sigstruct.exponent", 3) && number(r, "debug", 0),
	      "SIGSTRUCT");
	cattest_result_free(r);
	s[944] = 0xfd; /* the mask leaves DEBUG open */
	r = decode(&sgx_sigstruct_type, s, sizeof(s));
	check(r && number(r, "debug", 1), "SIGSTRUCT that allows debugging");
	cattest_result_free(r);
	refused(&sgx_sigstruct_type, s, sizeof(s), 4, "SIGSTRUCT with another header");
	s[1030] = 1;
	check(!decode(&sgx_sigstruct_type, s, sizeof(s)), "SIGSTRUCT with reserved bytes");
}

static void sgx_einittoken(void)
{
	uint8_t t[304] = { 1 };
	struct cattest_result *r;

	t[48] = 5;
	memset(t + 64, 0xe1, 32);
	memset(t + 128, 0x51, 32);
	t[208] = 1;
	t[210] = 2;
	r = decode(&sgx_einittoken_type, t, sizeof(t));
	check(r && number(r, "sgx.einittoken.valid", 1) && bytes(r, "sgx.mrsigner", t + 128, 32) &&
		      number(r, "sgx.isvsvn", 2),
	      "EINITTOKEN");
	cattest_result_free(r);
	refused(&sgx_einittoken_type, t, sizeof(t), 130 + 40, "EINITTOKEN with reserved bytes");
}

static void tdx_report(void)
{
	uint8_t t[1024] = { 0x81 };
	struct cattest_result *r;

	memset(t + 128, 0xda, 64);
	t[256 + 8] = 5;
	t[256 + 9] = 1;
	memset(t + 256 + 24, 0xa0, 48);
	t[512 + 3] = 0x10; /* SEPT_VE_DISABLE */
	memset(t + 512 + 16, 0xd0, 48);
	memset(t + 512 + 208, 0xb0, 192);
	SHA384(t + 256, 239, t + 32);
	SHA384(t + 512, 512, t + 80);
	r = decode(&tdx_report_type, t, sizeof(t));
	check(r && tdx_report_type.detect(SPAN(t, sizeof(t))) &&
		      number(r, "tdx.report.consistent", 1) &&
		      bytes(r, "tdx.mrtd", t + 512 + 16, 48) &&
		      bytes(r, "tdx.rtmr.3", t + 512 + 208, 48) &&
		      number(r, "tdx.sept_ve_disable", 1) && number(r, "tdx.module_version", 1) &&
		      bytes(r, "report_data", t + 128, 64),
	      "TDREPORT");
	cattest_result_free(r);
	t[512 + 100] ^= 1;
	r = decode(&tdx_report_type, t, sizeof(t));
	check(r && number(r, "tdx.report.consistent", 0), "TDREPORT with another hash");
	cattest_result_free(r);
	refused(&tdx_report_type, t, sizeof(t), 200, "TDREPORT with reserved bytes");
}

static void json(void)
{
	struct dcap_synthetic s;
	struct cattest_result *r;
	const struct cattest_claim *levels;
	char *short_signature;

	dcap_synthetic_init(&s);
	s.version = 5;
	s.body_type = 3;
	dcap_synthetic_build(&s);
	r = decode(&tcb_info_type, s.tcb_info, strlen(s.tcb_info));
	levels = r ? cattest_result_find(r, "intel.levels") : NULL;
	check(r && levels && levels->size == 2 &&
		      strstr(levels->strings[0], "UpToDate, 2023-11-14 INTEL-SA-00001") &&
		      number(r, "tcb.evaluation_number", 17) &&
		      number(r, "intel.next_update", (uint64_t)s.tcb_until),
	      "TCB info");
	cattest_result_free(r);
	r = decode(&qe_identity_type, s.qe_identity, strlen(s.qe_identity));
	check(r && bytes(r, "sgx.mrsigner", qe_mrsigner, 32) && number(r, "sgx.isvprodid", 2),
	      "QE identity");
	cattest_result_free(r);
	check(tcb_info_type.detect(SPAN(s.tcb_info, strlen(s.tcb_info))) &&
		      !qe_identity_type.detect(SPAN(s.tcb_info, strlen(s.tcb_info))) &&
		      qe_identity_type.detect(SPAN(s.qe_identity, strlen(s.qe_identity))) &&
		      !tcb_info_type.detect(SPAN(s.qe_identity, strlen(s.qe_identity))),
	      "JSON is recognized");
	short_signature = strstr(s.tcb_info, "\"signature\":\"") + 13;
	memmove(short_signature, short_signature + 2, strlen(short_signature) - 1);
	check(!decode(&tcb_info_type, s.tcb_info, strlen(s.tcb_info)),
	      "TCB info with a short signature");
	dcap_synthetic_done(&s);
}

static void nested(void)
{
	char text[4096];
	size_t n = 0;

	n += (size_t)snprintf(text, sizeof(text), "{\"tcbInfo\":");
	while (n < 3000)
		text[n++] = '[';
	text[n] = 0;
	check(!decode(&tcb_info_type, text, n), "JSON that is nested deeply");
}

int main(void)
{
	sgx_report();
	sgx_targetinfo();
	sgx_sigstruct();
	sgx_einittoken();
	tdx_report();
	json();
	nested();
	printf("%s\n", failures ? "failed" : "ok");
	return failures ? 1 : 0;
}
