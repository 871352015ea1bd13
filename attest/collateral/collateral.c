/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bag of collateral: what was added, each thing once, and how it is found. Adding says nothing about trust: whoever uses an item verifies
 * it. What is found first is what is valid at the time judged at, so that a bag may hold several years of collateral for audits.
 */
#include "attest/collateral/collateral_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <stdlib.h>

struct collateral *collateral_new(void)
{
	return calloc(1, sizeof(struct collateral));
}

void intel_json_free(struct intel_json *json)
{
	void *body;

	if (!json)
		return;
	if (json->parsed && json->parsed_free)
		json->parsed_free(json->parsed);
	x509_list_done(&json->chain);
	memcpy(&body, &json->body.data, sizeof(body)); /* ours: read_intel_json() made it */
	free(body);
	free(json);
}

void collateral_free(struct collateral *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->cert_count; i++)
		X509_free(c->certs[i]);
	for (size_t i = 0; i < c->crl_count; i++) {
		X509_CRL_free(c->crls[i]->crl);
		free(c->crls[i]);
	}
	for (size_t i = 0; i < c->json_count; i++)
		intel_json_free(c->jsons[i]);
	for (size_t i = 0; i < c->origin_count; i++)
		free(c->origins[i]);
	for (size_t i = 0; i < c->asked_count; i++) {
		free(c->asked[i].url);
		free(c->asked[i].why);
	}
	free(c->certs);
	free(c->cert_hashes);
	free(c->crls);
	free(c->jsons);
	free(c->origins);
	free(c->asked);
	free(c);
}

/* Room for one more element in an array that grows by doubling at powers of two. */
static bool grow(void *array_pointer, size_t count, size_t size)
{
	void *array, *grown;

	if (count && (count & (count - 1)))
		return true;
	memcpy(&array, array_pointer, sizeof(array));
	grown = realloc(array, (count ? count * 2 : 1) * size);
	if (grown)
		memcpy(array_pointer, &grown, sizeof(grown));
	return grown != NULL;
}

static bool full(const struct collateral *c)
{
	return c->cert_count + c->crl_count + c->json_count >= COLLATERAL_ITEMS_MAX;
}

const char *collateral_keep_origin(struct collateral *c, const char *origin)
{
	char *copy;

	for (size_t i = c->origin_count; i--;)
		if (!strcmp(c->origins[i], origin))
			return c->origins[i];
	if (!grow(&c->origins, c->origin_count, sizeof(*c->origins)))
		return NULL;
	copy = strdup(origin);
	if (copy)
		c->origins[c->origin_count++] = copy;
	return copy;
}

X509 *collateral_certificate_read(const struct collateral *c, const uint8_t der_sha256[32])
{
	for (size_t i = 0; i < c->cert_count; i++)
		if (!memcmp(c->cert_hashes[i], der_sha256, sizeof(c->cert_hashes[i])))
			return c->certs[i];
	return NULL;
}

int bag_add_certificate(struct collateral *c, X509 *cert)
{
	unsigned int size = 0;
	uint8_t hash[32];

	if (!X509_digest(cert, EVP_sha256(), hash, &size)) {
		ERR_clear_error();
		return -ENOMEM;
	}
	if (collateral_certificate_read(c, hash))
		return 0;
	if (full(c))
		return -E2BIG;
	if (!grow(&c->certs, c->cert_count, sizeof(*c->certs)) ||
	    !grow(&c->cert_hashes, c->cert_count, sizeof(*c->cert_hashes)))
		return -ENOMEM;
	X509_up_ref(cert);
	memcpy(c->cert_hashes[c->cert_count], hash, sizeof(hash));
	c->certs[c->cert_count++] = cert;
	return 0;
}

int bag_add_crl(struct collateral *c, struct span der)
{
	X509_CRL *crl = x509_crl_from(der);
	struct known_crl *known;
	int ret = -ENOMEM;

	if (!crl)
		return -EBADMSG;
	known = calloc(1, sizeof(*known));
	if (!known || !known_crl_init(known, crl))
		goto out;
	ret = 0;
	for (size_t i = 0; i < c->crl_count; i++)
		if (!memcmp(c->crls[i]->der_sha256, known->der_sha256, 32))
			goto out;
	ret = full(c) ? -E2BIG : grow(&c->crls, c->crl_count, sizeof(*c->crls)) ? 0 : -ENOMEM;
	if (ret)
		goto out;
	c->crls[c->crl_count++] = known;
	return 0;
out:
	free(known);
	X509_CRL_free(crl);
	return ret;
}

int bag_add_json(struct collateral *c, struct intel_json *json)
{
	int ret = 0;

	for (size_t i = 0; i < c->json_count; i++) {
		struct intel_json *old = c->jsons[i];

		if (old->kind != json->kind || !span_equal(old->body, json->body) ||
		    memcmp(old->signature, json->signature, sizeof(old->signature)))
			continue;
		/* The same with its chain now. */
		if (!old->chain.count && !c->guests) {
			old->chain = json->chain;
			json->chain.count = 0;
			old->signature_state = 0;
		}
		goto out;
	}
	ret = full(c) ? -E2BIG : grow(&c->jsons, c->json_count, sizeof(*c->jsons)) ? 0 : -ENOMEM;
	if (ret)
		goto out;
	c->jsons[c->json_count++] = json;
	return 0;
out:
	intel_json_free(json);
	return ret;
}

