// SPDX-License-Identifier: Apache-2.0
/*
 * Claims of quotes, reports and PCK certificates. Bytes are in the order they have in the structure. The debug claim is true if
 * somebody outside may read the environment: the DEBUG attribute of an enclave; for a TD any bit of the group "TD under debug" (bits 7:0 of its
 * attributes: DEBUG, and profiling that leaks), of which the TDX module says that each makes the TD untrusted.
 */
#include "attest/dcap/claims.h"

#include "attest/dcap/dcap.h"

/* TD attributes: Intel TDX Module ABI specification, TD_ATTRIBUTES; 4 HGS+, 5 PERF_PROF, 6 PMT_PROF, 16 ICSSD, 27 LASS, 62 TPA. */
#define TD_UNDER_DEBUG 0xffull
#define TD_SEPT_VE_DISABLE (1ull << 28)
#define TD_MIGRATABLE (1ull << 29)
#define TD_PKS (1ull << 30)
#define TD_KEY_LOCKER (1ull << 31)
#define TD_PERFMON (1ull << 63)
#define TD_KNOWN                                                                   \
	(1ull << 0 | 1ull << 4 | 1ull << 5 | 1ull << 6 | 1ull << 16 | 1ull << 27 | \
	 TD_SEPT_VE_DISABLE | TD_MIGRATABLE | TD_PKS | TD_KEY_LOCKER | 1ull << 62 | TD_PERFMON)

void dcap_sgx_claims(struct appraisal *a, const struct sgx_report_body *b)
{
	claim_bool(a, "debug", b->flags & SGX_FLAG_DEBUG);
	claim_bytes(a, "sgx.mrenclave", b->mrenclave);
	claim_bytes(a, "sgx.mrsigner", b->mrsigner);
	claim_uint(a, "sgx.isvprodid", b->isvprodid);
	claim_uint(a, "sgx.isvsvn", b->isvsvn);
	claim_bytes(a, "sgx.attributes", b->attributes);
	claim_uint(a, "sgx.miscselect", b->miscselect);
	claim_bytes(a, "sgx.cpusvn", b->cpusvn);
	claim_bytes(a, "sgx.configid", b->configid);
	claim_uint(a, "sgx.configsvn", b->configsvn);
	claim_bytes(a, "sgx.isvextprodid", b->isvextprodid);
	claim_bytes(a, "sgx.isvfamilyid", b->isvfamilyid);
}

static void td_extended_claims(struct appraisal *a, const struct td_report_body *b)
{
	claim_uint(a, "tdx.vmid", b->vmid);
	claim_bytes(a, "tdx.tdid", b->tdid);
	claim_bytes(a, "tdx.devinfo", b->devinfo);
	claim_bytes(a, "tdx.init_servtd_hash", b->init_servtd_hash);
	claim_bytes(a, "tdx.init_servtd_attributes", b->init_servtd_attributes);
	claim_bytes(a, "tdx.init_cpusvn", b->init_cpusvn);
	claim_bytes(a, "tdx.init_tee_tcb_svn", b->init_tee_tcb_svn);
	claim_bytes(a, "tdx.init_tee_fmspc", b->init_tee_fmspc);
	claim_bytes(a, "tdx.cur_servtd_hash", b->cur_servtd_hash);
	claim_bytes(a, "tdx.cur_servtd_attributes", b->cur_servtd_attributes);
}

