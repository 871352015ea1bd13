/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcloister-attest: is this evidence of a trusted execution environment genuine, and is what it describes what my
 * policy asks for? The words are those of RFC 9334 (RATS).
 *
 * Model: a verifier holds what the relying party trusts (roots, policy, collateral, clock). It is given evidence and
 * makes a result: claims (what the evidence says), checks (each step of verification and each rule of the policy, with
 * its outcome) and one verdict. There is no global state, and no input or output unless a fetcher is set.
 *
 * Every function that returns int gives 0 or a negative errno, and then a message in *err (err may be NULL): -EBADMSG
 * the input is malformed, -E2BIG it is larger than allowed, -ENOTSUP a kind that this library does not know, -ENOMEM.
 * Outputs are written only on success. Objects may be used by one thread at a time; different objects by different ones.
 * Bytes handed in are copied or only read during the call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CATTEST_API __attribute__((visibility("default")))
#define CATTEST_REPORT_DATA_SIZE 64
/* Largest evidence or collateral item that is looked at, in bytes. */
#define CATTEST_MAX_INPUT (64u << 20)

struct cattest_error {
	char text[512]; /* one line: what, where, what to do */
};

/* Zeroed memory trusts nothing. */
enum cattest_verdict {
	CATTEST_NONE = 0,
	CATTEST_REFUSED,   /* a check or a rule failed */
	CATTEST_UNDECIDED, /* nothing failed, but something needed is missing: collateral, a policy */
	CATTEST_TRUSTED,   /* every check and every rule passed */
};
CATTEST_API const char *cattest_verdict_name(enum cattest_verdict verdict);

/* --- Claims: named values that the evidence states. Names: cattest_claim_names(). --- */
enum cattest_claim_type {
	CATTEST_BYTES = 1,
	CATTEST_UINT,
	CATTEST_STRING,
	CATTEST_BOOL,
	CATTEST_TIME,	 /* seconds since 1970, UTC, in number (signed) */
	CATTEST_STRINGS, /* a list, in evidence order */
};

struct cattest_claim {
	const char *name;
	enum cattest_claim_type type;
	const uint8_t *bytes; /* BYTES */
	size_t size;	      /* BYTES: bytes; STRINGS: count of strings */
	uint64_t number;      /* UINT, BOOL (0 or 1), TIME (as int64_t) */
	const char *string;   /* STRING */
	const char *const *strings;
};

/* --- Checks: what was looked at, in order. --- */
enum cattest_outcome {
	CATTEST_PASS = 1,
	CATTEST_FAIL,
	CATTEST_MISSING, /* could not be decided: text says what is missing */
	CATTEST_NOTE,	 /* information that decides nothing */
};

struct cattest_check {
	const char *step; /* dotted: "dcap.pck.chain", "policy.tcb" */
	enum cattest_outcome outcome;
	const char *expected, *found; /* either may be "" */
};

/* --- Verifier --- */
struct cattest_verifier;
CATTEST_API struct cattest_verifier *cattest_verifier_new(void); /* NULL: out of memory */
CATTEST_API void cattest_verifier_free(struct cattest_verifier *v);

/* The time that certificates and collateral are judged at; without it, the system's clock at each verification. */
CATTEST_API void cattest_set_time(struct cattest_verifier *v, int64_t unix_seconds);
/* "As of the evidence": evidence that carries its own signed time (Nitro) is judged at it. Off by default. */
CATTEST_API void cattest_set_evidence_time(struct cattest_verifier *v, bool on);

/* Roots are pinned by key inside the library. More may be added, for tests and private PKIs: a result that depends on one says
 * so in the claim "root" ("custom"). SIM and HV have no built-in root. */
enum cattest_root {
	CATTEST_ROOT_INTEL = 1, /* X.509 certificate, PEM or DER */
	CATTEST_ROOT_AMD,
	CATTEST_ROOT_AWS,
	CATTEST_ROOT_TPM, /* CA of endorsement or attestation key certificates */
	/* A TPM attestation key trusted as it is: SPKI, PEM or DER, a TPM2B_PUBLIC, or the record of an enrolment. */
	CATTEST_ROOT_AK,
	CATTEST_ROOT_SIM, /* the public key of a sim signer: SPKI, PEM or DER */
};
CATTEST_API int cattest_add_root(struct cattest_verifier *v, enum cattest_root kind,
				 const void *data, size_t size, struct cattest_error *err);

/* Collateral of any form the library knows: PCS/PCCS answers (TCB info, QE identity, with or without their chain), QuoteCollateralV3
 * as JSON, certificates and CRLs (PEM, DER), KDS cert_chain. origin: a name for messages (a path). */
CATTEST_API int cattest_add_collateral(struct cattest_verifier *v, const char *origin,
				       const void *data, size_t size, struct cattest_error *err);

/* What gets collateral that is missing. get: 0 and a malloc()ed body and, for PCS, the issuer chain header's value (or NULL),
 * or a negative errno with a message: -ENOENT the server has none, else it could not be asked. */
