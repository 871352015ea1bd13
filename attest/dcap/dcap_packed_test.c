// SPDX-License-Identifier: Apache-2.0
/*
 * Evidence and collateral as others pack them, around a quote of the synthetic PKI: Open Enclave's report and evidence headers and its
 * endorsements, collateral in JSON as programs in Go write it and as Intel's MigTD spells it. Each verifies to the end; each prefix of the
 * binary forms, and each damaged header, is refused and crashes nothing.
 */
#include "lib/jose/jose.h"
#include "tests/evidence/dcap_synthetic.c"
#include "tests/expect.h"

#define BUFFER_SIZE 65536

static struct dcap_synthetic s;

struct packed {
	uint8_t data[BUFFER_SIZE];
	size_t size;
};

static void pack(struct packed *p, const void *data, size_t size)
{
	MUST(p->size + size <= sizeof(p->data));
	memcpy(p->data + p->size, data, size);
	p->size += size;
}

static void pack_number(struct packed *p, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		pack(p, (uint8_t[]){ (uint8_t)(value >> (8 * i)) }, 1);
}

static struct cattest_verifier *bare_verifier(void)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_error err = { "" };

	cattest_set_time(v, s.now);
	EXPECT(!cattest_add_root(v, CATTEST_ROOT_INTEL, s.root_pem, strlen(s.root_pem), &err), "%s",
	       err.text);
	return v;
}

/* No failed check, and only the policy missing. */
static bool good(struct cattest_verifier *v, const void *evidence, size_t size)
{
	struct cattest_error err = { "" };
	struct cattest_result *r = NULL;
	bool ok = !cattest_verify(v, evidence, size, NULL, &r, &err);

	if (!ok)
		printf("  %s\n", err.text);
	for (size_t i = 0; ok && i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		if (c->outcome == CATTEST_FAIL ||
		    (c->outcome == CATTEST_MISSING && strncmp(c->step, "policy", 6))) {
			printf("  %s: %s\n", c->step, c->found);
			ok = false;
		}
	}
	cattest_result_free(r);
	return ok;
}

/* --- Open Enclave's evidence --- */

static void oe_report(struct packed *p, uint32_t type)
{
	pack_number(p, 1, 4);
	pack_number(p, type, 4);
	pack_number(p, s.quote_size, 8);
	pack(p, s.quote, s.quote_size);
}

static void oe_evidence(struct packed *p, uint32_t version, const char *custom_claims)
{
	struct packed *inner = calloc(1, sizeof(*inner));

	MUST(inner);
	if (version == 2)
		oe_report(inner, 2);
	else
		pack(inner, s.quote, s.quote_size);
	pack(inner, custom_claims, strlen(custom_claims));
	pack_number(p, version, 4);
	pack(p, "\xa3\xa2\x1e\x87\x1b\x4d\x40\x14\xb7\x0a\xa1\x25\xd2\xfb\xcd\x8c", 16);
	pack_number(p, inner->size, 8);
	pack(p, inner->data, inner->size);
	free(inner);
}

static void expect_evidence(const char *what, const struct packed *p)
{
	struct cattest_verifier *v = dcap_synthetic_verifier(&s);
	char *text = base64url_encode(p->data, p->size), *json = malloc(2 * BUFFER_SIZE);

	MUST(text && json);
	EXPECT(good(v, p->data, p->size), "%s", what);
	snprintf(json, 2 * BUFFER_SIZE, "{\"report\":\"%s\",\"runtimeData\":null}", text);
	EXPECT(good(v, json, strlen(json)), "%s, in a request in JSON", what);
	for (size_t i = 0; i < p->size; i += 97) {
		struct cattest_result *r = NULL;

		EXPECT(cattest_verify(v, p->data, i, NULL, &r, NULL) < 0,
		       "%s: %zu bytes are accepted", what, i);
		cattest_result_free(r);
	}
	free(text);
	free(json);
	cattest_verifier_free(v);
	printf("ok %s\n", what);
}

