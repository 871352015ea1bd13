/* SPDX-License-Identifier: Apache-2.0 */
/* rats-tls' six calls over ours: see include/cloister/rats-tls.h for what differs and why. */
#include "attest/tls/tls_internal.h"
#include "include/cloister/rats-tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE (16u << 20)
#define MAX_CALLBACK_CLAIMS 64

struct rtls_core_context_t {
	rats_tls_conf_t conf;
	struct cattest_attester *attester;
	struct cattest_verifier *verifier;
	struct cattest_policy *policy;
	rats_tls_callback_t callback;
	struct ctls *ctls;
	struct ctls_connection *connection;
};

static void say(const struct rtls_core_context_t *h, const char *text)
{
	if (h->conf.log_level <= RATS_TLS_LOG_LEVEL_ERROR)
		fprintf(stderr, "rats-tls: %s\n", text);
}

static void log_line(void *context, const char *line)
{
	say(context, line);
}

static char *read_file(const char *path, size_t *ret_size, struct cattest_error *err)
{
	FILE *f = fopen(path, "re");
	char *data = f ? malloc(MAX_FILE + 1) : NULL;
	size_t size = data ? fread(data, 1, MAX_FILE + 1, f) : 0;

	if (!f || !data || size > MAX_FILE || ferror(f)) {
		ctls_fail(err, -EIO, "%s: %s", path,
			  f ? "too large, or cannot be read" : strerror(errno));
		free(data);
		data = NULL;
	}
	if (f)
		fclose(f);
	*ret_size = size;
	return data;
}

/* --- Configuration --- */
static int use_attester(struct rtls_core_context_t *h, struct cattest_error *err)
{
	static const struct {
		const char *theirs, *ours;
	} names[] = { { "", NULL },
		      { "sgx_ecdsa", "gramine" },
		      { "tdx_ecdsa", "tsm" },
		      { "sev_snp", "tsm" } };
	const char *override = getenv("CLOISTER_ATTESTER"), *settings;
	char name[32];

	if (override && *override) {
		size_t len = strcspn(override, ":");

		settings = override[len] ? override + len + 1 : NULL;
		snprintf(name, sizeof(name), "%.*s", (int)len, override);
		return cattest_attester_new(name, settings, &h->attester, err);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(h->conf.attester_type, names[i].theirs))
			return cattest_attester_new(names[i].ours, NULL, &h->attester, err);
	return ctls_fail(err, -ENOTSUP, "attester type %.31s is not known here",
			 h->conf.attester_type);
}

static int use_root(struct rtls_core_context_t *h, const char *text, struct cattest_error *err)
{
	static const char *const kinds[] = { "", "intel", "amd", "aws", "tpm", "ak", "sim" };
	size_t len = strcspn(text, "="), size;
	char *data;
	int rc;

	for (int kind = CATTEST_ROOT_INTEL; kind <= CATTEST_ROOT_SIM; kind++) {
		if (strlen(kinds[kind]) != len || strncmp(kinds[kind], text, len) || !text[len])
			continue;
		data = read_file(text + len + 1, &size, err);
		rc = data ? cattest_add_root(h->verifier, (enum cattest_root)kind, data, size, err)
			  : -EIO;
		free(data);
		return rc;
	}
	return ctls_fail(err, -EINVAL, "CLOISTER_ROOT=%.80s: needs KIND=FILE", text);
}

static int use_verifier(struct rtls_core_context_t *h, struct cattest_error *err)
{
	const char *policy = getenv("CLOISTER_POLICY"), *collateral = getenv("CLOISTER_COLLATERAL"),
		   *root = getenv("CLOISTER_ROOT"), *fetch = getenv("CLOISTER_FETCH");
	struct cattest_http_options http = { 0 };
	struct cattest_fetcher fetcher;
	size_t size;
	char *data;
	int rc = 0;

	h->verifier = cattest_verifier_new();
	if (!h->verifier)
		return ctls_fail(err, -ENOMEM, "out of memory");
	if (policy) {
		data = read_file(policy, &size, err);
		rc = data ? cattest_policy_parse(policy, data, size, &h->policy, err) : -EIO;
		free(data);
		if (!rc)
			cattest_set_policy(h->verifier, h->policy);
	}
	if (!rc && collateral) {
		data = read_file(collateral, &size, err);
		rc = data ? cattest_add_collateral(h->verifier, collateral, data, size, err) : -EIO;
		free(data);
	}
	if (!rc && root)
		rc = use_root(h, root, err);
	if (!rc && fetch && !strcmp(fetch, "1")) {
		rc = cattest_http_fetcher(&http, &fetcher, err);
		if (!rc)
			cattest_set_fetcher(h->verifier, &fetcher);
	}
	return rc;
}

