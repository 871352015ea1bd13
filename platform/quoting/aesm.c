/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codec of the AESM protocol, driven by one table. Protobuf (encoding guide): a field is varint
 * (number << 3 | wire type), then for type 0 a varint, for type 2 a varint length and bytes; 1 and
 * 5 are fixed 64 and 32 bits, skipped where they are unknown; groups (3, 4) are refused.
 */
#include "platform/quoting/aesm.h"

#include <errno.h>
#include <string.h>

/*
 * By field number 1 to 9: b bytes, n varint, - none; capitals: required. Requests, then responses.
 */
struct schema {
	uint32_t kind;
	char fields[AESM_FIELDS];
};
static const struct schema requests[] = {
	{ AESM_INIT_QUOTE, "--------n" },    { AESM_GET_QUOTE, "BNBbbNn-n" },
	{ AESM_LAUNCH_TOKEN, "BBB-----n" },  { AESM_INIT_QUOTE_EX, "b-Nn----n" },
	{ AESM_QUOTE_SIZE_EX, "b-------n" }, { AESM_GET_QUOTE_EX, "BbbN----n" },
	{ AESM_SELECT_KEY_ID, "bn-------" }, { AESM_KEY_ID_COUNT, "--------n" },
	{ AESM_KEY_IDS, "n-------n" },
};
static const struct schema responses[] = {
	{ AESM_INIT_QUOTE, "Nbb------" },    { AESM_GET_QUOTE, "Nbb------" },
	{ AESM_LAUNCH_TOKEN, "Nb-------" },  { AESM_INIT_QUOTE_EX, "Nbnb-----" },
	{ AESM_QUOTE_SIZE_EX, "Nn-------" }, { AESM_GET_QUOTE_EX, "Nbb------" },
	{ AESM_SELECT_KEY_ID, "Nb-------" }, { AESM_UNSUPPORTED, "N--------" },
	{ AESM_KEY_ID_COUNT, "Nn-------" },  { AESM_KEY_IDS, "Nb-------" },
};

static const struct schema *find_schema(const struct schema *table, size_t count, uint64_t kind)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].kind == kind)
			return &table[i];
	return NULL;
}

const char *aesm_error_text(uint64_t code)
{
	switch (code) {
	case AESM_SUCCESS:
		return "success";
	case AESM_UNEXPECTED_ERROR:
		return "unexpected error";
	case AESM_PARAMETER_ERROR:
		return "parameter error";
	case AESM_SERVICE_UNAVAILABLE:
		return "service unavailable (no SGX, no quoting enclave, or no provisioned key)";
	case AESM_UNSUPPORTED_ATT_KEY_ID:
		return "attestation key not supported";
	case AESM_ATT_KEY_NOT_INITIALIZED:
		return "attestation key not initialized";
	case AESM_INVALID_REPORT:
		return "invalid report: not made on this machine, or not for its quoting enclave";
	}
	return "another error (aesm_error.h of the SGX SDK lists them)";
}

/* --- reading --- */

struct reader {
	const uint8_t *at, *end;
};

