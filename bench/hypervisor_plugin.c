// SPDX-License-Identifier: Apache-2.0
/*
 * A plugin for QEMU's TCG that counts what the hypervisor executes: every instruction between one VMRUN and the next belongs to one exit, and
 * an exit is named by the first of the given functions that it reaches (`over`: by that one even if it comes later). For each name, the
 * counts of its exits; by REP twice: as QEMU counts (each iteration) and as a processor retires (once).
 * One virtual processor only. Nothing in the image or the guest is changed for it.
 *
 *	-plugin FILE,start=ADDRESS,end=ADDRESS,out=FILE,tag=NAME:ADDRESS..,over=NAME:ADDRESS..,profile=NAME
 *
 * out: "tag NAME exits minimum median maximum retired(median)", and of the profiled name "at OFFSET executions/exits".
 * Debian does not package QEMU's header: what is used of its interface (version 1, QEMU 7.2, docs/devel/tcg-plugins.rst) is declared here.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* --- QEMU's interface --- */
typedef uint64_t plugin_id;
struct plugin_info {
	const char *target;
	struct {
		int minimum, current;
	} version;
	bool system;
	struct {
		int cpus, cpus_maximum;
	} machine;
};
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { CALLBACK_NO_REGISTERS = 0 };
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
					   void (*callback)(plugin_id id,
							    struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*callback)(unsigned int cpu, void *data),
					    int flags, void *data);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*callback)(plugin_id id, void *data),
				    void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv);

/* --- What is counted --- */
enum { TAGS_MAX = 48, SEGMENT_MAX = 1 << 20, OTHER = 0 };

struct place { /* an instruction of the image */
	uint64_t profile;
	uint8_t tag;
	bool repeats, vmrun, over;
};
struct samples {
	char name[32];
	uint32_t *all, *retired;
	size_t count, room;
};

static uint64_t start, end;
static struct place *places;
static struct samples tags[TAGS_MAX] = { { .name = "other" } };
static unsigned int tag_count = 1, profiled;
static const char *out;
/* Of the exit under way. */
static const struct place *last;
static uint64_t executed, retired;
static unsigned int tag;
static bool begun, decided;
static uint32_t *segment; /* offsets of all instructions */

static void fail(const char *what)
{
	fprintf(stderr, "hypervisor_plugin: %s\n", what);
	exit(1);
}

static void sample_add(struct samples *s)
{
	if (s->count == s->room) {
		s->room = s->room ? s->room * 2 : 1024;
		s->all = realloc(s->all, s->room * sizeof(*s->all));
		s->retired = realloc(s->retired, s->room * sizeof(*s->retired));
		if (!s->all || !s->retired)
			fail("no memory");
	}
	s->all[s->count] = (uint32_t)executed;
	s->retired[s->count++] = (uint32_t)retired;
}

/* VMRUN was executed: the exit before it is over. */
static void segment_end(void)
{
	if (begun) {
		sample_add(&tags[tag]);
		if (profiled && tag == profiled)
			for (uint64_t i = 0; i < executed && i < SEGMENT_MAX; i++)
				places[segment[i]].profile++;
	}
	begun = true;
	decided = false;
	tag = OTHER;
	executed = retired = 0;
}

static void instruction_executed(unsigned int cpu, void *data)
{
	const struct place *p = data;

	(void)cpu;
	if (executed < SEGMENT_MAX)
		segment[executed] = (uint32_t)(p - places);
	executed++;
	retired += !(p->repeats && p == last);
	last = p;
	if (p->tag && (!decided || p->over)) {
		tag = p->tag;
		decided = true;
	}
	if (p->vmrun)
		segment_end();
}

/* A string instruction with REP, behind other prefixes (APM 3, 1.2.6). */
static bool is_repeated(const uint8_t *byte, size_t size)
{
	bool rep = false;

	for (; size; byte++, size--) {
		if (*byte == 0xf2 || *byte == 0xf3)
			rep = true;
		else if (*byte != 0x66 && *byte != 0x67 && (*byte & 0xf0) != 0x40)
			break;
	}
	return rep && size &&
	       ((*byte >= 0xa4 && *byte <= 0xa7) || (*byte >= 0xaa && *byte <= 0xaf));
}

static void block_translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t at = qemu_plugin_insn_vaddr(insn);
		const uint8_t *byte = qemu_plugin_insn_data(insn);
		size_t size = qemu_plugin_insn_size(insn);
		struct place *p;

		if (at < start || at >= end)
			continue;
		p = &places[at - start];
		p->repeats = is_repeated(byte, size);
		p->vmrun = size == 3 && !memcmp(byte, "\x0f\x01\xd8", 3);
		qemu_plugin_register_vcpu_insn_exec_cb(insn, instruction_executed,
						       CALLBACK_NO_REGISTERS, p);
	}
}

static int ascending(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void report(plugin_id id, void *data)
{
	FILE *f = fopen(out, "we");

	(void)id, (void)data;
	if (!f)
		fail("the output cannot be opened");
	for (unsigned int i = 0; i < tag_count; i++) {
		struct samples *s = &tags[i];

		if (!s->count)
			continue;
		qsort(s->all, s->count, sizeof(*s->all), ascending);
		qsort(s->retired, s->count, sizeof(*s->retired), ascending);
		fprintf(f, "tag %s %zu %u %u %u %u\n", s->name, s->count, s->all[0],
			s->all[s->count / 2], s->all[s->count - 1], s->retired[s->count / 2]);
	}
	for (uint64_t i = 0; profiled && i < end - start; i++)
		if (places[i].profile)
			fprintf(f, "at %" PRIx64 " %.2f\n", i,
				(double)places[i].profile / (double)(tags[profiled].count ?: 1));
	fclose(f);
}

/* NAME:ADDRESS */
static void tag_add(const char *text, bool over)
{
	const char *colon = strchr(text, ':');
	uint64_t at = colon ? strtoull(colon + 1, NULL, 0) : 0;

	if (tag_count == TAGS_MAX || !colon || at < start || at >= end ||
	    (size_t)(colon - text) >= sizeof(tags[0].name))
		fail("tag=NAME:ADDRESS, in the image, after start and end");
	memcpy(tags[tag_count].name, text, (size_t)(colon - text));
	places[at - start].tag = (uint8_t)tag_count++;
	places[at - start].over = over;
}

static void profile_choose(const char *name)
{
	for (unsigned int i = 0; i < tag_count; i++)
		if (!strcmp(tags[i].name, name))
			profiled = i;
	if (!profiled)
		fail("profile: no such tag before it");
}

EXPORT int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv)
{
	if (!info->system || info->machine.cpus != 1)
		fail("one virtual processor, please");
	for (int i = 0; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (!value)
			fail("arguments are NAME=VALUE");
		*value++ = 0;
		if (!strcmp(argv[i], "start"))
			start = strtoull(value, NULL, 0);
		else if (!strcmp(argv[i], "end"))
			end = strtoull(value, NULL, 0);
		else if (!strcmp(argv[i], "out"))
			out = strdup(value);
		else if (!strcmp(argv[i], "profile"))
			profile_choose(value);
		else if (!places && (end <= start || end - start > 64 << 20 ||
				     !(places = calloc(end - start, sizeof(*places)))))
			fail("start and end come first");
		else
			tag_add(value, !strcmp(argv[i], "over"));
	}
	segment = calloc(SEGMENT_MAX, sizeof(*segment));
	if (!places || !out || !segment)
		fail("start, end, out and a tag are needed");
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
	qemu_plugin_register_atexit_cb(id, report, NULL);
	return 0;
}
