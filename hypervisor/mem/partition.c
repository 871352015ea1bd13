/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extents of physical memory with one owner each (partition.h). Pure: no state, no locks, no pointers in the structure, so that it can be proved alone.
 */
#include "hypervisor/mem/partition.h"

#include <asm-generic/errno-base.h>

unsigned int partition_find(const struct partition *p, uint64_t address)
{
	unsigned int low = 0, high = p->count;

	/*@ loop invariant 0 <= low < high <= p->count;
	  @ loop invariant p->extents[low].start <= address;
	  @ loop invariant high < p->count ==> address < p->extents[high].start;
	  @ loop assigns low, high;
	  @ loop variant high - low;
	  @*/
	while (high - low > 1) {
		unsigned int middle = low + (high - low) / 2;

		if (p->extents[middle].start <= address)
			low = middle;
		else
			high = middle;
	}
	return low;
}

bool partition_uniform(const struct partition *p, uint64_t start, uint64_t end)
{
	unsigned int i = partition_find(p, start);

	return i + 1 == p->count || p->extents[i + 1].start >= end;
}

/* p says who owns [0, up_to), and nothing yet of what lies behind; and SOME, if it is there, is WHOSE it should be. */
/*@ predicate prefix(struct partition *p, integer up_to) =
  @   p->count <= PARTITION_EXTENTS && (p->count > 0 <==> up_to > 0) && (p->count > 0 ==> p->extents[0].start == 0) &&
  @   (\forall integer i, j; 0 <= i < j < p->count ==> p->extents[i].start < p->extents[j].start) &&
  @   (\forall integer i; 0 <= i < p->count ==> p->extents[i].start < up_to);
  @ predicate prefix_at(struct partition *p, integer up_to, integer i, integer a) =
  @   0 <= i < p->count && p->extents[i].start <= a < up_to && (i + 1 < p->count ==> a < p->extents[i + 1].start);
  @ predicate right(struct partition *p, integer up_to) =
  @   \forall integer j; prefix_at(p, up_to, j, SOME) ==> p->extents[j].owner == WHOSE;
  @*/

/* From here to there it is `owner`'s: nothing new if what lies before is his already, or if that is no address at all. */
/*@ requires \valid(p) && from <= to && prefix(p, from);
  @ assigns p->count, p->extents[0 .. PARTITION_EXTENTS - 1];
  @ ensures \result ==> prefix(p, to);
  @ ensures \result && (SOME < from ==> \old(right(p, from))) && (from <= SOME < to ==> owner == WHOSE) ==> right(p, to);
  @*/
static bool append(struct partition *p, uint64_t from, uint64_t to, enum owner owner)
{
	if (from == to || (p->count > 0 && p->extents[p->count - 1].owner == owner))
		return true;
	if (p->count == PARTITION_EXTENTS)
		return false;
	p->extents[p->count].start = from;
	p->extents[p->count].owner = owner;
	p->count++;
	return true;
}

/*@ requires \valid_read(ranges + (0 .. count - 1));
  @ assigns \nothing;
  @ ensures \result ==> ranges_ordered(ranges, count) && limit > 0;
  @ ensures \result ==> \forall integer i; 0 <= i < count ==> ranges[i].end <= limit;
  @*/
static bool are_valid(const struct memory_range *ranges, unsigned int count, uint64_t limit)
{
	uint64_t before = 0;

	/*@ loop invariant 0 <= i <= count;
	  @ loop invariant ranges_ordered(ranges, i);
	  @ loop invariant before == (i > 0 ? ranges[i - 1].end : 0);
	  @ loop invariant \forall integer k; 0 <= k < i ==> ranges[k].end <= before && ranges[k].end <= limit;
	  @ loop assigns i, before;
	  @ loop variant count - i;
	  @*/
	for (unsigned int i = 0; i < count; i++) {
		const struct memory_range *r = &ranges[i];

		if (r->start < before || r->start >= r->end || r->end > limit ||
		    (r->start | r->end) % PAGE_SIZE || r->owner > OWNER_PROTECTED)
			return false;
		before = r->end;
	}
	return limit && limit % PAGE_SIZE == 0;
}

int partition_init(struct partition *ret_p, const struct memory_range *ranges, unsigned int count,
		   uint64_t limit)
{
	uint64_t at = 0;

	if (!are_valid(ranges, count, limit))
		return -EINVAL;
	ret_p->count = 0;
	ret_p->limit = limit;
	/*@ loop invariant 0 <= i <= count;
	  @ loop invariant at == (i > 0 ? ranges[i - 1].end : 0) && at <= limit;
	  @ loop invariant ret_p->limit == limit && prefix(ret_p, at);
	  @ loop invariant asked(ranges, count) ==> right(ret_p, at);
	  @ loop assigns i, at, ret_p->count, ret_p->extents[0 .. PARTITION_EXTENTS - 1];
	  @ loop variant count - i;
	  @*/
	for (unsigned int i = 0; i < count; i++) {
		const struct memory_range *r = &ranges[i];

		//@ assert asked(ranges, count) && at <= SOME < r->start ==> WHOSE == OWNER_LINUX;
		//@ assert asked(ranges, count) && r->start <= SOME < r->end ==> ITS == i && WHOSE == r->owner;
		if (!append(ret_p, at, r->start, OWNER_LINUX))
			return -ENOSPC;
		//@ assert asked(ranges, count) ==> right(ret_p, r->start);
		if (!append(ret_p, r->start, r->end, r->owner))
			return -ENOSPC;
		at = r->end;
	}
	//@ assert asked(ranges, count) && at <= SOME < limit ==> WHOSE == OWNER_LINUX;
	if (!append(ret_p, at, limit, OWNER_LINUX))
		return -ENOSPC;
	//@ assert asked(ranges, count) ==> right(ret_p, limit);
	//@ assert \forall integer j; partition_at(ret_p, j, SOME) ==> prefix_at(ret_p, limit, j, SOME);
	return 0;
}
