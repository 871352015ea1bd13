/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev/attestation as Gramine has it, for programs written to it: write 64 bytes to user_report_data, read quote. The bytes
 * are the process's own and start as zeroes. attestation_type is "cloister" ("none": there is no quote), so that nobody takes
 * its evidence for a DCAP quote. What only SGX has (target_info, my_target_info, report) is not there on platforms
 * without it, nor are keys before there is a key service.
 */
#include <linux/errno.h>
#include <linux/stat.h>

#include "kernel/fs/evidence.h"
#include "kernel/fs/pseudo.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

#define ATTESTATION_MAGIC 0x61747374 /* ours: "atst" */

static int show_type(struct pseudo_text *t, struct inode *inode)
{
	char name[EVIDENCE_PROVIDER_MAX + 1];
	int err = evidence_provider(name);

	(void)inode;
	if (err && err != -ENXIO)
		return err;
	text_string(t, err ? "none" : "cloister");
	return 0;
}

static void own_data(uint8_t ret_data[EVIDENCE_DATA_SIZE])
{
	struct process *p = current_process();

	memset(ret_data, 0, EVIDENCE_DATA_SIZE);
	mutex_lock(&p->lock);
	if (p->report_data)
		memcpy(ret_data, p->report_data, EVIDENCE_DATA_SIZE);
	mutex_unlock(&p->lock);
}

static int show_data(struct pseudo_text *t, struct inode *inode)
{
	uint8_t data[EVIDENCE_DATA_SIZE];

	(void)inode;
	own_data(data);
	text_put(t, data, sizeof(data));
	return 0;
}

/* Less than 64 bytes: the rest is zero, as Gramine does. */
static int store_data(struct inode *inode, char *data, size_t size)
{
	struct process *p = current_process();
	uint8_t *copy, *old;

	(void)inode;
	if (size > EVIDENCE_DATA_SIZE)
		return -EINVAL;
	copy = kzalloc(EVIDENCE_DATA_SIZE);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, size);
	mutex_lock(&p->lock);
	old = p->report_data;
	p->report_data = copy;
	mutex_unlock(&p->lock);
	kfree(old);
	return 0;
}

static int show_quote(struct pseudo_text *t, struct inode *inode)
{
	uint8_t data[EVIDENCE_DATA_SIZE], *evidence;
	size_t size;
	int err;

	(void)inode;
	own_data(data);
	err = evidence_collect(data, &evidence, &size);
	if (err)
		return err;
	text_put(t, evidence, size);
	kfree(evidence);
	return 0;
}

static const struct pseudo_node nodes[] = {
	{ "attestation_type", 0444, show_type, NULL, NULL },
	{ "user_report_data", 0666, show_data, NULL, store_data },
	{ "quote", 0444, show_quote, NULL, NULL },
};
static const struct pseudo_tree tree = { nodes, ARRAY_SIZE(nodes), NULL };
static const struct filesystem_ops attestation_ops = { .statfs = pseudo_simple_statfs };
static struct fs_type attestation_type;

static int attestation_mount(const char *source, const char *options, struct filesystem **ret)
{
	struct filesystem *fs = filesystem_new(&attestation_type, &attestation_ops);

	(void)options;
	if (!fs)
		return -ENOMEM;
	fs->magic = ATTESTATION_MAGIC;
	fs->private_data = (void *)(uintptr_t)&tree;
	str_copy(fs->source, source ? source : "attestation", sizeof(fs->source));
	fs->root_inode = pseudo_root(fs);
	if (!fs->root_inode) {
		filesystem_put(fs);
		return -ENOMEM;
	}
	*ret = fs;
	return 0;
}

static struct fs_type attestation_type = { .name = "attestation", .mount = attestation_mount };

void attestation_init(void)
{
	fs_register(&attestation_type);
}
