// SPDX-License-Identifier: Apache-2.0
/*
 * TCB infos, enclave identities and evaluation numbers as claims, for people who want to read them: the signed form of Intel's API, or the inner
 * object alone. Parsed as strictly as for verification; the signature is not looked at, but must have its form.
 */
#include "attest/dcap/dcap.h"
#include "attest/dcap/json.h"
#include "attest/dcap/tcb_info.h"

#include <errno.h>
#include <stdio.h>

/* What is looked for when recognizing: these members come early. */
#define DETECT_MAX 65536

static bool mentions(struct span in, const char *member)
{
	return memmem(in.data, in.size < DETECT_MAX ? in.size : DETECT_MAX, member, strlen(member));
}

static bool object_detect(struct span in)
{
	size_t i = 0;

	while (i < in.size && strchr(" \t\r\n", in.data[i]) && in.data[i])
		i++;
	return i < in.size && in.data[i] == '{';
}

static bool tcb_info_detect(struct span in)
{
	return object_detect(in) &&
	       (mentions(in, "\"raw_tcb_info\"") || mentions(in, "\"tcb_info_json\"") ||
		mentions(in, "\"raw_tcb_evaluation_data_numbers\"") ||
		(mentions(in, "\"tcb_info\"") && mentions(in, "\"tcb_info_signature\"")) ||
		mentions(in, "\"tcbInfo\"") || mentions(in, "\"tcbEvaluationDataNumbers\"") ||
		mentions(in, "\"tcbEvalNumbers\"") ||
		(mentions(in, "\"tcbLevels\"") && mentions(in, "\"fmspc\"")));
}

static bool qe_identity_detect(struct span in)
{
	return object_detect(in) &&
	       (mentions(in, "\"enclaveIdentity\"") || mentions(in, "\"raw_enclave_identity\"") ||
		mentions(in, "\"enclave_identity_json\"") ||
		(mentions(in, "\"tcbLevels\"") && mentions(in, "\"isvprodid\"")));
}

static const char *const signed_members[] = { "tcbInfo", "tcbEvaluationDataNumbers",
					      "enclaveIdentity" };
/* Members that other tools keep the text in: Fortanix's and teepot's files, QuoteCollateralV3. */
static const char *const text_members[2][4] = {
	{ "raw_tcb_info", "tcb_info_json", "tcb_info", "raw_tcb_evaluation_data_numbers" },
	{ "raw_enclave_identity", "enclave_identity_json", "qe_identity", NULL },
};

/* The object that is signed, if this is the signed form; else the object itself. A new reference. */
static json_t *signed_object(struct json_reader *r, json_t *root)
{
	uint8_t signature[64];

	for (size_t i = 0; i < sizeof(signed_members) / sizeof(*signed_members); i++) {
		json_t *inner = json_reader_optional(r, root, signed_members[i], JSON_OBJECT);

		if (!inner)
			continue;
		json_reader_hex(r, root, "signature", signature, sizeof(signature));
		return r->bad ? NULL : json_incref(inner);
	}
	return r->bad ? NULL : json_incref(root);
}

static json_t *inner_object(struct json_reader *r, json_t *root, bool identity)
{
	for (size_t i = 0; i < 4 && text_members[identity][i]; i++) {
		json_t *text = json_reader_optional(r, root, text_members[identity][i],
						    JSON_STRING),
		       *inner, *object;

		if (!text)
			continue;
		inner = json_reader_load(r,
					 SPAN(json_string_value(text), json_string_length(text)));
		object = inner ? signed_object(r, inner) : NULL;
		json_decref(inner);
		return object;
	}
	return signed_object(r, root);
}

static void date_text(int64_t date, const json_t *advisories, char *ret_text, size_t room)
{
	char day[32];
	const json_t *item;
	size_t i, at;
	int n = snprintf(ret_text, room, "%.10s", time_text(date, day));

	at = n > 0 ? (size_t)n : 0;
	json_array_foreach(advisories, i, item) {
		n = snprintf(ret_text + at, room - at, " %s", json_string_value(item));
		if (n < 0 || (size_t)n >= room - at)
			break;
		at += (size_t)n;
	}
}

static void svn_levels(struct appraisal *a, const char *claim, const char *prefix,
		       const struct svn_level *levels, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char text[512];

		date_text(levels[i].date, levels[i].advisories, text, sizeof(text));
		claim_add(a, claim, "%sisvsvn %u: %s, %s", prefix, levels[i].isvsvn,
			  tcb_status_name(levels[i].status), text);
	}
}

