/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JOSE against others' numbers (RFC 7515 appendix A.3 for ES256, A.2 for RS256, RFC 7638's thumbprint) and against itself: what was signed
 * verifies, every changed byte of a token does not, and nothing in a token chooses how it is verified.
 */
#include "lib/jose/jose.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;
#define EXPECT(what)                                                           \
	do {                                                                   \
		if (!(what)) {                                                 \
			printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, #what); \
			failures++;                                            \
		}                                                              \
	} while (0)

static void expect_decodes(const char *text, bool url, const char *expected)
{
	uint8_t *data = NULL;
	size_t size = 99;
	int ret = url ? base64url_decode(text, strlen(text), &data, &size)
		      : base64_decode(text, strlen(text), &data, &size);

	EXPECT(ret == (expected ? 0 : -EBADMSG));
	if (!ret) {
		EXPECT(expected && size == strlen(expected) && !memcmp(data, expected, size));
		free(data);
	}
}

static void test_base64(void)
{
	/* RFC 4648, section 10 */
	static const char *const vectors[][2] = { { "", "" },
						  { "f", "Zg==" },
						  { "fo", "Zm8=" },
						  { "foo", "Zm9v" },
						  { "foob", "Zm9vYg==" },
						  { "fooba", "Zm9vYmE=" },
						  { "foobar", "Zm9vYmFy" } };
	static const char *const bad[] = { "Z",	       "Zg",   "Zg=",	"Zg===", "Zh==", "Zm9=",
					   "Zg==Zg==", "Z=g=", "Zm 9v", "Zm9-",	 "====", "=" };
	static const char *const bad_url[] = { "Z", "Zg==", "Zh", "Zm9", "Zm9\nv", "Zm9+", "Zm9/" };

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		char *text = base64_encode(vectors[i][0], strlen(vectors[i][0]));
		char *url = base64url_encode(vectors[i][0], strlen(vectors[i][0]));

		EXPECT(!strcmp(text, vectors[i][1]));
		EXPECT(!strncmp(url, vectors[i][1], strlen(url)) && !strchr(url, '='));
		expect_decodes(text, false, vectors[i][0]);
		expect_decodes(url, true, vectors[i][0]);
		free(text);
		free(url);
	}
	expect_decodes("Zm9v\r\nYmFy\n", false, "foobar");
	expect_decodes("-_-_", true, "\xfb\xff\xbf");
	expect_decodes("+/+/", false, "\xfb\xff\xbf");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_decodes(bad[i], false, NULL);
	for (size_t i = 0; i < sizeof(bad_url) / sizeof(bad_url[0]); i++)
		expect_decodes(bad_url[i], true, NULL);
}

static EVP_PKEY *key_of(const char *text)
{
	json_t *jwk = json_loads(text, 0, NULL);
	EVP_PKEY *key = NULL;

	EXPECT(!key_from_jwk(jwk, &key));
	json_decref(jwk);
	return key;
}

#define A3_KEY                                                                                     \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define A3_TOKEN                                                                                          \
	"eyJhbGciOiJFUzI1NiJ9."                                                                           \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ." \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

