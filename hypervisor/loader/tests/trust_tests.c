/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor as the signer of REPORTs, by /dev/cloister_hypervisor: what it signs verifies with the key in its report, and what is no REPORT of a
 * running enclave for it is refused. "report HEX" and "seal key HEX" are for the boot test, which compares them with the TPM and across boots.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>

#include "abi/hypervisor_device.h"
#include "hypervisor/loader/tests/tests.h"

static void print_hex(const char *what, const void *data, size_t size)
{
	printf("%s ", what);
	for (size_t i = 0; i < size; i++)
		printf("%02x", ((const uint8_t *)data)[i]);
	printf("\n");
}

static int device(void)
{
	int fd = open(HV_DEVICE_PATH, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		printf("%s: %s\n", HV_DEVICE_PATH, strerror(errno));
		exit(1);
	}
	return fd;
}

/* The REPORT of `e` for this target, signed: 0 or the errno. */
static int sign(int fd, struct enclave *e, const uint8_t *target, struct hv_device_sign *ret_sign)
{
	EXPECT_EQUAL(call(e, CHECK_REPORT, (uintptr_t)target, (uintptr_t)ret_sign->report), 0);
	return ioctl(fd, HV_DEVICE_SIGN, ret_sign) ? errno : 0;
}

static int again(int fd, const struct hv_device_sign *request)
{
	struct hv_device_sign copy = *request;

	return ioctl(fd, HV_DEVICE_SIGN, &copy) ? errno : 0;
}

