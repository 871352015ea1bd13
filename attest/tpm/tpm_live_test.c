/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Against a TPM (swtpm) and others' tools (tpm2-tools, openssl), where they are installed: names
 * of keys, credentials that this library makes and the TPM opens, quotes of every scheme that we,
 * `tpm2_checkquote` and `openssl` agree about, and registers that event logs come to by
 * `tpm2_eventlog`'s reckoning.
 */
#include "attest/tpm/eventlog_internal.h"
#include "attest/tpm/tpm_testing.h"
#include "attest/x509/x509.h"
#include "lib/jose/jose.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static char folder[64] = "/tmp/tpm-live.XXXXXX";
static pid_t tpm;

/*
 * Runs a program with its output into `out` (in the folder); gives its exit status. A "%" in an
 * argument is the folder.
 */
static int run_to(const char *out, ...)
{
	posix_spawn_file_actions_t actions;
	char *argv[40], texts[40][200];
	size_t count = 0;
	int status = -1;
	const char *word;
	va_list ap;
	pid_t pid;

	va_start(ap, out);
	while ((word = va_arg(ap, const char *)) && count < 39) {
		const char *at = strchr(word, '%');

		if (at)
			snprintf(texts[count], sizeof(texts[0]), "%.*s%s%s", (int)(at - word), word,
				 folder, at + 1);
		else
			snprintf(texts[count], sizeof(texts[0]), "%s", word);
		argv[count] = texts[count];
		count++;
	}
	va_end(ap);
	argv[count] = NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	if (!posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ))
		waitpid(pid, &status, 0);
	posix_spawn_file_actions_destroy(&actions);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define RUN(...) run_to("/dev/null", __VA_ARGS__, (const char *)NULL)
#define MUST(...)                                                                             \
	do {                                                                                  \
		if (RUN(__VA_ARGS__)) {                                                       \
			printf("%s:%d: this failed: %s\n", __FILE__, __LINE__, #__VA_ARGS__); \
			failed = 1;                                                           \
		}                                                                             \
	} while (0)

static struct span load(const char *name)
{
	static uint8_t buffers[8][1 << 17];
	static size_t next;
	uint8_t *buffer = buffers[next++ % 8];
	char path[600];
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), "%s%s%s", name[0] == '/' ? "" : folder,
		 name[0] == '/' ? "" : "/", name);
	f = fopen(path, "rb");
	if (!f)
		return SPAN(NULL, 0);
	size = fread(buffer, 1, sizeof(buffers[0]), f);
	fclose(f);
	return SPAN(buffer, size);
}

static void store(const char *name, const void *head, size_t head_size, struct span rest)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "wb");
	if (!f)
		abort();
	fwrite(head, 1, head_size, f);
	fwrite(rest.data, 1, rest.size, f);
	fclose(f);
}

static bool start_tpm(void)
{
	char state[100], server[100], control[100], tcti[100];
	char words[4][32] = { "swtpm", "socket", "--tpm2", "--tpmstate" },
	     more[3][32] = { "--server", "--ctrl", "--flags" };
	char flags[] = "not-need-init,startup-clear";
	char *const argv[] = { words[0], words[1], words[2], words[3], state, more[0],
			       server,	 more[1],  control,  more[2],  flags, NULL };
	posix_spawn_file_actions_t quiet;
	char path[100];

	snprintf(state, sizeof(state), "dir=%s", folder);
	snprintf(server, sizeof(server), "type=unixio,path=%s/tpm", folder);
	snprintf(control, sizeof(control), "type=unixio,path=%s/tpm.ctrl", folder);
	snprintf(tcti, sizeof(tcti), "swtpm:path=%s/tpm", folder);
	snprintf(path, sizeof(path), "%s/tpm", folder);
	setenv("TPM2TOOLS_TCTI", tcti, 1);
	setenv("TSS2_LOG", "all+none", 1);
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&tpm, "swtpm", &quiet, NULL, argv, environ))
		return false;
	posix_spawn_file_actions_destroy(&quiet);
	for (int i = 0; i < 100 && access(path, F_OK); i++)
		usleep(50000);
	return !RUN("tpm2_getrandom", "8");
}

