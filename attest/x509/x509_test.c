/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way a path can be wrong, with certificates made here, each against a good twin that differs in one thing only; and reading: PEM and
 * DER in every legal and illegal dress. Needs no samples.
 */
#include "attest/collateral/collateral.h"
#include "attest/x509/path_for_tests.h"
#include "attest/x509/pem.h"
#include "attest/x509/pki_for_tests.h"
#include "attest/x509/x509_internal.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#define IN_2025 1735689600 /* 2025-01-01 */
#define IN_2035 2051222400
#define CA_EXTENSIONS                                      \
	{ "basicConstraints", "critical,CA:TRUE" },        \
	{                                                  \
		"keyUsage", "critical,keyCertSign,cRLSign" \
	}

/* One PKI: root, intermediate, leaf; each recipe may be changed before it is made. */
struct pki {
	EVP_PKEY *keys[3]; /* root, intermediate, leaf */
	struct recipe root, middle, leaf;
	X509 *certs[3];
	struct x509_list list; /* leaf, intermediate, root */
};

static EVP_PKEY *p256[3], *p384, *p521, *rsa2048, *rsa1024, *ed25519, *explicit_curve;

static struct pki pki_start(void)
{
	struct pki p = { .keys = { p256[0], p256[1], p256[2] } };

	p.root = (struct recipe){ .subject = "root",
				  .key = p256[0],
				  .extensions = { CA_EXTENSIONS } };
	p.middle = (struct recipe){ .subject = "middle",
				    .issuer = "root",
				    .key = p256[1],
				    .signer = p256[0],
				    .serial = 7,
				    .extensions = { CA_EXTENSIONS } };
	p.leaf = (struct recipe){ .subject = "leaf",
				  .issuer = "middle",
				  .key = p256[2],
				  .signer = p256[1],
				  .serial = 8,
				  .extensions = { { "keyUsage", "digitalSignature" } } };
	return p;
}

static void pki_make(struct pki *p)
{
	const struct recipe *recipes[] = { &p->leaf, &p->middle, &p->root };

	for (int i = 0; i < 3; i++)
		p->list.items[p->list.count++] = make_certificate(recipes[i]);
}

static struct cattest_verifier *verifier_of(X509 *root)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct span der = certificate_der(root);
	struct cattest_error err;

	NEED(v);
	EXPECT(!cattest_add_root(v, CATTEST_ROOT_INTEL, der.data, der.size, &err), "%s", err.text);
	OPENSSL_free((void *)(uintptr_t)der.data);
	return v;
}

static struct judgement judge_at(struct cattest_verifier *v, const struct x509_list *list,
				 int64_t now, enum path_crl crl)
{
	struct path_request request = {
		.step = "test", .root = CATTEST_ROOT_INTEL, .crl = crl, .certificates = list
	};

	return judge(v, &request, now);
}

/* Makes p, trusts its root, judges it, frees it. */
static struct judgement judge_pki(struct pki *p)
{
	struct cattest_verifier *v;
	struct judgement j;

	pki_make(p);
	v = verifier_of(p->list.items[2]);
	j = judge_at(v, &p->list, IN_2025, CRL_NONE);
	x509_list_done(&p->list);
	cattest_verifier_free(v);
	return j;
}

static void test_good(void)
{
	struct pki p = pki_start();
	struct cattest_verifier *v, *stranger = cattest_verifier_new();
	struct judgement j;
	X509 *cert;

	pki_make(&p);
	v = verifier_of(p.list.items[2]);
	for (int i = 0; i < 2; i++) {
		j = judge_at(v, &p.list, IN_2025, CRL_NONE);
		EXPECT(j.path.ok && j.path.custom_root && j.path.dates_ok && j.path.signatures_ok,
		       "%s", j.found);
		EXPECT(j.path.valid_from == 1577836800 && j.path.valid_until == 1893456000,
		       "window");
	}
	j = judge_at(v, &p.list, IN_2035, CRL_NONE);
	EXPECT(!j.path.ok && j.path.signatures_ok && !j.path.dates_ok && j.dates == CATTEST_FAIL &&
		       j.chain == CATTEST_PASS,
	       "2035");
	j = judge_at(v, &p.list, 1893456000, CRL_NONE);
	EXPECT(j.path.ok, "the last second");
	j = judge_at(v, &p.list, 1893456001, CRL_NONE);
	EXPECT(!j.path.ok, "one second later");
	j = judge_at(v, &p.list, 1577836799, CRL_NONE);
	EXPECT(!j.path.ok && j.dates == CATTEST_FAIL, "one second before");
	/* Nobody trusts that root. */
	j = judge_at(stranger, &p.list, IN_2025, CRL_NONE);
	EXPECT(!j.path.ok && !j.path.signatures_ok && j.root == CATTEST_FAIL &&
		       j.chain == CATTEST_PASS,
	       "untrusted: %s", j.found);
	/* The root is not in the list: the verifier has it. */
	p.list.count = 2;
	EXPECT(judge_at(v, &p.list, IN_2025, CRL_NONE).path.ok, "root of the verifier");
	p.list.count = 1;
	j = judge_at(v, &p.list, IN_2025, CRL_NONE);
	EXPECT(!j.path.ok && j.chain == CATTEST_MISSING && strstr(j.found, "middle"),
	       "no intermediate: %s", j.found);
	p.list.count = 3;
	/* The intermediate in the collateral. */
	struct span der = certificate_der(p.list.items[1]);

	EXPECT(!cattest_add_collateral(v, "middle", der.data, der.size, NULL), "collateral");
	OPENSSL_free((void *)(uintptr_t)der.data);
	p.list.count = 1;
	EXPECT(judge_at(v, &p.list, IN_2025, CRL_NONE).path.ok, "intermediate of the collateral");
	p.list.count = 3;
	/* Order. */
	cert = p.list.items[1];
	p.list.items[1] = p.list.items[2];
	p.list.items[2] = cert;
	EXPECT(judge_at(v, &p.list, IN_2025, CRL_NONE).path.ok, "other order");
	/* An empty list. */
	struct x509_list none = { .count = 0 };

	j = judge_at(v, &none, IN_2025, CRL_NONE);
	EXPECT(!j.path.ok && j.chain == CATTEST_MISSING, "no certificate");
	x509_list_done(&p.list);
	cattest_verifier_free(v);
	cattest_verifier_free(stranger);
}

