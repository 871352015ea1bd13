/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths from a leaf to a root that is pinned by key (RFC 5280 section 6, the part that this library's PKIs use). Issuers are looked for by
 * name and signature in this order: the evidence's own certificates, the caller's roots, the collateral, the manufacturers' roots. The search
 * is depth first and tries first what is usable and valid now, then what is usable, then whatever links, so that a path that fails is
 * shown with its fault. At most SIGNATURES_MAX signatures are computed in one search: input cannot make it long.
 *
 * Invariants: 1. nothing is taken from an earlier result but that a key signed a certificate; 2. every certificate of the path but an added root
 * that is not self-issued is covered by a verified signature; 3. unless the request allows it, so is every certificate of the evidence.
 */
#include "attest/collateral/collateral.h"
#include "attest/core/result.h"
#include "attest/x509/x509_internal.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#define PATH_MAX_CERTIFICATES 8
#define SIGNATURES_MAX 48
#define NAME_ROOM 96

enum pass { PASS_VALID_NOW, PASS_USABLE, PASS_ANY, PASS_ANY_ROOT, PASS_COUNT };

struct path {
	X509 *certs[PATH_MAX_CERTIFICATES]; /* leaf first; belong to the list, the verifier, the bag or the cache */
	size_t count;
	int root; /* of verifier_root() */
};

struct search {
	struct appraisal *a;
	const struct path_request *request;
	struct path_cache *cache;
	enum pass pass;
	unsigned signatures;
	/* The longest start of a path that was seen, for the message. */
	X509 *deepest;
	size_t depth;
	/* Somebody has the issuer's name but did not sign, or not in an accepted way. */
	bool bad_signature;
	const char *fault;
};

/* --- Search --- */

static bool in_path(const struct path *p, const struct x509_facts *f)
{
	for (size_t i = 0; i < p->count; i++)
		if (!memcmp(x509_facts(p->certs[i])->der_sha256, f->der_sha256, 32))
			return true;
	return false;
}

static bool self_issued(const X509 *cert)
{
	return !X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert));
}

static bool valid_at(const struct x509_facts *f, int64_t now)
{
	return f->dates_readable && f->not_before <= now && now <= f->not_after;
}

static bool link_good(struct search *s, X509 *cert, X509 *issuer)
{
	const X509_ALGOR *algorithm;

	if (link_verifies(s->cache, cert, issuer))
		return true;
	X509_get0_signature(NULL, &algorithm, cert);
	s->bad_signature = true;
	s->fault = algorithm_fault(algorithm, issuer);
	return false;
}

/* Of roots that the caller gave: by any algorithm, SHA-1 as many old ones, since nothing rests on it (RFC 5280, 6.1.1 (d)). */
static bool signed_itself(struct search *s, X509 *root)
{
	EVP_PKEY *key = X509_get0_pubkey(root);
	bool ok;

	/* The usual ones are remembered. */
	if (link_verifies(s->cache, root, root))
		return true;
	ok = key && X509_verify(root, key) == 1;
	ERR_clear_error();
	return ok;
}

/* Whether the path may end at its last certificate. */
static bool at_root(struct search *s, struct path *p)
{
	X509 *top = p->certs[p->count - 1], *added;
	bool self = self_issued(top);

	if (p->count < 2)
		return false;
	p->root = verifier_root(s->a->verifier, s->request->root, x509_spki(top));
	/* What an unsigned certificate says is only good if the caller gave it. */
	for (size_t i = 0;
	     p->root && (added = verifier_root_certificate(s->a->verifier, s->request->root, i));
	     i++)
		if (!X509_cmp(added, top)) {
			bool ok = !self || signed_itself(s, top);

			s->bad_signature |= !ok;
			return ok;
		}
	if (!self || !link_good(s, top, top))
		return false;
	return p->root || s->pass == PASS_ANY_ROOT;
}

static bool search_up(struct search *s, struct path *p);

static bool try_issuer(struct search *s, struct path *p, X509 *issuer)
{
	X509 *top = p->certs[p->count - 1];
	const struct x509_facts *f;

	if (X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(top)))
		return false;
	f = x509_facts(issuer);
	if (!f || in_path(p, f) || (s->pass == PASS_VALID_NOW && !valid_at(f, s->a->now)) ||
	    (s->pass <= PASS_USABLE && f->issuer_fault))
		return false;
	if (++s->signatures > SIGNATURES_MAX)
		return false;
	if (!link_good(s, top, issuer))
		return false;
	p->certs[p->count++] = issuer;
	if (p->count > s->depth) {
		s->depth = p->count;
		s->deepest = issuer;
	}
	if (at_root(s, p) || search_up(s, p))
		return true;
	p->count--;
	return false;
}