static void test_vectors(void)
{
	EVP_PKEY *key = key_of(A3_KEY);
	json_t *header;
	uint8_t *payload, print[32];
	size_t size;
	char *text;

	EXPECT(!jws_verify(key, A3_TOKEN, strlen(A3_TOKEN), &header, &payload, &size));
	EXPECT(size == 70 && !memcmp(payload, "{\"iss\":\"joe\",\r\n", 15));
	EXPECT(!strcmp(json_string_value(json_object_get(header, "alg")), "ES256"));
	json_decref(header);
	free(payload);
	EVP_PKEY_free(key);
	/* RFC 7638, section 3.1 */
	key = key_of(
		"{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
		"BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7"
		"d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKn"
		"qDKgw\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}");
	EXPECT(!jwk_thumbprint(key, print));
	text = base64url_encode(print, sizeof(print));
	EXPECT(!strcmp(text, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
	free(text);
	EVP_PKEY_free(key);
}

static void expect_refused(EVP_PKEY *key, const char *token, size_t len)
{
	json_t *header;
	uint8_t *payload;
	size_t size;

	EXPECT(jws_verify(key, token, len, &header, &payload, &size) < 0);
}

static void test_round(const char *group, const char *alg)
{
	EVP_PKEY *key = EVP_EC_gen(group), *other = EVP_EC_gen(group), *back;
	json_t *extra = json_pack("{s:s,s:s}", "typ", "JWT", "alg", "none"), *header, *jwk;
	uint8_t *payload;
	char *token, *bad;
	size_t size, len;

	EXPECT(!jws_sign(key, extra, "the payload", 11, &token));
	len = strlen(token);
	EXPECT(!jws_verify(key, token, len, &header, &payload, &size));
	EXPECT(size == 11 && !memcmp(payload, "the payload", 11));
	EXPECT(!strcmp(json_string_value(json_object_get(header, "alg")), alg));
	EXPECT(!strcmp(json_string_value(json_object_get(extra, "alg")), "none"));
	free(payload);
	json_decref(header);
	EXPECT(!jws_verify(key, token, len, NULL, NULL, NULL));
	expect_refused(other, token, len);
	for (size_t i = 0; i < len; i++) {
		char *cut = strndup(token, i);

		bad = strdup(token);
		bad[i] = bad[i] == 'A' ? 'B' : 'A';
		expect_refused(key, bad, len);
		bad[i] = '.';
		if (token[i] != '.')
			expect_refused(key, bad, len);
		expect_refused(key, cut, i);
		free(bad);
		free(cut);
	}
	EXPECT(!jwk_from_key(key, &jwk));
	EXPECT(!key_from_jwk(jwk, &back) && EVP_PKEY_eq(key, back) == 1);
	EXPECT(!json_object_get(jwk, "d"));
	json_decref(jwk);
	json_decref(extra);
	EVP_PKEY_free(back);
	EVP_PKEY_free(other);
	EVP_PKEY_free(key);
	free(token);
}

/* A token with that header, signed rightly for ES256. */
static void expect_header(EVP_PKEY *key, const char *header, bool good)
{
	char *head = base64url_encode(header, strlen(header)), *first, *token, *sig;
	uint8_t der[128], raw[64];
	const uint8_t *p = der;
	size_t size = sizeof(der);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ECDSA_SIG *parsed;

	EXPECT(asprintf(&first, "%s.e30", head) > 0);
	EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key);
	EVP_DigestSign(ctx, der, &size, (uint8_t *)first, strlen(first));
	parsed = d2i_ECDSA_SIG(NULL, &p, (long)size);
	BN_bn2binpad(ECDSA_SIG_get0_r(parsed), raw, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(parsed), raw + 32, 32);
	sig = base64url_encode(raw, 64);
	EXPECT(asprintf(&token, "%s.%s", first, sig) > 0);
	EXPECT(!jws_verify(key, token, strlen(token), NULL, NULL, NULL) == good);
	ECDSA_SIG_free(parsed);
	EVP_MD_CTX_free(ctx);
	free(head);
	free(first);
	free(sig);
	free(token);
}

static void test_headers(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	expect_header(key, "{\"alg\":\"ES256\"}", true);
	expect_header(key, "{\"alg\":\"ES256\",\"x\":[[1]]}", true);
	expect_header(key, "{\"alg\":\"none\"}", false);
	expect_header(key, "{\"alg\":\"HS256\"}", false);
	expect_header(key, "{\"alg\":\"ES384\"}", false);
	expect_header(key, "{\"alg\":\"RS256\"}", false);
	expect_header(key, "{\"alg\":\"es256\"}", false);
	expect_header(key, "{\"alg\":[\"ES256\"]}", false);
	expect_header(key, "{\"alg\":\"ES256\",\"crit\":[\"b64\"]}", false);
	expect_header(key, "{\"alg\":\"ES256\",\"b64\":false}", false);
	expect_header(key, "{\"alg\":\"ES256\",\"alg\":\"ES256\"}", false);
	expect_header(key, "{\"alg\":\"ES256\"} ", true);
	expect_header(key, "{\"alg\":\"ES256\"}x", false);
	expect_header(key, "{\"alg\":\"ES256\",\"x\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}",
		      false);
	expect_header(key, "[]", false);
	expect_header(key, "", false);
	EVP_PKEY_free(key);
}

static void sign_rsa(EVP_PKEY *key, bool pss, const char *header, bool good)
{
	char *head = base64url_encode(header, strlen(header)), *first, *token, *sig;
	uint8_t raw[512];
	size_t size = sizeof(raw);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx;

	EXPECT(asprintf(&first, "%s.e30", head) > 0);
	EVP_DigestSignInit(ctx, &key_ctx, EVP_sha256(), NULL, key);
	if (pss) {
		EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_DIGEST);
	}
	EVP_DigestSign(ctx, raw, &size, (uint8_t *)first, strlen(first));
	sig = base64url_encode(raw, size);
	EXPECT(asprintf(&token, "%s.%s", first, sig) > 0);
	EXPECT(!jws_verify(key, token, strlen(token), NULL, NULL, NULL) == good);
	EVP_MD_CTX_free(ctx);
	free(head);
	free(first);
	free(sig);
	free(token);
}

static void test_rsa(void)
{
	EVP_PKEY *key = EVP_RSA_gen(2048), *small = EVP_RSA_gen(1024), *back;
	json_t *jwk;
	char *token;

	sign_rsa(key, false, "{\"alg\":\"RS256\"}", true);
	sign_rsa(key, true, "{\"alg\":\"PS256\"}", true);
	sign_rsa(key, false, "{\"alg\":\"PS256\"}", false);
	sign_rsa(key, true, "{\"alg\":\"RS256\"}", false);
	sign_rsa(small, false, "{\"alg\":\"RS256\"}", false);
	EXPECT(jws_sign(key, NULL, "x", 1, &token) == -ENOTSUP);
	EXPECT(!jwk_from_key(key, &jwk));
	EXPECT(!key_from_jwk(jwk, &back) && EVP_PKEY_eq(key, back) == 1);
	json_decref(jwk);
	EVP_PKEY_free(back);
	EVP_PKEY_free(small);
	EVP_PKEY_free(key);
}

static void test_bad_keys(void)
{
	static const struct {
		const char *text;
		int error;
	} keys[] = {
		{ "{}", -EBADMSG },
		{ "{\"kty\":\"oct\",\"k\":\"AAAA\"}", -ENOTSUP },
		{ "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AA\",\"y\":\"AA\"}", -ENOTSUP },
		{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}", -EBADMSG },
		{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		  "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
		  -EBADMSG },
		{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU=\","
		  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
		  -EBADMSG },
		{ "{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":\"AQAB\"}", -EBADMSG },
		{ "{\"kty\":\"RSA\",\"e\":\"AQAB\"}", -EBADMSG },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *jwk = json_loads(keys[i].text, 0, NULL);
		EVP_PKEY *key;

		EXPECT(key_from_jwk(jwk, &key) == keys[i].error);
		json_decref(jwk);
	}
}

int main(void)
{
	test_base64();
	test_vectors();
	test_round("P-256", "ES256");
	test_round("P-384", "ES384");
	test_headers();
	test_rsa();
	test_bad_keys();
	return failures ? 1 : 0;
}
