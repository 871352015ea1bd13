/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back end "hv" with a real TPM (swtpm) and a stand-in for the hypervisor: a function table
 * that signs with a software key and does at locality 2 what the hypervisor does. Evidence taken
 * through the AESM protocol and through the service's own is judged by the verifier; every byte of
 * it changed is refused. Then what a machine can be that no evidence is to be had from, each with
 * its own error. With the real hypervisor: hypervisor/tests/boot/evidence.sh.
 */
#include "platform/quoting/quoting.h"

#include "abi/hypervisor_device.h"
#include "attest/hv/hv.h"
#include "attest/tpm/tpm.h"
#include "tests/evidence/ec_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static int failures;
#define EXPECT(what)                                                           \
	do {                                                                   \
		if (!(what)) {                                                 \
			printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, #what); \
			failures++;                                            \
		}                                                              \
	} while (0)
#define MUST(what)                                                             \
	do {                                                                   \
		if (!(what)) {                                                 \
			printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, #what); \
			exit(1);                                               \
		}                                                              \
	} while (0)

static char folder[] = "/tmp/cloister-hv-XXXXXX";
static char tcti[100], settings[120], *ak_pem;
static pid_t tpm;

static const char *in_folder(const char *name)
{
	static char path[4][120];
	static size_t next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
	return p;
}

static void finish(void)
{
	char *const argv[] = { (char[]){ "rm" }, (char[]){ "-rf" }, folder, NULL };
	pid_t pid;

	if (tpm > 0) {
		kill(tpm, SIGTERM);
		waitpid(tpm, NULL, 0);
	}
	if (!posix_spawnp(&pid, "rm", NULL, NULL, argv, environ))
		waitpid(pid, NULL, 0);
}

/* --- the TPM --- */

static int connect_to(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", in_folder(name));
	if (!connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return fd;
	close(fd);
	return -1;
}

/* False: there is no swtpm here. */
static bool start_tpm(void)
{
	char state[100], server[100], control[100];
	char *const argv[] = { (char[]){ "swtpm" },
			       (char[]){ "socket" },
			       (char[]){ "--tpm2" },
			       (char[]){ "--tpmstate" },
			       state,
			       (char[]){ "--server" },
			       server,
			       (char[]){ "--ctrl" },
			       control,
			       (char[]){ "--flags" },
			       (char[]){ "not-need-init,startup-clear" },
			       NULL };
	posix_spawn_file_actions_t quiet;
	int fd = -1;

	snprintf(state, sizeof(state), "dir=%s", folder);
	snprintf(server, sizeof(server), "type=unixio,path=%s/tpm", folder);
	snprintf(control, sizeof(control), "type=unixio,path=%s/tpm.ctrl", folder);
	snprintf(tcti, sizeof(tcti), "swtpm:path=%s/tpm", folder);
	snprintf(settings, sizeof(settings), "tcti=%s,eventlog=none", tcti);
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&tpm, "swtpm", &quiet, NULL, argv, environ))
		tpm = 0;
	posix_spawn_file_actions_destroy(&quiet);
	if (!tpm)
		return false;
	for (int i = 0; i < 500 && fd < 0; i++) {
		const struct timespec wait = { 0, 20000000 };

		nanosleep(&wait, NULL);
		fd = connect_to("tpm.ctrl");
	}
	MUST(fd >= 0);
	close(fd);
	return true;
}

/* swtpm's control channel, CMD_SET_LOCALITY: u32 command, u8; the answer is u32, 0: done. */
static void set_locality(uint8_t locality)
{
	const uint8_t command[5] = { 0, 0, 0, 5, locality };
	uint32_t result = 1;
	int fd = connect_to("tpm.ctrl");

	MUST(fd >= 0 && write(fd, command, sizeof(command)) == sizeof(command) &&
	     read(fd, &result, sizeof(result)) == sizeof(result) && !result);
	close(fd);
}

