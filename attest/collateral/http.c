/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fetcher: GET over libcurl with a cache on disk, turns at the KDS, and retries. What it brings is verified by who asked for it; TLS is there
 * for privacy and against those who would only disturb. So: HTTPS (or this machine itself), no redirects, bounded sizes and times.
 *
 * An entry of the cache is used while its Cache-Control allows; later only if the server cannot be asked, or offline. Whether its content
 * is still valid is judged by the dates that are signed in it.
 */
#include "attest/collateral/http.h"
#include "attest/collateral/url.h"
#include "attest/core/appraisal.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#define TIMEOUT_DEFAULT_MS 30000
#define CONNECT_TIMEOUT_MS 10000
#define TRIES 4
#define BACKOFF_MS 1000
#define RETRY_AFTER_MAX_MS 60000
#define KDS_INTERVAL_MS 10000
/* How long to wait for a turn: several verifiers of one machine may stand in the queue. */
#define TURN_MAX_MS 120000
#define KEEP_DEFAULT 86400
#define KEEP_MAX (30 * 86400)
#define URL_ROOM 2048

struct http {
	char *cache_dir, *pccs_url, *kds_url, *ca_file;
	bool offline;
	unsigned timeout_ms, pace_ms, backoff_ms;
	int64_t last_kds;
	CURL *curl;
};

/* One request's answer while it comes in. */
struct transfer {
	uint8_t *body;
	size_t size, room;
	char *chain;
	int64_t max_age;     /* -1: not said */
	long retry_after_ms; /* -1: not said */
	bool too_large;
};

void http_answer_done(struct http_answer *answer)
{
	free(answer->body);
	free(answer->chain);
	*answer = (struct http_answer){ 0 };
}

/* --- URLs --- */

static bool loopback_host(const char *host)
{
	static const char *const hosts[] = { "localhost", "127.0.0.1", "[::1]" };

	for (size_t i = 0; i < 3; i++) {
		size_t len = strlen(hosts[i]);

		if (!strncasecmp(host, hosts[i], len) &&
		    (!host[len] || host[len] == ':' || host[len] == '/' || host[len] == '?'))
			return true;
	}
	return false;
}

bool http_allowed(const char *url)
{
	for (const char *p = url; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || *p == '@' || *p == '\\')
			return false;
	if (!strncmp(url, "https://", 8))
		return url[8] && url[8] != '/';
	return !strncmp(url, "http://", 7) && loopback_host(url + 7);
}

static bool join(char *ret_url, size_t room, const char *base, const char *rest)
{
	int n = snprintf(ret_url, room, "%s%s", base, rest);

	return n >= 0 && (size_t)n < room;
}

bool http_rewrite(const char *url, const char *pccs_url, const char *kds_url, char *ret_url,
		  size_t room)
{
	static const char sgx[] = PCS_SGX, tdx[] = PCS_TDX, kds[] = KDS;
	char *at;

	if (pccs_url && !strcmp(url, PCS_ROOT_CRL))
		return join(ret_url, room, pccs_url, "/rootcacrl");
	if (pccs_url && !strncmp(url, sgx, sizeof(sgx) - 1))
		return join(ret_url, room, pccs_url, url + sizeof(sgx) - 1);
	if (pccs_url && !strncmp(url, tdx, sizeof(tdx) - 1)) {
		if (!join(ret_url, room, pccs_url, url + sizeof(tdx) - 1))
			return false;
		at = strstr(ret_url, "/sgx/certification/");
		if (at)
			memcpy(at, "/tdx", 4);
		return true;
	}
	if (kds_url && !strncmp(url, kds, sizeof(kds) - 1))
		return join(ret_url, room, kds_url, url + sizeof(kds) - 1);
	return join(ret_url, room, url, "");
}

static bool is_kds(const char *url)
{
	return !strncmp(url, KDS "/", sizeof(KDS));
}

/* --- Headers --- */

