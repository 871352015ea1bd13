/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cloister sgx`: what SGX tools need around quoting, by asking an AESM service (Intel's aesmd, or
 * cloister-quoted --aesm-socket): the launch token for a SIGSTRUCT, the quoting enclave's
 * TARGETINFO, the quote for a REPORT. What the service says is handed on, not believed: a quote is
 * worth what its verification says. `cloister sgx sign` (sgx_sign.c) makes the SIGSTRUCT of an
 * enclave and asks nobody; `cloister sgx verify` is `cloister verify`.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "cli/sgx.h"
#include "platform/quoting/aesm.h"

enum { AESM, OUTPUT, KEY, NEW_KEY, DATE };
const struct option sgx_options[] = {
	[AESM] = { 0, "aesm", "SOCKET", "AESM service to ask (default " AESM_SOCKET ")" },
	[OUTPUT] = { 'o', "output", "FILE",
		     "where to write the result (default standard output; of sign: FILE.sig)" },
	[KEY] = { 'k', "key", "FILE", "sign: the signer's private key: RSA-3072, exponent 3, PEM" },
	[NEW_KEY] = { 0, "new-key", NULL, "sign: make the key if the file does not exist" },
	[DATE] = { 0, "date", "YYYYMMDD",
		   "sign: date in the SIGSTRUCT (default $SOURCE_DATE_EPOCH, or today)" },
	{ 0 },
};

/* SIGSTRUCT: Intel SDM volume 3D, table "Layout of Enclave Signature Structure". */
#define SIGSTRUCT_SIZE 1808
#define SIGSTRUCT_MODULUS 128
#define MODULUS_SIZE 384
#define SIGSTRUCT_ATTRIBUTES 928
#define SIGSTRUCT_MRENCLAVE 960
static const uint8_t sigstruct_header[16] = { 6, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0 };

int sgx_write(const char *path, const uint8_t *data, size_t size, struct error *err)
{
	_free_ char *temporary = NULL;
	FILE *f;
	bool ok;

	if (!path || !strcmp(path, "-")) {
		if (isatty(1))
			return fail(
				err,
				"sgx: the result is binary: name a file with -o, or send it elsewhere");
		return fwrite(data, 1, size, stdout) == size && !fflush(stdout)
			       ? 0
			       : fail(err, "standard output: %s", strerror(errno));
	}
	temporary = format_string("%s.new", path);
	f = fopen(temporary, "wbe");
	if (!f)
		return fail(err, "%s: %s", temporary, strerror(errno));
	ok = fwrite(data, 1, size, f) == size;
	ok = !fclose(f) && ok;
	if (ok && !rename(temporary, path))
		return 0;
	fail(err, "%s: cannot be written: %s", path, strerror(errno));
	unlink(temporary);
	return -1;
}

static int read_sized(const struct sgx_request *r, size_t size, const char *what,
		      uint8_t **ret_data, struct error *err)
{
	uint8_t *data;
	size_t found;

	if (read_input(r->input, &data, &found, err))
		return -1;
	if (found != size) {
		free(data);
		return fail(err, "%s: %zu bytes, but %s has %zu", r->input, found, what, size);
	}
	*ret_data = data;
	return 0;
}

static int sgx_token(const struct sgx_request *r, struct error *err)
{
	_free_ uint8_t *sigstruct = NULL;
	uint8_t mrsigner[32], token[AESM_TOKEN_SIZE];
	char text[400];

	if (read_sized(r, SIGSTRUCT_SIZE, "a SIGSTRUCT", &sigstruct, err))
		return -1;
	if (memcmp(sigstruct, sigstruct_header, sizeof(sigstruct_header)))
		return fail(err, "%s: not a SIGSTRUCT", r->input);
	SHA256(sigstruct + SIGSTRUCT_MODULUS, MODULUS_SIZE, mrsigner);
	if (aesm_launch_token(r->socket, sigstruct + SIGSTRUCT_MRENCLAVE, mrsigner,
			      sigstruct + SIGSTRUCT_ATTRIBUTES, token, text, sizeof(text)))
		return fail(
			err,
			"%s (machines with flexible launch control, and Cloister's hypervisor, need no launch token: start the enclave without one)",
			text);
	return sgx_write(r->output, token, sizeof(token), err);
}

static int sgx_target_info(const struct sgx_request *r, struct error *err)
{
	uint8_t target_info[AESM_TARGET_INFO_SIZE];
	char text[400];

	if (aesm_target_info(r->socket, target_info, text, sizeof(text)))
		return fail(err, "%s", text);
	return sgx_write(r->output, target_info, sizeof(target_info), err);
}

static int sgx_quote(const struct sgx_request *r, struct error *err)
{
	_free_ uint8_t *report = NULL, *quote = NULL;
	char text[400];
	size_t size;

	if (read_sized(r, AESM_REPORT_SIZE, "a REPORT", &report, err))
		return -1;
	if (aesm_quote(r->socket, report, &quote, &size, text, sizeof(text)))
		return fail(err, "%s", text);
	return sgx_write(r->output, quote, size, err);
}

static const struct {
	const char *name;
	int (*run)(const struct sgx_request *r, struct error *err);
	bool signs;	     /* takes the options around keys, and none around services */
	const char *operand; /* NULL: there is none */
} subcommands[] = { { "sign", sgx_sign, true, "an enclave" },
		    { "token", sgx_token, false, "a SIGSTRUCT" },
		    { "target-info", sgx_target_info, false, NULL },
		    { "quote", sgx_quote, false, "a REPORT" } };

static int run(const char *name, struct sgx_request *r, struct error *err)
{
	size_t i = 0, count = sizeof(subcommands) / sizeof(subcommands[0]);

	while (i < count && strcmp(subcommands[i].name, name))
		i++;
	if (i == count)
		fail(err, "sgx %s: there are sign, token, target-info, quote and verify", name);
	else if (subcommands[i].signs && r->socket)
		fail(err, "sgx sign: asks no service: --aesm is not for it");
	else if (!subcommands[i].signs && (r->key || r->date || r->new_key))
		fail(err, "sgx %s: --key, --new-key and --date are for sgx sign", name);
	else if (subcommands[i].operand && !r->input)
		fail(err, "sgx %s: a FILE with %s is missing", name, subcommands[i].operand);
	else if (!subcommands[i].operand && r->input)
		fail(err, "sgx %s: takes no operand", name);
	else {
		if (!r->socket)
			r->socket = AESM_SOCKET;
		return subcommands[i].run(r, err) ? complain(err, 1) : 0;
	}
	return complain(err, EXIT_USAGE);
}

int cmd_sgx(char **argv)
{
	struct option_parser p = { .table = sgx_options, .argv = argv };
	struct sgx_request r = { .socket = NULL };
	const char *operands[2] = { NULL, NULL };
	size_t count = 0;
	struct error err;
	int option;

	if (argv[0] && !strcmp(argv[0], "verify"))
		return cmd_verify(argv + 1);
	while ((option = option_or_operand(&p, operands, 2, &count, &err)) >= 0) {
		if (option == AESM)
			r.socket = p.value;
		else if (option == OUTPUT)
			r.output = p.value;
		else if (option == KEY)
			r.key = p.value;
		else if (option == DATE)
			r.date = p.value;
		else
			r.new_key = true;
	}
	if (option != -2 && !count) {
		fail(&err, "sgx: one of sign, token, target-info, quote and verify is missing");
		option = -2;
	}
	if (option == -2)
		return complain(&err, EXIT_USAGE);
	r.input = operands[1];
	return run(operands[0], &r, &err);
}
