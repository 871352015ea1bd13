/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signer of simulated evidence: a P-256 key in a file of its owner. The file is made whole or
 * not at all (a temporary name, then link(), which never replaces): two services that start at once
 * on one folder end up with one key.
 */
#include "attest/sim/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE_MAX 8192 /* a P-256 key as PEM has about 240 bytes */

struct sim_signer {
	EVP_PKEY *key;
	uint8_t id[32];
};

static int signer_of_key(EVP_PKEY *key, const char *path, struct sim_signer **ret_signer,
			 struct cattest_error *err)
{
	uint8_t *der = NULL;
	char group[32] = "";
	struct sim_signer *s;
	int size;

	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
	    EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1 ||
	    strcmp(group, "prime256v1")) {
		EVP_PKEY_free(key);
		return fail(err, -EINVAL, "%s: a sim signer's key must be on P-256", path);
	}
	s = calloc(1, sizeof(*s));
	size = i2d_PUBKEY(key, &der);
	if (!s || size <= 0 || digest("SHA256", &SPAN(der, (size_t)size), 1, s->id, NULL)) {
		OPENSSL_free(der);
		EVP_PKEY_free(key);
		free(s);
		return fail(err, -ENOMEM, "%s: out of memory", path);
	}
	OPENSSL_free(der);
	s->key = key;
	*ret_signer = s;
	return 0;
}

/* No passphrase is asked for: this is a service. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

int sim_signer_load(const char *path, struct sim_signer **ret_signer, struct cattest_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char text[KEY_FILE_MAX];
	EVP_PKEY *key = NULL;
	struct stat st;
	ssize_t n;
	BIO *bio;

	if (fd < 0)
		return fail(err, -errno, "%s: cannot open the sim signer's key: %s", path,
			    strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return fail(err, -EINVAL, "%s: not an ordinary file", path);
	}
	if (st.st_mode & 077) {
		close(fd);
		return fail(err, -EACCES,
			    "%s: others than its owner may use this private key: chmod 600 it",
			    path);
	}
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n <= 0 || n == (ssize_t)sizeof(text))
		return fail(err, -EBADMSG, "%s: empty, unreadable or too large for a key", path);
	ERR_set_mark();
	bio = BIO_new_mem_buf(text, (int)n);
	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	ERR_pop_to_mark();
	OPENSSL_cleanse(text, sizeof(text));
	if (!key)
		return fail(err, -EBADMSG, "%s: not a private key in PEM form without a passphrase",
			    path);
	return signer_of_key(key, path, ret_signer, err);
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/*
 * A new file with that content under its final name at once; somebody else's that is already there
 * is kept.
 */
static int publish(const char *path, mode_t mode, BIO *content, struct cattest_error *err)
{
	char temporary[4200];
	char *data = NULL;
	long size = BIO_get_mem_data(content, &data);
	int fd, rc;

	snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return fail(err, -errno, "%s: cannot make a file beside it: %s", path,
			    strerror(errno));
	rc = fchmod(fd, mode) ? -errno : write_all(fd, data, (size_t)size);
	if (!rc && fsync(fd))
		rc = -errno;
	close(fd);
	if (!rc && link(temporary, path) && errno != EEXIST)
		rc = -errno;
	unlink(temporary);
	return rc ? fail(err, rc, "%s: cannot write it: %s", path, strerror(-rc)) : 0;
}

static int make_key(const char *path, struct cattest_error *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_secmem());
	int rc = -ENOMEM;

	if (key && bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
		rc = publish(path, 0600, bio, err);
	else
		fail(err, rc, "%s: cannot make a key", path);
	BIO_free(bio);
	EVP_PKEY_free(key);
	return rc;
}

static int publish_public(const char *path, const struct sim_signer *signer,
			  struct cattest_error *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int rc = -ENOMEM;

	if (bio && PEM_write_bio_PUBKEY(bio, signer->key) == 1)
		rc = publish(path, 0644, bio, err);
	else
		fail(err, rc, "%s: out of memory", path);
	BIO_free(bio);
	return rc;
}

/* Whoever may write in the folder may put another key in the key's place. */
static int make_folder(const char *folder, struct cattest_error *err)
{
	struct stat st;

	if (mkdir(folder, 0700) && errno != EEXIST)
		return fail(err, -errno, "%s: cannot make the folder: %s", folder, strerror(errno));
	if (stat(folder, &st))
		return fail(err, -errno, "%s: %s", folder, strerror(errno));
	if ((st.st_uid != geteuid() && st.st_uid) || st.st_mode & 022)
		return fail(
			err, -EACCES,
			"%s: others may write in the folder of the sim signer's key: give it to "
			"this user and chmod 700 it",
			folder);
	return 0;
}

int sim_signer_of_folder(const char *folder, struct sim_signer **ret_signer,
			 struct cattest_error *err)
{
	char path[4096], public_path[4096];
	struct sim_signer *signer;
	int rc;

