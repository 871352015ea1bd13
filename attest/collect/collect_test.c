/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attesters, each against a played interface: settings; configfs-tsm (its generation counter,
 * races, empty and unknown answers); Gramine's files; the NSM's ioctl; the quoting service's socket
 * with answers that break the protocol. What needs a TPM is in collect_tpm_test.c.
 */
#include "attest/collect/collect.h"

#include "abi/quoting.h"
#include "attest/collect/fake_files.h"
#include "lib/cbor/cbor.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

static int failures;
#define EXPECT(what)                                                           \
	do {                                                                   \
		if (!(what)) {                                                 \
			printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, #what); \
			failures++;                                            \
		}                                                              \
	} while (0)

static char root[64];
static uint8_t report_data[64];

/*
 * 0 and the evidence, or the first error of making the attester and collecting; the message is in
 * *err.
 */
static int collect(const char *name, const char *settings, uint8_t **ret, size_t *ret_size,
		   struct cattest_error *err)
{
	struct cattest_attester *a;
	int rc = cattest_attester_new(name, settings, &a, err);

	if (rc)
		return rc;
	EXPECT(!strcmp(cattest_attester_name(a), name));
	rc = cattest_collect(a, report_data, ret, ret_size, err);
	cattest_attester_free(a);
	return rc;
}

static void expect_error(const char *name, const char *settings, int code, const char *text)
{
	struct cattest_error err = { "" };
	uint8_t *evidence = NULL;
	size_t size;
	int rc = collect(name, settings, &evidence, &size, &err);

	if (rc != code || !strstr(err.text, text) || strchr(err.text, '\n')) {
		printf("FAIL attester %s, settings %s: %d \"%s\", expected %d \"%s\"\n", name,
		       settings ? settings : "", rc, err.text, code, text);
		failures++;
	}
	if (!rc)
		free(evidence);
}

/* --- settings --- */

static void test_settings(void)
{
	static const char *const keys[] = { "a", "b", NULL };
	struct cattest_error err;
	struct settings s;
	uint64_t n = 5;
	uint8_t bytes[2] = { 9, 9 };

	EXPECT(!settings_parse("x", NULL, keys, &s, &err) && !s.count);
	settings_done(&s);
	EXPECT(!settings_parse("x", "a=1\\,2\\\\,b=", keys, &s, &err) &&
	       !strcmp(settings_find(&s, "a"), "1,2\\") && !strcmp(settings_find(&s, "b"), ""));
	settings_done(&s);
	EXPECT(!settings_parse("x", "a=0x10,b=00fF", keys, &s, &err));
	EXPECT(!settings_number(&s, "a", 16, &n, &err) && n == 16);
	EXPECT(settings_number(&s, "a", 15, &n, &err) == -EINVAL);
	EXPECT(!settings_number(&s, "c", 15, &n, &err) && n == 16);
	EXPECT(!settings_hex(&s, "b", bytes, 2, &err) && bytes[1] == 0xff);
	EXPECT(settings_hex(&s, "b", bytes, 1, &err) == -EINVAL);
	settings_done(&s);
	EXPECT(settings_parse("x", "a=1,a=2", keys, &s, &err) == -EINVAL &&
	       strstr(err.text, "twice"));
	EXPECT(settings_parse("x", "c=1", keys, &s, &err) == -EINVAL &&
	       strstr(err.text, "known: a b"));
	EXPECT(settings_parse("x", "a", keys, &s, &err) == -EINVAL);
	EXPECT(settings_parse("x", "a=1,", keys, &s, &err) == -EINVAL);
	EXPECT(settings_parse("x", "a=1\\", keys, &s, &err) == -EINVAL);
	expect_error("nothing", NULL, -ENOTSUP, "there is no attester");
	expect_error("sim", "colour=red", -EINVAL, "there is no setting \"colour\"");
	expect_error("sim", "measurement=zz,folder=/tmp", -EINVAL, "32 bytes in hex");
	expect_error("sim", "platform=moon,folder=/tmp", -EINVAL, "platform");
	expect_error("sim", "folder=/a,key=/b", -EINVAL, "one of key, folder and socket");
	expect_error("sim", "product=4294967296,folder=/tmp", -EINVAL, "product");
	expect_error("sim", "time=5,socket=/nonexistent", -EINVAL, "time");
	expect_error("sim", "socket=/nonexistent/socket", -ENODEV, "start cloister-quoted");
	expect_error("tsm", "root=/nonexistent", -ENODEV, "not there");
	expect_error("tsm", "entry=../x", -EINVAL, "entry");
	expect_error("nsm", "root=/nonexistent", -ENODEV, "not a Nitro enclave");
	expect_error("gramine", "root=/nonexistent", -ENODEV, "not there");
}

