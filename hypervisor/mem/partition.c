/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extents of physical memory with one owner each (partition.h). Pure: no state, no locks, no pointers in the structure, so that it can be proved alone.
 * A handful of extents is usual, so searching is linear in code that is proved and still takes nanoseconds.
 */
#include "hypervisor/mem/partition.h"

void partition_init(struct partition *p, uint64_t limit, enum owner owner)
{
	p->count = 1;
	p->limit = limit;
	p->extents[0].start = 0;
	p->extents[0].owner = owner;
}

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

/*@ requires low <= high;
  @ assigns \nothing;
  @ ensures \result == (x < low ? low : x > high ? high : x);
  @*/
static uint64_t clamp(uint64_t x, uint64_t low, uint64_t high)
{
	return x < low ? low : x > high ? high : x;
}

bool partition_set(const struct partition *old, uint64_t start, uint64_t end, enum owner owner,
		   struct partition *ret_new)
{
	ret_new->count = 0;
	ret_new->limit = old->limit;
	/*@ loop invariant 0 <= i <= old->count;
	  @ loop invariant ret_new->limit == old->limit;
	  @ loop invariant i < old->count ==> prefix(ret_new, old->extents[i].start);
	  @ loop invariant i == old->count ==> prefix(ret_new, old->limit);
	  @ loop invariant i < old->count && asked{Pre}(old, start, end, owner) ==> right(ret_new, old->extents[i].start);
	  @ loop invariant i == old->count && asked{Pre}(old, start, end, owner) ==> right(ret_new, old->limit);
	  @ loop assigns i, ret_new->count, ret_new->extents[0 .. PARTITION_EXTENTS - 1];
	  @ loop variant old->count - i;
	  @*/
	for (unsigned int i = 0; i < old->count; i++) {
		enum owner before = old->extents[i].owner;
		uint64_t from = old->extents[i].start;
		uint64_t to = i + 1 < old->count ? old->extents[i + 1].start : old->limit;
		uint64_t changed = clamp(start, from, to), same = clamp(end, from, to);

		/* What lies before the change, what is in it, and what lies behind: any may be empty. */
		//@ assert partition_at{Pre}(old, ITS, SOME) && from <= SOME < to ==> ITS == i;
		//@ assert asked{Pre}(old, start, end, owner) && from <= SOME < changed ==> before == WHOSE;
		//@ assert asked{Pre}(old, start, end, owner) && changed <= SOME < same ==> owner == WHOSE;
		//@ assert asked{Pre}(old, start, end, owner) && same <= SOME < to ==> before == WHOSE;
		if (!append(ret_new, from, changed, before))
			return false;
		//@ assert asked{Pre}(old, start, end, owner) ==> right(ret_new, changed);
		if (!append(ret_new, changed, same, owner))
			return false;
		//@ assert asked{Pre}(old, start, end, owner) ==> right(ret_new, same);
		if (!append(ret_new, same, to, before))
			return false;
		//@ assert asked{Pre}(old, start, end, owner) ==> right(ret_new, to);
	}
	//@ assert \forall integer j; partition_at(ret_new, j, SOME) ==> prefix_at(ret_new, old->limit, j, SOME);
	return true;
}