/* TPM2_PCR_Extend (part 3, 22.2) of the SHA-256 bank, by an empty password. */
static void extend(uint8_t pcr, const uint8_t digest[32])
{
	uint8_t command[65] = { 0x80, 0x02, 0, 0, 0, 65, 0, 0, 1, 0x82, 0, 0, 0, pcr, 0, 0,   0,
				9,    0x40, 0, 0, 9, 0,	 0, 0, 0, 0,	0, 0, 0, 1,   0, 0x0b };
	uint8_t answer[64];
	int fd;

	memcpy(command + 33, digest, 32);
	set_locality(2);
	fd = connect_to("tpm");
	MUST(fd >= 0 && write(fd, command, sizeof(command)) == sizeof(command) &&
	     read(fd, answer, sizeof(answer)) >= 10 && !memcmp(answer + 6, "\0\0\0\0", 4));
	close(fd);
	set_locality(0);
}

/* --- the hypervisor's stand-in --- */

static struct {
	struct hv_device_report about;
	EVP_PKEY *key;
	int open_error, report_error, sign_error;
} machine;

/* What stands for the MAC that only the processor can make: a hash with a secret. */
static void mac_of(const uint8_t report[REPORT_SGX_SIZE], uint8_t ret_mac[32])
{
	const struct span parts[] = { SPAN("the key that no enclave has", 27), SPAN(report, 416) };

	MUST(!digest("SHA256", parts, 2, ret_mac, NULL));
}

static int fake_open(const char *path, int *ret_fd)
{
	if (machine.open_error || strcmp(path, HV_DEVICE_PATH))
		return machine.open_error ? machine.open_error : -ENOENT;
	*ret_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return 0;
}

static int fake_report(int fd, struct hv_device_report *ret_report)
{
	(void)fd;
	*ret_report = machine.about;
	return machine.report_error;
}

static int fake_sign(int fd, struct hv_device_sign *request)
{
	uint8_t mac[32], message[HV_SIGNED_SIZE];

	(void)fd;
	mac_of(request->report, mac);
	if (machine.sign_error)
		return machine.sign_error;
	if (memcmp(mac, request->report + 416, 16))
		return -EBADMSG;
	hv_signed_bytes(&machine.about.report, request->report, message);
	ec_sign(machine.key, EVP_sha256(), message, sizeof(message), request->signature);
	return 0;
}

static const struct hypervisor_calls fake_calls = { .open = fake_open,
						    .report = fake_report,
						    .sign = fake_sign };

static void start_machine(void)
{
	struct report_hv *r = &machine.about.report;
	struct cattest_error err;

	machine.key = EVP_EC_gen("P-256");
	r->magic = REPORT_HV_MAGIC;
	r->version = REPORT_HV_VERSION;
	r->size = sizeof(*r);
	r->security_version = 1;
	memset(r->measurement, 0xab, sizeof(r->measurement));
	ec_public(machine.key, r->key);
	memset(machine.about.target_info, 0x77, 32);
	MUST(!hypervisor_ak(settings, r->ak_name, &ak_pem, &err));
}

/* As the hypervisor does before Linux goes on as its guest. */
static void measure_machine(void)
{
	uint8_t hash[32];

	MUST(!digest("SHA256", &SPAN(&machine.about.report, sizeof(struct report_hv)), 1, hash,
		     NULL));
	extend(REPORT_HV_PCR_MEASUREMENT, machine.about.report.measurement);
	extend(REPORT_HV_PCR_KEY, hash);
}

static void make_report(uint8_t ret_report[REPORT_SGX_SIZE])
{
	uint8_t mac[32];

	memset(ret_report, 0, REPORT_SGX_SIZE);
	ret_report[48] = 5; /* INIT, MODE64BIT */
	memset(ret_report + 64, 0x11, 32);
	memset(ret_report + 128, 0x22, 32);
	memset(ret_report + 320, 0x44, 64);
	mac_of(ret_report, mac);
	memcpy(ret_report + 416, mac, 16);
}

/* --- judging --- */

