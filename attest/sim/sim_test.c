/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulated evidence: the signer's files, both forms of evidence under every change of one byte and
 * every cut, the keys it may be trusted by, its clock; and the measurement streams against values
 * computed apart.
 */
#include "attest/sim/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int failures;
#define EXPECT(what)                                                           \
	do {                                                                   \
		if (!(what)) {                                                 \
			printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, #what); \
			failures++;                                            \
		}                                                              \
	} while (0)

#define NOW 1780000000
/* Computed with Python's hashlib from abi/report.h's words. */
#define MEASUREMENT_VECTOR "b613203453e9ffccd72798632fccbed4f1705bdd30ba67de4b5acd5d8391c266"
#define CONFIG_VECTOR                                      \
	"2204afa7776ee668b61cee2d2af43c5a98442dcc05ab6e88" \
	"96d4613578304e9a7b04ebf2db9c3159fce6cfa92f67c116"
static char folder[64];
static struct sim_signer *signer;
static const char policy_text[] =
	"{\"version\": 1, \"name\": \"test\", \"types\": [\"sim\"], \"allow\": [\"simulated\", \"custom-root\", \"any-code\"], "
	"\"require\": [{\"claim\": \"evidence.type\", \"equals\": \"sim\"}]}";
static struct cattest_policy *policy;

static struct report_sim make_report(void)
{
	struct report_sim r = { .platform = REPORT_PLATFORM_PROCESS,
				.product = 7,
				.security_version = 9 };

	memset(r.measurement, 0x11, sizeof(r.measurement));
	memset(r.signer, 0x22, sizeof(r.signer));
	memset(r.config, 0x33, sizeof(r.config));
	memset(r.report_data, 0x44, sizeof(r.report_data));
	return r;
}

static struct cattest_verifier *verifier_with(const char *pem, int64_t now)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_error err;

	cattest_set_time(v, now);
	cattest_set_policy(v, policy);
	if (pem && cattest_add_root(v, CATTEST_ROOT_SIM, pem, strlen(pem), &err)) {
		printf("FAIL root: %s\n", err.text);
		failures++;
	}
	return v;
}

static enum cattest_verdict judge(struct cattest_verifier *v, const void *evidence, size_t size,
				  uint8_t data_byte, const char **ret_step)
{
	static char step[128];
	uint8_t data[64];
	struct cattest_expect expect = { .report_data = data,
					 .report_data_size = sizeof(data),
					 .type = "sim" };
	struct cattest_result *r;
	struct cattest_error err;
	enum cattest_verdict verdict;

	memset(data, data_byte, sizeof(data));
	step[0] = 0;
	*ret_step = step;
	if (cattest_verify(v, evidence, size, &expect, &r, &err))
		return CATTEST_NONE;
	verdict = cattest_result_verdict(r);
	for (size_t i = 0; i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		if ((c->outcome == CATTEST_FAIL || c->outcome == CATTEST_MISSING) && !step[0])
			snprintf(step, sizeof(step), "%s", c->step);
	}
	cattest_result_free(r);
	return verdict;
}

static void test_files(char **ret_pem)
{
	char path[128], other[128];
	struct sim_signer *again;
	struct cattest_error err;
	char *pem = NULL, *pem2 = NULL;
	struct stat st;
	FILE *f;

	EXPECT(!sim_signer_of_folder(folder, &signer, &err));
	snprintf(path, sizeof(path), "%s/sim-key.pem", folder);
	snprintf(other, sizeof(other), "%s/sim-key.pub.pem", folder);
	EXPECT(!stat(path, &st) && (st.st_mode & 0777) == 0600);
	EXPECT(!stat(other, &st) && (st.st_mode & 0777) == 0644);
	EXPECT(!sim_signer_public(signer, &pem, &err));
	/* The same key the second time, and from its file. */
	EXPECT(!sim_signer_of_folder(folder, &again, &err) &&
	       !sim_signer_public(again, &pem2, &err) && !strcmp(pem, pem2));
	sim_signer_free(again);
	free(pem2);
	EXPECT(!sim_signer_load(path, &again, &err));
	sim_signer_free(again);
	EXPECT(!chmod(path, 0640) && sim_signer_load(path, &again, &err) == -EACCES &&
	       strstr(err.text, "chmod 600"));
	EXPECT(!chmod(path, 0600));
	EXPECT(!chmod(folder, 0770) && sim_signer_of_folder(folder, &again, &err) == -EACCES);
	EXPECT(!chmod(folder, 0700));
	EXPECT(sim_signer_load("/nonexistent/key", &again, &err) == -ENOENT);
	EXPECT(sim_signer_load("/", &again, &err) == -EINVAL);
	f = fopen(other, "w");
	EXPECT(f && fputs("no key", f) >= 0 && !fclose(f) && !chmod(other, 0600));
	EXPECT(sim_signer_load(other, &again, &err) == -EBADMSG);
	*ret_pem = pem;
}

