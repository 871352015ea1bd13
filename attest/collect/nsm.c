/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attester "nsm": the Nitro Secure Module of AWS enclaves through /dev/nsm (uapi/linux/nsm.h
 * since Linux 6.8; the out-of-tree driver before it has the same ioctl). One CBOR request,
 * {"Attestation": {"user_data": report data, "nonce": null, "public_key": null}}, one answer,
 * {"Attestation": {"document": bytes}} or {"Error": text} (aws-nitro-enclaves-nsm-api).
 *
 * Settings: root=, device=PATH.
 */
#include "attest/collect/collect.h"

#include "abi/quoting.h"
#include "lib/cbor/cbor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NSM_DEVICE "/dev/nsm"
/* uapi/linux/nsm.h: NSM_RESPONSE_MAX_SIZE, NSM_IOCTL_RAW */
#define NSM_RESPONSE_MAX 0x3000
struct nsm_vector {
	uint64_t address, size;
};
struct nsm_message {
	struct nsm_vector request, response;
};
#define NSM_IOCTL _IOWR(0x0a, 0x0, struct nsm_message)

struct nsm_state {
	char path[1024];
};

static const char *const nsm_keys[] = { "root", "device", "socket", NULL };

static int call_device(int fd, const void *request, size_t request_size, void *response,
		       size_t *response_size)
{
	struct nsm_message m = { .request = { (uintptr_t)request, request_size },
				 .response = { (uintptr_t)response, *response_size } };

	if (ioctl(fd, NSM_IOCTL, &m))
		return -errno;
	if (m.response.size > *response_size)
		return -EPROTO;
	*response_size = (size_t)m.response.size;
	return 0;
}

int (*collect_nsm_call)(int fd, const void *request, size_t request_size, void *response,
			size_t *response_size) = call_device;

static bool nsm_present(void)
{
	return !access(NSM_DEVICE, F_OK);
}

static int nsm_open(const struct settings *s, void **ret_state, struct cattest_error *err)
{
	const char *device = settings_find(s, "device");
	struct nsm_state *state = calloc(1, sizeof(*state));
	int rc = 0;

	if (!state)
		return fail(err, -ENOMEM, "out of memory");
	if (collect_path(settings_find(s, "root"), device ? device : NSM_DEVICE, state->path,
			 sizeof(state->path)))
		rc = fail(err, -ENAMETOOLONG, "setting device: too long");
	else if (access(state->path, F_OK))
		rc = fail(err, -ENODEV, "%s is not there: this is not a Nitro enclave",
			  state->path);
	if (rc)
		free(state);
	else
		*ret_state = state;
	return rc;
}

static size_t make_request(const uint8_t report_data[64], uint8_t *buffer, size_t room)
{
	struct cbor_writer w;

	cbor_writer_init(&w, buffer, room);
	cbor_put_map(&w, 1);
	cbor_put_text(&w, "Attestation");
	cbor_put_map(&w, 3);
	cbor_put_text(&w, "user_data");
	cbor_put_bytes(&w, report_data, 64);
	cbor_put_text(&w, "nonce");
	cbor_put_null(&w);
	cbor_put_text(&w, "public_key");
	cbor_put_null(&w);
	return w.overflow ? 0 : w.size;
}

/* The text of {"Error": text}, or false. */
static bool answer_error(struct span answer, struct cbor_item *ret_text)
{
	struct cbor c, value;
	struct cbor_item map;

	cbor_init_lenient(&c, answer.data, answer.size);
	return cbor_expect(&c, CBOR_MAP, &map) &&
	       cbor_map_find_text(&c, map.number, "Error", &value) &&
	       cbor_expect(&value, CBOR_TEXT, ret_text);
}

static int read_answer(struct span answer, uint8_t **ret_evidence, size_t *ret_size,
		       struct cattest_error *err)
{
	struct cbor c, inner, value;
	struct cbor_item map, document;
	char text[128];
	uint8_t *copy;

	if (!cbor_well_formed(answer.data, answer.size, true))
		return fail(err, -EBADMSG, "nsm: its answer is not CBOR");
	if (answer_error(answer, &document))
		return fail(err, -EIO, "nsm: refused: %s",
			    safe_text(SPAN(document.data, document.size), text, sizeof(text)));
	cbor_init_lenient(&c, answer.data, answer.size);
	if (!cbor_expect(&c, CBOR_MAP, &map) || map.number != 1 ||
	    !cbor_map_find_text(&c, map.number, "Attestation", &inner) ||
	    !cbor_expect(&inner, CBOR_MAP, &map) ||
	    !cbor_map_find_text(&inner, map.number, "document", &value) ||
	    !cbor_expect(&value, CBOR_BYTES, &document))
		return fail(err, -EBADMSG, "nsm: its answer holds no attestation document");
	if (!document.size)
		return fail(err, -ENODATA, "nsm: its attestation document is empty");
	copy = malloc(document.size);
	if (!copy)
		return fail(err, -ENOMEM, "out of memory");
	memcpy(copy, document.data, document.size);
	*ret_evidence = copy;
	*ret_size = document.size;
	return 0;
}

static int nsm_collect(void *opaque, const uint8_t report_data[CATTEST_REPORT_DATA_SIZE],
		       uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err)
{
	const struct nsm_state *state = opaque;
	uint8_t request[256], response[NSM_RESPONSE_MAX];
	size_t request_size = make_request(report_data, request, sizeof(request)),
	       response_size = sizeof(response);
	int fd = open(state->path, O_RDWR | O_CLOEXEC | O_NOCTTY), rc;

	if (fd < 0)
		return fail(err, -errno, "%s: %s", state->path, strerror(errno));
	rc = collect_nsm_call(fd, request, request_size, response, &response_size);
	close(fd);
	if (rc == -EPERM)
		return fail(err, rc, "%s: needs CAP_SYS_ADMIN: use the quoting service (socket=)",
			    state->path);
	if (rc)
		return fail(err, rc, "%s: %s", state->path, strerror(-rc));
	return read_answer(SPAN(response, response_size), ret_evidence, ret_size, err);
}

const struct attester_type collect_nsm = {
	.name = "nsm",
	.keys = nsm_keys,
	.backend = QUOTING_NSM,
	.present = nsm_present,
	.open = nsm_open,
	.collect = nsm_collect,
	.close = free,
};
