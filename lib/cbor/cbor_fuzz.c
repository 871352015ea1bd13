/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CBOR reader on any bytes: no crash, and its answers agree with each other: what is
 * well-formed for the strict reader is so for the lenient one; walking by heads ends where
 * skipping ends; a strict item written again is the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/cbor/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool so)
{
	if (!so)
		abort();
}

static void rewrite(const struct cbor_item *item, struct cbor_writer *w)
{
	switch (item->type) {
	case CBOR_UINT:
		cbor_put_uint(w, item->number);
		break;
	case CBOR_BYTES:
		cbor_put_bytes(w, item->data, item->size);
		break;
	case CBOR_ARRAY:
		cbor_put_array(w, item->number);
		break;
	case CBOR_MAP:
		cbor_put_map(w, item->number);
		break;
	case CBOR_TAG:
		cbor_put_tag(w, item->number);
		break;
	default:
		cbor_put_encoded(w, item->start,
				 item->type == CBOR_TEXT
					 ? (size_t)(item->data + item->size - item->start)
				 : item->type == CBOR_FLOAT   ? 1 + item->size
				 : item->type == CBOR_SIMPLE  ? 1u + (item->number >= 32)
				 : item->number < 24	      ? 1
				 : item->number < 256	      ? 2
				 : item->number < 65536	      ? 3
				 : item->number <= UINT32_MAX ? 5
							      : 9);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool strict = cbor_well_formed(data, size, false),
	     lenient = cbor_well_formed(data, size, true);
	uint8_t *copy = malloc(size + 1);
	char *shown = malloc(4096);
	struct cbor_writer w;
	struct cbor_item item;
	struct cbor c, value;

	require(!strict || lenient);
	require(cbor_diagnose(data, size, shown, 4096) == lenient && strlen(shown) < 4096);
	for (int mode = 0; mode < 2; mode++) {
		if (mode)
			cbor_init_lenient(&c, data, size);
		else
			cbor_init(&c, data, size);
		cbor_writer_init(&w, copy, size);
		while (cbor_next(&c, &item)) {
			rewrite(&item, &w);
			if (item.type == CBOR_MAP) {
				struct cbor at = c;

				if (cbor_map_find(&at, item.number, 1, &value))
					cbor_skip(&value, NULL, NULL);
				cbor_map_find_text(&at, item.number, "k", &value);
			}
		}
		if (mode ? lenient : strict)
			require(c.at == c.end || *c.at == 0xff);
	}
	if (strict) {
		cbor_init(&c, data, size);
		cbor_writer_init(&w, copy, size);
		while (!cbor_done(&c)) {
			require(cbor_next(&c, &item));
			rewrite(&item, &w);
		}
		require(!w.overflow && w.size == size && !memcmp(copy, data, size));
	}
	free(copy);
	free(shown);
	return 0;
}
