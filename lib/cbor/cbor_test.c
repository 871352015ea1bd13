/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CBOR reader and writer: the examples of RFC 8949, appendix A (each must be accepted or
 * refused as our rules say, and shown as the RFC shows it), what is not well-formed (appendix F),
 * and what only our rules refuse.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cbor/cbor.h"

static int failed;

#define EXPECT(c)                                                              \
	do {                                                                   \
		if (!(c)) {                                                    \
			printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #c); \
			failed = 1;                                            \
		}                                                              \
	} while (0)

static size_t unhex(const char *hex, uint8_t *ret_bytes)
{
	size_t size = 0;

	for (; *hex; hex += 2) {
		unsigned byte;

		if (sscanf(hex, "%2x", &byte) != 1)
			abort();
		ret_bytes[size++] = (uint8_t)byte;
	}
	return size;
}

/* S: both readers; L: only the lenient one; X: neither. */
static const struct {
	char who;
	const char *hex, *shown;
} examples[] = {
	{ 'S', "00", "0" },
	{ 'S', "01", "1" },
	{ 'S', "0a", "10" },
	{ 'S', "17", "23" },
	{ 'S', "1818", "24" },
	{ 'S', "1864", "100" },
	{ 'S', "1903e8", "1000" },
	{ 'S', "1a000f4240", "1000000" },
	{ 'S', "1b000000e8d4a51000", "1000000000000" },
	{ 'S', "1bffffffffffffffff", "18446744073709551615" },
	{ 'S', "c249010000000000000000", "2(h'010000000000000000')" },
	{ 'S', "3bffffffffffffffff", "-18446744073709551616" },
	{ 'S', "20", "-1" },
	{ 'S', "29", "-10" },
	{ 'S', "3863", "-100" },
	{ 'S', "3903e7", "-1000" },
	{ 'S', "f90000", "0.0" },
	{ 'S', "f98000", "-0.0" },
	{ 'S', "f93c00", "1.0" },
	{ 'S', "fb3ff199999999999a", "1.100000000000000088817841970012523233890533447265625" },
	{ 'S', "f93e00", "1.5" },
	{ 'S', "f97bff", "65504.0" },
	{ 'S', "fa47c35000", "100000.0" },
	{ 'S', "fa7f7fffff", "float'7f7fffff'" },
	{ 'S', "fb7e37e43c8800759c", "float'7e37e43c8800759c'" },
	{ 'S', "f90001", "0.000000059604644775390625" },
	{ 'S', "f90400", "0.00006103515625" },
	{ 'S', "f9c400", "-4.0" },
	{ 'S', "fbc010666666666666", "-4.0999999999999996447286321199499070644378662109375" },
	{ 'S', "f97c00", "Infinity" },
	{ 'S', "f97e00", "NaN" },
	{ 'S', "f9fc00", "-Infinity" },
	{ 'L', "fa7f800000", "Infinity" },
	{ 'L', "fa7fc00000", "NaN" },
	{ 'L', "faff800000", "-Infinity" },
	{ 'L', "fb7ff0000000000000", "Infinity" },
	{ 'L', "fb7ff8000000000000", "NaN" },
	{ 'L', "fbfff0000000000000", "-Infinity" },
	{ 'S', "f4", "false" },
	{ 'S', "f5", "true" },
	{ 'S', "f6", "null" },
	{ 'S', "f7", "undefined" },
	{ 'S', "f0", "simple(16)" },
	{ 'S', "f8ff", "simple(255)" },
	{ 'S', "c074323031332d30332d32315432303a30343a30305a", "0(\"2013-03-21T20:04:00Z\")" },
	{ 'S', "c11a514b67b0", "1(1363896240)" },
	{ 'S', "c1fb41d452d9ec200000", "1(1363896240.5)" },
	{ 'S', "d74401020304", "23(h'01020304')" },
	{ 'S', "d818456449455446", "24(h'6449455446')" },
	{ 'S', "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
	  "32(\"http://www.example.com\")" },
	{ 'S', "40", "h''" },
	{ 'S', "4401020304", "h'01020304'" },
	{ 'S', "60", "\"\"" },
	{ 'S', "6161", "\"a\"" },
	{ 'S', "6449455446", "\"IETF\"" },
	{ 'S', "62225c", "\"\\\"\\\\\"" },
	{ 'S', "62c3bc", "\"\u00fc\"" },
	{ 'S', "63e6b0b4", "\"\u6c34\"" },
	{ 'S', "64f0908591", "\"\U00010151\"" },
	{ 'S', "80", "[]" },
	{ 'S', "83010203", "[1, 2, 3]" },
	{ 'S', "8301820203820405", "[1, [2, 3], [4, 5]]" },
	{ 'S', "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
	  "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]" },
	{ 'S', "a0", "{}" },
	{ 'S', "a201020304", "{1: 2, 3: 4}" },
	{ 'S', "a26161016162820203", "{\"a\": 1, \"b\": [2, 3]}" },
	{ 'S', "826161a161626163", "[\"a\", {\"b\": \"c\"}]" },
	{ 'S', "a56161614161626142616361436164614461656145",
	  "{\"a\": \"A\", \"b\": \"B\", \"c\": \"C\", \"d\": \"D\", \"e\": \"E\"}" },
	{ 'X', "5f42010243030405ff", NULL }, /* strings in pieces */
	{ 'X', "7f657374726561646d696e67ff", NULL },
	{ 'L', "9fff", "[_ ]" },
	{ 'L', "9f018202039f0405ffff", "[_ 1, [2, 3], [_ 4, 5]]" },
	{ 'L', "9f01820203820405ff", "[_ 1, [2, 3], [4, 5]]" },
	{ 'L', "83018202039f0405ff", "[1, [2, 3], [_ 4, 5]]" },
	{ 'L', "83019f0203ff820405", "[1, [_ 2, 3], [4, 5]]" },
	{ 'L', "9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
	  "[_ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]" },
	{ 'L', "bf61610161629f0203ffff", "{_ \"a\": 1, \"b\": [_ 2, 3]}" },
	{ 'L', "826161bf61626163ff", "[\"a\", {_ \"b\": \"c\"}]" },
	{ 'L', "bf6346756ef563416d7421ff", "{_ \"Fun\": true, \"Amt\": -2}" },
	/* Longer heads than needed */
	{ 'L', "1817", "23" },
	{ 'L', "190018", "24" },
	{ 'L', "1a00000018", "24" },
	{ 'L', "1b0000000000000018", "24" },
	{ 'L', "5801ff", "h'ff'" },
	{ 'L', "980101", "[1]" },
	{ 'L', "b8010203", "{2: 3}" },
	{ 'L', "d80102", "1(2)" },
	{ 'L', "fa3f800000", "1.0" },
	{ 'L', "fb3ff0000000000000", "1.0" },
	{ 'L', "fa33800000", "0.000000059604644775390625" }, /* a subnormal number of 16 bits */
	{ 'S', "fa33000000", "0.0000000298023223876953125" },
	{ 'S', "fa00000001", "float'00000001'" },
	{ 'S', "fa477fe100", "65505.0" },
	{ 'S', "fa47800000", "65536.0" },
	{ 'L', "fb36a0000000000000",
	  "float'36a0000000000000'" }, /* the smallest number of 32 bits */
	/* Appendix F: ends too early */
	{ 'X', "", NULL },
	{ 'X', "18", NULL },
	{ 'X', "19", NULL },
	{ 'X', "1a010203", NULL },
	{ 'X', "1b01020304050607", NULL },
	{ 'X', "38", NULL },
	{ 'X', "58", NULL },
	{ 'X', "98", NULL },
	{ 'X', "9a01ff00", NULL },
	{ 'X', "b8", NULL },
	{ 'X', "d8", NULL },
	{ 'X', "f8", NULL },
	{ 'X', "f900", NULL },
	{ 'X', "fa0000", NULL },
	{ 'X', "fb000000", NULL },
	{ 'X', "41", NULL },
	{ 'X', "61", NULL },
	{ 'X', "5affffffff00", NULL },
	{ 'X', "5bffffffffffffffff010203", NULL },
	{ 'X', "7affffffff00", NULL },
	{ 'X', "7b7fffffffffffffff010203", NULL },
	{ 'X', "81", NULL },
	{ 'X', "818181818181818181", NULL },
	{ 'X', "8200", NULL },
	{ 'X', "a1", NULL },
	{ 'X', "a20102", NULL },
	{ 'X', "a100", NULL },
	{ 'X', "a2000000", NULL },
	{ 'X', "c0", NULL },
	{ 'X', "9bffffffffffffffff", NULL },
	{ 'X', "bbffffffffffffffff", NULL },
	{ 'X', "bb8000000000000000", NULL },
	{ 'X', "9f", NULL },
	{ 'X', "9f0102", NULL },
	{ 'X', "bf", NULL },
	{ 'X', "bf01020102", NULL },
	{ 'X', "819f", NULL },
	{ 'X', "9f8000", NULL },
	{ 'X', "9f9f9f9f9fffffffff", NULL },
	{ 'X', "9f819f819f9fffffff", NULL },
	/* Reserved, breaks out of place, half pairs */
	{ 'X', "1c", NULL },
	{ 'X', "1d", NULL },
	{ 'X', "1e", NULL },
	{ 'X', "3c", NULL },
	{ 'X', "5c", NULL },
	{ 'X', "7d", NULL },
	{ 'X', "9e", NULL },
	{ 'X', "bc", NULL },
	{ 'X', "dd", NULL },
	{ 'X', "fc", NULL },
	{ 'X', "fd", NULL },
	{ 'X', "fe", NULL },
	{ 'X', "f800", NULL },
	{ 'X', "f801", NULL },
	{ 'X', "f814", NULL },
	{ 'X', "f818", NULL },
	{ 'X', "f81f", NULL },
	{ 'S', "f820", "simple(32)" },
	{ 'X', "ff", NULL },
	{ 'X', "81ff", NULL },
	{ 'X', "8200ff", NULL },
	{ 'X', "a1ff", NULL },
	{ 'X', "a1ff00", NULL },
	{ 'X', "a100ff", NULL },
	{ 'X', "a20000ff", NULL },
	{ 'X', "9f81ff", NULL },
	{ 'X', "bf00ff", NULL },
	{ 'X', "bf000000ff", NULL },
	{ 'X', "c0ff", NULL },
	{ 'X', "1f", NULL },
	{ 'X', "3f", NULL },
	{ 'X', "df00ff", NULL },
	/* More than one item */
	{ 'X', "0000", NULL },
	{ 'X', "80ff", NULL },
	/* Text */
	{ 'X', "61ff", NULL },
	{ 'X', "62c080", NULL },
	{ 'X', "63e08080", NULL },
	{ 'X', "63eda080", NULL },
	{ 'X', "64f0808080", NULL },
	{ 'X', "64f4908080", NULL },
	{ 'X', "62c361", NULL },
	{ 'X', "61c3", NULL },
	{ 'S', "63efbfbf", "\"\uffff\"" },
	{ 'S', "64f48fbfbf", "\"\U0010ffff\"" },
	{ 'S', "620a7f", "\"\\u000a\\u007f\"" },
	/* Keys that come twice */
	{ 'X', "a201020103", NULL },
	{ 'X', "a2616101616102", NULL },
	{ 'X', "a3010003000100", NULL },
	{ 'S', "81a2010081a1010000", "[{1: 0, [{1: 0}]: 0}]" },
	{ 'X', "82a0a201020103", NULL },
	{ 'X', "a101a201020103", NULL },
	{ 'X', "a1a20102010300", NULL },
	{ 'X', "a20100180100", NULL },	   /* 1 and 1 */
	{ 'X', "a2616100780161f6", NULL }, /* "a" and "a" */
	{ 'X', "bf01000100ff", NULL },
	{ 'X', "bf01bf01000100ff00ff", NULL },
	{ 'L', "a2010018020a", "{1: 0, 2: 10}" },
	{ 'S', "a203000100", "{3: 0, 1: 0}" },
	{ 'S', "a28101008102f6", "{[1]: 0, [2]: null}" },
	{ 'X', "a1981a00", NULL },
	{ 'X', "a19f01ff00", NULL }, /* a key of indefinite length */
	{ 'S', "a2206001f6", "{-1: \"\", 1: null}" },
};