static const char policy_text[] =
	"{\"version\": 1, \"name\": \"test\", \"types\": [\"cloister-hv\"], \"allow\": [\"custom-root\"], \"require\": ["
	"{\"claim\": \"hv.measurement\", \"equals\": \"abababababababababababababababababababababababababababababababab\"},"
	"{\"claim\": \"sgx.mrenclave\", \"equals\": \"1111111111111111111111111111111111111111111111111111111111111111\"},"
	"{\"claim\": \"tpm.pcr.sha256.4\", \"equals\": \"0000000000000000000000000000000000000000000000000000000000000000\"}]}";

static struct cattest_verifier *new_verifier(enum cattest_root kind, struct span root)
{
	static struct cattest_policy *policy;
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_error err = { "" };

	MUST(policy ||
	     !cattest_policy_parse("test", policy_text, sizeof(policy_text) - 1, &policy, &err));
	cattest_set_policy(v, policy);
	MUST(!root.size || !cattest_add_root(v, kind, root.data, root.size, &err));
	return v;
}

static enum cattest_verdict judge(struct cattest_verifier *v, struct span evidence)
{
	uint8_t data[64];
	const struct cattest_expect expect = { .report_data = data, .report_data_size = 64 };
	struct cattest_result *r;
	struct cattest_error err;
	enum cattest_verdict verdict;

	memset(data, 0x44, sizeof(data));
	if (cattest_verify(v, evidence.data, evidence.size, &expect, &r, &err))
		return CATTEST_NONE;
	verdict = cattest_result_verdict(r);
	cattest_result_free(r);
	return verdict;
}

/* The attestation key out of evidence. */
static EVP_PKEY *key_of(struct span evidence)
{
	struct cattest_error err = { "" };
	struct hv_parts parts;
	struct tpm_public ak;
	EVP_PKEY *key;

	MUST(!hv_parse_map(SPAN(evidence.data + REPORT_QUOTE_PREFIX + 4,
				evidence.size - REPORT_QUOTE_PREFIX - 4),
			   &parts, &err) &&
	     !tpm_public_parse(parts.ak, &ak, &err));
	key = tpm_public_key(&ak);
	MUST(key);
	return key;
}

/* --- the protocols --- */

/* An AESM conversation of one request; the answer's fields point into *ret_buffer. */
static uint64_t ask_aesm(struct service *s, const struct aesm_message *request,
			 struct aesm_message *ret_answer, uint8_t **ret_buffer)
{
	struct cattest_error err;
	uint8_t buffer[2048];
	size_t size, answer_size = 0;

	MUST(!aesm_write_request(request, buffer, sizeof(buffer), &size) &&
	     !aesm_answer_to(s, SPAN(buffer, size), ret_buffer, &answer_size, &err) &&
	     !aesm_read_response(*ret_buffer + 4, answer_size - 4, ret_answer));
	return ret_answer->field[AESM_F_ERROR].number;
}

/* AESM's error code; 0: *ret_quote is malloc()ed. */
static uint64_t aesm_evidence(struct service *s, const uint8_t report[REPORT_SGX_SIZE],
			      uint8_t **ret_quote, size_t *ret_size)
{
	struct aesm_message request = { .kind = AESM_QUOTE_SIZE_EX }, answer;
	uint8_t *buffer;
	uint64_t code, room;

	MUST(!ask_aesm(s, &request, &answer, &buffer));
	room = answer.field[AESM_F_QUOTE_SIZE].number;
	free(buffer);
	request = (struct aesm_message){ .kind = AESM_GET_QUOTE_EX };
	aesm_set_bytes(&request, AESM_F_QUOTE_REPORT, report, REPORT_SGX_SIZE);
	aesm_set_number(&request, AESM_F_QUOTE_BUFFER, room - 1);
	EXPECT(ask_aesm(s, &request, &answer, &buffer) == AESM_PARAMETER_ERROR);
	free(buffer);
	aesm_set_number(&request, AESM_F_QUOTE_BUFFER, room);
	code = ask_aesm(s, &request, &answer, &buffer);
	if (!code) {
		*ret_size = answer.field[AESM_F_QUOTE].size;
		EXPECT(*ret_size == room);
		*ret_quote = malloc(*ret_size);
		memcpy(*ret_quote, answer.field[AESM_F_QUOTE].data, *ret_size);
	} else {
		EXPECT(!answer.field[AESM_F_QUOTE].present);
	}
	free(buffer);
	return code;
}

