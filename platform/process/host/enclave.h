/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host side of the process platform: makes an enclave's memory, loads the kernel into it, starts it, talks to it
 * through the control area, and sees its end. Ordinary C; needs no privilege. One enclave per process (the launcher).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/boot.h"

struct enclave_mount {
	const char *type, *target, *options;
	int handle; /* or -1 */
	bool is_file;
};

struct enclave_config {
	const char *kernel;		/* path of the kernel's ELF file */
	const char *program;
	char *const *argv, *const *envp;
	const char *cwd, *hostname;
	uint32_t uid, gid;
	uint64_t memory;		/* bytes the kernel may use; 0: all of the machine's */
	uint32_t flags;			/* BOOT_* */
	uint32_t pool_size;		/* 0: default */
	int stdio[3];
	int log_handle;
	uint16_t rows, columns;
	const struct enclave_mount *mounts;
	size_t mount_count;
};

struct enclave {
	struct boot_info *boot;
	int memfd;
	pid_t first;			/* first host process */
};

/* 0, or -1 with a one-line message in error. On success the kernel runs already. */
int enclave_start(struct enclave *e, const struct enclave_config *c, char *error, size_t error_size);
/*
 * Looks for ends of host processes (call on SIGCHLD or when waiting). 0: goes on; 1: the first process has ended or the
 * kernel stopped (boot->exited, boot->stopped, boot->reason); 2: a host process died from outside: reason is filled in.
 */
int enclave_poll(struct enclave *e);
/* Kills every host process and waits until they are gone. */
void enclave_destroy(struct enclave *e);
/* Posts a request and waits for the answer: fills in *r. -1 if the enclave ended meanwhile or has no free slot. */
int enclave_control(struct enclave *e, struct control_request *r, unsigned int *ret_slot);
