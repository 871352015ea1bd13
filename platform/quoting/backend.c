/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What evidence is made with. TPM, configfs-tsm and NSM are the attesters of libcloister-attest;
 * SGX and TDX reports go to Intel's services, or, for SGX in simulation, to the sim signer; SGX
 * reports of enclaves on Cloister's hypervisor to that (hypervisor.c). What a client sends is checked for its form and for the report data it claims before any of them is
 * asked.
 */
#include "platform/quoting/quoting.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <time.h>

#define TD_REPORT_SIZE 1024
#define TD_REPORT_DATA 128 /* Intel TDX module ABI, REPORTMACSTRUCT: reportdata at 128 */
#define SGX_REPORT_DATA 320

static const char *const names[QUOTING_BACKENDS] = {
	[QUOTING_SIM] = "sim", [QUOTING_TPM] = "tpm", [QUOTING_TSM] = "tsm", [QUOTING_NSM] = "nsm",
	[QUOTING_SGX] = "sgx", [QUOTING_TDX] = "tdx", [QUOTING_HV] = "hv",
};

const char *backend_name(uint32_t id)
{
	return id < QUOTING_BACKENDS ? names[id] : NULL;
}

uint32_t backend_of_name(const char *name)
{
	for (uint32_t i = 1; i < QUOTING_BACKENDS; i++)
		if (!strcmp(names[i], name))
			return i;
	return 0;
}

void service_init(struct service *s)
{
	*s = (struct service){ 0 };
	for (size_t i = 0; i < QUOTING_BACKENDS; i++)
		pthread_mutex_init(&s->backends[i].lock, NULL);
}

static int need_signer(struct service *s, const char *state, struct cattest_error *err)
{
	return s->signer ? 0 : sim_signer_of_folder(state, &s->signer, err);
}

static int set_address(struct backend *b, const char *address, struct cattest_error *err)
{
	b->address = strdup(address);
	return b->address ? 0 : fail(err, -ENOMEM, "out of memory");
}

int service_add(struct service *s, const char *description, const char *state,
		struct cattest_error *err)
{
	size_t len = strcspn(description, ":");
	const char *settings = description[len] ? description + len + 1 : NULL;
	char name[8] = "";
	struct backend *b;
	uint32_t id;
	int rc;

	if (len < sizeof(name))
		memcpy(name, description, len);
	id = backend_of_name(name);
	if (!id)
		return fail(
			err, -EINVAL,
			"back end \"%.40s\" is not known; known: sim, tpm, tsm, nsm, sgx, tdx, hv",
			description);
	b = &s->backends[id];
	if (b->on)
		return fail(err, -EINVAL, "back end %s is named twice", name);
	if (id == QUOTING_SIM)
		rc = settings ? fail(err, -EINVAL,
				     "back end sim has no settings: its key is in the state folder")
			      : need_signer(s, state, err);
	else if (id == QUOTING_SGX && settings && !strcmp(settings, "sim"))
		rc = need_signer(s, state, err);
	else if (id == QUOTING_SGX)
		rc = set_address(b, settings ? settings : AESM_SOCKET, err);
	else if (id == QUOTING_TDX)
		rc = settings
			     ? set_address(b, settings, err)
			     : fail(err, -EINVAL,
				    "back end tdx needs an address: tdx:unix:PATH, tdx:vsock:CID:PORT or tdx:tcp:HOST:PORT");
	else if (id == QUOTING_HV)
		rc = hypervisor_open(settings, &b->hypervisor, err);
	else
		rc = cattest_attester_new(name, settings, &b->attester, err);
	b->on = !rc;
	return rc;
}

void service_done(struct service *s)
{
	for (size_t i = 0; i < QUOTING_BACKENDS; i++) {
		cattest_attester_free(s->backends[i].attester);
		hypervisor_close(s->backends[i].hypervisor);
		free(s->backends[i].address);
		pthread_mutex_destroy(&s->backends[i].lock);
	}
	sim_signer_free(s->signer);
	*s = (struct service){ 0 };
}

/* --- evidence --- */

static int copy_out(const void *data, size_t size, uint8_t **ret_evidence, size_t *ret_size,
		    struct cattest_error *err)
{
	*ret_evidence = malloc(size);
	if (!*ret_evidence)
		return fail(err, -ENOMEM, "out of memory");
	memcpy(*ret_evidence, data, size);
	*ret_size = size;
	return 0;
}

static int sim_evidence(struct service *s, struct span body, uint8_t **ret_evidence,
			size_t *ret_size, struct cattest_error *err)
{
	struct report_sim report;
	struct evidence_sim evidence;
	int rc;

	memcpy(&report, body.data, sizeof(report));
	if (report.magic != REPORT_SIM_MAGIC || report.version != REPORT_SIM_VERSION ||
	    report.size != sizeof(report))
		return fail(err, -EINVAL, "not a sim report of version %d", REPORT_SIM_VERSION);
	/* Those are only signed together with the whole report body that they are of. */
	if (report.platform == REPORT_PLATFORM_SGX)
		return fail(err, -EINVAL,
			    "reports of simulated SGX are made of an SGX REPORT only");
	rc = sim_sign(s->signer, &report, (int64_t)time(NULL), &evidence, err);
	return rc ? rc : copy_out(&evidence, sizeof(evidence), ret_evidence, ret_size, err);
}

