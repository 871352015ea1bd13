/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The physical address space cut into extents, each with its owner: extent i goes from its start to the start of extent i + 1, the last to `limit`. There
 * is no way to write down a page with two owners or none; what is left to keep is the order. Made once, at the start, and only read from then on. The
 * annotations are ACSL: tests/proof/run proves them with Frama-C.
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
  predicate in_range(struct memory_range *r, integer a) = r->start <= a < r->end;
  predicate ranges_ordered(struct memory_range *ranges, integer count) =
    (\forall integer i; 0 <= i < count ==> ranges[i].start < ranges[i].end) &&
    (\forall integer i, j; 0 <= i < j < count ==> ranges[i].end <= ranges[j].start);
  predicate asked(struct memory_range *ranges, integer count) =
    (0 <= ITS < count && in_range(&ranges[ITS], SOME) && WHOSE == ranges[ITS].owner) ||
    ((\forall integer i; 0 <= i < count ==> !in_range(&ranges[i], SOME)) && WHOSE == OWNER_LINUX);
*/

/*
 * What `ranges` say (sorted), and the rest up to limit is Linux's. Neighbours with the same owner become one extent. -EINVAL: order, overlap, alignment, an
 * owner that is none. -ENOSPC: too many extents. *ret_p is undefined then.
 */
/*@ requires \valid(ret_p) && \valid_read(ranges + (0 .. count - 1)) && \separated(ret_p, ranges + (0 .. count - 1));
  @ assigns *ret_p;
  @ ensures \result == 0 ==> partition_ordered(ret_p) && ret_p->limit == limit;
  @ ensures \result == 0 ==> ranges_ordered(ranges, count);
  @ ensures \result == 0 && asked(ranges, count) ==>
  @         \forall integer j; partition_at(ret_p, j, SOME) ==> ret_p->extents[j].owner == WHOSE;
  @*/
must_check int partition_init(struct partition *ret_p, const struct memory_range *ranges,
			      unsigned int count, uint64_t limit);

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
