/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging evidence "sim". Two forms: the bare struct evidence_sim, and the one inside the outer
 * form of an SGX quote, where the report must say exactly what the enclave's report body says.
 * Every byte is either signed or has one allowed value.
 */
#include "attest/sim/sim.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "abi/report.h is read in place");

/* How far a signer's clock may be ahead of the time judged at. */
#define CLOCK_TOLERANCE 300

static const struct {
	uint32_t platform;
	const char *name;
} platforms[] = {
	{ REPORT_PLATFORM_PROCESS, "process" },
	{ REPORT_PLATFORM_VM, "vm" },
	{ REPORT_PLATFORM_HOSTED, "hosted" },
	{ REPORT_PLATFORM_SGX, "sgx-simulation" },
};

const char *sim_platform_name(uint32_t platform)
{
	for (size_t i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++)
		if (platforms[i].platform == platform)
			return platforms[i].name;
	return NULL;
}

uint32_t sim_platform_of_name(const char *name)
{
	for (size_t i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++)
		if (!strcmp(platforms[i].name, name))
			return platforms[i].platform;
	return 0;
}

static const uint8_t sim_vendor[16] = REPORT_VENDOR_SIM;

static bool is_quote_form(struct span in)
{
	return in.size > REPORT_QUOTE_PREFIX &&
	       !memcmp(in.data + offsetof(struct report_quote_head, vendor), sim_vendor,
		       sizeof(sim_vendor));
}

static bool sim_detect(struct span in)
{
	static const uint64_t magic = REPORT_SIM_MAGIC;

	return span_starts(in, &magic, sizeof(magic)) || is_quote_form(in);
}

/* The outer form: gives the evidence inside. */
static int unwrap(struct appraisal *a, struct span in, struct span *ret_inner)
{
	struct report_quote_head head, expected = { .version = 3,
						    .key_type = REPORT_QUOTE_KEY_TYPE,
						    .vendor = REPORT_VENDOR_SIM };
	uint32_t size;

	memcpy(&head, in.data, sizeof(head));
	if (in.size != SIM_QUOTE_SIZE)
		return fail(a->err, -EBADMSG, "sim quote: %zu bytes, must be %zu", in.size,
			    (size_t)SIM_QUOTE_SIZE);
	if (memcmp(&head, &expected, sizeof(head)))
		return fail(a->err, -EBADMSG,
			    "sim quote: its head is not the one of a simulated quote");
	memcpy(&size, in.data + REPORT_QUOTE_PREFIX, sizeof(size));
	if (size != sizeof(struct evidence_sim))
		return fail(a->err, -EBADMSG, "sim quote: holds %u bytes of evidence, must be %zu",
			    size, sizeof(struct evidence_sim));
	*ret_inner = SPAN(in.data + REPORT_QUOTE_PREFIX + 4, sizeof(struct evidence_sim));
	return 0;
}

static int parse(struct appraisal *a, struct span in, struct evidence_sim *ret)
{
	const struct report_sim *r = &ret->report;

	if (in.size != sizeof(*ret))
		return fail(a->err, -EBADMSG, "sim evidence: %zu bytes, must be %zu", in.size,
			    sizeof(*ret));
	memcpy(ret, in.data, sizeof(*ret));
	if (r->magic != REPORT_SIM_MAGIC)
		return fail(a->err, -EBADMSG, "sim evidence: not a sim report");
	if (r->version != REPORT_SIM_VERSION)
		return fail(a->err, -ENOTSUP,
			    "sim evidence: report version %u is not known (known: %d)", r->version,
			    REPORT_SIM_VERSION);
	if (r->size != sizeof(*r))
		return fail(a->err, -EBADMSG, "sim evidence: report of %u bytes, must be %zu",
			    r->size, sizeof(*r));
	if (!sim_platform_name(r->platform))
		return fail(a->err, -ENOTSUP, "sim evidence: platform %u is not known",
			    r->platform);
	if (r->reserved0 || !span_is_zero(SPAN_OF(r->reserved)))
		return fail(a->err, -EBADMSG, "sim evidence: reserved bytes are not zero");
	if (r->attributes & ~REPORT_ATTRIBUTE_DEBUG)
		return fail(a->err, -ENOTSUP,
			    "sim evidence: attributes 0x%llx hold bits that are not known",
			    (unsigned long long)r->attributes);
	return 0;
}

