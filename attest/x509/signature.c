/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which signatures are accepted, and the memory of those that verified. Algorithms: ECDSA with SHA-256, SHA-384 or SHA-512 by a named P-256, P-384 or P-521
 * key; RSA of 2,048 to 8,192 bits with SHA-256, SHA-384 or SHA-512, PKCS #1 or PSS with MGF1 of the same hash and a salt of its length (AMD:
 * SHA-384 and 48). Only good signatures are remembered, by the hashes of the whole certificate and of the issuer's key, so that
 * remembering says nothing about dates, names, revocation or trust: those are looked at each time.
 */
#include "attest/collateral/collateral.h"
#include "attest/x509/x509_internal.h"
#include "lib/fuzz/outcome.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdlib.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define LINKS_MAX 256
#define LISTS_MAX 64
#define LIST_BYTES_MAX (64u << 10)
#define BUILT_IN_MAX 8

struct link {
	uint8_t cert[32], key[32];
	uint64_t used; /* 0: free */
};

struct read_list {
	uint8_t sha256[32];
	struct x509_list list;
	uint64_t used;
};

struct path_cache {
	struct link links[LINKS_MAX];
	struct read_list lists[LISTS_MAX];
	uint64_t clock;
	X509 *built_in[BUILT_IN_MAX];
};

struct path_cache *path_cache_new(void)
{
	return calloc(1, sizeof(struct path_cache));
}

void path_cache_free(struct path_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < LISTS_MAX; i++)
		x509_list_done(&cache->lists[i].list);
	for (size_t i = 0; i < BUILT_IN_MAX; i++)
		X509_free(cache->built_in[i]);
	free(cache);
}

X509 *built_in_root(struct path_cache *cache, enum cattest_root kind, size_t index)
{
	for (size_t i = 0; i < root_der_count && i < BUILT_IN_MAX; i++) {
		if (root_ders[i].kind != kind || index--)
			continue;
		if (!cache->built_in[i])
			cache->built_in[i] = x509_from_der(root_ders[i].der);
		return cache->built_in[i];
	}
	return NULL;
}

static const char *pss_fault(const X509_ALGOR *algorithm)
{
	RSA_PSS_PARAMS *pss = NULL;
	const ASN1_OBJECT *mgf, *hash_object;
	const void *value;
	X509_ALGOR *mgf_hash = NULL;
	const char *fault = NULL;
	int type, hash;

	X509_ALGOR_get0(NULL, &type, &value, algorithm);
	if (type == V_ASN1_SEQUENCE)
		pss = ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
	if (!pss || !pss->hashAlgorithm || !pss->maskGenAlgorithm || !pss->saltLength ||
	    (pss->trailerField && ASN1_INTEGER_get(pss->trailerField) != 1)) {
		/* Absent fields stand for SHA-1 and its salt. AMD writes the trailer field although it has its default. */
		fault = "is signed with RSA-PSS parameters that are not accepted";
		goto out;
	}
	X509_ALGOR_get0(&hash_object, NULL, NULL, pss->hashAlgorithm);
	hash = OBJ_obj2nid(hash_object);
	X509_ALGOR_get0(&mgf, &type, &value, pss->maskGenAlgorithm);
	if (OBJ_obj2nid(mgf) == NID_mgf1 && type == V_ASN1_SEQUENCE)
		mgf_hash = ASN1_item_unpack(value, ASN1_ITEM_rptr(X509_ALGOR));
	if (mgf_hash)
		X509_ALGOR_get0(&hash_object, NULL, NULL, mgf_hash);
	if (!mgf_hash || OBJ_obj2nid(hash_object) != hash ||
	    !((hash == NID_sha256 && ASN1_INTEGER_get(pss->saltLength) == 32) ||
	      (hash == NID_sha384 && ASN1_INTEGER_get(pss->saltLength) == 48) ||
	      (hash == NID_sha512 && ASN1_INTEGER_get(pss->saltLength) == 64)))
		fault = "is signed with RSA-PSS parameters that are not accepted";
out:
	X509_ALGOR_free(mgf_hash);
	RSA_PSS_PARAMS_free(pss);
	ERR_clear_error();
	return fault;
}

static const char *rsa_fault(const X509 *issuer)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);

	if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA ||
	    EVP_PKEY_get_bits(key) < RSA_BITS_MIN || EVP_PKEY_get_bits(key) > RSA_BITS_MAX)
		return "is signed by a key that is not accepted: no RSA key of 2048 to 8192 bits";
	return NULL;
}

static const char *ec_fault(const X509 *issuer)
{
	static const char fault[] =
		"is signed by a key that is not accepted: not on the named curves P-256, P-384 or P-521";
	X509_ALGOR *algorithm = NULL;
	const ASN1_OBJECT *object;
	const void *value;
	int type, curve;

	if (!X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, X509_get_X509_PUBKEY(issuer)))
		return fault;
	/* Named curves only: parameters that are spelt out may describe another curve. */
	X509_ALGOR_get0(&object, &type, &value, algorithm);
	if (OBJ_obj2nid(object) != NID_X9_62_id_ecPublicKey || type != V_ASN1_OBJECT)
		return fault;
	curve = OBJ_obj2nid(value);
	return curve == NID_X9_62_prime256v1 || curve == NID_secp384r1 || curve == NID_secp521r1
		       ? NULL
		       : fault;
}