	if (snprintf(path, sizeof(path), "%s/sim-key.pem", folder) >= (int)sizeof(path) ||
	    snprintf(public_path, sizeof(public_path), "%s/sim-key.pub.pem", folder) >=
		    (int)sizeof(public_path))
		return fail(err, -ENAMETOOLONG, "the sim signer's folder has too long a name");
	rc = make_folder(folder, err);
	if (rc)
		return rc;
	if (access(path, F_OK) && errno == ENOENT) {
		rc = make_key(path, err);
		if (rc)
			return rc;
		/* An older public half belongs to a key that is gone. */
		unlink(public_path);
	}
	rc = sim_signer_load(path, &signer, err);
	if (!rc && access(public_path, F_OK) && errno == ENOENT) {
		rc = publish_public(public_path, signer, err);
		if (rc)
			sim_signer_free(signer);
	}
	if (!rc)
		*ret_signer = signer;
	return rc;
}

int sim_signer_public(const struct sim_signer *signer, char **ret_pem, struct cattest_error *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *copy = NULL;
	long size;

	if (bio && PEM_write_bio_PUBKEY(bio, signer->key) == 1) {
		size = BIO_get_mem_data(bio, &data);
		copy = strndup(data, (size_t)size);
	}
	BIO_free(bio);
	if (!copy)
		return fail(err, -ENOMEM, "out of memory");
	*ret_pem = copy;
	return 0;
}

void sim_signer_free(struct sim_signer *signer)
{
	if (!signer)
		return;
	EVP_PKEY_free(signer->key);
	free(signer);
}

/* ECDSA as r || s. */
static int sign(EVP_PKEY *key, struct span message, uint8_t ret_signature[64])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[80];
	size_t der_size = sizeof(der);
	const uint8_t *at = der;
	ECDSA_SIG *sig = NULL;
	int rc = -ENOMEM;

	if (ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestSign(ctx, der, &der_size, message.data, message.size) == 1)
		sig = d2i_ECDSA_SIG(NULL, &at, (long)der_size);
	if (sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret_signature, 32) == 32 &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret_signature + 32, 32) == 32)
		rc = 0;
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
	return rc;
}

int sim_sign(const struct sim_signer *signer, const struct report_sim *report, int64_t now,
	     struct evidence_sim *ret_evidence, struct cattest_error *err)
{
	struct evidence_sim e = { .report = *report };

	e.report.magic = REPORT_SIM_MAGIC;
	e.report.version = REPORT_SIM_VERSION;
	e.report.size = sizeof(e.report);
	e.report.time = now;
	if (!sim_platform_name(e.report.platform))
		return fail(err, -EINVAL, "sim report: platform %u is not known",
			    e.report.platform);
	if (e.report.attributes & ~REPORT_ATTRIBUTE_DEBUG)
		return fail(err, -EINVAL, "sim report: unknown attributes");
	if (e.report.reserved0 || !span_is_zero(SPAN_OF(e.report.reserved)))
		return fail(err, -EINVAL, "sim report: reserved bytes are not zero");
	memcpy(e.key_id, signer->id, sizeof(e.key_id));
	if (sign(signer->key, SPAN(&e, EVIDENCE_SIM_SIGNED), e.signature))
		return fail(err, -ENOMEM, "sim report: cannot sign it");
	*ret_evidence = e;
	return 0;
}

/* Offsets of the SGX report body: Intel SDM volume 3D, "REPORT". */
int sim_report_of_sgx(const uint8_t prefix[REPORT_QUOTE_PREFIX], struct report_sim *ret_report)
{
	const uint8_t *body = prefix + sizeof(struct report_quote_head);
	struct report_sim r = { .magic = REPORT_SIM_MAGIC,
				.version = REPORT_SIM_VERSION,
				.size = sizeof(r),
				.platform = REPORT_PLATFORM_SGX };

	if (body[48] & 2) /* ATTRIBUTES.DEBUG */
		r.attributes |= REPORT_ATTRIBUTE_DEBUG;
	memcpy(r.measurement, body + 64, 32);
	memcpy(r.signer, body + 128, 32);
	r.product = (uint32_t)body[256] | (uint32_t)body[257] << 8;
	r.security_version = (uint32_t)body[258] | (uint32_t)body[259] << 8;
	memcpy(r.report_data, body + 320, 64);
	if (digest("SHA384", &SPAN(prefix, REPORT_QUOTE_PREFIX), 1, r.config, NULL))
		return -ENOMEM;
	*ret_report = r;
	return 0;
}

int sim_sign_sgx(const struct sim_signer *signer, const uint8_t body[REPORT_SGX_BODY_SIZE],
		 int64_t now, uint8_t ret_quote[SIM_QUOTE_SIZE], struct cattest_error *err)
{
	struct report_quote_head head = { .version = 3,
					  .key_type = REPORT_QUOTE_KEY_TYPE,
					  .vendor = REPORT_VENDOR_SIM };
	uint32_t size = sizeof(struct evidence_sim);
	struct evidence_sim evidence;
	struct report_sim report;
	uint8_t quote[SIM_QUOTE_SIZE];
	int rc;

	memcpy(quote, &head, sizeof(head));
	memcpy(quote + sizeof(head), body, REPORT_SGX_BODY_SIZE);
	memcpy(quote + REPORT_QUOTE_PREFIX, &size, sizeof(size));
	if (sim_report_of_sgx(quote, &report))
		return fail(err, -ENOMEM, "out of memory");
	rc = sim_sign(signer, &report, now, &evidence, err);
	if (rc)
		return rc;
	memcpy(quote + REPORT_QUOTE_PREFIX + 4, &evidence, sizeof(evidence));
	memcpy(ret_quote, quote, sizeof(quote));
	return 0;
}
