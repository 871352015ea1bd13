/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms, digests, ECDSA, and evidence in text forms: the small pieces that every type relies on. */
#include "attest/core/result.h"
#include "attest/core/verifier.h"
#include "tests/evidence/ec_keys.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <stdio.h>
#include <stdlib.h>

static int failures;
#define EXPECT(what)                                                           \
	do {                                                                   \
		if (!(what)) {                                                 \
			printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, #what); \
			failures++;                                            \
		}                                                              \
	} while (0)
#define TEXT(s) SPAN(s, sizeof(s) - 1)

static void test_hex(void)
{
	char buffer[12];
	uint8_t bytes[4] = { 9, 9, 9, 9 };
	char exact[9] = "12345678";

	/* Nothing behind the room is touched. */
	EXPECT(!strcmp(hex_text(TEXT("ab"), exact, 5), "6162") && exact[5] == '6' &&
	       exact[6] == '7');
	EXPECT(!strcmp(hex_text(TEXT("abc"), exact, 6), "61...") && exact[6] == '7');
	EXPECT(!strcmp(hex_text(TEXT("a"), exact, 3), "") && exact[1] == '1');
	EXPECT(!strcmp(hex_text(TEXT("\x01\xab\xff"), buffer, sizeof(buffer)), "01abff"));
	EXPECT(!strcmp(hex_text(TEXT("abcde"), buffer, 11), "6162636465"));
	EXPECT(!strcmp(hex_text(TEXT("abcdef"), buffer, 12), "61626364..."));
	EXPECT(!strcmp(hex_text(TEXT(""), buffer, sizeof(buffer)), ""));
	EXPECT(!strcmp(hex_text(TEXT("abc"), buffer, 3), ""));
	EXPECT(!strcmp(hex_text(TEXT("abc"), buffer, 1), ""));
	EXPECT(!hex_parse("00aBFf", 6, bytes, 3) && bytes[1] == 0xab && bytes[2] == 0xff &&
	       bytes[3] == 9);
	EXPECT(hex_parse("00aBF", 5, bytes, 3) == -EBADMSG);
	EXPECT(hex_parse("00aBFg", 6, bytes, 3) == -EBADMSG);
	EXPECT(hex_parse("00aBFf00", 8, bytes, 3) == -EBADMSG);
	EXPECT(!hex_parse("", 0, bytes, 0));
}

static void test_safe_text(void)
{
	char b[64], tight[8];

	EXPECT(!strcmp(safe_text(TEXT("plain text"), b, sizeof(b)), "plain text"));
	EXPECT(!strcmp(safe_text(TEXT("a\nb\x1b[2J\x7f"), b, sizeof(b)), "a\\x0ab\\x1b[2J\\x7f"));
	EXPECT(!strcmp(safe_text(TEXT("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"), b, sizeof(b)),
		       "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"));
	/* Overlong, surrogate, beyond Unicode, cut off, right-to-left override. */
	EXPECT(!strcmp(safe_text(TEXT("\xc0\x80"), b, sizeof(b)), "\\xc0\\x80"));
	EXPECT(!strcmp(safe_text(TEXT("\xed\xa0\x80"), b, sizeof(b)), "\\xed\\xa0\\x80"));
	EXPECT(!strcmp(safe_text(TEXT("\xf4\x90\x80\x80"), b, sizeof(b)), "\\xf4\\x90\\x80\\x80"));
	EXPECT(!strcmp(safe_text(TEXT("\xe2\x82"), b, sizeof(b)), "\\xe2\\x82"));
	EXPECT(!strcmp(safe_text(TEXT("\xe2\x80\xae"), b, sizeof(b)), "\\xe2\\x80\\xae"));
	EXPECT(!strcmp(safe_text(SPAN("a\0b", 3), b, sizeof(b)), "a\\x00b"));
	EXPECT(strlen(safe_text(TEXT("a long text that does not fit"), tight, sizeof(tight))) <
	       sizeof(tight));
	EXPECT(!strcmp(tight, "a lo..."));
	EXPECT(!strcmp(safe_text(TEXT("1234567"), tight, sizeof(tight)), "1234567"));
	for (size_t room = 1; room < sizeof(tight); room++)
		EXPECT(strlen(safe_text(TEXT("\x01\x02\x03"), tight, room)) < room);
}