/* --- Verification --- */
/* Genuine in every step; only that there is no policy is left for the callback to make up for. */
static bool genuine(const struct cattest_result *r, struct cattest_error *err)
{
	const struct cattest_claim *debug = cattest_result_find(r, "debug"),
				   *status = cattest_result_find(r, "tcb.status"),
				   *expired = cattest_result_find(r, "collateral.expired");

	for (size_t i = 0; i < cattest_result_checks(r); i++) {
		const struct cattest_check *c = cattest_result_check(r, i);
		bool no_policy = c->outcome == CATTEST_MISSING && !strcmp(c->step, "policy");

		if ((c->outcome == CATTEST_FAIL || c->outcome == CATTEST_MISSING) && !no_policy) {
			ctls_fail(err, -EACCES, "%s: %s", c->step, c->found);
			return false;
		}
	}
	if (!debug || debug->number) {
		ctls_fail(err, -EACCES, "the environment can be debugged, or does not say whether");
		return false;
	}
	if (expired && expired->number) {
		ctls_fail(err, -EACCES, "collateral has expired");
		return false;
	}
	/* As rats-tls: anything else needs a policy that says so. */
	if (status && strcmp(status->string, "UpToDate")) {
		ctls_fail(err, -EACCES, "TCB status %s", status->string);
		return false;
	}
	return true;
}

static uint8_t *bytes(const struct cattest_result *r, const char *name)
{
	const struct cattest_claim *c = cattest_result_find(r, name);
	uint8_t *ret = NULL;

	/* The old type is not const; the callback only reads. */
	if (c && c->type == CATTEST_BYTES)
		memcpy(&ret, &c->bytes, sizeof(ret));
	return ret;
}

static uint32_t number(const struct cattest_result *r, const char *name)
{
	const struct cattest_claim *c = cattest_result_find(r, name);

	return c && c->type == CATTEST_UINT ? (uint32_t)c->number : 0;
}

static size_t custom_claims(const struct cattest_result *r, claim_t claims[MAX_CALLBACK_CLAIMS])
{
	static const char prefix[] = "certificate.custom.";
	size_t count = 0;

	for (size_t i = 0; i < cattest_result_claims(r) && count < MAX_CALLBACK_CLAIMS; i++) {
		const struct cattest_claim *c = cattest_result_claim(r, i);
		const char *name = c->name + sizeof(prefix) - 1;

		if (strncmp(c->name, prefix, sizeof(prefix) - 1))
			continue;
		memcpy(&claims[count].name, &name, sizeof(name));
		memcpy(&claims[count].value, &c->bytes, sizeof(c->bytes));
		claims[count++].value_size = c->size;
	}
	return count;
}

static bool ask_callback(struct rtls_core_context_t *h, const struct ctls_evidence *e,
			 const struct cattest_result *r)
{
	uint8_t rtmr[4][48] = { { 0 } };
	claim_t claims[MAX_CALLBACK_CLAIMS];
	rtls_evidence_t ev = { .result = r, .custom_claims = claims };

	ev.custom_claims_length = custom_claims(r, claims);
	ev.quote_size = (int)e->size;
	memcpy(&ev.quote, &e->data, sizeof(ev.quote));
	if (cattest_result_find(r, "sgx.mrenclave")) {
		ev.type = SGX_ECDSA;
		ev.sgx.mr_enclave = bytes(r, "sgx.mrenclave");
		ev.sgx.mr_signer = bytes(r, "sgx.mrsigner");
		ev.sgx.product_id = number(r, "sgx.isvprodid");
		ev.sgx.security_version = number(r, "sgx.isvsvn");
		ev.sgx.attributes = bytes(r, "sgx.attributes");
	} else if (cattest_result_find(r, "tdx.mrtd")) {
		ev.type = TDX_ECDSA;
		ev.tdx.mrseam = bytes(r, "tdx.mrseam");
		ev.tdx.mrseamsigner = bytes(r, "tdx.mrsignerseam");
		ev.tdx.tcb_svns = bytes(r, "tdx.tee_tcb_svn");
		ev.tdx.mrtd = bytes(r, "tdx.mrtd");
		for (int i = 0; i < 4; i++) {
			char name[24];
			const uint8_t *value;

			snprintf(name, sizeof(name), "tdx.rtmr.%d", i);
			value = bytes(r, name);
			if (value)
				memcpy(rtmr[i], value, sizeof(rtmr[i]));
		}
		ev.tdx.rtmr = rtmr[0];
	}
	return h->callback(&ev) == 1;
}

