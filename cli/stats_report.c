/* SPDX-License-Identifier: Apache-2.0 */
/* The report of `cloister run --stats`, from the counters that the kernel left in boot_info. */
#include "cli/stats_report.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "abi/boot.h"

#define TOP_CALLS 20
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

struct line {
	char name[BOOT_NAME_SIZE + 16];
	uint64_t count;
};

static int by_count(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : strcmp(x->name, y->name);
}

/* Adds those that were made; the sum of their counts. */
static uint64_t gather(struct line *lines, size_t *used, const uint64_t *counts,
		       const char (*names)[BOOT_NAME_SIZE], size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		struct line *l = &lines[*used];

		if (!counts[i])
			continue;
		if (names[i][0])
			snprintf(l->name, sizeof(l->name), "%.*s", BOOT_NAME_SIZE - 1, names[i]);
		else
			snprintf(l->name, sizeof(l->name), "number %zu", i);
		l->count = counts[i];
		sum += counts[i];
		(*used)++;
	}
	return sum;
}

/* The same Linux call may be made for the kernel's file systems and by the platform itself: one kind. */
static size_t merge(struct line *lines, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < kept && strcmp(lines[k].name, lines[i].name))
			k++;
		if (k < kept)
			lines[k].count += lines[i].count;
		else
			lines[kept++] = lines[i];
	}
	return kept;
}

static void print_lines(FILE *to, struct line *lines, size_t n, size_t max)
{
	qsort(lines, n, sizeof(*lines), by_count);
	for (size_t i = 0; i < n && i < max; i++)
		fprintf(to, "  %12llu  %s\n", (unsigned long long)lines[i].count, lines[i].name);
	if (n > max)
		fprintf(to, "                and %zu more\n", n - max);
}

static double percent(uint64_t part, uint64_t all)
{
	return all ? 100.0 * (double)part / (double)all : 0;
}

static void print_sites(FILE *to, const struct boot_info *b)
{
	for (size_t i = 0; i < COUNT_OF(b->trapped) && b->trapped[i].count; i++) {
		const struct boot_stats_site *s = &b->trapped[i];

		fprintf(to, "  %12llu  %.*s at %#llx, bytes", (unsigned long long)s->count,
			(int)sizeof(s->module), s->module[0] ? s->module : "?",
			(unsigned long long)s->address);
		for (size_t k = 0; k < 16; k++)
			fprintf(to, "%s%02x", k == 8 ? " [" : k == 10 ? "] " : " ", s->bytes[k]);
		fprintf(to, "\n");
	}
}

void print_stats(FILE *to, const struct boot_info *b, unsigned long long memory_bytes)
{
	static struct line lines[512 + 96];
	uint64_t calls = b->calls_fast + b->calls_trapped, host, sum;
	size_t used = 0;

	sum = gather(lines, &used, b->syscall_counts, b->syscall_names,
		     COUNT_OF(b->syscall_counts));
	if (calls < sum)
		calls = sum;
	fprintf(to, "cloister: statistics\n");
	fprintf(to,
		"system calls: %llu; rewritten (fast): %llu (%.1f %%), trapped: %llu (%.1f %%)\n",
		(unsigned long long)calls, (unsigned long long)b->calls_fast,
		percent(b->calls_fast, calls), (unsigned long long)b->calls_trapped,
		percent(b->calls_trapped, calls));
	print_lines(to, lines, used, TOP_CALLS);
	used = 0;
	host = gather(lines, &used, b->hostcall_counts, b->hostcall_names,
		      COUNT_OF(b->hostcall_counts));
	host += gather(lines, &used, b->platform_calls, b->platform_call_names,
		       COUNT_OF(b->platform_calls));
	used = merge(lines, used);
	fprintf(to, "host calls: %llu of %zu kinds; results refused: %llu\n",
		(unsigned long long)host, used, (unsigned long long)b->host_lies);
	print_lines(to, lines, used, used);
	fprintf(to,
		"sites rewritten: %llu over a mov, %llu around the call, %llu kept, in %llu files (%llu found in the cache), %.3f ms\n",
		(unsigned long long)b->sites_mov, (unsigned long long)b->sites_after,
		(unsigned long long)b->sites_kept, (unsigned long long)b->rewrite_files,
		(unsigned long long)b->rewrite_loaded, (double)b->rewrite_ns / 1e6);
	if (b->calls_trapped) {
		fprintf(to, "sites trapped:\n");
		print_sites(to, b);
	}
	fprintf(to,
		"processes: %llu forked, %llu by vfork, %llu threads, %llu programs executed, %llu from the pool\n",
		(unsigned long long)b->forks, (unsigned long long)b->vforks,
		(unsigned long long)b->threads, (unsigned long long)b->execs,
		(unsigned long long)b->handovers);
	fprintf(to, "kicks: %llu, of which cancelled a host call: %llu; faults fixed up: %llu\n",
		(unsigned long long)b->kicks, (unsigned long long)b->kicks_cancelled,
		(unsigned long long)b->faults_fixed);
	fprintf(to,
		"memory: %llu KiB used at the end, %llu KiB at most (file cache %llu KiB, %llu objects); from the host: %llu KiB\n",
		(unsigned long long)b->pages_used * 4, (unsigned long long)b->pages_peak * 4,
		(unsigned long long)b->cache_pages * 4, (unsigned long long)b->objects,
		memory_bytes >> 10);
}