/* What the TPM gives back for a credential, or nothing. */
static struct span activate(struct span blob)
{
	store("credential", "\xba\xdc\xc0\xde\0\0\0\1", 8, blob); /* tpm2-tools' file header */
	struct tpm_public ek = { 0 };

	RUN("rm", "-f", "%/opened");
	/* EKs of the profile's later templates (B.4) may be used with their empty password. */
	if (!tpm_public_parse(load("ek.pub"), &ek, NULL) && ek.attributes & TPMA_USER_WITH_AUTH) {
		RUN("tpm2_activatecredential", "-c", "%/ak.ctx", "-C", "%/ek.ctx", "-i",
		    "%/credential", "-o", "%/opened");
		RUN("tpm2_flushcontext", "-t");
		return load("opened");
	}
	MUST("tpm2_startauthsession", "--policy-session", "-S", "%/session");
	MUST("tpm2_policysecret", "-S", "%/session", "-c", "e");
	RUN("tpm2_activatecredential", "-c", "%/ak.ctx", "-C", "%/ek.ctx", "-i", "%/credential",
	    "-o", "%/opened", "-P", "session:%/session");
	RUN("tpm2_flushcontext", "%/session");
	RUN("tpm2_flushcontext", "-t");
	return load("opened");
}

static void test_credential(const char *name)
{
	static const char secret[] = "a secret of 32 bytes, no less...";
	struct tpm_public ek, ak;
	uint8_t ak_name[TPM_NAME_MAX], blob[1024];
	struct cattest_error err = { .text = "" };
	size_t size, blob_size;
	struct span opened;

	EXPECT(!tpm_public_parse(load("ek.pub"), &ek, &err), err.text);
	EXPECT(!tpm_public_parse(load("ak.pub"), &ak, &err), err.text);
	EXPECT(ek.attributes & TPMA_RESTRICTED && ek.attributes & TPMA_DECRYPT &&
		       ek.symmetric == TPM_AES,
	       name);
	EXPECT(!tpm_public_name(&ak, ak_name, &size) &&
		       span_equal(SPAN(ak_name, size), load("ak.name")),
	       name);
	EXPECT(!tpm_make_credential(&ek, SPAN(ak_name, size), SPAN(secret, 32), blob, sizeof(blob),
				    &blob_size, &err),
	       err.text);
	opened = activate(SPAN(blob, blob_size));
	EXPECT(span_equal(opened, SPAN(secret, 32)), name);
	/* For another object, and with a byte of each part changed */
	ak_name[5] ^= 1;
	EXPECT(!tpm_make_credential(&ek, SPAN(ak_name, size), SPAN(secret, 32), blob, sizeof(blob),
				    &blob_size, &err),
	       err.text);
	EXPECT(!activate(SPAN(blob, blob_size)).size, name);
	ak_name[5] ^= 1;
	for (size_t i = 10; i < blob_size; i += blob_size / 3) {
		tpm_make_credential(&ek, SPAN(ak_name, size), SPAN(secret, 32), blob, sizeof(blob),
				    &blob_size, &err);
		blob[i] ^= 1;
		EXPECT(!activate(SPAN(blob, blob_size)).size, name);
	}
	EXPECT(tpm_make_credential(&ek, SPAN(ak_name, size), SPAN(secret, 32), blob, 100,
				   &blob_size, &err) == -E2BIG,
	       name);
}

/* The last certificate again, its key's algorithm written as RSAES-OAEP; signed by the root. */
static void as_oaep(X509 *cert)
{
	struct span pem = load("root.key");
	BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
	EVP_PKEY *root = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	unsigned char *der = NULL;
	int size = i2d_PublicKey(X509_get0_pubkey(cert), &der);

	EXPECT(root && size > 0 &&
		       X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(cert),
					      OBJ_nid2obj(NID_rsaesOaep), V_ASN1_NULL, NULL, der,
					      size) == 1 &&
		       X509_sign(cert, root, EVP_sha256()) > 0,
	       "signed again");
	EVP_PKEY_free(root);
	BIO_free(bio);
}

