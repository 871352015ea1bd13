/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGSTRUCT: made with a key of our own, it verifies by Q1 and Q2; with any of its bytes changed it does not. The key is made once,
 * is private, and comes back from its file.
 */
#include "hypervisor/loader/sign.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failures;
#define EXPECT(c)                                                                \
	do {                                                                     \
		if (!(c)) {                                                      \
			printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #c); \
			failures++;                                              \
		}                                                                \
	} while (0)

static void describe(struct sigstruct *s)
{
	memset(s, 0, sizeof(*s));
	s->attributes.flags = 4;
	s->attributes.xfrm = 3;
	s->attribute_mask.flags = s->attribute_mask.xfrm = ~0ULL;
	s->misc_mask = ~0U;
	memset(s->enclave_hash, 0xab, sizeof(s->enclave_hash));
	s->isv_prod_id = 0x1234;
	s->isv_svn = 2;
}

static void test_key(const char *folder, EVP_PKEY **ret_key)
{
	char path[512], other[512];
	const char *why = "";
	struct stat st;
	EVP_PKEY *again = NULL, *small;
	FILE *f;

	snprintf(path, sizeof(path), "%s/key.pem", folder);
	snprintf(other, sizeof(other), "%s/other.pem", folder);
	EXPECT(sign_key_open(path, false, &again, &why) == -ENOENT);
	EXPECT(!sign_key_open(path, true, ret_key, &why));
	EXPECT(!stat(path, &st) && (st.st_mode & 0777) == 0600);
	EXPECT(!sign_key_open(path, false, &again, &why));
	EXPECT(EVP_PKEY_eq(*ret_key, again) == 1);
	EVP_PKEY_free(again);
	f = fopen(other, "we");
	if (f) {
		fputs("no key\n", f);
		fclose(f);
	}
	EXPECT(sign_key_open(other, true, &small, &why) == -EINVAL);
	unlink(other);
	unlink(path);
}

static void test_signature(EVP_PKEY *key)
{
	struct sigstruct s, bad;
	const char *why = "";
	uint8_t a[32], b[32];
	int accepted = 0;

	describe(&s);
	EXPECT(!sign_sigstruct(&s, 0x20260131, key, &why));
	EXPECT(s.date == 0x20260131 && s.exponent == 3 && !s.vendor && s.isv_prod_id == 0x1234);
	EXPECT(!sign_verify(&s));
	EXPECT(!sign_mrsigner(&s, a));
	/* SWDEFINED, DATE, VENDOR are signed too; every byte of the 1808 counts, and so do the quotients. */
	for (size_t i = 0; i < sizeof(s); i++) {
		bad = s;
		((uint8_t *)&bad)[i] ^= (uint8_t)(1U << i % 8);
		/* between the two signed parts and behind them: only what EINIT looks at by itself */
		if (!sign_verify(&bad)) {
			printf("byte %zu changed, and the SIGSTRUCT still verifies\n", i);
			accepted++;
		}
	}
	EXPECT(!accepted);
	bad = s;
	bad.vendor = 0x8086;
	EXPECT(sign_verify(&bad) == -EBADMSG);
	EXPECT(!sign_sigstruct(&bad, 0x20260201, key, &why) && !sign_verify(&bad) &&
	       !sign_mrsigner(&bad, b));
	EXPECT(!memcmp(a, b, 32));
}

int main(void)
{
	char folder[] = "/tmp/cloister-sign-XXXXXX";
	EVP_PKEY *key = NULL;

	if (!mkdtemp(folder))
		return 1;
	test_key(folder, &key);
	if (key)
		test_signature(key);
	EVP_PKEY_free(key);
	rmdir(folder);
	setenv("SOURCE_DATE_EPOCH", "86400", 1);
	EXPECT(sign_date() == 0x19700102);
	return failures != 0;
}
