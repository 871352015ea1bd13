// SPDX-License-Identifier: Apache-2.0
/*
 * Parses TCB infos, enclave identities and evaluation numbers (Intel PCS API version 4, "Get TCB Info", "Get Quoting Enclave
 * Identity"; version 2 of the TCB info is that of API version 3).
 *
 * An SVN of a component is a byte, and one that is larger makes the object malformed: cut to a byte, as Intel's verifier does, it
 * could match a lower TCB. Levels are put into Intel's order (components, then PCESVN, then TDX components, highest first) even if they do not
 * come in it, and two that are equal are an error, as in Intel's verifier.
 */
#include "attest/dcap/tcb_info.h"

#include "attest/dcap/json.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Levels and modules in one object: today at most 22 */
#define LEVELS_MAX 1024
#define ADVISORIES_MAX 512

static const char *const status_names[] = {
	[0] = "none",
	[TCB_UP_TO_DATE] = "UpToDate",
	[TCB_SW_HARDENING_NEEDED] = "SWHardeningNeeded",
	[TCB_CONFIGURATION_NEEDED] = "ConfigurationNeeded",
	[TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = "ConfigurationAndSWHardeningNeeded",
	[TCB_OUT_OF_DATE] = "OutOfDate",
	[TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = "OutOfDateConfigurationNeeded",
	[TCB_REVOKED] = "Revoked",
	[TCB_TD_RELAUNCH_ADVISED] = "TDRelaunchAdvised",
	[TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED] = "TDRelaunchAdvisedConfigurationNeeded",
};

const char *tcb_status_name(enum tcb_status status)
{
	return (size_t)status < sizeof(status_names) / sizeof(*status_names) ? status_names[status]
									     : "none";
}

static enum tcb_status status_read(struct json_reader *r, const json_t *level)
{
	const char *text = json_reader_string(r, level, "tcbStatus");

	for (int i = TCB_UP_TO_DATE; i <= TCB_REVOKED; i++)
		if (!strcmp(text, status_names[i]))
			return (enum tcb_status)i;
	json_reader_fail(r, "\"tcbStatus\" is not a status that is known");
	return 0;
}

static json_t *advisories_read(struct json_reader *r, const json_t *level)
{
	json_t *list = json_reader_optional(r, level, "advisoryIDs", JSON_ARRAY), *item;
	size_t i;

	if (json_array_size(list) > ADVISORIES_MAX)
		json_reader_fail(r, "more than %d advisories", ADVISORIES_MAX);
	json_array_foreach(list, i, item) {
		const char *text = json_string_value(item);

		if (!text || !*text || strlen(text) > 64)
			json_reader_fail(r, "an entry of \"advisoryIDs\" is not an identifier");
		for (const char *p = text; p && *p && !r->bad; p++)
			if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_' && *p != '.')
				json_reader_fail(
					r, "an entry of \"advisoryIDs\" is not an identifier");
	}
	return list;
}

/* A list that is there and not empty; its elements are zeroed. */
static void *list_read(struct json_reader *r, const json_t *object, const char *name,
		       size_t element_size, json_t **ret_array)
{
	json_t *array = json_reader_member(r, object, name, JSON_ARRAY);
	size_t count = json_array_size(array);
	void *elements;

	if (!count || count > LEVELS_MAX) {
		json_reader_fail(r, "\"%s\" has %zu entries, not 1 to %d", name, count, LEVELS_MAX);
		return NULL;
	}
	elements = calloc(count, element_size);
	if (!elements)
		json_reader_fail(r, "out of memory");
	*ret_array = array;
	return elements;
}

/* Arrays of {"svn": 0..255}, exactly 16 (version 3). */
static void components_read(struct json_reader *r, const json_t *tcb, const char *name,
			    uint8_t ret_svn[TCB_COMPONENTS])
{
	json_t *array = json_reader_member(r, tcb, name, JSON_ARRAY), *item;
	size_t i;

	if (json_array_size(array) != TCB_COMPONENTS) {
		json_reader_fail(r, "\"%s\" does not have 16 entries", name);
		return;
	}
	json_array_foreach(array, i, item) {
		if (!json_is_object(item))
			json_reader_fail(r, "an entry of \"%s\" is not an object", name);
		ret_svn[i] = (uint8_t)json_reader_number(r, item, "svn", UINT8_MAX);
		json_reader_optional(r, item, "category", JSON_STRING);
		json_reader_optional(r, item, "type", JSON_STRING);
	}
}

static void level_read(struct json_reader *r, const json_t *object, const struct tcb_info *info,
		       struct tcb_level *ret_level)
{
	json_t *tcb;

	if (!json_is_object(object))
		json_reader_fail(r, "an entry of \"tcbLevels\" is not an object");
	tcb = json_reader_member(r, object, "tcb", JSON_OBJECT);
	ret_level->pcesvn = (uint16_t)json_reader_number(r, tcb, "pcesvn", UINT16_MAX);
	if (info->version == 2) {
		for (int i = 0; i < TCB_COMPONENTS; i++) {
			char name[32];

			snprintf(name, sizeof(name), "sgxtcbcomp%02dsvn", i + 1);
			ret_level->sgx[i] = (uint8_t)json_reader_number(r, tcb, name, UINT8_MAX);
		}
	} else {
		components_read(r, tcb, "sgxtcbcomponents", ret_level->sgx);
		if (info->tdx)
			components_read(r, tcb, "tdxtcbcomponents", ret_level->tdx);
	}
	ret_level->status = status_read(r, object);
	ret_level->date = json_reader_time(r, object, "tcbDate");
	ret_level->advisories = advisories_read(r, object);
}

static int level_compare(const void *left, const void *right)
{
	const struct tcb_level *a = left, *b = right;
	int order = memcmp(b->sgx, a->sgx, sizeof(a->sgx));

	if (!order)
		order = (int)b->pcesvn - (int)a->pcesvn;
	return order ? order : memcmp(b->tdx, a->tdx, sizeof(a->tdx));
}

static void levels_read(struct json_reader *r, const json_t *object, struct tcb_info *info)
{
	json_t *array = NULL, *item;
	size_t i;

	info->levels = list_read(r, object, "tcbLevels", sizeof(*info->levels), &array);
	if (r->bad)
		return;
	info->level_count = json_array_size(array);
	json_array_foreach(array, i, item)
		level_read(r, item, info, &info->levels[i]);
	if (r->bad)
		return;
	qsort(info->levels, info->level_count, sizeof(*info->levels), level_compare);
	for (i = 1; i < info->level_count; i++)
		if (!level_compare(&info->levels[i - 1], &info->levels[i]))
			json_reader_fail(r, "two of \"tcbLevels\" are of the same TCB");
}

static int svn_level_compare(const void *left, const void *right)
{
	const struct svn_level *a = left, *b = right;

	return (int)b->isvsvn - (int)a->isvsvn;
}

static struct svn_level *svn_levels_read(struct json_reader *r, const json_t *object, bool module,
					 size_t *ret_count)
{
	json_t *array = NULL, *item;
	struct svn_level *levels = list_read(r, object, "tcbLevels", sizeof(*levels), &array);
	size_t i;

	if (r->bad)
		return levels;
	*ret_count = json_array_size(array);
	json_array_foreach(array, i, item) {
		struct svn_level *level = &levels[i];
		json_t *tcb;

		if (!json_is_object(item))
			json_reader_fail(r, "an entry of \"tcbLevels\" is not an object");
		tcb = json_reader_member(r, item, "tcb", JSON_OBJECT);
		level->isvsvn = (uint16_t)json_reader_number(r, tcb, "isvsvn", UINT16_MAX);
		level->status = status_read(r, item);
		level->date = json_reader_time(r, item, "tcbDate");
		level->advisories = advisories_read(r, item);
		/* Section 4.1.2.5.2.2 of Intel's verifier knows these three for modules. */
		if (module && level->status && level->status != TCB_UP_TO_DATE &&
		    level->status != TCB_OUT_OF_DATE && level->status != TCB_REVOKED)
			json_reader_fail(r, "\"tcbStatus\" %s is none of a TDX module",
					 tcb_status_name(level->status));
	}
	if (r->bad)
		return levels;
	qsort(levels, *ret_count, sizeof(*levels), svn_level_compare);
	for (i = 1; i < *ret_count; i++)
		if (levels[i - 1].isvsvn == levels[i].isvsvn)
			json_reader_fail(r, "two of \"tcbLevels\" are of the same SVN");
	return levels;
}

static void module_read(struct json_reader *r, const json_t *object, struct tdx_module *ret_module)
{
	json_reader_hex(r, object, "mrsigner", ret_module->mrsigner, sizeof(ret_module->mrsigner));
	json_reader_hex(r, object, "attributes", ret_module->attributes,
			sizeof(ret_module->attributes));
	json_reader_hex(r, object, "attributesMask", ret_module->attributes_mask,
			sizeof(ret_module->attributes_mask));
}

/* 1 for "TDX_01", any case. */
static int module_version(const char *id)
{
	uint8_t version;

	if (strlen(id) != 6 || strncasecmp(id, "TDX_", 4) || hex_parse(id + 4, 2, &version, 1) < 0)
		return -1;
	return version;
}

static void modules_read(struct json_reader *r, const json_t *object, struct tcb_info *info)
{
	json_t *array = NULL, *item;
	size_t i;

	if (!json_reader_optional(r, object, "tdxModuleIdentities", JSON_ARRAY))
		return;
	info->modules = list_read(r, object, "tdxModuleIdentities", sizeof(*info->modules), &array);
	if (r->bad)
		return;
	info->module_count = json_array_size(array);
	json_array_foreach(array, i, item) {
		struct tdx_module_identity *module = &info->modules[i];

		if (!json_is_object(item))
			json_reader_fail(r, "an entry of \"tdxModuleIdentities\" is not an object");
		module->id = json_reader_string(r, item, "id");
		module->version = module_version(module->id);
		module_read(r, item, &module->module);
		module->levels = svn_levels_read(r, item, true, &module->level_count);
		for (size_t j = 0; j < i && module->version >= 0; j++)
			if (info->modules[j].version == module->version)
				json_reader_fail(r,
						 "two of \"tdxModuleIdentities\" are of TDX_%02X",
						 module->version);
	}
}

static void tcb_info_fields(struct json_reader *r, const json_t *o, struct tcb_info *info)
{
	info->version = json_reader_number(r, o, "version", UINT32_MAX);
	if (!r->bad && info->version != 2 && info->version != 3)
		json_reader_fail(r, "version %u is not known (2 and 3 are)", info->version);
	if (info->version == 3) {
		const char *id = json_reader_string(r, o, "id");

		info->tdx = !strcmp(id, "TDX");
		if (!info->tdx && strcmp(id, "SGX"))
			json_reader_fail(r, "\"id\" is neither SGX nor TDX");
	}
	info->issue_date = json_reader_time(r, o, "issueDate");
	info->next_update = json_reader_time(r, o, "nextUpdate");
	json_reader_hex(r, o, "fmspc", info->fmspc, sizeof(info->fmspc));
	json_reader_hex(r, o, "pceId", info->pceid, sizeof(info->pceid));
	if (json_reader_number(r, o, "tcbType", UINT32_MAX))
		json_reader_fail(r, "\"tcbType\" is not 0");
	info->evaluation_number = json_reader_number(r, o, "tcbEvaluationDataNumber", UINT32_MAX);
	if (info->tdx) {
		json_t *module = json_reader_member(r, o, "tdxModule", JSON_OBJECT);

		module_read(r, module, &info->module);
		modules_read(r, o, info);
	} else if (!r->bad &&
		   (json_object_get(o, "tdxModule") || json_object_get(o, "tdxModuleIdentities"))) {
		json_reader_fail(r, "of SGX, but with a TDX module");
	}
	levels_read(r, o, info);
}

int tcb_info_read(json_t *object, struct tcb_info **ret_info, struct cattest_error *err)
{
	struct json_reader r = { .err = err, .what = "TCB info" };
	struct tcb_info *info = calloc(1, sizeof(*info));

	if (!info)
		return fail(err, -ENOMEM, "out of memory");
	info->root = json_incref(object);
	tcb_info_fields(&r, object, info);
	if (r.bad) {
		tcb_info_free(info);
		return -EBADMSG;
	}
	*ret_info = info;
	return 0;
}

int tcb_info_parse(struct span text, struct tcb_info **ret_info, struct cattest_error *err)
{
	struct json_reader r = { .err = err, .what = "TCB info" };
	json_t *root = json_reader_load(&r, text);
	int result = root ? tcb_info_read(root, ret_info, err) : -EBADMSG;

	json_decref(root);
	return result;
}

void tcb_info_free(struct tcb_info *info)
{
	if (!info)
		return;
	for (size_t i = 0; i < info->module_count; i++)
		free(info->modules[i].levels);
	free(info->modules);
	free(info->levels);
	json_decref(info->root);
	free(info);
}

static enum enclave_id enclave_id_read(struct json_reader *r, const json_t *o)
{
	static const char *const names[] = {
		[ENCLAVE_QE] = "QE", [ENCLAVE_TD_QE] = "TD_QE", [ENCLAVE_QVE] = "QVE", [ENCLAVE_QAE] = "QAE"
	};
	const char *id = json_reader_string(r, o, "id");

	for (int i = ENCLAVE_QE; i <= ENCLAVE_QAE; i++)
		if (!strcmp(id, names[i]))
			return (enum enclave_id)i;
	json_reader_fail(r, "\"id\" is not QE, TD_QE, QVE or QAE");
	return 0;
}

static void qe_identity_fields(struct json_reader *r, const json_t *o, struct qe_identity *identity)
{
	uint32_t version = json_reader_number(r, o, "version", UINT32_MAX);
	uint8_t bytes[4];

	if (!r->bad && version != 2)
		json_reader_fail(r, "version %u is not known (2 is)", version);
	identity->id = enclave_id_read(r, o);
	identity->issue_date = json_reader_time(r, o, "issueDate");
	identity->next_update = json_reader_time(r, o, "nextUpdate");
	identity->evaluation_number =
		json_reader_number(r, o, "tcbEvaluationDataNumber", UINT32_MAX);
	/* Hex text is the bytes in memory order, as of all the fields here. */
	json_reader_hex(r, o, "miscselect", bytes, sizeof(bytes));
	identity->miscselect = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
			       (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
	json_reader_hex(r, o, "miscselectMask", bytes, sizeof(bytes));
	identity->miscselect_mask = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
				    (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
	json_reader_hex(r, o, "attributes", identity->attributes, sizeof(identity->attributes));
	json_reader_hex(r, o, "attributesMask", identity->attributes_mask,
			sizeof(identity->attributes_mask));
	json_reader_hex(r, o, "mrsigner", identity->mrsigner, sizeof(identity->mrsigner));
	identity->isvprodid = (uint16_t)json_reader_number(r, o, "isvprodid", UINT16_MAX);
	identity->levels = svn_levels_read(r, o, false, &identity->level_count);
}

int qe_identity_read(json_t *object, struct qe_identity **ret_identity, struct cattest_error *err)
{
	struct json_reader r = { .err = err, .what = "QE identity" };
	struct qe_identity *identity = calloc(1, sizeof(*identity));

	if (!identity)
		return fail(err, -ENOMEM, "out of memory");
	identity->root = json_incref(object);
	qe_identity_fields(&r, object, identity);
	if (r.bad) {
		qe_identity_free(identity);
		return -EBADMSG;
	}
	*ret_identity = identity;
	return 0;
}

int qe_identity_parse(struct span text, struct qe_identity **ret_identity,
		      struct cattest_error *err)
{
	struct json_reader r = { .err = err, .what = "QE identity" };
	json_t *root = json_reader_load(&r, text);
	int result = root ? qe_identity_read(root, ret_identity, err) : -EBADMSG;

	json_decref(root);
	return result;
}

void qe_identity_free(struct qe_identity *identity)
{
	if (!identity)
		return;
	if (identity->memory_free)
		identity->memory_free(identity->memory);
	free(identity->levels);
	json_decref(identity->root);
	free(identity);
}

int evaluation_numbers_read(json_t *o, struct evaluation_numbers *ret_numbers,
			    struct cattest_error *err)
{
	struct json_reader r = { .err = err, .what = "TCB evaluation data numbers" };
	struct evaluation_numbers numbers = { .oldest = UINT32_MAX };
	const char *id = json_reader_string(&r, o, "id");
	json_t *array, *item;
	size_t i;

	numbers.tdx = !strcmp(id, "TDX");
	if (!numbers.tdx && strcmp(id, "SGX"))
		json_reader_fail(&r, "\"id\" is neither SGX nor TDX");
	if (json_reader_number(&r, o, "version", UINT32_MAX) != 1)
		json_reader_fail(&r, "its version is not known (1 is)");
	numbers.issue_date = json_reader_time(&r, o, "issueDate");
	numbers.next_update = json_reader_time(&r, o, "nextUpdate");
	array = json_reader_member(&r, o, "tcbEvalNumbers", JSON_ARRAY);
	numbers.count = json_array_size(array);
	if (!numbers.count || numbers.count > LEVELS_MAX)
		json_reader_fail(&r, "\"tcbEvalNumbers\" has %zu entries, not 1 to %d",
				 numbers.count, LEVELS_MAX);
	json_array_foreach(array, i, item) {
		uint32_t number;

		if (!json_is_object(item))
			json_reader_fail(&r, "an entry of \"tcbEvalNumbers\" is not an object");
		number = json_reader_number(&r, item, "tcbEvaluationDataNumber", UINT32_MAX);
		json_reader_time(&r, item, "tcbRecoveryEventDate");
		json_reader_time(&r, item, "tcbDate");
		if (number > numbers.newest)
			numbers.newest = number;
		if (number < numbers.oldest)
			numbers.oldest = number;
	}
	if (r.bad)
		return -EBADMSG;
	*ret_numbers = numbers;
	return 0;
}

int evaluation_numbers_parse(struct span text, struct evaluation_numbers *ret_numbers,
			     struct cattest_error *err)
{
	struct json_reader r = { .err = err, .what = "TCB evaluation data numbers" };
	json_t *root = json_reader_load(&r, text);
	int result = root ? evaluation_numbers_read(root, ret_numbers, err) : -EBADMSG;

	json_decref(root);
	return result;
}