static void test_evidence(void)
{
	struct packed *p = calloc(1, sizeof(*p));
	struct cattest_verifier *v = dcap_synthetic_verifier(&s);
	struct cattest_result *r = NULL;

	MUST(p);
	oe_report(p, 2);
	expect_evidence("a report of Open Enclave", p);
	p->size = 0;
	oe_evidence(p, 3, "");
	expect_evidence("evidence of Open Enclave", p);
	p->size = 0;
	oe_evidence(p, 3, "custom claims");
	expect_evidence("evidence of Open Enclave, with claims", p);
	p->size = 0;
	oe_evidence(p, 2, "");
	expect_evidence("evidence of Open Enclave, version 2", p);
	p->size = 0;
	oe_report(p, 1);
	EXPECT(cattest_verify(v, p->data, p->size, NULL, &r, NULL) < 0, "a local report");
	cattest_result_free(r);
	cattest_verifier_free(v);
	free(p);
}

/* --- Open Enclave's endorsements --- */

static void oe_endorsements(struct packed *p, bool header)
{
	const struct {
		const void *data;
		size_t size;
	} parts[] = {
		{ "\x01\0\0", 4 },
		{ s.tcb_info, strlen(s.tcb_info) + 1 },
		{ s.tcb_chain_pem, strlen(s.tcb_chain_pem) + 1 },
		{ s.pck_crl, (size_t)s.pck_crl_size },
		{ s.root_crl, (size_t)s.root_crl_size },
		{ s.chain_pem, strlen(s.chain_pem) + 1 },
		{ s.qe_identity, strlen(s.qe_identity) + 1 },
		{ s.tcb_chain_pem, strlen(s.tcb_chain_pem) + 1 },
		{ "2025-06-15T00:00:00Z", 21 },
	};
	size_t total = 0, at = 0;

	for (size_t i = 0; i < 9; i++)
		total += parts[i].size;
	if (header) {
		pack_number(p, 3, 4);
		pack(p, "\xa3\xa2\x1e\x87\x1b\x4d\x40\x14\xb7\x0a\xa1\x25\xd2\xfb\xcd\x8c", 16);
		pack_number(p, 16 + 36 + total, 8);
	}
	pack_number(p, 1, 4);
	pack_number(p, 2, 4);
	pack_number(p, 36 + total, 4);
	pack_number(p, 9, 4);
	for (size_t i = 0; i < 9; i++) {
		pack_number(p, at, 4);
		at += parts[i].size;
	}
	for (size_t i = 0; i < 9; i++)
		pack(p, parts[i].data, parts[i].size);
}

static void expect_refused(const char *what, const struct packed *p, size_t size)
{
	struct cattest_verifier *v = bare_verifier();
	struct cattest_error err = { "" };

	EXPECT(cattest_add_collateral(v, "test", p->data, size, &err) < 0 && err.text[0], "%s",
	       what);
	cattest_verifier_free(v);
}

static void test_endorsements(void)
{
	struct packed *p = calloc(1, sizeof(*p)), *damaged = calloc(1, sizeof(*p));

	MUST(p && damaged);
	for (int header = 0; header < 2; header++) {
		struct cattest_verifier *v = bare_verifier();
		struct cattest_error err = { "" };

		p->size = 0;
		oe_endorsements(p, header);
		EXPECT(!cattest_add_collateral(v, "test", p->data, p->size, &err), "%s", err.text);
		EXPECT(good(v, s.quote, s.quote_size), "endorsements, header %d", header);
		cattest_verifier_free(v);
		printf("ok endorsements of Open Enclave%s\n", header ? ", with a header" : "");
	}
	p->size = 0;
	oe_endorsements(p, false);
	for (size_t i = 0; i < p->size; i += 61)
		expect_refused("a prefix", p, i);
	/* Each byte of the sizes and offsets, and of the inner version. */
	for (size_t i = 0; i < 16 + 36 + 4; i++) {
		if (i >= 4 && i < 8) /* the kind of enclave: the TCB info says it, signed */
			continue;
		*damaged = *p;
		damaged->data[i] ^= 0x41;
		expect_refused("a damaged header", damaged, damaged->size);
	}
	free(p);
	free(damaged);
}

/* --- Collateral v3 in other spellings --- */

/* Base64 with padding, of a string with its NUL. */
static json_t *go_bytes(const void *data, size_t size)
{
	unsigned char *text = malloc(size * 2 + 8);
	json_t *value;

	MUST(text);
	EVP_EncodeBlock(text, data, (int)size);
	value = json_string((const char *)text);
	free(text);
	return value;
}

