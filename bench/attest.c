// SPDX-License-Identifier: Apache-2.0
/*
 * How many verifications a second one core does, beside the signatures alone with OpenSSL in the same run: warm (a verifier that has seen
 * the collateral and the platform), cold (a new verifier, collateral and quote parsed and every signature of every chain verified).
 * SGX quotes are of the tests' own PKI; SNP reports of the evidence samples, if EVIDENCE names their folder.
 *
 * bench/attest [SECONDS]
 */
#include "tests/evidence/dcap_synthetic.c"

static double seconds_each = 2;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seconds of CPU for one run of work, over a slice of 20 ms. */
static double slice(void (*work)(void *context), void *context)
{
	double start = now(), spent;
	unsigned long count = 0;

	do {
		for (int i = 0; i < 4; i++)
			work(context);
		count += 4;
		spent = now() - start;
	} while (spent < 0.02);
	return spent / (double)count;
}

/* Both alternately, so that what else the machine does meets both; the best slice of each counts. */
static void compare(void (*bare)(void *context), void (*full)(void *context), void *context,
		    double *ret_bare, double *ret_full)
{
	double end = now() + 2 * seconds_each;

	*ret_bare = *ret_full = 1e9;
	while (now() < end) {
		double t = slice(bare, context);

		*ret_bare = t < *ret_bare ? t : *ret_bare;
		t = slice(full, context);
		*ret_full = t < *ret_full ? t : *ret_full;
	}
}

struct signature {
	EVP_PKEY *key;
	const EVP_MD *md;
	const uint8_t *message;
	size_t message_size;
	uint8_t der[128];
	size_t der_size;
};

struct job {
	struct cattest_verifier *verifier;
	const uint8_t *evidence;
	size_t size;
	const struct dcap_synthetic *synthetic;
	struct signature signatures[16];
	size_t signature_count;
};

static void verify_bare(void *context)
{
	struct job *job = context;

	for (size_t i = 0; i < job->signature_count; i++) {
		struct signature *s = &job->signatures[i];
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();

		MUST(ctx && EVP_DigestVerifyInit(ctx, NULL, s->md, NULL, s->key) == 1 &&
		     EVP_DigestVerify(ctx, s->der, s->der_size, s->message, s->message_size) == 1);
		EVP_MD_CTX_free(ctx);
	}
}

static void must_be_good(const struct cattest_result *r)
{
	for (size_t i = 0; i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);

		if (c->outcome == CATTEST_FAIL) {
			fprintf(stderr, "%s: %s\n", c->step, c->found);
			exit(1);
		}
	}
}

static void verify_warm(void *context)
{
	struct job *job = context;
	struct cattest_result *r;
	struct cattest_error err;

	MUST(!cattest_verify(job->verifier, job->evidence, job->size, NULL, &r, &err));
	cattest_result_free(r);
}

static void verify_cold(void *context)
{
	struct job *job = context;

	job->verifier = dcap_synthetic_verifier(job->synthetic);
	verify_warm(job);
	cattest_verifier_free(job->verifier);
}

static void check_job(struct job *job)
{
	struct cattest_result *r;
	struct cattest_error err = { "" };

	if (cattest_verify(job->verifier, job->evidence, job->size, NULL, &r, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	must_be_good(r);
	cattest_result_free(r);
}

/* raw r || s, big endian */
static void add_signature(struct job *job, EVP_PKEY *key, const EVP_MD *md, const uint8_t *message,
			  size_t size, const uint8_t *r_bytes, const uint8_t *s_bytes, int half)
{
	struct signature *s = &job->signatures[job->signature_count++];
	ECDSA_SIG *sig = ECDSA_SIG_new();
	uint8_t *p = s->der;

	ECDSA_SIG_set0(sig, BN_bin2bn(r_bytes, half, NULL), BN_bin2bn(s_bytes, half, NULL));
	*s = (struct signature){ .key = key, .md = md, .message = message, .message_size = size };
	s->der_size = (size_t)i2d_ECDSA_SIG(sig, &p);
	ECDSA_SIG_free(sig);
}

static void print_rates(const char *what, struct job *job, void (*full)(void *context))
{
	double bare_time, full_time;

	compare(verify_bare, full, job, &bare_time, &full_time);
	printf("%-18s %7.0f/s   the %2zu signatures alone %7.0f/s   %.2f times as long\n", what,
	       1 / full_time, job->signature_count, 1 / bare_time, full_time / bare_time);
}

static void sgx(void)
{
	struct dcap_synthetic_keys *k = dcap_synthetic_keys();
	struct dcap_synthetic s;
	struct job job = { 0 };
	const uint8_t *q;
	size_t two;

	dcap_synthetic_init(&s);
	dcap_synthetic_build(&s);
	q = s.quote;
	job = (struct job){ .verifier = dcap_synthetic_verifier(&s),
			    .evidence = s.quote,
			    .size = s.quote_size,
			    .synthetic = &s };
	check_job(&job);
	add_signature(&job, k->attestation, EVP_sha256(), q, 432, q + 436, q + 468, 32);
	add_signature(&job, k->pck, EVP_sha256(), q + 564, 384, q + 948, q + 980, 32);
	print_rates("SGX v3, warm", &job, verify_warm);
	cattest_verifier_free(job.verifier);
	/*
	 * Cold: root, CA, PCK and TCB signer, two CRLs, two JSON objects and the two above. Bytes of another message cost the same: the time is
	 * the curve's.
	 */
	two = job.signature_count;
	while (job.signature_count < two + 8) {
		job.signatures[job.signature_count] = job.signatures[job.signature_count % two];
		job.signature_count++;
	}
	print_rates("SGX v3, cold", &job, verify_cold);
	dcap_synthetic_done(&s);
}

/* --- SNP --- */

static uint8_t *load(const char *folder, const char *name, size_t *ret_size)
{
	char path[512];
	FILE *f;
	uint8_t *data = malloc(65536);

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "rb");
	MUST(data);
	*ret_size = f ? fread(data, 1, 65536, f) : 0;
	if (f)
		fclose(f);
	return data;
}

/* A verifier that has seen these certificates, at a time when all of them hold. */
static struct cattest_verifier *snp_verifier(const char *folder, const char *const *files)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct cattest_error err = { "" };
	size_t size;

	MUST(v);
	for (size_t i = 0; files[i]; i++) {
		uint8_t *data = load(folder, files[i], &size);

		if (size && cattest_add_collateral(v, files[i], data, size, &err))
			fprintf(stderr, "%s\n", err.text);
		free(data);
	}
	cattest_set_time(v, 1790000000); /* 2026-09-21 */
	return v;
}