static void state_claims(struct appraisal *a, const struct report_sim *r)
{
	claim_bool(a, "debug", r->attributes & REPORT_ATTRIBUTE_DEBUG);
	claim_string(a, "sim.platform", sim_platform_name(r->platform));
	claim_bytes(a, "sim.measurement", SPAN_OF(r->measurement));
	claim_bytes(a, "sim.signer", SPAN_OF(r->signer));
	claim_uint(a, "sim.product", r->product);
	claim_uint(a, "sim.security_version", r->security_version);
	claim_bytes(a, "sim.config", SPAN_OF(r->config));
	claim_time(a, "sim.time", r->time);
	claim_time(a, "evidence.time", r->time);
}

/* The added key whose id the evidence names; *ret_count: how many keys there are at all. */
static EVP_PKEY *find_key(struct appraisal *a, const uint8_t id[32], size_t *ret_count)
{
	EVP_PKEY *key, *found = NULL;
	size_t i;

	for (i = 0; (key = verifier_root_key(a->verifier, CATTEST_ROOT_SIM, i)); i++) {
		uint8_t *der = NULL, hash[32];
		int size = i2d_PUBKEY(key, &der);

		if (size > 0 && !digest("SHA256", &SPAN(der, (size_t)size), 1, hash, NULL) &&
		    bytes_equal(hash, id, 32))
			found = key;
		OPENSSL_free(der);
	}
	*ret_count = i;
	return found;
}

static void judge_signature(struct appraisal *a, const struct evidence_sim *e)
{
	char id[2 * sizeof(e->key_id) + 1];
	size_t count;
	EVP_PKEY *key = find_key(a, e->key_id, &count);

	hex_text(SPAN_OF(e->key_id), id, sizeof(id));
	if (!count) {
		check_missing(
			a, "sim.signer",
			"no key of a sim signer is trusted: add the public key with id %s, if it is yours",
			id);
		return;
	}
	if (!key) {
		check_fail(a, "sim.signer", "one of the sim signers trusted", "signer %s", id);
		return;
	}
	check_pass(a, "sim.signer", "%s", id);
	claim_string(a, "root", "custom");
	check_that(a,
		   ecdsa_verify(key, "SHA256", SPAN(e, EVIDENCE_SIM_SIGNED), SPAN_OF(e->signature)),
		   "sim.signature", "ECDSA P-256 by the signer", "report signed by %s", id);
}

static void judge_time(struct appraisal *a, int64_t time)
{
	char found[32], limit[32];
	int64_t latest;

	if (__builtin_add_overflow(a->now, CLOCK_TOLERANCE, &latest))
		latest = INT64_MAX;
	time_text(time, found);
	check_that(a, time <= latest, "sim.time", time_text(latest, limit), "signed at %s", found);
}

static int sim_appraise(struct appraisal *a, struct span in)
{
	bool quote_form = is_quote_form(in);
	struct report_sim of_body;
	struct span inner = in;
	struct evidence_sim e;
	int rc = 0;

	if (quote_form)
		rc = unwrap(a, in, &inner);
	if (!rc)
		rc = parse(a, inner, &e);
	if (!rc && quote_form && sim_report_of_sgx(in.data, &of_body))
		rc = fail(a->err, -ENOMEM, "out of memory");
	if (rc)
		return rc;
	state_claims(a, &e.report);
	if (a->decode_only) {
		claim_bytes(a, "report_data", SPAN_OF(e.report.report_data));
		return 0;
	}
	check_note(a, "sim.simulated", "the host that runs this platform can forge its evidence");
	judge_signature(a, &e);
	if (quote_form) {
		of_body.time = e.report.time;
		check_that(a, bytes_equal(&of_body, &e.report, sizeof(of_body)), "sim.body",
			   "what the signed report says", "the enclave's report body");
	} else {
		check_that(a, e.report.platform != REPORT_PLATFORM_SGX, "sim.body",
			   "an enclave's report body", "platform %s",
			   sim_platform_name(e.report.platform));
	}
	judge_time(a, e.report.time);
	check_report_data(a, SPAN_OF(e.report.report_data));
	return 0;
}

const struct evidence_type sim_type = {
	.name = "sim",
	.meaning = "report of a platform that its host can read and change, signed by that host",
	.detect = sim_detect,
	.appraise = sim_appraise,
};