/* The error of the service's own protocol. */
static int own_evidence(struct service *s, const uint8_t report[REPORT_SGX_SIZE],
			uint8_t **ret_evidence, size_t *ret_size)
{
	struct quoting_request head = { .magic = QUOTING_MAGIC,
					.version = QUOTING_VERSION,
					.operation = QUOTING_EVIDENCE,
					.backend = QUOTING_HV,
					.body_size = REPORT_SGX_SIZE };
	uint8_t request[sizeof(head) + REPORT_SGX_SIZE], *answer;
	struct quoting_answer found;
	struct cattest_error err;
	uint32_t backend;
	size_t size;

	memcpy(head.report_data, report + 320, 64);
	memcpy(request, &head, sizeof(head));
	memcpy(request + sizeof(head), report, REPORT_SGX_SIZE);
	MUST(!quoting_answer_to(s, SPAN_OF(request), &answer, &size, &backend, &err));
	memcpy(&found, answer + 4, sizeof(found));
	if (!found.error) {
		*ret_size = found.body_size;
		*ret_evidence = malloc(found.body_size);
		memcpy(*ret_evidence, answer + 4 + sizeof(found), found.body_size);
	}
	free(answer);
	return found.error;
}

/* --- tests --- */

static void refused(const char *what, const char *with, int error, const char *word)
{
	struct cattest_error err = { "" };
	struct hypervisor *h;
	int rc = hypervisor_open(with, &h, &err);

	if (rc != error || !strstr(err.text, word) || strchr(err.text, '\n')) {
		printf("FAIL %s: %d, expected %d with \"%s\": %s\n", what, rc, error, word,
		       err.text);
		failures++;
	}
	if (!rc)
		hypervisor_close(h);
}

static void test_machines_without_evidence(void)
{
	struct report_hv *r = &machine.about.report;
	char text[300];

	machine.open_error = -ENOENT;
	refused("no device", settings, -ENODEV, "is the module cloister loaded");
	machine.open_error = -EACCES;
	refused("not allowed", settings, -EACCES, "may this user open it");
	machine.open_error = 0;
	machine.report_error = -ENODATA;
	refused("no trust", settings, -ENODATA, "/sys/kernel/cloister/trust");
	machine.report_error = 0;
	r->version++;
	refused("another version", settings, -EPROTO, "not of one release");
	r->version--;
	refused("not measured", settings, -EBADMSG, "PCR 21 and 22");
	r->ak_name[0] ^= 1;
	refused("another key", settings, -EKEYREJECTED, "load its module with");
	r->ak_name[0] ^= 1;
	snprintf(text, sizeof(text), "%s,hierarchy=owner", settings);
	refused("another hierarchy", text, -EKEYREJECTED, "another attestation key");
	refused("no TPM", "tcti=device:/nonexistent", -ENODEV, "no TPM at");
	refused("an unknown setting", "colour=red", -EINVAL, "colour");
	refused("PCRs", "pcrs=1-", -EINVAL, "setting pcrs");
	snprintf(text, sizeof(text), "tcti=%s,eventlog=%s", tcti, in_folder("no-log"));
	refused("no event log", text, -ENOENT, "no-log");
	snprintf(text, sizeof(text), "%s,certificate=%s", settings, in_folder("no-certificate"));
	refused("no certificate", text, -ENOENT, "no-certificate");
}