static void test_examples(void)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		uint8_t bytes[200];
		size_t size = unhex(examples[i].hex, bytes);
		bool strict = cbor_well_formed(bytes, size, false),
		     lenient = cbor_well_formed(bytes, size, true);
		char shown[400];

		if (strict != (examples[i].who == 'S') || lenient != (examples[i].who != 'X')) {
			printf("%s: strict %d, lenient %d, expected %c\n", examples[i].hex, strict,
			       lenient, examples[i].who);
			failed = 1;
		}
		if (cbor_diagnose(bytes, size, shown, sizeof(shown)) != (examples[i].who != 'X')) {
			printf("%s: shown or not: the other\n", examples[i].hex);
			failed = 1;
		} else if (examples[i].shown && strcmp(shown, examples[i].shown)) {
			printf("%s: shown as %s, not %s\n", examples[i].hex, shown,
			       examples[i].shown);
			failed = 1;
		}
		/* A buffer of any size holds the start, and its end. */
		for (size_t room = 1; examples[i].shown && room < strlen(examples[i].shown) + 2;
		     room++) {
			char small[400];

			memset(small, 'x', sizeof(small));
			EXPECT(cbor_diagnose(bytes, size, small, room));
			EXPECT(strlen(small) ==
			       (room - 1 < strlen(shown) ? room - 1 : strlen(shown)));
			EXPECT(!strncmp(small, shown, strlen(small)));
			EXPECT(small[room] == 'x');
		}
	}
}