void dcap_td_claims(struct appraisal *a, const struct td_report_body *b, enum quote_body type)
{
	static const char *const rtmr[] = { "tdx.rtmr.0", "tdx.rtmr.1", "tdx.rtmr.2",
					    "tdx.rtmr.3" };

	claim_bool(a, "debug", b->attributes & TD_UNDER_DEBUG);
	claim_uint(a, "tdx.body_type", type);
	claim_bytes(a, "tdx.mrtd", b->mrtd);
	for (size_t i = 0; i < 4; i++)
		claim_bytes(a, rtmr[i], b->rtmr[i]);
	claim_bytes(a, "tdx.mrconfigid", b->mrconfigid);
	claim_bytes(a, "tdx.mrowner", b->mrowner);
	claim_bytes(a, "tdx.mrownerconfig", b->mrownerconfig);
	claim_bytes(a, "tdx.mrseam", b->mrseam);
	claim_bytes(a, "tdx.mrsignerseam", b->mrsignerseam);
	claim_bytes(a, "tdx.seam_attributes", b->seam_attributes);
	claim_uint(a, "tdx.attributes", b->attributes);
	claim_bool(a, "tdx.sept_ve_disable", b->attributes & TD_SEPT_VE_DISABLE);
	claim_bool(a, "tdx.migratable", b->attributes & TD_MIGRATABLE);
	claim_bool(a, "tdx.pks", b->attributes & TD_PKS);
	claim_bool(a, "tdx.key_locker", b->attributes & TD_KEY_LOCKER);
	claim_bool(a, "tdx.perfmon", b->attributes & TD_PERFMON);
	claim_bool(a, "tdx.reserved_attributes", b->attributes & ~TD_KNOWN);
	claim_uint(a, "tdx.xfam", b->xfam);
	claim_bytes(a, "tdx.tee_tcb_svn", b->tee_tcb_svn);
	claim_uint(a, "tdx.module_version", b->tee_tcb_svn.data[1]);
	if (b->tee_tcb_svn2.data) {
		claim_bytes(a, "tdx.tee_tcb_svn2", b->tee_tcb_svn2);
		claim_bytes(a, "tdx.mrservicetd", b->mrservicetd);
	}
	if (b->tdid.data)
		td_extended_claims(a, b);
}

void dcap_quote_claims(struct appraisal *a, const struct quote *q)
{
	claim_uint(a, "quote.version", q->version);
	/* Version 4 and later keep both for themselves: zero. */
	claim_uint(a, "quote.qe_svn", q->qe_svn);
	claim_uint(a, "quote.pce_svn", q->pce_svn);
	claim_uint(a, "quote.certification_type", q->certification);
	if (q->body_type == BODY_SGX)
		dcap_sgx_claims(a, &q->sgx);
	else
		dcap_td_claims(a, &q->td, q->body_type);
	check_report_data(a, q->body_type == BODY_SGX ? q->sgx.report_data : q->td.report_data);
}

void dcap_pck_claims(struct appraisal *a, const struct pck *pck)
{
	static const char *const types[] = { "standard", "scalable", "scalable-with-integrity" };

	claim_bytes(a, "platform.fmspc", SPAN_OF(pck->fmspc));
	claim_bytes(a, "platform.ppid", SPAN_OF(pck->ppid));
	claim_bytes(a, "platform.pceid", SPAN_OF(pck->pceid));
	claim_bytes(a, "platform.cpusvn", SPAN_OF(pck->cpusvn));
	claim_uint(a, "platform.pcesvn", pck->pcesvn);
	claim_string(a, "platform.ca", pck->ca == PCK_CA_PLATFORM ? "platform" : "processor");
	claim_string(a, "platform.type", types[pck->sgx_type]);
	if (pck->has_instance_id)
		claim_bytes(a, "platform.instance_id", SPAN_OF(pck->instance_id));
	if (pck->has_dynamic)
		claim_bool(a, "platform.dynamic", pck->dynamic);
	if (pck->has_cached_keys)
		claim_bool(a, "platform.cached_keys", pck->cached_keys);
	if (pck->has_smt)
		claim_bool(a, "platform.smt", pck->smt);
}

static void advisory_claims(struct appraisal *a, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		claim_add_once(a, "tcb.advisories", json_string_value(item));
}

void dcap_tcb_claims(struct appraisal *a, const struct tcb_evaluation *launch,
		     const struct svn_level *qe_level, enum tcb_status status)
{
	claim_string(a, "tcb.status", tcb_status_name(status));
	claim_string(a, "tcb.platform_status", tcb_status_name(launch->platform->status));
	claim_string(a, "tcb.qe_status", tcb_status_name(qe_level->status));
	if (launch->module_level)
		claim_string(a, "tcb.module_status", tcb_status_name(launch->module_level->status));
	claim_time(a, "tcb.date", launch->date);
	advisory_claims(a, launch->platform->advisories);
	advisory_claims(a, qe_level->advisories);
	if (launch->module_level)
		advisory_claims(a, launch->module_level->advisories);
}

bool sgx_report_claims(struct appraisal *a, struct span body)
{
	struct sgx_report_body b;

	if (body.size != SGX_REPORT_BODY_SIZE)
		return false;
	sgx_report_body_parse(body, &b);
	dcap_sgx_claims(a, &b);
	return true;
}