int64_t http_max_age(const char *value)
{
	static const char name[] = "max-age=";
	int64_t age = -1;

	for (const char *p = value; *p; p++) {
		if (p != value && p[-1] != ' ' && p[-1] != ',' && p[-1] != '\t')
			continue;
		if (!strncasecmp(p, "no-store", 8) || !strncasecmp(p, "no-cache", 8))
			return 0;
		if (!strncasecmp(p, name, sizeof(name) - 1) && p[8] >= '0' && p[8] <= '9')
			age = strtol(p + 8, NULL, 10);
	}
	return age;
}

/* The value of a header line that has this name (or, with suffix, a name that ends so), trimmed and malloc()ed. */
static char *header_value(const char *line, size_t size, const char *name, bool suffix)
{
	const char *colon = memchr(line, ':', size), *end = line + size;
	size_t len = strlen(name), name_len = colon ? (size_t)(colon - line) : 0;

	if (!colon || (suffix ? name_len < len : name_len != len) ||
	    strncasecmp(colon - len, name, len))
		return NULL;
	colon++;
	while (colon < end && (*colon == ' ' || *colon == '\t'))
		colon++;
	while (end > colon && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
		end--;
	return strndup(colon, (size_t)(end - colon));
}

static size_t on_header(char *line, size_t unit, size_t count, void *context)
{
	struct transfer *t = context;
	size_t size = unit * count;
	char *value;

	value = header_value(line, size, "Cache-Control", false);
	if (value)
		t->max_age = http_max_age(value);
	free(value);
	value = header_value(line, size, "Retry-After", false);
	if (value && value[0] >= '0' && value[0] <= '9') {
		long seconds = strtol(value, NULL, 10);

		t->retry_after_ms = seconds > RETRY_AFTER_MAX_MS / 1000 ? RETRY_AFTER_MAX_MS + 1
									: seconds * 1000;
	}
	free(value);
	value = header_value(line, size, "-Issuer-Chain", true);
	if (value && strlen(value) <= HTTP_CHAIN_MAX && !t->chain)
		t->chain = value;
	else
		free(value);
	return size;
}

static size_t on_body(char *data, size_t unit, size_t count, void *context)
{
	struct transfer *t = context;
	size_t size = unit * count;

	if (size > HTTP_BODY_MAX - t->size) {
		t->too_large = true;
		return 0;
	}
	if (size > t->room - t->size) {
		size_t room = t->room ? t->room * 2 : 16384;
		uint8_t *grown;

		while (room < t->size + size)
			room *= 2;
		grown = realloc(t->body, room);
		if (!grown)
			return 0;
		t->body = grown;
		t->room = room;
	}
	memcpy(t->body + t->size, data, size);
	t->size += size;
	return size;
}

static void transfer_done(struct transfer *t)
{
	free(t->body);
	free(t->chain);
	*t = (struct transfer){ .max_age = -1, .retry_after_ms = -1 };
}

/* --- One request --- */

static int set_options(struct http *h, const char *url, struct transfer *t, char *error_text)
{
	CURL *c = h->curl;
	bool ok;

	curl_easy_reset(c);
	error_text[0] = 0;
	ok = curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR,
			      strncmp(url, "http://", 7) ? "https" : "http") == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)h->timeout_ms) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
			      (long)(h->timeout_ms < CONNECT_TIMEOUT_MS ? h->timeout_ms
									: CONNECT_TIMEOUT_MS)) ==
		     CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_MAXFILESIZE, (long)HTTP_BODY_MAX) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_USERAGENT, "cloister") == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_WRITEDATA, t) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_HEADERDATA, t) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error_text) == CURLE_OK;
	if (ok && h->ca_file)
		ok = curl_easy_setopt(c, CURLOPT_CAINFO, h->ca_file) == CURLE_OK &&
		     curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK;
	/* What is on this machine is not behind a proxy. */
	if (ok && strstr(url, "://") && loopback_host(strstr(url, "://") + 3))
		ok = curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK;
	return ok ? 0 : -ENOMEM;
}