static void test_no_name(void)
{
	struct report_hv *r = &machine.about.report;
	uint8_t name[32];

	memcpy(name, r->ak_name, sizeof(name));
	memset(r->ak_name, 0, sizeof(name));
	refused("no key named", settings, -EKEYREJECTED, "load its module with ak_name=");
	memcpy(r->ak_name, name, sizeof(name));
}

static void test_bytes(struct cattest_verifier *v, struct span good)
{
	uint8_t *bad = malloc(good.size);
	size_t trusted = 0;

	for (size_t i = 0; i < good.size; i++) {
		memcpy(bad, good.data, good.size);
		bad[i] ^= (uint8_t)(1 << i % 8);
		if (judge(v, SPAN(bad, good.size)) == CATTEST_TRUSTED) {
			printf("byte %zu of %zu changed, and trusted\n", i, good.size);
			trusted++;
		}
	}
	EXPECT(!trusted);
	free(bad);
}

static bool is_key(const EVP_PKEY *key, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *other = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	bool same = other && EVP_PKEY_eq(key, other) == 1;

	EVP_PKEY_free(other);
	BIO_free(bio);
	return same;
}

static void test_service(void)
{
	struct aesm_message request = { .kind = AESM_INIT_QUOTE_EX }, answer;
	uint8_t report[REPORT_SGX_SIZE], *quote = NULL, *own = NULL, *buffer, *spki = NULL;
	size_t size = 0, own_size = 0;
	struct cattest_error err = { "" };
	struct cattest_verifier *v, *stranger;
	struct service s;
	char text[200];
	int spki_size;
	EVP_PKEY *key;

	service_init(&s);
	snprintf(text, sizeof(text), "hv:%s", settings);
	MUST(!service_add(&s, text, NULL, &err));
	aesm_set_number(&request, AESM_F_INIT_WANTS_PUB_KEY_ID, 1);
	aesm_set_number(&request, AESM_F_INIT_BUFFER, 32);
	EXPECT(!ask_aesm(&s, &request, &answer, &buffer) &&
	       answer.field[AESM_F_TARGET_INFO].size == REPORT_SGX_TARGETINFO_SIZE &&
	       !memcmp(answer.field[AESM_F_TARGET_INFO].data, machine.about.target_info,
		       REPORT_SGX_TARGETINFO_SIZE));
	free(buffer);
	request = (struct aesm_message){ .kind = AESM_KEY_ID_COUNT };
	EXPECT(!ask_aesm(&s, &request, &answer, &buffer) && answer.field[AESM_F_COUNT].number == 1);
	free(buffer);
	make_report(report);
	MUST(!aesm_evidence(&s, report, &quote, &size));
	key = key_of(SPAN(quote, size));
	EXPECT(is_key(key, ak_pem));
	spki_size = i2d_PUBKEY(key, &spki);
	v = new_verifier(CATTEST_ROOT_AK, SPAN(spki, (size_t)spki_size));
	stranger = new_verifier(CATTEST_ROOT_AK, SPAN(NULL, 0));
	EXPECT(judge(v, SPAN(quote, size)) == CATTEST_TRUSTED);
	EXPECT(judge(stranger, SPAN(quote, size)) == CATTEST_REFUSED);
	test_bytes(v, SPAN(quote, size));
	EXPECT(!own_evidence(&s, report, &own, &own_size) && own_size == size &&
	       judge(v, SPAN(own, own_size)) == CATTEST_TRUSTED);
	/* What no enclave made, and what the hypervisor refuses or cannot do any more. */
	for (size_t i = 0; i < sizeof(report); i += 27) {
		report[i] ^= 1;
		EXPECT(aesm_evidence(&s, report, &own, &own_size) == AESM_INVALID_REPORT);
		report[i] ^= 1;
	}
	report[416] ^= 1;
	EXPECT(own_evidence(&s, report, &own, &own_size) == -EBADMSG);
	machine.sign_error = -ENODEV;
	EXPECT(aesm_evidence(&s, report, &own, &own_size) == AESM_SERVICE_UNAVAILABLE);
	machine.sign_error = -EPERM;
	EXPECT(aesm_evidence(&s, report, &own, &own_size) == AESM_UNEXPECTED_ERROR &&
	       own_evidence(&s, report, &own, &own_size) == -EPERM);
	machine.sign_error = 0;
	service_done(&s);
	cattest_verifier_free(v);
	cattest_verifier_free(stranger);
	OPENSSL_free(spki);
	EVP_PKEY_free(key);
	free(quote);
	free(own);
}

