/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JOSE on OpenSSL and jansson, what Cloister needs of it: base64url (RFC 4648, section 5, no padding), compact JWS (RFC 7515) with
 * ES256 and ES384, RS256/PS256 for reading, JWK (RFC 7517) of EC and RSA public keys. `alg` is chosen by the caller's key, never by the
 * token; "none", unknown "crit" and detached payloads are refused.
 * int functions: 0 or a negative errno.
 */
#pragma once

#include <jansson.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

/* malloc()ed text. */
char *base64url_encode(const void *data, size_t size);
/* Strict: no padding, no spaces, unused bits zero. malloc()ed. */
int base64url_decode(const char *text, size_t text_len, uint8_t **ret_data, size_t *ret_size);
/* Ordinary base64 (RFC 4648, section 4), padding required, line breaks accepted. */
int base64_decode(const char *text, size_t text_len, uint8_t **ret_data, size_t *ret_size);
char *base64_encode(const void *data, size_t size);

/* header: further members of the protected header, or NULL ("alg" is set from the key: P-256 ES256, P-384 ES384). malloc()ed. */
int jws_sign(EVP_PKEY *key, json_t *header, const void *payload, size_t payload_size,
	     char **ret_token);
/* Verifies with this key and gives header and payload. -EBADMSG malformed, -EKEYREJECTED the signature or algorithm does not fit. */
int jws_verify(EVP_PKEY *key, const char *token, size_t token_len, json_t **ret_header,
	       uint8_t **ret_payload, size_t *ret_payload_size);
/* Public key only. */
int jwk_from_key(EVP_PKEY *key, json_t **ret_jwk);
int key_from_jwk(const json_t *jwk, EVP_PKEY **ret_key);
/* RFC 7638 thumbprint, SHA-256. */
int jwk_thumbprint(EVP_PKEY *key, uint8_t ret_digest[32]);
