/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's own protocol (abi/quoting.h): a request is decoded and checked as a whole, then
 * carried out; its outcome, good or bad, is an answer.
 */
#include "platform/quoting/quoting.h"

#include <errno.h>
#include <stdlib.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "abi/quoting.h is read in place");

static int make_answer(uint16_t operation, int error, struct span body, uint8_t **ret_answer,
		       size_t *ret_size)
{
	struct quoting_answer head = { .magic = QUOTING_MAGIC,
				       .version = QUOTING_VERSION,
				       .operation = operation,
				       .error = error,
				       .body_size = (uint32_t)body.size };
	uint32_t size = (uint32_t)(sizeof(head) + body.size);
	uint8_t *answer;

	if (body.size > QUOTING_ANSWER_MAX - sizeof(head))
		return -EMSGSIZE;
	answer = malloc(4 + (size_t)size);
	if (!answer)
		return -ENOMEM;
	memcpy(answer, &size, 4);
	memcpy(answer + 4, &head, sizeof(head));
	if (body.size)
		memcpy(answer + 4 + sizeof(head), body.data, body.size);
	*ret_answer = answer;
	*ret_size = 4 + (size_t)size;
	return 0;
}

int quoting_refusal(uint16_t operation, int error, const char *text, uint8_t **ret_answer,
		    size_t *ret_size)
{
	return make_answer(operation, error, SPAN(text, strlen(text)), ret_answer, ret_size);
}

static int list(struct service *s, uint8_t **ret_body, size_t *ret_size, struct cattest_error *err)
{
	uint32_t *ids = calloc(QUOTING_BACKENDS, sizeof(*ids));
	size_t count = 0;

	if (!ids)
		return fail(err, -ENOMEM, "out of memory");
	for (uint32_t i = 1; i < QUOTING_BACKENDS; i++)
		if (s->backends[i].on)
			ids[count++] = i;
	*ret_body = (uint8_t *)ids;
	*ret_size = count * sizeof(*ids);
	return 0;
}

static int target_info(struct service *s, uint32_t id, uint8_t **ret_body, size_t *ret_size,
		       struct cattest_error *err)
{
	uint8_t *body = malloc(REPORT_SGX_TARGETINFO_SIZE);
	int rc = body ? service_target_info(s, id, body, err) : fail(err, -ENOMEM, "out of memory");

	if (rc) {
		free(body);
		return rc;
	}
	*ret_body = body;
	*ret_size = REPORT_SGX_TARGETINFO_SIZE;
	return 0;
}

static int sim_key(struct service *s, uint8_t **ret_body, size_t *ret_size,
		   struct cattest_error *err)
{
	char *pem;
	int rc = s->signer ? sim_signer_public(s->signer, &pem, err)
			   : fail(err, -ENODEV, "there is no sim signer here");

	if (rc)
		return rc;
	*ret_body = (uint8_t *)pem;
	*ret_size = strlen(pem);
	return 0;
}

static int carry_out(struct service *s, const struct quoting_request *r, struct span body,
		     uint8_t **ret_body, size_t *ret_size, struct cattest_error *err)
{
	bool plain = !body.size && span_is_zero(SPAN_OF(r->report_data));

	if (r->operation == QUOTING_EVIDENCE) {
		if (!backend_name(r->backend))
			return fail(err, -EINVAL, "there is no back end %u", r->backend);
		return service_evidence(s, r->backend, r->report_data, body, ret_body, ret_size,
					err);
	}
	if (!plain)
		return fail(err, -EINVAL, "operation %u has no body and no report data",
			    r->operation);
	if (r->operation == QUOTING_LIST && !r->backend)
		return list(s, ret_body, ret_size, err);
	if (r->operation == QUOTING_TARGET_INFO &&
	    (r->backend == QUOTING_SGX || r->backend == QUOTING_HV))
		return target_info(s, r->backend, ret_body, ret_size, err);
	if (r->operation == QUOTING_SIM_KEY && r->backend == QUOTING_SIM)
		return sim_key(s, ret_body, ret_size, err);
	return fail(err, -EINVAL, "there is no operation %u of back end %u", r->operation,
		    r->backend);
}

int quoting_answer_to(struct service *s, struct span request, uint8_t **ret_answer,
		      size_t *ret_size, uint32_t *ret_backend, struct cattest_error *ret_error)
{
	struct cattest_error err = { "" };
	struct quoting_request r;
	uint8_t *body = NULL;
	size_t size = 0;
	int rc;

	if (request.size < sizeof(r) || request.size > QUOTING_REQUEST_MAX)
		return -EPROTO;
	memcpy(&r, request.data, sizeof(r));
	if (r.magic != QUOTING_MAGIC || r.version != QUOTING_VERSION ||
	    r.body_size != request.size - sizeof(r))
		return -EPROTO;
	rc = carry_out(s, &r, SPAN(request.data + sizeof(r), r.body_size), &body, &size, &err);
	*ret_backend = r.backend;
	*ret_error = err;
	if (rc)
		return quoting_refusal(r.operation, rc, err.text, ret_answer, ret_size);
	*ret_error = (struct cattest_error){ "" };
	rc = make_answer(r.operation, 0, SPAN(body, size), ret_answer, ret_size);
	free(body);
	return rc;
}