/* What must be refused: each changes one thing of the good PKI. */
static void refuse(const char *what, struct pki p, const char *because)
{
	struct judgement j = judge_pki(&p);

	EXPECT(!j.path.ok && !j.path.signatures_ok && j.chain == CATTEST_FAIL, "%s is accepted",
	       what);
	EXPECT(strstr(j.found, because), "%s: %s", what, j.found);
}

static void accept(const char *what, struct pki p)
{
	struct judgement j = judge_pki(&p);

	EXPECT(j.path.ok, "%s: %s", what, j.found);
}

static void test_form(void)
{
	struct pki p;

#define REFUSED(what, because, change) \
	p = pki_start();               \
	change;                        \
	refuse(what, p, because)
#define ACCEPTED(what, change) \
	p = pki_start();       \
	change;                \
	accept(what, p)
	REFUSED("an intermediate that is no CA", "authority",
		p.middle.extensions[0][1] = "critical,CA:FALSE");
	REFUSED("an intermediate without basic constraints", "authority",
		p.middle.extensions[0][0] = "subjectKeyIdentifier";
		p.middle.extensions[0][1] = "hash");
	REFUSED("a key usage without keyCertSign", "key usage",
		p.middle.extensions[1][1] = "critical,cRLSign");
	REFUSED("a leaf that is a CA", "cannot end", p.leaf.extensions[0][0] = "basicConstraints";
		p.leaf.extensions[0][1] = "CA:TRUE");
	REFUSED("a leaf of version 1", "version 3", p.leaf.version = 1;
		p.leaf.extensions[0][0] = NULL);
	REFUSED("an unknown critical extension of the leaf", "critical",
		p.leaf.extensions[1][0] = "1.2.3.4";
		p.leaf.extensions[1][1] = "critical,DER:0500");
	REFUSED("an unknown critical extension of the issuer", "critical",
		p.middle.extensions[2][0] = "1.2.3.4";
		p.middle.extensions[2][1] = "critical,DER:0500");
	ACCEPTED("an unknown extension that is not critical", p.leaf.extensions[1][0] = "1.2.3.4";
		 p.leaf.extensions[1][1] = "DER:0500");
	REFUSED("name constraints", "constraints", p.middle.extensions[2][0] = "nameConstraints";
		p.middle.extensions[2][1] = "critical,permitted;DNS:a");
	REFUSED("name constraints that are not critical", "constraints",
		p.middle.extensions[2][0] = "nameConstraints";
		p.middle.extensions[2][1] = "permitted;DNS:a");
	REFUSED("policy constraints", "constraints",
		p.middle.extensions[2][0] = "policyConstraints";
		p.middle.extensions[2][1] = "requireExplicitPolicy:0");
	REFUSED("an extension twice", "malformed", p.leaf.twice = "digitalSignature");
	REFUSED("malformed basic constraints", "malformed",
		p.middle.extensions[0][1] = "critical,DER:040100");
	REFUSED("path length", "allows 0", p.root.extensions[0][1] = "critical,CA:TRUE,pathlen:0");
	ACCEPTED("path length that suffices",
		 p.root.extensions[0][1] = "critical,CA:TRUE,pathlen:1";
		 p.middle.extensions[0][1] = "critical,CA:TRUE,pathlen:0");
	ACCEPTED("no key usage", p.middle.extensions[1][0] = NULL);
	ACCEPTED("an extended key usage of the leaf", p.leaf.extensions[1][0] = "extendedKeyUsage";
		 p.leaf.extensions[1][1] = "critical,2.23.133.8.3");
	REFUSED("a wrong signer of the leaf", "not signed", p.leaf.signer = p256[2]);
	REFUSED("a wrong signer of the intermediate", "not signed", p.middle.signer = p256[2]);
	REFUSED("a wrong issuer's name", "is not there", p.leaf.issuer = "muddle");
	REFUSED("a leaf that signed itself", "self-issued", p.leaf.issuer = "leaf";
		p.leaf.signer = p256[2]);
	REFUSED("a root that did not sign itself", "not signed", p.root.signer = p256[2]);
}