static void test_oaep_certificate(struct cattest_verifier *v, int64_t now)
{
	struct cattest_error err = { .text = "" };
	struct x509_list list = { 0 }, again = { 0 };
	struct tpm_challenge challenge;
	struct span other;
	unsigned char *der = NULL;
	int size;

	EXPECT(!x509_list_from(load("ek.crt"), &list) && list.count == 1, "read");
	as_oaep(list.items[0]);
	size = i2d_X509(list.items[0], &der);
	EXPECT(size > 0 && !x509_list_from(SPAN(der, (size_t)size), &again) &&
		       !X509_get0_pubkey(again.items[0]),
	       "no key for OpenSSL");
	EXPECT(!tpm_challenge_make(v, now, &again, load("ek.pub"), load("ak.pub"), &challenge,
				   &err),
	       err.text);
	/* Of another key: the modulus in the public area differs. */
	other = load("ek.pub");
	((uint8_t *)(uintptr_t)other.data)[other.size - 1] ^= 2;
	EXPECT(tpm_challenge_make(v, now, &again, other, load("ak.pub"), &challenge, &err) ==
		       -EKEYREJECTED,
	       "another key");
	OPENSSL_free(der);
	x509_list_done(&list);
	x509_list_done(&again);
}

/* Certificates of the same CA for the same key that are none of an endorsement key. */
static void test_ek_certificates(struct span root, int64_t now)
{
	static const struct {
		const char *extensions, *word; /* word NULL: taken */
	} cases[] = {
		{ "basicConstraints=critical,CA:FALSE\n", NULL },
		{ "keyUsage=critical,keyAgreement\nextendedKeyUsage=2.23.133.8.1,clientAuth\n",
		  NULL },
		{ "keyUsage=critical,digitalSignature\n", "not for encryption" },
		{ "keyUsage=keyEncipherment\nextendedKeyUsage=clientAuth\n", "other purposes" },
		{ "extendedKeyUsage=2.23.133.8.3\n", "other purposes" },
		{ "keyUsage=keyEncipherment\ncertificatePolicies=2.23.133.11.1.2\n",
		  "other purposes" },
	};
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_error err = { .text = "" };

	EXPECT(!cattest_add_root(v, CATTEST_ROOT_TPM, root.data, root.size, &err), err.text);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct x509_list list = { 0 };
		struct tpm_challenge challenge;
		int ret;

		store("other.ext", cases[i].extensions, strlen(cases[i].extensions), SPAN("", 0));
		MUST("openssl", "x509", "-new", "-force_pubkey", "%/ek.pem", "-subj", "/CN=EK",
		     "-CA", "%/root.pem", "-CAkey", "%/root.key", "-extfile", "%/other.ext", "-out",
		     "%/other.crt");
		EXPECT(!x509_list_from(load("other.crt"), &list), cases[i].extensions);
		ret = tpm_challenge_make(v, now, &list, load("ek.pub"), load("ak.pub"), &challenge,
					 &err);
		EXPECT(cases[i].word ? ret == -EKEYREJECTED && strstr(err.text, cases[i].word)
				     : !ret,
		       cases[i].extensions);
		x509_list_done(&list);
	}
	test_oaep_certificate(v, now);
	cattest_verifier_free(v);
}