static int verify(void *context, const struct ctls_evidence *e, char **ret_details,
		  struct cattest_error *err)
{
	struct cattest_expect expect = { .report_data = e->report_data,
					 .report_data_size = e->report_data_size,
					 .type = e->type };
	struct rtls_core_context_t *h = context;
	struct cattest_result *r = NULL;
	bool ok;
	int rc;

	(void)ret_details;
	rc = cattest_verify(h->verifier, e->data, e->size, &expect, &r, err);
	if (rc)
		return rc;
	if (h->policy) {
		ok = cattest_result_verdict(r) == CATTEST_TRUSTED;
		if (!ok && genuine(r, err))
			ctls_fail(err, -EACCES, "the policy does not trust it");
	} else if (h->callback) {
		ok = genuine(r, err);
	} else {
		ok = false;
		ctls_fail(
			err, -EACCES,
			"nothing says whom to trust: set CLOISTER_POLICY or a verification callback");
	}
	if (ok && h->callback && !ask_callback(h, e, r)) {
		ok = false;
		ctls_fail(err, -EACCES, "the verification callback refused");
	}
	cattest_result_free(r);
	return ok ? 0 : -EACCES;
}

/* --- The calls --- */
static int collect(void *context, const uint8_t report_data[CATTEST_REPORT_DATA_SIZE],
		   uint8_t **ret, size_t *ret_size, struct cattest_error *err)
{
	return cattest_collect(((struct rtls_core_context_t *)context)->attester, report_data, ret,
			       ret_size, err);
}

static int make_ctls(struct rtls_core_context_t *h, struct cattest_error *err)
{
	bool server = h->conf.flags & RATS_TLS_CONF_FLAGS_SERVER,
	     mutual = h->conf.flags & RATS_TLS_CONF_FLAGS_MUTUAL;
	struct ctls_attester attester = { .context = h, .collect = collect };
	struct ctls_verifier verifier = { .context = h, .verify = verify };
	struct cattest_custom_claim claims[MAX_CALLBACK_CLAIMS];
	struct ctls_options o = { .log = log_line, .log_context = h };
	int rc = 0;

	o.mode = strcmp(h->conf.tls_type, "cloister") ? CTLS_CERTIFICATE : CTLS_SESSION;
	o.allow_tls12 = o.mode == CTLS_CERTIFICATE;
	if (server || mutual) {
		rc = use_attester(h, err);
		o.attester = &attester;
	}
	if (!rc && (!server || mutual)) {
		rc = use_verifier(h, err);
		o.verifier = &verifier;
	}
	if (rc)
		return rc;
	if (h->conf.custom_claims_length > MAX_CALLBACK_CLAIMS)
		return ctls_fail(err, -E2BIG, "more than %d custom claims", MAX_CALLBACK_CLAIMS);
	if (o.mode == CTLS_CERTIFICATE && o.attester) {
		for (size_t i = 0; i < h->conf.custom_claims_length; i++)
			claims[i] = (struct cattest_custom_claim){
				h->conf.custom_claims[i].name, h->conf.custom_claims[i].value,
				h->conf.custom_claims[i].value_size
			};
		o.claims = claims;
		o.claim_count = h->conf.custom_claims_length;
	}
	return ctls_new(&o, &h->ctls, err);
}

