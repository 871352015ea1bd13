/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the certificate of the key that signed a report, and those above it.
 *
 * Sources in order: what came with the evidence, the collateral, AMD's key distribution service
 * (VCEK only: it gives VLEKs to their owners alone). A certificate fits if it is of the kind the
 * report names, of its product, of its chip and of its reported TCB: a chip has one VCEK for every
 * TCB it ever reported. Hosts often hand out one of an older TCB, so that a certificate of the
 * evidence that does not fit gives way to one of the collateral that does. Of several that fit
 * (VLEKs of one TCB, certificates issued anew) the one whose key verifies the report, and that is
 * valid, is taken.
 *
 * If none fits, the one that came with the evidence is judged all the same, or the only one of the
 * collateral, or one of the same chip: then the checks say what does not fit. If there is nothing
 * that could have been meant, the key is missing.
 *
 * If the report verifies with a key of the other kind once its SIGNING_KEY names that kind, it was
 * changed, and is refused.
 *
 * Nothing is believed here: all that is chosen goes through every check of verify.c.
 */
#include "attest/snp/keys.h"
#include "attest/collateral/collateral.h"
#include "attest/x509/x509_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct choice {
	X509 *cert; /* NULL: none; owned */
	struct snp_vek vek;
	int score; /* -1: not looked at */
	const char *origin;
};

struct search {
	struct appraisal *a;
	const struct snp_report *report;
	enum snp_signing_key kind;
	struct choice fitting, other;
	bool other_same_chip;
	unsigned others; /* of the collateral, of this kind, not fitting */
};

static bool same_chip(const struct snp_report *r, const struct snp_vek *vek)
{
	size_t size = vek->hwid.size;

	if (vek->kind == SNP_VLEK || !size)
		return vek->kind == SNP_VLEK;
	return span_equal(SPAN(r->chip_id.data, size), vek->hwid) &&
	       span_is_zero(SPAN(r->chip_id.data + size, r->chip_id.size - size));
}

static bool fits(const struct search *s, const struct snp_vek *vek)
{
	const struct snp_report *r = s->report;

	return vek->kind == s->kind && (r->product == SNP_UNKNOWN || vek->product == r->product) &&
	       (same_chip(r, vek) || span_is_zero(r->chip_id)) &&
	       snp_vek_tcb_equal(vek, r->reported_tcb, NULL);
}

/* The better of several that fit. */
static int score(const struct search *s, X509 *cert)
{
	uint8_t raw[96];
	int points = 0;

	if (snp_report_signature(s->report, raw) &&
	    ecdsa_verify(X509_get0_pubkey(cert), "SHA384",
			 SPAN(s->report->raw.data, SNP_SIGNED_SIZE), SPAN_OF(raw)))
		points += 2;
	if (x509_not_before(cert) <= s->a->now && s->a->now <= x509_not_after(cert))
		points += 1;
	return points;
}

static void take_choice(struct choice *c, X509 *cert, const struct snp_vek *vek, const char *origin,
			int points)
{
	X509_up_ref(cert);
	X509_free(c->cert);
	*c = (struct choice){ .cert = cert, .vek = *vek, .score = points, .origin = origin };
}

static void consider(struct search *s, X509 *cert, const char *origin)
{
	bool mine = !strcmp(origin, "evidence");
	struct snp_vek vek;

	if (snp_vek_parse(cert, &vek, NULL) < 0 || vek.kind != s->kind)
		return;
	if (fits(s, &vek)) {
		int points;

		if (!s->fitting.cert) {
			take_choice(&s->fitting, cert, &vek, origin, -1);
			return;
		}
		if (!X509_cmp(cert, s->fitting.cert))
			return;
		if (s->fitting.score < 0)
			s->fitting.score = score(s, s->fitting.cert);
		points = s->fitting.score < 3 ? score(s, cert) : 0;
		if (points > s->fitting.score)
			take_choice(&s->fitting, cert, &vek, origin, points);
		return;
	}
	if (!mine)
		s->others++;
	if (!s->other.cert || (!mine && !s->other_same_chip && same_chip(s->report, &vek) &&
			       strcmp(s->other.origin, "evidence"))) {
		s->other_same_chip = same_chip(s->report, &vek);
		take_choice(&s->other, cert, &vek, origin, -1);
	}
}

