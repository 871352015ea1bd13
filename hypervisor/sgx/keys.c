/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EREPORT and EGETKEY (SDM 3D, 40.4 and table 40-64 "key derivation"). Every key is AES-CMAC over a
 * packed structure that holds all that the key depends on, under one of two base keys from the root
 * secret: with and without what Intel calls seal fuses. So the table of the SDM is the whole
 * policy, and what it does not name is zero in the structure.
 *
 * CPUSVN: byte 0 is the hypervisor's security version, the rest zero; a key of an older version can
 * be asked for, one of a newer version cannot. The base keys and the report key's id change only at
 * start. Temporary keys are wiped.
 */
#include "hypervisor/crypto/crypto.h"
#include "hypervisor/sgx/leaves.h"
#include "hypervisor/sgx/run.h"
#include "hypervisor/sgx/signer.h"

#include "lib/base/string.h"

#include <asm-generic/errno.h>

/* Raised when a flaw in the hypervisor is mended that could have shown keys. */
#define SECURITY_VERSION 1

const uint8_t cpu_svn[16] = { SECURITY_VERSION };

struct key_dependencies {
	uint16_t key_name, key_policy;
	uint16_t isv_prod_id, isv_svn, config_svn;
	uint8_t cet_attributes, cet_attributes_mask;
	uint32_t miscselect, misc_mask, zero;
	struct attributes attributes, attribute_mask;
	uint8_t mrenclave[32], mrsigner[32];
	uint8_t isv_family_id[16], isv_ext_prod_id[16];
	uint8_t config_id[64];
	uint8_t key_id[32];
	uint8_t cpu_svn[16], owner_epoch[16]; /* the latter as at reset, 0: see sgx_wrmsr */
	uint8_t padding[352]; /* SECS.PADDING (SDM: HARDCODED_PKCS1_5_PADDING), in every key */
};
_Static_assert(offsetof(struct key_dependencies, attributes) == 24 &&
		       sizeof(struct key_dependencies) == 632,
	       "no hole in what is hashed");

static uint8_t base_keys[2][16]; /* [1]: with seal fuses */
static uint8_t report_key_id[32];

static void from_secret(const char *label, const uint8_t secret[32], uint8_t ret_bytes[32])
{
	struct sha256_state s;
	char name[16] = { 0 };

	/* A label of fixed length and a secret of fixed length: SHA-256 serves as the extractor. */
	str_copy(name, label, sizeof(name));
	sha256_start(&s);
	sha256_update(&s, name, sizeof(name));
	sha256_update(&s, secret, 32);
	sha256_finish(&s, ret_bytes);
}

void sgx_set_root_secret(const uint8_t secret[32])
{
	uint8_t bytes[32];

	from_secret("provision", secret, bytes);
	memcpy(base_keys[0], bytes, sizeof(base_keys[0]));
	from_secret("seal", secret, bytes);
	memcpy(base_keys[1], bytes, sizeof(base_keys[1]));
	/* Fresh at each start if there is a generator; it is no secret (SDM: CR_REPORT_KEYID). */
	if (!random_bytes(report_key_id, sizeof(report_key_id)))
		from_secret("report key id", secret, report_key_id);
	secure_zero(bytes, sizeof(bytes));
}

bool cpu_svn_ok(const uint8_t svn[16])
{
	return svn[0] <= cpu_svn[0] && is_zero(svn + 1, 15);
}

/* The rest of d, and the key; d is wiped. */
static void derive(struct key_dependencies *d, bool seal_fuses, uint8_t ret_key[16])
{
	rsa3072_padding(d->padding);
	aes_cmac(base_keys[seal_fuses], d, sizeof(*d), ret_key);
	secure_zero(d, sizeof(*d));
}

void key_einittoken(const struct einittoken *token, const uint8_t mrsigner[32], uint8_t ret_key[16])
{
	struct key_dependencies d = {
		.key_name = KEY_EINITTOKEN,
		.isv_prod_id = token->isv_prod_id_le,
		.isv_svn = token->isv_svn_le,
		.miscselect = token->masked_miscselect_le,
		.attributes = token->masked_attributes_le,
	};

	memcpy(d.mrsigner, mrsigner, sizeof(d.mrsigner));
	memcpy(d.key_id, token->key_id, sizeof(d.key_id));
	memcpy(d.cpu_svn, token->cpu_svn_le, sizeof(d.cpu_svn));
	derive(&d, true, ret_key);
}

/* The REPORT key of an enclave, as TARGETINFO or its own SECS describe it. */
static void key_report(const struct targetinfo *t, const uint8_t key_id[32], uint8_t ret_key[16])
{
	struct key_dependencies d = {
		.key_name = KEY_REPORT,
		.config_svn = t->config_svn,
		.miscselect = t->miscselect,
		.attributes = t->attributes,
		.cet_attributes = t->cet_attributes,
	};

	memcpy(d.mrenclave, t->measurement, sizeof(d.mrenclave));
	memcpy(d.config_id, t->config_id, sizeof(d.config_id));
	memcpy(d.key_id, key_id, sizeof(d.key_id));
	memcpy(d.cpu_svn, cpu_svn, sizeof(d.cpu_svn));
	derive(&d, true, ret_key);
}

