/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the image has no use for, but its tests have: the invariants of each table, judged from its contents (NULL: all is well; else what is wrong).
 * X.c here is the image's X.c with what is said here of it, which sees what is private there; hosted programs are linked with these in its place.
 */
#pragma once

#include "hypervisor/mem/owner_internal.h"

/* All tables of memory against the invariants of owner.h: those below, together. */
const char *owner_check(void);
const char *
partition_check(const struct partition *p); /* extents in order, aligned, neighbours differ */
const char *npt_linux_check(const struct partition *p);
const char *npt_check(void);
const char *iommu_check(void);
size_t epc_users_total(void); /* pages of EPC that somebody's tables map */
void npts_forget(void);	      /* those that live are part of a pool that is no more */
size_t pool_left(void);
const char *epcm_check(void); /* which invariant of epcm.c is broken */
/* Of sgx/space.c: a page that is neither its enclave's by the EPCM nor Linux's, or rights too wide. */
const char *space_check(void);
struct space;
struct npt *space_npt(const struct space *space);
/* All enclaves and processors are forgotten, as after boot. */
void space_reset(void);
void enter_reset(void);