/* Recursion ends at PATH_MAX_CERTIFICATES. */
static bool search_up(struct search *s, struct path *p)
{
	const struct x509_list *list = s->request->certificates;
	const struct cattest_verifier *v = s->a->verifier;
	X509 *top = p->certs[p->count - 1], *issuer;

	if (p->count == PATH_MAX_CERTIFICATES ||
	    (self_issued(top) && link_verifies(s->cache, top, top)))
		return false;
	for (size_t i = 0; i < list->count; i++)
		if (try_issuer(s, p, list->items[i]))
			return true;
	for (size_t i = 0; (issuer = verifier_root_certificate(v, s->request->root, i)); i++)
		if (try_issuer(s, p, issuer))
			return true;
	for (size_t i = 0;
	     (issuer = collateral_certificate(verifier_collateral(s->a->verifier), i)); i++)
		if (try_issuer(s, p, issuer))
			return true;
	for (size_t i = 0; (issuer = built_in_root(s->cache, s->request->root, i)); i++)
		if (try_issuer(s, p, issuer))
			return true;
	return false;
}

static bool search(struct search *s, struct path *p)
{
	for (s->pass = PASS_VALID_NOW; s->pass < PASS_COUNT; s->pass++) {
		p->certs[0] = s->request->certificates->items[0];
		p->count = 1;
		s->depth = 1;
		s->deepest = p->certs[0];
		s->signatures = 0;
		if (search_up(s, p))
			return true;
	}
	return false;
}

/* --- Checks --- */

/* prefix + what, in the result's memory: checks keep the pointer. */
static const char *step_name(struct appraisal *a, const char *prefix, const char *what)
{
	char text[128];
	const char *copy;

	snprintf(text, sizeof(text), "%s.%s", prefix, what);
	copy = result_copy_text(a->result, text, strlen(text));
	return copy ? copy : prefix;
}

/* A name for messages: the common name, or the whole subject. */
static const char *name_of(const X509 *cert, char text[NAME_ROOM])
{
	char line[NAME_ROOM];

	x509_subject_cn(cert, line, sizeof(line));
	if (!line[0])
		X509_NAME_oneline(X509_get_subject_name(cert), line, sizeof(line));
	return safe_text(SPAN(line, strlen(line)), text, NAME_ROOM);
}

/* Whether any intermediate of this manufacturer is known: then a leaf of another issuer is wrong, else only its chain is missing. */
static bool knows_issuers(const struct search *s)
{
	X509 *root, *cert;

	if (s->request->certificates->count > 1)
		return true;
	for (size_t i = 0; (cert = collateral_certificate(verifier_collateral(s->a->verifier), i));
	     i++) {
		const struct x509_facts *f = x509_facts(cert);

		if (!f || f->issuer_fault || self_issued(cert))
			continue;
		for (size_t k = 0;
		     (root = verifier_root_certificate(s->a->verifier, s->request->root, k)); k++)
			if (!X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(root)))
				return true;
		for (size_t k = 0; (root = built_in_root(s->cache, s->request->root, k)); k++)
			if (!X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(root)))
				return true;
	}
	return false;
}

static void fail_no_path(const struct search *s, const char *step)
{
	const X509 *deepest = s->deepest;
	char name[NAME_ROOM], issuer[NAME_ROOM], line[NAME_ROOM];

	x509_issuer_cn(deepest, line, sizeof(line));
	safe_text(SPAN(line, strlen(line)), issuer, sizeof(issuer));
	name_of(deepest, name);
	if (s->depth == PATH_MAX_CERTIFICATES)
		check_fail(s->a, step, "a path of at most 8 certificates", "it is longer");
	else if (s->bad_signature && s->fault)
		check_fail(s->a, step, "accepted signature algorithms", "\"%s\" %s", name,
			   s->fault);
	else if (s->bad_signature)
		check_fail(s->a, step, "every certificate signed by its issuer",
			   "\"%s\" is not signed by the \"%s\" that is there", name, issuer);
	else if (self_issued(deepest))
		check_fail(s->a, step, "a path to a root", "\"%s\" is self-issued and no root",
			   name);
	else if (knows_issuers(s))
		check_fail(s->a, step, "a path to a root",
			   "the issuer \"%s\" of \"%s\" is not there", issuer, name);
	else
		check_missing(s->a, step, "the certificate of \"%s\", which issued \"%s\"", issuer,
			      name);
}