int leaf_ereport(struct vcpu *v, const struct enclu_operands *o)
{
	const struct secs *secs = v->enclave->secs;
	struct report report;
	struct targetinfo target;
	uint8_t key[16];
	void *target_data, *report_data, *out;

	if (operand_data(v, o->rbx, 512, SECINFO_R, &target_data) ||
	    operand_data(v, o->rcx, 128, SECINFO_R, &report_data) ||
	    operand_data(v, o->rdx, 512, SECINFO_R | SECINFO_W, &out))
		return -EFAULT;
	memcpy(&target, target_data, sizeof(target));
	if (target.reserved1 || !is_zero_array(target.reserved2) ||
	    !is_zero_array(target.reserved3))
		return fault_gp(v);

	memset(&report, 0, sizeof(report));
	memcpy(report.cpu_svn, cpu_svn, sizeof(report.cpu_svn));
	report.miscselect = secs->miscselect;
	report.cet_attributes = secs->cet_attributes;
	memcpy(report.isv_ext_prod_id, secs->isv_ext_prod_id, sizeof(report.isv_ext_prod_id));
	report.attributes = secs->attributes;
	memcpy(report.mrenclave, secs->mrenclave, sizeof(report.mrenclave));
	memcpy(report.mrsigner, secs->mrsigner, sizeof(report.mrsigner));
	memcpy(report.config_id, secs->config_id, sizeof(report.config_id));
	report.isv_prod_id = secs->isv_prod_id;
	report.isv_svn = secs->isv_svn;
	report.config_svn = secs->config_svn;
	memcpy(report.isv_family_id, secs->isv_family_id, sizeof(report.isv_family_id));
	memcpy(report.report_data, report_data, sizeof(report.report_data));
	memcpy(report.key_id, report_key_id, sizeof(report.key_id));
	key_report(&target, report_key_id, key);
	aes_cmac(key, &report, REPORT_MACED, report.mac);
	secure_zero(key, sizeof(key));
	memcpy(out, &report, sizeof(report));
	return 0;
}

/* --- The hypervisor as a target of reports (signer.h) --- */

uint32_t sgx_security_version(void)
{
	return cpu_svn[0];
}

/* No INIT and no XFRM: no enclave's attributes. */
static const struct targetinfo signer = { .measurement = "cloister hypervisor signer" };

void sgx_signer_target(uint8_t ret_target_info[REPORT_SGX_TARGETINFO_SIZE])
{
	memcpy(ret_target_info, &signer, sizeof(signer));
}

int sgx_signer_check(const uint8_t bytes[REPORT_SGX_SIZE], bool *ret_debug)
{
	struct report report;
	uint8_t key[16], mac[16];
	bool same;

	memcpy(&report, bytes, sizeof(report));
	/* The root secret outlives a start; what an enclave said in an earlier one does not. */
	if (memcmp(report.key_id, report_key_id, sizeof(report.key_id)))
		return -EBADMSG;
	key_report(&signer, report_key_id, key);
	aes_cmac(key, &report, REPORT_MACED, mac);
	same = ct_equal(mac, report.mac, sizeof(mac));
	secure_zero(key, sizeof(key));
	secure_zero(mac, sizeof(mac));
	*ret_debug = report.attributes.flags & ATTRIBUTE_DEBUG;
	return same ? 0 : -EBADMSG;
}

/* The key table (SDM 3D, 40.4, EGETKEY): what a key depends on by its name. REPORT's is key_report. */
static const struct key_row {
	uint64_t attribute;	 /* the enclave must have it */
	uint16_t policy, always; /* of KEYPOLICY: what the request chooses, and what is so anyway */
	bool masks;		 /* the masks are inputs themselves */
	bool key_id, seal;	 /* KEYID of the request, seal fuses */
} key_table[] = {
	[KEY_EINITTOKEN] = { ATTRIBUTE_EINITTOKENKEY, 0, KEYPOLICY_MRSIGNER, false, true, true },
	[KEY_PROVISION] = { ATTRIBUTE_PROVISIONKEY, 0, KEYPOLICY_MRSIGNER, true, false, false },
	[KEY_PROVISION_SEAL] = { ATTRIBUTE_PROVISIONKEY, 0xffff & ~KEYPOLICY_MRENCLAVE,
				 KEYPOLICY_MRSIGNER, true, false, true },
	[KEY_REPORT] = { 0, 0, 0, false, false, true },
	[KEY_SEAL] = { 0, 0xffff, 0, true, true, true },
};