/* A manufacturer's certificate for the EK, made here: enrolment as a relying party does it. */
static void test_enrolment(const char *name)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct x509_list good = { 0 }, wrong = { 0 }, none = { 0 };
	struct tpm_challenge challenge;
	struct cattest_error err = { .text = "" };
	struct span root = load("root.pem"), ek, ak;
	int64_t now = time(NULL) + 60; /* made after this */

	/* As the EK Credential Profile has them */
	static const char extensions[] =
		"basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyEncipherment\n"
		"extendedKeyUsage=2.23.133.8.1\nsubjectAltName=critical,dirName:tpm\n[tpm]\nCN=id:00000000\n";

	store("extensions", extensions, strlen(extensions), SPAN("", 0));
	MUST("tpm2_readpublic", "-c", "%/ek.ctx", "-f", "pem", "-o", "%/ek.pem");
	RUN("tpm2_flushcontext", "-t");
	MUST("openssl", "x509", "-new", "-force_pubkey", "%/ek.pem", "-subj", "/CN=EK", "-CA",
	     "%/root.pem", "-CAkey", "%/root.key", "-extfile", "%/extensions", "-out", "%/ek.crt");
	MUST("openssl", "x509", "-new", "-force_pubkey", "%/ak.pem", "-subj", "/CN=EK", "-CA",
	     "%/root.pem", "-CAkey", "%/root.key", "-extfile", "%/extensions", "-out",
	     "%/wrong.crt");
	EXPECT(!x509_list_from(load("ek.crt"), &good) && !x509_list_from(load("wrong.crt"), &wrong),
	       name);
	ek = load("ek.pub");
	ak = load("ak.pub");
	EXPECT(tpm_challenge_make(v, now, &good, ek, ak, &challenge, &err) == -EKEYREJECTED,
	       "no root");
	EXPECT(!cattest_add_root(v, CATTEST_ROOT_TPM, root.data, root.size, &err), err.text);
	EXPECT(!tpm_challenge_make(v, now, &good, ek, ak, &challenge, &err), err.text);
	EXPECT(span_equal(activate(SPAN(challenge.blob, challenge.blob_size)),
			  SPAN_OF(challenge.secret)),
	       name);
	EXPECT(tpm_challenge_make(v, now + 100 * 86400, &good, ek, ak, &challenge, &err) ==
		       -EKEYREJECTED,
	       "expired");
	EXPECT(tpm_challenge_make(v, now, &wrong, ek, ak, &challenge, &err) == -EKEYREJECTED,
	       "another key's certificate");
	EXPECT(tpm_challenge_make(v, now, &none, ek, ak, &challenge, &err) == -EKEYREJECTED,
	       "no certificate");
	EXPECT(tpm_challenge_make(v, now, &good, ak, ek, &challenge, &err) == -EKEYREJECTED,
	       "the keys' roles exchanged");
	EXPECT(tpm_challenge_make(v, now, &good, ek, SPAN(ak.data, ak.size - 1), &challenge,
				  &err) == -EBADMSG,
	       "cut short");
	x509_list_done(&good);
	x509_list_done(&wrong);
	cattest_verifier_free(v);
}

static const char *judge(const char *key_file, const char *report_data,
			 struct cattest_result **ret_result)
{
	struct cattest_expect expect = { .report_data = report_data,
					 .report_data_size = strlen(report_data) };
	struct cattest_verifier *v = cattest_verifier_new();
	struct span quote = load("quote"), signature = load("signature"), pcrs = load("pcrs"),
		    key = load(key_file), pub = load("ak.pub");
	char *q = base64_encode(quote.data, quote.size),
	     *s = base64_encode(signature.data, signature.size);
	char *p = base64_encode(pcrs.data, pcrs.size), *k = base64_encode(pub.data, pub.size);
	static char text[16384];
	static struct cattest_error err;
	const char *problem;

	snprintf(text, sizeof(text),
		 "{\"quote\":\"%s\",\"signature\":\"%s\",\"pcrs\":\"%s\",\"ak\":\"%s\"}", q, s, p,
		 k);
	free(q);
	free(s);
	free(p);
	free(k);
	EXPECT(!cattest_add_root(v, CATTEST_ROOT_AK, key.data, key.size, &err), err.text);
	*ret_result = NULL;
	problem = cattest_verify(v, text, strlen(text), &expect, ret_result, &err)
			  ? err.text
			  : first_problem(*ret_result);
	cattest_verifier_free(v);
	return problem;
}