static void tcb_levels(struct appraisal *a, const struct tcb_info *info)
{
	for (size_t i = 0; i < info->level_count; i++) {
		const struct tcb_level *level = &info->levels[i];
		char text[512], sgx[40], tdx[40];

		date_text(level->date, level->advisories, text, sizeof(text));
		hex_text(SPAN_OF(level->sgx), sgx, sizeof(sgx));
		hex_text(SPAN_OF(level->tdx), tdx, sizeof(tdx));
		claim_add(a, "intel.levels", "sgx %s%s%s pcesvn %u: %s, %s", sgx,
			  info->tdx ? " tdx " : "", info->tdx ? tdx : "", level->pcesvn,
			  tcb_status_name(level->status), text);
	}
	for (size_t i = 0; i < info->module_count; i++) {
		char prefix[32], id[24];

		snprintf(prefix, sizeof(prefix), "%s ",
			 safe_text(SPAN(info->modules[i].id, strlen(info->modules[i].id)), id,
				   sizeof(id)));
		svn_levels(a, "intel.modules", prefix, info->modules[i].levels,
			   info->modules[i].level_count);
	}
}

static void common_claims(struct appraisal *a, const char *id, uint32_t version, int64_t issued,
			  int64_t next_update)
{
	claim_string(a, "intel.id", id);
	claim_uint(a, "intel.version", version);
	claim_time(a, "intel.issued", issued);
	claim_time(a, "intel.next_update", next_update);
}

static int tcb_info_show(struct appraisal *a, json_t *object)
{
	struct tcb_info *info;
	int r = tcb_info_read(object, &info, a->err);

	if (r)
		return r;
	common_claims(a, info->tdx ? "TDX" : "SGX", info->version, info->issue_date,
		      info->next_update);
	claim_bytes(a, "platform.fmspc", SPAN_OF(info->fmspc));
	claim_bytes(a, "platform.pceid", SPAN_OF(info->pceid));
	claim_uint(a, "tcb.evaluation_number", info->evaluation_number);
	if (info->tdx)
		claim_bytes(a, "tdx.mrsignerseam", SPAN_OF(info->module.mrsigner));
	tcb_levels(a, info);
	tcb_info_free(info);
	return 0;
}

static int evaluation_numbers_show(struct appraisal *a, json_t *object)
{
	struct evaluation_numbers numbers;
	int r = evaluation_numbers_read(object, &numbers, a->err);

	if (r)
		return r;
	common_claims(a, numbers.tdx ? "TDX" : "SGX", 1, numbers.issue_date, numbers.next_update);
	claim_uint(a, "tcb.evaluation_number", numbers.newest);
	return 0;
}

static int qe_identity_show(struct appraisal *a, json_t *object)
{
	static const char *const ids[] = {
		[ENCLAVE_QE] = "QE", [ENCLAVE_TD_QE] = "TD_QE", [ENCLAVE_QVE] = "QVE", [ENCLAVE_QAE] = "QAE"
	};
	struct qe_identity *identity;
	int r = qe_identity_read(object, &identity, a->err);

	if (r)
		return r;
	common_claims(a, ids[identity->id], 2, identity->issue_date, identity->next_update);
	claim_uint(a, "tcb.evaluation_number", identity->evaluation_number);
	claim_bytes(a, "sgx.mrsigner", SPAN_OF(identity->mrsigner));
	claim_uint(a, "sgx.isvprodid", identity->isvprodid);
	claim_bytes(a, "sgx.attributes", SPAN_OF(identity->attributes));
	claim_bytes(a, "sgx.sigstruct.attributes_mask", SPAN_OF(identity->attributes_mask));
	claim_uint(a, "sgx.miscselect", identity->miscselect);
	claim_uint(a, "sgx.sigstruct.miscselect_mask", identity->miscselect_mask);
	svn_levels(a, "intel.levels", "", identity->levels, identity->level_count);
	qe_identity_free(identity);
	return 0;
}

static int json_appraise(struct appraisal *a, struct span in, bool identity)
{
	struct json_reader r = { .err = a->err, .what = identity ? "QE identity" : "TCB info" };
	json_t *root = json_reader_load(&r, in),
	       *object = root ? inner_object(&r, root, identity) : NULL;
	int result = -EBADMSG;

	if (object && identity)
		result = qe_identity_show(a, object);
	else if (object && json_object_get(object, "tcbEvalNumbers"))
		result = evaluation_numbers_show(a, object);
	else if (object)
		result = tcb_info_show(a, object);
	json_decref(object);
	json_decref(root);
	return result;
}

static int tcb_info_appraise(struct appraisal *a, struct span in)
{
	return json_appraise(a, in, false);
}
static int qe_identity_appraise(struct appraisal *a, struct span in)
{
	return json_appraise(a, in, true);
}

const struct evidence_type tcb_info_type = {
	.name = "tcb-info",
	.meaning = "Intel TCB info, or TCB evaluation data numbers: collateral",
	.detect = tcb_info_detect,
	.appraise = tcb_info_appraise,
	.decode_only = true,
};
const struct evidence_type qe_identity_type = {
	.name = "qe-identity",
	.meaning = "Intel enclave identity: collateral",
	.detect = qe_identity_detect,
	.appraise = qe_identity_appraise,
	.decode_only = true,
};