static void test_algorithms(void)
{
	struct pki p;

	ACCEPTED("ECDSA P-384 with SHA-384", p.root.key = p384; p.middle.signer = p384;
		 p.root.hash = "SHA384"; p.middle.hash = "SHA384");
	ACCEPTED("RSA PKCS 1 with SHA-256", p.middle.key = rsa2048; p.leaf.signer = rsa2048);
	ACCEPTED("RSA PKCS 1 with SHA-512", p.middle.key = rsa2048; p.leaf.signer = rsa2048;
		 p.leaf.hash = "SHA512");
	ACCEPTED("RSA-PSS with SHA-384, salt 48", p.middle.key = rsa2048; p.leaf.signer = rsa2048;
		 p.leaf.hash = "SHA384"; p.leaf.pss_salt = 48);
	ACCEPTED("RSA-PSS with SHA-256, salt 32", p.middle.key = rsa2048; p.leaf.signer = rsa2048;
		 p.leaf.pss_salt = 32);
	REFUSED("RSA-PSS with another salt", "not accepted", p.middle.key = rsa2048;
		p.leaf.signer = rsa2048; p.leaf.hash = "SHA384"; p.leaf.pss_salt = 20);
	REFUSED("RSA-PSS with another MGF1 hash", "not accepted", p.middle.key = rsa2048;
		p.leaf.signer = rsa2048; p.leaf.hash = "SHA384"; p.leaf.pss_salt = 48;
		p.leaf.pss_mgf = "SHA256");
	REFUSED("RSA-PSS with SHA-1", "not accepted", p.middle.key = rsa2048;
		p.leaf.signer = rsa2048; p.leaf.hash = "SHA1"; p.leaf.pss_salt = 20);
	REFUSED("SHA-1", "not accepted", p.leaf.hash = "SHA1");
	REFUSED("SHA-1 of the root's key", "not accepted", p.middle.hash = "SHA1");
	ACCEPTED("SHA-1 on the root itself, which the caller gave", p.root.hash = "SHA1");
	REFUSED("SHA-224", "not accepted", p.leaf.hash = "SHA224");
	ACCEPTED("ECDSA with SHA-512", p.leaf.hash = "SHA512");
	REFUSED("RSA 1024", "not accepted", p.middle.key = rsa1024; p.leaf.signer = rsa1024);
	ACCEPTED("P-521", p.middle.key = p521; p.leaf.signer = p521; p.leaf.hash = "SHA512");
	REFUSED("a curve in explicit parameters", "not accepted", p.middle.key = explicit_curve;
		p.leaf.signer = explicit_curve);
	ACCEPTED("a leaf of any key", p.leaf.key = ed25519);
}

/* The same key in certificates of different dates (Intel's roots): the valid one carries. */
static void test_two_roots(void)
{
	struct pki p = pki_start(), young = pki_start();
	struct cattest_verifier *v;
	struct judgement j;

	p.root.until = "20240101000000Z";
	pki_make(&p);
	young.root.serial = 2;
	pki_make(&young);
	v = verifier_of(p.list.items[2]);
	j = judge_at(v, &p.list, IN_2025, CRL_NONE);
	EXPECT(!j.path.ok && j.path.signatures_ok && j.dates == CATTEST_FAIL, "an old root: %s",
	       j.found);
	struct span der = certificate_der(young.list.items[2]);

	EXPECT(!cattest_add_collateral(v, "young root", der.data, der.size, NULL), "collateral");
	OPENSSL_free((void *)(uintptr_t)der.data);
	j = judge_at(v, &p.list, IN_2025, CRL_NONE);
	EXPECT(j.path.ok, "the young root: %s", j.found);
	x509_list_done(&p.list);
	x509_list_done(&young.list);
	cattest_verifier_free(v);
}

