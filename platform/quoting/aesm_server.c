/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AESM protocol, so that programs made for Intel's service (the SGX SDK's, Gramine's,
 * Fortanix') find one: with a real aesmd below, requests are read, checked, written anew and handed
 * on; in simulation they are answered here. EPID and launch tokens exist only with a real one:
 * machines with flexible launch control, and the hypervisor, need no token.
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
 * No id is the service's default key; any ECDSA P-256 key id is taken for the simulated one:
 * clients have Intel's built in.
 */
static bool key_id_fits(struct aesm_field id)
{
	return !id.present || !id.size ||
	       (id.size == AESM_KEY_ID_SIZE && id.data[ALGORITHM_OFFSET] == ALGORITHM_ECDSA_P256 &&
		!id.data[ALGORITHM_OFFSET + 1] && !id.data[ALGORITHM_OFFSET + 2] &&
		!id.data[ALGORITHM_OFFSET + 3]);
}

/* What the answers of the simulation point into. */
struct simulated {
	uint8_t target_info[REPORT_SGX_TARGETINFO_SIZE], key_hash[32], key_id[AESM_KEY_ID_SIZE];
	uint8_t *quote;
};

static int key_hash(struct service *s, uint8_t ret_hash[32], struct cattest_error *err)
{
	char *pem;
	int rc = sim_signer_public(s->signer, &pem, err);

	if (rc)
		return rc;
	SHA256((const unsigned char *)pem, strlen(pem), ret_hash);
	free(pem);
	return 0;
}

static uint64_t init_quote(struct service *s, const struct aesm_message *q, struct aesm_message *r,
			   struct simulated *m, struct cattest_error *err)
{
	bool wants_id = q->field[AESM_F_INIT_WANTS_PUB_KEY_ID].number;
	struct aesm_field room = q->field[AESM_F_INIT_BUFFER];

	if (!key_id_fits(q->field[AESM_F_INIT_KEY_ID])) {
		fail(err, -ENOTSUP, "attestation key not supported");
		return AESM_UNSUPPORTED_ATT_KEY_ID;
	}
	if (service_target_info(s, m->target_info, err) || key_hash(s, m->key_hash, err))
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

static uint64_t get_quote(struct service *s, const struct aesm_message *q, struct aesm_message *r,
			  struct simulated *m, struct cattest_error *err)
{
	struct aesm_field report = q->field[AESM_F_QUOTE_REPORT];
	uint8_t report_data[64];
	size_t size;

	if (!key_id_fits(q->field[AESM_F_QUOTE_KEY_ID])) {
		fail(err, -ENOTSUP, "attestation key not supported");
		return AESM_UNSUPPORTED_ATT_KEY_ID;
	}
	/*
	 * A report of the quoting enclave cannot be simulated: it has a MAC that the asking enclave
	 * checks.
	 */
	if (report.size != REPORT_SGX_SIZE || q->field[AESM_F_QUOTE_QE_REPORT_INFO].size) {
		fail(err, -EINVAL, "no REPORT, or a report of the quoting enclave is asked for");
		return AESM_PARAMETER_ERROR;
	}
	if (q->field[AESM_F_QUOTE_BUFFER].number < SIM_QUOTE_SIZE) {
		fail(err, -EINVAL, "too little room for a quote");
		return AESM_PARAMETER_ERROR;
	}
	memcpy(report_data, report.data + 320, sizeof(report_data));
	if (service_evidence(s, QUOTING_SGX, report_data, SPAN(report.data, report.size), &m->quote,
			     &size, err))
		return AESM_UNEXPECTED_ERROR;
	aesm_set_bytes(r, AESM_F_QUOTE, m->quote, size);
	return AESM_SUCCESS;
}

static void own_key_id(struct service *s, struct simulated *m)
{
	struct cattest_error err;
	uint8_t target[REPORT_SGX_TARGETINFO_SIZE];

	/* The simulated quoting enclave is its own signer. */
	if (!service_target_info(s, target, &err))
		aesm_ecdsa_key_id(target, 1, m->key_id);
}

static uint64_t simulate(struct service *s, const struct aesm_message *q, struct aesm_message *r,
			 struct simulated *m, struct cattest_error *err)
{
	switch (q->kind) {
	case AESM_INIT_QUOTE_EX:
		return init_quote(s, q, r, m, err);
	case AESM_QUOTE_SIZE_EX:
		if (!key_id_fits(q->field[AESM_F_SIZE_KEY_ID])) {
			fail(err, -ENOTSUP, "attestation key not supported");
			return AESM_UNSUPPORTED_ATT_KEY_ID;
		}
		aesm_set_number(r, AESM_F_QUOTE_SIZE, SIM_QUOTE_SIZE);
		return AESM_SUCCESS;
	case AESM_GET_QUOTE_EX:
		return get_quote(s, q, r, m, err);
	case AESM_SELECT_KEY_ID:
		own_key_id(s, m);
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
		own_key_id(s, m);
		aesm_set_bytes(r, AESM_F_KEY_IDS, m->key_id, sizeof(m->key_id));
		return AESM_SUCCESS;
	}
	r->kind = AESM_UNSUPPORTED;
	fail(err, -ENOTSUP, "request %u is not simulated", q->kind);
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
	struct backend *b = &s->backends[QUOTING_SGX];
	struct cattest_error err = { "" };
	struct simulated m = { 0 };
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
		fail(&err, -ENODEV, "back end sgx is not switched on here");
	} else if (b->address && q.kind != AESM_OTHER) {
		rc = hand_on(b, &q, ret_answer, ret_size, &err);
		*ret_error = err;
		return rc;
	} else {
		code = simulate(s, &q, &r, &m, &err);
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
