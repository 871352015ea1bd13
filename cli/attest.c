/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the commands around attestation: see attest.h. */
#include "cli/attest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

int option_or_operand(struct option_parser *p, const char **operands, size_t max, size_t *count,
		      struct error *err)
{
	char **before;
	int option;

	for (;;) {
		before = p->argv;
		option = option_next(p, err);
		if (option != -1 || !p->argv[0])
			return option;
		do {
			if (*count == max) {
				fail(err, "%s: is one operand too many", p->argv[0]);
				return -2;
			}
			operands[(*count)++] = *p->argv++;
			/* "--" was skipped: what follows are operands only. */
		} while (p->argv[0] && p->argv - 1 != before);
	}
}

/* Reads to the end, growing: pipes have no size, and files may change theirs. */
static int read_all(int fd, const char *path, uint8_t **ret_data, size_t *ret_size,
		    struct error *err)
{
	size_t room = 64u << 10, size = 0;
	_free_ uint8_t *data = malloc(room + 1);

	for (;;) {
		ssize_t got;

		if (!data)
			return fail(err, "out of memory");
		got = read(fd, data + size, room - size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(err, "%s: %s", path, strerror(errno));
		if (!got)
			break;
		size += (size_t)got;
		if (size > CATTEST_MAX_INPUT)
			return fail(err, "%s: is larger than %u bytes", path, CATTEST_MAX_INPUT);
		if (size == room) {
			uint8_t *grown = realloc(data, room * 2 + 1);

			if (!grown)
				return fail(err, "out of memory");
			data = grown;
			room *= 2;
		}
	}
	data[size] = 0;
	*ret_data = data;
	*ret_size = size;
	data = NULL;
	return 0;
}

int read_input(const char *path, uint8_t **ret_data, size_t *ret_size, struct error *err)
{
	_close_ int fd = -1;

	if (!strcmp(path, "-"))
		return read_all(0, "standard input", ret_data, ret_size, err);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fail(err, "%s: %s", path, strerror(errno));
	return read_all(fd, path, ret_data, ret_size, err);
}

static int write_all(int fd, const void *data, size_t size)
{
	const uint8_t *at = data;

	while (size) {
		ssize_t done = write(fd, at, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -1;
		at += done;
		size -= (size_t)done;
	}
	return 0;
}

int write_file(const char *path, const void *data, size_t size, bool secret, struct error *err)
{
	_free_ char *beside = format_string("%s.new", path);
	_close_ int fd = -1;

	unlink(beside); /* of a run that was cut short; its mode may be another */
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		  secret ? 0600 : 0644);
	if (fd < 0 || write_all(fd, data, size) || fsync(fd) || rename(beside, path)) {
		int code = errno;

		if (fd >= 0)
			unlink(beside);
		return fail(err, "%s: %s", path, strerror(code));
	}
	return 0;
}

int write_output(const char *path, const void *data, size_t size, bool binary, struct error *err)
{
	if (path)
		return write_file(path, data, size, false, err);
	if (binary && isatty(1))
		return fail(err, "this is binary: use -o FILE or a pipe");
	return write_all(1, data, size) ? fail(err, "standard output: %s", strerror(errno)) : 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

int read_hex(const char *what, const char *text, uint8_t *ret_bytes, size_t room, size_t *ret_size,
	     struct error *err)
{
	size_t len = strlen(text);

	if (!len || len % 2 || len / 2 > room)
		return fail(err, "%s: needs 1 to %zu bytes in hex, two digits each", what, room);
	for (size_t i = 0; i < len; i++)
		if (hex_digit(text[i]) < 0)
			return fail(err, "%s: is not hex at \"%.8s\"", what, text + i);
	for (size_t i = 0; i < len / 2; i++)
		ret_bytes[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
	*ret_size = len / 2;
	return 0;
}

int read_time(const char *text, int64_t *ret_unix_seconds, struct error *err)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d" };
	uint64_t seconds;

	if (text[0] == '@') {
		if (parse_number(text + 1, INT64_MAX, &seconds))
			return fail(err, "%s: is no count of seconds", text);
		*ret_unix_seconds = (int64_t)seconds;
		return 0;
	}
	for (size_t i = 0; i < 2; i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, forms[i], &tm);

		if (end && !*end) {
			*ret_unix_seconds = timegm(&tm);
			return 0;
		}
	}
	return fail(err,
		    "%s: is no time (2026-01-31T12:00:00Z, 2026-01-31, or @SECONDS since 1970)",
		    text);
}

int verdict_status(enum cattest_verdict verdict)
{
	return verdict == CATTEST_TRUSTED     ? 0
	       : verdict == CATTEST_UNDECIDED ? EXIT_UNDECIDED
					      : EXIT_REFUSED;
}

int print_text(char *text)
{
	int ret = fputs(text, stdout) < 0 || fflush(stdout) ? EXIT_UNDECIDED : 0;

	free(text);
	return ret;
}

static int binding_once(struct binding *b, const char *option, struct error *err)
{
	if (b->given)
		return fail(err, "%s: what the evidence is bound to is given twice", option);
	b->given = true;
	return 0;
}

int binding_hex(struct binding *b, const char *option, const char *text, struct error *err)
{
	if (binding_once(b, option, err))
		return -1;
	return read_hex(option, text, b->data, sizeof(b->data), &b->size, err);
}

int binding_file(struct binding *b, const char *path, struct error *err)
{
	_free_ uint8_t *data = NULL;
	size_t size;

	if (binding_once(b, "--report-data-file", err) || read_input(path, &data, &size, err))
		return -1;
	if (!size || size > sizeof(b->data))
		return fail(err, "%s: holds %zu bytes; report data has 1 to %zu", path, size,
			    sizeof(b->data));
	memcpy(b->data, data, size);
	b->size = size;
	return 0;
}

int attester_from_text(const char *text, struct cattest_attester **ret_attester, struct error *err)
{
	_free_ char *name = format_string("%s", text);
	char *settings = strchr(name, ':');
	struct cattest_error why;

	if (settings)
		*settings++ = 0;
	if (cattest_attester_new(strcmp(name, "auto") ? name : NULL, settings, ret_attester, &why))
		return fail(err, "--attester %s: %s", name, why.text);
	return 0;
}

int setup_init(struct verifier_setup *s, struct error *err)
{
	*s = (struct verifier_setup){ .verifier = cattest_verifier_new() };
	return s->verifier ? 0 : fail(err, "out of memory");
}

void setup_done(struct verifier_setup *s)
{
	cattest_verifier_free(s->verifier);
	cattest_policy_free(s->policy);
}

int setup_policy(struct verifier_setup *s, const char *path, struct error *err)
{
	_free_ uint8_t *text = NULL;
	struct cattest_error why;
	size_t size;

	if (s->policy)
		return fail(err, "--policy: is given twice");
	if (read_input(path, &text, &size, err))
		return -1;
	if (cattest_policy_parse(path, text, size, &s->policy, &why))
		return fail(err, "%s", why.text);
	cattest_set_policy(s->verifier, s->policy);
	return 0;
}

static int add_collateral(struct verifier_setup *s, const char *path, bool lenient, size_t *used,
			  struct error *err)
{
	_free_ uint8_t *data = NULL;
	struct cattest_error why;
	size_t size;