static void consider_collateral(struct search *s)
{
	struct collateral *bag = verifier_collateral(s->a->verifier);
	X509 *cert;

	s->others = 0;
	for (size_t i = 0; (cert = collateral_certificate(bag, i)); i++)
		consider(s, cert, "collateral");
}

static void fetch_vcek(struct search *s, const char **ret_why)
{
	const struct snp_report *r = s->report;
	enum snp_product first = r->product ? r->product : SNP_MILAN,
			 last = r->product ? r->product : SNP_GENOA;

	for (enum snp_product p = first; p <= last && !s->fitting.cert; p++) {
		const struct snp_tcb_layout *l = snp_tcb_layout(p);
		const uint8_t *tcb = r->reported_tcb.data;
		char query[96], fmc[16] = "", url[512];

		if (l->fmc >= 0)
			snprintf(fmc, sizeof(fmc), "fmcSPL=%u&", tcb[l->fmc]);
		snprintf(query, sizeof(query), "%sblSPL=%u&teeSPL=%u&snpSPL=%u&ucodeSPL=%u", fmc,
			 tcb[l->bootloader], tcb[l->tee], tcb[l->snp], tcb[l->microcode]);
		url_vek(s->a, false, snp_product_name(p),
			SPAN(r->chip_id.data, p == SNP_TURIN ? 8 : 64), query, url, sizeof(url));
		if (collateral_fetch(s->a, url, ret_why))
			consider_collateral(s);
	}
}

/* --- The certificates above --- */

/*
 * path_verify() looks in the evidence's certificates and the collateral; what neither has is asked
 * for here.
 */
static bool has_issuer(struct appraisal *a, const struct snp_keys *keys)
{
	struct collateral *bag = verifier_collateral(a->verifier);
	const X509_NAME *issuer = X509_get_issuer_name(keys->vek);
	X509 *other;

	for (size_t i = 1; i < keys->chain.count; i++)
		if (!X509_NAME_cmp(X509_get_subject_name(keys->chain.items[i]), issuer))
			return true;
	for (size_t i = 0; (other = collateral_certificate(bag, i)); i++)
		if (!X509_NAME_cmp(X509_get_subject_name(other), issuer))
			return true;
	return false;
}

static void list_add(struct x509_list *list, X509 *cert)
{
	if (list->count == X509_LIST_MAX)
		return;
	X509_up_ref(cert);
	list->items[list->count++] = cert;
}

static void build_chain(struct appraisal *a, struct snp_keys *keys, const struct x509_list *above)
{
	char url[256];
	const char *why;

	list_add(&keys->chain, keys->vek);
	for (size_t i = 0; i < above->count; i++)
		list_add(&keys->chain, above->items[i]);
	if (!keys->readable || !verifier_fetcher(a->verifier) || has_issuer(a, keys))
		return;
	url_amd_chain(a, keys->parsed.kind == SNP_VLEK, snp_product_name(keys->parsed.product), url,
		      sizeof(url));
	collateral_fetch(a, url, &why);
}

/* --- */

