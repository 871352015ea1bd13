/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keys depend on and what not (SDM 3D, EGETKEY's table), row by row: for each key name, which
 * inputs change the key. And EREPORT: a report verifies with the target's REPORT key and with no
 * other, whichever byte is changed.
 */
#include "hypervisor/tests/enclaves/run_scene.h"

#include "hypervisor/crypto/crypto.h"
#include "hypervisor/sgx/signer.h"
#include "lib/base/string.h"

#include <asm-generic/errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const names[] = { "EINITTOKEN", "PROVISION", "PROVISION_SEAL", "REPORT",
				     "SEAL" };

/* The world in which a key is asked for. */
struct world {
	struct options o;
	struct keyrequest q;
	uint64_t isv_prod_id, isv_svn; /* over what EINIT put there, if not 0 */
	uint8_t family, ext, secret, mrenclave, mrsigner;
};

static void start(const struct world *w)
{
	uint8_t secret[32] = "a secret that no one else knows";
	struct secs *secs;

	run_start(&w->o);
	secs = epc_memory(P_SECS);
	if (w->isv_prod_id)
		secs->isv_prod_id = (uint16_t)w->isv_prod_id;
	if (w->isv_svn)
		secs->isv_svn = (uint16_t)w->isv_svn;
	secs->isv_family_id[3] ^= w->family;
	secs->isv_ext_prod_id[3] ^= w->ext;
	secs->mrenclave[3] ^= w->mrenclave;
	secs->mrsigner[3] ^= w->mrsigner;
	secret[31] ^= w->secret;
	sgx_set_root_secret(secret);
	run_enter(run.v, P_TCS);
}

static void key(const struct world *w, uint8_t ret_key[16])
{
	struct outcome o;

	start(w);
	put_page(P_DATA, 0x200, &w->q, sizeof(w->q));
	o = enclu(run.v, ENCLU_EGETKEY, AT(P_DATA) + 0x200, AT(P_DATA) + 0x800, 0);
	if (o.vector >= 0 || o.rax)
		fprintf(stderr, "EGETKEY %s: vector %d code %lu\n", names[w->q.key_name], o.vector,
			(unsigned long)o.rax);
	NEED(o.vector < 0 && o.rax == 0 && !o.zf);
	memcpy(ret_key, (uint8_t *)epc_memory(P_DATA) + 0x800, 16);
}

#define ALL_FLAGS (ATTRIBUTE_KSS | ATTRIBUTE_PROVISIONKEY | ATTRIBUTE_EINITTOKENKEY)
enum {
	E = 1 << KEY_EINITTOKEN,
	P = 1 << KEY_PROVISION,
	S = 1 << KEY_PROVISION_SEAL,
	R = 1 << KEY_REPORT,
	L = 1 << KEY_SEAL
};

/*
 * Each changes one input; the key must change for the names listed, with all of KEYPOLICY set, and
 * stay for the others.
 */
static const struct {
	const char *input;
	unsigned int changes;
} inputs[] = {
	{ "nothing", 0 },
	{ "CPUSVN of the request", E | P | S | L },
	{ "ISVSVN of the request", E | P | S | L },
	{ "KEYID of the request", E | R | L },
	{ "ATTRIBUTEMASK.flags, a bit that the enclave lacks", P | S | L },
	{ "ATTRIBUTEMASK.flags, a bit that the enclave has", E | P | S | L },
	{ "ATTRIBUTEMASK.xfrm", E | P | S | L },
	{ "MISCMASK, a bit that the enclave lacks", P | S | L },
	{ "MISCMASK, a bit that the enclave has", E | P | S | L },
	{ "KEYPOLICY.NOISVPRODID", S | L },
	{ "KEYPOLICY.ISVFAMILYID", S | L },
	{ "KEYPOLICY.ISVEXTPRODID", S | L },
	{ "KEYPOLICY.CONFIGID", S | L },
	{ "KEYPOLICY.MRENCLAVE", S | L },
	{ "CONFIGSVN of the request", S | L },
	{ "MRENCLAVE of the enclave", R | L },
	{ "MRSIGNER of the enclave", E | P | S | L },
	{ "ISVPRODID of the enclave", E | P | S | L },
	{ "ISVSVN of the enclave", 0 },
	{ "ISVFAMILYID of the enclave", S | L },
	{ "ISVEXTPRODID of the enclave", S | L },
	{ "CONFIGID of the enclave", R | S | L },
	{ "CONFIGSVN of the enclave", R },
	{ "DEBUG of the enclave", E | P | S | R | L },
	{ "MISCSELECT of the enclave, bit not in the mask", R },
	{ "root secret", E | P | S | R | L },
};

