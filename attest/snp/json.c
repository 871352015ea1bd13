/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON of outside, bounded. jansson reads recursively, so nesting is counted before it
 * runs, and size is bounded too: its numbers and strings cost a multiple of the text.
 */
#include "attest/snp/snp.h"
#include "lib/jose/jose.h"

#include <errno.h>
#include <stdlib.h>

#define DEPTH_MAX 16

static bool depth_fits(struct span in)
{
	unsigned depth = 0;
	bool text = false;

	for (size_t i = 0; i < in.size; i++) {
		uint8_t c = in.data[i];

		if (text) {
			if (c == '\\')
				i++;
			else if (c == '"')
				text = false;
		} else if (c == '"') {
			text = true;
		} else if (c == '{' || c == '[') {
			if (++depth > DEPTH_MAX)
				return false;
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		}
	}
	return true;
}

json_t *snp_json_load(struct span in, const char *what, struct cattest_error *err)
{
	json_error_t error;
	json_t *root;

	if (in.size > SNP_JSON_MAX || !depth_fits(in)) {
		fail(err, -E2BIG, "%s is larger or nested deeper than allowed", what);
		return NULL;
	}
	root = json_loadb((const char *)in.data, in.size, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		char text[160];

		fail(err, -EBADMSG, "%s is no JSON object: line %d: %s", what, error.line,
		     safe_text(SPAN(error.text, strlen(error.text)), text, sizeof(text)));
		return NULL;
	}
	if (!json_is_object(root)) {
		json_decref(root);
		fail(err, -EBADMSG, "%s is no JSON object", what);
		return NULL;
	}
	return root;
}

static int bytes_of_array(const json_t *value, size_t max, uint8_t **ret_data, size_t *ret_size)
{
	size_t count = json_array_size(value);
	uint8_t *data;

	if (count > max)
		return -E2BIG;
	data = malloc(count + 1);
	if (!data)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(value, i);
		json_int_t number = json_integer_value(item);

		if (!json_is_integer(item) || number < 0 || number > 255) {
			free(data);
			return -EBADMSG;
		}
		data[i] = (uint8_t)number;
	}
	*ret_data = data;
	*ret_size = count;
	return 0;
}

static int bytes_of_hex(const char *text, size_t len, uint8_t **ret_data, size_t *ret_size)
{
	uint8_t *data = malloc(len / 2 + 1);
	int r;

	if (!data)
		return -ENOMEM;
	r = hex_parse(text, len, data, len / 2);
	if (r < 0) {
		free(data);
		return r;
	}
	*ret_data = data;
	*ret_size = len / 2;
	return 0;
}

/* Both alphabets, padded or not: writers differ. */
static int bytes_of_base64(const char *text, size_t len, uint8_t **ret_data, size_t *ret_size)
{
	char *plain;
	int r;

	while (len && text[len - 1] == '=')
		len--;
	plain = malloc(len + 4);
	if (!plain)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++)
		plain[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
	while (len % 4)
		plain[len++] = '=';
	r = base64_decode(plain, len, ret_data, ret_size);
	free(plain);
	return r;
}

int snp_json_bytes(const json_t *value, enum snp_json_form form, size_t max, uint8_t **ret_data,
		   size_t *ret_size)
{
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);

	if (json_is_array(value))
		return bytes_of_array(value, max, ret_data, ret_size);
	if (!text)
		return -EBADMSG;
	if (len / 2 > max)
		return -E2BIG;
	return form == SNP_JSON_HEX ? bytes_of_hex(text, len, ret_data, ret_size)
				    : bytes_of_base64(text, len, ret_data, ret_size);
}