static void test_depth(void)
{
	uint8_t bytes[64];

	for (int lenient = 0; lenient < 2; lenient++) {
		memset(bytes, 0x81, sizeof(bytes));
		bytes[16] = 0;
		EXPECT(cbor_well_formed(bytes, 17, lenient));
		bytes[16] = 0x81;
		bytes[17] = 0;
		EXPECT(!cbor_well_formed(bytes, 18, lenient));
		memset(bytes, 0xc1, sizeof(bytes));
		bytes[17] = 0;
		EXPECT(!cbor_well_formed(bytes, 18, lenient));
	}
	memset(bytes, 0x9f, 17);
	memset(bytes + 17, 0xff, 17);
	EXPECT(!cbor_well_formed(bytes, 34, true));
	EXPECT(cbor_well_formed(bytes + 1, 32, true));
}

/* Maps with many keys: ascending ones have no limit, others have one, and nothing is quadratic. */
static void test_many_keys(void)
{
	size_t room = 1 << 20;
	uint8_t *bytes = malloc(room);
	struct cbor_writer w;

	for (int order = 0; order < 3; order++) {
		uint64_t count = order == 0 ? 100000 : order == 1 ? 128 : 129;

		cbor_writer_init(&w, bytes, room);
		cbor_put_map(&w, count);
		for (uint64_t i = 0; i < count; i++) {
			cbor_put_uint(&w, order ? count - i : i);
			cbor_put_null(&w);
		}
		EXPECT(!w.overflow);
		EXPECT(cbor_well_formed(bytes, w.size, false) == (order < 2));
	}
	/* An equal key at the end of an ascending map of the longest searched kind */
	cbor_writer_init(&w, bytes, room);
	cbor_put_map(&w, 101);
	for (uint64_t i = 0; i < 101; i++) {
		cbor_put_uint(&w, i % 100);
		cbor_put_null(&w);
	}
	EXPECT(!cbor_well_formed(bytes, w.size, false));
	free(bytes);
}

