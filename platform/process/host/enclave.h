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

#define ENCLAVE_FOREIGN_MAX 64

struct enclave_mount {
	const char *type, *target, *options;
	int handle; /* or -1 */
	bool is_file;
};

struct enclave_config {
	const char *kernel; /* path of the kernel's ELF file */
	const char *program;
	char *const *argv, *const *envp;
	const char *cwd, *hostname;
	uint32_t uid, gid;
	uint64_t memory;    /* bytes the kernel may use; 0: all of the machine's */
	uint32_t flags;	    /* BOOT_* */
	uint32_t pool_size; /* 0: default */
	int stdio[3];
	int log_handle;
	int evidence_handle;   /* abi/evidence.h; -1: none */
	int text_cache_handle; /* a folder that only this user can write; -1: none */
	uint16_t rows, columns;
	const struct enclave_mount *mounts;
	size_t mount_count;
};

struct enclave {
	struct boot_info *boot;
	int memfd;
	pid_t first;			    /* first host process */
	pid_t foreign[ENCLAVE_FOREIGN_MAX]; /* children that this process had before */
	int foreign_count;
};

/*
 * 0, or -1 with a one-line message in error. On success the kernel runs already. SIGCHLD should be blocked before, and
 * waited for by signalfd: it comes at the end, at each death of a host process and at each answer of the kernel.
 */
int enclave_start(struct enclave *e, const struct enclave_config *c, char *error,
		  size_t error_size);
/*
 * Looks for ends of host processes (call on SIGCHLD or when waiting). 0: goes on; 1: the first process has ended or the
 * kernel stopped (boot->exited, boot->stopped, boot->reason); 2: a host process died from outside: reason is filled in.
 */
int enclave_poll(struct enclave *e);
/* Kills every host process and waits until they are gone. */
void enclave_destroy(struct enclave *e);
/* SIGSTOP, SIGCONT: to all host processes. */
void enclave_signal_host(const struct enclave *e, int sig);
/* Bytes of memory that the enclave has from the host now. */
uint64_t enclave_memory(const struct enclave *e);
/*
 * Requests to the kernel, in slots of e->boot->control. Posts a copy of *r (of whose strings only the first bytes count)
 * and returns its slot, or -EAGAIN if none is free. The answer is there when enclave_answered; an EXEC goes on until
 * its `exited` is set. Then the slot is given back.
 */
int enclave_post(struct enclave *e, const struct control_request *r, size_t strings_size);
bool enclave_answered(const struct enclave *e, int slot);
void enclave_free_slot(struct enclave *e, int slot);