static void depend_on(struct key_dependencies *d, const struct secs *secs,
		      const struct keyrequest *q, uint16_t policy)
{
	const struct key_row *row = &key_table[q->key_name];
	/* INIT and DEBUG always count: a debug enclave never gets another's key. */
	uint64_t flags_mask = q->attribute_mask.flags | ATTRIBUTE_INIT | ATTRIBUTE_DEBUG;

	memset(d, 0, sizeof(*d));
	d->key_name = q->key_name;
	d->key_policy = row->policy ? q->key_policy : 0;
	d->isv_svn = q->isv_svn;
	memcpy(d->cpu_svn, q->cpu_svn, sizeof(d->cpu_svn));
	d->attributes.flags = flags_mask & secs->attributes.flags;
	d->attributes.xfrm = q->attribute_mask.xfrm & secs->attributes.xfrm;
	d->miscselect = q->misc_mask & secs->miscselect;
	d->cet_attributes = q->cet_attributes_mask & secs->cet_attributes;
	if (row->masks) {
		d->attribute_mask = q->attribute_mask;
		d->misc_mask = ~q->misc_mask;
		d->cet_attributes_mask = q->cet_attributes_mask;
	}
	if (row->key_id)
		memcpy(d->key_id, q->key_id, sizeof(d->key_id));
	if (policy & KEYPOLICY_MRENCLAVE)
		memcpy(d->mrenclave, secs->mrenclave, sizeof(d->mrenclave));
	if (policy & KEYPOLICY_MRSIGNER)
		memcpy(d->mrsigner, secs->mrsigner, sizeof(d->mrsigner));
	if (!(policy & KEYPOLICY_NOISVPRODID))
		d->isv_prod_id = secs->isv_prod_id;
	if (policy & KEYPOLICY_ISVFAMILYID)
		memcpy(d->isv_family_id, secs->isv_family_id, sizeof(d->isv_family_id));
	if (policy & KEYPOLICY_ISVEXTPRODID)
		memcpy(d->isv_ext_prod_id, secs->isv_ext_prod_id, sizeof(d->isv_ext_prod_id));
	if (policy & KEYPOLICY_CONFIGID) {
		memcpy(d->config_id, secs->config_id, sizeof(d->config_id));
		d->config_svn = q->config_svn;
	}
}

/* The code, or SGX_OK and the key. */
static int key_make(const struct secs *secs, const struct keyrequest *q, uint8_t ret_key[16])
{
	struct key_dependencies d;
	uint16_t policy;

	if (q->key_name >= ARRAY_SIZE(key_table))
		return SGX_INVALID_KEYNAME;
	if (q->key_name == KEY_REPORT) {
		struct targetinfo self = {
			.attributes = secs->attributes,
			.cet_attributes = secs->cet_attributes,
			.config_svn = secs->config_svn,
			.miscselect = secs->miscselect,
		};

		memcpy(self.measurement, secs->mrenclave, sizeof(self.measurement));
		memcpy(self.config_id, secs->config_id, sizeof(self.config_id));
		key_report(&self, q->key_id, ret_key);
		return SGX_OK;
	}
	policy = (uint16_t)((q->key_policy & key_table[q->key_name].policy) |
			    key_table[q->key_name].always);
	if (key_table[q->key_name].attribute & ~secs->attributes.flags)
		return SGX_INVALID_ATTRIBUTE;
	if (!cpu_svn_ok(q->cpu_svn))
		return SGX_INVALID_CPUSVN;
	if (q->isv_svn > secs->isv_svn)
		return SGX_INVALID_ISVSVN;
	if ((policy & KEYPOLICY_CONFIGID) && q->config_svn > secs->config_svn)
		return SGX_INVALID_ISVSVN;
	depend_on(&d, secs, q, policy);
	derive(&d, key_table[q->key_name].seal, ret_key);
	return SGX_OK;
}

int leaf_egetkey(struct vcpu *v, const struct enclu_operands *o)
{
	const struct secs *secs = v->enclave->secs;
	struct keyrequest request;
	uint8_t key[16];
	void *data, *out;
	int code;

	if (operand_data(v, o->rbx, 512, SECINFO_R, &data) ||
	    operand_data(v, o->rcx, 16, SECINFO_R | SECINFO_W, &out))
		return -EFAULT;
	memcpy(&request, data, sizeof(request));
	if (request.reserved1 || !is_zero_array(request.reserved2) ||
	    (request.key_policy & KEYPOLICY_RESERVED))
		return fault_gp(v);
	if (!(secs->attributes.flags & ATTRIBUTE_KSS) &&
	    ((request.key_policy & KEYPOLICY_KSS) || request.config_svn))
		return fault_gp(v);
	code = key_make(secs, &request, key);
	if (code == SGX_OK) {
		memcpy(out, key, sizeof(key));
		secure_zero(key, sizeof(key));
	}
	return code;
}