static bool read_varint(struct reader *r, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64 && r->at < r->end; shift += 7) {
		uint8_t byte = *r->at++;

		if (shift == 63 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

struct wire_field {
	uint64_t number, value;
	unsigned int type;
	const uint8_t *data;
	size_t size;
};

static bool read_field(struct reader *r, struct wire_field *ret)
{
	struct wire_field f = { 0 };
	uint64_t key, size = 0;

	if (!read_varint(r, &key))
		return false;
	f.number = key >> 3;
	f.type = key & 7;
	if (!f.number || f.number > 0x1fffffff)
		return false;
	if (f.type == 0 && !read_varint(r, &f.value))
		return false;
	if (f.type == 2 && !read_varint(r, &size))
		return false;
	if (f.type == 1 || f.type == 5)
		size = f.type == 1 ? 8 : 4;
	if (f.type == 3 || f.type == 4 || f.type > 5 || size > (uint64_t)(r->end - r->at))
		return false;
	f.data = r->at;
	f.size = (size_t)size;
	r->at += size;
	*ret = f;
	return true;
}

static int read_fields(const struct schema *s, const uint8_t *data, size_t size,
		       struct aesm_message *ret)
{
	struct reader r = { data, data + size };

	while (r.at < r.end) {
		struct wire_field f;
		char type;

		if (!read_field(&r, &f))
			return -EBADMSG;
		type = f.number < AESM_FIELDS ? s->fields[f.number - 1] : '-';
		if (type == '-')
			continue;
		if (ret->field[f.number].present ||
		    f.type != (type == 'b' || type == 'B' ? 2u : 0u))
			return -EBADMSG;
		ret->field[f.number] = (struct aesm_field){ true, f.value, f.data, f.size };
	}
	for (unsigned int i = 1; i < AESM_FIELDS; i++)
		if ((s->fields[i - 1] == 'B' || s->fields[i - 1] == 'N') && !ret->field[i].present)
			return -EBADMSG;
	return 0;
}

static int read_message(const struct schema *table, size_t count, const uint8_t *data, size_t size,
			struct aesm_message *ret)
{
	struct reader r = { data, data + size };
	struct aesm_message m = { 0 };
	const struct schema *s;
	struct wire_field f;
	int rc;

	/*
	 * One sub-message, and nothing beside it: what else there could be would be ignored by one
	 * reader and not by another.
	 */
	if (!read_field(&r, &f) || f.type != 2 || r.at != r.end)
		return -EBADMSG;
	s = find_schema(table, count, f.number);
	if (s) {
		m.kind = s->kind;
		rc = read_fields(s, f.data, f.size, &m);
		if (rc)
			return rc;
	}
	*ret = m;
	return 0;
}

int aesm_read_request(const uint8_t *data, size_t size, struct aesm_message *ret)
{
	return read_message(requests, sizeof(requests) / sizeof(requests[0]), data, size, ret);
}

int aesm_read_response(const uint8_t *data, size_t size, struct aesm_message *ret)
{
	return read_message(responses, sizeof(responses) / sizeof(responses[0]), data, size, ret);
}

/* --- writing --- */

struct writer {
	uint8_t *buffer; /* NULL: only counts */
	size_t room, size;
};

static void put_byte(struct writer *w, uint8_t byte)
{
	if (w->buffer && w->size < w->room)
		w->buffer[w->size] = byte;
	w->size++;
}

static void put_varint(struct writer *w, uint64_t value)
{
	while (value >= 0x80) {
		put_byte(w, (uint8_t)(value | 0x80));
		value >>= 7;
	}
	put_byte(w, (uint8_t)value);
}

static void put_bytes(struct writer *w, unsigned int number, const uint8_t *data, size_t size)
{
	put_varint(w, (uint64_t)number << 3 | 2);
	put_varint(w, size);
	if (w->buffer && w->size <= w->room && size <= w->room - w->size && size)
		memcpy(w->buffer + w->size, data, size);
	w->size += size;
}

static int put_fields(struct writer *w, const struct schema *s, const struct aesm_message *m)
{
	for (unsigned int i = 1; i < AESM_FIELDS; i++) {
		char type = s->fields[i - 1];

		if (!m->field[i].present) {
			if (type == 'B' || type == 'N')
				return -EINVAL;
			continue;
		}
		if (type == '-')
			return -EINVAL;
		if (type == 'b' || type == 'B') {
			put_bytes(w, i, m->field[i].data, m->field[i].size);
		} else {
			put_varint(w, (uint64_t)i << 3);
			put_varint(w, m->field[i].number);
		}
	}
	return 0;
}

static int write_message(const struct schema *s, const struct aesm_message *m, uint8_t *buffer,
			 size_t room, size_t *ret_size)
{
	struct writer inner = { 0 }, w = { buffer, room, 0 };
	int rc;

	if (!s)
		return -EINVAL;
	rc = put_fields(&inner, s, m);
	if (rc)
		return rc;
	put_varint(&w, (uint64_t)s->kind << 3 | 2);
	put_varint(&w, inner.size);
	(void)put_fields(&w, s, m);
	if (w.size > room)
		return -ENOBUFS;
	*ret_size = w.size;
	return 0;
}

int aesm_write_request(const struct aesm_message *m, uint8_t *buffer, size_t room, size_t *ret_size)
{
	return write_message(find_schema(requests, sizeof(requests) / sizeof(requests[0]), m->kind),
			     m, buffer, room, ret_size);
}

int aesm_write_response(const struct aesm_message *m, uint8_t *buffer, size_t room,
			size_t *ret_size)
{
	return write_message(find_schema(responses, sizeof(responses) / sizeof(responses[0]),
					 m->kind),
			     m, buffer, room, ret_size);
}