static void test_time(void)
{
	static const char *const bad[] = { "",
					   "2025-06-19",
					   "2025-06-19T10:56:42",
					   "2025-06-19T10:56:42+00:00",
					   "2025-06-19 10:56:42Z",
					   "2025-02-29T00:00:00Z",
					   "2025-13-01T00:00:00Z",
					   "2025-00-01T00:00:00Z",
					   "2025-01-01T24:00:00Z",
					   "2025-01-01T00:60:00Z",
					   "2025-01-01T00:00:00ZZ",
					   "2025-01-01T00:00:00.Z",
					   "-025-01-01T00:00:00Z",
					   "2025-1-01T00:00:00Z" };
	char b[32];
	int64_t t = 5;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT(time_parse(bad[i], &t) == -EBADMSG && t == 5);
	EXPECT(!time_parse("2025-06-19T10:56:42Z", &t) && t == 1750330602);
	EXPECT(!strcmp(time_text(t, b), "2025-06-19T10:56:42Z"));
	EXPECT(!time_parse("2024-02-29T23:59:59.25Z", &t) && t == 1709251199);
	EXPECT(!time_parse("1969-12-31T23:59:59Z", &t) && t == -1);
	EXPECT(!strcmp(time_text(0, b), "1970-01-01T00:00:00Z"));
	EXPECT(strlen(time_text(INT64_MAX, b)) < sizeof(b));
	EXPECT(strlen(time_text(INT64_MIN, b)) < sizeof(b));
}

static void test_digest(void)
{
	/* FIPS 180-2, B.1: SHA-256 of "abc" */
	static const uint8_t abc[32] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
					 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
					 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
					 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	struct span parts[] = { TEXT("a"), { NULL, 0 }, TEXT("bc") };
	uint8_t out[64];
	size_t size;

	EXPECT(!digest("SHA256", parts, 3, out, &size) && size == 32 && bytes_equal(out, abc, 32));
	EXPECT(!digest("SHA384", parts, 3, out, &size) && size == 48);
	EXPECT(!digest("SHA512", parts, 3, out, &size) && size == 64);
	EXPECT(!digest("SHA1", parts, 3, out, &size) && size == 20);
	EXPECT(digest("MD5", parts, 3, out, &size) == -ENOTSUP);
}

/* A signature made by OpenSSL, as raw r || s. */
static void test_ecdsa(const char *group, const char *digest_name, const EVP_MD *md, size_t half)
{
	EVP_PKEY *own = EVP_EC_gen(group), *key;
	struct span message = TEXT("what is signed");
	uint8_t raw[132], point[133], bad[132];
	size_t size;

	EXPECT(EVP_PKEY_get_octet_string_param(own, "pub", point, sizeof(point), &size) == 1);
	EXPECT(size == 1 + 2 * half);
	key = ec_key(group, SPAN(point + 1, 2 * half));
	EXPECT(key && EVP_PKEY_eq(key, own) == 1);
	/* Often enough for short numbers and set top bits to come up. */
	for (int i = 0; i < 300; i++) {
		ec_sign(own, md, message.data, message.size, raw);
		EXPECT(ecdsa_verify(key, digest_name, message, SPAN(raw, 2 * half)));
	}
	for (size_t i = 0; i < 2 * half; i++) {
		memcpy(bad, raw, sizeof(bad));
		bad[i] ^= 1;
		EXPECT(!ecdsa_verify(key, digest_name, message, SPAN(bad, 2 * half)));
	}
	EXPECT(!ecdsa_verify(key, digest_name, TEXT("what is Signed"), SPAN(raw, 2 * half)));
	EXPECT(!ecdsa_verify(key, digest_name, message, SPAN(raw, 2 * half - 2)));
	EXPECT(!ecdsa_verify(key, digest_name, message, SPAN(raw, 0)));
	EXPECT(!ecdsa_verify(NULL, digest_name, message, SPAN(raw, 2 * half)));
	EXPECT(!ecdsa_verify(key, "MD5", message, SPAN(raw, 2 * half)));
	memset(bad, 0xff, sizeof(bad)); /* above the order */
	EXPECT(!ecdsa_verify(key, digest_name, message, SPAN(bad, 2 * half)));
	memset(bad, 0, sizeof(bad));
	EXPECT(!ecdsa_verify(key, digest_name, message, SPAN(bad, 2 * half)));
	point[5] ^= 1;
	EXPECT(!ec_key(group, SPAN(point + 1, 2 * half)));
	EXPECT(!ec_key(group, SPAN(bad, 2 * half)));
	EXPECT(!ec_key(group, SPAN(point + 1, 2 * half - 1)));
	EXPECT(!ec_key("secp256k1", SPAN(point + 1, 2 * half)));
	EVP_PKEY_free(own);
	EVP_PKEY_free(key);
}

