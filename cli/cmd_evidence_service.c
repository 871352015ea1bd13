/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cloister-attest evidence-service ATTESTER [debug]`: answers an enclave kernel's requests for evidence (abi/evidence.h) on descriptor
 * 3 until its enclave has ended. Started by the launcher, not by people. Descriptors 4 and 5 hold the streams that the enclave is
 * measured by (abi/report.h); the attester "sim" states their digests. Requests come from the enclave, where anybody may be root: they
 * are read strictly, and one that is malformed ends the exchange.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "abi/evidence.h"
#include "abi/quoting.h"
#include "cli/attest.h"

#define SOCKET 3
#define MEASUREMENT 4
#define CONFIG 5

/* 0 at the end of the stream before the first byte. */
static int read_whole(int fd, void *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, (char *)data + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n || done ? -1 : 0;
		done += (size_t)n;
	}
	return 1;
}

static int write_whole(int fd, const void *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		data = (const char *)data + n;
		size -= (size_t)n;
	}
	return 0;
}

static int digest_hex(int fd, const EVP_MD *kind, char *ret_text, size_t room)
{
	unsigned char buffer[65536], digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned int size = 0;
	ssize_t n = -1;
	int bad = !ctx || EVP_DigestInit_ex(ctx, kind, NULL) != 1;

	while (!bad && (n = read(fd, buffer, sizeof(buffer))) > 0)
		bad = EVP_DigestUpdate(ctx, buffer, (size_t)n) != 1;
	bad = bad || n < 0 || EVP_DigestFinal_ex(ctx, digest, &size) != 1 || size * 2 >= room;
	EVP_MD_CTX_free(ctx);
	for (unsigned int i = 0; i < size && !bad; i++)
		snprintf(ret_text + i * 2, room - i * 2, "%02x", digest[i]);
	return bad ? -1 : 0;
}

/* Where a signer of our own keeps its key, if no quoting service runs. */
static char *state_folder(void)
{
	const char *home = getenv("HOME"), *state = getenv("XDG_STATE_HOME");

	if (getuid() == 0)
		return format_string("/var/lib/cloister");
	if (state && state[0] == '/')
		return format_string("%s/cloister", state);
	return format_string("%s/.local/state/cloister", home && home[0] == '/' ? home : "/tmp");
}

static void make_folders(const char *path)
{
	char part[4096];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		mkdir(part, 0700); /* what is wrong shows when the key is written */
	}
	mkdir(path, 0700);
}

static bool names_signer(const char *settings)
{
	static const char *const keys[] = { "key=", "folder=", "socket=" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		for (const char *at = strstr(settings, keys[i]); at; at = strstr(at + 1, keys[i]))
			if (at == settings || at[-1] == ',')
				return true;
	return false;
}

/* What the launcher knows of the enclave, in the words of the attester "sim". */
static char *sim_settings(const char *given, bool debug)
{
	const char *service = getenv("CLOISTER_QUOTING_SOCKET");
	char measurement[65], config[97];
	_free_ char *own = NULL;

	if (digest_hex(MEASUREMENT, EVP_sha256(), measurement, sizeof(measurement)) ||
	    digest_hex(CONFIG, EVP_sha384(), config, sizeof(config)))
		return NULL;
	if (names_signer(given)) {
		own = strdup("");
	} else if (!access(service ? service : QUOTING_SOCKET, W_OK)) {
		own = format_string(",socket=%s", service ? service : QUOTING_SOCKET);
	} else {
		_free_ char *folder = state_folder();

		make_folders(folder);
		own = format_string(",folder=%s", folder);
	}
	return format_string("platform=process,measurement=%s,config=%s,debug=%d%s%s%s",
			     measurement, config, debug, own, *given ? "," : "", given);
}

static struct cattest_attester *open_attester(const char *text, bool debug,
					      struct cattest_error *err)
{
	_free_ char *name = format_string("%.*s", (int)strcspn(text, ","), text);
	const char *given = text[strlen(name)] ? text + strlen(name) + 1 : "";
	_free_ char *settings = strcmp(name, "sim") ? format_string("%s", given)
						    : sim_settings(given, debug);
	struct cattest_attester *attester = NULL;

	if (!settings)
		snprintf(err->text, sizeof(err->text), "the enclave's measurement cannot be read");
	else
		(void)!cattest_attester_new(name, *settings ? settings : NULL, &attester, err);
	return attester;
}

static int answer(struct cattest_attester *attester, const struct evidence_request *q)
{
	struct evidence_answer head = { .magic = EVIDENCE_MAGIC, .sequence = q->sequence };
	const char *name = attester ? cattest_attester_name(attester) : "";
	_free_ uint8_t *evidence = NULL;
	struct cattest_error why;
	size_t size = 0;

	if (!attester) {
		head.error = -ENXIO;
	} else if (q->operation == EVIDENCE_PROVIDER) {
		evidence = (uint8_t *)strdup(name);
		size = strlen(name);
	} else {
		head.error = cattest_collect(attester, q->report_data, &evidence, &size, &why);
		if (head.error) {
			struct error err;

			fail(&err, "no evidence for the enclave: %s", why.text);
			complain(&err, 0);
			size = 0;
		}
	}
	if (!head.error && (!evidence || size > EVIDENCE_MAX)) {
		head.error = evidence ? -EFBIG : -ENOMEM;
		size = 0;
	}
	head.size = (uint32_t)size;
	return write_whole(SOCKET, &head, sizeof(head)) || write_whole(SOCKET, evidence, size) ? -1
											       : 0;
}

int cmd_evidence_service(char **argv)
{
	struct cattest_attester *attester;
	struct evidence_request request;
	struct cattest_error why;
	struct error err;
	int got;

	setenv("TSS2_LOG", "all+none", 0); /* the TPM stack would write lines beside ours */
	if (!argv[0]) {
		fail(&err, "evidence-service: the launcher starts this");
		return complain(&err, EXIT_USAGE);
	}
	attester = open_attester(argv[0], argv[1] && !strcmp(argv[1], "debug"), &why);
	if (!attester) {
		fail(&err, "the enclave has no evidence: %s", why.text);
		complain(&err, 0);
	}
	while ((got = read_whole(SOCKET, &request, sizeof(request))) > 0) {
		if (request.magic != EVIDENCE_MAGIC || request.reserved ||
		    (request.operation != EVIDENCE_PROVIDER &&
		     request.operation != EVIDENCE_COLLECT)) {
			fail(&err, "evidence-service: a malformed request");
			complain(&err, 0);
			got = -1;
			break;
		}
		if (answer(attester, &request)) {
			got = -1;
			break;
		}
	}
	cattest_attester_free(attester);
	return got ? 1 : 0;
}