static void change(struct world *w, unsigned int i)
{
	/* clang-format off */
	switch (i) {
	case 1: w->q.cpu_svn[0] = 1; break;
	case 2: w->q.isv_svn = 2; break;
	case 3: w->q.key_id[31] = 1; break;
	case 4: w->q.attribute_mask.flags |= 1ULL << 50; break;
	case 5: w->q.attribute_mask.flags |= ATTRIBUTE_KSS; break;
	case 6: w->q.attribute_mask.xfrm |= 1; break;
	case 7: w->q.misc_mask |= 4; break;
	case 8: w->q.misc_mask |= 1; break;
	case 9: w->q.key_policy |= KEYPOLICY_NOISVPRODID; break;
	case 10: w->q.key_policy &= (uint16_t)~KEYPOLICY_ISVFAMILYID; break;
	case 11: w->q.key_policy &= (uint16_t)~KEYPOLICY_ISVEXTPRODID; break;
	case 12: w->q.key_policy &= (uint16_t)~KEYPOLICY_CONFIGID; break;
	case 13: w->q.key_policy &= (uint16_t)~KEYPOLICY_MRENCLAVE; break;
	case 14: w->q.config_svn = 3; break;
	case 15: w->mrenclave = 1; break;
	case 16: w->mrsigner = 1; break;
	case 17: w->isv_prod_id = 9; break;
	case 18: w->isv_svn = 4; break;
	case 19: w->family = 1; break;
	case 20: w->ext = 1; break;
	case 21: w->o.config_id = 2; break;
	case 22: w->o.config_svn = 6; break;
	case 23: w->o.flags |= ATTRIBUTE_DEBUG; break;
	case 24: w->o.misc = 0; break;
	case 25: w->secret = 1; break;
	default: break;
	}
	/* clang-format on */
}

static void test_dependencies(void)
{
	uint8_t keys[5][16];

	for (uint16_t name = 0; name < 5; name++) {
		/* A plain request first; MISCMASK 0, so that the enclave's EXINFO is not in it. */
		struct world plain = { .o = { .flags = ALL_FLAGS,
					      .config_id = 1,
					      .config_svn = 5,
					      .misc = MISC_EXINFO } };

		plain.q.key_name = name;
		plain.q.config_svn = 2;
		plain.q.key_policy = KEYPOLICY_MRENCLAVE | KEYPOLICY_MRSIGNER | KEYPOLICY_CONFIGID |
				     KEYPOLICY_ISVFAMILYID | KEYPOLICY_ISVEXTPRODID;
		key(&plain, keys[name]);
		for (unsigned int i = 0; i < ARRAY_SIZE(inputs); i++) {
			struct world w = plain;
			bool same, should = !(inputs[i].changes >> name & 1);
			uint8_t other[16];

			change(&w, i);
			key(&w, other);
			same = memcmp(keys[name], other, 16) == 0;
			if (same != should)
				fprintf(stderr, "key %s: %s %s it\n", names[name], inputs[i].input,
					same ? "does not change" : "changes");
			NEED(same == should);
		}
		for (uint16_t before = 0; before < name; before++)
			NEED(memcmp(keys[before], keys[name], 16) != 0);
	}
}

/*
 * Same enclave, same key, in another life of the machine; another signer or another enclave,
 * another key.
 */
