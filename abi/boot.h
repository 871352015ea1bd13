/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the launcher and a kernel on the process platform agree on: one page-aligned structure at the start of enclave
 * memory, filled in by the launcher, then read by the kernel; the control area after it is live. Fixed-width fields.
 */
#pragma once

#include <stdint.h>

#define BOOT_MAGIC 0x31746f6f62726c63ULL /* "clrboot1" */
#define BOOT_VERSION 2
#define BOOT_MOUNTS_MAX 64
#define BOOT_STRINGS_SIZE (512u << 10)
#define BOOT_KEEP_MAX 8
#define BOOT_REASON_SIZE 4096
#define BOOT_NAME_SIZE 32

enum { BOOT_TRACE = 1, BOOT_STATS = 2, BOOT_NO_REWRITE = 4, BOOT_NO_SPIN = 8, BOOT_TTY = 16 };

/* Strings are offsets into strings[]; lists are consecutive NUL-ended strings. */
struct boot_mount {
	uint32_t type;	  /* string: "hostfs", "tmpfs", ... */
	uint32_t target;  /* string: absolute path in the enclave */
	uint32_t options; /* string, e.g. "ro,cache" */
	int32_t handle;	  /* hostfs: open directory or file of the host; else -1 */
	uint32_t is_file, reserved;
};

/* A request from the launcher: slot state 0 free, 1 posted, 2 taken, 3 done. Futex words, shared. */
enum { CONTROL_NONE, CONTROL_EXEC, CONTROL_KILL, CONTROL_RESIZE, CONTROL_LIST };
struct control_request {
	uint32_t state, kind;
	int32_t pid,
		signal; /* KILL: pid 0 = first process; EXEC: result pid; RESIZE: 0 = the console */
	int32_t result; /* 0 or -errno; EXEC: also status below when exited */
	uint32_t exited;	/* EXEC: becomes 1; futex */
	int32_t status;		/* wait status */
	int32_t stdio[3];	/* EXEC: host handles (launcher shares its descriptor table) */
	uint16_t rows, columns; /* RESIZE, EXEC with BOOT_TTY */
	uint32_t flags; /* EXEC: BOOT_TTY: stdio[0] and [1] are the two ways of a raw terminal */
	uint32_t uid, gid;
	uint32_t argc, envc;
	char cwd[1024];
	char strings[64 << 10]; /* argv then envp; LIST: result text */
};
#define CONTROL_SLOTS 24

struct boot_stats_site {
	uint64_t address, count;
	uint8_t bytes[24]; /* 8 before the `syscall`, then it and what follows */
	char module[64];
};

struct boot_info {
	uint64_t magic;
	uint32_t version, flags;
	/* memory: base of the whole region and where the page allocator's share starts */
	uint64_t base, size; /* mapped region (sparse) */
	uint64_t kernel_start, kernel_text_end, kernel_end;
	uint64_t heap_start;
	uint64_t memory_limit; /* bytes the kernel may use at once */
	int32_t memfd, log_handle;
	int32_t evidence_handle;   /* abi/evidence.h; -1: none */
	int32_t text_cache_handle; /* folder of what the kernel found out about texts; -1: none */
	uint64_t kernel_identity;  /* differs for each file of a kernel */
	uint64_t hwcap, hwcap2, minsigstksz, vdso, vdso_end;
	uint64_t host_clock_gettime; /* function in the host's vDSO */
	struct {
		uint64_t start, end;
	} keep[BOOT_KEEP_MAX]; /* vdso, vvar: never unmapped; sorted */
	uint32_t keep_count;
	uint32_t cpus, pool_size;
	uint32_t launcher_pid;
	int32_t stdio[3];
	uint16_t rows, columns;
	/* the first process */
	uint32_t argc, envc, argv, envp; /* offsets of string lists */
	uint32_t cwd, hostname, program;
	uint32_t uid, gid;
	uint32_t mount_count;
	struct boot_mount mounts[BOOT_MOUNTS_MAX];
	/* what comes back */
	uint32_t exited; /* futex: 1 when the first process has ended */
	int32_t exit_status;
	uint32_t stopped;    /* 1: panic or start failure; reason[] says why */
	uint32_t started;    /* 1: the first program was loaded */
	int32_t start_error; /* -errno of the first program */
	char reason[BOOT_REASON_SIZE];
	/* counters for --stats */
	uint64_t calls_fast, calls_trapped, kicks, kicks_cancelled, faults_fixed, forks, threads,
		vforks, execs, handovers;
	uint64_t syscall_counts[512];
	uint64_t hostcall_counts[64]; /* by HC_* */
	uint64_t platform_calls[32]; /* host calls the platform makes itself: see platform/process */
	uint64_t rewrite_files, rewrite_loaded, sites_mov, sites_after, sites_kept, rewrite_ns;
	uint64_t pages_used, pages_peak, objects;
	struct boot_stats_site trapped[64];
	/* control */
	uint32_t control_bell; /* futex: bumped by the launcher */
	uint32_t control_done; /* futex: bumped by the kernel */
	struct control_request control[CONTROL_SLOTS];
	/* names for --stats, filled in by the kernel at the end: the launcher knows none of its tables */
	char syscall_names[512][BOOT_NAME_SIZE];
	char hostcall_names[64][BOOT_NAME_SIZE];
	char platform_call_names[32][BOOT_NAME_SIZE];
	uint64_t host_lies, cache_pages;
	char strings[BOOT_STRINGS_SIZE];
};
