/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cloister tunnel`: attested TLS for programs that know nothing of it. On the client's side plain connections come in and attested TLS goes
 * out; on the server's side the other way round. Which side proves itself is --attester, which side judges is --policy.
 *
 * Policy, collateral, keys and attester make up the tunnel's trust. At SIGHUP the command line is gone through once more, and with it all
 * files that it names; the new trust takes the old one's place only if all of it is good.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "cli/attest.h"
#include "cli/tunnel.h"

enum {
	LISTEN = TRUST_OPTION_COUNT,
	CONNECT,
	MODE,
	ATTESTER,
	MUTUAL,
	CERTIFICATE,
	KEY,
	CA,
	SERVER_NAME,
	CERTIFICATE_MODE,
	TLS12,
	KEEP_RESULTS,
	HANDSHAKE,
	IDLE,
	MAX_AGE,
	GRACE,
	CONNECTIONS,
	HANDSHAKES,
	PROCESSES,
	VERBOSE,
};
const struct option tunnel_options[] = {
	TRUST_OPTIONS_TABLE("judge the peer's evidence by this policy", 0,
			    "judge as of then, for tests"),
	[LISTEN] = { 'l', "listen", "ADDRESS",
		     "take connections at host:port, port, or unix:/path" },
	[CONNECT] = { 'c', "connect", "ADDRESS", "pass them on to host:port or unix:/path" },
	[MODE] = { 'm', "mode", "client|server",
		   "client: plain in, TLS out; server: TLS in, plain out" },
	[ATTESTER] = { 'a', "attester", "NAME[:K=V,...]",
		       "prove this side: sim, tsm, gramine, nsm, tpm, or auto" },
	[MUTUAL] = { 0, "mutual", NULL,
		     "insist that both sides are proved: needs --policy and --attester" },
	[CERTIFICATE] = { 0, "certificate", "FILE",
			  "TLS certificate (PEM chain); default: one of this process" },
	[KEY] = { 0, "key", "FILE", "its key" },
	[CA] = { 0, "ca", "FILE", "peers also need a certificate of these authorities" },
	[SERVER_NAME] = { 0, "server-name", "NAME", "with --ca: the server's name" },
	[CERTIFICATE_MODE] = { 0, "certificate-mode", NULL,
			       "RA-TLS, for peers of others; open to replay and relay" },
	[TLS12] = { 0, "tls12", NULL, "with --certificate-mode: allow TLS 1.2 too" },
	[KEEP_RESULTS] = { 0, "keep-results", "SECONDS",
			   "with --certificate-mode: how long a trusted certificate stays so" },
	[HANDSHAKE] = { 0, "handshake-timeout", "SECONDS", "for TLS and evidence together (30)" },
	[IDLE] = { 0, "idle", "SECONDS", "cut connections without traffic; 0: never (0)" },
	[MAX_AGE] = { 0, "max-age", "SECONDS",
		      "cut connections so old, to be attested again; 0: never (0)" },
	[GRACE] = { 0, "grace", "SECONDS", "for open connections when the tunnel is ended (5)" },
	[CONNECTIONS] = { 0, "connections", "N", "at most so many at once (16384)" },
	[HANDSHAKES] = { 0, "handshakes", "N",
			 "a server: at most so many peers not attested yet; others wait (1024)" },
	[PROCESSES] = { 0, "processes", "N",
			"serve with so many processes, each with descriptors of its own (1)" },
	[VERBOSE] = { 'v', "verbose", NULL, "also say when connections open and close" },
	{ 0 },
};

struct request {
	struct tunnel_options tunnel;
	struct verifier_setup setup;
	struct ctls_options tls;
	const char *mode, *attester, *policy, *certificate, *key, *ca;
	bool mutual;
};

static int seconds(const char *name, const char *text, uint64_t max, uint64_t *ret,
		   struct error *err)
{
	return parse_number(text, max, ret) ? fail(err, "--%s %s: needs a number up to %llu", name,
						   text, (unsigned long long)max)
					    : 0;
}

static int take_number(struct request *r, int option, const char *value, struct error *err)
{
	uint64_t number;

	switch (option) {
	case KEEP_RESULTS:
		if (seconds("keep-results", value, 86400, &number, err))
			return -1;
		r->tls.result_cache_seconds = (uint32_t)number;
		return 0;
	case HANDSHAKE:
		if (seconds("handshake-timeout", value, 3600, &number, err))
			return -1;
		r->tls.handshake_ms = (uint32_t)number * 1000;
		return number ? 0 : fail(err, "--handshake-timeout 0: peers need some time");
	case IDLE:
		return seconds("idle", value, 86400 * 365, &r->tunnel.idle_seconds, err);
	case MAX_AGE:
		return seconds("max-age", value, 86400 * 365, &r->tunnel.max_age_seconds, err);
	case GRACE:
		return seconds("grace", value, 86400, &r->tunnel.grace_seconds, err);
	case HANDSHAKES:
		if (seconds("handshakes", value, 1000000, &r->tunnel.max_handshakes, err))
			return -1;
		return r->tunnel.max_handshakes
			       ? 0
			       : fail(err, "--handshakes 0: nobody would be served");
	case PROCESSES:
		if (seconds("processes", value, TUNNEL_PROCESSES_MAX, &r->tunnel.processes, err))
			return -1;
		return r->tunnel.processes ? 0 : fail(err, "--processes 0: nobody would serve");
	default:
		if (seconds("connections", value, 1000000, &r->tunnel.max_connections, err))
			return -1;
		return r->tunnel.max_connections
			       ? 0
			       : fail(err, "--connections 0: nothing could be passed on");
	}
}

static int take_option(struct request *r, int option, const char *value, struct error *err)
{
	const char **texts[] = { [LISTEN] = &r->tunnel.listen,
				 [CONNECT] = &r->tunnel.connect,
				 [MODE] = &r->mode,
				 [ATTESTER] = &r->attester,
				 [CERTIFICATE] = &r->certificate,
				 [KEY] = &r->key,
				 [CA] = &r->ca,
				 [SERVER_NAME] = &r->tls.server_name };

	if (option == TRUST_POLICY)
		r->policy = value;
	if (option < TRUST_OPTION_COUNT)
		return setup_option(&r->setup, (enum trust_option)option, value, err);
	if (option < (int)(sizeof(texts) / sizeof(texts[0])) && texts[option]) {
		*texts[option] = value;
		return 0;
	}
	switch (option) {
	case MUTUAL:
		r->mutual = true;
		return 0;
	case CERTIFICATE_MODE:
		r->tls.mode = CTLS_CERTIFICATE;
		return 0;
	case TLS12:
		r->tls.allow_tls12 = true;
		return 0;
	case VERBOSE:
		r->tunnel.verbose = true;
		return 0;
	default:
		return take_number(r, option, value, err);
	}
}

/* What would attest nothing, or less than it looks like, is a mistake. */
static int check_request(struct request *r, struct error *err)
{
	if (!r->tunnel.listen || !r->tunnel.connect || !r->mode)
		return fail(err, "tunnel: needs --listen, --connect and --mode client or server");
	r->tunnel.server = !strcmp(r->mode, "server");
	if (!r->tunnel.server && strcmp(r->mode, "client"))
		return fail(err, "--mode %s: is neither client nor server", r->mode);
	if (!r->policy && !r->attester)
		return fail(
			err,
			"tunnel: needs --policy (judge the peer), --attester (prove this side), or both");
	if (r->mutual && !(r->policy && r->attester))
		return fail(err, "--mutual: needs --policy and --attester");
	if (!r->tunnel.server && !r->policy && !r->ca)
		return fail(err, "tunnel: a client needs --policy, or --ca to know its server by");
	if (setup_check(&r->setup, err))
		return -1;
	if (r->tls.mode != CTLS_CERTIFICATE && (r->tls.allow_tls12 || r->tls.result_cache_seconds))
		return fail(err, "--tls12 and --keep-results need --certificate-mode");
	return 0;
}

static int read_text(const char *path, char **ret_text, struct error *err)
{
	uint8_t *data;
	size_t size;

	if (!path)
		return 0;
	if (read_input(path, &data, &size, err))
		return -1;
	*ret_text = (char *)data;
	return 0;
}

static void wipe(char *key)
{
	if (key)
		explicit_bzero(key, strlen(key));
}

static int make_ctls(struct request *r, struct cattest_attester *attester, struct ctls **ret_ctls,
		     struct error *err)
{
	_free_ char *certificate = NULL, *key = NULL, *ca = NULL;
	struct ctls_attester attester_table;
	struct ctls_verifier verifier_table;
	struct cattest_error why;
	int rc;

	if (read_text(r->certificate, &certificate, err) || read_text(r->ca, &ca, err) ||
	    read_text(r->key, &key, err))
		return -1;
	r->tls.certificate_pem = certificate;
	r->tls.key_pem = key;
	r->tls.ca_pem = ca;
	if (attester) {
		if (ctls_attester_from(attester, &attester_table))
			goto no_memory;
		r->tls.attester = &attester_table;
	}
	if (r->policy) {
		if (ctls_verifier_from(r->setup.verifier, &verifier_table))
			goto no_memory;
		r->tls.verifier = &verifier_table;
	}
	rc = ctls_new(&r->tls, ret_ctls, &why);
	wipe(key);
	return rc ? fail(err, "tunnel: %s", why.text) : 0;
no_memory:
	wipe(key);
	return fail(err, "out of memory");
}

/* --- Trust --- */
struct trust {
	struct tunnel_trust base;
	struct request request;
	struct cattest_attester *attester;
};

static void trust_free(struct tunnel_trust *base)
{
	struct trust *trust = (struct trust *)base;

	ctls_free(base->ctls);
	cattest_attester_free(trust->attester);
	setup_done(&trust->request.setup);
	free(trust);
}

/* The command line, and the files that it names. NULL and a message. */
static struct trust *read_request(char **argv, struct error *err)
{
	struct option_parser p = { .table = tunnel_options, .argv = argv };
	struct trust *trust = calloc(1, sizeof(*trust));
	struct request *r;
	int option;

	if (!trust || setup_init(&trust->request.setup, err)) {
		free(trust);
		fail(err, "out of memory");
		return NULL;
	}
	trust->base.free = trust_free;
	r = &trust->request;
	r->tunnel = (struct tunnel_options){
		.max_connections = 16384, .max_handshakes = 1024, .grace_seconds = 5, .processes = 1
	};
	while ((option = option_next(&p, err)) >= 0)
		if (take_option(r, option, p.value, err)) {
			option = -2;
			break;
		}
	if (option == -1 && p.argv[0]) {
		fail(err, "%s: tunnel takes options only", p.argv[0]);
		option = -2;
	}
	if (option == -2 || check_request(r, err)) {
		trust_free(&trust->base);
		return NULL;
	}
	return trust;
}

/* What may not be shared by processes is opened here: an attester's device, a fetcher's connections. */
static int open_trust(struct trust *trust, struct error *err)
{
	struct request *r = &trust->request;

	if (setup_fetch(&r->setup, err) ||
	    (r->attester && attester_from_text(r->attester, &trust->attester, err)))
		return -1;
	return make_ctls(r, trust->attester, &trust->base.ctls, err);
}

static struct tunnel_trust *make_trust(void *context, struct error *err)
{
	struct trust *trust = read_request(context, err);

	if (!trust)
		return NULL;
	if (open_trust(trust, err)) {
		trust_free(&trust->base);
		return NULL;
	}
	return &trust->base;
}

/* --- Running --- */
/* Keys of sessions are in our memory: it is not to be left in files, or read by other processes of the same user. */
static void keep_memory_private(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	prctl(PR_SET_DUMPABLE, 0);
}

/* Takes the trust. */
static int serve(struct trust *trust, struct tunnel *t, struct error *err)
{
	int ret;

	if (open_trust(trust, err)) {
		trust_free(&trust->base);
		return 1;
	}
	keep_memory_private();
	t->trust = &trust->base;
	t->trust->users++;
	ret = tunnel_run(t, err) ? 1 : 0;
	tunnel_trust_put(t->trust);
	return ret;
}

static int run(struct trust *trust, char **argv, struct error *err)
{
	struct tunnel *t = calloc(1, sizeof(*t));
	int ret = 1;

	if (!t) {
		trust_free(&trust->base);
		fail(err, "out of memory");
		return complain(err, 1);
	}
	t->options = trust->request.tunnel;
	t->make_trust = make_trust;
	t->trust_context = argv;
	ret = tunnel_open(t, err) ? 1 : tunnel_divide(t, err);
	if (ret == TUNNEL_SERVE)
		ret = serve(trust, t, err);
	else
		trust_free(&trust->base);
	tunnel_close(t);
	free(t);
	return ret ? complain(err, ret) : 0;
}

int cmd_tunnel(char **argv)
{
	struct error err;
	struct trust *trust = read_request(argv, &err);

	return trust ? run(trust, argv, &err) : complain(&err, EXIT_USAGE);
}
