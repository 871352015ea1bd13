/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client with attested TLS: judges the server by a policy, then sends a line and prints the answer.
 *   tls_client ADDRESS POLICY LINE [SIM-ROOT]     SIM-ROOT: the public key of a simulating signer, for trying it out
 * Exit status: 0 answered, 1 refused or failed. Build: cc tls_client.c -lcloister-tls -lcloister-attest
 */
#include <cloister/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *load(const char *path, size_t *ret_size)
{
	FILE *f = fopen(path, "re");
	char *data = calloc(1, 1 << 20);

	*ret_size = f && data ? fread(data, 1, 1 << 20, f) : 0;
	if (f)
		fclose(f);
	return data;
}

static int talk(struct ctls *ctls, const char *address, const char *line, struct cattest_error *err)
{
	struct ctls_connection *c;
	char buffer[4096];
	int fd = ctls_dial(address, 10000, err), rc;
	ssize_t n;

	if (fd < 0)
		return fd;
	rc = ctls_connect(ctls, fd, &c, err);
	if (!rc) {
		/* From here on the server is known to be what the policy asks for. */
		ctls_set_timeout(c, 10000);
		if (ctls_write(c, line, strlen(line)) != (ssize_t)strlen(line) || ctls_shutdown(c))
			rc = -1;
		while (!rc && (n = ctls_read(c, buffer, sizeof(buffer))) != 0) {
			if (n < 0)
				rc = (int)n;
			else
				fwrite(buffer, 1, (size_t)n, stdout);
		}
		if (rc)
			snprintf(err->text, sizeof(err->text), "the connection broke: %s",
				 strerror(-rc));
		ctls_close(c);
	}
	close(fd);
	return rc;
}

int main(int argc, char **argv)
{
	struct cattest_verifier *verifier = cattest_verifier_new();
	struct ctls_verifier table;
	struct ctls_options options = { .verifier = &table };
	struct cattest_policy *policy;
	struct cattest_error err = { "out of memory" };
	struct ctls *ctls;
	size_t size;
	char *text;
	int rc;

	if (argc < 4) {
		fprintf(stderr, "usage: tls_client ADDRESS POLICY LINE [SIM-ROOT]\n");
		return 2;
	}
	text = load(argv[2], &size);
	rc = cattest_policy_parse(argv[2], text, size, &policy, &err);
	free(text);
	if (!rc) {
		cattest_set_policy(verifier, policy);
		if (argc > 4) {
			text = load(argv[4], &size);
			rc = cattest_add_root(verifier, CATTEST_ROOT_SIM, text, size, &err);
			free(text);
		}
		if (!rc)
			rc = ctls_verifier_from(verifier, &table);
		if (!rc)
			rc = ctls_new(&options, &ctls, &err);
		if (!rc) {
			rc = talk(ctls, argv[1], argv[3], &err);
			ctls_free(ctls);
		}
		cattest_policy_free(policy);
	}
	cattest_verifier_free(verifier);
	if (rc)
		fprintf(stderr, "tls_client: %s\n", err.text);
	return rc ? 1 : 0;
}