static void test_sim(void)
{
	struct cattest_error err;
	char settings[256];
	uint8_t *evidence;
	size_t size;

	snprintf(settings, sizeof(settings), "folder=%s/sim,debug=1,time=1000,measurement=%064d",
		 root, 1);
	EXPECT(!collect("sim", settings, &evidence, &size, &err) && size == 352 &&
	       evidence[24] == 1 && evidence[63] == 1 && !memcmp(evidence + 160, report_data, 64));
	free(evidence);
}

/* --- configfs-tsm --- */

struct entry {
	struct fake_file files[6];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const char *provider;
	uint64_t generation, in_count, out_count, levels;
	bool wants_level;
	unsigned int steal; /* so many rounds are disturbed by another writer */
	bool empty, stale;
	uint8_t in[64];
};

static void entry_wait(struct entry *e, const uint64_t *count, uint64_t least)
{
	while (*count < least)
		pthread_cond_wait(&e->changed, &e->lock);
}

static size_t give_generation(void *context, uint8_t *buffer, size_t room)
{
	struct entry *e = context;
	int n;

	pthread_mutex_lock(&e->lock);
	n = snprintf((char *)buffer, room, "%llu\n", (unsigned long long)e->generation);
	pthread_mutex_unlock(&e->lock);
	return (size_t)n;
}

static size_t give_provider(void *context, uint8_t *buffer, size_t room)
{
	struct entry *e = context;

	return (size_t)snprintf((char *)buffer, room, "%s\n", e->provider);
}

static void take_inblob(void *context, const uint8_t *data, size_t size)
{
	struct entry *e = context;

	EXPECT(size == 64);
	pthread_mutex_lock(&e->lock);
	if (e->wants_level)
		entry_wait(e, &e->levels, e->in_count + 1);
	if (!e->stale)
		memcpy(e->in, data, 64);
	e->generation++;
	if (e->steal) {
		e->steal--;
		e->generation++;
	}
	e->in_count++;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
}

static void take_level(void *context, const uint8_t *data, size_t size)
{
	struct entry *e = context;

	EXPECT(size == 1 && data[0] == '2');
	pthread_mutex_lock(&e->lock);
	e->generation++;
	e->levels++;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
}

static size_t give_outblob(void *context, uint8_t *buffer, size_t room)
{
	struct entry *e = context;
	size_t size;

	memset(buffer, 0, room);
	pthread_mutex_lock(&e->lock);
	entry_wait(e, &e->in_count, ++e->out_count);
	if (!strcmp(e->provider, "sev_guest")) {
		size = 1184;
		buffer[0] = 3;
		buffer[0x34] = 1;
		memcpy(buffer + 0x50, e->in, 64);
	} else {
		size = 4000;
		buffer[0] = 4;
		buffer[2] = 2;
		buffer[4] = 0x81;
		memcpy(buffer + 568, e->in, 64);
	}
	if (e->empty)
		size = 0;
	pthread_mutex_unlock(&e->lock);
	return size;
}

static size_t give_auxblob(void *context, uint8_t *buffer, size_t room)
{
	(void)context;
	(void)room;
	memcpy(buffer, "cert table", 10);
	return 10;
}

static bool entry_start(struct entry *e, const char *folder)
{
	static const struct fake_file files[6] = {
		{ .read_by_them = true, .give = give_generation },
		{ .read_by_them = true, .give = give_provider },
		{ .take = take_inblob },
		{ .take = take_level },
		{ .read_by_them = true, .give = give_outblob },
		{ .read_by_them = true, .give = give_auxblob },
	};
	static const char *const names[6] = { "generation", "provider", "inblob",
					      "privlevel",  "outblob",	"auxblob" };
	bool ok = true;

	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->changed, NULL);
	for (int i = 0; i < 6; i++) {
		e->files[i] = files[i];
		e->files[i].context = e;
		ok = ok && fake_file_start(&e->files[i], folder, names[i]);
	}
	return ok;
}