struct cattest_fetcher {
	void *context;
	int (*get)(void *context, const char *url, uint8_t **ret_body, size_t *ret_size,
		   char **ret_chain, struct cattest_error *err);
	void (*free)(void *context);
};
/* The verifier owns the fetcher's context from then on. */
CATTEST_API void cattest_set_fetcher(struct cattest_verifier *v,
				     const struct cattest_fetcher *fetcher);

struct cattest_http_options {
	const char *cache_dir; /* NULL: no cache on disk */
	const char *pccs_url; /* NULL: Intel's PCS; else "https://host:port/sgx/certification/v4" */
	const char *kds_url;  /* NULL: AMD's KDS */
	const char *ca_file;  /* PEM bundle for the servers, NULL: the system's */
	bool offline;	      /* only the cache */
	unsigned timeout_ms;  /* one request; 0: 30 s */
};
/* A fetcher over libcurl with an on-disk cache, pacing and retries (collateral/http.c). */
CATTEST_API int cattest_http_fetcher(const struct cattest_http_options *options,
				     struct cattest_fetcher *ret_fetcher,
				     struct cattest_error *err);

/* --- Policy: see docs/ATTESTATION.md --- */
struct cattest_policy;
/* JSON or YAML. Unknown keys, unknown claims, values that cannot match and unused reference values are errors. */
CATTEST_API int cattest_policy_parse(const char *origin, const void *text, size_t size,
				     struct cattest_policy **ret_policy, struct cattest_error *err);
CATTEST_API void cattest_policy_free(struct cattest_policy *policy);
/* The policy in words, malloc()ed. */
CATTEST_API int cattest_policy_explain(const struct cattest_policy *policy, char **ret_text,
				       struct cattest_error *err);
/* Without a policy there is no TRUSTED. The verifier copies nothing: the policy must outlive it. */
CATTEST_API void cattest_set_policy(struct cattest_verifier *v,
				    const struct cattest_policy *policy);

/* --- Verification --- */
struct cattest_expect {
	/* What the evidence must be bound to; NULL: not checked here (then the policy must pin "report_data" or "nonce", or say
	 * that it does not need freshness). Shorter than 64 bytes: the rest is zero. */
	const void *report_data;
	size_t report_data_size;
	/*
	 * The verifier's nonce, where evidence has a field of that name (Nitro, a TPM quote's extraData, CCC certificates): compared as it is.
	 * Evidence without such a field is compared as with report_data. NULL: not checked.
	 */
	const void *nonce;
	size_t nonce_size;
	/* Event log(s) to replay (TCG crypto-agile, CCEL), where they are not inside the evidence. */
	const void *event_log;
	size_t event_log_size;
	/* Restricts detection to one type ("sgx-quote", see cattest_type_names), or NULL. */
	const char *type;
};

struct cattest_result;
/* 0 also when the verdict is REFUSED: *ret_result says why. An error means that the evidence could not be read at all: a refusal
 * too, with *err as its reason. expect may be NULL. */
CATTEST_API int cattest_verify(struct cattest_verifier *v, const void *evidence, size_t size,
			       const struct cattest_expect *expect,
			       struct cattest_result **ret_result, struct cattest_error *err);
/* Only decodes: claims, no checks, verdict NONE. Also knows what is not evidence by itself (enclave reports, TARGETINFO, SIGSTRUCT,
 * certificates, TCB infos, event logs, CMW, CoRIM, EAT). */
CATTEST_API int cattest_decode(const void *data, size_t size, const char *type,
			       struct cattest_result **ret_result, struct cattest_error *err);

CATTEST_API enum cattest_verdict cattest_result_verdict(const struct cattest_result *r);
CATTEST_API const char *cattest_result_type(const struct cattest_result *r);
CATTEST_API size_t cattest_result_claims(const struct cattest_result *r);
CATTEST_API const struct cattest_claim *cattest_result_claim(const struct cattest_result *r,
							     size_t index);
CATTEST_API const struct cattest_claim *cattest_result_find(const struct cattest_result *r,
							    const char *name);
CATTEST_API size_t cattest_result_checks(const struct cattest_result *r);
CATTEST_API const struct cattest_check *cattest_result_check(const struct cattest_result *r,
							     size_t index);
CATTEST_API void cattest_result_free(struct cattest_result *r);

/* The result as JSON, or as a table for people; malloc()ed. */
CATTEST_API int cattest_result_json(const struct cattest_result *r, char **ret_text,
				    struct cattest_error *err);
CATTEST_API int cattest_result_table(const struct cattest_result *r, char **ret_text,
				     struct cattest_error *err);

/* EAT Attestation Result (draft-ietf-rats-ear-04) as a JWT. key_pem: a P-256 (ES256) or P-384 (ES384) private key. */
struct cattest_ear_options {
	const char *key_pem;
	const char *developer, *build; /* ear.verifier-id; NULL: Cloister and its version */
	const char *policy_id;	       /* NULL: the policy's name and digest */
	const void *nonce;	       /* eat_nonce, 8 to 64 bytes, or NULL */
	size_t nonce_size;
	int64_t issued_at; /* 0: the verifier's clock */
	bool raw_evidence; /* include ear.raw-evidence */
};
CATTEST_API int cattest_result_ear(const struct cattest_result *r,
				   const struct cattest_ear_options *options, char **ret_jwt,
				   struct cattest_error *err);