static bool json_better(const struct intel_json *a, const struct intel_json *b, int64_t now)
{
	bool a_valid = a->issue_date <= now && now <= a->next_update;
	bool b_valid = b->issue_date <= now && now <= b->next_update;

	if ((a->signature_state < 0) != (b->signature_state < 0))
		return b->signature_state < 0;
	if (a_valid != b_valid)
		return a_valid;
	if (a->evaluation_number != b->evaluation_number)
		return a->evaluation_number > b->evaluation_number;
	return a->issue_date > b->issue_date;
}

struct intel_json *collateral_find_json(struct collateral *c, enum intel_json_kind kind,
					const char *id, const uint8_t fmspc[6], int64_t now)
{
	struct intel_json *best = NULL;

	for (size_t i = 0; i < c->json_count; i++) {
		struct intel_json *j = c->jsons[i];

		if (j->kind != kind || strcmp(j->id, id) ||
		    (kind == INTEL_TCB_INFO && memcmp(j->fmspc, fmspc, 6)))
			continue;
		if (!best || json_better(j, best, now))
			best = j;
	}
	return best;
}

static bool crl_valid(const struct known_crl *k, int64_t now)
{
	return !k->fault && k->this_update <= now && now <= k->next_update;
}

struct known_crl *collateral_find_known_crl(struct collateral *c, const X509 *issuer, int64_t now)
{
	struct known_crl *best = NULL;

	for (size_t i = 0; i < c->crl_count; i++) {
		struct known_crl *k = c->crls[i];
		bool better = !best || (crl_valid(k, now) != crl_valid(best, now)
						? crl_valid(k, now)
						: k->this_update > best->this_update);

		if (better && known_crl_is_of(k, issuer))
			best = k;
	}
	return best;
}

X509_CRL *collateral_find_crl(struct collateral *c, const X509 *issuer)
{
	/* No time: nothing is valid, the newest is found. */
	struct known_crl *k = collateral_find_known_crl(c, issuer, INT64_MAX);

	return k ? k->crl : NULL;
}

X509 *collateral_certificate(struct collateral *c, size_t index)
{
	return index < c->cert_count ? c->certs[index] : NULL;
}

/* --- Fetching --- */

static struct asked *asked_before(struct collateral *c, const char *url)
{
	for (size_t i = 0; i < c->asked_count; i++)
		if (!strcmp(c->asked[i].url, url))
			return &c->asked[i];
	return NULL;
}

static struct asked *ask_note(struct collateral *c, const char *url)
{
	if (c->asked_count == COLLATERAL_ASKED_MAX ||
	    !grow(&c->asked, c->asked_count, sizeof(*c->asked)))
		return NULL;
	c->asked[c->asked_count] = (struct asked){ .url = strdup(url) };
	return c->asked[c->asked_count].url ? &c->asked[c->asked_count++] : NULL;
}

/* Gets and adds. */
static int fetch(struct appraisal *a, const struct cattest_fetcher *fetcher, const char *url,
		 struct cattest_error *err)
{
	struct collateral *c = verifier_collateral(a->verifier);
	size_t before = c->cert_count + c->crl_count + c->json_count;
	uint8_t *body = NULL;
	char *chain = NULL;
	size_t size = 0;
	int ret = fetcher->get(fetcher->context, url, &body, &size, &chain, err);

	if (!ret) {
		ret = size > CATTEST_MAX_INPUT
			      ? fail(err, -E2BIG, "%s: the answer is too large", url)
			      : collateral_add_answer(c, url, SPAN(body, size), chain, err);
		free(body);
		free(chain);
	}
	if (!ret && before == c->cert_count + c->crl_count + c->json_count)
		ret = fail(err, -ENOENT, "%s: gives nothing that is not here already", url);
	return ret;
}

bool collateral_fetch(struct appraisal *a, const char *url, const char **ret_why)
{
	const struct cattest_fetcher *fetcher = a->verifier ? verifier_fetcher(a->verifier) : NULL;
	struct cattest_error err = { "" };
	struct collateral *c;
	struct asked *asked;

	if (!fetcher) {
		*ret_why = "not in the collateral, and nothing to fetch it with";
		return false;
	}
	c = verifier_collateral(a->verifier);
	asked = asked_before(c, url);
	if (asked) {
		*ret_why = asked->why ? asked->why : "what was fetched does not fit";
		return false;
	}
	asked = ask_note(c, url);
	if (!asked) {
		*ret_why = "out of memory, or too much was asked for";
		return false;
	}
	if (!fetch(a, fetcher, url, &err))
		return true;
	asked->why = strdup(err.text[0] ? err.text : "could not be fetched");
	*ret_why = asked->why ? asked->why : "could not be fetched";
	return false;
}
