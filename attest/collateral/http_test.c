/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fetcher against a server of this test: a thread that speaks HTTP/1.1 over TLS with a certificate made here, and misbehaves in
 * every way its paths name. Counts of requests show what was answered by the cache. Also the cache's files and the pace of requests by themselves.
 */
#include "attest/collateral/http.h"
#include "attest/collateral/url.h"
#include "attest/x509/pki_for_tests.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static unsigned failures;
#define EXPECT(cond, ...)                                                 \
	do {                                                              \
		if (!(cond)) {                                            \
			failures++;                                       \
			printf("%s:%d: %s: ", __FILE__, __LINE__, #cond); \
			printf(__VA_ARGS__);                              \
			printf("\n");                                     \
		}                                                         \
	} while (0)

static char folder[] = "/tmp/http_test.XXXXXX";
static char ca_path[128], wrong_path[128], cache[128], base[64], plain[64];
static atomic_uint requests;
static atomic_int stop;

/* --- The server --- */

struct server {
	int fd;
	SSL_CTX *tls; /* NULL: plain */
};

struct peer {
	int fd;
	SSL *ssl;
};

static bool peer_write(const struct peer *p, const char *data, size_t size)
{
	while (size) {
		int n = p->ssl ? SSL_write(p->ssl, data, (int)(size > 16384 ? 16384 : size))
			       : (int)send(p->fd, data, size, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return true;
}

static void answer(const struct peer *p, const char *status, const char *headers, const char *body)
{
	char text[4096];
	int n = snprintf(text, sizeof(text),
			 "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n%s",
			 status, strlen(body), headers, body);

	peer_write(p, text, (size_t)n);
}

/* Until the client gives up, at most 3 s. */
static void hang(const struct peer *p)
{
	for (int i = 0; i < 60 && !stop; i++) {
		struct pollfd wait = { .fd = p->fd, .events = POLLIN | POLLRDHUP };

		if (poll(&wait, 1, 50) > 0 && (wait.revents & (POLLRDHUP | POLLHUP | POLLERR)))
			return;
	}
}

static void stream_forever(const struct peer *p)
{
	static char block[16384];

	answer(p, "200 OK", "X: y\r\n", "");
	for (size_t sent = 0; sent < HTTP_BODY_MAX + (1u << 20); sent += sizeof(block))
		if (!peer_write(p, block, sizeof(block)))
			return;
}

static void serve_path(const struct peer *p, const char *path)
{
	static atomic_uint busy, broken;

	if (!strcmp(path, "/kept"))
		answer(p, "200 OK",
		       "Cache-Control: public, max-age=3600\r\nTCB-Info-Issuer-Chain: %2Dchain%0A\r\n",
		       "kept body");
	else if (!strcmp(path, "/not-kept"))
		answer(p, "200 OK", "Cache-Control: no-store\r\n", "fresh body");
	else if (!strcmp(path, "/short"))
		answer(p, "200 OK", "Cache-Control: max-age=1\r\n", "short body");
	else if (!strcmp(path, "/busy-once"))
		answer(p, busy++ % 2 ? "200 OK" : "429 Too Many Requests", "", "at last");
	else if (!strcmp(path, "/broken-twice"))
		answer(p, broken++ % 3 == 2 ? "200 OK" : "503 Unavailable", "Retry-After: 0\r\n",
		       "at last");
	else if (!strcmp(path, "/busy"))
		answer(p, "429 Too Many Requests", "", "");
	else if (!strcmp(path, "/busy-for-long"))
		answer(p, "429 Too Many Requests", "Retry-After: 86400\r\n", "");
	else if (!strcmp(path, "/redirect"))
		answer(p, "302 Found", "Location: /kept\r\n", "");
	else if (!strcmp(path, "/forbidden"))
		answer(p, "403 Forbidden", "", "no");
	else if (!strcmp(path, "/empty"))
		answer(p, "200 OK", "", "");
	else if (!strcmp(path, "/slow"))
		hang(p);
	else if (!strcmp(path, "/truncated"))
		peer_write(p, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 43);
	else if (!strcmp(path, "/announced-large"))
		peer_write(p, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nx", 47);
	else if (!strcmp(path, "/large"))
		peer_write(p, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", 38),
			stream_forever(p);
	else if (!strcmp(path, "/vcek/v1/Milan/crl") ||
		 !strcmp(path, "/tdx/certification/v4/qe/identity") ||
		 !strcmp(path, "/sgx/certification/v4/rootcacrl"))
		answer(p, "200 OK", "", path);
	else
		answer(p, "404 Not Found", "", "nothing");
}

static void serve(const struct server *s, int fd)
{
	struct peer p = { .fd = fd, .ssl = s->tls ? SSL_new(s->tls) : NULL };
	struct timeval patience = { .tv_sec = 5 };
	char text[4096] = "", *end;
	size_t size = 0;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (p.ssl) {
		SSL_set_fd(p.ssl, fd);
		if (SSL_accept(p.ssl) != 1)
			goto out;
	}
	while (size < sizeof(text) - 1 && !strstr(text, "\r\n\r\n")) {
		int n = p.ssl ? SSL_read(p.ssl, text + size, (int)(sizeof(text) - 1 - size))
			      : (int)recv(fd, text + size, sizeof(text) - 1 - size, 0);

		if (n <= 0)
			goto out;
		size += (size_t)n;
		text[size] = 0;
	}
	if (strncmp(text, "GET ", 4) || !(end = strchr(text + 4, ' ')))
		goto out;
	*end = 0;
	requests++;
	serve_path(&p, text + 4);
	if (p.ssl)
		SSL_shutdown(p.ssl);
out:
	SSL_free(p.ssl);
	close(fd);
}

static void *server_main(void *context)
{
	const struct server *s = context;

	while (!stop) {
		struct pollfd wait = { .fd = s->fd, .events = POLLIN };
		int fd;

		if (poll(&wait, 1, 50) <= 0)
			continue;
		fd = accept(s->fd, NULL, NULL);
		if (fd >= 0)
			serve(s, fd);
	}
	return NULL;
}

static int listen_local(unsigned *ret_port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	NEED(fd >= 0 && !bind(fd, (struct sockaddr *)&addr, size) && !listen(fd, 16) &&
	     !getsockname(fd, (struct sockaddr *)&addr, &size));
	*ret_port = ntohs(addr.sin_port);
	return fd;
}

/* A CA in ca_path, another in wrong_path, and the server's context. */
static SSL_CTX *make_tls(void)
{
	EVP_PKEY *key = make_ec("P-256"), *ca_key = make_ec("P-256");
	struct recipe ca = { .subject = "ca of the test",
			     .key = ca_key,
			     .until = "20990101000000Z",
			     .extensions = { { "basicConstraints", "critical,CA:TRUE" },
					     { "subjectKeyIdentifier", "hash" } } };
	struct recipe leaf = { .subject = "server",
			       .issuer = "ca of the test",
			       .key = key,
			       .signer = ca_key,
			       .until = "20990101000000Z",
			       .extensions = { { "subjectAltName", "IP:127.0.0.1" } } };
	X509 *certs[2] = { make_certificate(&ca), NULL };
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	for (int i = 0; i < 2; i++) {
		FILE *f = fopen(i ? wrong_path : ca_path, "w");

		NEED(f && PEM_write_X509(f, certs[0]));
		fclose(f);
		X509_free(certs[0]);
		if (!i) {
			ca.key = key;
			certs[0] = make_certificate(&ca);
		}
	}
	certs[1] = make_certificate(&leaf);
	NEED(ctx && SSL_CTX_use_certificate(ctx, certs[1]) == 1 &&
	     SSL_CTX_use_PrivateKey(ctx, key) == 1);
	X509_free(certs[1]);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	return ctx;
}

/* --- The tests --- */

static struct cattest_fetcher make_fetcher(struct cattest_http_options options)
{
	struct cattest_fetcher fetcher = { .context = NULL };
	struct cattest_error err;

	options.ca_file = options.ca_file ? options.ca_file : ca_path;
	options.timeout_ms = options.timeout_ms ? options.timeout_ms : 5000;
	EXPECT(!cattest_http_fetcher(&options, &fetcher, &err), "%s", err.text);
	http_tune(&fetcher, 0, 10);
	return fetcher;
}

static struct cattest_error last_error;

/* The body as text (static), or the error in *ret. */
static const char *get(struct cattest_fetcher *f, const char *url_base, const char *path, int *ret)
{
	static char text[4096];
	uint8_t *body = NULL;
	size_t size = 0;
	char url[256], *chain = NULL;

	last_error.text[0] = 0;
	snprintf(url, sizeof(url), "%s%s", url_base, path);
	*ret = f->get(f->context, url, &body, &size, &chain, &last_error);
	text[0] = 0;
	if (!*ret) {
		memcpy(text, body, size < sizeof(text) - 1 ? size : sizeof(text) - 1);
		text[size < sizeof(text) - 1 ? size : sizeof(text) - 1] = 0;
	}
	if (chain)
		EXPECT(!strcmp(chain, "%2Dchain%0A"), "chain %s", chain);
	EXPECT((chain != NULL) == (!*ret && !strcmp(path, "/kept")), "chain of %s", path);
	EXPECT(*ret ? last_error.text[0] && !strchr(last_error.text, '\n') : 1, "message of %s",
	       path);
	free(body);
	free(chain);
	return text;
}

static void test_answers(void)
{
	static const struct {
		const char *path, *body;
		int ret;
		unsigned requests;
	} cases[] = {
		{ "/kept", "kept body", 0, 1 },
		{ "/busy-once", "at last", 0, 2 },
		{ "/broken-twice", "at last", 0, 3 },
		{ "/busy", "", -EIO, 4 },
		{ "/busy-for-long", "", -EIO, 1 },
		{ "/redirect", "", -EIO, 1 },
		{ "/forbidden", "", -EIO, 1 },
		{ "/nothing-here", "", -ENOENT, 1 },
		{ "/empty", "", -EIO, 1 },
		{ "/truncated", "", -EIO, 4 },
		{ "/announced-large", "", -E2BIG, 1 },
		{ "/large", "", -E2BIG, 1 },
	};
	struct cattest_fetcher f = make_fetcher((struct cattest_http_options){ 0 });

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int tls = 0; tls < 2; tls++) {
			unsigned before = requests;
			int ret;
			const char *body = get(&f, tls ? base : plain, cases[i].path, &ret);

			EXPECT(ret == cases[i].ret && !strcmp(body, cases[i].body), "%s: %d %s %s",
			       cases[i].path, ret, body, last_error.text);
			EXPECT(requests - before == cases[i].requests, "%s: %u requests",
			       cases[i].path, requests - before);
		}
	f.free(f.context);
}

static void test_slow(void)
{
	struct cattest_fetcher f = make_fetcher((struct cattest_http_options){ .timeout_ms = 150 });
	int64_t start = pace_now();
	int ret;

	get(&f, base, "/slow", &ret);
	EXPECT(ret == -EIO && pace_now() - start < 3000, "%d after %lld ms: %s", ret,
	       (long long)(pace_now() - start), last_error.text);
	f.free(f.context);
}

static void test_trust(void)
{
	struct cattest_fetcher f =
		make_fetcher((struct cattest_http_options){ .ca_file = wrong_path });
	unsigned before = requests;
	int ret;

	get(&f, base, "/kept", &ret);
	EXPECT(ret == -EIO && requests == before, "a server of another CA: %d %s", ret,
	       last_error.text);
	f.free(f.context);
	f = make_fetcher((struct cattest_http_options){ 0 });
	get(&f, "http://192.0.2.1", "/kept", &ret);
	EXPECT(ret == -EPERM, "plain http to another machine: %d %s", ret, last_error.text);
	get(&f, "file:///etc", "/hostname", &ret);
	EXPECT(ret == -EPERM, "a file: %d", ret);
	/* Nobody listens. */
	get(&f, "https://127.0.0.1:1", "/kept", &ret);
	EXPECT(ret == -EIO, "no server: %d %s", ret, last_error.text);
	f.free(f.context);
}

static unsigned cache_entries(bool *ret_private)
{
	DIR *d = opendir(cache);
	struct dirent *e;
	unsigned count = 0;

	*ret_private = true;
	while (d && (e = readdir(d))) {
		struct stat st;
		char path[512];

		if (e->d_name[0] == '.' && (!e->d_name[1] || e->d_name[1] == '.'))
			continue;
		snprintf(path, sizeof(path), "%s/%s", cache, e->d_name);
		*ret_private &= !stat(path, &st) && (st.st_mode & 0777) == 0600;
		count++;
	}
	if (d)
		closedir(d);
	return count;
}

/* Changes the byte at `at` of each entry, or cuts them there. false: it is not so long. */
static bool damage_cache(long at, bool cut)
{
	DIR *d = opendir(cache);
	struct dirent *e;
	bool done = false;

	while (d && (e = readdir(d))) {
		char path[512];
		struct stat st;
		FILE *f;
		int byte;

		snprintf(path, sizeof(path), "%s/%s", cache, e->d_name);
		if (e->d_name[0] == '.' || !strncmp(e->d_name, "pace-", 5) || stat(path, &st) ||
		    st.st_size <= at)
			continue;
		done = true;
		if (cut) {
			EXPECT(!truncate(path, at), "%s", path);
			continue;
		}
		f = fopen(path, "r+");
		NEED(f && !fseek(f, at, SEEK_SET) && (byte = fgetc(f)) != EOF &&
		     !fseek(f, at, SEEK_SET));
		fputc(byte ^ 1, f);
		fclose(f);
	}
	if (d)
		closedir(d);
	return done;
}

static void test_cache(void)
{
	struct cattest_fetcher f =
		make_fetcher((struct cattest_http_options){ .cache_dir = cache });
	struct cattest_fetcher offline =
		make_fetcher((struct cattest_http_options){ .cache_dir = cache, .offline = true });
	unsigned before;
	bool private;
	int ret;

	get(&offline, base, "/kept", &ret);
	EXPECT(ret == -ENETUNREACH, "offline without an entry: %d %s", ret, last_error.text);
	get(&f, base, "/kept", &ret);
	before = requests;
	EXPECT(!strcmp(get(&f, base, "/kept", &ret), "kept body") && requests == before,
	       "not kept");
	EXPECT(!strcmp(get(&offline, base, "/kept", &ret), "kept body") && requests == before,
	       "offline: %s", last_error.text);
	EXPECT(cache_entries(&private) == 1 && private, "entries");
	/* Damaged anywhere: as if it were not there, and replaced. */
	for (long at = 0; damage_cache(at, at % 2); at += 5) {
		get(&offline, base, "/kept", &ret);
		EXPECT(ret == -ENETUNREACH, "damage at %ld is not noticed", at);
		before = requests;
		EXPECT(!strcmp(get(&f, base, "/kept", &ret), "kept body") && requests == before + 1,
		       "damage at %ld", at);
	}
	get(&f, base, "/not-kept", &ret);
	before = requests;
	get(&f, base, "/not-kept", &ret);
	EXPECT(requests == before + 1 && cache_entries(&private) == 1, "no-store was kept");
	/* What was not found is not kept. */
	get(&f, base, "/nothing-here", &ret);
	EXPECT(cache_entries(&private) == 1, "404 was kept");
	/* Old, and asked again; offline it still serves. */
	get(&f, base, "/short", &ret);
	pace_sleep(1100);
	before = requests;
	EXPECT(!strcmp(get(&f, base, "/short", &ret), "short body") && requests == before + 1,
	       "an old entry was used");
	pace_sleep(1100);
	EXPECT(!strcmp(get(&offline, base, "/short", &ret), "short body"), "offline, old: %s",
	       last_error.text);
	f.free(f.context);
	offline.free(offline.context);
}

/* The server is gone: an old entry is better than none. */
static void test_stale(void)
{
	struct http_answer answer = { .body = (uint8_t *)strdup("old"),
				      .size = 3,
				      .expires = 1000 },
			   back;
	struct cattest_fetcher f =
		make_fetcher((struct cattest_http_options){ .cache_dir = cache });
	int ret;

	EXPECT(!cache_put(cache, "https://127.0.0.1:1/x", &answer), "put");
	EXPECT(!cache_get(cache, "https://127.0.0.1:1/x", &back) && back.size == 3 && !back.chain &&
		       back.expires == 1000,
	       "get");
	http_answer_done(&back);
	EXPECT(!strcmp(get(&f, "https://127.0.0.1:1", "/x", &ret), "old"), "%s", last_error.text);
	/* An entry under another URL's name is not that URL's. */
	EXPECT(cache_get(cache, "https://127.0.0.1:1/y", &back) == -ENOENT, "another URL");
	http_answer_done(&answer);
	f.free(f.context);
}

static void test_rewrite(void)
{
	static const struct {
		const char *url, *pccs, *kds, *expected;
	} cases[] = {
		{ PCS_SGX "/tcb?fmspc=1", NULL, NULL, PCS_SGX "/tcb?fmspc=1" },
		{ PCS_SGX "/tcb?fmspc=1", "https://h:1/sgx/certification/v4", NULL,
		  "https://h:1/sgx/certification/v4/tcb?fmspc=1" },
		{ PCS_TDX "/qe/identity", "https://h:1/sgx/certification/v4", NULL,
		  "https://h:1/tdx/certification/v4/qe/identity" },
		{ PCS_ROOT_CRL, "https://h:1/sgx/certification/v4", NULL,
		  "https://h:1/sgx/certification/v4/rootcacrl" },
		{ PCS_ROOT_CRL, NULL, "https://k", PCS_ROOT_CRL },
		{ KDS "/vcek/v1/Milan/crl", "https://h", "https://k/m",
		  "https://k/m/vcek/v1/Milan/crl" },
		{ KDS "/vcek/v1/Milan/crl", NULL, NULL, KDS "/vcek/v1/Milan/crl" },
	};
	char url[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		EXPECT(http_rewrite(cases[i].url, cases[i].pccs, cases[i].kds, url, sizeof(url)) &&
			       !strcmp(url, cases[i].expected),
		       "%s: %s", cases[i].url, url);
	EXPECT(!http_rewrite(PCS_ROOT_CRL, NULL, NULL, url, 10), "a URL that does not fit");
	EXPECT(http_allowed("https://a/b") && http_allowed("http://127.0.0.1:80/") &&
		       http_allowed("http://[::1]/") && http_allowed("http://localhost:8081/x"),
	       "allowed");
	EXPECT(!http_allowed("http://a/") && !http_allowed("http://localhost.evil/") &&
		       !http_allowed("http://127.0.0.1@evil/") && !http_allowed("ftp://a/") &&
		       !http_allowed("https://a\n/") && !http_allowed("https:///x") &&
		       !http_allowed(""),
	       "not allowed");
	EXPECT(http_max_age("max-age=5") == 5 && http_max_age("public, max-age=7") == 7 &&
		       http_max_age("no-store") == 0 && http_max_age("max-age=9, no-cache") == 0 &&
		       http_max_age("private") == -1 && http_max_age("s-max-age=3") == -1,
	       "max-age");
}

static void test_options(void)
{
	static const struct cattest_http_options bad[] = {
		{ .offline = true },
		{ .pccs_url = "http://192.0.2.1/sgx/certification/v4" },
		{ .kds_url = "https://a/?x" },
		{ .cache_dir = "/nonexistent/folder/of/this/test" },
		{ .cache_dir = "/dev/null" },
	};
	struct cattest_fetcher f;
	struct cattest_error err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT(cattest_http_fetcher(&bad[i], &f, &err) < 0 && err.text[0], "options %zu",
		       i);
}

/* Through the manufacturers' addresses to a PCCS and a mirror. */
static void test_mirrors(void)
{
	char pccs[128];
	struct cattest_fetcher f;
	int ret;

	snprintf(pccs, sizeof(pccs), "%s/sgx/certification/v4/", base);
	f = make_fetcher((struct cattest_http_options){ .pccs_url = pccs, .kds_url = base });
	EXPECT(!strcmp(get(&f, KDS, "/vcek/v1/Milan/crl", &ret), "/vcek/v1/Milan/crl"), "%s",
	       last_error.text);
	EXPECT(!strcmp(get(&f, PCS_TDX, "/qe/identity", &ret), "/tdx/certification/v4/qe/identity"),
	       "%s", last_error.text);
	EXPECT(!strcmp(get(&f, PCS_ROOT_CRL, "", &ret), "/sgx/certification/v4/rootcacrl"), "%s",
	       last_error.text);
	f.free(f.context);
}

/* Three requests of two processes to the KDS keep their distance. */
static void test_pace(void)
{
	struct cattest_fetcher f =
		make_fetcher((struct cattest_http_options){ .cache_dir = cache, .kds_url = base });
	int64_t start = pace_now(), last = 0;
	int status, ret;
	pid_t child;

	http_tune(&f, 400, 10);
	child = fork();
	if (!child)
		_exit(pace_wait(cache, base, 400, 5000, &last) ? 1 : 0);
	get(&f, KDS, "/vcek/v1/Milan/crl", &ret);
	get(&f, KDS, "/nothing", &ret);
	NEED(waitpid(child, &status, 0) == child);
	EXPECT(!status, "the other process");
	EXPECT(pace_now() - start >= 780, "three requests within %lld ms",
	       (long long)(pace_now() - start));
	last = 0;
	EXPECT(pace_wait(cache, base, 60000, 100, &last) == -ETIMEDOUT,
	       "a turn that does not come");
	/* A clock that was set back does not stop it. */
	last = pace_now() + 1000000;
	EXPECT(!pace_wait(NULL, base, 60000, 100, &last), "time in the future");
	f.free(f.context);
}

static void remove_folder(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char name[512];

		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		unlink(name);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

int main(void)
{
	struct server servers[2];
	pthread_t threads[2];
	unsigned port;

	/* No proxy of the machine's takes part. */
	setenv("no_proxy", "*", 1);
	NEED(mkdtemp(folder));
	snprintf(ca_path, sizeof(ca_path), "%s/ca.pem", folder);
	snprintf(wrong_path, sizeof(wrong_path), "%s/wrong.pem", folder);
	snprintf(cache, sizeof(cache), "%s/cache", folder);
	for (int i = 0; i < 2; i++) {
		servers[i] =
			(struct server){ .fd = listen_local(&port), .tls = i ? NULL : make_tls() };
		if (i)
			snprintf(plain, sizeof(plain), "http://127.0.0.1:%u", port);
		else
			snprintf(base, sizeof(base), "https://127.0.0.1:%u", port);
		NEED(!pthread_create(&threads[i], NULL, server_main, &servers[i]));
	}
	test_rewrite();
	test_options();
	test_answers();
	test_slow();
	test_trust();
	test_cache();
	test_stale();
	test_mirrors();
	test_pace();
	stop = 1;
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		close(servers[i].fd);
		SSL_CTX_free(servers[i].tls);
	}
	remove_folder(cache);
	remove_folder(folder);
	if (failures)
		printf("%u failures\n", failures);
	return failures != 0;
}