static void test_quote(const char *name, const char *hash, const char *scheme,
		       const char *selection)
{
	struct cattest_result *r;
	const char *problem;

	MUST("tpm2_quote", "-c", "%/ak.ctx", "-l", selection, "-q", "6e6f6e6365", "-m", "%/quote",
	     "-s", "%/signature", "-o", "%/pcrs", "-g", hash, "--scheme", scheme);
	RUN("tpm2_flushcontext", "-t");
	problem = judge("ak.pub", "nonce", &r);
	EXPECT(r && !problem[0], problem);
	EXPECT(r && cattest_result_find(r, "tpm.pcr.sha256.7"), name);
	EXPECT(r && has_hex(r, "tpm.pcr.sha256.0",
			    "0000000000000000000000000000000000000000000000000000000000000000"),
	       name);
	cattest_result_free(r);
	problem = judge("ak.pub", "other", &r);
	EXPECT(r && begins(problem, "report_data"), problem);
	cattest_result_free(r);
	problem = judge("other.pem", "nonce", &r);
	EXPECT(r && begins(problem, "?tpm.ak.trust"), problem);
	cattest_result_free(r);
	/* Others agree. tpm2-tools 5.4 does not check RSAPSS or other hashes than its own. */
	MUST("tpm2_print", "-t", "TPMS_ATTEST", "%/quote");
	if (!strcmp(scheme, "rsassa") && !strcmp(hash, "sha256"))
		MUST("tpm2_checkquote", "-u", "%/ak.pem", "-m", "%/quote", "-s", "%/signature",
		     "-f", "%/pcrs", "-g", hash, "-q", "6e6f6e6365");
	MUST("tpm2_quote", "-c", "%/ak.ctx", "-l", selection, "-q", "6e6f6e6365", "-m", "%/plain",
	     "-s", "%/plain.sig", "-g", hash, "--scheme", scheme, "-f", "plain");
	RUN("tpm2_flushcontext", "-t");
	if (strcmp(scheme, "rsapss")) {
		char option[16];

		snprintf(option, sizeof(option), "-%s", hash);
		MUST("openssl", "dgst", option, "-verify", "%/ak.pem", "-signature", "%/plain.sig",
		     "%/plain");
	}
}

static void test_keys(const char *ek, const char *ak, const char *hash, const char *scheme)
{
	char name[64];

	snprintf(name, sizeof(name), "EK %s, AK %s, %s %s", ek, ak, hash, scheme);
	RUN("tpm2_flushcontext", "-t");
	MUST("tpm2_createek", "-G", ek, "-c", "%/ek.ctx", "-u", "%/ek.pub");
	RUN("tpm2_flushcontext", "-t");
	MUST("tpm2_createak", "-C", "%/ek.ctx", "-c", "%/ak.ctx", "-G", ak, "-g", hash, "-s",
	     scheme, "-u", "%/ak.pub", "-n", "%/ak.name");
	RUN("tpm2_flushcontext", "-t");
	MUST("tpm2_readpublic", "-c", "%/ak.ctx", "-f", "pem", "-o", "%/ak.pem");
	RUN("tpm2_flushcontext", "-t");
	test_credential(name);
	test_enrolment(name);
	test_quote(name, hash, scheme, "sha256:0,1,7,15");
	test_quote(name, hash, scheme, "sha1:7,3+sha256:0,7+sha384:7");
	/* Banks in another order, all registers, and one with none at all */
	test_quote(name, hash, scheme, "sha512:7,23,0+sha256:all+sha384:none");
}

/* --- tpm2_eventlog --- */

/* "  0  : 0x..." under "  sha256:" under "pcrs:" */
static void compare_registers(const char *name, struct span text, const struct log_replay *p)
{
	static const char *const banks[] = { "sha1", "sha256", "sha384", "sha512" };
	const char *at = memmem(text.data, text.size, "\npcrs:\n", 7);
	size_t compared = 0;
	int bank = -1;
	char *copy, *line, *rest;

	if (!at)
		return;
	copy = strndup(at, text.size - (size_t)(at - (const char *)text.data));
	for (line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char word[20], hex[140], ours[140];
		unsigned n;

		if (sscanf(line, " %u : 0x%139s", &n, hex) == 2 && bank >= 0 && n < LOG_REGISTERS &&
		    p->has_events[n]) {
			/* tpm2-tools 5.4 does not know StartupLocality. */
			if (!n && !strcmp(name, "keylime-boot-log.bin"))
				continue;
			hex_text(SPAN(p->value[bank][n], strlen(hex) / 2), ours, sizeof(ours));
			EXPECT(!strcasecmp(ours, hex), name);
			compared++;
		} else if (sscanf(line, " %19[a-z0-9]:", word) == 1) {
			bank = -1;
			for (int i = 0; i < 4; i++)
				if (!strcmp(word, banks[i]))
					bank = i;
		}
	}
	free(copy);
	EXPECT(compared > 3, name);
}

