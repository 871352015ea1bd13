// SPDX-License-Identifier: Apache-2.0
/* The certificates of platforms, read from quotes, and the few that are kept for the next quote. */
#include "attest/dcap/platform.h"

#include <errno.h>
#include <stdlib.h>

/* Larger certification data is read anew each time: three certificates take under 4 KiB. */
#define SOURCE_KEPT_MAX 16384

struct platform_memory *platform_memory_new(void)
{
	return calloc(1, sizeof(struct platform_memory));
}

void platform_done(struct platform *p)
{
	EVP_PKEY_free(p->attestation_key);
	x509_list_done(&p->chain);
	free(p->source);
	memset(p, 0, sizeof(*p));
}

void platform_memory_free(void *memory)
{
	struct platform_memory *m = memory;

	for (size_t i = 0; m && i < PLATFORMS_KEPT; i++)
		platform_done(&m->platforms[i]);
	free(m);
}

EVP_PKEY *platform_p256_key(const X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	char group[64];

	if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
	    !EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) ||
	    strcmp(group, "prime256v1"))
		return NULL;
	return key;
}

int platform_from_certificates(struct platform *p, const struct x509_list *certificates,
			       struct cattest_error *err)
{
	size_t leaf = certificates->count;
	int r;

	/* Some chains have the leaf elsewhere than at the front; its name and extension tell it. */
	for (size_t i = 0; i < certificates->count && leaf == certificates->count; i++) {
		bool twice = false;

		if (x509_extension(certificates->items[i], PCK_EXTENSION_OID, &twice).data || twice)
			leaf = i;
	}
	if (leaf == certificates->count)
		return fail(err, -EBADMSG, "quote: none of its certificates is a PCK certificate");
	r = pck_parse(certificates->items[leaf], &p->pck, err);
	if (r)
		return r;
	p->chain.count = 0;
	p->chain.items[p->chain.count++] = certificates->items[leaf];
	for (size_t i = 0; i < certificates->count; i++)
		if (i != leaf)
			p->chain.items[p->chain.count++] = certificates->items[i];
	for (size_t i = 0; i < p->chain.count; i++)
		X509_up_ref(p->chain.items[i]);
	p->key = platform_p256_key(p->chain.items[0]);
	return 0;
}

static int platform_read(const struct collateral *bag, struct platform *p, const struct quote *q,
			 struct cattest_error *err)
{
	struct x509_list certificates = { 0 };
	int r = x509_list_from_bag(bag, q->certification_data, &certificates);

	/* The type is not signed: it has to be the one that fits. */
	if (!r && (certificates.count == 1) != (q->certification == CERT_PCK_LEAF))
		r = fail(err, -EBADMSG,
			 "quote: certification data of type %d with %zu certificates",
			 q->certification, certificates.count);
	else if (r < 0)
		fail(err, r, "quote: malformed PCK certificates in the certification data");
	else
		r = platform_from_certificates(p, &certificates, err);
	x509_list_done(&certificates);
	return r;
}

int platform_get(struct platform_memory *memory, const struct collateral *bag,
		 struct platform *local, const struct quote *q, struct platform **ret_platform,
		 struct cattest_error *err)
{
	struct span data = q->certification_data;
	struct platform *slot = local;
	int r;

	memset(local, 0, sizeof(*local));
	for (size_t i = 0; memory && i < PLATFORMS_KEPT; i++) {
		struct platform *p = &memory->platforms[i];

		if (p->source && p->type == q->certification &&
		    span_equal(SPAN(p->source, p->source_size), data)) {
			*ret_platform = p;
			return 0;
		}
	}
	r = platform_read(bag, local, q, err);
	if (r)
		return r;
	if (memory && data.size <= SOURCE_KEPT_MAX) {
		local->source = malloc(data.size);
		if (local->source) {
			memcpy(local->source, data.data, data.size);
			local->source_size = data.size;
			local->type = q->certification;
			slot = &memory->platforms[memory->next++ % PLATFORMS_KEPT];
			platform_done(slot);
			*slot = *local;
			memset(local, 0, sizeof(*local));
		}
	}
	*ret_platform = slot;
	return 0;
}

EVP_PKEY *platform_attestation_key(struct platform *p, struct span xy)
{
	if (p->attestation_read && span_equal(SPAN_OF(p->attestation_xy), xy))
		return p->attestation_key;
	EVP_PKEY_free(p->attestation_key);
	p->attestation_key = ec_key("P-256", xy);
	memcpy(p->attestation_xy, xy.data, sizeof(p->attestation_xy));
	p->attestation_read = true;
	return p->attestation_key;
}
