/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attester "tsm": Linux's configfs-tsm (Documentation/ABI/testing/configfs-tsm, Linux 6.7). An
 * entry (a folder) is made, its inblob written, its outblob read; its generation counts the writes
 * of everybody, so that evidence is ours exactly if the generation is the one before our write plus
 * one, before and after reading. Else all is done again, a few times.
 *
 * SNP's certificates (auxblob: the host's table) are put behind the report, as the ioctl of
 * /dev/sev-guest gives them. A TDX outblob that is empty, without an error, means that the host has
 * no quote generation service: an error here.
 *
 * Settings: root=, entry=NAME (an entry that an administrator made for us, kept), privlevel=N (SNP:
 * VMPL), tries=N.
 */
#include "attest/collect/collect.h"

#include "abi/quoting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TSM_FOLDER "/sys/kernel/config/tsm/report"
#define TRIES 5
/* TSM_REPORT_OUTBLOB_MAX is 32 KiB in Linux 6.7 and was raised since; auxblob's is the same. */
#define BLOB_MAX (1u << 20)
#define SNP_REPORT_SIZE 1184

struct tsm_state {
	char folder[1024]; /* of all entries */
	char entry[64];	   /* "": one is made for each collection */
	bool has_level;
	uint64_t level, tries;
};

static int make_folder(const char *path)
{
	return mkdir(path, 0700) ? -errno : 0;
}

static int remove_folder(const char *path)
{
	return rmdir(path) ? -errno : 0;
}

static const struct tsm_calls real_calls = { make_folder, remove_folder };
const struct tsm_calls *collect_tsm_calls = &real_calls;

static const char *const tsm_keys[] = { "root", "entry", "privlevel", "tries", "socket", NULL };

static bool tsm_present(void)
{
	/*
	 * The folder is there as soon as the module is; a provider is not: that shows in the first
	 * read.
	 */
	return !access(TSM_FOLDER, F_OK);
}

static int tsm_open(const struct settings *s, void **ret_state, struct cattest_error *err)
{
	const char *entry = settings_find(s, "entry");
	struct tsm_state *state = calloc(1, sizeof(*state));
	int rc;

	if (!state)
		return fail(err, -ENOMEM, "out of memory");
	state->tries = TRIES;
	state->has_level = settings_find(s, "privlevel");
	rc = settings_number(s, "privlevel", 3, &state->level, err);
	if (!rc)
		rc = settings_number(s, "tries", 1000, &state->tries, err);
	if (!rc && collect_path(settings_find(s, "root"), TSM_FOLDER, state->folder,
				sizeof(state->folder)))
		rc = fail(err, -ENAMETOOLONG, "setting root: too long");
	if (!rc && entry &&
	    (!*entry || strchr(entry, '/') || entry[0] == '.' ||
	     strlen(entry) >= sizeof(state->entry)))
		rc = fail(err, -EINVAL, "setting entry: must be the name of a folder in %s",
			  TSM_FOLDER);
	if (!rc && entry)
		memcpy(state->entry, entry, strlen(entry) + 1);
	if (!rc && access(state->folder, F_OK))
		rc = fail(
			err, -ENODEV,
			"%s is not there: this is no confidential guest, or configfs is not mounted, or tsm is not loaded",
			state->folder);
	if (rc)
		free(state);
	else
		*ret_state = state;
	return rc;
}

struct entry {
	char path[1200];
	char provider[32];
};

static int attribute(const struct entry *e, const char *name, char *ret_path, size_t room)
{
	return snprintf(ret_path, room, "%s/%s", e->path, name) >= (int)room ? -ENAMETOOLONG : 0;
}

static int entry_error(const struct entry *e, const char *name, int code, struct cattest_error *err)
{
	const char *what = code == -ENXIO ? "no provider (no SNP or TDX guest driver)"
			   : code == -EINVAL
				   ? "refused: the privilege level or the data is not accepted"
			   : code == -E2BIG || code == -EFBIG ? "larger than allowed"
							      : strerror(-code);

	return fail(err, code, "%s/%s: %s", e->path, name, what);
}

static int read_generation(const struct entry *e, uint64_t *ret_generation,
			   struct cattest_error *err)
{
	char path[1300], text[32], *end;
	int rc = attribute(e, "generation", path, sizeof(path));

	if (!rc)
		rc = collect_read_line(path, text, sizeof(text));
	if (rc)
		return entry_error(e, "generation", rc, err);
	errno = 0;
	*ret_generation = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno)
		return fail(err, -EBADMSG, "%s/generation: not a number", e->path);
	return 0;
}

static int write_attribute(const struct entry *e, const char *name, const void *data, size_t size,
			   struct cattest_error *err)
{
	char path[1300];
	int rc = attribute(e, name, path, sizeof(path));

	if (!rc)
		rc = collect_write(path, data, size);
	return rc ? entry_error(e, name, rc, err) : 0;
}

static int read_attribute(const struct entry *e, const char *name, uint8_t **ret_data,
			  size_t *ret_size, struct cattest_error *err)
{
	char path[1300];
	int rc = attribute(e, name, path, sizeof(path));

	if (!rc)
		rc = collect_read(path, BLOB_MAX, ret_data, ret_size);
	return rc ? entry_error(e, name, rc, err) : 0;
}

struct blobs {
	uint8_t *out, *aux;
	size_t out_size, aux_size;
};

static void blobs_done(struct blobs *b)
{
	free(b->out);
	free(b->aux);
	*b = (struct blobs){ 0 };
}

