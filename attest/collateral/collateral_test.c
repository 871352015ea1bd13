/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bag with things made here: every form it reads and does not read, what is found for which time, what is asked of a fetcher, and that
 * the exact bytes of signed objects are kept. Needs no samples.
 */
#include "attest/collateral/collateral_internal.h"
#include "attest/x509/pki_for_tests.h"

#include <errno.h>
#include <openssl/pem.h>

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

#define SIGNATURE                                                          \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" \
	"202122232425262728292A2B2C2D2E2F303132333435363738393a3b3c3d3e3f"
#define DATES "\"issueDate\":\"2025-01-01T00:00:00Z\",\"nextUpdate\":\"2025-02-01T00:00:00Z\""
#define TCB_BODY(fmspc, number)                                          \
	"{ \"id\":\"SGX\", \"version\":3,\t" DATES ",\"fmspc\":\"" fmspc \
	"\",\"pceId\":\"0000\",\"tcbEvaluationDataNumber\":" number "}"
#define IDENTITY_BODY "{\"id\":\"TD_QE\",\"version\":2," DATES ",\"tcbEvaluationDataNumber\":17}"
#define TCB(fmspc, number) \
	"{\"tcbInfo\":" TCB_BODY(fmspc, number) ",\"signature\":\"" SIGNATURE "\"}"

static EVP_PKEY *key;
static X509 *root, *signer;
static char root_pem[2048], signer_pem[2048], crl_hex[2048], crl_pem[2048];

static void make_pem(X509 *cert, char *text, size_t room)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	NEED(PEM_write_bio_X509(bio, cert) && (n = BIO_read(bio, text, (int)room - 1)) > 0);
	text[n] = 0;
	BIO_free(bio);
}

static void make_pki(void)
{
	struct recipe ca = { .subject = "root",
			     .extensions = { { "basicConstraints", "critical,CA:TRUE" } } };
	struct recipe leaf = { .subject = "signer", .issuer = "root", .serial = 2 };
	struct crl_recipe list = { .revoked = { 5 } };
	X509_CRL *crl;
	struct span der;
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	key = make_ec("P-256");
	ca.key = leaf.key = list.signer = key;
	root = make_certificate(&ca);
	signer = make_certificate(&leaf);
	make_pem(root, root_pem, sizeof(root_pem));
	make_pem(signer, signer_pem, sizeof(signer_pem));
	list.issuer = root;
	crl = make_crl(&list);
	der = crl_der(crl);
	hex_text(der, crl_hex, sizeof(crl_hex));
	NEED(PEM_write_bio_X509_CRL(bio, crl) &&
	     (n = BIO_read(bio, crl_pem, sizeof(crl_pem) - 1)) > 0);
	crl_pem[n] = 0;
	BIO_free(bio);
	OPENSSL_free((void *)(uintptr_t)der.data);
	X509_CRL_free(crl);
}

/* Text with each newline as JSON writes it. */
static const char *json_text(const char *text)
{
	static char out[8][8192];
	static unsigned next;
	char *p = out[next++ % 8], *start = p;

	for (; *text; text++)
		if (*text == '\n' || *text == '"' || *text == '\t') {
			*p++ = '\\';
			*p++ = *text == '\n' ? 'n' : *text == '\t' ? 't' : '"';
		} else {
			*p++ = *text;
		}
	*p = 0;
	return start;
}

static int add(struct collateral *c, const char *text, struct cattest_error *err)
{
	err->text[0] = 0;
	return collateral_add(c, "test", SPAN(text, strlen(text)), err);
}

static void check_counts(const char *what, const char *text, int expected, size_t certs,
			 size_t crls, size_t jsons)
{
	struct collateral *c = collateral_new();
	struct cattest_error err;
	int ret = add(c, text, &err);

	EXPECT(ret == expected, "%s: %d %s", what, ret, err.text);
	EXPECT(!ret == !err.text[0], "%s: message", what);
	EXPECT(c->cert_count == certs && c->crl_count == crls && c->json_count == jsons,
	       "%s: %zu %zu %zu", what, c->cert_count, c->crl_count, c->json_count);
	/* Again: nothing new. */
	if (!ret)
		EXPECT(!add(c, text, &err) && c->cert_count == certs && c->crl_count == crls &&
			       c->json_count == jsons,
		       "%s: twice", what);
	collateral_free(c);
}

