/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's quoting service, cloister-quoted: it turns reports of enclaves into evidence by asking
 * what this machine has for it. It is outside of every enclave's trust: it can refuse, delay or
 * lie, and verification shows it. What it guards is the machine's own: the TPM, the key of the sim
 * signer, and its own availability to each of its users.
 *
 * main.c options; server.c sockets, users and limits; request.c the service's own protocol
 * (abi/quoting.h); aesm_server.c that of AESM; backend.c what evidence is made with; aesm.c,
 * aesm_client.c, qgs.c protocols of Intel's services.
 */
#pragma once

#include "abi/quoting.h"
#include "abi/report.h"
#include "attest/core/span.h"
#include "attest/sim/sim.h"
#include "include/cloister/attest.h"
#include "platform/quoting/aesm.h"

#include <pthread.h>
#include <sys/types.h>

struct backend {
	bool on;
	pthread_mutex_t lock; /* one request at a time, held while the device or service is asked */
	struct cattest_attester *attester; /* TPM, TSM, NSM */
	char *address;			   /* SGX: AESM socket, NULL: simulated; TDX: of the QGS */
};

struct service {
	struct backend backends[QUOTING_BACKENDS];
	struct sim_signer *signer; /* NULL: neither SIM nor simulated SGX */
};

/* "sim", "tpm", "tsm", "nsm", "sgx", "tdx"; NULL, 0: unknown. */
const char *backend_name(uint32_t id);
uint32_t backend_of_name(const char *name);
void service_init(struct service *s);
/*
 * Switches a back end on: "NAME" or "NAME:SETTINGS". tpm, tsm, nsm: settings of the attester; sgx:
 * "sim" or the AESM socket; tdx: the QGS's "unix:PATH", "vsock:CID:PORT", "tcp:HOST:PORT". state:
 * folder of the sim signer.
 */
int service_add(struct service *s, const char *description, const char *state,
		struct cattest_error *err);
void service_done(struct service *s);
/* Evidence by a back end; body is checked. Blocks. malloc()ed. */
int service_evidence(struct service *s, uint32_t id, const uint8_t report_data[64],
		     struct span body, uint8_t **ret_evidence, size_t *ret_size,
		     struct cattest_error *err);
int service_target_info(struct service *s, uint8_t ret_target_info[REPORT_SGX_TARGETINFO_SIZE],
			struct cattest_error *err);

/*
 * One request without its u32: an answer with its u32, malloc()ed, or -EPROTO: it breaks the
 * protocol. Refusals are answers. *ret_backend and *ret_error are for the log.
 */
int quoting_answer_to(struct service *s, struct span request, uint8_t **ret_answer,
		      size_t *ret_size, uint32_t *ret_backend, struct cattest_error *ret_error);
/* The answer that refuses any request. */
int quoting_refusal(uint16_t operation, int error, const char *text, uint8_t **ret_answer,
		    size_t *ret_size);
/* The same for the AESM protocol. */
int aesm_answer_to(struct service *s, struct span request, uint8_t **ret_answer, size_t *ret_size,
		   struct cattest_error *ret_error);

/* A quote for a TDREPORT from Intel's TDX quote generation service. */
int qgs_quote(const char *address, struct span td_report, uint8_t **ret_quote, size_t *ret_size,
	      struct cattest_error *err);
/* The service's answer without the transport's length: the quote's place in it. */
int qgs_read_answer(struct span answer, struct span *ret_quote, struct cattest_error *err);

/* --- server.c --- */
struct server_options {
	const char *socket, *aesm_socket; /* aesm_socket: NULL none */
	const uid_t *users;		  /* allowed besides root and our own */
	size_t user_count;
	bool any_user;
	unsigned int connections_per_user, requests_per_second;
	bool verbose;
};
struct server;
int server_open(const struct server_options *options, struct service *service,
		struct server **ret_server, struct cattest_error *err);
/* Until a byte or an end comes on stop_fd. */
void server_run(struct server *s, int stop_fd);
/* Ends all connections, removes the sockets. */
void server_close(struct server *s);