static void expect_opened(const char *text, const void *data, size_t size)
{
	struct unwrapped u = { 0 };
	int ret = container_open(SPAN(text, strlen(text)), &u);

	EXPECT(data ? !ret : ret == -ENOENT);
	if (data ? ret : !ret)
		printf("  %s\n", text);
	if (ret)
		return;
	EXPECT(data && u.size == size && !memcmp(u.data, data, size));
	free(u.data);
	free(u.event_log);
}

static void test_containers(void)
{
	static const char hex[] =
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
		"202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";
	static const char b64[] =
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw";
	uint8_t bytes[64];
	char text[2048];
	struct unwrapped u;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	expect_opened(hex, bytes, 64);
	snprintf(text, sizeof(text), "\n 0x%.64s\n%s\n", hex, hex + 64);
	expect_opened(text, bytes, 64);
	expect_opened(b64, bytes, 64);
	snprintf(text, sizeof(text), "%.40s\r\n%s==\n", b64, b64 + 40);
	expect_opened(text, bytes, 64);
	snprintf(text, sizeof(text), "%s=", b64); /* half of the padding */
	expect_opened(text, NULL, 0);
	snprintf(text, sizeof(text), "%sAAA", b64); /* no whole byte */
	expect_opened(text, NULL, 0);
	snprintf(text, sizeof(text), "-----BEGIN QUOTE-----\n%s==\n-----END QUOTE-----\n", b64);
	expect_opened(text, bytes, 64);
	snprintf(text, sizeof(text), "-----BEGIN QUOTE-----\n%s==\n", b64);
	expect_opened(text, NULL, 0);
	snprintf(text, sizeof(text), "{\"tee\":\"sgx\",\"quote\":\"%s\"}", b64);
	expect_opened(text, bytes, 64);
	snprintf(text, sizeof(text), "{\"quote\":\"%s\",\"quote\":\"%s\"}", b64, b64);
	expect_opened(text, NULL, 0);
	snprintf(text, sizeof(text), "{\"evidence\":{\"quote\":\"%s\"}}", hex);
	expect_opened(text, text + 12, strlen(text) - 13);
	expect_opened("{\"report\":[0,1,255,256], \"and\": \"some more text to be long enough\"}",
		      NULL, 0);
	expect_opened("{\"report\":[0,1,255], \"and\": \"some more text to be long enough\"}",
		      "\0\1\377", 3);
	expect_opened(
		"{\"report\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]], \"and\": \"more text to be long\"}",
		NULL, 0);
	expect_opened("too short", NULL, 0);
	snprintf(text, sizeof(text), "{\"quote\":\"%s\",\"cc_eventlog\":\"%s\"}", b64, hex);
	EXPECT(!container_open(SPAN(text, strlen(text)), &u));
	EXPECT(u.event_log_size == 64 && u.size == 64);
	free(u.data);
	free(u.event_log);
}

int main(void)
{
	test_hex();
	test_safe_text();
	test_time();
	test_digest();
	test_ecdsa("P-256", "SHA256", EVP_sha256(), 32);
	test_ecdsa("P-384", "SHA384", EVP_sha384(), 48);
	test_ecdsa("P-521", "SHA512", EVP_sha512(), 66);
	test_containers();
	return failures ? 1 : 0;
}
