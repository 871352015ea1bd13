// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * Linux at a locality of the TPM that it has no business at, for the boot tests: "LOCALITY HEX" written to /proc/tis is a command sent through the FIFO
 * registers of that locality (TCG PC Client Platform TPM Profile 1.05, 6.5), and reading the file gives the response in hexadecimal, or what went
 * wrong: "absent" (all ones, as nobody's memory), "refused" (the locality is not granted), "silent". Linux's own driver must be idle.
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define TIS_BASE 0xfed40000
#define ACCESS 0x00
#define STATUS 0x18
#define FIFO 0x24
#define COMMAND_MAX 512

static char answer[2 * COMMAND_MAX + 2];

static bool wait_for(u8 __iomem *at, u8 mask, u8 wanted)
{
	int tries;

	for (tries = 0; tries < 10000; tries++) {
		if ((readb(at) & mask) == wanted)
			return true;
		usleep_range(100, 200);
	}
	return false;
}

static bool exchange(u8 __iomem *page, u8 *bytes, size_t size, size_t *ret_size)
{
	size_t i, length = 10;

	writeb(0x40, page + STATUS);
	if (!wait_for(page + STATUS, 0x40, 0x40))
		return false;
	for (i = 0; i < size; i++)
		writeb(bytes[i], page + FIFO);
	writeb(0x20, page + STATUS);
	if (!wait_for(page + STATUS, 0x90, 0x90))
		return false;
	for (i = 0; i < length; i++) {
		bytes[i] = readb(page + FIFO);
		if (i == 5)
			length = min_t(size_t, bytes[4] << 8 | bytes[5], COMMAND_MAX);
	}
	writeb(0x40, page + STATUS);
	*ret_size = length;
	return true;
}

static void command(u8 __iomem *page, u8 *bytes, size_t size)
{
	size_t made = 0;

	if (readb(page + ACCESS) == 0xff) {
		strscpy(answer, "absent\n", sizeof(answer));
		return;
	}
	writeb(0x02, page + ACCESS); /* request; and seize, if another has it */
	if ((readb(page + ACCESS) & 0x20) == 0)
		writeb(0x08, page + ACCESS);
	if (!wait_for(page + ACCESS, 0xa0, 0xa0)) {
		strscpy(answer, "refused\n", sizeof(answer));
		return;
	}
	if (exchange(page, bytes, size, &made)) {
		*bin2hex(answer, bytes, made) = '\n';
		answer[2 * made + 1] = 0;
	} else {
		strscpy(answer, "silent\n", sizeof(answer));
	}
	writeb(0x20, page + ACCESS);
}

static ssize_t tis_write(struct file *file, const char __user *from, size_t size, loff_t *offset)
{
	char *line = memdup_user_nul(from, min_t(size_t, size, 2 * COMMAND_MAX));
	u8 *bytes = kzalloc(COMMAND_MAX, GFP_KERNEL);
	u8 __iomem *page = NULL;
	size_t count;

	if (IS_ERR(line) || !bytes)
		goto out;
	count = strcspn(line + 2, "\n") / 2;
	if (line[0] < '0' || line[0] > '4' || count > COMMAND_MAX ||
	    hex2bin(bytes, line + 2, count))
		goto out;
	page = ioremap(TIS_BASE + (line[0] - '0') * PAGE_SIZE, PAGE_SIZE);
	if (!page)
		goto out;
	command(page, bytes, count);
	iounmap(page);
out:
	kfree(bytes);
	if (!IS_ERR(line))
		kfree(line);
	return page ? size : -EINVAL;
}

static ssize_t tis_read(struct file *file, char __user *to, size_t size, loff_t *offset)
{
	return simple_read_from_buffer(to, size, offset, answer, strlen(answer));
}

static const struct proc_ops tis_ops = { .proc_read = tis_read, .proc_write = tis_write };

static int __init tis_init(void)
{
	return proc_create("tis", 0600, NULL, &tis_ops) ? 0 : -ENOMEM;
}

static void __exit tis_exit(void)
{
	remove_proc_entry("tis", NULL);
}

module_init(tis_init);
module_exit(tis_exit);
MODULE_LICENSE("GPL");
