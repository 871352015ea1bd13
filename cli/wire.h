/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `cloister exec`, `kill`, `ps` say to the launcher of an enclave: one message a request over a SOCK_SEQPACKET
 * socket in its state folder. Both ends are the same program of the same user; still everything is checked. With EXEC go three
 * descriptors (two with a terminal).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define WIRE_MAGIC 0x31776c63u /* "clw1" */
#define WIRE_STRINGS (48u << 10)
#define WIRE_CLIENTS 64

enum { WIRE_INFO = 1, WIRE_LIST, WIRE_KILL, WIRE_EXEC, WIRE_RESIZE };
enum { WIRE_ANSWER = 1, WIRE_STARTED, WIRE_EXITED };
enum { WIRE_TTY = 1, WIRE_USER = 2 }; /* flags of EXEC; USER: uid and gid are given */

struct wire_request {
	uint32_t magic, kind;
	int32_t pid, signal; /* KILL: pid 0: the first process */
	uint32_t flags, uid, gid;
	uint16_t rows, columns;
	uint32_t argc, envc; /* strings: argv, then NAME=VALUE to add to the environment of `run` */
	char cwd[1024];	     /* empty: that of `run` */
	char strings[WIRE_STRINGS];
};

struct wire_reply {
	uint32_t magic, kind;
	int32_t result, pid, status; /* result: 0 or -errno; status: as of wait */
	uint32_t size;		     /* of text */
	char text[64u
		  << 10]; /* LIST: "pid parent threads hostpid name" lines; EXEC that failed: why */
};

/* Text of INFO, and what is kept of an enclave that has ended. */
struct wire_info {
	char id[16], name[64], program[256];
	int32_t launcher, status; /* status: wait status once ended */
	uint32_t flags, reserved; /* WIRE_TTY */
	int64_t started, ended;	  /* seconds since 1970; ended 0: runs */
};

#define WIRE_REQUEST_SIZE(strings_size) (offsetof(struct wire_request, strings) + (strings_size))
#define WIRE_REPLY_SIZE(text_size) (offsetof(struct wire_reply, text) + (text_size))