static void test_x509_forms(void)
{
	char text[16384];

	check_counts("PEM", root_pem, 0, 1, 0, 0);
	snprintf(text, sizeof(text), "%s%s%s", signer_pem, crl_pem, root_pem);
	check_counts("a mix", text, 0, 2, 1, 0);
	snprintf(text, sizeof(text), "# first\nsubject=CN = x\n%s\n# second\n%s\nthe end\n",
		 signer_pem, root_pem);
	check_counts("text between", text, 0, 2, 0, 0);
	snprintf(text, sizeof(text), "----BEGIN CERTIFICATE-----\n%s", strchr(root_pem, '\n') + 1);
	check_counts("a damaged mark", text, -EBADMSG, 0, 0, 0);
	check_counts("hex", crl_hex, 0, 0, 1, 0);
	snprintf(text, sizeof(text), "\n  %s \r\n", crl_hex);
	check_counts("hex with blanks around", text, 0, 0, 1, 0);
	crl_hex[10] = 'x';
	check_counts("no hex", crl_hex, -EBADMSG, 0, 0, 0);
	hex_text(SPAN("\x30\x82", 2), text, sizeof(text));
	check_counts("hex of half a list", text, -EBADMSG, 0, 0, 0);
	crl_hex[10] = crl_hex[9] = '0';
	check_counts("nothing", "", -EBADMSG, 0, 0, 0);
	check_counts("blanks", " \n", -EBADMSG, 0, 0, 0);
	check_counts("words", "hello", -EBADMSG, 0, 0, 0);
	check_counts("a key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		     -ENOTSUP, 0, 0, 0);
}

static void make_list_again(void)
{
	EVP_PKEY_free(key);
	X509_free(root);
	X509_free(signer);
	make_pki();
}

static void test_json_forms(void)
{
	static char text[65536];
	uint8_t raw[64];
	char bytes[512] = "";

	NEED(!hex_parse(SIGNATURE, 128, raw, 64));
	for (int i = 0; i < 64; i++)
		snprintf(bytes + strlen(bytes), sizeof(bytes) - strlen(bytes), "%s%d", i ? "," : "",
			 raw[i]);
	check_counts("PCS TCB info", TCB("00606A000000", "17"), 0, 0, 0, 1);
	check_counts("PCS identity",
		     "{\"enclaveIdentity\":" IDENTITY_BODY ",\"signature\":\"" SIGNATURE "\"}", 0,
		     0, 0, 1);
	check_counts("PCS, other order and blanks",
		     " {\r\n \"signature\" : \"" SIGNATURE
		     "\" ,\t\"tcbInfo\" : " TCB_BODY("00606A000000", "1") " }\n",
		     0, 0, 0, 1);
	check_counts("numbers",
		     "{\"tcbEvaluationDataNumbers\":{\"id\":\"SGX\",\"version\":1," DATES
		     "},\"signature\":\"" SIGNATURE "\"}",
		     0, 0, 0, 1);
	snprintf(text, sizeof(text),
		 "{\"raw_tcb_info\":\"%s\",\"signature\":[%s],\"ca_chain\":[\"%s\",\"%s\"]}",
		 json_text(TCB_BODY("00606a000000", "17")), bytes, json_text(signer_pem),
		 json_text(root_pem));
	check_counts("raw", text, 0, 2, 0, 1);
	snprintf(text, sizeof(text),
		 "{\"raw_tcb_info\":\"%s\",\"signature\":[48,6,2,1,1,2,1,2],\"ca_chain\":[]}",
		 json_text(TCB_BODY("00606a000000", "17")));
	check_counts("raw, DER signature", text, 0, 0, 0, 1);
	snprintf(text, sizeof(text),
		 "{\"raw_tcb_info\":\"%s\",\"signature\":[48,6,2,1,1,2,1,2,0],\"ca_chain\":[]}",
		 json_text(TCB_BODY("00606a000000", "17")));
	check_counts("raw, a byte behind the DER signature", text, -EBADMSG, 0, 0, 0);
	snprintf(text, sizeof(text), "{\"raw_tcb_info\":\"%s\",\"signature\":[300]}",
		 json_text(TCB_BODY("00606a000000", "17")));
	check_counts("raw, no byte", text, -EBADMSG, 0, 0, 0);
	snprintf(text, sizeof(text), "{\"tcb_info_json\":\"%s\",\"issuer_chain\":\"%s%s\"}",
		 json_text(TCB("00606a000000", "17")), json_text(signer_pem), json_text(root_pem));
	check_counts("capture", text, 0, 2, 0, 1);
	snprintf(
		text, sizeof(text),
		"{\"pck_crl_issuer_chain\":\"%s\",\"root_ca_crl\":\"%s\",\"pck_crl\":\"%s\",\"tcb_info_issuer_chain\":\"%s\","
		"\"tcb_info\":\"%s\",\"tcb_info_signature\":\"" SIGNATURE
		"\",\"qe_identity\":\"%s\",\"qe_identity_signature\":[%s]}",
		json_text(root_pem), crl_hex, json_text(crl_pem), json_text(signer_pem),
		json_text(TCB_BODY("00606a000000", "17")), json_text(IDENTITY_BODY), bytes);
	check_counts("collateral v3", text, 0, 2, 1, 2);
	snprintf(text, sizeof(text), "{\"tcb_info\":\"%s\"}", json_text(TCB("00606a000000", "17")));
	check_counts("collateral v3 with the wrapper inside", text, 0, 0, 0, 1);
	snprintf(text, sizeof(text), "{\"tcb_info\":\"%s\"}",
		 json_text(TCB_BODY("00606a000000", "17")));
	check_counts("collateral v3 without a signature", text, -ENOTSUP, 0, 0, 0);
	snprintf(text, sizeof(text), "{\"crl_data\":\"%s\",\"issuer_chain\":\"%s\"}",
		 json_text(crl_pem), json_text(root_pem));
	check_counts("captured list", text, 0, 1, 1, 0);
	snprintf(
		text, sizeof(text),
		"{\"vcekCert\":\"%s\",\"tcbm\":\"DB18000000000004\",\"certificateChain\":\"%s%s\",\"cacheControl\":\"86400\"}",
		json_text(signer_pem), json_text(root_pem), json_text(signer_pem));
	check_counts("THIM", text, 0, 2, 0, 0);
	snprintf(text, sizeof(text), "{\"vcekCert\":\"%s\"}", json_text(signer_pem));
	check_counts("THIM, the VCEK alone", text, 0, 1, 0, 0);
	snprintf(text, sizeof(text), "{\"vcekCert\":\"%s\",\"chain\":\"\"}", json_text(signer_pem));
	check_counts("THIM with an unknown member", text, -EBADMSG, 0, 0, 0);
	check_counts("THIM without a certificate", "{\"vcekCert\":null}", -EBADMSG, 0, 0, 0);
}

/* What the bag has is not read again; what differs in one byte is. */
static void test_read_once(void)
{
	struct collateral *c = collateral_new();
	struct cattest_error err;
	unsigned char *der = NULL;
	int size = i2d_X509(signer, &der);
	X509 *first, *again, *other;

	NEED(c && size > 0);
	NEED(!collateral_add(c, "signer", SPAN(der, (size_t)size), &err));
	first = x509_from_bag(c, SPAN(der, (size_t)size));
	again = x509_from_bag(c, SPAN(der, (size_t)size));
	EXPECT(first && first == again && first == collateral_certificate(c, 0), "read twice");
	X509_free(first);
	X509_free(again);
	der[size - 1] ^= 1; /* of the signature */
	other = x509_from_bag(c, SPAN(der, (size_t)size));
	EXPECT(other && other != collateral_certificate(c, 0),
	       "another certificate was taken for it");
	X509_free(other);
	EXPECT(!x509_from_bag(c, SPAN(der, (size_t)size - 1)), "cut short");
	/* The bag is gone; what was taken from it stays. */
	der[size - 1] ^= 1;
	first = x509_from_bag(c, SPAN(der, (size_t)size));
	collateral_free(c);
	EXPECT(first && !X509_cmp(first, signer), "the bag's end took it along");
	X509_free(first);
	OPENSSL_free(der);
}

static void test_json_refused(void)
{
	static const struct {
		const char *what, *text;
		int ret;
	} cases[] = {
		{ "no signature", "{\"tcbInfo\":" TCB_BODY("00606A000000", "1") "}", -EBADMSG },
		{ "a short signature",
		  "{\"tcbInfo\":" TCB_BODY("00606A000000", "1") ",\"signature\":\"00\"}",
		  -EBADMSG },
		{ "an unknown member",
		  "{\"tcbInfo\":" TCB_BODY("00606A000000", "1") ",\"signature\":\"" SIGNATURE
								"\",\"more\":1}",
		  -EBADMSG },
		{ "a member twice",
		  "{\"tcbInfo\":" TCB_BODY("00606A000000", "1") ",\"tcbInfo\":" TCB_BODY(
			  "00606A000000", "2") ",\"signature\":\"" SIGNATURE "\"}",
		  -EBADMSG },
		{ "a member twice inside",
		  "{\"tcbInfo\":{\"id\":\"SGX\",\"id\":\"SGX\",\"version\":3," DATES
		  ",\"fmspc\":\"00606A000000\",\"tcbEvaluationDataNumber\":1},\"signature\":\"" SIGNATURE
		  "\"}",
		  -EBADMSG },
		{ "a name with an escape",
		  "{\"tcb\\u0049nfo\":" TCB_BODY("00606A000000", "1") ",\"signature\":\"" SIGNATURE
								      "\"}",
		  -EBADMSG },
		{ "text behind", TCB("00606A000000", "1") "x", -EBADMSG },
		{ "two objects", TCB("00606A000000", "1") TCB("00606A000000", "1"), -EBADMSG },
		{ "another version",
		  "{\"tcbInfo\":{\"id\":\"SGX\",\"version\":4," DATES
		  ",\"fmspc\":\"00606A000000\",\"tcbEvaluationDataNumber\":1},\"signature\":\"" SIGNATURE
		  "\"}",
		  -ENOTSUP },
		{ "another id",
		  "{\"tcbInfo\":{\"id\":\"XYZ\",\"version\":3," DATES
		  ",\"fmspc\":\"00606A000000\",\"tcbEvaluationDataNumber\":1},\"signature\":\"" SIGNATURE
		  "\"}",
		  -ENOTSUP },
		{ "a short fmspc", TCB("00606A0000", "1"), -EBADMSG },
		{ "a fraction", TCB("00606A000000", "1.5"), -EBADMSG },
		{ "a negative number", TCB("00606A000000", "-1"), -EBADMSG },
		{ "a large number", TCB("00606A000000", "4294967296"), -EBADMSG },
		{ "no dates",
		  "{\"tcbInfo\":{\"id\":\"SGX\",\"version\":3,\"fmspc\":\"00606A000000\",\"tcbEvaluationDataNumber\":1},"
		  "\"signature\":\"" SIGNATURE "\"}",
		  -EBADMSG },
		{ "no object", "{\"tcbInfo\":[],\"signature\":\"" SIGNATURE "\"}", -EBADMSG },
		{ "an empty object", "{}", -ENOTSUP },
		{ "half", "{\"tcbInfo\":", -EBADMSG },
		{ "another form", "{\"quote\":\"00\"}", -ENOTSUP },
		{ "a body that is no text", "{\"raw_tcb_info\":{},\"signature\":[1]}", -EBADMSG },
		{ "a signature without its body",
		  "{\"qe_identity_signature\":\"00\",\"pck_crl\":\"\"}", -EBADMSG },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_counts(cases[i].what, cases[i].text, cases[i].ret, 0, 0, 0);
}

/* Nesting is bounded before anything recurses. */
static void test_depth(void)
{
	static char text[200000];
	size_t n = (size_t)snprintf(text, sizeof(text), "{\"tcbInfo\":");

	memset(text + n, '[', 90000);
	text[n + 90000] = 0;
	check_counts("deep and open", text, -EBADMSG, 0, 0, 0);
	memset(text + n + 90000, ']', 90000);
	snprintf(text + n + 180000, sizeof(text) - n - 180000, ",\"signature\":\"" SIGNATURE "\"}");
	check_counts("deep", text, -EBADMSG, 0, 0, 0);
}

static void test_scan(void)
{
	static const struct {
		const char *text, *name, *value; /* NULL: not there; "!": malformed */
	} cases[] = {
		{ "{}", "a", NULL },
		{ " { } ", "a", NULL },
		{ "{\"a\":1}", "a", "1" },
		{ "{\"a\" : {\"b\" : [1, 2 , {} ]} , \"c\":\"}\"}", "a", "{\"b\" : [1, 2 , {} ]}" },
		{ "{\"a\":\"x\\\"y}\",\"c\":-1.5e+3}", "c", "-1.5e+3" },
		{ "{\"a\":\"\\u00e9\\n\"}", "a", "\"\\u00e9\\n\"" },
		{ "{\"b\":{\"a\":1}}", "a", NULL },
		{ "{\"a\":true,\"b\":null,\"c\":false}", "b", "null" },
		{ "{\"a\":1,\"a\":2}", "b", "!" },
		{ "{\"a\":1,}", "a", "!" },
		{ "{,\"a\":1}", "a", "!" },
		{ "{\"a\":[1,]}", "a", "!" },
		{ "{\"a\":[,1]}", "a", "!" },
		{ "{\"a\":{\"b\":}}", "a", "!" },
		{ "{\"a\":{\"b\"}}", "a", "!" },
		{ "{\"a\":{1:2}}", "a", "!" },
		{ "{\"a\":[1}}", "a", "!" },
		{ "{\"a\":01}", "a", "!" },
		{ "{\"a\":1.}", "a", "!" },
		{ "{\"a\":+1}", "a", "!" },
		{ "{\"a\":-}", "a", "!" },
		{ "{\"a\":1e}", "a", "!" },
		{ "{\"a\":tru}", "a", "!" },
		{ "{\"a\":\"\\x\"}", "a", "!" },
		{ "{\"a\":\"\\u12g4\"}", "a", "!" },
		{ "{\"a\":\"\t\"}", "a", "!" },
		{ "{\"a\":\"", "a", "!" },
		{ "{\"a\":", "a", "!" },
		{ "{\"a\"", "a", "!" },
		{ "{", "a", "!" },
		{ "", "a", "!" },
		{ "[]", "a", "!" },
		{ "{\"a\":1}}", "a", "!" },
		{ "{\"a\":1 2}", "a", "!" },
		{ "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", "a",
		  "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]" },
		{ "{\"a\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}", "a", "!" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span value = { NULL, 0 };
		int ret = json_scan_member(SPAN(cases[i].text, strlen(cases[i].text)),
					   cases[i].name, &value);
		const char *v = cases[i].value;

		EXPECT(ret == (!v ? 0 : *v == '!' ? -EBADMSG : 1), "%s: %d", cases[i].text, ret);
		if (ret == 1)
			EXPECT(span_equal(value, SPAN(v, strlen(v))), "%s: %.*s", cases[i].text,
			       (int)value.size, (const char *)value.data);
	}
}

static void test_exact_bytes(void)
{
	struct collateral *c = collateral_new();
	struct cattest_error err;
	uint8_t fmspc[6], signature[64];
	struct intel_json *j;

	NEED(!hex_parse("00606a000000", 12, fmspc, 6) && !hex_parse(SIGNATURE, 128, signature, 64));
	EXPECT(!add(c, TCB("00606A000000", "17"), &err), "%s", err.text);
	j = collateral_find_json(c, INTEL_TCB_INFO, "SGX", fmspc, 0);
	EXPECT(j && span_equal(j->body, SPAN(TCB_BODY("00606A000000", "17"),
					     strlen(TCB_BODY("00606A000000", "17")))),
	       "body");
	EXPECT(j && !memcmp(j->signature, signature, 64) && !strcmp(j->origin, "test") &&
		       j->evaluation_number == 17 && j->issue_date == 1735689600 &&
		       j->next_update == 1738368000,
	       "fields");
	EXPECT(!collateral_find_json(c, INTEL_TCB_INFO, "TDX", fmspc, 0), "another id");
	EXPECT(!collateral_find_json(c, INTEL_QE_IDENTITY, "SGX", fmspc, 0), "another kind");
	fmspc[0]++;
	EXPECT(!collateral_find_json(c, INTEL_TCB_INFO, "SGX", fmspc, 0), "another platform");
	collateral_free(c);
}

/* Valid before not valid, then the higher evaluation number, then the later. */
static void test_choice(void)
{
	static const char *const texts[] = {
		"{\"tcbInfo\":{\"id\":\"SGX\",\"version\":3,\"issueDate\":\"2024-01-01T00:00:00Z\",\"nextUpdate\":\"2024-02-01T00:00:00Z\","
		"\"fmspc\":\"010203040506\",\"tcbEvaluationDataNumber\":16},\"signature\":\"" SIGNATURE
		"\"}",
		"{\"tcbInfo\":{\"id\":\"SGX\",\"version\":3,\"issueDate\":\"2025-01-01T00:00:00Z\",\"nextUpdate\":\"2025-02-01T00:00:00Z\","
		"\"fmspc\":\"010203040506\",\"tcbEvaluationDataNumber\":17},\"signature\":\"" SIGNATURE
		"\"}",
		"{\"tcbInfo\":{\"id\":\"SGX\",\"version\":3,\"issueDate\":\"2025-01-01T00:00:00Z\",\"nextUpdate\":\"2025-02-01T00:00:00Z\","
		"\"fmspc\":\"010203040506\",\"tcbEvaluationDataNumber\":18},\"signature\":\"" SIGNATURE
		"\"}",
		"{\"tcbInfo\":{\"id\":\"SGX\",\"version\":3,\"issueDate\":\"2025-01-02T00:00:00Z\",\"nextUpdate\":\"2025-02-02T00:00:00Z\","
		"\"fmspc\":\"010203040506\",\"tcbEvaluationDataNumber\":18},\"signature\":\"" SIGNATURE
		"\"}",
	};
	static const uint8_t fmspc[6] = { 1, 2, 3, 4, 5, 6 };
	static const struct {
		int64_t now;
		uint32_t number;
		int64_t issued;
	} cases[] = {
		{ 1704200000, 16, 1704067200 }, /* 2024-01: only the first is valid */
		{ 1735700000, 18, 1735689600 }, /* 2025-01-01 */
		{ 1736000000, 18, 1735776000 }, /* 2025-01-04: the later of two */
		{ 1800000000, 18, 1735776000 }, /* none is valid */
	};
	struct cattest_error err;

	for (int order = 0; order < 2; order++) {
		struct collateral *c = collateral_new();

		for (int i = 0; i < 4; i++)
			EXPECT(!add(c, texts[order ? 3 - i : i], &err), "%s", err.text);
		for (size_t i = 0; i < 4; i++) {
			struct intel_json *j =
				collateral_find_json(c, INTEL_TCB_INFO, "SGX", fmspc, cases[i].now);

			EXPECT(j && j->evaluation_number == cases[i].number &&
				       j->issue_date == cases[i].issued,
			       "order %d, case %zu", order, i);
		}
		collateral_free(c);
	}
}

static void test_answer(void)
{
	struct collateral *c = collateral_new();
	char chain[8192] = "";
	struct cattest_error err;
	size_t n = 0;

	for (const char *list[] = { signer_pem, root_pem }, **p = list; p < list + 2; p++)
		for (const char *t = *p; *t; t++)
			n += (size_t)snprintf(
				chain + n, sizeof(chain) - n,
				*t == '\n' || *t == ' ' || *t == '+' || *t == '=' ? "%%%02X" : "%c",
				*t);
	EXPECT(!collateral_add_answer(
		       c, "url", SPAN(TCB("010203040506", "1"), strlen(TCB("010203040506", "1"))),
		       chain, &err),
	       "%s", err.text);
	EXPECT(c->cert_count == 2 && c->json_count == 1 && c->jsons[0]->chain.count == 2, "chain");
	EXPECT(!X509_cmp(c->jsons[0]->chain.items[0], signer), "the leaf is first");
	EXPECT(collateral_add_answer(c, "url", SPAN(crl_hex, strlen(crl_hex)), "%2", &err) ==
		       -EBADMSG,
	       "half an escape");
	EXPECT(collateral_add_answer(c, "url", SPAN(crl_hex, strlen(crl_hex)), "%00", &err) ==
		       -EBADMSG,
	       "NUL");
	EXPECT(!collateral_add_answer(c, "url", SPAN(crl_hex, strlen(crl_hex)), NULL, &err),
	       "no chain");
	collateral_free(c);
}

static void test_bounds(void)
{
	struct collateral *c = collateral_new();
	struct recipe r = { .subject = "many", .key = key };
	struct cattest_error err;
	int ret = 0;

	c->bytes = COLLATERAL_BYTES_MAX - 10;
	EXPECT(add(c, root_pem, &err) == -E2BIG, "bytes");
	c->bytes = 0;
	for (long i = 1; i <= 4097 && !ret; i++) {
		r.serial = i;
		X509 *cert = make_certificate(&r);
		struct span der = certificate_der(cert);

		ret = collateral_add(c, "many", der, &err);
		EXPECT((ret != 0) == (i == 4097), "item %ld: %d", i, ret);
		OPENSSL_free((void *)(uintptr_t)der.data);
		X509_free(cert);
	}
	EXPECT(ret == -E2BIG && c->cert_count == 4096, "items");
	EXPECT(collateral_certificate(c, 4095) && !collateral_certificate(c, 4096), "search");
	collateral_free(c);
}

/* --- Fetching --- */

static unsigned asked;

static int fake_get(void *context, const char *url, uint8_t **ret_body, size_t *ret_size,
		    char **ret_chain, struct cattest_error *err)
{
	const char *text = strstr(url, "identity") ? "{\"enclaveIdentity\":" IDENTITY_BODY
						     ",\"signature\":\"" SIGNATURE "\"}"
						   : "garbage";

	(void)context;
	asked++;
	if (strstr(url, "none"))
		return fail(err, -ENOENT, "the server has none");
	*ret_body = (uint8_t *)strdup(text);
	*ret_size = strlen(text);
	*ret_chain = NULL;
	return 0;
}

static void test_fetch(void)
{
	struct cattest_fetcher fetcher = { .get = fake_get };
	struct cattest_verifier *v = cattest_verifier_new();
	struct appraisal a = { .verifier = v };
	const char *why = NULL;
	char url[256];

	EXPECT(!collateral_fetch(&a, "https://a/identity", &why) &&
		       strstr(why, "nothing to fetch it with"),
	       "%s", why);
	cattest_set_fetcher(v, &fetcher);
	EXPECT(!collateral_fetch(&a, "https://a/none", &why) && !strcmp(why, "the server has none"),
	       "%s", why);
	EXPECT(!collateral_fetch(&a, "https://a/none", &why) &&
		       !strcmp(why, "the server has none") && asked == 1,
	       "asked again");
	EXPECT(!collateral_fetch(&a, "https://a/broken", &why) && strstr(why, "https://a/broken"),
	       "%s", why);
	EXPECT(collateral_fetch(&a, "https://a/identity", &why), "%s", why);
	EXPECT(collateral_find_json(verifier_collateral(v), INTEL_QE_IDENTITY, "TD_QE", NULL, 0),
	       "found");
	EXPECT(!collateral_fetch(&a, "https://b/identity", &why) &&
		       strstr(why, "nothing that is not here"),
	       "%s", why);
	url_tcb_info(&a, true, (const uint8_t *)"\x90\xc0\x6f\0\0\0", url, sizeof(url));
	EXPECT(!strcmp(url,
		       "https://api.trustedservices.intel.com/tdx/certification/v4/tcb?fmspc=90c06f000000"),
	       "%s", url);
	url_qe_identity(&a, false, url, sizeof(url));
	EXPECT(!strcmp(url,
		       "https://api.trustedservices.intel.com/sgx/certification/v4/qe/identity"),
	       "%s", url);
	url_pck_crl(&a, "platform", url, sizeof(url));
	EXPECT(!strcmp(url,
		       "https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl?ca=platform&encoding=der"),
	       "%s", url);
	url_root_crl(&a, url, sizeof(url));
	EXPECT(!strcmp(url, "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"),
	       "%s", url);
	url_vek(&a, false, "Milan", SPAN("\1\2", 2), "blSPL=3&teeSPL=0", url, sizeof(url));
	EXPECT(!strcmp(url, "https://kdsintf.amd.com/vcek/v1/Milan/0102?blSPL=3&teeSPL=0"), "%s",
	       url);
	url_amd_chain(&a, true, "Genoa", url, sizeof(url));
	EXPECT(!strcmp(url, "https://kdsintf.amd.com/vlek/v1/Genoa/cert_chain"), "%s", url);
	url_amd_crl(&a, false, "Turin", url, sizeof(url));
	EXPECT(!strcmp(url, "https://kdsintf.amd.com/vcek/v1/Turin/crl"), "%s", url);
	url_amd_crl(&a, false, "Turin", url, 20);
	EXPECT(!url[0], "a URL that does not fit: %s", url);
	cattest_verifier_free(v);
}

int main(void)
{
	make_pki();
	test_x509_forms();
	make_list_again();
	test_json_forms();
	test_read_once();
	test_json_refused();
	test_depth();
	test_scan();
	test_exact_bytes();
	test_choice();
	test_answer();
	test_bounds();
	test_fetch();
	EVP_PKEY_free(key);
	X509_free(root);
	X509_free(signer);
	if (failures)
		printf("%u failures\n", failures);
	return failures != 0;
}