/* NULL-ended lists of what this library knows. */
CATTEST_API const char *const *cattest_type_names(void);
struct cattest_claim_name {
	const char *name; /* a trailing ".*" stands for a family: "tpm.pcr.sha256.*" */
	enum cattest_claim_type type;
	const char *meaning;
};
CATTEST_API const struct cattest_claim_name *cattest_claim_names(size_t *ret_count);

/* --- Evidence: made where we run --- */
struct cattest_attester;
/* name: "sim", "tsm" (configfs), "gramine" (/dev/attestation), "nsm", "tpm", or NULL for the first that this machine has.
 * settings: "key=value,..." of that attester (docs/ATTESTATION.md), or NULL. -ENODEV: not here. */
CATTEST_API int cattest_attester_new(const char *name, const char *settings,
				     struct cattest_attester **ret_attester,
				     struct cattest_error *err);
CATTEST_API const char *cattest_attester_name(const struct cattest_attester *a);
/* Evidence bound to report_data, malloc()ed. */
CATTEST_API int cattest_collect(struct cattest_attester *a,
				const uint8_t report_data[CATTEST_REPORT_DATA_SIZE],
				uint8_t **ret_evidence, size_t *ret_size,
				struct cattest_error *err);
CATTEST_API void cattest_attester_free(struct cattest_attester *a);

/* --- Enrolment of a TPM's attestation key: shows that it is in the TPM whose endorsement key a manufacturer certified. Two files
 * each way, texts in JSON, malloc()ed; the functions on the left run where the TPM is, the others at the relying party:
 *
 *   cattest_enrol_request  --request-->  cattest_enrol_challenge   (keeps `pending`)
 *   cattest_enrol_activate <-challenge-
 *                          --answer--->  cattest_enrol_check       gives a record, for cattest_add_root(CATTEST_ROOT_AK)
 *
 * settings: docs/ATTESTATION.md, "Enrolling a TPM". The verifier gives roots (CATTEST_ROOT_TPM), collateral and the time.
 * -EKEYREJECTED: a certificate, a key or the answer is not what it has to be. */
CATTEST_API int cattest_enrol_request(const char *settings, char **ret_request,
				      struct cattest_error *err);
CATTEST_API int cattest_enrol_challenge(struct cattest_verifier *v, const void *request,
					size_t size, char **ret_challenge, char **ret_pending,
					struct cattest_error *err);
/* A challenge may also be a file of tpm2_makecredential. */
CATTEST_API int cattest_enrol_activate(const char *settings, const void *challenge, size_t size,
				       char **ret_answer, struct cattest_error *err);
/* For one answer: whoever calls this destroys `pending` then. */
CATTEST_API int cattest_enrol_check(struct cattest_verifier *v, const void *pending,
				    size_t pending_size, const void *answer, size_t answer_size,
				    char **ret_record, struct cattest_error *err);

/* --- Attested certificates (RA-TLS): a key bound to evidence, for TLS peers that read evidence from certificates. What they
 * cannot give is freshness; see include/cloister/tls.h. Verified as evidence of type "ratls-certificate". --- */
struct cattest_custom_claim {
	const char *name; /* not "pubkey-hash" or "nonce" */
	const void *value;
	size_t size;
};
/* Intel's collateral for verifiers without network: TCB info, its chain, PCK CRL, root CA's CRL, chain of the CRLs, QE identity, its chain. */
struct cattest_endorsements {
	unsigned version; /* of the collateral: 3 */
	struct {
		const void *data;
		size_t size;
	} items[7];
};
struct cattest_certificate_request {
	const char *key_pem; /* private key: P-256, P-384 or RSA; NULL: a new P-256 key */
	/* Gives evidence, malloc()ed, bound to report_data; usually calls cattest_collect(). */
	int (*collect)(void *context, const uint8_t report_data[CATTEST_REPORT_DATA_SIZE],
		       uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err);
	void *context;
	const struct cattest_custom_claim *claims;
	size_t claim_count;
	const void *nonce; /* a verifier's, 8 to 64 bytes, or NULL */
	size_t nonce_size;
	const char *digest; /* of the key: "SHA256" (also NULL), "SHA384", "SHA512" */
	const struct cattest_endorsements *endorsements; /* or NULL */
	const char *common_name;			 /* or NULL */
	int64_t not_before;				 /* 0: an hour ago */
	uint32_t lifetime;				 /* seconds; 0: a day */
};
/* Both malloc()ed PEM; ret_key_pem may be NULL. */
CATTEST_API int cattest_make_certificate(const struct cattest_certificate_request *request,
					 char **ret_certificate_pem, char **ret_key_pem,
					 struct cattest_error *err);

#ifdef __cplusplus
}
#endif