/* Certificates that have nothing to do with the path. */
static void test_unrelated(void)
{
	struct pki p = pki_start();
	struct recipe other = { .subject = "other",
				.issuer = "middle",
				.key = p256[0],
				.signer = p256[1],
				.serial = 99 };
	struct path_request request = { .step = "test",
					.root = CATTEST_ROOT_INTEL,
					.certificates = &p.list };
	struct cattest_verifier *v;
	struct judgement j;

	pki_make(&p);
	v = verifier_of(p.list.items[2]);
	p.list.items[p.list.count++] = make_certificate(&other);
	j = judge(v, &request, IN_2025);
	EXPECT(j.path.ok, "a sibling: %s", j.found);
	X509_free(p.list.items[3]);
	other.signer = p256[0];
	p.list.items[3] = make_certificate(&other);
	j = judge(v, &request, IN_2025);
	EXPECT(!j.path.ok && j.chain == CATTEST_FAIL && strstr(j.found, "other"), "unsigned: %s",
	       j.found);
	request.allow_unrelated = true;
	EXPECT(judge(v, &request, IN_2025).path.ok, "unrelated, allowed");
	x509_list_done(&p.list);
	cattest_verifier_free(v);
}

/* An added root need not be self-issued, but then it is this certificate and no other that says so. */
static void test_intermediate_as_root(void)
{
	struct pki p = pki_start();
	struct cattest_verifier *v;
	struct recipe fake;
	X509 *cert;

	pki_make(&p);
	v = verifier_of(p.list.items[1]);
	p.list.count = 2;
	EXPECT(judge_at(v, &p.list, IN_2025, CRL_NONE).path.ok, "an added intermediate");
	/* The same key and name in a certificate that nobody signed, with other limits. */
	fake = p.middle;
	fake.signer = p256[2];
	fake.until = "20990101000000Z";
	cert = p.list.items[1];
	p.list.items[1] = make_certificate(&fake);
	struct judgement j = judge_at(v, &p.list, IN_2025, CRL_NONE);

	EXPECT(!j.path.ok, "a forged certificate of a trusted key beside the path");
	X509_free(p.list.items[1]);
	p.list.items[1] = cert;
	p.list.count = 3;
	x509_list_done(&p.list);
	cattest_verifier_free(v);
}

/* Many certificates of one name: the work stays bounded. A circle of issuers ends. */
static void test_hostile_search(void)
{
	struct recipe a = { .subject = "a",
			    .issuer = "b",
			    .key = p256[0],
			    .signer = p256[1],
			    .extensions = { CA_EXTENSIONS } };
	struct recipe b = { .subject = "b",
			    .issuer = "a",
			    .key = p256[1],
			    .signer = p256[0],
			    .extensions = { CA_EXTENSIONS } };
	struct recipe leaf = { .subject = "leaf", .issuer = "a", .key = p256[2], .signer = p256[0] };
	struct cattest_verifier *v = cattest_verifier_new();
	struct x509_list list = { .count = 0 };
	struct judgement j;

	list.items[list.count++] = make_certificate(&leaf);
	for (long i = 0; i < 7; i++) {
		a.serial = b.serial = i + 1;
		list.items[list.count++] = make_certificate(&a);
		list.items[list.count++] = make_certificate(&b);
	}
	j = judge_at(v, &list, IN_2025, CRL_NONE);
	EXPECT(!j.path.ok && j.chain == CATTEST_FAIL, "%s", j.found);
	x509_list_done(&list);
	cattest_verifier_free(v);
}

/* --- Revocation --- */

static void add_crl(struct cattest_verifier *v, const struct crl_recipe *r)
{
	X509_CRL *crl = make_crl(r);
	struct span der = crl_der(crl);
	struct cattest_error err;

	EXPECT(!cattest_add_collateral(v, "list", der.data, der.size, &err), "%s", err.text);
	OPENSSL_free((void *)(uintptr_t)der.data);
	X509_CRL_free(crl);
}

/* The outcome with a good list of the root and this one of the intermediate. */
static struct judgement judge_crl(const struct pki *p, struct crl_recipe middle, int64_t now)
{
	struct cattest_verifier *v = verifier_of(p->list.items[2]);
	struct crl_recipe root = { .issuer = p->list.items[2], .signer = p256[0] };
	struct judgement j;

	middle.issuer = p->list.items[1];
	middle.signer = middle.signer ? middle.signer : p256[1];
	add_crl(v, &root);
	add_crl(v, &middle);
	j = judge_at(v, &p->list, now, CRL_REQUIRED);
	EXPECT(j.path.signatures_ok, "%s", j.found);
	/* A second time with all signatures remembered: the same. */
	EXPECT(judge_at(v, &p->list, now, CRL_REQUIRED).path.ok == j.path.ok, "second time");
	cattest_verifier_free(v);
	return j;
}

