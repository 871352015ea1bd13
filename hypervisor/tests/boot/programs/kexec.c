/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kexec crash|now KERNEL INITRD COMMAND-LINE: loads a second kernel, for after a crash, or goes there at once. Also what cloister-stage2 says to
 * the kexec of kexec-tools: kexec -s -l KERNEL --initrd=INITRD --command-line=LINE, then kexec -e.
 */
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int load(const char *kernel_path, const char *initrd_path, const char *line,
		unsigned long flags)
{
	int kernel = open(kernel_path, O_RDONLY), initrd = open(initrd_path, O_RDONLY);

	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(line) + 1, line, flags) == 0)
		return 0;
	perror("kexec_file_load");
	return 1;
}

static void go(void)
{
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	perror("kexec");
}

static const char *behind(const char *option, const char *argument)
{
	size_t size = strlen(option);

	return strncmp(option, argument, size) ? NULL : argument + size;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "-e")) {
		go();
		return 1;
	}
	if (argc == 6 && !strcmp(argv[1], "-s") && !strcmp(argv[2], "-l")) {
		const char *initrd = behind("--initrd=", argv[4]),
			   *line = behind("--command-line=", argv[5]);

		return initrd && line ? load(argv[3], initrd, line, 0) : 2;
	}
	if (argc != 5)
		return 2;
	if (!strcmp(argv[1], "crash"))
		return load(argv[2], argv[3], argv[4], KEXEC_FILE_ON_CRASH);
	if (load(argv[2], argv[3], argv[4], 0) == 0)
		go();
	return 1;
}