/* What became of a request: 0, -ENOENT, -EAGAIN (worth another try), -EIO. */
static int request_once(struct http *h, const char *url, struct transfer *t,
			struct cattest_error *err)
{
	char text[CURL_ERROR_SIZE], clean[256];
	CURLcode code;
	long status = 0;

	if (set_options(h, url, t, text))
		return fail(err, -ENOMEM, "out of memory");
	code = curl_easy_perform(h->curl);
	if (t->too_large || code == CURLE_FILESIZE_EXCEEDED)
		return fail(err, -E2BIG, "%s: the answer is larger than %u bytes", url,
			    HTTP_BODY_MAX);
	if (code != CURLE_OK) {
		const char *why = text[0] ? text : curl_easy_strerror(code);

		fail(err, -EIO, "%s: %s", url,
		     safe_text(SPAN(why, strlen(why)), clean, sizeof(clean)));
		return code == CURLE_OPERATION_TIMEDOUT || code == CURLE_COULDNT_CONNECT ||
				       code == CURLE_COULDNT_RESOLVE_HOST ||
				       code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
				       code == CURLE_GOT_NOTHING || code == CURLE_PARTIAL_FILE
			       ? -EAGAIN
			       : -EIO;
	}
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200 && t->size)
		return 0;
	fail(err, -EIO, "%s: the server answers %ld%s", url, status,
	     status == 200 ? " with nothing" : "");
	if (status == 404)
		return -ENOENT;
	return status == 429 || status >= 500 ? -EAGAIN : -EIO;
}

static int64_t keep_for(const char *canonical, const struct transfer *t)
{
	/* A chip's certificate does not change; the KDS says nothing of caching, and does not like to be asked. */
	bool lasting = is_kds(canonical) && !strstr(canonical, "/crl");
	int64_t seconds = t->max_age >= 0 ? t->max_age : lasting ? KEEP_MAX : KEEP_DEFAULT;

	return seconds > KEEP_MAX ? KEEP_MAX : seconds;
}

/* With retries; *ret_keep is how long it may be kept. */
static int request(struct http *h, const char *canonical, const char *url,
		   struct http_answer *ret_answer, int64_t *ret_keep, struct cattest_error *err)
{
	struct transfer t = { .max_age = -1, .retry_after_ms = -1 };
	int64_t backoff = h->backoff_ms;
	int ret = -EAGAIN;

	for (int i = 0; i < TRIES && ret == -EAGAIN; i++) {
		if (i) {
			int64_t wait = t.retry_after_ms >= 0 ? t.retry_after_ms : backoff;

			if (wait > RETRY_AFTER_MAX_MS)
				break; /* the message says what the server answered */
			pace_sleep(wait);
			backoff *= 2;
		}
		transfer_done(&t);
		if (is_kds(canonical) && pace_wait(h->cache_dir, h->kds_url ? h->kds_url : KDS,
						   h->pace_ms, TURN_MAX_MS, &h->last_kds)) {
			ret = fail(err, -ETIMEDOUT,
				   "%s: too many requests are waiting for their turn", url);
			break;
		}
		ret = request_once(h, url, &t, err);
	}
	if (ret) {
		transfer_done(&t);
		return ret == -EAGAIN ? -EIO : ret;
	}
	*ret_keep = keep_for(canonical, &t);
	*ret_answer = (struct http_answer){
		.body = t.body, .size = t.size, .chain = t.chain, .expires = time(NULL) + *ret_keep
	};
	return 0;
}