static void test_revocation(void)
{
	struct pki p = pki_start();
	struct cattest_verifier *v;
	struct judgement j;

	pki_make(&p);
	j = judge_crl(&p, (struct crl_recipe){ .revoked = { 1, 2, 3, 9 } }, IN_2025);
	EXPECT(j.path.ok && j.crl == CATTEST_PASS, "not revoked: %s", j.found);
	EXPECT(j.path.valid_until == 1861920000, "the lists' end is the window's");
	j = judge_crl(&p, (struct crl_recipe){ .revoked = { 1, 8 } }, IN_2025);
	EXPECT(!j.path.ok && j.crl == CATTEST_FAIL && strstr(j.found, "revoked"), "revoked: %s",
	       j.found);
	j = judge_crl(&p, (struct crl_recipe){ .until = "20240101000000Z" }, IN_2025);
	EXPECT(!j.path.ok && j.dates == CATTEST_FAIL && j.crl == CATTEST_PASS,
	       "an expired list: %s", j.found);
	j = judge_crl(&p, (struct crl_recipe){ .from = "20260101000000Z" }, IN_2025);
	EXPECT(!j.path.ok && j.dates == CATTEST_FAIL, "a list of the future: %s", j.found);
	j = judge_crl(&p, (struct crl_recipe){ .until = "" }, IN_2025);
	EXPECT(!j.path.ok && j.crl == CATTEST_FAIL, "a list without an end: %s", j.found);
	j = judge_crl(&p, (struct crl_recipe){ .signer = p256[2] }, IN_2025);
	EXPECT(!j.path.ok && j.crl == CATTEST_MISSING, "a list of another key: %s", j.found);
	j = judge_crl(&p, (struct crl_recipe){ .issuer_name = "muddle" }, IN_2025);
	EXPECT(!j.path.ok && j.crl == CATTEST_MISSING, "a list of another name: %s", j.found);
	j = judge_crl(&p, (struct crl_recipe){ .hash = "SHA1" }, IN_2025);
	EXPECT(!j.path.ok && j.crl == CATTEST_MISSING, "a list signed with SHA-1: %s", j.found);
	j = judge_crl(&p,
		      (struct crl_recipe){ .extensions = { { "1.2.3.4", "critical,DER:0500" } } },
		      IN_2025);
	EXPECT(!j.path.ok && j.crl == CATTEST_FAIL, "an unknown critical extension: %s", j.found);
	j = judge_crl(
		&p, (struct crl_recipe){ .extensions = { { "deltaCRL", "critical,DER:020101" } } },
		IN_2025);
	EXPECT(!j.path.ok && j.crl == CATTEST_FAIL && strstr(j.found, "delta"), "a delta: %s",
	       j.found);
	j = judge_crl(&p,
		      (struct crl_recipe){ .extensions = { { "issuingDistributionPoint",
							     "critical,indirectCRL:TRUE" } } },
		      IN_2025);
	EXPECT(!j.path.ok && j.crl == CATTEST_FAIL && strstr(j.found, "indirect"),
	       "an indirect list: %s", j.found);
	j = judge_crl(&p,
		      (struct crl_recipe){ .revoked = { 5 },
					   .entry_extension = { "1.2.3.4", "critical,DER:0500" } },
		      IN_2025);
	EXPECT(!j.path.ok && j.crl == CATTEST_FAIL, "a critical extension of an entry: %s",
	       j.found);
	j = judge_crl(&p,
		      (struct crl_recipe){ .revoked = { 5 },
					   .entry_extension = { "CRLReason", "DER:0a0101" } },
		      IN_2025);
	EXPECT(j.path.ok, "a reason: %s", j.found);
	/* A list in place of none, and what its absence is. */
	v = verifier_of(p.list.items[2]);
	j = judge_at(v, &p.list, IN_2025, CRL_REQUIRED);
	EXPECT(!j.path.ok && j.crl == CATTEST_MISSING, "no list: %s", j.found);
	EXPECT(judge_at(v, &p.list, IN_2025, CRL_IF_THERE).path.ok, "no list, none asked for");
	add_crl(v, &(struct crl_recipe){
			   .issuer = p.list.items[1], .signer = p256[1], .revoked = { 8 } });
	j = judge_at(v, &p.list, IN_2025, CRL_IF_THERE);
	EXPECT(!j.path.ok && j.crl == CATTEST_FAIL, "revoked, if there: %s", j.found);
	EXPECT(judge_at(v, &p.list, IN_2025, CRL_NONE).path.ok, "no lists used");
	cattest_verifier_free(v);
	/* Of several lists, the one for the time is taken: the new one revokes. */
	v = verifier_of(p.list.items[2]);
	add_crl(v, &(struct crl_recipe){ .issuer = p.list.items[2], .signer = p256[0] });
	add_crl(v, &(struct crl_recipe){ .issuer = p.list.items[1],
					 .signer = p256[1],
					 .from = "20260101000000Z",
					 .revoked = { 8 } });
	add_crl(v, &(struct crl_recipe){ .issuer = p.list.items[1],
					 .signer = p256[1],
					 .until = "20251231000000Z" });
	EXPECT(judge_at(v, &p.list, IN_2025, CRL_REQUIRED).path.ok, "before the revocation");
	j = judge_at(v, &p.list, 1780000000, CRL_REQUIRED);
	EXPECT(!j.path.ok && j.crl == CATTEST_FAIL, "after the revocation: %s", j.found);
	EXPECT(judge_at(v, &p.list, IN_2025, CRL_REQUIRED).path.ok, "before it again");
	cattest_verifier_free(v);
	x509_list_done(&p.list);
	/* The issuer's key usage does not allow to sign lists. */
	p = pki_start();
	p.middle.extensions[1][1] = "critical,keyCertSign";
	pki_make(&p);
	j = judge_crl(&p, (struct crl_recipe){ .hash = NULL }, IN_2025);
	EXPECT(!j.path.ok && j.crl == CATTEST_FAIL && strstr(j.found, "key usage"), "cRLSign: %s",
	       j.found);
	x509_list_done(&p.list);
	/* The intermediate is revoked. */
	p = pki_start();
	pki_make(&p);
	v = verifier_of(p.list.items[2]);
	add_crl(v, &(struct crl_recipe){
			   .issuer = p.list.items[2], .signer = p256[0], .revoked = { 7 } });
	j = judge_at(v, &p.list, IN_2025, CRL_IF_THERE);
	EXPECT(!j.path.ok && j.crl == CATTEST_FAIL && strstr(j.found, "middle"), "%s", j.found);
	cattest_verifier_free(v);
	x509_list_done(&p.list);
}