const char *algorithm_fault(const X509_ALGOR *algorithm, const X509 *issuer)
{
	const ASN1_OBJECT *object;
	const char *fault;

	X509_ALGOR_get0(&object, NULL, NULL, algorithm);
	switch (OBJ_obj2nid(object)) {
	case NID_ecdsa_with_SHA256:
	case NID_ecdsa_with_SHA384:
	case NID_ecdsa_with_SHA512:
		return ec_fault(issuer);
	case NID_sha256WithRSAEncryption:
	case NID_sha384WithRSAEncryption:
	case NID_sha512WithRSAEncryption:
		return rsa_fault(issuer);
	case NID_rsassaPss:
		fault = pss_fault(algorithm);
		return fault ? fault : rsa_fault(issuer);
	default:
		return "is signed with an algorithm that is not accepted";
	}
}

/* The entry for this pair, or the one to overwrite. */
static struct link *link_find(struct path_cache *cache, const uint8_t cert[32],
			      const uint8_t key[32], bool *ret_found)
{
	struct link *oldest = &cache->links[0];

	for (size_t i = 0; i < LINKS_MAX; i++) {
		struct link *l = &cache->links[i];

		if (l->used && !memcmp(l->cert, cert, 32) && !memcmp(l->key, key, 32)) {
			*ret_found = true;
			return l;
		}
		if (l->used < oldest->used)
			oldest = l;
	}
	*ret_found = false;
	return oldest;
}

bool link_verifies(struct path_cache *cache, X509 *cert, X509 *issuer)
{
	const struct x509_facts *c = x509_facts(cert), *i = x509_facts(issuer);
	const X509_ALGOR *algorithm;
	struct link *l = NULL;
	bool known = false;
	EVP_PKEY *key;

	if (!c || !i)
		return false;
	/* Not remembered: another input's may be made. */
	if (fuzz_outcome())
		return true;
	if (cache) {
		l = link_find(cache, c->der_sha256, i->spki_sha256, &known);
		if (known) {
			l->used = ++cache->clock;
			return true;
		}
	}
	X509_get0_signature(NULL, &algorithm, cert);
	key = X509_get0_pubkey(issuer);
	if (algorithm_fault(algorithm, issuer) || !key || X509_verify(cert, key) != 1) {
		ERR_clear_error();
		return false;
	}
	if (l) {
		memcpy(l->cert, c->der_sha256, 32);
		memcpy(l->key, i->spki_sha256, 32);
		l->used = ++cache->clock;
	}
	return true;
}

bool known_crl_is_of(struct known_crl *known, const X509 *issuer)
{
	const struct x509_facts *i = x509_facts(issuer);
	const X509_ALGOR *algorithm;
	EVP_PKEY *key;

	if (!i || X509_NAME_cmp(X509_CRL_get_issuer(known->crl), X509_get_subject_name(issuer)))
		return false;
	if (fuzz_outcome())
		return true;
	if (known->was_tried && !memcmp(known->tried, i->spki_sha256, 32))
		return known->good;
	X509_CRL_get0_signature(known->crl, NULL, &algorithm);
	key = X509_get0_pubkey(issuer);
	known->good = !algorithm_fault(algorithm, issuer) && key &&
		      X509_CRL_verify(known->crl, key) == 1;
	known->was_tried = true;
	memcpy(known->tried, i->spki_sha256, 32);
	ERR_clear_error();
	return known->good;
}

int x509_list_read(struct appraisal *a, struct span data, struct x509_list *list)
{
	struct path_cache *cache = a->verifier ? verifier_path_cache(a->verifier) : NULL;
	const struct collateral *bag = a->verifier ? verifier_collateral(a->verifier) : NULL;
	struct read_list *slot;
	size_t before = list->count;
	uint8_t sha256[32];
	int ret;

	if (!cache || !data.size || data.size > LIST_BYTES_MAX)
		return x509_list_from_bag(bag, data, list);
	SHA256(data.data, data.size, sha256);
	slot = &cache->lists[0];
	for (size_t i = 0; i < LISTS_MAX; i++) {
		struct read_list *l = &cache->lists[i];

		if (l->used && !memcmp(l->sha256, sha256, 32)) {
			if (l->list.count > X509_LIST_MAX - before)
				return -E2BIG;
			l->used = ++cache->clock;
			for (size_t k = 0; k < l->list.count; k++) {
				X509_up_ref(l->list.items[k]);
				list->items[list->count++] = l->list.items[k];
			}
			return 0;
		}
		if (l->used < slot->used)
			slot = l;
	}
	ret = x509_list_from_bag(bag, data, list);
	if (ret)
		return ret;
	x509_list_done(&slot->list);
	memcpy(slot->sha256, sha256, 32);
	slot->used = ++cache->clock;
	for (size_t k = before; k < list->count; k++) {
		X509_up_ref(list->items[k]);
		slot->list.items[slot->list.count++] = list->items[k];
	}
	return 0;
}