	if (read_input(path, &data, &size, err))
		return -1;
	if (!cattest_add_collateral(s->verifier, path, data, size, &why))
		(*used)++;
	else if (!lenient)
		return fail(err, "%s", why.text);
	return 0;
}

static int only_plain(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* Files that are no collateral are passed over: evidence often lies beside it. In order of names, for the same result each time. */
static int add_folder(struct verifier_setup *s, const char *path, struct error *err)
{
	struct dirent **list;
	size_t used = 0;
	int count = scandir(path, &list, only_plain, alphasort), ret = 0;

	if (count < 0)
		return fail(err, "%s: %s", path, strerror(errno));
	for (int i = 0; i < count; i++) {
		_free_ char *name = format_string("%s/%s", path, list[i]->d_name);
		struct stat st;

		free(list[i]);
		if (!ret && !stat(name, &st) && S_ISREG(st.st_mode) &&
		    st.st_size <= CATTEST_MAX_INPUT)
			ret = add_collateral(s, name, true, &used, err);
	}
	free(list);
	if (!ret && !used)
		ret = fail(err, "%s: no file in it is collateral", path);
	return ret;
}

int setup_collateral(struct verifier_setup *s, const char *path, struct error *err)
{
	struct stat st;
	size_t used = 0;

	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		return add_folder(s, path, err);
	return add_collateral(s, path, false, &used, err);
}

int setup_root(struct verifier_setup *s, const char *text, struct error *err)
{
	static const char *const kinds[] = { "", "intel", "amd", "aws", "tpm", "ak", "sim" };
	const char *equals = strchr(text, '=');
	_free_ uint8_t *data = NULL;
	struct cattest_error why;
	size_t size;
	int kind = 1;

	while (equals && kind <= CATTEST_ROOT_SIM &&
	       (strncmp(kinds[kind], text, (size_t)(equals - text)) || kinds[kind][equals - text]))
		kind++;
	if (!equals || kind > CATTEST_ROOT_SIM)
		return fail(err,
			    "--root %s: needs KIND=FILE; kinds are intel, amd, aws, tpm, ak, sim",
			    text);
	if (read_input(equals + 1, &data, &size, err))
		return -1;
	if (cattest_add_root(s->verifier, (enum cattest_root)kind, data, size, &why))
		return fail(err, "%s: %s", equals + 1, why.text);
	return 0;
}

int setup_trust_ak(struct verifier_setup *s, const char *path, struct error *err)
{
	_free_ uint8_t *data = NULL;
	struct cattest_error why;
	size_t size;

	if (read_input(path, &data, &size, err))
		return -1;
	/* A bare key would be taken too: --root ak=FILE says so, and this promises more. */
	if (!size || data[0] != '{')
		return fail(err, "--trust-ak %s: is no record of `cloister enrol check`", path);
	if (cattest_add_root(s->verifier, CATTEST_ROOT_AK, data, size, &why))
		return fail(err, "%s: %s", path, why.text);
	return 0;
}

int setup_option(struct verifier_setup *s, enum trust_option option, const char *value,
		 struct error *err)
{
	int64_t when;

	switch (option) {
	case TRUST_POLICY:
		return setup_policy(s, value, err);
	case TRUST_COLLATERAL:
		return setup_collateral(s, value, err);
	case TRUST_ROOT:
		return setup_root(s, value, err);
	case TRUST_AK:
		return setup_trust_ak(s, value, err);
	case TRUST_AT:
		if (read_time(value, &when, err))
			return -1;
		cattest_set_time(s->verifier, when);
		return 0;
	case TRUST_OFFLINE:
	case TRUST_FETCH:
		s->http.offline |= option == TRUST_OFFLINE;
		s->fetch = true;
		return 0;
	case TRUST_CACHE:
		s->http.cache_dir = value;
		return 0;
	case TRUST_PCCS:
		s->http.pccs_url = value;
		return 0;
	case TRUST_KDS:
		s->http.kds_url = value;
		return 0;
	case TRUST_CA_FILE:
		s->http.ca_file = value;
		return 0;
	case TRUST_OPTION_COUNT:
		break;
	}
	return fail(err, "option %d", (int)option);
}

int setup_check(const struct verifier_setup *s, struct error *err)
{
	const struct cattest_http_options *h = &s->http;

	if (!s->fetch && (h->cache_dir || h->pccs_url || h->kds_url || h->ca_file))
		return fail(err, "--cache, --pccs, --kds and --ca-file need --fetch or --offline");
	return 0;
}

int setup_fetch(struct verifier_setup *s, struct error *err)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	_free_ char *folder = NULL;
	struct cattest_fetcher fetcher;
	struct cattest_error why;

	if (!s->fetch)
		return 0;
	if (!s->http.cache_dir) {
		if (cache && cache[0] == '/')
			folder = format_string("%s/cloister", cache);
		else if (home && home[0] == '/')
			folder = format_string("%s/.cache/cloister", home);
		s->http.cache_dir = folder;
	}
	if (s->http.offline && !s->http.cache_dir)
		return fail(err, "--offline: needs --cache DIR (HOME is not set)");
	if (cattest_http_fetcher(&s->http, &fetcher, &why))
		return fail(err, "%s", why.text);
	cattest_set_fetcher(s->verifier, &fetcher);
	return 0;
}

static int make_ear(const struct cattest_result *r, const struct show *show, char **ret_text,
		    struct error *err)
{
	struct cattest_ear_options options = { .raw_evidence = show->raw_evidence };
	_free_ uint8_t *key = NULL;
	struct cattest_error why;
	size_t size;
	int ret;

