/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AESM protocol, so that programs made for Intel's service (the SGX SDK's, Gramine's,
 * Fortanix') find one: with a real aesmd below, requests are read, checked, written anew and handed
 * on; in simulation, and for enclaves of Cloister's hypervisor, they are answered here. EPID and
 * launch tokens exist only with a real one: machines with flexible launch control, and the
 * hypervisor, need no token.
 */
#include "platform/quoting/quoting.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>

#define ALGORITHM_OFFSET 154 /* algorithm_id of sgx_att_key_id_ext_t */
#define ALGORITHM_ECDSA_P256 2

static int frame(const struct aesm_message *response, uint8_t **ret_answer, size_t *ret_size)
{
	uint8_t *answer = malloc(4 + AESM_RESPONSE_MAX);
	size_t size;
	uint32_t size32;
	int rc;

	if (!answer)
		return -ENOMEM;
	rc = aesm_write_response(response, answer + 4, AESM_RESPONSE_MAX, &size);
	if (rc) {
		free(answer);
		return rc;
	}
	size32 = (uint32_t)size;
	memcpy(answer, &size32, 4);
	*ret_answer = answer;
	*ret_size = 4 + size;
	return 0;
}

/*
 * No id is the service's default key; any ECDSA P-256 key id is taken for ours: clients have
 * Intel's built in.
 */
static bool key_id_fits(struct aesm_field id)
{
	return !id.present || !id.size ||
	       (id.size == AESM_KEY_ID_SIZE && id.data[ALGORITHM_OFFSET] == ALGORITHM_ECDSA_P256 &&
		!id.data[ALGORITHM_OFFSET + 1] && !id.data[ALGORITHM_OFFSET + 2] &&
		!id.data[ALGORITHM_OFFSET + 3]);
}

/* What is answered with, and what the answers point into. */
struct answering {
	struct service *service;
	uint32_t backend; /* QUOTING_SGX in simulation, or QUOTING_HV */
	uint8_t target_info[REPORT_SGX_TARGETINFO_SIZE], key_hash[32], key_id[AESM_KEY_ID_SIZE];
	uint8_t *quote;
};

/* Which key signs: of the hypervisor, which target is its only one. */
static int key_hash(struct answering *m, uint8_t ret_hash[32], struct cattest_error *err)
{
	char *pem;
	int rc;

	if (m->backend == QUOTING_HV) {
		SHA256(m->target_info, sizeof(m->target_info), ret_hash);
		return 0;
	}
	rc = sim_signer_public(m->service->signer, &pem, err);
	if (rc)
		return rc;
	SHA256((const unsigned char *)pem, strlen(pem), ret_hash);
	free(pem);
	return 0;
}

static uint64_t init_quote(struct answering *m, const struct aesm_message *q,
			   struct aesm_message *r, struct cattest_error *err)
{
	bool wants_id = q->field[AESM_F_INIT_WANTS_PUB_KEY_ID].number;
	struct aesm_field room = q->field[AESM_F_INIT_BUFFER];

	if (!key_id_fits(q->field[AESM_F_INIT_KEY_ID])) {
		fail(err, -ENOTSUP, "attestation key not supported");
		return AESM_UNSUPPORTED_ATT_KEY_ID;
	}
	if (service_target_info(m->service, m->backend, m->target_info, err) ||
	    key_hash(m, m->key_hash, err))
		return AESM_UNEXPECTED_ERROR;
	aesm_set_number(r, AESM_F_PUB_KEY_ID_SIZE, sizeof(m->key_hash));
	if (!wants_id)
		return AESM_SUCCESS;
	if (!room.present || room.number < sizeof(m->key_hash)) {
		fail(err, -EINVAL, "no room for the key id");
		return AESM_PARAMETER_ERROR;
	}
	aesm_set_bytes(r, AESM_F_TARGET_INFO, m->target_info, sizeof(m->target_info));
	aesm_set_bytes(r, AESM_F_PUB_KEY_ID, m->key_hash, sizeof(m->key_hash));
	return AESM_SUCCESS;
}

/* The code of a refusal: what a client can do something about has its own. */
static uint64_t refusal_code(int error)
{
	return error == -EBADMSG  ? AESM_INVALID_REPORT
	       : error == -ENODEV ? AESM_SERVICE_UNAVAILABLE
				  : AESM_UNEXPECTED_ERROR;
}

static uint64_t get_quote(struct answering *m, const struct aesm_message *q, struct aesm_message *r,
			  struct cattest_error *err)
{
	struct aesm_field report = q->field[AESM_F_QUOTE_REPORT];
	uint8_t report_data[64];
	size_t size;
	int rc;