static void test_identities(void)
{
	struct world w = { .q = { .key_name = KEY_SEAL, .key_policy = KEYPOLICY_MRSIGNER } };
	uint8_t a[16], b[16];

	key(&w, a);
	key(&w, b);
	NEED(memcmp(a, b, 16) == 0);
	w.o.without_code = true;
	key(&w, b); /* another enclave of the same signer */
	NEED(memcmp(a, b, 16) == 0);
	w.o.signer = 1;
	key(&w, b);
	NEED(memcmp(a, b, 16) != 0);
	w.o.signer = 0;
	w.q.key_policy = KEYPOLICY_MRENCLAVE;
	key(&w, a);
	w.o.without_code = false;
	key(&w, b);
	NEED(memcmp(a, b, 16) != 0);
	w.o.signer = 1; /* MRENCLAVE alone does not name the signer */
	key(&w, a);
	NEED(memcmp(a, b, 16) == 0);
}

/* The launch key that EINIT checks a token with is what EGETKEY gives the launch enclave. */
static void test_einittoken(void)
{
	struct world w = { .o = { .flags = ATTRIBUTE_EINITTOKENKEY },
			   .q = { .key_name = KEY_EINITTOKEN } };
	struct einittoken token = { .valid = 1 };
	uint8_t a[16], b[16];
	struct secs *secs;

	memset(w.q.key_id, 0x77, sizeof(w.q.key_id));
	w.q.isv_svn = 2;
	w.q.attribute_mask = (struct attributes){ ~0ULL, ~0ULL };
	w.q.misc_mask = ~0U;
	key(&w, a);
	secs = epc_memory(P_SECS);
	token.isv_prod_id_le = secs->isv_prod_id;
	token.isv_svn_le = 2;
	token.masked_attributes_le = secs->attributes;
	memcpy(token.key_id, w.q.key_id, 32);
	key_einittoken(&token, secs->mrsigner, b);
	NEED(memcmp(a, b, 16) == 0);
	token.isv_svn_le = 1;
	key_einittoken(&token, secs->mrsigner, b);
	NEED(memcmp(a, b, 16) != 0);
}

static bool verify(const struct report *report, const uint8_t report_key[16])
{
	uint8_t mac[16];

	aes_cmac(report_key, report, REPORT_MACED, mac);
	return memcmp(mac, report->mac, 16) == 0;
}

static void test_report(void)
{
	struct world w = { .o = { .flags = ATTRIBUTE_KSS,
				  .config_id = 1,
				  .config_svn = 5,
				  .misc = MISC_EXINFO } };
	struct targetinfo target = { .config_svn = 5, .miscselect = MISC_EXINFO };
	struct report report;
	uint8_t report_key[16], data[64];
	struct secs *secs;

	start(&w);
	secs = epc_memory(P_SECS);
	memcpy(target.measurement, secs->mrenclave, 32);
	memcpy(target.config_id, secs->config_id, 64);
	target.attributes = secs->attributes;
	for (unsigned int i = 0; i < 64; i++)
		data[i] = (uint8_t)(i * 3);
	put_page(P_DATA, 0, &target, sizeof(target));
	put_page(P_DATA, 0x200, data, sizeof(data));
	run.v->regs.rflags = 0x2d7; /* kept */
	NEED(enclu(run.v, ENCLU_EREPORT, AT(P_DATA), AT(P_DATA) + 0x200, AT(P_DATA2)).vector < 0);
	NEED(run.v->regs.rflags == 0x2d7);
	memcpy(&report, epc_memory(P_DATA2), sizeof(report));
	NEED(memcmp(report.mrenclave, secs->mrenclave, 32) == 0 &&
	     memcmp(report.mrsigner, secs->mrsigner, 32) == 0);
	NEED(report.isv_prod_id == 7 && report.isv_svn == 3 && report.config_svn == 5 &&
	     report.config_id[0] == 1);
	NEED(report.attributes.flags == secs->attributes.flags && report.attributes.xfrm == 3 &&
	     report.miscselect == MISC_EXINFO);
	NEED(report.isv_family_id[0] == 0x11 && report.isv_ext_prod_id[0] == 0x22 &&
	     memcmp(report.report_data, data, 64) == 0);
	NEED(memcmp(report.cpu_svn, cpu_svn, 16) == 0 && is_zero(report.reserved1, 11) &&
	     is_zero(report.reserved4, 42));
	/* The target asks for its own REPORT key with the report's KEYID. */
	w.q.key_name = KEY_REPORT;
	memcpy(w.q.key_id, report.key_id, 32);
	put_page(P_DATA, 0x200, &w.q, sizeof(w.q));
	NEED(enclu(run.v, ENCLU_EGETKEY, AT(P_DATA) + 0x200, AT(P_DATA) + 0x800, 0).rax == 0);
	memcpy(report_key, (uint8_t *)epc_memory(P_DATA) + 0x800, 16);
	NEED(verify(&report, report_key));
	for (size_t i = 0; i < REPORT_MACED; i++) {
		struct report forged = report;

		((uint8_t *)&forged)[i] ^= 0x10;
		NEED(!verify(&forged, report_key));
	}
	/*
	 * Any other target's key does not verify it: every byte of TARGETINFO that is not reserved
	 * counts.
	 */
	for (unsigned int i = 0; i < 128; i++) {
		struct targetinfo other = target;
		struct report for_other;

		if (i == 49 || (i >= 56 && i < 64))
			continue;
		((uint8_t *)&other)[i] ^= 0x10;
		put_page(P_DATA, 0, &other, sizeof(other));
		put_page(P_DATA, 0x200, data, sizeof(data));
		NEED(enclu(run.v, ENCLU_EREPORT, AT(P_DATA), AT(P_DATA) + 0x200, AT(P_DATA2))
			     .vector < 0);
		memcpy(&for_other, epc_memory(P_DATA2), sizeof(for_other));
		NEED(!verify(&for_other, report_key));
	}
}

