/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back end "hv": evidence "cloister-hv" (attest/hv/hv.h) of enclaves on Cloister's hypervisor.
 * The hypervisor signs each REPORT itself, through its device; the TPM quotes once, at our start,
 * what the hypervisor left in PCR 21 and 22. Everything but that signature is therefore made here
 * and kept, and nothing of the TPM stays open.
 *
 * A verifier would refuse evidence of a machine whose hypervisor has no trust, was started for
 * another attestation key, or whose PCRs hold another start: that is said here already, with what
 * to do about it. None of this is trusted by anybody: hypervisor and TPM sign what counts.
 *
 * Settings: tcti= (default device:/dev/tpmrm0), pcrs=N+N-N (beside 0-7, 21 and 22), ak=HANDLE (a
 * persistent ECC key; default: a primary key), hierarchy=endorsement|owner, certificate=FILE (PEM
 * chain of the key, leaf first), eventlog=FILE|none (default: the firmware's, if there is one),
 * device= (default /dev/cloister_hypervisor).
 */
#include "platform/quoting/quoting.h"

#include "abi/hypervisor_device.h"
#include "attest/collect/collect.h"
#include "attest/collect/tpm_access.h"
#include "attest/hv/hv.h"
#include "attest/tpm/tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Clients of AESM read quotes of at most half of AESM_RESPONSE_MAX. */
#define EVENT_LOG_MAX (384u << 10)
#define CERTIFICATES_SIZE_MAX (64u << 10)

struct hypervisor {
	int fd;
	struct hv_device_report about;
	struct tpm_collected quote;
	struct hv_parts parts;
	uint8_t *event_log;
	uint8_t *certificates[HV_CERTIFICATES_MAX]; /* DER, by OpenSSL's allocation */
	size_t evidence_size;
};

static const char *const setting_names[] = { "tcti",	    "pcrs",	"ak",	  "hierarchy",
					     "certificate", "eventlog", "device", NULL };

/* --- the device --- */

static int device_open(const char *path, int *ret_fd)
{
	*ret_fd = open(path, O_RDWR | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

static int device_report(int fd, struct hv_device_report *ret_report)
{
	return ioctl(fd, HV_DEVICE_REPORT, ret_report) < 0 ? -errno : 0;
}

static int device_sign(int fd, struct hv_device_sign *request)
{
	return ioctl(fd, HV_DEVICE_SIGN, request) < 0 ? -errno : 0;
}

static const struct hypervisor_calls device_calls = { .open = device_open,
						      .report = device_report,
						      .sign = device_sign };
const struct hypervisor_calls *hypervisor_calls = &device_calls;

static int open_device(struct hypervisor *h, const struct settings *s, struct cattest_error *err)
{
	const char *path = settings_find(s, "device") ? settings_find(s, "device") : HV_DEVICE_PATH;
	int rc = hypervisor_calls->open(path, &h->fd);

	if (rc)
		return fail(err, rc == -ENOENT ? -ENODEV : rc,
			    "hv: %s: %s: is the module cloister loaded, and may this user open it?",
			    path, strerror(-rc));
	rc = hypervisor_calls->report(h->fd, &h->about);
	if (rc == -ENODATA)
		return fail(
			err, rc,
			"hv: the hypervisor was started without a TPM's trust: /sys/kernel/cloister/trust says why");
	if (rc)
		return fail(err, rc, "hv: %s: no report: %s", path, strerror(-rc));
	if (h->about.report.magic != REPORT_HV_MAGIC ||
	    h->about.report.version != REPORT_HV_VERSION)
		return fail(
			err, -EPROTO,
			"hv: %s: a report of version %u, known is %d: module and service are not of one release",
			path, h->about.report.version, REPORT_HV_VERSION);
	return 0;
}

/* --- the TPM --- */

static int open_tpm(const struct settings *s, struct tpm_access **ret_tpm,
		    struct cattest_error *err)
{
	struct tpm_access_options options;
	int rc = tpm_settings_options(s, &options, err);

	return rc ? rc : tpm_access_open(&options, ret_tpm, err);
}

/* The name without its nameAlg, as struct report_hv holds it. */
static int name_of(struct span area, uint8_t ret_name[32], struct cattest_error *err)
{
	uint8_t name[TPM_NAME_MAX];
	struct tpm_public key;
	size_t size;
	int rc = tpm_public_parse(area, &key, err);

	if (rc)
		return rc;
	if (key.type != TPM_ECC || key.name_hash != TPM_SHA256 ||
	    tpm_public_name(&key, name, &size) || size != 34)
		return fail(err, -EINVAL,
			    "hv: the attestation key is not an ECC key with a name of SHA-256");
	memcpy(ret_name, name + 2, 32);
	return 0;
}

static int check_key(const struct hypervisor *h, struct cattest_error *err)
{
	const struct report_hv *r = &h->about.report;
	char text[2 * 32 + 1];
	uint8_t name[32];
	int rc = name_of(SPAN(h->quote.public_area, h->quote.public_size), name, err);

	if (rc)
		return rc;
	hex_text(SPAN_OF(name), text, sizeof(text));
	if (span_is_zero(SPAN_OF(r->ak_name)))
		return fail(
			err, -EKEYREJECTED,
			"hv: the hypervisor was started for no attestation key: load its module with ak_name=%s",
			text);
	if (memcmp(r->ak_name, name, sizeof(name)))
		return fail(
			err, -EKEYREJECTED,
			"hv: the hypervisor was started for another attestation key than ak_name=%s: load its module with that, or set ak= or hierarchy= of the back end",
			text);
	return 0;
}

static int check_pcrs(const struct hypervisor *h, struct cattest_error *err)
{
	uint8_t measurement[32], key[32];

	if (hv_expected_pcrs(&h->about.report, measurement, key))
		return fail(err, -ENOMEM, "out of memory");
	if (memcmp(h->quote.pcr[REPORT_HV_PCR_MEASUREMENT], measurement, 32) ||
	    memcmp(h->quote.pcr[REPORT_HV_PCR_KEY], key, 32))
		return fail(
			err, -EBADMSG,
			"hv: PCR 21 and 22 of this TPM do not hold the hypervisor's report: is it the TPM that the hypervisor was started with? (tcti=)");
	return 0;
}

static int take_quote(struct hypervisor *h, const struct settings *s, struct cattest_error *err)
{
	const char *pcrs = settings_find(s, "pcrs");
	struct tpm_access *tpm;
	uint32_t mask = 0;
	uint8_t hash[32];
	int rc;

	if (pcrs && tpm_settings_pcrs(pcrs, &mask))
		return fail(err, -EINVAL, "setting pcrs: \"%.60s\" is not like 8+11-14", pcrs);
	if (digest("SHA256", &SPAN(&h->about.report, sizeof(h->about.report)), 1, hash, NULL))
		return fail(err, -ENOMEM, "out of memory");
	rc = open_tpm(s, &tpm, err);
	if (rc)
		return rc;
	rc = tpm_access_quote(tpm, SPAN_OF(hash), TPM_SHA256, mask | REPORT_HV_PCRS, &h->quote,
			      err);
	tpm_access_close(tpm);
	if (!rc)
		rc = check_key(h, err);
	if (!rc)
		rc = check_pcrs(h, err);
	return rc;
}

/* --- files --- */

static int add_certificates(struct hypervisor *h, const char *path, BIO *bio,
			    struct cattest_error *err)
{
	X509 *certificate;
	int size;

	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		size_t at = h->parts.certificate_count;

		size = at < HV_CERTIFICATES_MAX ? i2d_X509(certificate, &h->certificates[at]) : -1;
		X509_free(certificate);
		if (size <= 0)
			return fail(err, -E2BIG, "%s: more than %d certificates", path,
				    HV_CERTIFICATES_MAX);
		h->parts.certificates[at] = SPAN(h->certificates[at], (size_t)size);
		h->parts.certificate_count++;
	}
	return h->parts.certificate_count
		       ? 0
		       : fail(err, -EBADMSG, "%s: no certificate in PEM form", path);
}

static int read_certificates(struct hypervisor *h, const char *path, struct cattest_error *err)
{
	uint8_t *pem;
	size_t size;
	BIO *bio;
	int rc = collect_read(path, CERTIFICATES_SIZE_MAX, &pem, &size);

	if (rc)
		return fail(err, rc, "%s: %s", path, strerror(-rc));
	bio = BIO_new_mem_buf(pem, (int)size);
	rc = bio ? add_certificates(h, path, bio, err) : fail(err, -ENOMEM, "out of memory");
	BIO_free(bio);
	free(pem);
	return rc;
}

/* Evidence without the log is judged by PCRs' values alone: a verifier that needs it says so. */
static int read_event_log(struct hypervisor *h, const char *setting, struct cattest_error *err)
{
	const char *path = setting ? setting : TPM_EVENT_LOG;
	size_t size = 0;
	int rc;

	if (!strcmp(path, "none"))
		return 0;
	rc = collect_read(path, EVENT_LOG_MAX, &h->event_log, &size);
	if (rc == -E2BIG)
		return fail(
			err, rc,
			"%s: more than %u bytes, which clients of AESM do not take: leave it out with eventlog=none",
			path, EVENT_LOG_MAX);
	if (rc)
		return setting ? fail(err, rc, "%s: %s", path, strerror(-rc)) : 0;
	h->parts.event_log = SPAN(h->event_log, size);
	return 0;
}

/* --- evidence --- */

static int sign(struct hypervisor *h, const uint8_t report[REPORT_SGX_SIZE],
		uint8_t ret_signature[64], struct cattest_error *err)
{
	struct hv_device_sign request = { .signature = { 0 } };
	int rc;

	memcpy(request.report, report, sizeof(request.report));
	rc = hypervisor_calls->sign(h->fd, &request);
	memcpy(ret_signature, request.signature, sizeof(request.signature));
	switch (rc) {
	case 0:
		return 0;
	case -EBADMSG:
		return fail(
			err, rc,
			"hv: no enclave of this machine made this REPORT for the hypervisor's target info, or it was changed");
	case -EPERM:
		return fail(
			err, rc,
			"hv: a hypervisor that can be debugged signs reports of debug enclaves only");
	case -ENODATA:
	case -ENODEV:
		return fail(
			err, -ENODEV,
			"hv: the hypervisor that this service was started with is gone: start the service again");
	}
	return fail(err, rc, "hv: the hypervisor does not sign: %s", strerror(-rc));
}

int hypervisor_evidence(struct hypervisor *h, const uint8_t report[REPORT_SGX_SIZE],
			uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err)
{
	struct hv_parts parts = h->parts;
	uint8_t signature[64];
	int rc = sign(h, report, signature, err);

	if (rc)
		return rc;
	parts.signature = SPAN_OF(signature);
	return hv_build(&parts, report, ret_evidence, ret_size, err);
}

/* What is the same in all evidence; and how large that will be. */
static int prepare(struct hypervisor *h, struct cattest_error *err)
{
	static const uint8_t nothing[REPORT_SGX_BODY_SIZE];
	struct hv_parts *p = &h->parts;
	uint8_t *evidence;
	int rc;

	p->report = h->about.report;
	p->signature = SPAN(nothing, 64);
	p->attest = SPAN(h->quote.attest, h->quote.attest_size);
	p->attest_signature = SPAN(h->quote.signature, h->quote.signature_size);
	p->ak = SPAN(h->quote.public_area, h->quote.public_size);
	for (size_t i = 0; i < HV_PCR_COUNT; i++)
		if (h->quote.mask >> i & 1)
			p->pcr[i] = SPAN(h->quote.pcr[i], h->quote.pcr_size);
	rc = hv_build(p, nothing, &evidence, &h->evidence_size, err);
	if (!rc)
		free(evidence);
	return rc;
}

static int open_with(struct hypervisor *h, const struct settings *s, struct cattest_error *err)
{
	const char *certificate = settings_find(s, "certificate");
	int rc = open_device(h, s, err);

	if (!rc && certificate)
		rc = read_certificates(h, certificate, err);
	if (!rc)
		rc = read_event_log(h, settings_find(s, "eventlog"), err);
	if (!rc)
		rc = take_quote(h, s, err);
	return rc ? rc : prepare(h, err);
}

int hypervisor_open(const char *settings, struct hypervisor **ret_hypervisor,
		    struct cattest_error *err)
{
	struct hypervisor *h;
	struct settings s;
	int rc = settings_parse("hv", settings, setting_names, &s, err);

	if (rc)
		return rc;
	h = calloc(1, sizeof(*h));
	if (h)
		h->fd = -1;
	rc = h ? open_with(h, &s, err) : fail(err, -ENOMEM, "out of memory");
	settings_done(&s);
	if (rc)
		hypervisor_close(h);
	else
		*ret_hypervisor = h;
	return rc;
}

void hypervisor_close(struct hypervisor *h)
{
	if (!h)
		return;
	if (h->fd >= 0)
		close(h->fd);
	for (size_t i = 0; i < HV_CERTIFICATES_MAX; i++)
		OPENSSL_free(h->certificates[i]);
	free(h->event_log);
	free(h);
}

const uint8_t *hypervisor_target_info(const struct hypervisor *h)
{
	return h->about.target_info;
}

size_t hypervisor_evidence_size(const struct hypervisor *h)
{
	return h->evidence_size;
}

static int pem_of(struct span area, char **ret_pem, struct cattest_error *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct tpm_public key;
	EVP_PKEY *pkey = NULL;
	char *text;
	long size;
	int rc = tpm_public_parse(area, &key, err);

	if (!rc) {
		pkey = tpm_public_key(&key);
		*ret_pem = NULL;
		if (bio && pkey && PEM_write_bio_PUBKEY(bio, pkey) == 1 &&
		    (size = BIO_get_mem_data(bio, &text)) > 0)
			*ret_pem = strndup(text, (size_t)size);
		if (!*ret_pem)
			rc = fail(err, -EIO, "hv: the attestation key cannot be written");
	}
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	return rc;
}

int hypervisor_ak(const char *settings, uint8_t ret_name[32], char **ret_pem,
		  struct cattest_error *err)
{
	struct tpm_access *tpm = NULL;
	uint8_t area[1100];
	size_t size = 0;
	struct settings s;
	int rc = settings_parse("hv", settings, setting_names, &s, err);

	if (rc)
		return rc;
	rc = open_tpm(&s, &tpm, err);
	settings_done(&s);
	if (!rc)
		rc = tpm_access_public(tpm, area, sizeof(area), &size, err);
	tpm_access_close(tpm);
	if (!rc)
		rc = name_of(SPAN(area, size), ret_name, err);
	return rc ? rc : pem_of(SPAN(area, size), ret_pem, err);
}