/* Form and limits of each certificate of the path. */
static bool check_form(struct appraisal *a, const char *step, const struct path *p)
{
	const struct x509_facts *leaf = x509_facts(p->certs[0]);
	char name[NAME_ROOM];
	long below = 0; /* issuers under this one that are not self-issued */

	if (leaf->leaf_fault) {
		check_fail(a, step, "a certificate of the end", "\"%s\" %s",
			   name_of(p->certs[0], name), leaf->leaf_fault);
		return false;
	}
	for (size_t i = 1; i < p->count; i++) {
		const struct x509_facts *f = x509_facts(p->certs[i]);

		if (f->issuer_fault) {
			check_fail(a, step, "an issuer of certificates", "\"%s\" %s",
				   name_of(p->certs[i], name), f->issuer_fault);
			return false;
		}
		if (f->path_len >= 0 && below > f->path_len) {
			check_fail(a, step, "path lengths kept",
				   "\"%s\" allows %ld issuers below it, there are %ld",
				   name_of(p->certs[i], name), f->path_len, below);
			return false;
		}
		below += !self_issued(p->certs[i]);
	}
	return true;
}

/* Invariant 3. */
static bool check_related(struct search *s, const char *step, const struct path *p)
{
	const struct x509_list *list = s->request->certificates;

	for (size_t i = 1; i < list->count && !s->request->allow_unrelated; i++) {
		const struct x509_facts *f = x509_facts(list->items[i]);
		bool related = f && in_path(p, f);
		char name[NAME_ROOM];

		for (size_t k = 1; k < p->count && f && !related; k++)
			related = !X509_NAME_cmp(X509_get_issuer_name(list->items[i]),
						 X509_get_subject_name(p->certs[k])) &&
				  link_verifies(s->cache, list->items[i], p->certs[k]);
		if (!related) {
			check_fail(
				s->a, step, "only certificates of this path",
				"certificate %zu, \"%s\", is not of the path and not signed by it",
				i + 1, name_of(list->items[i], name));
			return false;
		}
	}
	return true;
}

static void pass_chain(struct appraisal *a, const char *step, const struct path *p)
{
	char text[PATH_MAX_CERTIFICATES * (NAME_ROOM + 8)];
	size_t at = 0;

	for (size_t i = 0; i < p->count; i++) {
		char name[NAME_ROOM];
		int n = snprintf(text + at, sizeof(text) - at, "%s\"%s\"", i ? " < " : "",
				 name_of(p->certs[i], name));

		at += n > 0 && (size_t)n < sizeof(text) - at ? (size_t)n : 0;
	}
	check_pass(a, step, "%s", text);
}

static bool check_root(struct appraisal *a, const char *step, const struct path_request *request,
		       const struct path *p)
{
	static const char *const makers[] = {
		"", "Intel's", "AMD's", "AWS's", "a TPM CA's", "", ""
	};
	char name[NAME_ROOM], hash[72], expected[64];
	X509 *top = p->certs[p->count - 1];

	name_of(top, name);
	hex_text(SPAN(x509_facts(top)->spki_sha256, 32), hash, sizeof(hash));
	snprintf(expected, sizeof(expected), "%s root key",
		 (unsigned)request->root < sizeof(makers) / sizeof(makers[0])
			 ? makers[request->root]
			 : "a");
	return check_that(a, p->root != 0, step, expected, "\"%s\", key SHA-256 %s%s", name, hash,
			  p->root == 2 ? " (added by the caller)" : "");
}

/* --- Dates and revocation --- */

struct window {
	int64_t from, until;
	int64_t lists_issued;	  /* the oldest list's */
	const char *first, *last; /* what opens and what closes it */
	char first_text[NAME_ROOM + 24], last_text[NAME_ROOM + 24];
};

static void window_cut(struct window *w, int64_t from, int64_t until, const char *kind,
		       const char *name)
{
	if (from > w->from) {
		w->from = from;
		snprintf(w->first_text, sizeof(w->first_text), "%s\"%s\"", kind, name);
	}
	if (until < w->until) {
		w->until = until;
		snprintf(w->last_text, sizeof(w->last_text), "%s\"%s\"", kind, name);
	}
}

enum crl_state { CRL_GOOD, CRL_BAD, CRL_ABSENT };

/* The list that speaks of certificate i at this time, asked for if it can be. */
static struct known_crl *find_crl(struct search *s, const struct path *p, size_t i,
				  const char **ret_why)
{
	struct collateral *bag = verifier_collateral(s->a->verifier);
	struct known_crl *crl = collateral_find_known_crl(bag, p->certs[i + 1], s->a->now);
	const char *url = i < 3 ? s->request->crl_url[i] : NULL;
	bool stale = !crl || crl->fault || s->a->now < crl->this_update ||
		     s->a->now > crl->next_update;

	if (stale && url && collateral_fetch(s->a, url, ret_why))
		crl = collateral_find_known_crl(bag, p->certs[i + 1], s->a->now);
	return crl;
}

