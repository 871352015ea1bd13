/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MRENCLAVE offline: see measurement.h. SHA-256 over blocks of 64 bytes, each leaf's own; the base address, the attributes and the signer are
 * not part of it. A TCS page is measured as EADD leaves it (flags without rights; STATE, CSSA, AEP and DBGOPTIN are zero).
 */
#include "hypervisor/loader/measurement.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct measurement {
	EVP_MD_CTX *hash;
	bool failed;
};

static void block(struct measurement *m, const void *data, size_t size)
{
	if (!m->failed && EVP_DigestUpdate(m->hash, data, size) != 1)
		m->failed = true;
}

struct measurement *measurement_start(uint32_t ssa_frame_pages, uint64_t size)
{
	struct {
		uint8_t name[8];
		uint32_t ssa_frame_pages;
		uint32_t size[2];
		uint8_t zero[44];
	} b = { "ECREATE", ssa_frame_pages, { (uint32_t)size, (uint32_t)(size >> 32) }, { 0 } };
	struct measurement *m = calloc(1, sizeof(*m));

	_Static_assert(sizeof(b) == 64, "block");
	if (!m)
		return NULL;
	m->hash = EVP_MD_CTX_new();
	if (!m->hash || EVP_DigestInit_ex(m->hash, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(m->hash);
		free(m);
		return NULL;
	}
	block(m, &b, sizeof(b));
	return m;
}

void measurement_add(struct measurement *m, uint64_t offset, uint64_t flags)
{
	struct {
		uint8_t name[8];
		uint64_t offset, flags;
		uint8_t zero[40];
	} b = { "EADD", offset, flags, { 0 } };

	_Static_assert(sizeof(b) == 64, "block");
	if (SECINFO_TYPE(flags) == PT_TCS)
		b.flags &= ~SECINFO_RWX;
	block(m, &b, sizeof(b));
}

void measurement_extend(struct measurement *m, uint64_t offset, const uint8_t chunk[256])
{
	struct {
		uint8_t name[8];
		uint64_t offset;
		uint8_t zero[48];
	} b = { "EEXTEND", offset, { 0 } };

	_Static_assert(sizeof(b) == 64, "block");
	block(m, &b, sizeof(b));
	block(m, chunk, 256);
}

int measurement_finish(struct measurement *m, uint8_t ret_mrenclave[32])
{
	uint8_t digest[32];
	bool ok = EVP_DigestFinal_ex(m->hash, digest, NULL) == 1 && !m->failed;

	EVP_MD_CTX_free(m->hash);
	free(m);
	if (!ok)
		return -EIO;
	memcpy(ret_mrenclave, digest, sizeof(digest));
	return 0;
}

int measure_layout(const struct enclave_layout *layout, uint8_t ret_mrenclave[32])
{
	static const uint8_t zero[PAGE_SIZE];
	struct measurement *m = measurement_start(layout->config.ssa_frame_pages, layout->size);

	if (!m)
		return -ENOMEM;
	for (size_t i = 0; i < layout->page_count; i++) {
		const struct enclave_page *page = &layout->pages[i];
		const uint8_t *content = page->content ?: zero;

		measurement_add(m, page->offset, page->flags);
		for (size_t o = 0; o < PAGE_SIZE; o += 256)
			measurement_extend(m, page->offset + o, content + o);
	}
	return measurement_finish(m, ret_mrenclave);
}