	if (!key_id_fits(q->field[AESM_F_QUOTE_KEY_ID])) {
		fail(err, -ENOTSUP, "attestation key not supported");
		return AESM_UNSUPPORTED_ATT_KEY_ID;
	}
	/*
	 * There is no quoting enclave, and a report of one cannot be simulated: it has a MAC that
	 * the asking enclave checks.
	 */
	if (report.size != REPORT_SGX_SIZE || q->field[AESM_F_QUOTE_QE_REPORT_INFO].size) {
		fail(err, -EINVAL, "no REPORT, or a report of the quoting enclave is asked for");
		return AESM_PARAMETER_ERROR;
	}
	if (q->field[AESM_F_QUOTE_BUFFER].number < service_quote_size(m->service, m->backend)) {
		fail(err, -EINVAL, "too little room for a quote");
		return AESM_PARAMETER_ERROR;
	}
	memcpy(report_data, report.data + 320, sizeof(report_data));
	rc = service_evidence(m->service, m->backend, report_data, SPAN(report.data, report.size),
			      &m->quote, &size, err);
	if (rc)
		return refusal_code(rc);
	aesm_set_bytes(r, AESM_F_QUOTE, m->quote, size);
	return AESM_SUCCESS;
}

static void own_key_id(struct answering *m)
{
	struct cattest_error err;
	uint8_t target[REPORT_SGX_TARGETINFO_SIZE];

	/* The simulated quoting enclave, and the hypervisor, are their own signers. */
	if (!service_target_info(m->service, m->backend, target, &err))
		aesm_ecdsa_key_id(target, 1, m->key_id);
}

static uint64_t answer_here(struct answering *m, const struct aesm_message *q,
			    struct aesm_message *r, struct cattest_error *err)
{
	switch (q->kind) {
	case AESM_INIT_QUOTE_EX:
		return init_quote(m, q, r, err);
	case AESM_QUOTE_SIZE_EX:
		if (!key_id_fits(q->field[AESM_F_SIZE_KEY_ID])) {
			fail(err, -ENOTSUP, "attestation key not supported");
			return AESM_UNSUPPORTED_ATT_KEY_ID;
		}
		aesm_set_number(r, AESM_F_QUOTE_SIZE, service_quote_size(m->service, m->backend));
		return AESM_SUCCESS;
	case AESM_GET_QUOTE_EX:
		return get_quote(m, q, r, err);
	case AESM_SELECT_KEY_ID:
		own_key_id(m);
		aesm_set_bytes(r, AESM_F_SELECTED, m->key_id, sizeof(m->key_id));
		return AESM_SUCCESS;
	case AESM_KEY_ID_COUNT:
		aesm_set_number(r, AESM_F_COUNT, 1);
		return AESM_SUCCESS;
	case AESM_KEY_IDS:
		if (q->field[AESM_F_KEY_IDS_BUFFER].present &&
		    q->field[AESM_F_KEY_IDS_BUFFER].number < sizeof(m->key_id)) {
			fail(err, -EINVAL, "no room for a key id");
			return AESM_PARAMETER_ERROR;
		}
		own_key_id(m);
		aesm_set_bytes(r, AESM_F_KEY_IDS, m->key_id, sizeof(m->key_id));
		return AESM_SUCCESS;
	}
	r->kind = AESM_UNSUPPORTED;
	fail(err, -ENOTSUP, "request %u needs Intel's service", q->kind);
	return AESM_UNEXPECTED_ERROR;
}

static int hand_on(struct backend *b, const struct aesm_message *q, uint8_t **ret_answer,
		   size_t *ret_size, struct cattest_error *err)
{
	struct aesm_message r = { .kind = q->kind };
	uint8_t *buffer = NULL;
	char text[400];
	int rc;

	pthread_mutex_lock(&b->lock);
	rc = aesm_ask(b->address, q, &buffer, &r, text, sizeof(text));
	pthread_mutex_unlock(&b->lock);
	if (rc) {
		fail(err, rc, "%s", text);
		r = (struct aesm_message){ .kind = q->kind };
		aesm_set_number(&r, AESM_F_ERROR, AESM_SERVICE_UNAVAILABLE);
	}
	rc = frame(&r, ret_answer, ret_size);
	free(buffer);
	return rc;
}

int aesm_answer_to(struct service *s, struct span request, uint8_t **ret_answer, size_t *ret_size,
		   struct cattest_error *ret_error)
{
	uint32_t id = s->backends[QUOTING_HV].on ? QUOTING_HV : QUOTING_SGX;
	struct backend *b = &s->backends[id];
	struct cattest_error err = { "" };
	struct answering m = { .service = s, .backend = id };
	struct aesm_message q, r;
	uint64_t code;
	int rc;

	*ret_error = err;
	if (!request.size || request.size > AESM_REQUEST_MAX ||
	    aesm_read_request(request.data, request.size, &q))
		return -EPROTO;
	r = (struct aesm_message){ .kind = q.kind == AESM_OTHER ? AESM_UNSUPPORTED : q.kind };
	if (!b->on) {
		code = AESM_SERVICE_UNAVAILABLE;
		fail(&err, -ENODEV, "neither back end hv nor sgx is switched on here");
	} else if (b->address && q.kind != AESM_OTHER) {
		rc = hand_on(b, &q, ret_answer, ret_size, &err);
		*ret_error = err;
		return rc;
	} else {
		code = answer_here(&m, &q, &r, &err);
	}
	/* Nothing but the code goes out with an error. */
	if (code)
		r = (struct aesm_message){ .kind = r.kind };
	aesm_set_number(&r, AESM_F_ERROR, code);
	rc = frame(&r, ret_answer, ret_size);
	free(m.quote);
	*ret_error = err;
	return rc;
}
