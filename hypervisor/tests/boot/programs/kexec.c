/* SPDX-License-Identifier: Apache-2.0 */
/* kexec crash|now KERNEL INITRD COMMAND-LINE: loads a second kernel, for after a crash, or goes there at once. */
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	int kernel = open(argv[2], O_RDONLY), initrd = open(argv[3], O_RDONLY);
	unsigned long flags = strcmp(argv[1], "crash") ? 0 : KEXEC_FILE_ON_CRASH;

	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[4]) + 1, argv[4], flags) !=
	    0) {
		perror("kexec_file_load");
		return 1;
	}
	if (!flags)
		syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			LINUX_REBOOT_CMD_KEXEC, NULL);
	return 0;
}