static enum crl_state check_crl(struct search *s, const char *step, const struct path *p, size_t i,
				struct window *w)
{
	const char *why = "no revocation list of it in the collateral";
	char name[NAME_ROOM], issuer[NAME_ROOM], serial[72];
	struct known_crl *crl = find_crl(s, p, i, &why);
	X509_REVOKED *entry = NULL;

	name_of(p->certs[i], name);
	name_of(p->certs[i + 1], issuer);
	if (!crl) {
		if (s->request->crl == CRL_REQUIRED)
			check_missing(s->a, step, "the revocation list of \"%s\": %s", issuer, why);
		return CRL_ABSENT;
	}
	if (crl->fault) {
		check_fail(s->a, step, "a complete revocation list", "the list of \"%s\" %s",
			   issuer, crl->fault);
		return CRL_BAD;
	}
	if (!x509_facts(p->certs[i + 1])->crl_sign) {
		check_fail(s->a, step, "an issuer of revocation lists",
			   "\"%s\" may not sign them (key usage)", issuer);
		return CRL_BAD;
	}
	window_cut(w, crl->this_update, crl->next_update, "revocation list of ", issuer);
	if (crl->this_update < w->lists_issued)
		w->lists_issued = crl->this_update;
	if (X509_CRL_get0_by_serial(crl->crl, &entry, X509_get0_serialNumber(p->certs[i]))) {
		check_fail(s->a, step, "not revoked", "\"%s\", serial %s, is revoked by \"%s\"",
			   name, hex_text(x509_serial(p->certs[i]), serial, sizeof(serial)),
			   issuer);
		return CRL_BAD;
	}
	return CRL_GOOD;
}

/* Whether revocation leaves nothing open. */
static bool check_revocation(struct search *s, const struct path *p, struct window *w)
{
	const char *step = step_name(s->a, s->request->step, "crl");
	size_t good = 0, bad = 0, absent = 0;

	if (s->request->crl == CRL_NONE)
		return true;
	for (size_t i = 0; i + 1 < p->count; i++) {
		enum crl_state state = check_crl(s, step, p, i, w);

		good += state == CRL_GOOD;
		bad += state == CRL_BAD;
		absent += state == CRL_ABSENT;
	}
	if (!bad && !absent)
		check_pass(s->a, step, "%zu certificates, none revoked", good);
	else if (!bad && s->request->crl == CRL_IF_THERE)
		check_note(s->a, step, "%zu certificates not revoked, no revocation list for %zu",
			   good, absent);
	return !bad && (!absent || s->request->crl == CRL_IF_THERE);
}

static bool check_dates(struct appraisal *a, const char *step, const struct window *w)
{
	char from[32], until[32], now[32];

	time_text(w->from, from);
	time_text(w->until, until);
	time_text(a->now, now);
	if (a->now < w->from)
		check_fail(a, step, now, "not valid before %s (%s)", from, w->first_text);
	else if (a->now > w->until)
		check_fail(a, step, now, "expired at %s (%s)", until, w->last_text);
	else
		check_pass(a, step, "valid from %s to %s", from, until);
	return a->now >= w->from && a->now <= w->until;
}

void path_verify(struct appraisal *a, const struct path_request *request,
		 struct path_result *ret_path)
{
	struct search s = { .a = a, .request = request, .cache = verifier_path_cache(a->verifier) };
	const char *chain = step_name(a, request->step, "chain");
	struct window w = { .from = INT64_MIN, .until = INT64_MAX, .lists_issued = INT64_MAX };
	struct path p = { .count = 0 };
	bool form, root, revocation;

	*ret_path = (struct path_result){ .lists_issued = INT64_MAX };
	if (!request->certificates->count) {
		check_missing(a, chain, "no certificate");
		return;
	}
	if (!x509_facts(request->certificates->items[0]) || !search(&s, &p)) {
		fail_no_path(&s, chain);
		ERR_clear_error();
		return;
	}
	form = check_form(a, chain, &p) && check_related(&s, chain, &p);
	if (form)
		pass_chain(a, chain, &p);
	root = check_root(a, step_name(a, request->step, "root"), request, &p);
	for (size_t i = 0; i < p.count; i++) {
		char name[NAME_ROOM];

		window_cut(&w, x509_not_before(p.certs[i]), x509_not_after(p.certs[i]), "",
			   name_of(p.certs[i], name));
	}
	revocation = check_revocation(&s, &p, &w);
	ret_path->dates_ok = check_dates(a, step_name(a, request->step, "dates"), &w);
	ret_path->valid_from = w.from;
	ret_path->valid_until = w.until;
	ret_path->lists_issued = w.lists_issued;
	ret_path->length = p.count;
	ret_path->signatures_ok = form && root;
	ret_path->custom_root = p.root == 2;
	ret_path->ok = form && root && revocation && ret_path->dates_ok;
	ERR_clear_error();
}