/* --- Fetching --- */

struct fake {
	X509_CRL *crl;
	unsigned asked;
	int ret;
};

static int fake_get(void *context, const char *url, uint8_t **ret_body, size_t *ret_size,
		    char **ret_chain, struct cattest_error *err)
{
	struct fake *f = context;
	struct span der;

	f->asked++;
	*ret_chain = NULL;
	if (f->ret || strcmp(url, "https://example/crl")) {
		snprintf(err->text, sizeof(err->text), "the fake has no answer");
		return f->ret ? f->ret : -ENOENT;
	}
	der = crl_der(f->crl);
	*ret_body = malloc(der.size);
	NEED(*ret_body);
	memcpy(*ret_body, der.data, der.size);
	*ret_size = der.size;
	OPENSSL_free((void *)(uintptr_t)der.data);
	return 0;
}

static void test_fetch(void)
{
	struct pki p = pki_start();
	struct path_request request = { .step = "test",
					.root = CATTEST_ROOT_INTEL,
					.crl = CRL_REQUIRED,
					.certificates = &p.list,
					.crl_url = { "https://example/crl" } };
	struct fake fake = { .ret = 0 };
	struct cattest_fetcher fetcher = { .context = &fake, .get = fake_get };
	struct cattest_verifier *v;
	struct judgement j;

	pki_make(&p);
	for (int i = 0; i < 3; i++) {
		struct crl_recipe root = { .issuer = p.list.items[2], .signer = p256[0] };
		struct crl_recipe middle = { .issuer = p.list.items[1], .signer = p256[1] };

		v = verifier_of(p.list.items[2]);
		cattest_set_fetcher(v, &fetcher);
		add_crl(v, &root);
		if (i == 2) {
			/* An old list is there: the new one is asked for. */
			middle.until = "20240101000000Z";
			add_crl(v, &middle);
			middle.until = NULL;
		}
		fake = (struct fake){ .crl = make_crl(&middle), .ret = i == 1 ? -EIO : 0 };
		j = judge(v, &request, IN_2025);
		EXPECT(j.path.ok == (i != 1) && fake.asked == 1, "%d: %s, asked %u", i, j.found,
		       fake.asked);
		EXPECT(i != 1 || (j.crl == CATTEST_MISSING &&
				  strstr(j.found, "the fake has no answer")),
		       "%s", j.found);
		j = judge(v, &request, IN_2025);
		EXPECT(j.path.ok == (i != 1) && fake.asked == 1, "asked again");
		X509_CRL_free(fake.crl);
		cattest_verifier_free(v);
	}
	x509_list_done(&p.list);
}

/* --- Reading --- */

static size_t pem_text(X509 *const *certs, size_t count, char *text, size_t room)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	for (size_t i = 0; i < count; i++)
		NEED(PEM_write_bio_X509(bio, certs[i]));
	n = BIO_read(bio, text, (int)room - 1);
	NEED(n > 0);
	text[n] = 0;
	BIO_free(bio);
	return (size_t)n;
}

static int read_list(const void *data, size_t size, size_t *ret_count)
{
	struct x509_list list = { .count = 0 };
	int ret = x509_list_from(SPAN(data, size), &list);

	*ret_count = list.count;
	x509_list_done(&list);
	return ret;
}