static struct entry made = { .provider = "sev_guest", .generation = 41 };
static int made_count, removed_count;

/* As configfs: the attributes are there when mkdir returns, and go with rmdir. */
static int fake_make(const char *path)
{
	if (mkdir(path, 0700))
		return -errno;
	made_count++;
	return entry_start(&made, path) ? 0 : -ENOMEM;
}

static int fake_remove(const char *path)
{
	removed_count++;
	return access(path, F_OK) ? -errno : 0;
}

static int no_permission(const char *path)
{
	(void)path;
	return -EACCES;
}

static void test_tsm(void)
{
	static const struct tsm_calls fake = { fake_make, fake_remove },
				      refusing = { no_permission, fake_remove };
	const struct tsm_calls *real = collect_tsm_calls;
	static struct entry e = { .provider = "tdx_guest", .generation = 7 };
	struct cattest_error err;
	char folder[160], own[100], entry[128], level[140];
	uint8_t *evidence;
	size_t size;

	snprintf(folder, sizeof(folder), "%s/sys/kernel/config/tsm/report/ours", root);
	snprintf(own, sizeof(own), "root=%s", root);
	snprintf(entry, sizeof(entry), "root=%s,entry=ours", root);
	snprintf(level, sizeof(level), "root=%s,entry=ours,privlevel=2", root);
	EXPECT(!mkdir(folder, 0700) && entry_start(&e, folder));
	/* A TDX guest, through an entry made by an administrator. */
	EXPECT(!collect("tsm", entry, &evidence, &size, &err) && size == 4000 &&
	       !memcmp(evidence + 568, report_data, 64));
	free(evidence);
	/* Twice disturbed by another writer: asked again. For ever: an error. */
	e.steal = 2;
	EXPECT(!collect("tsm", entry, &evidence, &size, &err) && e.in_count == 4);
	free(evidence);
	e.steal = 1000;
	expect_error("tsm", entry, -EAGAIN, "others use this entry");
	e.steal = 0;
	/* Nothing, without an error. */
	e.empty = true;
	expect_error("tsm", entry, -ENODATA, "no quote generation service");
	e.empty = false;
	/* What is there is of before, though the generation says otherwise. */
	e.stale = true;
	report_data[0] ^= 1;
	expect_error("tsm", entry, -EBADMSG, "bound to other data");
	report_data[0] ^= 1;
	e.stale = false;
	e.wants_level = true;
	e.levels = e.in_count;
	EXPECT(!collect("tsm", level, &evidence, &size, &err));
	free(evidence);
	e.wants_level = false;
	e.provider = "arm_cca_guest";
	expect_error("tsm", entry, -ENOTSUP, "not known");
	/* An SNP guest, with an entry of our own: the certificate table goes behind the report. */
	collect_tsm_calls = &fake;
	EXPECT(!collect("tsm", own, &evidence, &size, &err) && size == 1194 &&
	       !memcmp(evidence + 0x50, report_data, 64) &&
	       !memcmp(evidence + 1184, "cert table", 10));
	free(evidence);
	EXPECT(made_count == 1 && removed_count == 1);
	collect_tsm_calls = &refusing;
	expect_error("tsm", own, -EACCES, "quoting service");
	collect_tsm_calls = real;
}

/* --- Gramine --- */

struct gramine {
	struct fake_file data, quote;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t in_count, out_count;
	bool empty, other;
	uint8_t in[64];
};

static void take_report_data(void *context, const uint8_t *data, size_t size)
{
	struct gramine *g = context;

	EXPECT(size == 64);
	pthread_mutex_lock(&g->lock);
	memcpy(g->in, data, 64);
	g->in_count++;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static size_t give_quote(void *context, uint8_t *buffer, size_t room)
{
	struct gramine *g = context;

	memset(buffer, 0, room);
	pthread_mutex_lock(&g->lock);
	g->out_count++;
	while (g->in_count < g->out_count)
		pthread_cond_wait(&g->changed, &g->lock);
	buffer[0] = 3;
	buffer[2] = 2;
	memcpy(buffer + 368, g->in, 64);
	if (g->other)
		buffer[400] ^= 1;
	pthread_mutex_unlock(&g->lock);
	return g->empty ? 0 : 4600;
}

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	EXPECT(f && fputs(text, f) >= 0 && !fclose(f));
}