	if (read_input(show->ear_key, &key, &size, err))
		return -1;
	options.key_pem = (const char *)key;
	/* EAT's nonce has 8 bytes at least: shorter report data is in the claims only. */
	if (show->nonce && show->nonce->given && show->nonce->size >= 8) {
		options.nonce = show->nonce->data;
		options.nonce_size = show->nonce->size;
	}
	ret = cattest_result_ear(r, &options, ret_text, &why);
	explicit_bzero(key, size);
	return ret ? fail(err, "%s: %s", show->ear_key, why.text) : 0;
}

int show_result(const struct cattest_result *r, const struct show *show, struct error *err)
{
	struct cattest_error why;
	char *text = NULL;

	if (show->ear_key) {
		if (make_ear(r, show, &text, err))
			return complain(err, EXIT_UNDECIDED);
		puts(text);
		free(text);
		return fflush(stdout) ? EXIT_UNDECIDED : verdict_status(cattest_result_verdict(r));
	}
	if (show->json ? cattest_result_json(r, &text, &why)
		       : cattest_result_table(r, &text, &why)) {
		fail(err, "%s", why.text);
		return complain(err, EXIT_UNDECIDED);
	}
	/* A verdict that nobody could read is none. */
	return print_text(text) ? EXIT_UNDECIDED : verdict_status(cattest_result_verdict(r));
}
