/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attester "sim": reports as the settings state them, signed by a key file (key=FILE, or
 * folder=STATE-FOLDER of a signer, made if it is not there) or by the host's quoting service
 * (socket=PATH; the default). For development, for tests, and for the enclave kernel's host side.
 */
#include "attest/collect/collect.h"

#include "abi/quoting.h"
#include "attest/sim/sim.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

struct sim_state {
	struct report_sim report;
	struct sim_signer *signer; /* NULL: the service signs */
	char *socket;
	bool fixed_time;
};

static const char *const sim_keys[] = { "key",	       "folder", "socket",  "platform",
					"measurement", "signer", "product", "security_version",
					"config",      "debug",	 "time",    NULL };

static int read_report(const struct settings *s, struct sim_state *state, struct cattest_error *err)
{
	struct report_sim *r = &state->report;
	const char *platform = settings_find(s, "platform");
	uint64_t product = 0, security_version = 0, debug = 0, when = 0;
	int rc;

	r->magic = REPORT_SIM_MAGIC;
	r->version = REPORT_SIM_VERSION;
	r->size = sizeof(*r);
	r->platform = platform ? sim_platform_of_name(platform) : REPORT_PLATFORM_PROCESS;
	if (!r->platform || r->platform == REPORT_PLATFORM_SGX)
		return fail(err, -EINVAL,
			    "setting platform: \"%.40s\" is not one of process, vm, hosted",
			    platform);
	rc = settings_hex(s, "measurement", r->measurement, sizeof(r->measurement), err);
	if (!rc)
		rc = settings_hex(s, "signer", r->signer, sizeof(r->signer), err);
	if (!rc)
		rc = settings_hex(s, "config", r->config, sizeof(r->config), err);
	if (!rc)
		rc = settings_number(s, "product", UINT32_MAX, &product, err);
	if (!rc)
		rc = settings_number(s, "security_version", UINT32_MAX, &security_version, err);
	if (!rc)
		rc = settings_number(s, "debug", 1, &debug, err);
	if (!rc)
		rc = settings_number(s, "time", INT64_MAX, &when, err);
	r->product = (uint32_t)product;
	r->security_version = (uint32_t)security_version;
	r->attributes = debug ? REPORT_ATTRIBUTE_DEBUG : 0;
	r->time = (int64_t)when;
	state->fixed_time = settings_find(s, "time");
	return rc;
}

static void sim_close(void *state)
{
	struct sim_state *s = state;

	sim_signer_free(s->signer);
	free(s->socket);
	free(s);
}

static int sim_open(const struct settings *s, void **ret_state, struct cattest_error *err)
{
	const char *key = settings_find(s, "key"), *folder = settings_find(s, "folder");
	struct sim_state *state;
	int rc;

	if (!!key + !!folder + !!settings_find(s, "socket") > 1)
		return fail(err, -EINVAL, "attester sim: give one of key, folder and socket");
	state = calloc(1, sizeof(*state));
	if (!state)
		return fail(err, -ENOMEM, "out of memory");
	rc = read_report(s, state, err);
	if (!rc && key)
		rc = sim_signer_load(key, &state->signer, err);
	else if (!rc && folder)
		rc = sim_signer_of_folder(folder, &state->signer, err);
	else if (!rc && state->fixed_time)
		rc = fail(
			err, -EINVAL,
			"attester sim: the quoting service writes the time itself; time= needs key= or folder=");
	else if (!rc && !(state->socket = strdup(service_socket(s))))
		rc = fail(err, -ENOMEM, "out of memory");
	if (rc)
		sim_close(state);
	else
		*ret_state = state;
	return rc;
}

static int sim_collect(void *opaque, const uint8_t report_data[CATTEST_REPORT_DATA_SIZE],
		       uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err)
{
	struct sim_state *state = opaque;
	struct report_sim report = state->report;
	struct evidence_sim evidence;
	uint8_t *copy;
	int rc;

	memcpy(report.report_data, report_data, sizeof(report.report_data));
	if (!state->signer)
		return service_ask(state->socket, QUOTING_EVIDENCE, QUOTING_SIM, report_data,
				   SPAN(&report, sizeof(report)), ret_evidence, ret_size, err);
	rc = sim_sign(state->signer, &report, state->fixed_time ? report.time : (int64_t)time(NULL),
		      &evidence, err);
	if (rc)
		return rc;
	copy = malloc(sizeof(evidence));
	if (!copy)
		return fail(err, -ENOMEM, "out of memory");
	memcpy(copy, &evidence, sizeof(evidence));
	*ret_evidence = copy;
	*ret_size = sizeof(evidence);
	return 0;
}

const struct attester_type collect_sim = {
	.name = "sim",
	.keys = sim_keys,
	.backend = QUOTING_SIM,
	.open = sim_open,
	.collect = sim_collect,
	.close = sim_close,
};
