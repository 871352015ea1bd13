/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streams that a measurement and a configuration digest of the process platform are hashes of
 * (abi/report.h), for whoever makes such a report and for whoever computes ahead of time what it
 * must say. The order of records and their sizes are kept track of: a stream that is not exactly as
 * defined gives no digest.
 */
#include "attest/sim/sim.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct sim_measurement {
	EVP_MD_CTX *ctx;
	uint32_t first, last; /* kinds of this stream */
	uint32_t next;	      /* the smallest kind that may come */
	uint32_t repeats;     /* bit (kind - first): any number of times */
	uint64_t left;	      /* bytes of the record begun */
	bool invalid, out_of_memory;
};

struct sim_measurement *sim_measurement_new(const char *label)
{
	bool config = !strcmp(label, REPORT_CONFIG_LABEL);
	uint8_t padded[REPORT_LABEL_SIZE] = { 0 };
	struct sim_measurement *m;

	if (!config && strcmp(label, REPORT_MEASUREMENT_LABEL))
		return NULL;
	m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	m->first = m->next = config ? REPORT_RECORD_ARGUMENT : REPORT_RECORD_KERNEL;
	m->last = config ? REPORT_RECORD_IDENTITY : REPORT_RECORD_INTERPRETER;
	m->repeats = config ? 3u : 1u << (REPORT_RECORD_MOUNT - REPORT_RECORD_KERNEL);
	m->ctx = EVP_MD_CTX_new();
	memcpy(padded, label, strnlen(label, sizeof(padded)));
	if (!m->ctx || EVP_DigestInit_ex(m->ctx, config ? EVP_sha384() : EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(m->ctx, padded, sizeof(padded)) != 1)
		m->out_of_memory = true;
	return m;
}

void sim_measurement_bytes(struct sim_measurement *m, const void *data, size_t size)
{
	if (m->invalid || m->out_of_memory)
		return;
	if (size > m->left) {
		m->invalid = true;
		return;
	}
	m->left -= size;
	if (size && EVP_DigestUpdate(m->ctx, data, size) != 1)
		m->out_of_memory = true;
}

/* Whether every record from m->next up to (not including) kind may be left out. */
static bool may_skip_to(const struct sim_measurement *m, uint32_t kind)
{
	for (uint32_t k = m->next; k < kind; k++)
		if (!(m->repeats & 1u << (k - m->first)))
			return false;
	return true;
}

void sim_measurement_record(struct sim_measurement *m, uint32_t kind, uint64_t size)
{
	struct report_record head = { .kind = kind, .size = size };

	if (m->left || kind < m->next || kind > m->last || !may_skip_to(m, kind))
		m->invalid = true;
	if (m->invalid || m->out_of_memory)
		return;
	m->next = m->repeats & 1u << (kind - m->first) ? kind : kind + 1;
	if (EVP_DigestUpdate(m->ctx, &head, sizeof(head)) != 1)
		m->out_of_memory = true;
	m->left = size;
}

int sim_measurement_file(struct sim_measurement *m, uint32_t kind, const char *name, int fd)
{
	size_t name_size = name ? strlen(name) + 1 : 0;
	uint8_t buffer[16384];
	struct stat st;
	off_t at = 0;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	sim_measurement_record(m, kind, name_size + (uint64_t)st.st_size);
	sim_measurement_bytes(m, name, name_size);
	while (at < st.st_size) {
		ssize_t n = pread(fd, buffer, sizeof(buffer), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n) /* became shorter meanwhile: the size was hashed already */
			break;
		sim_measurement_bytes(m, buffer,
				      (size_t)(n > st.st_size - at ? st.st_size - at : n));
		at += n;
	}
	return 0;
}

int sim_measurement_end(struct sim_measurement *m, uint8_t *ret_digest)
{
	uint8_t out[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	int rc = 0;

	if (m->invalid || m->left || !may_skip_to(m, m->last + 1))
		rc = -EINVAL;
	else if (m->out_of_memory || EVP_DigestFinal_ex(m->ctx, out, &size) != 1)
		rc = -ENOMEM;
	else
		memcpy(ret_digest, out, size);
	EVP_MD_CTX_free(m->ctx);
	free(m);
	return rc;
}
