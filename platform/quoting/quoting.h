/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's quoting service, cloister-quoted: it turns reports of enclaves into evidence by asking
 * what this machine has for it. It is outside of every enclave's trust: it can refuse, delay or
 * lie, and verification shows it. What it guards is the machine's own: the TPM, the key of the sim
 * signer, and its own availability to each of its users.
 *
 * main.c options; inherit.c sockets of a service manager; server.c sockets, users and limits;
 * request.c the service's own protocol (abi/quoting.h); aesm_server.c that of AESM; backend.c what
 * evidence is made with; hypervisor.c that of Cloister's hypervisor; aesm.c, aesm_client.c, qgs.c
 * protocols of Intel's services.
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

struct hypervisor;

struct backend {
	bool on;
	pthread_mutex_t lock; /* one request at a time, held while the device or service is asked */
	struct cattest_attester *attester; /* TPM, TSM, NSM */
	struct hypervisor *hypervisor;	   /* HV */
	char *address;			   /* SGX: AESM socket, NULL: simulated; TDX: of the QGS */
};

struct service {
	struct backend backends[QUOTING_BACKENDS];
	struct sim_signer *signer; /* NULL: neither SIM nor simulated SGX */
};

/* "sim", "tpm", "tsm", "nsm", "sgx", "tdx", "hv"; NULL, 0: unknown. */
const char *backend_name(uint32_t id);
uint32_t backend_of_name(const char *name);
void service_init(struct service *s);
/*
 * Switches a back end on: "NAME" or "NAME:SETTINGS". tpm, tsm, nsm: settings of the attester; sgx:
 * "sim" or the AESM socket; tdx: the QGS's "unix:PATH", "vsock:CID:PORT", "tcp:HOST:PORT"; hv:
 * settings of hypervisor.c. state: folder of the sim signer.
 */
int service_add(struct service *s, const char *description, const char *state,
		struct cattest_error *err);
void service_done(struct service *s);
/*
 * Evidence by a back end; body is checked. Blocks. malloc()ed. -EBADMSG of QUOTING_HV: the REPORT
 * is not one that an enclave here made for the target.
 */
int service_evidence(struct service *s, uint32_t id, const uint8_t report_data[64],
		     struct span body, uint8_t **ret_evidence, size_t *ret_size,
		     struct cattest_error *err);
/* id: QUOTING_SGX or QUOTING_HV. */
int service_target_info(struct service *s, uint32_t id,
			uint8_t ret_target_info[REPORT_SGX_TARGETINFO_SIZE],
			struct cattest_error *err);
/* How large a quote of simulated SGX, or of HV, is. */
size_t service_quote_size(const struct service *s, uint32_t id);

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

/* --- hypervisor.c: the back end "hv" --- */
struct hv_device_report;
struct hv_device_sign;
/* /dev/cloister_hypervisor (abi/hypervisor_device.h), and for tests what stands in its place. */
struct hypervisor_calls {
	int (*open)(const char *path, int *ret_fd); /* 0 or -errno, as the others */
	int (*report)(int fd, struct hv_device_report *ret_report);
	int (*sign)(int fd, struct hv_device_sign *request);
};
extern const struct hypervisor_calls *hypervisor_calls;
/*
 * Opens the device, takes one quote of the TPM and everything else that evidence holds. settings
 * may be NULL. -ENODEV: no device, no TPM; -ENODATA: a hypervisor without trust; -EKEYREJECTED: one
 * that was started for another attestation key; -EBADMSG: PCRs that hold another report.
 */
int hypervisor_open(const char *settings, struct hypervisor **ret_hypervisor,
		    struct cattest_error *err);
void hypervisor_close(struct hypervisor *h);
const uint8_t *hypervisor_target_info(const struct hypervisor *h);
/* Every evidence of one hypervisor has the same size. */
size_t hypervisor_evidence_size(const struct hypervisor *h);
int hypervisor_evidence(struct hypervisor *h, const uint8_t report[REPORT_SGX_SIZE],
			uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err);
/*
 * Of the attestation key that these settings say: what the hypervisor's module wants as ak_name=,
 * and the public key for verifiers that trust it itself, PEM, malloc()ed.
 */
int hypervisor_ak(const char *settings, uint8_t ret_name[32], char **ret_pem,
		  struct cattest_error *err);

/* --- inherit.c --- */
/*
 * Sockets that a service manager opened for us (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES as systemd
 * sets them): "quoting" and "aesm"; -1: not there. -EINVAL: others, or no listening sockets.
 */
int inherit_sockets(int ret_listeners[2], struct cattest_error *err);

/* --- server.c --- */
struct server_options {
	const char *socket, *aesm_socket; /* aesm_socket: NULL none */
	int inherited[2];		  /* listening already, instead of those; -1: none */
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