static int consider_table(struct search *s, const struct snp_table *table, struct x509_list *above,
			  struct x509_list *veks)
{
	for (size_t i = 0; table && i < table->count; i++) {
		const struct snp_entry *e = &table->entries[i];
		struct x509_list *list =
			e->kind == SNP_ENTRY_ASK || e->kind == SNP_ENTRY_ARK		     ? above
			: e->kind == (s->kind == SNP_VLEK ? SNP_ENTRY_VLEK : SNP_ENTRY_VCEK) ? veks
											     : NULL;
		int r = list ? x509_list_read(s->a, e->data, list) : 0;

		if (r < 0)
			return fail(s->a->err, -EBADMSG,
				    "the %s that came with the report is no certificate",
				    snp_entry_name(e->kind));
	}
	/* Some hand over the whole chain as the VEK. */
	while (veks->count > 1 && above->count < X509_LIST_MAX)
		above->items[above->count++] = veks->items[--veks->count];
	for (size_t i = 0; i < veks->count; i++)
		consider(s, veks->items[i], "evidence");
	return 0;
}

static void describe_missing(const struct search *s, const char *why, struct snp_keys *keys)
{
	char chip[40], tcb[20];

	hex_text(SPAN(s->report->chip_id.data, s->report->product == SNP_TURIN ? 8 : 64), chip,
		 sizeof(chip));
	hex_text(s->report->reported_tcb, tcb, sizeof(tcb));
	if (s->kind == SNP_VLEK)
		snprintf(
			keys->missing, sizeof(keys->missing),
			"the VLEK's certificate for TCB %s: give it as collateral; the host has it, and AMD's service gives it to its cloud alone",
			tcb);
	else if (span_is_zero(s->report->chip_id))
		snprintf(
			keys->missing, sizeof(keys->missing),
			"the VCEK's certificate: the host masks the chip's identity, so give it as collateral");
	else
		snprintf(keys->missing, sizeof(keys->missing),
			 "the VCEK's certificate of chip %s for TCB %s%s%.100s", chip, tcb,
			 why ? ": " : "", why ? why : "");
}

/* Whether this key signed the report as it is with that kind of key in its key_info. */
static bool signed_as(const struct snp_report *r, enum snp_signing_key kind, X509 *cert)
{
	uint8_t copy[SNP_SIGNED_SIZE], raw[96];

	memcpy(copy, r->raw.data, sizeof(copy));
	/* key_info, bits 4:2 (AMD 56860, table "ATTESTATION_REPORT") */
	copy[0x48] = (uint8_t)((copy[0x48] & ~0x1cu) | (unsigned)kind << 2);
	return snp_report_signature(r, raw) &&
	       ecdsa_verify(X509_get0_pubkey(cert), "SHA384", SPAN_OF(copy), SPAN_OF(raw));
}

/*
 * No key of the kind that the report names was found. If one of the other kind is there that fits in
 * all else and signed the report but for that field, then nothing is missing: the field was changed.
 */
static bool was_altered(const struct search *s, const struct snp_table *table)
{
	struct search other = *s;
	struct collateral *bag = verifier_collateral(s->a->verifier);
	struct x509_list list = { .count = 0 };
	bool altered = false;
	X509 *cert;

	other.kind = s->kind == SNP_VLEK ? SNP_VCEK : SNP_VLEK;
	for (size_t i = 0; table && i < table->count; i++)
		if (table->entries[i].kind == SNP_ENTRY_VCEK ||
		    table->entries[i].kind == SNP_ENTRY_VLEK)
			/* What cannot be read or does not fit in any more is not this key. */
			(void)!x509_list_read(s->a, table->entries[i].data, &list);
	for (size_t i = 0, k = 0; !altered;) {
		struct snp_vek vek;

		cert = i < list.count ? list.items[i++] : collateral_certificate(bag, k++);
		if (!cert)
			break;
		altered = !snp_vek_parse(cert, &vek, NULL) && fits(&other, &vek) &&
			  signed_as(s->report, other.kind, cert);
	}
	x509_list_done(&list);
	return altered;
}

/* What is judged although it does not fit: see above. */
static bool was_meant(const struct search *s, const char *fetch_why)
{
	if (!s->other.cert)
		return false;
	return !strcmp(s->other.origin, "evidence") ||
	       (!fetch_why && (s->others == 1 || s->other_same_chip));
}

