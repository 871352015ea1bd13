/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launcher's end of the evidence exchange (abi/evidence.h). The launcher itself answers nothing: once the kernel first asks, a
 * process of its own (`cloister-attest evidence-service`) takes over the socket, and lives as long as the enclave does. So an enclave
 * that never asks costs a socket pair, and a signer or TPM that is slow holds up nobody else.
 */
#pragma once

#include "cli/run.h"

/* attester: as --attester; "none" makes a link without ends. */
int evidence_link_open(struct evidence_link *link, const char *attester, struct error *err);
/* The kernel asked: starts the service. On failure it says so on standard error, and the kernel sees the end of the exchange. */
void evidence_link_serve(struct evidence_link *link, const struct launcher *l);
void evidence_link_close(struct evidence_link *link);