static void test_reading(void)
{
	/* {1: [h'aa', "x"], -3: true, "k": 7(1)} */
	static const uint8_t bytes[] = { 0xa3, 0x01, 0x82, 0x41, 0xaa, 0x61, 'x',
					 0x22, 0xf5, 0x61, 'k',	 0xc7, 0x01 };
	struct cbor c, value;
	struct cbor_item item;
	const uint8_t *encoded;
	size_t size;

	cbor_init(&c, bytes, sizeof(bytes));
	EXPECT(cbor_peek(&c, &item) && item.type == CBOR_MAP && item.number == 3);
	EXPECT(cbor_expect(&c, CBOR_MAP, &item) && item.start == bytes);
	EXPECT(cbor_map_find(&c, 3, 1, &value) && cbor_expect(&value, CBOR_ARRAY, &item) &&
	       item.number == 2);
	EXPECT(cbor_expect(&value, CBOR_BYTES, &item) && item.size == 1 && item.data[0] == 0xaa);
	EXPECT(!cbor_done(&value));
	EXPECT(cbor_skip(&value, &encoded, &size) && size == 2 && encoded == bytes + 5 &&
	       cbor_done(&value));
	EXPECT(cbor_map_find(&c, 3, -3, &value) && cbor_expect(&value, CBOR_SIMPLE, &item) &&
	       item.number == 21);
	EXPECT(cbor_map_find_text(&c, 3, "k", &value) && cbor_expect_tag(&value, 7) &&
	       cbor_expect(&value, CBOR_UINT, &item));
	EXPECT(!cbor_map_find(&c, 3, 2, &value) && !c.bad);
	EXPECT(!cbor_map_find_text(&c, 3, "kk", &value) && !cbor_map_find_text(&c, 3, "", &value) &&
	       !c.bad);
	EXPECT(!cbor_map_find(&c, 4, 1, &value) && c.bad);
	/* Errors stay. */
	cbor_init(&c, bytes, sizeof(bytes));
	EXPECT(!cbor_expect(&c, CBOR_ARRAY, &item) && !cbor_next(&c, &item) &&
	       !cbor_skip(&c, NULL, NULL) && !cbor_done(&c));
	cbor_init(&c, bytes + 11, 2);
	EXPECT(!cbor_expect_tag(&c, 8) && !cbor_done(&c));
	cbor_init(&c, NULL, 0);
	EXPECT(cbor_done(&c) && !cbor_next(&c, &item) && !cbor_done(&c));
	/* A map is not given if a key comes twice in it. */
	cbor_init(&c, "\xa2\x01\x00\x01\x00", 5);
	EXPECT(!cbor_next(&c, &item) && c.bad);
	/* Readers in readers end. */
	cbor_init(&c, bytes, sizeof(bytes));
	for (int i = 0; i < 16; i++) {
		struct cbor inner;

		cbor_inner(&c, bytes, sizeof(bytes), &inner);
		EXPECT(!inner.bad);
		c = inner;
	}
	cbor_inner(&c, bytes, sizeof(bytes), &value);
	EXPECT(value.bad && !cbor_next(&value, &item));
}