static void select_vek(struct search *s, const struct snp_table *table,
		       const struct x509_list *veks, struct snp_keys *keys)
{
	const char *why = NULL;
	struct choice *c;

	consider_collateral(s);
	if (!s->fitting.cert && s->kind == SNP_VCEK && !span_is_zero(s->report->chip_id) &&
	    verifier_fetcher(s->a->verifier))
		fetch_vcek(s, &why);
	c = s->fitting.cert ? &s->fitting : &s->other;
	if (s->fitting.cert || was_meant(s, why)) {
		keys->vek = c->cert;
		keys->parsed = c->vek;
		keys->readable = true;
		keys->origin = c->origin;
		c->cert = NULL;
	} else if (veks->count) {
		/* One came along whose extensions cannot be read. */
		keys->vek = veks->items[0];
		X509_up_ref(keys->vek);
		keys->origin = "evidence";
		if (snp_vek_parse(keys->vek, &keys->parsed, &keys->why) == 0)
			fail(&keys->why, 0, "it is not of the kind that the report names");
	} else {
		keys->altered = was_altered(s, table);
		if (!keys->altered)
			describe_missing(s, why, keys);
	}
}

int snp_keys_find(struct appraisal *a, const struct snp_report *report,
		  const struct snp_table *table, struct snp_keys *ret_keys)
{
	struct search s = { .a = a, .report = report, .kind = snp_report_signing_key(report) };
	struct x509_list above = { .count = 0 }, veks = { .count = 0 };
	struct snp_keys keys = { .vek = NULL };
	int r = consider_table(&s, table, &above, &veks);

	if (!r)
		select_vek(&s, table, &veks, &keys);
	if (!r && keys.vek)
		build_chain(a, &keys, &above);
	X509_free(s.fitting.cert);
	X509_free(s.other.cert);
	x509_list_done(&above);
	x509_list_done(&veks);
	if (r < 0) {
		snp_keys_done(&keys);
		return r;
	}
	*ret_keys = keys;
	return 0;
}

void snp_keys_done(struct snp_keys *keys)
{
	X509_free(keys->vek);
	keys->vek = NULL;
	x509_list_done(&keys->chain);
}

void snp_issuer_name(enum snp_signing_key kind, enum snp_product product, char ret_name[32])
{
	snprintf(ret_name, 32, "SEV-%s%s", kind == SNP_VLEK ? "VLEK-" : "",
		 snp_product_name(product));
}

/* A root of AMD's for the product, with a list of it. */
static bool is_listed_root(struct appraisal *a, X509 *cert, const char *name)
{
	char subject[64];

	x509_subject_cn(cert, subject, sizeof(subject));
	return !strcmp(subject, name) &&
	       verifier_root(a->verifier, CATTEST_ROOT_AMD, x509_spki(cert)) &&
	       collateral_find_crl(verifier_collateral(a->verifier), cert);
}

bool snp_keys_revocation(struct appraisal *a, const struct snp_keys *keys)
{
	X509 *cert;
	char name[32];

	snprintf(name, sizeof(name), "ARK-%s", snp_product_name(keys->parsed.product));
	for (size_t i = 1; i < keys->chain.count; i++)
		if (is_listed_root(a, keys->chain.items[i], name))
			return true;
	for (size_t i = 0; (cert = verifier_root_certificate(a->verifier, CATTEST_ROOT_AMD, i));
	     i++)
		if (is_listed_root(a, cert, name))
			return true;
	for (size_t i = 0; (cert = collateral_certificate(verifier_collateral(a->verifier), i));
	     i++)
		if (is_listed_root(a, cert, name))
			return true;
	for (size_t i = 0;
	     (cert = built_in_root(verifier_path_cache(a->verifier), CATTEST_ROOT_AMD, i)); i++)
		if (is_listed_root(a, cert, name))
			return true;
	return false;
}