static void test_reading(void)
{
	struct pki p = pki_start();
	char text[8192], changed[16384], bag[] = "Bag Attributes\n";
	size_t size, count, n = 0;
	int ret;

	pki_make(&p);
	size = pem_text(p.list.items, 3, text, sizeof(text));
	EXPECT(!read_list(text, size, &count) && count == 3, "PEM");
	EXPECT(!read_list(text, size + 1, &count) && count == 3, "PEM with its NUL");
	EXPECT(!read_list(text, size - 1, &count) && count == 3, "without the last newline");
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\n')
			changed[n++] = '\r';
		changed[n++] = text[i];
	}
	EXPECT(!read_list(changed, n, &count) && count == 3, "CR LF");
	memcpy(changed, bag, sizeof(bag) - 1);
	memcpy(changed + sizeof(bag) - 1, text, size);
	EXPECT(read_list(changed, size + sizeof(bag) - 1, &count) == -EBADMSG && !count,
	       "text before");
	memcpy(changed, text, size);
	memcpy(changed + size, bag, sizeof(bag));
	EXPECT(read_list(changed, size + sizeof(bag) - 1, &count) == -EBADMSG && !count,
	       "text behind");
	for (size_t cut = 0; cut < size - 1; cut += 3) {
		ret = read_list(text, cut, &count);
		/* After a whole block it is a shorter list, if only the newline is cut. */
		EXPECT(ret == -EBADMSG || (cut && !strncmp(text + cut - 5, "-----", 5)) ||
			       (cut && text[cut - 1] == '\n'),
		       "cut at %zu: %d", cut, ret);
	}
	/* No byte of the PEM can change without being noticed: it is refused, or it is another certificate. */
	for (size_t at = 0; at < size; at++)
		for (int bit = 0; bit < 8; bit++) {
			struct x509_list list = { .count = 0 };

			memcpy(changed, text, size);
			changed[at] ^= (char)(1 << bit);
			if (!x509_list_from_pem(SPAN(changed, size), &list)) {
				bool same = list.count == 3;

				for (size_t i = 0; i < 3 && same; i++)
					same = !X509_cmp(list.items[i], p.list.items[i]);
				EXPECT(!same, "byte %zu bit %d changes nothing", at, bit);
			}
			x509_list_done(&list);
		}
	/* DER, one and several, with a rest, cut. */
	n = 0;
	for (int i = 0; i < 3; i++) {
		struct span der = certificate_der(p.list.items[i]);
		X509 *cert = x509_from_der(der);

		EXPECT(cert, "DER");
		X509_free(cert);
		memcpy(changed + n, der.data, der.size);
		n += der.size;
		changed[n] = 0;
		EXPECT(!x509_from_der(SPAN(changed + n - der.size, der.size + 1)), "a byte behind");
		EXPECT(!x509_from_der(SPAN(der.data, der.size - 1)), "cut");
		OPENSSL_free((void *)(uintptr_t)der.data);
		EXPECT(!read_list(changed, n, &count) && count == (size_t)i + 1, "DER %d", i);
	}
	EXPECT(read_list(changed, n + 1, &count) == -EBADMSG && !count, "a byte behind several");
	EXPECT(read_list("", 0, &count) == -EBADMSG && read_list("\0\0", 2, &count) == -EBADMSG,
	       "nothing");
	/* More than fit: nothing is left of it. */
	struct x509_list full = { .count = 0 };

	for (int i = 0; i < 5; i++)
		EXPECT(!x509_list_from_pem(SPAN(text, size), &full), "%d", i);
	EXPECT(x509_list_from_pem(SPAN(text, size), &full) == -E2BIG && full.count == 15, "16");
	x509_list_done(&full);
	x509_list_done(&p.list);
}

