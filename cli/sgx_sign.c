/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cloister sgx sign ENCLAVE --key FILE`: measures an enclave of ours (hypervisor/loader/layout.h says what one is) as EINIT will,
 * signs it, and prints what it will be known by. The SIGSTRUCT goes beside the enclave, where the loader looks for it. Nothing is written
 * unless all of it worked; a key is made only when that was asked for, and never over a file that is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/sgx.h"
#include "hypervisor/loader/sign.h"

#define ENCLAVE_FILE_MAX (64UL << 20)

static int read_whole(int fd, uint8_t *data, size_t size, const char *path, struct error *err)
{
	while (size) {
		ssize_t n = read(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(err, "%s: %s", path,
				    n ? strerror(errno) : "got shorter while it was read");
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Into memory of our own: what is measured is what was read, whoever writes to the file. */
static int read_enclave(const char *path, uint8_t **ret_data, size_t *ret_size, struct error *err)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	_free_ uint8_t *data = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return fail(err, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(err, "%s: is no regular file", path);
	if (st.st_size <= 0 || (uint64_t)st.st_size > ENCLAVE_FILE_MAX)
		return fail(err, "%s: %lld bytes: an enclave's file has 1 to %lu", path,
			    (long long)st.st_size, ENCLAVE_FILE_MAX);
	data = malloc((size_t)st.st_size);
	if (!data)
		return fail(err, "out of memory");
	if (read_whole(fd, data, (size_t)st.st_size, path, err))
		return -1;
	*ret_data = data;
	*ret_size = (size_t)st.st_size;
	data = NULL;
	return 0;
}

/* SIGSTRUCT.DATE is BCD yyyymmdd (SDM 3D, 37.14): the digits read as hex. EINIT looks at none of it. */
static int parse_date(const char *text, uint32_t *ret_date, struct error *err)
{
	uint32_t date = 0, month, day;

	for (size_t i = 0; i < 8; i++) {
		if (text[i] < '0' || text[i] > '9')
			return fail(err, "--date %.40s: is no date like 20260131", text);
		date = date << 4 | (uint32_t)(text[i] - '0');
	}
	month = date >> 8 & 0xff;
	day = date & 0xff;
	if (text[8] || month < 1 || month > 0x12 || day < 1 || day > 0x31)
		return fail(err, "--date %.40s: is no date like 20260131", text);
	*ret_date = date;
	return 0;
}

static int print_identity(const struct sigstruct *s, const uint8_t mrsigner[32], struct error *err)
{
	const struct {
		const char *name;
		const uint8_t *digest;
	} rows[] = { { "mrenclave", s->enclave_hash }, { "mrsigner", mrsigner } };

	for (size_t row = 0; row < 2; row++) {
		printf("%-10s", rows[row].name);
		for (size_t i = 0; i < 32; i++)
			printf("%02x", rows[row].digest[i]);
		putchar('\n');
	}
	printf("%-10s%u\n%-10s%u\n", "isvprodid", s->isv_prod_id, "isvsvn", s->isv_svn);
	return fflush(stdout) ? fail(err, "standard output: %s", strerror(errno)) : 0;
}

static int sign_and_write(const struct sgx_request *r, const uint8_t *elf, size_t size,
			  uint32_t date, struct error *err)
{
	_free_ char *beside = format_string("%s.sig", r->input);
	const char *output = r->output ? r->output : beside, *why = "";
	uint8_t mrsigner[32];
	struct sigstruct s;
	EVP_PKEY *key;
	int rc = sign_key_open(r->key, r->new_key, &key, &why);

	if (rc == -ENOENT)
		return fail(
			err,
			"%s: there is no such key: --new-key makes one (RSA-3072 with exponent 3, PEM)",
			r->key);
	if (rc)
		return fail(err,
			    "%s: %s (SGX wants RSA with 3072 bits and exponent 3, in PEM form)",
			    r->key, why);
	rc = sign_enclave(elf, size, date, key, &s, &why);
	EVP_PKEY_free(key);
	if (rc)
		return fail(err, "%s: %s", r->input, rc == -ENOMEM ? "out of memory" : why);
	if (sign_mrsigner(&s, mrsigner))
		return fail(err, "%s: its signer's key cannot be hashed", r->input);
	if (sgx_write(output, (const uint8_t *)&s, sizeof(s), err))
		return -1;
	return strcmp(output, "-") ? print_identity(&s, mrsigner, err) : 0;
}

int sgx_sign(const struct sgx_request *r, struct error *err)
{
	_free_ uint8_t *elf = NULL;
	uint32_t date = sign_date();
	size_t size = 0;

	if (!r->input)
		return fail(err, "sgx sign: the FILE of an enclave is missing");
	if (!r->key)
		return fail(
			err,
			"sgx sign: --key FILE is missing: the signer's private key (with --new-key it is made there)");
	if (r->date && parse_date(r->date, &date, err))
		return -1;
	if (read_enclave(r->input, &elf, &size, err))
		return -1;
	return sign_and_write(r, elf, size, date, err);
}
