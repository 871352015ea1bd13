/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cloister enrol`: binds a TPM's attestation key to the endorsement key that its manufacturer certified (MakeCredential). `request` and
 * `activate` run on the machine with the TPM, `challenge` and `check` at the relying party, with files in between. What is kept between
 * challenge and check serves one answer: it is removed by the answer that fits.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/attest.h"

enum { SETTINGS, OUTPUT, PENDING, ROOT, COLLATERAL, AT };
const struct option enrol_options[] = {
	[SETTINGS] = { 0, "settings", "K=V,...",
		       "request, activate: of the TPM: see docs/ATTESTATION.md" },
	[OUTPUT] = { 'o', "output", "FILE", "where to write it (default: standard output)" },
	[PENDING] = { 0, "pending", "FILE",
		      "challenge, check: what is kept here until the answer comes" },
	[ROOT] = { 0, "root", "tpm=FILE",
		   "challenge: a manufacturer's root of endorsement certificates" },
	[COLLATERAL] = { 'c', "collateral", "PATH",
			 "challenge: certificates between, and CRLs: a file, or a folder" },
	[AT] = { 0, "at", "TIME", "challenge, check: judge as of then" },
	{ 0 },
};

struct request {
	struct verifier_setup setup;
	const char *settings, *output, *pending;
	bool trust; /* an option of the relying party's was given */
};

static int take_option(struct request *r, int option, const char *value, struct error *err)
{
	switch (option) {
	case SETTINGS:
		r->settings = value;
		return 0;
	case OUTPUT:
		r->output = value;
		return 0;
	case PENDING:
		r->pending = value;
		return 0;
	default:
		r->trust = true;
		return setup_option(&r->setup,
				    option == ROOT	   ? TRUST_ROOT
				    : option == COLLATERAL ? TRUST_COLLATERAL
							   : TRUST_AT,
				    value, err);
	}
}

/* Refused is what a check found wrong; all else could not be done. */
static int failed(int code, const char *path, const struct cattest_error *why, struct error *err)
{
	fail(err, "%s%s%s", path ? path : "", path ? ": " : "", why->text);
	return code == -EKEYREJECTED || code == -EBADMSG ? EXIT_REFUSED : EXIT_UNDECIDED;
}

/* Takes the text, which may be a secret. */
static int hand_out(const struct request *r, char *text, bool secret, struct error *err)
{
	int ret = r->output ? write_file(r->output, text, strlen(text), secret, err)
			    : write_output(NULL, text, strlen(text), false, err);

	explicit_bzero(text, strlen(text));
	free(text);
	return ret ? EXIT_UNDECIDED : 0;
}

static int enrol_request(const struct request *r, const char *path, struct error *err)
{
	struct cattest_error why;
	char *text;
	int ret = cattest_enrol_request(r->settings, &text, &why);

	return ret ? failed(ret, path, &why, err) : hand_out(r, text, false, err);
}

static int enrol_challenge(const struct request *r, const char *path, struct error *err)
{
	_free_ uint8_t *data = NULL;
	_free_ char *pending = NULL;
	struct cattest_error why;
	char *challenge;
	size_t size;
	int ret;

	if (read_input(path, &data, &size, err))
		return EXIT_UNDECIDED;
	ret = cattest_enrol_challenge(r->setup.verifier, data, size, &challenge, &pending, &why);
	if (ret)
		return failed(ret, path, &why, err);
	/* Before the challenge is out: an answer to what was not kept would be worth nothing. */
	if (write_file(r->pending, pending, strlen(pending), true, err)) {
		free(challenge);
		return EXIT_UNDECIDED;
	}
	return hand_out(r, challenge, false, err);
}

static int enrol_activate(const struct request *r, const char *path, struct error *err)
{
	_free_ uint8_t *data = NULL;
	struct cattest_error why;
	char *answer;
	size_t size;
	int ret;

	if (read_input(path, &data, &size, err))
		return EXIT_UNDECIDED;
	ret = cattest_enrol_activate(r->settings, data, size, &answer, &why);
	return ret ? failed(ret, path, &why, err) : hand_out(r, answer, true, err);
}

static int enrol_check(const struct request *r, const char *path, struct error *err)
{
	_free_ uint8_t *pending = NULL, *answer = NULL;
	size_t pending_size, answer_size;
	struct cattest_error why;
	char *record;
	int ret;

	if (read_input(path, &answer, &answer_size, err) ||
	    read_input(r->pending, &pending, &pending_size, err))
		return EXIT_UNDECIDED;
	ret = cattest_enrol_check(r->setup.verifier, pending, pending_size, answer, answer_size,
				  &record, &why);
	explicit_bzero(answer, answer_size);
	if (ret)
		return failed(ret, path, &why, err);
	ret = hand_out(r, record, false, err);
	if (!ret && unlink(r->pending)) {
		fail(err, "%s: %s: remove it, so that the answer cannot be used again", r->pending,
		     strerror(errno));
		ret = EXIT_UNDECIDED;
	}
	return ret;
}

static const struct step {
	const char *name;
	int (*run)(const struct request *r, const char *path, struct error *err);
	bool machine, file, pending;
} steps[] = {
	{ "request", enrol_request, true, false, false },
	{ "challenge", enrol_challenge, false, true, true },
	{ "activate", enrol_activate, true, true, false },
	{ "check", enrol_check, false, true, true },
};

/* NULL: the command line is wrong. */
static const struct step *find_step(const struct request *r, const char *const *operands,
				    size_t count, struct error *err)
{
	const struct step *s = NULL;

	for (size_t i = 0; count && i < sizeof(steps) / sizeof(steps[0]); i++)
		if (!strcmp(steps[i].name, operands[0]))
			s = &steps[i];
	if (!s)
		fail(err,
		     "enrol: needs `request`, `challenge FILE`, `activate FILE` or `check FILE`");
	else if (count != 1 + (size_t)s->file)
		fail(err, "enrol %s: %s", s->name,
		     s->file ? "needs one FILE (- for standard input)" : "takes no FILE");
	else if (s->machine ? r->trust || r->pending : r->settings != NULL)
		fail(err, "enrol %s: has no use for %s", s->name,
		     s->machine ? "--root, --collateral, --at and --pending" : "--settings");
	else if (s->pending && !r->pending)
		fail(err, "enrol %s: needs --pending FILE", s->name);
	else
		return s;
	return NULL;
}

int cmd_enrol(char **argv)
{
	struct option_parser p = { .table = enrol_options, .argv = argv };
	const char *operands[2] = { NULL };
	struct request r = { .settings = NULL };
	const struct step *step = NULL;
	size_t count = 0;
	struct error err;
	int option, ret;

	setenv("TSS2_LOG", "all+none", 0); /* the TPM stack would write lines beside ours */
	if (setup_init(&r.setup, &err))
		return complain(&err, EXIT_UNDECIDED);
	while ((option = option_or_operand(&p, operands, 2, &count, &err)) >= 0)
		if (take_option(&r, option, p.value, &err)) {
			option = -2;
			break;
		}
	if (option != -2)
		step = find_step(&r, operands, count, &err);
	ret = step ? step->run(&r, operands[1], &err) : EXIT_USAGE;
	setup_done(&r.setup);
	return ret ? complain(&err, ret) : 0;
}