/* Base64 has one text for each value. */
static void test_base64(void)
{
	static const struct {
		const char *text;
		int size; /* -1: refused */
	} cases[] = {
		{ "", 0 },	   { "QQ==", 1 },   { "QUI=", 2 },	{ "QUJD", 3 },
		{ "QR==", -1 },	   { "QUJ=", -1 },  { "QQ=", -1 },	{ "QQ", -1 },
		{ "Q===", -1 },	   { "====", -1 },  { "QQ==QQ==", -1 }, { "QU JD", -1 },
		{ "QU\nJD\n", 3 }, { "QUJD=", -1 }, { "QU-D", -1 },	{ "QUJ\tD", -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *bytes = NULL;
		size_t size = 0;
		int ret = base64_lines(SPAN(cases[i].text, strlen(cases[i].text)), &bytes, &size);

		EXPECT(cases[i].size < 0 ? ret == -EBADMSG : !ret && size == (size_t)cases[i].size,
		       "\"%s\": %d", cases[i].text, ret);
		free(bytes);
	}
}

/* BER that is not DER: the same certificate in other bytes. */
static void test_der_only(void)
{
	struct pki p = pki_start();
	uint8_t ber[4096];
	struct span der;

	pki_make(&p);
	der = certificate_der(p.list.items[0]);
	/* 30 82 hh ll: with one length byte more. */
	NEED(der.data[0] == 0x30 && der.data[1] == 0x82);
	ber[0] = 0x30;
	ber[1] = 0x83;
	ber[2] = 0;
	memcpy(ber + 3, der.data + 2, der.size - 2);
	EXPECT(!x509_from_der(SPAN(ber, der.size + 1)), "a longer length");
	/* Indefinite length. */
	ber[1] = 0x80;
	memcpy(ber + 2, der.data + 4, der.size - 4);
	ber[der.size - 2] = ber[der.size - 1] = 0;
	EXPECT(!x509_from_der(SPAN(ber, der.size)), "an indefinite length");
	OPENSSL_free((void *)(uintptr_t)der.data);
	x509_list_done(&p.list);
}

static void test_fields(void)
{
	struct pki p = pki_start();
	uint8_t digest_here[32], digest_there[32];
	char text[64];
	bool twice;
	struct span e;

	p.leaf.extensions[1][0] = "1.2.3.4";
	p.leaf.extensions[1][1] = "DER:020105";
	pki_make(&p);
	X509 *leaf = p.list.items[0];

	x509_subject_cn(leaf, text, sizeof(text));
	EXPECT(!strcmp(text, "leaf"), "%s", text);
	x509_issuer_cn(leaf, text, sizeof(text));
	EXPECT(!strcmp(text, "middle"), "%s", text);
	x509_subject_cn(leaf, text, 4);
	EXPECT(!text[0], "a name that does not fit is empty");
	EXPECT(x509_not_before(leaf) == 1577836800 && x509_not_after(leaf) == 1893456000, "dates");
	e = x509_extension(leaf, "1.2.3.4", &twice);
	EXPECT(!twice && e.size == 3 && !memcmp(e.data, "\2\1\5", 3), "extension");
	e = x509_extension(leaf, "1.2.3.5", &twice);
	EXPECT(!twice && !e.data && !e.size, "no extension");
	e = x509_serial(leaf);
	EXPECT(e.size == 1 && e.data[0] == 8, "serial");
	x509_spki_sha256(leaf, digest_here);
	EVP_Digest(x509_spki(leaf).data, x509_spki(leaf).size, digest_there, NULL, EVP_sha256(),
		   NULL);
	EXPECT(!memcmp(digest_here, digest_there, 32), "SPKI");
	x509_list_done(&p.list);
	p = pki_start();
	p.leaf.twice = "digitalSignature";
	pki_make(&p);
	e = x509_extension(p.list.items[0], "2.5.29.15", &twice);
	EXPECT(twice && !e.data, "twice");
	x509_list_done(&p.list);
}

/* x509_list_read gives the same objects the second time, and counts right. */
static void test_read_cache(void)
{
	struct pki p = pki_start();
	struct cattest_verifier *v = cattest_verifier_new();
	struct appraisal a = { .verifier = v };
	struct x509_list first = { .count = 0 }, second = { .count = 0 };
	char text[8192];
	size_t size;

	pki_make(&p);
	size = pem_text(p.list.items, 3, text, sizeof(text));
	EXPECT(!x509_list_read(&a, SPAN(text, size), &first) && first.count == 3, "first");
	EXPECT(!x509_list_read(&a, SPAN(text, size), &second) && second.count == 3 &&
		       first.items[1] == second.items[1],
	       "second");
	for (int i = 0; i < 200; i++) {
		struct x509_list more = { .count = 0 };

		text[size] = 0;
		EXPECT(!x509_list_read(&a, SPAN(text, size + (size_t)(i % 2)), &more) &&
			       more.count == 3,
		       "more");
		x509_list_done(&more);
	}
	x509_list_done(&first);
	x509_list_done(&second);
	x509_list_done(&p.list);
	cattest_verifier_free(v);
}

static EVP_PKEY *make_explicit_curve(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	NEED(ctx && EVP_PKEY_keygen_init(ctx) > 0 &&
	     EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1) > 0 &&
	     EVP_PKEY_CTX_set_ec_param_enc(ctx, OPENSSL_EC_EXPLICIT_CURVE) > 0 &&
	     EVP_PKEY_generate(ctx, &key) > 0);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

int main(void)
{
	EVP_PKEY **all[] = { &p256[0], &p256[1], &p256[2], &p384,	   &p521,
			     &rsa2048, &rsa1024, &ed25519, &explicit_curve };

	for (int i = 0; i < 3; i++)
		p256[i] = make_ec("P-256");
	p384 = make_ec("P-384");
	p521 = make_ec("P-521");
	rsa2048 = make_rsa(2048);
	rsa1024 = make_rsa(1024);
	ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	explicit_curve = make_explicit_curve();
	test_good();
	test_form();
	test_algorithms();
	test_two_roots();
	test_unrelated();
	test_intermediate_as_root();
	test_hostile_search();
	test_revocation();
	test_fetch();
	test_reading();
	test_base64();
	test_der_only();
	test_fields();
	test_read_cache();
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		EVP_PKEY_free(*all[i]);
	if (failures)
		printf("%u failures\n", failures);
	return failures != 0;
}
