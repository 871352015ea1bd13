/* SPDX-License-Identifier: Apache-2.0 */
/* What the fetcher's files share; tests use it to make waiting short. */
#pragma once

#include "include/cloister/attest.h"

#include "attest/core/span.h"

struct http_answer {
	uint8_t *body;
	size_t size;
	char *chain;	 /* value of the issuer chain header, as it came, or NULL */
	int64_t expires; /* seconds since 1970, by the system's clock */
};
void http_answer_done(struct http_answer *answer);

/* Largest answer: Intel's longest revocation lists are far below. */
#define HTTP_BODY_MAX (16u << 20)
#define HTTP_CHAIN_MAX (64u << 10)

/* cache.c. The directory is made if its parent is there. An entry that is damaged, or is for another URL, is as if it were not there. 0,
 * -ENOENT, or another error. */
int cache_open(const char *dir, struct cattest_error *err);
int cache_get(const char *dir, const char *url, struct http_answer *ret_answer);
/* Whole or not at all, readable by the owner only. */
int cache_put(const char *dir, const char *url, const struct http_answer *answer);

/* pace.c. Waits until `interval_ms` have passed since any process that uses this directory asked this host, and notes that it is asked now. dir NULL:
 * *last (milliseconds, 0 never) alone is used. -ETIMEDOUT if that takes longer than wait_ms. */
int pace_wait(const char *dir, const char *host, unsigned interval_ms, unsigned wait_ms,
	      int64_t *last);
void pace_sleep(int64_t milliseconds);
int64_t pace_now(void); /* milliseconds, wall clock: shared between processes */

/* For tests: milliseconds between requests to the KDS, and of the first wait before a retry. */
void http_tune(struct cattest_fetcher *fetcher, unsigned pace_ms, unsigned backoff_ms);
/* The URL that is asked for this one: a PCCS or a mirror of the KDS in the place of the manufacturer. false: too long. */
bool http_rewrite(const char *url, const char *pccs_url, const char *kds_url, char *ret_url,
		  size_t room);
/* Whether it is https, or http to this machine itself. */
bool http_allowed(const char *url);
/* max-age of a Cache-Control header's value: seconds, 0 for "do not keep", -1 if it says nothing. */
int64_t http_max_age(const char *value);