static EVP_PKEY *public_key(const uint8_t xy[64])
{
	uint8_t point[65] = { 4 }; /* uncompressed (SEC 1, 2.3.3) */
	OSSL_PARAM parameters[3];
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;
	char curve[] = "P-256";

	memcpy(point + 1, xy, 64);
	parameters[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0);
	parameters[1] =
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
	parameters[2] = OSSL_PARAM_construct_end();
	if (!context || EVP_PKEY_fromdata_init(context) <= 0 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	return key;
}

/* attest/hv/hv.h: head || body || report, ECDSA P-256 with SHA-256, r || s. */
static bool verifies(const struct report_hv *report, const struct hv_device_sign *signed_report)
{
	const struct report_quote_head head = { .version = 3,
						.key_type = REPORT_QUOTE_KEY_TYPE,
						.qe_svn = (uint16_t)report->security_version,
						.vendor = REPORT_VENDOR_HV };
	uint8_t message[REPORT_QUOTE_PREFIX + sizeof(*report)], *der = NULL;
	ECDSA_SIG *signature = ECDSA_SIG_new();
	EVP_PKEY *key = public_key(report->key);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool ok;

	memcpy(message, &head, sizeof(head));
	memcpy(message + sizeof(head), signed_report->report, REPORT_SGX_BODY_SIZE);
	memcpy(message + REPORT_QUOTE_PREFIX, report, sizeof(*report));
	ECDSA_SIG_set0(signature, BN_bin2bn(signed_report->signature, 32, NULL),
		       BN_bin2bn(signed_report->signature + 32, 32, NULL));
	int size = i2d_ECDSA_SIG(signature, &der);
	ok = key && size > 0 && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
	     EVP_DigestVerify(context, der, (size_t)size, message, sizeof(message)) == 1;
	OPENSSL_free(der);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	ECDSA_SIG_free(signature);
	return ok;
}

static void test_trust_sign(void)
{
	struct enclave *e = make_checks(NULL);
	struct hv_device_report r = { 0 }, second = { 0 };
	struct hv_device_sign s = { 0 }, changed;
	int fd = device();

	EXPECT_EQUAL(ioctl(fd, HV_DEVICE_REPORT, &r), 0);
	EXPECT_EQUAL(ioctl(fd, HV_DEVICE_REPORT, &second), 0);
	EXPECT(!memcmp(&r, &second, sizeof(r)));
	EXPECT_EQUAL(r.report.magic, REPORT_HV_MAGIC);
	EXPECT_EQUAL(r.report.version, REPORT_HV_VERSION);
	EXPECT_EQUAL(r.report.size, sizeof(r.report));
	print_hex("report", &r.report, sizeof(r.report));
	EXPECT_EQUAL(sign(fd, e, r.target_info, &s), 0);
	EXPECT(verifies(&r.report, &s));
	/* No other bytes under this signature, and none are signed: each byte of the REPORT counts, the key's id and the MAC as well. */
	for (size_t i = 0; i < sizeof(s.report); i++) {
		changed = s;
		changed.report[i] ^= 1;
		EXPECT_EQUAL(again(fd, &changed), EBADMSG);
		EXPECT_EQUAL(verifies(&r.report, &changed), i >= REPORT_SGX_BODY_SIZE);
	}
	/* For somebody else; and for one that differs from the target by a bit. */
	changed = s;
	EXPECT_EQUAL(sign(fd, e, NULL, &changed) ? EBADMSG : 0, EBADMSG);
	r.target_info[40] ^= 1;
	EXPECT_EQUAL(sign(fd, e, r.target_info, &changed), EBADMSG);
	EXPECT_EQUAL(again(fd, &s), 0);
	EXPECT(ioctl(fd, _IO(HV_DEVICE_MAGIC, 9), 0) && errno == ENOTTY);
	EXPECT(ioctl(fd, HV_DEVICE_SIGN, (void *)8) && errno == EFAULT);
	close(fd);
	enclave_destroy(e);
}

/* A hypervisor without trust. */
static void test_trust_none(void)
{
	struct hv_device_report r = { 0 };
	struct hv_device_sign s = { 0 };
	int fd = device();

	EXPECT(ioctl(fd, HV_DEVICE_REPORT, &r) && errno == ENODATA);
	EXPECT(ioctl(fd, HV_DEVICE_SIGN, &s) && errno == ENODATA);
	close(fd);
}

/* A hypervisor that can be debugged signs for enclaves that can be debugged, and for no others. */
static void test_trust_debug(void)
{
	const struct enclave_options options = { .uninitialised = true,
						 .attributes = ATTRIBUTE_DEBUG };
	struct enclave *e = make_checks(NULL), *debug;
	struct enclave_file file;
	struct sigstruct sigstruct;
	struct hv_device_report r = { 0 };
	struct hv_device_sign s = { 0 };
	int fd = device();

	open_file("checks", &file);
	EXPECT_EQUAL(sign_with(&file, ATTRIBUTE_DEBUG, &sigstruct), 0);
	EXPECT_EQUAL(enclave_create(&file, &options, &debug), 0);
	EXPECT_EQUAL(enclave_initialise(debug, &sigstruct), 0);
	EXPECT_EQUAL(ioctl(fd, HV_DEVICE_REPORT, &r), 0);
	EXPECT_EQUAL(r.report.attributes, REPORT_ATTRIBUTE_DEBUG);
	EXPECT_EQUAL(sign(fd, e, r.target_info, &s), EPERM);
	EXPECT_EQUAL(sign(fd, debug, r.target_info, &s), 0);
	EXPECT(verifies(&r.report, &s));
	close(fd);
	enclave_file_close(&file);
	enclave_destroy(debug);
	enclave_destroy(e);
}

/* Not the key itself: a hash of it. */
static void test_seal_key(void)
{
	struct keyrequest request = { .key_name = KEY_SEAL, .key_policy = KEYPOLICY_MRENCLAVE };
	struct enclave *e = make_checks(NULL);
	uint8_t key[16] = { 0 }, hash[32];

	EXPECT_EQUAL(call(e, CHECK_KEY, (uintptr_t)&request, (uintptr_t)key), 0);
	SHA256(key, sizeof(key), hash);
	print_hex("seal key", hash, sizeof(hash));
	enclave_destroy(e);
}

/* The key itself, of an enclave that is worth nothing: for the boot tests, which look whether memory that is given back still holds it. */
static void test_leftover_key(void)
{
	struct keyrequest request = { .key_name = KEY_SEAL, .key_policy = KEYPOLICY_MRSIGNER };
	struct enclave *e = make_checks(NULL);
	uint8_t key[16] = { 0 };

	EXPECT_EQUAL(call(e, CHECK_KEY, (uintptr_t)&request, (uintptr_t)key), 0);
	print_hex("key", key, sizeof(key));
	enclave_destroy(e);
}

const struct test trust_tests[] = {
	{ "trust-sign", test_trust_sign },     { "trust-none", test_trust_none },
	{ "trust-debug", test_trust_debug },   { "seal-key", test_seal_key },
	{ "leftover-key", test_leftover_key }, { NULL, NULL },
};