static void test_gramine(void)
{
	static struct gramine g = { .data = { .take = take_report_data },
				    .quote = { .read_by_them = true, .give = give_quote } };
	struct cattest_error err;
	char folder[128], settings[100];
	uint8_t *evidence;
	size_t size;

	snprintf(folder, sizeof(folder), "%s/dev/attestation", root);
	snprintf(settings, sizeof(settings), "root=%s", root);
	pthread_mutex_init(&g.lock, NULL);
	pthread_cond_init(&g.changed, NULL);
	g.data.context = g.quote.context = &g;
	EXPECT(fake_file_start(&g.data, folder, "user_report_data") &&
	       fake_file_start(&g.quote, folder, "quote"));
	/* Gramine of old has no attestation_type. */
	EXPECT(!collect("gramine", settings, &evidence, &size, &err) && size == 4600 &&
	       !memcmp(evidence + 368, report_data, 64));
	free(evidence);
	write_file(folder, "attestation_type", "dcap");
	EXPECT(!collect("gramine", settings, &evidence, &size, &err));
	free(evidence);
	g.other = true;
	expect_error("gramine", settings, -EBADMSG, "bound to other data");
	g.other = false;
	g.empty = true;
	expect_error("gramine", settings, -ENODATA, "empty");
	g.empty = false;
	write_file(folder, "attestation_type", "none\n");
	expect_error("gramine", settings, -ENODEV, "none");
	write_file(folder, "attestation_type", "epid");
	expect_error("gramine", settings, -ENOTSUP, "epid");
}

/* --- NSM --- */

static struct span nsm_answer;
static int nsm_error;

static int fake_nsm(int fd, const void *request, size_t request_size, void *response,
		    size_t *response_size)
{
	struct cbor c, inner, value;
	struct cbor_item item;

	EXPECT(fd >= 0 && cbor_well_formed(request, request_size, false));
	cbor_init(&c, request, request_size);
	EXPECT(cbor_expect(&c, CBOR_MAP, &item) && item.number == 1 &&
	       cbor_map_find_text(&c, 1, "Attestation", &inner));
	EXPECT(cbor_expect(&inner, CBOR_MAP, &item) && item.number == 3 &&
	       cbor_map_find_text(&inner, 3, "user_data", &value));
	EXPECT(cbor_expect(&value, CBOR_BYTES, &item) && item.size == 64 &&
	       !memcmp(item.data, report_data, 64));
	if (nsm_error)
		return nsm_error;
	memcpy(response, nsm_answer.data, nsm_answer.size);
	*response_size = nsm_answer.size;
	return 0;
}

static void test_nsm(void)
{
	/* {"Attestation": {"document": h'0102'}}, {"Error": "InvalidArgument"}, and others */
	static const char good[] = "\xa1\x6b"
				   "Attestation"
				   "\xa1\x68"
				   "document"
				   "\x42\x01\x02";
	static const char error[] = "\xa1\x65"
				    "Error"
				    "\x6f"
				    "InvalidArgument";
	static const char empty[] = "\xa1\x6b"
				    "Attestation"
				    "\xa1\x68"
				    "document"
				    "\x40";
	static const char other[] = "\xa1\x66"
				    "Random"
				    "\x41\x00";
	struct cattest_error err;
	char settings[128];
	uint8_t *evidence;
	size_t size;

	write_file(root, "nsm", "");
	snprintf(settings, sizeof(settings), "root=%s,device=/nsm", root);
	collect_nsm_call = fake_nsm;
	nsm_answer = SPAN(good, sizeof(good) - 1);
	EXPECT(!collect("nsm", settings, &evidence, &size, &err) && size == 2 && evidence[1] == 2);
	free(evidence);
	for (size_t cut = 0; cut < sizeof(good) - 1; cut++) {
		nsm_answer = SPAN(good, cut);
		expect_error("nsm", settings, -EBADMSG, "CBOR");
	}
	nsm_answer = SPAN(error, sizeof(error) - 1);
	expect_error("nsm", settings, -EIO, "InvalidArgument");
	nsm_answer = SPAN(empty, sizeof(empty) - 1);
	expect_error("nsm", settings, -ENODATA, "empty");
	nsm_answer = SPAN(other, sizeof(other) - 1);
	expect_error("nsm", settings, -EBADMSG, "no attestation document");
	nsm_error = -EPERM;
	expect_error("nsm", settings, -EPERM, "quoting service");
}