static int http_get(void *context, const char *canonical, uint8_t **ret_body, size_t *ret_size,
		    char **ret_chain, struct cattest_error *err)
{
	struct http_answer cached = { 0 }, fresh = { 0 }, *answer = &fresh;
	struct http *h = context;
	char url[URL_ROOM];
	int64_t keep = 0;
	int ret = 0;

	if (!canonical[0] || !http_rewrite(canonical, h->pccs_url, h->kds_url, url, sizeof(url)))
		return fail(err, -EINVAL, "the address to ask is too long");
	if (!http_allowed(url))
		return fail(err, -EPERM, "%s: only https is used, or http to this machine itself",
			    url);
	if (h->cache_dir && !cache_get(h->cache_dir, url, &cached))
		answer = &cached;
	if (answer == &cached && (h->offline || cached.expires > time(NULL)))
		goto give;
	if (h->offline)
		return fail(err, -ENETUNREACH,
			    "%s: is not in the cache, and the fetcher is offline", url);
	ret = request(h, canonical, url, &fresh, &keep, err);
	if (!ret) {
		answer = &fresh;
		/* A cache that cannot be written is no reason to fail. */
		if (h->cache_dir && keep > 0)
			(void)cache_put(h->cache_dir, url, &fresh);
	} else if (ret == -ENOENT || answer != &cached) {
		http_answer_done(&cached);
		return ret;
	}
give:
	*ret_body = answer->body;
	*ret_size = answer->size;
	*ret_chain = answer->chain;
	http_answer_done(answer == &cached ? &fresh : &cached);
	return 0;
}

/* --- The fetcher --- */

static void http_free(void *context)
{
	struct http *h = context;

	if (!h)
		return;
	if (h->curl)
		curl_easy_cleanup(h->curl);
	free(h->cache_dir);
	free(h->pccs_url);
	free(h->kds_url);
	free(h->ca_file);
	free(h);
}

void http_tune(struct cattest_fetcher *fetcher, unsigned pace_ms, unsigned backoff_ms)
{
	struct http *h = fetcher->context;

	h->pace_ms = pace_ms;
	h->backoff_ms = backoff_ms;
}

static void start_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* A base address without slashes at its end. */
static int copy_base(const char *url, const char *what, char **ret_copy, struct cattest_error *err)
{
	size_t len;
	char *copy;

	if (!url)
		return 0;
	if (!http_allowed(url) || strlen(url) > URL_ROOM / 2 || strpbrk(url, "?#"))
		return fail(
			err, -EINVAL,
			"the %s must be an https address (or http to this machine itself) without a query",
			what);
	copy = strdup(url);
	if (!copy)
		return fail(err, -ENOMEM, "out of memory");
	for (len = strlen(copy); len && copy[len - 1] == '/';)
		copy[--len] = 0;
	*ret_copy = copy;
	return 0;
}

static int copy_text(const char *text, char **ret_copy, struct cattest_error *err)
{
	if (!text)
		return 0;
	*ret_copy = strdup(text);
	return *ret_copy ? 0 : fail(err, -ENOMEM, "out of memory");
}

int cattest_http_fetcher(const struct cattest_http_options *options,
			 struct cattest_fetcher *ret_fetcher, struct cattest_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http *h = calloc(1, sizeof(*h));
	int ret;

	if (!h)
		return fail(err, -ENOMEM, "out of memory");
	pthread_once(&once, start_curl);
	h->offline = options->offline;
	h->timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_DEFAULT_MS;
	h->pace_ms = options->kds_url ? 0 : KDS_INTERVAL_MS;
	h->backoff_ms = BACKOFF_MS;
	ret = copy_base(options->pccs_url, "PCCS", &h->pccs_url, err);
	if (!ret)
		ret = copy_base(options->kds_url, "KDS", &h->kds_url, err);
	if (!ret)
		ret = copy_text(options->ca_file, &h->ca_file, err);
	if (!ret && options->cache_dir)
		ret = cache_open(options->cache_dir, err);
	if (!ret)
		ret = copy_text(options->cache_dir, &h->cache_dir, err);
	if (!ret && options->offline && !options->cache_dir)
		ret = fail(err, -EINVAL, "an offline fetcher needs a cache folder");
	if (!ret && !h->offline) {
		h->curl = curl_easy_init();
		if (!h->curl)
			ret = fail(err, -ENOMEM, "out of memory");
	}
	if (ret) {
		http_free(h);
		return ret;
	}
	*ret_fetcher = (struct cattest_fetcher){ .context = h, .get = http_get, .free = http_free };
	return 0;
}