static json_t *go_string(const char *text)
{
	return go_bytes(text, strlen(text) + 1);
}

static json_t *go_hex(const uint8_t *der, int size)
{
	char *hex = malloc((size_t)size * 2 + 1);
	json_t *value;

	MUST(hex);
	for (int i = 0; i < size; i++)
		snprintf(hex + 2 * i, 3, "%02X", der[i]);
	value = go_string(hex);
	free(hex);
	return value;
}

static void expect_collateral(const char *what, json_t *object)
{
	struct cattest_verifier *v = bare_verifier();
	struct cattest_error err = { "" };
	char *text = json_dumps(object, 0);

	EXPECT(!cattest_add_collateral(v, "test", text, strlen(text), &err), "%s: %s", what,
	       err.text);
	EXPECT(good(v, s.quote, s.quote_size), "%s", what);
	cattest_verifier_free(v);
	free(text);
	/* A member that nobody knows is not passed over. */
	json_object_set_new(object, "surprise", json_true());
	text = json_dumps(object, 0);
	v = bare_verifier();
	EXPECT(cattest_add_collateral(v, "test", text, strlen(text), &err) < 0 &&
		       strstr(err.text, "surprise"),
	       "%s with a surprise", what);
	cattest_verifier_free(v);
	free(text);
	json_decref(object);
	printf("ok %s\n", what);
}

static json_t *byte_list(const char *text)
{
	json_t *list = json_array();

	for (const char *c = text; *c; c++)
		json_array_append_new(list, json_integer((unsigned char)*c));
	return list;
}

static void test_spellings(void)
{
	json_t *o = json_object(), *platform = json_object(), *list = json_array();

	json_object_set_new(o, "major_version", json_integer(3));
	json_object_set_new(o, "minor_version", json_integer(0));
	json_object_set_new(o, "tee_type", json_integer(0x81));
	json_object_set_new(o, "pck_crl_issuer_chain", go_string(s.chain_pem));
	json_object_set_new(o, "root_ca_crl", go_hex(s.root_crl, s.root_crl_size));
	json_object_set_new(o, "pck_crl", go_bytes(s.pck_crl, (size_t)s.pck_crl_size));
	json_object_set_new(o, "tcb_info_issuer_chain", go_string(s.tcb_chain_pem));
	json_object_set_new(o, "tcb_info", go_string(s.tcb_info));
	json_object_set_new(o, "qe_identity_issuer_chain", byte_list(s.tcb_chain_pem));
	json_object_set_new(o, "qe_identity", byte_list(s.qe_identity));
	expect_collateral("collateral as Go writes it", o);

	o = json_object();
	json_object_set_new(o, "majorVersion", json_integer(1));
	json_object_set_new(o, "minorVersion", json_integer(0));
	json_object_set_new(o, "teeType", json_integer(0x81));
	json_object_set_new(o, "rootCa", json_string(s.root_pem));
	json_object_set_new(o, "pckCrlIssuerChain", json_string(s.chain_pem));
	json_object_set_new(o, "rootCaCrl", go_bytes(s.root_crl, (size_t)s.root_crl_size));
	json_object_set_new(o, "pckCrl", go_bytes(s.pck_crl, (size_t)s.pck_crl_size));
	json_object_set_new(platform, "fmspc", json_string("000000000000"));
	json_object_set_new(platform, "tcbInfoIssuerChain", json_string(s.tcb_chain_pem));
	json_object_set_new(platform, "tcbInfo", json_string(s.tcb_info));
	json_array_append_new(list, platform);
	json_object_set_new(o, "platforms", list);
	json_object_set_new(o, "qeIdentityIssuerChain", json_string(s.tcb_chain_pem));
	json_object_set_new(o, "qeIdentity", json_string(s.qe_identity));
	expect_collateral("collateral as MigTD spells it", o);
}

int main(void)
{
	dcap_synthetic_init(&s);
	dcap_synthetic_build(&s);
	test_evidence();
	test_endorsements();
	dcap_synthetic_done(&s);
	dcap_synthetic_init(&s);
	s.version = 4;
	s.body_type = 2;
	dcap_synthetic_build(&s);
	test_evidence();
	test_spellings();
	dcap_synthetic_done(&s);
	return failures ? 1 : 0;
}