static void test_event_logs(void)
{
	static const char *const names[] = {
		"eventlog-arch-linux-workstation.bin",
		"eventlog-ubuntu-2404-amd-sevsnp.bin",
		"goattest-crypto_agile_eventlog.bin",
		"goattest-sb_cert_eventlog.bin",
		"keylime-boot-log.bin",
		"keylime-boot-log-secureboot.bin",
		"tpm2tools-event-gce-ubuntu-2104-log.bin",
		"tpm2tools-event-moklisttrusted.bin",
		"tpm2tools-event-uefi-sha1-log.bin",
		"eventlog-debian-10.bin",
		"goattest-ebs_event_missing_eventlog.bin",
	};
	const char *evidence = getenv("EVIDENCE");
	struct log_replay *p = malloc(sizeof(*p));

	for (size_t i = 0; evidence && i < sizeof(names) / sizeof(names[0]); i++) {
		char path[400], out[100];
		struct span log;

		snprintf(path, sizeof(path), "%s/tpm/%s", evidence, names[i]);
		snprintf(out, sizeof(out), "%s/eventlog.yaml", folder);
		log = load(path);
		if (!log.size || run_to(out, "tpm2_eventlog", path, (const char *)NULL))
			continue; /* a log that this version of the tool cannot read */
		EXPECT(!log_replay_all(log, p, NULL), names[i]);
		compare_registers(names[i], load("eventlog.yaml"), p);
	}
	free(p);
}

int main(void)
{
	if (RUN("swtpm", "--version") || RUN("tpm2_getrandom", "--version")) {
		printf("swtpm or tpm2-tools is not installed\n");
		return 77;
	}
	if (!mkdtemp(folder))
		return 1;
	test_event_logs();
	if (!start_tpm()) {
		printf("swtpm did not start\n");
		failed = 1;
	} else {
		MUST("tpm2_pcrextend",
		     "7:sha1=0102030405060708090a0b0c0d0e0f1011121314,"
		     "sha256=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
		MUST("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
		     "ec_paramgen_curve:P-256", "-out", "%/other.key");
		MUST("openssl", "pkey", "-in", "%/other.key", "-pubout", "-out", "%/other.pem");
		MUST("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
		     "ec_paramgen_curve:P-256", "-nodes", "-keyout", "%/root.key", "-out",
		     "%/root.pem", "-subj", "/CN=TPM manufacturer", "-days", "60", "-addext",
		     "keyUsage=critical,keyCertSign");
		test_keys("rsa", "rsa", "sha256", "rsassa");
		test_keys("rsa", "rsa", "sha256", "rsapss");
		test_keys("rsa", "ecc", "sha256", "ecdsa");
		test_keys("ecc", "ecc", "sha384", "ecdsa");
		test_keys("ecc", "rsa", "sha384", "rsassa");
		test_keys("ecc", "ecc384", "sha384", "ecdsa");
		test_keys("rsa", "ecc521", "sha512", "ecdsa");
		/* Templates H-3, H-4 and H-6 of the EK Credential Profile */
		test_keys("ecc384", "ecc", "sha256", "ecdsa");
		test_keys("ecc521", "ecc521", "sha384", "ecdsa");
		test_keys("rsa3072", "rsa", "sha256", "rsassa");
		test_keys("rsa", "rsa", "sha512", "rsapss");
		test_keys("rsa", "rsa", "sha512", "rsassa");
		test_ek_certificates(load("root.pem"), time(NULL) + 60);
	}
	if (tpm > 0) {
		kill(tpm, SIGTERM);
		waitpid(tpm, NULL, 0);
	}
	MUST("rm", "-rf", folder);
	return failed;
}
