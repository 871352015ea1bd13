/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server with attested TLS: proves itself to each client, and answers each line with the same line.
 *   tls_server ADDRESS ATTESTER [SETTINGS] [COUNT]     e.g. tls_server 127.0.0.1:4433 sim folder=sim,measurement=00...01
 * Build: cc tls_server.c -lcloister-tls -lcloister-attest
 */
#include <cloister/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void print(void *context, const char *line)
{
	(void)context;
	fprintf(stderr, "tls_server: %s\n", line);
}

static void serve(struct ctls_connection *c)
{
	char buffer[4096];
	ssize_t n;

	while ((n = ctls_read(c, buffer, sizeof(buffer))) > 0)
		for (ssize_t done = 0, w; done < n; done += w) {
			w = ctls_write(c, buffer + done, (size_t)(n - done));
			if (w < 0)
				return;
		}
	if (!n)
		ctls_shutdown(c);
}

int main(int argc, char **argv)
{
	struct ctls_attester table;
	struct ctls_options options = { .attester = &table, .log = print };
	struct cattest_attester *attester;
	struct cattest_error err;
	struct ctls *ctls;
	long count = argc > 4 ? strtol(argv[4], NULL, 10) : -1;
	int listener;

	if (argc < 3) {
		fprintf(stderr, "usage: tls_server ADDRESS ATTESTER [SETTINGS] [COUNT]\n");
		return 2;
	}
	if (cattest_attester_new(argv[2], argc > 3 ? argv[3] : NULL, &attester, &err) ||
	    ctls_attester_from(attester, &table) || ctls_new(&options, &ctls, &err)) {
		fprintf(stderr, "tls_server: %s\n", err.text);
		return 1;
	}
	listener = ctls_listen(argv[1], &err);
	if (listener < 0) {
		fprintf(stderr, "tls_server: %s\n", err.text);
		return 1;
	}
	while (count--) {
		int fd = accept(listener, NULL, NULL);
		struct ctls_connection *c;

		if (fd < 0)
			break;
		if (ctls_accept(ctls, fd, &c, &err))
			fprintf(stderr, "tls_server: %s\n", err.text);
		else {
			serve(c);
			ctls_close(c);
		}
		close(fd);
	}
	close(listener);
	ctls_free(ctls);
	cattest_attester_free(attester);
	return 0;
}
