/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attester "tpm": a quote of this machine's TPM 2.0 whose extraData is SHA-256 of the report
 * data, with the PCRs' values, the attestation key's public area, its certificate and the
 * firmware's event log where there are any, in the JSON form of attest/tpm/evidence_json.c.
 *
 * Settings: tcti= (default device:/dev/tpmrm0), pcrs=BANK:N+N-N (default sha256:0-15+21+22),
 * ak=HANDLE (a persistent key; default: a primary key), hierarchy=endorsement|owner, key=ecc|rsa,
 * certificate=FILE (PEM chain of the key), eventlog=FILE|none, root= (before the default event
 * log's path). A list in pcrs has plus signs, for a comma ends a setting.
 */
#include "attest/collect/collect.h"

#include "abi/quoting.h"
#include "attest/collect/tpm_access.h"
#include "attest/tpm/tpm.h"
#include "lib/jose/jose.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TPM_DEVICE "/dev/tpmrm0"
#define DEFAULT_PCRS (0xffffu | 1u << 21 | 1u << 22)
/* The whole JSON text is at most 1 MiB for its readers; base64 makes 4 bytes of 3. */
#define EVENT_LOG_MAX (700u << 10)
#define CERTIFICATE_MAX (64u << 10)

struct tpm_state {
	struct tpm_access *access;
	pthread_mutex_t lock; /* an ESYS context is for one thread at a time */
	uint16_t bank;
	uint32_t mask;
	char event_log[1024]; /* "": none */
	bool log_required;
	char *certificate; /* PEM, or NULL */
};

static const char *const tpm_keys[] = { "tcti", "pcrs",	       "ak",	   "hierarchy", "key",
					"root", "certificate", "eventlog", "socket",	NULL };

static bool tpm_present(void)
{
	return !access(TPM_DEVICE, R_OK | W_OK);
}

/* One "N" or "N-M" at *at, which moves behind it. */
static int parse_range(const char **at, uint32_t *mask)
{
	char *end;
	unsigned long first = strtoul(*at, &end, 10), last = first;

	if (**at < '0' || **at > '9')
		return -EINVAL;
	if (*end == '-') {
		const char *second = end + 1;

		if (*second < '0' || *second > '9')
			return -EINVAL;
		last = strtoul(second, &end, 10);
	}
	if (first > last || last >= TPM_PCR_COUNT)
		return -EINVAL;
	for (unsigned long i = first; i <= last; i++)
		*mask |= 1u << i;
	*at = end;
	return 0;
}

int tpm_settings_pcrs(const char *text, uint32_t *ret_mask)
{
	uint32_t mask = 0;

	for (; !parse_range(&text, &mask); text++) {
		if (*text == '+')
			continue;
		if (*text)
			break;
		*ret_mask = mask;
		return 0;
	}
	return -EINVAL;
}

static int parse_pcrs(const char *text, struct tpm_state *state, struct cattest_error *err)
{
	const char *at = text ? strchr(text, ':') : NULL;
	char bank[16] = "";

	state->bank = TPM_SHA256;
	state->mask = DEFAULT_PCRS;
	if (!text)
		return 0;
	if (at && (size_t)(at - text) < sizeof(bank))
		memcpy(bank, text, (size_t)(at - text));
	state->bank = tpm_hash_of_name(bank);
	if (!at || !state->bank || tpm_bank_index(state->bank) < 0 ||
	    tpm_settings_pcrs(at + 1, &state->mask))
		return fail(
			err, -EINVAL,
			"setting pcrs: \"%.60s\" is not like sha256:0-7+14 (banks sha1, sha256, sha384, sha512)",
			text);
	return 0;
}

int tpm_settings_options(const struct settings *s, struct tpm_access_options *o,
			 struct cattest_error *err)
{
	const char *hierarchy = settings_find(s, "hierarchy"), *key = settings_find(s, "key");
	uint64_t handle = 0;
	int rc = settings_number(s, "ak", UINT32_MAX, &handle, err);

	if (rc)
		return rc;
	*o = (struct tpm_access_options){ 0 };
	o->tcti = settings_find(s, "tcti") ? settings_find(s, "tcti") : "device:" TPM_DEVICE;
	o->ak_handle = (uint32_t)handle;
	o->owner_hierarchy = hierarchy && !strcmp(hierarchy, "owner");
	o->rsa = key && !strcmp(key, "rsa");
	if (hierarchy && !o->owner_hierarchy && strcmp(hierarchy, "endorsement"))
		return fail(err, -EINVAL,
			    "setting hierarchy: \"%.40s\" is not endorsement or owner", hierarchy);
	if (key && !o->rsa && strcmp(key, "ecc"))
		return fail(err, -EINVAL, "setting key: \"%.40s\" is not ecc or rsa", key);
	if (o->ak_handle && (hierarchy || key))
		return fail(
			err, -EINVAL,
			"settings hierarchy and key say how a key is made; ak names one that is there");
	return 0;
}

static int read_files(const struct settings *s, struct tpm_state *state, struct cattest_error *err)
{
	const char *log = settings_find(s, "eventlog"),
		   *certificate = settings_find(s, "certificate");
	size_t size;
	uint8_t *pem;
	int rc;

	if (log && strcmp(log, "none"))
		state->log_required = true;
	if ((!log && collect_path(settings_find(s, "root"), TPM_EVENT_LOG, state->event_log,
				  sizeof(state->event_log))) ||
	    (state->log_required &&
	     collect_path(NULL, log, state->event_log, sizeof(state->event_log))))
		return fail(err, -ENAMETOOLONG, "setting eventlog or root: too long");
	if (!certificate)
		return 0;
	rc = collect_read(certificate, CERTIFICATE_MAX, &pem, &size);
	if (rc)
		return fail(err, rc, "%s: %s", certificate, strerror(-rc));
	state->certificate = strndup((const char *)pem, size);
	free(pem);
	if (!state->certificate)
		return fail(err, -ENOMEM, "out of memory");
	if (strncmp(state->certificate, "-----BEGIN CERTIFICATE-----", 27))
		return fail(err, -EBADMSG, "%s: not a certificate in PEM form", certificate);
	return 0;
}

static void tpm_close(void *opaque)
{
	struct tpm_state *state = opaque;

	tpm_access_close(state->access);
	pthread_mutex_destroy(&state->lock);
	free(state->certificate);
	free(state);
}

static int tpm_open(const struct settings *s, void **ret_state, struct cattest_error *err)
{
	struct tpm_access_options options = { 0 };
	struct tpm_state *state = calloc(1, sizeof(*state));
	int rc;

	if (!state)
		return fail(err, -ENOMEM, "out of memory");
	pthread_mutex_init(&state->lock, NULL);
	rc = parse_pcrs(settings_find(s, "pcrs"), state, err);
	if (!rc)
		rc = tpm_settings_options(s, &options, err);
	if (!rc)
		rc = read_files(s, state, err);
	if (!rc)
		rc = tpm_access_open(&options, &state->access, err);
	if (rc)
		tpm_close(state);
	else
		*ret_state = state;
	return rc;
}

/* --- the JSON text --- */

static int set_base64(json_t *object, const char *name, const void *data, size_t size)
{
	char *text = base64_encode(data, size);
	int rc = text ? json_object_set_new(object, name, json_string(text)) : -1;

	free(text);
	return rc;
}

static json_t *pcr_values(const struct tpm_collected *q)
{
	json_t *banks = json_object(), *bank = json_object();
	char number[4], hex[2 * 64 + 1];
	int rc = 0;

	for (unsigned int i = 0; i < TPM_QUOTE_PCRS; i++) {
		if (!(q->mask >> i & 1))
			continue;
		snprintf(number, sizeof(number), "%u", i);
		rc |= json_object_set_new(
			bank, number,
			json_string(hex_text(SPAN(q->pcr[i], q->pcr_size), hex, sizeof(hex))));
	}
	if (rc | json_object_set_new(banks, tpm_hash_name(q->bank), bank)) {
		json_decref(banks);
		return NULL;
	}
	return banks;
}

/* The log belongs to it if it can be read; a verifier that needs it says so. */
static int add_event_log(const struct tpm_state *state, json_t *object, struct cattest_error *err)
{
	uint8_t *log;
	size_t size;
	int rc;

	if (!state->event_log[0])
		return 0;
	rc = collect_read(state->event_log, EVENT_LOG_MAX, &log, &size);
	if (rc)
		return state->log_required
			       ? fail(err, rc, "%s: %s", state->event_log, strerror(-rc))
			       : 0;
	if (size && set_base64(object, "event_log", log, size))
		rc = fail(err, -ENOMEM, "out of memory");
	free(log);
	return rc;
}

static int write_evidence(const struct tpm_state *state, const struct tpm_collected *q,
			  uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err)
{
	json_t *object = json_object();
	char *text = NULL;
	int rc = add_event_log(state, object, err);

	if (!rc && (set_base64(object, "quote", q->attest, q->attest_size) ||
		    set_base64(object, "signature", q->signature, q->signature_size) ||
		    set_base64(object, "ak", q->public_area, q->public_size) ||
		    json_object_set_new(object, "pcrs", pcr_values(q)) ||
		    (state->certificate && json_object_set_new(object, "ak_certificate",
							       json_string(state->certificate))) ||
		    !(text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS))))
		rc = fail(err, -ENOMEM, "out of memory");
	json_decref(object);
	if (rc)
		return rc;
	*ret_evidence = (uint8_t *)text;
	*ret_size = strlen(text);
	return 0;
}

static int tpm_collect(void *opaque, const uint8_t report_data[CATTEST_REPORT_DATA_SIZE],
		       uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err)
{
	struct tpm_state *state = opaque;
	struct tpm_collected *q = malloc(sizeof(*q));
	uint8_t extra[32];
	int rc;

	if (!q || digest("SHA256", &SPAN(report_data, CATTEST_REPORT_DATA_SIZE), 1, extra, NULL)) {
		free(q);
		return fail(err, -ENOMEM, "out of memory");
	}
	pthread_mutex_lock(&state->lock);
	rc = tpm_access_quote(state->access, SPAN_OF(extra), state->bank, state->mask, q, err);
	pthread_mutex_unlock(&state->lock);
	if (!rc)
		rc = write_evidence(state, q, ret_evidence, ret_size, err);
	free(q);
	return rc;
}

const struct attester_type collect_tpm = {
	.name = "tpm",
	.keys = tpm_keys,
	.backend = QUOTING_TPM,
	.present = tpm_present,
	.open = tpm_open,
	.collect = tpm_collect,
	.close = tpm_close,
};
