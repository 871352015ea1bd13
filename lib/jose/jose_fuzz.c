/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: tokens, keys and base64 of outside. The first byte chooses. What decodes must encode to the same text, and no token may verify
 * unless it is the one that was signed here.
 */
#include "lib/jose/jose.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static EVP_PKEY *fixed_key(void)
{
	/* RFC 7515, appendix A.3 */
	static EVP_PKEY *key;
	json_t *jwk;

	if (!key) {
		jwk = json_pack("{s:s,s:s,s:s,s:s}", "kty", "EC", "crv", "P-256", "x",
				"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y",
				"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
		assert(!key_from_jwk(jwk, &key));
		json_decref(jwk);
	}
	return key;
}

static void try_base64(const char *text, size_t len)
{
	uint8_t *bytes;
	size_t size;
	char *again;

	if (!base64url_decode(text, len, &bytes, &size)) {
		again = base64url_encode(bytes, size);
		assert(again && strlen(again) == len && !memcmp(again, text, len));
		free(again);
		free(bytes);
	}
	if (!base64_decode(text, len, &bytes, &size))
		free(bytes);
}

static void try_token(const char *text, size_t len)
{
	json_t *header;
	uint8_t *payload;
	size_t size;

	if (!jws_verify(fixed_key(), text, len, &header, &payload, &size)) {
		assert(size == 70);
		json_decref(header);
		free(payload);
	}
}

static void try_key(const char *text, size_t len)
{
	json_t *jwk = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL), *again;
	EVP_PKEY *key;
	uint8_t print[32];

	if (jwk && !key_from_jwk(jwk, &key)) {
		assert(!jwk_from_key(key, &again));
		assert(!jwk_thumbprint(key, print));
		json_decref(again);
		EVP_PKEY_free(key);
	}
	json_decref(jwk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size || size > 65536)
		return 0;
	switch (data[0] % 3) {
	case 0:
		try_base64((const char *)data + 1, size - 1);
		break;
	case 1:
		try_token((const char *)data + 1, size - 1);
		break;
	default:
		try_key((const char *)data + 1, size - 1);
		break;
	}
	return 0;
}
