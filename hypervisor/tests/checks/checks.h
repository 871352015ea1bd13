/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the image has no use for, but its tests have: the invariants of each table, judged from its contents (NULL: all is well; else what is wrong), and
 * owners that change. The image decides once who owns what; that its tables follow any later change too, as a random history makes them, is what the
 * model shows. X.c here is the image's X.c with what is said here of it, which sees what is private there; hosted programs are linked with these in its place.
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
/* Mappings of all pages together, pages of the pool that this takes, and mappings of one page by this enclave. */
size_t epc_users_total(void);
size_t epc_users_pages(void);
unsigned int epc_user_count(uint64_t page, uint16_t npt);
size_t pool_left(void);
const char *epcm_check(void); /* which invariant of epcm.c is broken */
/* Of sgx/space.c: a page that is neither its enclave's by the EPCM nor Linux's, or rights too wide. */
const char *space_check(void);
/* All enclaves and processors are forgotten, as after boot. */
void space_reset(void);
void enter_reset(void);

/* --- Changes of owners --- */
/* [start, end) has this owner, all of it. */
bool owner_is(uint64_t start, uint64_t end, enum owner owner);
/*
 * [start, end), all of it `from`'s, becomes `to`'s: Linux's nested tables, the IOMMU's, and every processor's and the IOMMU's cached translations have
 * followed when this returns. All or nothing: -EINVAL (range, or not all of it is from's), -EBUSY (an enclave has a page of it mapped, or another change
 * is under way), -ENOSPC, -ENOMEM, -EIO (the IOMMU does not answer; the owner is `to` if from was Linux, so nothing leaks). Contents are the caller's
 * business: wipe before memory goes to Linux. Never call with a lock held that a processor in the hypervisor may spin on.
 */
struct vcpu;
must_check int owner_change(struct vcpu *self, uint64_t start, uint64_t end, enum owner from,
			    enum owner to);
/* The most tables that npt_linux_update can need for this range. */
size_t npt_linux_need(uint64_t start, uint64_t end);
/* Makes the tables agree with the partition in [start, end). What falls out is retired, not freed: pool_reclaim after the flush. */
void npt_linux_update(const struct partition *p, uint64_t start, uint64_t end, struct stash *stash);
/* Borrowed pages of Linux in [start, end) are taken out of all enclaves' tables; they are asked for again if still needed. */
void npt_forget(uint64_t start, uint64_t end);
bool epc_users_any(uint64_t start, uint64_t end);
void pool_reclaim(void);
bool pool_overlaps(uint64_t start, uint64_t end);
/* Cached translations and table entries forgotten by all IOMMUs; 0 if there is none. -EIO: one does not answer. */
must_check int iommu_flush(void);