/* --- the key's certificate, the event log, more PCRs --- */

static X509 *make_certificate(EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, const char *usage)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	const int nids[] = { NID_basic_constraints, NID_key_usage };
	const char *const values[] = { issuer ? "critical,CA:FALSE" : "critical,CA:TRUE", usage };
	X509V3_CTX ctx;

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)(issuer ? "AK" : "TPM maker"), -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert));
	X509V3_set_ctx(&ctx, issuer ? issuer : cert, cert, NULL, NULL, 0);
	for (size_t i = 0; i < 2; i++) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nids[i], values[i]);

		MUST(e && X509_add_ext(cert, e, -1));
		X509_EXTENSION_free(e);
	}
	MUST(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
	return cert;
}

static void write_chain(const char *path, X509 *const *chain, size_t count)
{
	FILE *f = fopen(path, "we");

	MUST(f);
	for (size_t i = 0; i < count; i++)
		MUST(PEM_write_X509(f, chain[i]) == 1);
	MUST(!fclose(f));
}

static void open_and_take(const char *with, uint8_t **ret_evidence, size_t *ret_size)
{
	uint8_t report[REPORT_SGX_SIZE];
	struct cattest_error err = { "" };
	struct hypervisor *h;

	make_report(report);
	if (hypervisor_open(with, &h, &err)) {
		printf("FAIL %s: %s\n", with, err.text);
		exit(1);
	}
	MUST(!hypervisor_evidence(h, report, ret_evidence, ret_size, &err));
	EXPECT(*ret_size == hypervisor_evidence_size(h));
	hypervisor_close(h);
}

static void test_certificate(void)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *ak;
	X509 *ca = make_certificate(ca_key, NULL, ca_key, "critical,keyCertSign,cRLSign"), *leaf;
	X509 *many[HV_CERTIFICATES_MAX + 1];
	struct cattest_verifier *v;
	uint8_t *evidence, *der = NULL;
	char text[400];
	size_t size;
	int der_size;

	open_and_take(settings, &evidence, &size);
	ak = key_of(SPAN(evidence, size));
	free(evidence);
	leaf = make_certificate(ak, ca, ca_key, "critical,digitalSignature");
	write_chain(in_folder("chain.pem"), (X509 *[]){ leaf, ca }, 2);
	snprintf(text, sizeof(text), "%s,certificate=%s", settings, in_folder("chain.pem"));
	open_and_take(text, &evidence, &size);
	v = new_verifier(CATTEST_ROOT_TPM, SPAN(NULL, 0));
	EXPECT(judge(v, SPAN(evidence, size)) != CATTEST_TRUSTED);
	cattest_verifier_free(v);
	der_size = i2d_X509(ca, &der);
	v = new_verifier(CATTEST_ROOT_TPM, SPAN(der, (size_t)der_size));
	EXPECT(judge(v, SPAN(evidence, size)) == CATTEST_TRUSTED);
	cattest_verifier_free(v);
	free(evidence);
	for (size_t i = 0; i <= HV_CERTIFICATES_MAX; i++)
		many[i] = ca;
	write_chain(in_folder("chain.pem"), many, HV_CERTIFICATES_MAX + 1);
	refused("many certificates", text, -E2BIG, "more than 8");
	write_chain(in_folder("chain.pem"), NULL, 0);
	refused("no certificate in it", text, -EBADMSG, "no certificate in PEM form");
	OPENSSL_free(der);
	X509_free(ca);
	X509_free(leaf);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(ak);
}

