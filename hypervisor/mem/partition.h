/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The physical address space cut into extents, each with its owner: extent i goes from its start to the start of extent i + 1, the last to `limit`. There
 * is no way to write down a page with two owners or none; what is left to keep is the order. A change never works in place: it writes another partition,
 * which is then published as a whole (owner.c). The annotations are ACSL: tests/proof/run proves them with Frama-C.
 */
#pragma once

#include "hypervisor/mem/owner.h"

#define PARTITION_EXTENTS 128

struct extent {
	uint64_t start;
	enum owner owner;
};

struct partition {
	unsigned int count;
	uint64_t limit;
	struct extent extents[PARTITION_EXTENTS];
};

/*
 * SOME is any address, ITS any number and WHOSE any owner, of which nothing is known: what is proved of them is proved of all, and the provers need not
 * guess instances.
 */
/*@ axiomatic Any {
  @   logic integer SOME;
  @   logic integer ITS;
  @   logic integer WHOSE;
  @ }
  @*/
/*@
  predicate partition_ordered(struct partition *p) =
    1 <= p->count <= PARTITION_EXTENTS && p->extents[0].start == 0 &&
    (\forall integer i, j; 0 <= i < j < p->count ==> p->extents[i].start < p->extents[j].start) &&
    p->extents[p->count - 1].start < p->limit;
  predicate partition_at(struct partition *p, integer i, integer a) =
    0 <= i < p->count && p->extents[i].start <= a < p->limit && (i + 1 < p->count ==> a < p->extents[i + 1].start);
  predicate asked(struct partition *old, integer start, integer end, integer owner) =
    partition_at(old, ITS, SOME) && WHOSE == (start <= SOME < end ? owner : old->extents[ITS].owner);
*/

/* All of it one owner's. */
/*@ requires \valid(p) && limit > 0;
  @ assigns *p;
  @ ensures partition_ordered(p) && p->limit == limit;
  @ ensures \forall integer a; 0 <= a < limit ==> partition_at(p, 0, a);
  @ ensures p->extents[0].owner == owner;
  @*/
void partition_init(struct partition *p, uint64_t limit, enum owner owner);

/* The extent that holds this address; address < limit. */
/*@ requires \valid_read(p) && partition_ordered(p) && address < p->limit;
  @ assigns \nothing;
  @ ensures partition_at(p, \result, address);
  @*/
unsigned int partition_find(const struct partition *p, uint64_t address);

/* [start, end) lies in one extent; start < end <= limit. */
/*@ requires \valid_read(p) && partition_ordered(p) && start < end <= p->limit;
  @ assigns \nothing;
  @ ensures \result <==> \exists integer i; partition_at(p, i, start) && partition_at(p, i, end - 1);
  @*/
bool partition_uniform(const struct partition *p, uint64_t start, uint64_t end);

/*
 * *ret_new: as `old`, but [start, end) is `owner`'s; start < end <= limit. false: too many extents; *ret_new is then undefined.
 * Neighbours with the same owner become one extent.
 */
/*@ requires \valid_read(old) && \valid(ret_new) && \separated(old, ret_new);
  @ requires partition_ordered(old) && start < end <= old->limit;
  @ assigns *ret_new;
  @ ensures \result ==> partition_ordered(ret_new) && ret_new->limit == old->limit;
  @ ensures \result && asked(old, start, end, owner) ==>
  @         \forall integer j; partition_at(ret_new, j, SOME) ==> ret_new->extents[j].owner == WHOSE;
  @*/
must_check bool partition_set(const struct partition *old, uint64_t start, uint64_t end,
			      enum owner owner, struct partition *ret_new);