/* A key on another curve is refused. */
static void test_other_curve(void)
{
	char path[128];
	struct sim_signer *s;
	struct cattest_error err;
	EVP_PKEY *key = EVP_EC_gen("P-384");
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long size;
	int fd;

	snprintf(path, sizeof(path), "%s/p384.pem", folder);
	EXPECT(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	size = BIO_get_mem_data(bio, &data);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	EXPECT(fd >= 0 && write(fd, data, (size_t)size) == size);
	close(fd);
	EXPECT(sim_signer_load(path, &s, &err) == -EINVAL);
	unlink(path);
	BIO_free(bio);
	EVP_PKEY_free(key);
}

static void test_claims(const char *pem, const struct evidence_sim *e)
{
	struct cattest_verifier *v = verifier_with(pem, NOW);
	struct cattest_expect expect = { 0 };
	const struct cattest_claim *c;
	struct cattest_result *r;
	struct cattest_error err;

	expect.report_data = e->report.report_data;
	expect.report_data_size = 64;
	EXPECT(!cattest_verify(v, e, sizeof(*e), &expect, &r, &err));
	EXPECT(cattest_result_verdict(r) == CATTEST_TRUSTED);
	EXPECT(!strcmp(cattest_result_type(r), "sim"));
	EXPECT((c = cattest_result_find(r, "sim.measurement")) && c->size == 32 &&
	       c->bytes[0] == 0x11);
	EXPECT((c = cattest_result_find(r, "sim.config")) && c->size == 48 && c->bytes[47] == 0x33);
	EXPECT((c = cattest_result_find(r, "sim.platform")) && !strcmp(c->string, "process"));
	EXPECT((c = cattest_result_find(r, "sim.product")) && c->number == 7);
	EXPECT((c = cattest_result_find(r, "sim.security_version")) && c->number == 9);
	EXPECT((c = cattest_result_find(r, "sim.time")) && (int64_t)c->number == NOW);
	EXPECT((c = cattest_result_find(r, "debug")) && !c->number);
	EXPECT((c = cattest_result_find(r, "root")) && !strcmp(c->string, "custom"));
	EXPECT((c = cattest_result_find(r, "report_data")) && c->size == 64 && c->bytes[5] == 0x44);
	cattest_result_free(r);
	EXPECT(!cattest_decode(e, sizeof(*e), NULL, &r, &err));
	EXPECT(cattest_result_verdict(r) == CATTEST_NONE &&
	       cattest_result_find(r, "sim.measurement"));
	cattest_result_free(r);
	cattest_verifier_free(v);
}

/* Every byte with one bit and with all bits turned, and every prefix, is refused. */
static void test_changes(struct cattest_verifier *v, const uint8_t *good, size_t size)
{
	uint8_t *bad = malloc(size + 1);
	const char *step;

	EXPECT(judge(v, good, size, 0x44, &step) == CATTEST_TRUSTED);
	for (size_t i = 0; i < size; i++)
		for (int k = 0; k < 2; k++) {
			memcpy(bad, good, size);
			bad[i] ^= (uint8_t)(k ? 0xff : 1 << i % 8);
			if (judge(v, bad, size, 0x44, &step) == CATTEST_TRUSTED) {
				printf("FAIL byte %zu of %zu changed, and trusted\n", i, size);
				failures++;
			}
		}
	memcpy(bad, good, size);
	for (size_t i = 0; i < size; i++)
		if (judge(v, bad, i, 0x44, &step) == CATTEST_TRUSTED) {
			printf("FAIL cut to %zu of %zu, and trusted\n", i, size);
			failures++;
		}
	bad[size] = 0;
	EXPECT(judge(v, bad, size + 1, 0x44, &step) != CATTEST_TRUSTED);
	free(bad);
}

static void test_trust(const char *pem, const struct evidence_sim *e)
{
	struct cattest_verifier *none = verifier_with(NULL, NOW), *good = verifier_with(pem, NOW),
				*other, *early;
	struct sim_signer *stranger = NULL;
	char path[128], *stranger_pem = NULL;
	struct cattest_error err;
	const char *step;

	snprintf(path, sizeof(path), "%s/stranger", folder);
	EXPECT(!sim_signer_of_folder(path, &stranger, &err) &&
	       !sim_signer_public(stranger, &stranger_pem, &err));
	other = verifier_with(stranger_pem, NOW);
	EXPECT(judge(none, e, sizeof(*e), 0x44, &step) != CATTEST_TRUSTED &&
	       !strcmp(step, "sim.signer"));
	EXPECT(judge(other, e, sizeof(*e), 0x44, &step) == CATTEST_REFUSED &&
	       !strcmp(step, "sim.signer"));
	EXPECT(judge(good, e, sizeof(*e), 0x45, &step) == CATTEST_REFUSED &&
	       !strcmp(step, "report_data"));
	/* Signed by a clock that is ahead: a little is nothing, more is refused. */
	early = verifier_with(pem, NOW - 300);
	EXPECT(judge(early, e, sizeof(*e), 0x44, &step) == CATTEST_TRUSTED);
	cattest_set_time(early, NOW - 301);
	EXPECT(judge(early, e, sizeof(*e), 0x44, &step) == CATTEST_REFUSED &&
	       !strcmp(step, "sim.time"));
	cattest_verifier_free(none);
	cattest_verifier_free(good);
	cattest_verifier_free(other);
	cattest_verifier_free(early);
	sim_signer_free(stranger);
	free(stranger_pem);
}

/* A signer that signs nonsense: what a verifier must not take although the signature is good. */
static void test_signed_nonsense(const char *pem)
{
	struct report_sim r = make_report();
	struct cattest_verifier *v = verifier_with(pem, NOW);
	struct evidence_sim e;
	struct cattest_error err;
	const char *step;

	r.attributes = 2;
	EXPECT(sim_sign(signer, &r, NOW, &e, &err) == -EINVAL);
	r = make_report();
	r.reserved[3] = 1;
	EXPECT(sim_sign(signer, &r, NOW, &e, &err) == -EINVAL);
	r = make_report();
	r.platform = 99;
	EXPECT(sim_sign(signer, &r, NOW, &e, &err) == -EINVAL);
	/* Simulated SGX without its body. */
	r.platform = REPORT_PLATFORM_SGX;
	EXPECT(!sim_sign(signer, &r, NOW, &e, &err));
	EXPECT(judge(v, &e, sizeof(e), 0x44, &step) == CATTEST_REFUSED &&
	       !strcmp(step, "sim.body"));
	/* Debug is claimed, and refused by the policy. */
	r = make_report();
	r.attributes = REPORT_ATTRIBUTE_DEBUG;
	EXPECT(!sim_sign(signer, &r, NOW, &e, &err));
	EXPECT(judge(v, &e, sizeof(e), 0x44, &step) == CATTEST_REFUSED &&
	       !strcmp(step, "policy.debug"));
	cattest_verifier_free(v);
}

static void test_quote_form(const char *pem)
{
	struct cattest_verifier *v = verifier_with(pem, NOW);
	uint8_t body[REPORT_SGX_BODY_SIZE], quote[SIM_QUOTE_SIZE];
	struct cattest_error err;

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)i;
	body[48] = 5;
	memset(body + 320, 0x44, 64);
	EXPECT(!sim_sign_sgx(signer, body, NOW, quote, &err));
	test_changes(v, quote, sizeof(quote));
	cattest_verifier_free(v);
}