/* The report's own signature, as the bare work beside which it is measured. */
static void snp_signature(struct job *job, EVP_PKEY *key, const uint8_t *report)
{
	uint8_t r[48], s[48];

	for (int i = 0; i < 48; i++) {
		r[i] = report[0x2a0 + 47 - i];
		s[i] = report[0x2a0 + 72 + 47 - i];
	}
	add_signature(job, key, EVP_sha384(), report, 0x2a0, r, s, 48);
}

/* Report || certificate table with one entry, the VCEK (AMD 56421, section 4.1.8.1). */
static size_t with_table(uint8_t *evidence, X509 *vcek)
{
	static const uint8_t guid[16] = { 0x8d, 0x75, 0xda, 0x63, 0x64, 0xe6, 0x64, 0x45,
					  0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd };
	uint8_t *table = evidence + 1184, *p = table + 48;
	uint32_t head[2] = { 48, (uint32_t)i2d_X509(vcek, NULL) };

	memset(table, 0, 48);
	memcpy(table, guid, 16);
	memcpy(table + 16, head, 8);
	return 1184 + 48 + (size_t)i2d_X509(vcek, &p);
}

/* As Trustee's guests send it. */
static size_t as_json(char *text, size_t room, const uint8_t *report, X509 *vcek)
{
	unsigned char *der = NULL;
	int size = i2d_X509(vcek, &der);
	size_t at = (size_t)snprintf(text, room, "{\"attestation_report\":\"");

	for (size_t i = 0; i < 1184; i++)
		at += (size_t)snprintf(text + at, room - at, "%02x", report[i]);
	at += (size_t)snprintf(text + at, room - at,
			       "\",\"cert_chain\":[{\"cert_type\":\"VCEK\",\"data\":[");
	for (int i = 0; i < size; i++)
		at += (size_t)snprintf(text + at, room - at, i ? ",%u" : "%u", der[i]);
	at += (size_t)snprintf(text + at, room - at, "]}]}");
	OPENSSL_free(der);
	return at;
}

static void snp_inside(const char *folder, const uint8_t *report, X509 *vcek)
{
	static const char *const above[] = { "snp/ms-milan-ask.pem", "snp/milan-ark.pem", NULL };
	static const char *const genoa[] = { "snp/askark-genoa.pem", NULL };
	static char text[65536];
	static uint8_t table[65536];
	struct job job = { .verifier = snp_verifier(folder, above) };

	snp_signature(&job, X509_get0_pubkey(vcek), report);
	memcpy(table, report, 1184);
	job.evidence = table;
	job.size = with_table(table, vcek);
	check_job(&job);
	print_rates("SNP, table, warm", &job, verify_warm);
	job.evidence = (const uint8_t *)text;
	job.size = as_json(text, sizeof(text), report, vcek);
	check_job(&job);
	print_rates("SNP, JSON, warm", &job, verify_warm);
	cattest_verifier_free(job.verifier);
	/* Field by field, as a guest sent it; the signature costs the same. */
	job.verifier = snp_verifier(folder, genoa);
	job.evidence = load(folder, "snp/trustee-e2e-evidence.json", &job.size);
	if (job.size) {
		check_job(&job);
		print_rates("SNP, members, warm", &job, verify_warm);
	}
	free((void *)(uintptr_t)job.evidence);
	cattest_verifier_free(job.verifier);
}

static void snp(const char *folder)
{
	static const char *const files[] = { "snp/ms-milan-vcek.pem", "snp/ms-milan-ask.pem",
					     "snp/milan-ark.pem", NULL };
	struct job job = { .verifier = snp_verifier(folder, files) };
	size_t size;
	uint8_t *report = load(folder, "snp/ms-milan-report.bin", &job.size),
		*pem = load(folder, files[0], &size);
	BIO *bio = BIO_new_mem_buf(pem, (int)size);
	X509 *vcek = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	if (!vcek || job.size != 1184) {
		printf("SNP: no samples (EVIDENCE)\n");
	} else {
		job.evidence = report;
		check_job(&job);
		snp_signature(&job, X509_get0_pubkey(vcek), report);
		print_rates("SNP, warm", &job, verify_warm);
		snp_inside(folder, report, vcek);
	}
	BIO_free(bio);
	X509_free(vcek);
	free(report);
	free(pem);
	cattest_verifier_free(job.verifier);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		seconds_each = strtod(argv[1], NULL);
	sgx();
	if (getenv("EVIDENCE"))
		snp(getenv("EVIDENCE"));
	return 0;
}
