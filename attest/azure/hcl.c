/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HCL report, as the vTPM's NV index 0x01400001 holds it ("Confidential VM guest attestation
 * design", Microsoft). Little endian.
 *
 *   0x000  "HCLA", version u32 (1, 2), size u32 (of all), request u32 (2), status u32 (0), zeroes
 *   0x020  hardware report: SNP 1184 bytes; TDREPORT 1024 bytes and zeroes
 *   0x4c0  runtime data: size u32 (20 and what follows), version u32 (1), report_type u32,
 *          hash_type u32, length u32
 *   0x4d4  JSON of that length, then zeroes (the NV index has a fixed size)
 *
 * Signed is only the JSON, through its hash in the hardware report, and the report itself. The rest
 * is framing: each field has one value that fits, and others are refused.
 */
#include "attest/azure/azure.h"
#include "attest/snp/snp.h"
#include "lib/jose/jose.h"

#include <errno.h>
#include <stdlib.h>

#define HEAD_SIZE 0x20u
#define REPORT_ROOM 0x4a0u
#define TDREPORT_SIZE 0x400u
#define RUNTIME_HEAD 20u
#define RUNTIME_MAX 65536u
#define REQUEST_REPORT 2u
#define AK_BITS_MIN 2048

static int parse_head(struct cursor *c, struct azure_hcl *hcl, uint32_t *ret_size,
		      struct cattest_error *err)
{
	struct span magic = take(c, 4);
	uint32_t request, status;
	struct span reserved;

	hcl->version = take_le32(c);
	*ret_size = take_le32(c);
	request = take_le32(c);
	status = take_le32(c);
	reserved = take(c, 12);
	if (c->bad || memcmp(magic.data, "HCLA", 4))
		return fail(err, -EBADMSG,
			    "no HCL report: it does not begin with \"HCLA\" and a head of %u bytes",
			    HEAD_SIZE);
	if (hcl->version < 1 || hcl->version > 2)
		return fail(err, -ENOTSUP, "HCL report of version %u: known are 1 and 2",
			    hcl->version);
	if (request != REQUEST_REPORT || status || !span_is_zero(reserved))
		return fail(
			err, -EBADMSG,
			"HCL report: request %u, status %u, or reserved bytes are not those of a report",
			request, status);
	return 0;
}

/* 1: none of the sizes of the algorithms is left out; they are those of the design document. */
static const char *hash_of_type(uint32_t type)
{
	static const char *const names[] = { NULL, "SHA256", "SHA384", "SHA512" };

	return type < sizeof(names) / sizeof(names[0]) ? names[type] : NULL;
}

int azure_hcl_parse(struct span in, struct azure_hcl *ret_hcl, struct cattest_error *err)
{
	struct azure_hcl hcl = { 0 };
	struct cursor c = CURSOR(in);
	uint32_t size, runtime_size, runtime_version, type, hash, length;
	struct span room;
	int r = parse_head(&c, &hcl, &size, err);

	if (r < 0)
		return r;
	room = take(&c, REPORT_ROOM);
	runtime_size = take_le32(&c);
	runtime_version = take_le32(&c);
	type = take_le32(&c);
	hash = take_le32(&c);
	length = take_le32(&c);
	if (c.bad)
		return fail(err, -EBADMSG, "HCL report of %zu bytes ends before its runtime data",
			    in.size);
	if (runtime_version != 1 || (type != AZURE_SNP && type != AZURE_TDX) || !hash_of_type(hash))
		return fail(
			err, -ENOTSUP,
			"HCL report: runtime data of version %u, report type %u, hash type %u is not known",
			runtime_version, type, hash);
	if (length > RUNTIME_MAX || runtime_size != RUNTIME_HEAD + length ||
	    size != HEAD_SIZE + REPORT_ROOM + runtime_size)
		return fail(
			err, -EBADMSG,
			"HCL report: sizes do not agree (%u in all, %u of runtime data, %u of JSON)",
			size, runtime_size, length);
	hcl.type = (enum azure_report)type;
	hcl.hash = hash_of_type(hash);
	hcl.runtime = take(&c, length);
	if (c.bad || !span_is_zero(take(&c, cursor_left(&c))))
		return fail(err, -EBADMSG,
			    "HCL report: its JSON ends early, or is followed by something");
	hcl.report = SPAN(room.data, type == AZURE_SNP ? SNP_REPORT_SIZE : TDREPORT_SIZE);
	if (!span_is_zero(SPAN(room.data + hcl.report.size, room.size - hcl.report.size)))
		return fail(err, -EBADMSG, "HCL report: something follows the TDREPORT");
	*ret_hcl = hcl;
	return 0;
}

/* --- Runtime data --- */

static bool is_ak(const json_t *key)
{
	const char *kid = json_string_value(json_object_get(key, "kid"));

	return kid && !strcmp(kid, "HCLAkPub");
}

static void parse_keys(const json_t *root, struct azure_runtime *rt)
{
	const json_t *keys = json_object_get(root, "keys"), *found = NULL;
	size_t i;
	json_t *key;

	json_array_foreach(keys, i, key) {
		if (!is_ak(key))
			continue;
		if (found) {
			rt->ak_fault = "it names two keys HCLAkPub";
			return;
		}
		found = key;
	}
	if (!found) {
		rt->ak_fault = "it names no key HCLAkPub";
	} else if (key_from_jwk(found, &rt->ak) < 0) {
		rt->ak = NULL;
		rt->ak_fault = "HCLAkPub is no usable JWK";
	} else if (EVP_PKEY_get_base_id(rt->ak) != EVP_PKEY_RSA ||
		   EVP_PKEY_get_bits(rt->ak) < AK_BITS_MIN) {
		EVP_PKEY_free(rt->ak);
		rt->ak = NULL;
		rt->ak_fault = "HCLAkPub is no RSA key of 2048 bits or more";
	}
}

int azure_runtime_parse(struct span json, struct azure_runtime *ret_runtime,
			struct cattest_error *err)
{
	struct azure_runtime rt = { .ak = NULL };
	json_t *root = snp_json_load(json, "the HCL report's runtime data", err);
	const json_t *user_data, *configuration;
	int r = 0;

	if (!root)
		return -EBADMSG;
	user_data = json_object_get(root, "user-data");
	configuration = json_object_get(root, "vm-configuration");
	if (user_data) {
		const char *text = json_string_value(user_data);

		rt.has_user_data = true;
		if (!text || hex_parse(text, strlen(text), rt.user_data, sizeof(rt.user_data)) < 0)
			r = fail(err, -EBADMSG,
				 "the HCL report's user-data is not 64 bytes in hex");
	}
	if (!r && configuration) {
		rt.configuration =
			json_dumps(configuration, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
		if (!rt.configuration)
			r = fail(err, -ENOMEM, "out of memory");
	}
	if (!r)
		parse_keys(root, &rt);
	json_decref(root);
	if (r < 0) {
		azure_runtime_done(&rt);
		return r;
	}
	*ret_runtime = rt;
	return 0;
}

void azure_runtime_done(struct azure_runtime *runtime)
{
	EVP_PKEY_free(runtime->ak);
	free(runtime->configuration);
	runtime->ak = NULL;
	runtime->configuration = NULL;
}