static int check_conf(const rats_tls_conf_t *c, struct cattest_error *err)
{
	if (c->api_version > RATS_TLS_API_VERSION_MAX)
		return ctls_fail(err, -EINVAL, "API version %u is not known", c->api_version);
	if (!memchr(c->tls_type, 0, sizeof(c->tls_type)) ||
	    !memchr(c->attester_type, 0, sizeof(c->attester_type)) ||
	    !memchr(c->verifier_type, 0, sizeof(c->verifier_type)) ||
	    !memchr(c->crypto_type, 0, sizeof(c->crypto_type)))
		return ctls_fail(err, -EINVAL, "a type's name has no end");
	if (!strcmp(c->tls_type, "nulltls") || !strcmp(c->crypto_type, "nullcrypto") ||
	    !strcmp(c->verifier_type, "nullverifier"))
		return ctls_fail(err, -ENOTSUP,
				 "null instances protect nothing and are not offered");
	if (c->tls_type[0] && strcmp(c->tls_type, "openssl") && strcmp(c->tls_type, "cloister"))
		return ctls_fail(err, -ENOTSUP, "tls type %s is not known", c->tls_type);
	return 0;
}

static rats_tls_err_t error_of(int rc)
{
	return !rc	       ? RATS_TLS_ERR_NONE
	       : rc == -ENOMEM ? RATS_TLS_ERR_NO_MEM
	       : rc == -EINVAL ? RATS_TLS_ERR_INVALID
			       : RATS_TLS_ERR_UNKNOWN;
}

rats_tls_err_t rats_tls_init(const rats_tls_conf_t *conf, rats_tls_handle *handle)
{
	struct rtls_core_context_t *h;
	struct cattest_error err = { "" };
	int rc;

	if (!conf || !handle)
		return RATS_TLS_ERR_INVALID;
	h = calloc(1, sizeof(*h));
	if (!h)
		return RATS_TLS_ERR_NO_MEM;
	h->conf = *conf;
	rc = check_conf(conf, &err);
	if (!rc)
		rc = make_ctls(h, &err);
	/* The caller's claims may be gone later. */
	h->conf.custom_claims = NULL;
	h->conf.custom_claims_length = 0;
	if (rc) {
		say(h, err.text);
		rats_tls_cleanup(h);
		return rc == -ENODEV ? RATS_TLS_ERR_LOAD_ENCLAVE_ATTESTERS : error_of(rc);
	}
	*handle = h;
	return RATS_TLS_ERR_NONE;
}

rats_tls_err_t rats_tls_set_verification_callback(rats_tls_handle *handle,
						  rats_tls_callback_t user_callback)
{
	if (!handle || !*handle)
		return RATS_TLS_ERR_INVALID;
	(*handle)->callback = user_callback;
	return RATS_TLS_ERR_NONE;
}

rats_tls_err_t rats_tls_negotiate(rats_tls_handle h, int fd)
{
	struct cattest_error err = { "" };
	int rc;

	if (!h || fd < 0)
		return RATS_TLS_ERR_INVALID;
	connection_forget(h->connection);
	h->connection = NULL;
	rc = h->conf.flags & RATS_TLS_CONF_FLAGS_SERVER
		     ? ctls_accept(h->ctls, fd, &h->connection, &err)
		     : ctls_connect(h->ctls, fd, &h->connection, &err);
	if (rc)
		say(h, err.text);
	return error_of(rc);
}

rats_tls_err_t rats_tls_receive(rats_tls_handle h, void *buf, size_t *buf_size)
{
	ssize_t n;

	if (!h || !h->connection || !buf || !buf_size)
		return RATS_TLS_ERR_INVALID;
	n = ctls_read(h->connection, buf, *buf_size);
	if (n < 0)
		return error_of((int)n);
	*buf_size = (size_t)n;
	return RATS_TLS_ERR_NONE;
}

rats_tls_err_t rats_tls_transmit(rats_tls_handle h, void *buf, size_t *buf_size)
{
	size_t done = 0;

	if (!h || !h->connection || !buf || !buf_size)
		return RATS_TLS_ERR_INVALID;
	while (done < *buf_size) {
		ssize_t n = ctls_write(h->connection, (const char *)buf + done, *buf_size - done);

		if (n < 0) {
			*buf_size = done;
			return error_of((int)n);
		}
		done += (size_t)n;
	}
	return RATS_TLS_ERR_NONE;
}

rats_tls_err_t rats_tls_cleanup(rats_tls_handle h)
{
	if (!h)
		return RATS_TLS_ERR_INVALID;
	connection_forget(h->connection);
	ctls_free(h->ctls);
	cattest_attester_free(h->attester);
	cattest_verifier_free(h->verifier);
	cattest_policy_free(h->policy);
	free(h);
	return RATS_TLS_ERR_NONE;
}