/* --- a quoting service that breaks the protocol --- */

struct rogue {
	int listener;
	const uint8_t *bytes;
	size_t size;
};

static void *rogue_main(void *arg)
{
	struct rogue *r = arg;

	for (;;) {
		int fd = accept(r->listener, NULL, NULL);
		uint8_t request[4 + QUOTING_REQUEST_MAX];

		if (fd < 0)
			return NULL;
		if (recv(fd, request, sizeof(request), 0) < 0 ||
		    send(fd, r->bytes, r->size, MSG_NOSIGNAL) < 0)
			perror("rogue");
		close(fd);
	}
}

static void rogue_answer(struct rogue *r, uint8_t *buffer, uint32_t size,
			 struct quoting_answer head, const char *body)
{
	memcpy(buffer, &size, 4);
	memcpy(buffer + 4, &head, sizeof(head));
	memcpy(buffer + 4 + sizeof(head), body, strlen(body));
	r->bytes = buffer;
	r->size = 4 + sizeof(head) + strlen(body);
}

static void test_service(void)
{
	static struct rogue r;
	static uint8_t buffer[256];
	const struct quoting_answer ok = { QUOTING_MAGIC, QUOTING_VERSION, QUOTING_EVIDENCE, 0, 4 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct quoting_answer bad = ok;
	char settings[128];
	struct cattest_error err;
	uint8_t *evidence;
	pthread_t thread;
	size_t size;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/rogue", root);
	snprintf(settings, sizeof(settings), "socket=%s/rogue", root);
	r.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT(!bind(r.listener, (const struct sockaddr *)&address, sizeof(address)) &&
	       !listen(r.listener, 4));
	rogue_answer(&r, buffer, 20, ok, "data");
	EXPECT(!pthread_create(&thread, NULL, rogue_main, &r) && !pthread_detach(thread));
	EXPECT(!collect("tpm", settings, &evidence, &size, &err) && size == 4 &&
	       !memcmp(evidence, "data", 4));
	free(evidence);
	rogue_answer(&r, buffer, 15, ok, "data");
	expect_error("tpm", settings, -EPROTO, "protocol");
	rogue_answer(&r, buffer, QUOTING_ANSWER_MAX + 1, ok, "data");
	expect_error("tpm", settings, -EPROTO, "protocol");
	bad.magic++;
	rogue_answer(&r, buffer, 20, bad, "data");
	expect_error("sim", settings, -EPROTO, "protocol");
	bad = ok;
	bad.body_size = 5;
	rogue_answer(&r, buffer, 20, bad, "data");
	expect_error("nsm", settings, -EPROTO, "protocol");
	bad = ok;
	bad.error = 3;
	rogue_answer(&r, buffer, 20, bad, "data");
	expect_error("tsm", settings, -EPROTO, "protocol");
	bad.error = -EBUSY;
	rogue_answer(&r, buffer, 20, bad, "a\n\x1b!");
	expect_error("tsm", settings, -EBUSY, "a\\x0a\\x1b!");
	bad = ok;
	bad.body_size = 100;
	rogue_answer(&r, buffer, 116, bad, "data"); /* less than it says */
	expect_error("tsm", settings, -ECONNRESET, "closed");
	bad = ok;
	bad.body_size = 0;
	rogue_answer(&r, buffer, 16, bad, "");
	expect_error("tpm", settings, -ENODATA, "no evidence");
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int main(void)
{
	static const char *const folders[] = { "/sys",
					       "/sys/kernel",
					       "/sys/kernel/config",
					       "/sys/kernel/config/tsm",
					       "/sys/kernel/config/tsm/report",
					       "/dev",
					       "/dev/attestation" };
	char path[160];

	alarm(60);
	snprintf(root, sizeof(root), "/tmp/cloister-collect-XXXXXX");
	if (!mkdtemp(root))
		return 1;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", root, folders[i]);
		if (mkdir(path, 0700))
			return 1;
	}
	for (size_t i = 0; i < sizeof(report_data); i++)
		report_data[i] = (uint8_t)(i + 1);
	test_settings();
	test_sim();
	test_tsm();
	test_gramine();
	test_nsm();
	test_service();
	printf(failures ? "%d failures\n" : "ok\n", failures);
	fflush(stdout);
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	_exit(failures != 0); /* threads wait in open() for ever */
}