/* One round. 0: they are ours; -EAGAIN: somebody else wrote meanwhile. */
static int round_of(const struct tsm_state *state, const struct entry *e,
		    const uint8_t report_data[64], struct blobs *b, struct cattest_error *err)
{
	uint64_t before, after, expected;
	char level[8];
	int rc = read_generation(e, &before, err);

	expected = before + 1;
	if (!rc && state->has_level) {
		snprintf(level, sizeof(level), "%u", (unsigned int)state->level);
		rc = write_attribute(e, "privlevel", level, strlen(level), err);
		expected++;
	}
	if (!rc)
		rc = write_attribute(e, "inblob", report_data, 64, err);
	if (!rc)
		rc = read_attribute(e, "outblob", &b->out, &b->out_size, err);
	if (!rc && !strcmp(e->provider, "sev_guest"))
		rc = read_attribute(e, "auxblob", &b->aux, &b->aux_size, err);
	if (!rc)
		rc = read_generation(e, &after, err);
	if (!rc && after != expected)
		rc = -EAGAIN;
	/* The kernel's own word for the same: the report was asked for again while it was made. */
	if (rc == -EBUSY || rc == -EWOULDBLOCK)
		rc = -EAGAIN;
	return rc;
}

static int hand_on(const struct entry *e, struct blobs *b, uint8_t **ret_evidence, size_t *ret_size,
		   struct cattest_error *err)
{
	bool snp = !strcmp(e->provider, "sev_guest");
	uint8_t *joined;

	if (!b->out_size)
		return fail(
			err, -ENODATA,
			"%s/outblob: empty: the host has no quote generation service for this guest (ask its operator)",
			e->path);
	if (snp && b->out_size != SNP_REPORT_SIZE)
		return fail(err, -EBADMSG, "%s/outblob: %zu bytes, an SNP report has %d", e->path,
			    b->out_size, SNP_REPORT_SIZE);
	joined = malloc(b->out_size + b->aux_size);
	if (!joined)
		return fail(err, -ENOMEM, "out of memory");
	memcpy(joined, b->out, b->out_size);
	if (b->aux_size)
		memcpy(joined + b->out_size, b->aux, b->aux_size);
	*ret_evidence = joined;
	*ret_size = b->out_size + b->aux_size;
	return 0;
}

static int collect_from(const struct tsm_state *state, struct entry *e,
			const uint8_t report_data[64], uint8_t **ret_evidence, size_t *ret_size,
			struct cattest_error *err)
{
	char path[1300];
	struct blobs b = { 0 };
	int rc = attribute(e, "provider", path, sizeof(path));

	if (!rc)
		rc = collect_read_line(path, e->provider, sizeof(e->provider));
	if (rc)
		return entry_error(e, "provider", rc, err);
	/* cloister_*: Cloister's own kernel; what its evidence is shows in the evidence. */
	if (strcmp(e->provider, "sev_guest") && strcmp(e->provider, "tdx_guest") &&
	    strncmp(e->provider, "cloister_", 9))
		return fail(
			err, -ENOTSUP,
			"%s/provider: \"%.20s\" is not known (known: sev_guest, tdx_guest, cloister_*)",
			e->path,
			safe_text(SPAN(e->provider, strlen(e->provider)), path, sizeof(path)));
	for (uint64_t i = 0; i < state->tries; i++) {
		blobs_done(&b);
		rc = round_of(state, e, report_data, &b, err);
		if (rc != -EAGAIN)
			break;
		fail(err, -EAGAIN, "%s: others use this entry at the same time (%llu tries)",
		     e->path, (unsigned long long)i + 1);
	}
	if (!rc && !state->tries)
		rc = fail(err, -EINVAL, "setting tries: 0");
	if (!rc)
		rc = hand_on(e, &b, ret_evidence, ret_size, err);
	blobs_done(&b);
	return rc;
}

static int tsm_collect(void *opaque, const uint8_t report_data[CATTEST_REPORT_DATA_SIZE],
		       uint8_t **ret_evidence, size_t *ret_size, struct cattest_error *err)
{
	static unsigned int counter;
	const struct tsm_state *state = opaque;
	bool own = !state->entry[0];
	struct entry e = { 0 };
	int rc;

	if (own)
		/* One folder a collection: nobody else's writes are in its generation. */
		snprintf(e.path, sizeof(e.path), "%s/cloister-%d-%u", state->folder, (int)getpid(),
			 __atomic_add_fetch(&counter, 1, __ATOMIC_RELAXED));
	else
		snprintf(e.path, sizeof(e.path), "%s/%s", state->folder, state->entry);
	if (own) {
		rc = collect_tsm_calls->make(e.path);
		if (rc == -EACCES || rc == -EPERM)
			return fail(
				err, rc,
				"%s: only root may make an entry: use entry= or the quoting service (socket=)",
				e.path);
		if (rc)
			return fail(err, rc == -ENXIO ? -ENODEV : rc,
				    "%s: cannot make the entry: %s", e.path, strerror(-rc));
	}
	rc = collect_from(state, &e, report_data, ret_evidence, ret_size, err);
	if (own)
		(void)collect_tsm_calls->remove(
			e.path); /* nothing can be done about an entry that stays */
	return rc;
}

const struct attester_type collect_tsm = {
	.name = "tsm",
	.keys = tsm_keys,
	.backend = QUOTING_TSM,
	.present = tsm_present,
	.open = tsm_open,
	.collect = tsm_collect,
	.close = free,
};
