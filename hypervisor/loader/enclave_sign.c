/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloister-enclave-sign ENCLAVE KEY: measures an enclave of ours and signs it: writes ENCLAVE.sig (a SIGSTRUCT) and prints MRENCLAVE and
 * MRSIGNER. KEY is made if it does not exist.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/loader/sign.h"

static void *file_read(const char *path, size_t *ret_size)
{
	FILE *f = fopen(path, "re");
	const size_t limit = 64UL << 20;
	char *data = malloc(limit);

	*ret_size = f && data ? fread(data, 1, limit, f) : 0;
	if (f)
		fclose(f);
	if (!*ret_size) {
		free(data);
		return NULL;
	}
	return data;
}

static bool file_write(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "we");
	bool ok = f && fwrite(data, size, 1, f) == 1;

	return (!f || !fclose(f)) && ok;
}

static void print_digest(const char *name, const uint8_t digest[32])
{
	printf("%-10s", name);
	for (int i = 0; i < 32; i++)
		printf("%02x", digest[i]);
	printf("\n");
}

static int sign(const char *path, const char *key_path, const char **ret_why)
{
	struct sigstruct s;
	uint8_t mrsigner[32];
	EVP_PKEY *key = NULL;
	char name[4096];
	size_t size;
	void *elf = file_read(path, &size);
	int r;

	*ret_why = "it cannot be read";
	if (!elf)
		return -1;
	r = sign_key_open(key_path, true, &key, ret_why);
	r = r ?: sign_enclave(elf, size, sign_date(), key, &s, ret_why);
	r = r ?: sign_mrsigner(&s, mrsigner);
	EVP_PKEY_free(key);
	free(elf);
	if (r)
		return r;
	snprintf(name, sizeof(name), "%s.sig", path);
	*ret_why = "the signature cannot be written";
	if (!file_write(name, &s, sizeof(s)))
		return -1;
	print_digest("mrenclave", s.enclave_hash);
	print_digest("mrsigner", mrsigner);
	return 0;
}

int main(int argc, char **argv)
{
	const char *why;

	if (argc != 3) {
		fprintf(stderr, "usage: %s ENCLAVE KEY\n", argv[0]);
		return 2;
	}
	if (!sign(argv[1], argv[2], &why))
		return 0;
	fprintf(stderr, "%s: %s: %s\n", argv[0], argv[1], why);
	return 1;
}