/* A container without a length reads as one with it, and its span ends behind its break. */
static void test_indefinite(void)
{
	/* [_ {_ 1: [_ 2, 3], 4: 5}, 6] */
	static const uint8_t bytes[] = { 0x9f, 0xbf, 0x01, 0x9f, 0x02, 0x03,
					 0xff, 0x04, 0x05, 0xff, 0x06, 0xff };
	struct cbor c, value;
	struct cbor_item item;
	const uint8_t *encoded;
	size_t size;

	cbor_init_lenient(&c, bytes, sizeof(bytes));
	EXPECT(cbor_expect(&c, CBOR_ARRAY, &item) && item.number == 2);
	EXPECT(cbor_expect(&c, CBOR_MAP, &item) && item.number == 2);
	EXPECT(cbor_map_find(&c, 2, 4, &value) && cbor_expect(&value, CBOR_UINT, &item) &&
	       item.number == 5);
	EXPECT(cbor_map_find(&c, 2, 1, &value) && cbor_expect(&value, CBOR_ARRAY, &item) &&
	       item.number == 2);
	EXPECT(cbor_next(&value, &item) && cbor_next(&value, &item) && item.number == 3 &&
	       cbor_done(&value));
	EXPECT(cbor_next(&c, &item) && item.number == 1);
	EXPECT(cbor_skip(&c, &encoded, &size) && encoded == bytes + 3 && size == 4);
	EXPECT(cbor_next(&c, &item) && cbor_next(&c, &item) && item.number == 5 && !cbor_done(&c));
	EXPECT(cbor_next(&c, &item) && item.number == 6 && cbor_done(&c));
	cbor_init_lenient(&c, bytes, sizeof(bytes) - 1);
	EXPECT(c.bad && !cbor_next(&c, &item));
	cbor_init_lenient(&c, "\x82\x01\xff\x02", 4);
	EXPECT(c.bad);
	cbor_init(&c, bytes, sizeof(bytes));
	EXPECT(!cbor_next(&c, &item));
}

static void test_writing(void)
{
	uint8_t bytes[200];
	char shown[400];
	struct cbor_writer w;
	size_t measured = 0;

	for (int pass = 0; pass < 2; pass++) {
		cbor_writer_init(&w, pass ? bytes : NULL, measured);
		cbor_put_tag(&w, 60000);
		cbor_put_array(&w, 9);
		cbor_put_int(&w, INT64_MIN);
		cbor_put_int(&w, -1);
		cbor_put_int(&w, INT64_MAX);
		cbor_put_uint(&w, UINT64_MAX);
		cbor_put_bytes(&w, "\x01\x02", 2);
		cbor_put_text(&w, "text");
		cbor_put_bool(&w, true);
		cbor_put_map(&w, 1);
		cbor_put_uint(&w, 256);
		cbor_put_bool(&w, false);
		cbor_put_encoded(&w, "\xf6", 1);
		EXPECT(w.overflow == !pass);
		if (pass)
			EXPECT(w.size == measured);
		measured = w.size;
	}
	EXPECT(cbor_well_formed(bytes, w.size, false));
	EXPECT(cbor_diagnose(bytes, w.size, shown, sizeof(shown)));
	EXPECT(!strcmp(
		shown,
		"60000([-9223372036854775808, -1, 9223372036854775807, 18446744073709551615, h'0102', \"text\", true, "
		"{256: false}, null])"));
	cbor_writer_init(&w, bytes, 3);
	cbor_put_bytes(&w, "abc", 3);
	EXPECT(w.overflow && w.size == 4);
	cbor_put_null(&w); /* fits, yet what stood before it is missing */
	EXPECT(w.overflow && w.size == 5);
}

int main(void)
{
	test_examples();
	test_depth();
	test_many_keys();
	test_reading();
	test_indefinite();
	test_writing();
	return failed;
}