/* --- measurement --- */

static void hex_of(const uint8_t *bytes, size_t size, char *hex)
{
	for (size_t i = 0; i < size; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

static void test_measurement(void)
{
	static const uint8_t boot[16] = { 1, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0 };
	static const char mount[] = "\0\0\0\0tmpfs\0/tmp\0";
	struct sim_measurement *m = sim_measurement_new(REPORT_MEASUREMENT_LABEL);
	uint8_t hash[48];
	char hex[97], path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/program", folder);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	EXPECT(fd >= 0 && write(fd, "program", 7) == 7);
	sim_measurement_record(m, REPORT_RECORD_KERNEL, 6);
	sim_measurement_bytes(m, "ker", 3);
	sim_measurement_bytes(m, "nel", 3);
	sim_measurement_record(m, REPORT_RECORD_BOOT, sizeof(boot));
	sim_measurement_bytes(m, boot, sizeof(boot));
	for (int i = 0; i < 2; i++) {
		sim_measurement_record(m, REPORT_RECORD_MOUNT, sizeof(mount));
		sim_measurement_bytes(m, mount, sizeof(mount));
	}
	EXPECT(!sim_measurement_file(m, REPORT_RECORD_PROGRAM, "/bin/p", fd));
	sim_measurement_record(m, REPORT_RECORD_INTERPRETER, 0);
	EXPECT(!sim_measurement_end(m, hash));
	hex_of(hash, 32, hex);
	EXPECT(!strcmp(hex, MEASUREMENT_VECTOR));
	m = sim_measurement_new(REPORT_CONFIG_LABEL);
	sim_measurement_record(m, REPORT_RECORD_ARGUMENT, 1);
	sim_measurement_bytes(m, "a", 1);
	sim_measurement_record(m, REPORT_RECORD_DIRECTORY, 1);
	sim_measurement_bytes(m, "/", 1);
	sim_measurement_record(m, REPORT_RECORD_HOSTNAME, 0);
	sim_measurement_record(m, REPORT_RECORD_IDENTITY, 8);
	sim_measurement_bytes(m, "\0\0\0\0\0\0\0\0", 8);
	EXPECT(!sim_measurement_end(m, hash));
	hex_of(hash, 48, hex);
	EXPECT(!strcmp(hex, CONFIG_VECTOR));
	close(fd);
}

static void test_measurement_errors(void)
{
	struct sim_measurement *m = sim_measurement_new(REPORT_MEASUREMENT_LABEL);
	uint8_t hash[48];

	EXPECT(!sim_measurement_new("something else"));
	EXPECT(sim_measurement_end(m, hash) == -EINVAL); /* nothing */
	m = sim_measurement_new(REPORT_MEASUREMENT_LABEL);
	sim_measurement_record(m, REPORT_RECORD_BOOT, 0); /* without the kernel before */
	EXPECT(sim_measurement_end(m, hash) == -EINVAL);
	m = sim_measurement_new(REPORT_MEASUREMENT_LABEL);
	sim_measurement_record(m, REPORT_RECORD_KERNEL, 1);
	sim_measurement_bytes(m, "ab", 2); /* more than was said */
	EXPECT(sim_measurement_end(m, hash) == -EINVAL);
	m = sim_measurement_new(REPORT_MEASUREMENT_LABEL);
	sim_measurement_record(m, REPORT_RECORD_KERNEL, 2);
	sim_measurement_bytes(m, "a", 1); /* less */
	sim_measurement_record(m, REPORT_RECORD_BOOT, 0);
	EXPECT(sim_measurement_end(m, hash) == -EINVAL);
	m = sim_measurement_new(REPORT_MEASUREMENT_LABEL);
	sim_measurement_record(m, REPORT_RECORD_KERNEL, 0);
	sim_measurement_record(m, REPORT_RECORD_KERNEL, 0); /* twice */
	EXPECT(sim_measurement_end(m, hash) == -EINVAL);
}

int main(void)
{
	struct report_sim report = make_report();
	struct cattest_verifier *v;
	struct evidence_sim e;
	struct cattest_error err;
	char *pem = NULL, command[128];

	snprintf(folder, sizeof(folder), "/tmp/cloister-sim-XXXXXX");
	if (!mkdtemp(folder) ||
	    cattest_policy_parse("test", policy_text, sizeof(policy_text) - 1, &policy, &err)) {
		printf("cannot start: %s\n", err.text);
		return 1;
	}
	test_files(&pem);
	test_other_curve();
	EXPECT(!sim_sign(signer, &report, NOW, &e, &err));
	test_claims(pem, &e);
	v = verifier_with(pem, NOW);
	test_changes(v, (const uint8_t *)&e, sizeof(e));
	cattest_verifier_free(v);
	test_trust(pem, &e);
	test_signed_nonsense(pem);
	test_quote_form(pem);
	test_measurement();
	test_measurement_errors();
	sim_signer_free(signer);
	cattest_policy_free(policy);
	free(pem);
	for (size_t i = 0; i < 5; i++) {
		static const char *const names[] = { "/sim-key.pem", "/sim-key.pub.pem", "/program",
						     "/stranger/sim-key.pem",
						     "/stranger/sim-key.pub.pem" };

		snprintf(command, sizeof(command), "%s%s", folder, names[i]);
		unlink(command);
	}
	snprintf(command, sizeof(command), "%s/stranger", folder);
	rmdir(command);
	rmdir(folder);
	printf(failures ? "%d failures\n" : "ok\n", failures);
	return failures != 0;
}
