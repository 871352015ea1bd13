/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host of the sample that proves what it is: asks the quoting service (cloister-quoted --aesm-socket, or any AESM service) for its
 * target info, has the enclave make a REPORT for it, and has that made evidence. A host is trusted with none of this: `cloister verify` says
 * what the evidence is worth.
 *
 *	attested-host [--forge N] SOCKET ENCLAVE CHALLENGE EVIDENCE
 *
 * CHALLENGE: up to 64 bytes in hex. --forge flips bit N of the REPORT before it is handed on, for tests. Exit status: 0; 1: it did not
 * work; 2: wrong use; 3: the service refused the REPORT.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/loader/enclave.h"
#include "hypervisor/loader/enclaves/attested.h"
#include "platform/quoting/aesm.h"

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int parse_challenge(const char *text, uint8_t ret_challenge[64])
{
	size_t len = strlen(text);

	if (!len || len % 2 || len > 128 || strspn(text, "0123456789abcdef") != len)
		return -EINVAL;
	for (size_t i = 0; i < len / 2; i++)
		ret_challenge[i] =
			(uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
	return 0;
}

static int make_report(const char *path, struct attested_request *request)
{
	struct enclave_file file;
	struct enclave *e;
	uint64_t value = 0;
	int r = enclave_file_open(path, &file);

	if (r) {
		fprintf(stderr, "%s: %s\n", path, strerror(-r));
		return r;
	}
	r = enclave_create(&file, NULL, &e);
	if (r) {
		fprintf(stderr, "%s: %s: %s\n", path, enclave_failed_step(), strerror(-r));
	} else {
		r = enclave_call(e, ATTESTED_REPORT, (uint64_t)(uintptr_t)request, 0, &value);
		enclave_destroy(e);
		if (!r && value)
			r = -EPROTO;
		if (r)
			fprintf(stderr, "%s: call: %s\n", path, strerror(-r));
	}
	enclave_file_close(&file);
	return r;
}

static int write_file(const char *path, const uint8_t *data, size_t size)
{
	FILE *f = fopen(path, "we");
	bool ok = f && fwrite(data, 1, size, f) == size;

	if ((f && fclose(f)) || !ok) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -EIO;
	}
	return 0;
}

static int prove(const char *const *operands, long forge)
{
	static struct attested_request request;
	uint8_t *quote;
	char error[400];
	size_t size;
	int r;

	if (parse_challenge(operands[2], request.challenge)) {
		fprintf(stderr, "%.140s: is not 1 to 64 bytes in hex\n", operands[2]);
		return 2;
	}
	r = aesm_target_info(operands[0], request.target_info, error, sizeof(error));
	if (r) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	if (make_report(operands[1], &request))
		return 1;
	if (forge >= 0)
		request.report[forge / 8] ^= (uint8_t)(1 << forge % 8);
	r = aesm_quote(operands[0], request.report, &quote, &size, error, sizeof(error));
	if (r) {
		fprintf(stderr, "%s\n", error);
		return r == -EIO ? 3 : 1;
	}
	r = write_file(operands[3], quote, size);
	free(quote);
	return r != 0;
}

int main(int argc, char **argv)
{
	const char *const *operands = (const char *const *)argv + 1;
	long forge = -1;

	if (argc == 7 && !strcmp(argv[1], "--forge")) {
		char *end;

		forge = strtol(argv[2], &end, 10);
		if (*end || forge < 0 || forge >= 8 * AESM_REPORT_SIZE)
			return 2;
		operands += 2;
		argc -= 2;
	}
	if (argc != 5) {
		fprintf(stderr,
			"usage: attested-host [--forge BIT] SOCKET ENCLAVE CHALLENGE EVIDENCE\n");
		return 2;
	}
	return prove(operands, forge);
}