static int sgx_evidence(struct service *s, struct backend *b, struct span body,
			uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err)
{
	uint8_t quote[SIM_QUOTE_SIZE];
	char text[400];
	int rc;

	if (b->address) {
		rc = aesm_quote(b->address, body.data, ret_evidence, ret_size, text, sizeof(text));
		return rc ? fail(err, rc, "%s", text) : 0;
	}
	rc = sim_sign_sgx(s->signer, body.data, (int64_t)time(NULL), quote, err);
	return rc ? rc : copy_out(quote, sizeof(quote), ret_evidence, ret_size, err);
}

/* Where a body of that back end holds its report data; size: what it must have. */
static size_t body_form(uint32_t id, size_t *ret_size)
{
	switch (id) {
	case QUOTING_SIM:
		*ret_size = sizeof(struct report_sim);
		return offsetof(struct report_sim, report_data);
	case QUOTING_SGX:
	case QUOTING_HV:
		*ret_size = REPORT_SGX_SIZE;
		return SGX_REPORT_DATA;
	case QUOTING_TDX:
		*ret_size = TD_REPORT_SIZE;
		return TD_REPORT_DATA;
	}
	*ret_size = 0;
	return 0;
}

int service_evidence(struct service *s, uint32_t id, const uint8_t report_data[64],
		     struct span body, uint8_t **ret_evidence, size_t *ret_size,
		     struct cattest_error *err)
{
	struct backend *b = &s->backends[id];
	size_t size, offset = body_form(id, &size);
	int rc;

	if (!b->on)
		return fail(err, -ENODEV, "back end %s is not switched on here", backend_name(id));
	if (body.size != size)
		return fail(err, -EINVAL, "%s: a body of %zu bytes, must be %zu", backend_name(id),
			    body.size, size);
	if (size && memcmp(body.data + offset, report_data, 64))
		return fail(err, -EINVAL, "%s: the report carries other data than was asked for",
			    backend_name(id));
	pthread_mutex_lock(&b->lock);
	if (id == QUOTING_SIM)
		rc = sim_evidence(s, body, ret_evidence, ret_size, err);
	else if (id == QUOTING_SGX)
		rc = sgx_evidence(s, b, body, ret_evidence, ret_size, err);
	else if (id == QUOTING_TDX)
		rc = qgs_quote(b->address, body, ret_evidence, ret_size, err);
	else if (id == QUOTING_HV)
		rc = hypervisor_evidence(b->hypervisor, body.data, ret_evidence, ret_size, err);
	else
		rc = cattest_collect(b->attester, report_data, ret_evidence, ret_size, err);
	pthread_mutex_unlock(&b->lock);
	return rc;
}

/*
 * The simulated quoting enclave: an identity that nothing else has. TARGETINFO: MEASUREMENT at 0,
 * ATTRIBUTES at 32 (INIT, MODE64BIT; XFRM x87 and SSE).
 */
static void simulated_target(uint8_t ret_target_info[REPORT_SGX_TARGETINFO_SIZE])
{
	static const char name[] = "cloister simulated quoting enclave";

	memset(ret_target_info, 0, REPORT_SGX_TARGETINFO_SIZE);
	SHA256((const unsigned char *)name, sizeof(name) - 1, ret_target_info);
	ret_target_info[32] = 5;
	ret_target_info[40] = 3;
}

size_t service_quote_size(const struct service *s, uint32_t id)
{
	return id == QUOTING_HV ? hypervisor_evidence_size(s->backends[id].hypervisor)
				: SIM_QUOTE_SIZE;
}

int service_target_info(struct service *s, uint32_t id,
			uint8_t ret_target_info[REPORT_SGX_TARGETINFO_SIZE],
			struct cattest_error *err)
{
	struct backend *b = &s->backends[id];
	char text[400];
	int rc;

	if (!b->on)
		return fail(err, -ENODEV, "back end %s is not switched on here", backend_name(id));
	if (b->hypervisor) {
		memcpy(ret_target_info, hypervisor_target_info(b->hypervisor),
		       REPORT_SGX_TARGETINFO_SIZE);
		return 0;
	}
	if (!b->address) {
		simulated_target(ret_target_info);
		return 0;
	}
	pthread_mutex_lock(&b->lock);
	rc = aesm_target_info(b->address, ret_target_info, text, sizeof(text));
	pthread_mutex_unlock(&b->lock);
	return rc ? fail(err, rc, "%s", text) : 0;
}