static void test_log_and_pcrs(void)
{
	static const char log[] = "what a firmware might say";
	struct cattest_error err = { "" };
	struct hv_parts parts;
	uint8_t *evidence;
	char text[300];
	size_t size;
	FILE *f = fopen(in_folder("log"), "we");

	MUST(f && fwrite(log, sizeof(log), 1, f) == 1 && !fclose(f));
	snprintf(text, sizeof(text), "tcti=%s,pcrs=8+11-12,eventlog=%s", tcti, in_folder("log"));
	open_and_take(text, &evidence, &size);
	EXPECT(!hv_parse_map(SPAN(evidence + REPORT_QUOTE_PREFIX + 4,
				  size - REPORT_QUOTE_PREFIX - 4),
			     &parts, &err) &&
	       span_equal(parts.event_log, SPAN(log, sizeof(log))));
	for (size_t i = 0; i < HV_PCR_COUNT; i++)
		EXPECT((parts.pcr[i].size == 32) == ((REPORT_HV_PCRS | 0x1900) >> i & 1));
	free(evidence);
	MUST(!truncate(in_folder("log"), (384 << 10) + 1));
	refused("a large event log", text, -E2BIG, "eventlog=none");
}

/* Sockets that a service manager hands over, in a process of their own: they are at fixed numbers. */
static int inherited(const char *names, const char *pid, int count, bool listening)
{
	int status;
	pid_t child = fork();

	if (!child) {
		struct cattest_error err;
		int listeners[2], rc;
		char number[16];

		for (int fd = 3; fd < 3 + count; fd++) {
			struct sockaddr_un any = { .sun_family = AF_UNIX };
			int made = socket(AF_UNIX, SOCK_STREAM, 0);

			/* An address of no length: the kernel makes one. */
			if (bind(made, (const struct sockaddr *)&any, sizeof(sa_family_t)) ||
			    (listening && listen(made, 1)))
				_exit(99);
			if (made != fd) {
				dup2(made, fd);
				close(made);
			}
		}
		snprintf(number, sizeof(number), "%d", (int)getpid());
		setenv("LISTEN_PID", pid ? pid : number, 1);
		snprintf(number, sizeof(number), "%d", count);
		setenv("LISTEN_FDS", number, 1);
		setenv("LISTEN_FDNAMES", names, 1);
		rc = inherit_sockets(listeners, &err);
		_exit(rc ? 98 : (listeners[0] + 1) * 10 + listeners[1] + 1);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_inherited(void)
{
	for (int fd = 3; fd < 10; fd++)
		close(fd);
	EXPECT(inherited("quoting:aesm", NULL, 2, true) == 45);
	EXPECT(inherited("aesm:quoting", NULL, 2, true) == 54);
	EXPECT(inherited("quoting", NULL, 1, true) == 40);
	EXPECT(inherited("quoting", "1", 1, true) == 0);
	EXPECT(inherited("aesm", NULL, 1, true) == 98);
	EXPECT(inherited("quoting:quoting", NULL, 2, true) == 98);
	EXPECT(inherited("quoting:other", NULL, 2, true) == 98);
	EXPECT(inherited("quoting", NULL, 2, true) == 98);
	EXPECT(inherited("quoting", NULL, 1, false) == 98);
}

int main(void)
{
	setenv("TSS2_LOG", "all+none", 1);
	if (!mkdtemp(folder))
		return 1;
	atexit(finish);
	hypervisor_calls = &fake_calls;
	test_inherited();
	if (!start_tpm()) {
		printf("swtpm is not installed\n");
		return failures ? 1 : 77;
	}
	start_machine();
	test_machines_without_evidence();
	measure_machine();
	test_no_name();
	test_service();
	test_certificate();
	test_log_and_pcrs();
	EVP_PKEY_free(machine.key);
	free(ak_pem);
	printf(failures ? "%d failures\n" : "ok\n", failures);
	return failures != 0;
}