/* The hypervisor as the target: only what an enclave said to it, in this start, counts; and no enclave can be that target. */
static void test_signer(void)
{
	struct world w = { 0 };
	uint8_t target[512], data[64] = { 5 }, secret[32] = "a secret that no one else knows";
	uint8_t report_key[16];
	struct report report, forged;
	bool debug = true;

	start(&w);
	sgx_signer_target(target);
	put_page(P_DATA, 0, target, sizeof(target));
	put_page(P_DATA, 0x200, data, sizeof(data));
	NEED(enclu(run.v, ENCLU_EREPORT, AT(P_DATA), AT(P_DATA) + 0x200, AT(P_DATA2)).vector < 0);
	memcpy(&report, epc_memory(P_DATA2), sizeof(report));
	NEED(sgx_signer_check((uint8_t *)&report, &debug) == 0 && !debug);
	for (size_t i = 0; i < sizeof(report); i++) {
		forged = report;
		((uint8_t *)&forged)[i] ^= 0x10;
		NEED(sgx_signer_check((uint8_t *)&forged, &debug) == -EBADMSG);
	}
	/* An enclave that has the target's MRENCLAVE, by a miracle: its REPORT key is another, because INIT is set in it. */
	memcpy(((struct secs *)epc_memory(P_SECS))->mrenclave, target, 32);
	((struct secs *)epc_memory(P_SECS))->miscselect = 0;
	((struct secs *)epc_memory(P_SECS))->attributes =
		(struct attributes){ .flags = ATTRIBUTE_INIT };
	w.q.key_name = KEY_REPORT;
	memcpy(w.q.key_id, report.key_id, 32);
	put_page(P_DATA, 0x200, &w.q, sizeof(w.q));
	NEED(enclu(run.v, ENCLU_EGETKEY, AT(P_DATA) + 0x200, AT(P_DATA) + 0x800, 0).rax == 0);
	memcpy(report_key, (uint8_t *)epc_memory(P_DATA) + 0x800, 16);
	NEED(!verify(&report, report_key));
	((struct secs *)epc_memory(P_SECS))->attributes.flags = 0; /* and by nothing else */
	NEED(enclu(run.v, ENCLU_EGETKEY, AT(P_DATA) + 0x200, AT(P_DATA) + 0x800, 0).rax == 0);
	memcpy(report_key, (uint8_t *)epc_memory(P_DATA) + 0x800, 16);
	NEED(verify(&report, report_key));
	/* A start later, with the same secret. */
	sgx_set_root_secret(secret);
	NEED(sgx_signer_check((uint8_t *)&report, &debug) == -EBADMSG);
}

int main(void)
{
	test_signer();
	test_dependencies();
	test_identities();
	test_einittoken();
	test_report();
	printf("keys depend on what they should\n");
	return 0;
}
