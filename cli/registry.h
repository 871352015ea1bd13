/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder where enclaves of one user are found: BASE/ID/{control,state.json,log,ended}. An enclave lives as long as
 * something listens on `control`; the folder gets its final name only once that is so. What is left of launchers that
 * were killed is removed by whoever looks next.
 */
#pragma once

#include "cli/cli.h"
#include "cli/wire.h"

struct registration {
	int base, folder, listener; /* descriptors */
	int text_cache;		    /* folder for boot_info.text_cache_handle; -1: none */
	struct wire_info info;
	char path[256]; /* of the folder */
};

/* Makes the folder with a listening socket. name: NULL, or one that no running enclave has. */
int registry_add(struct registration *r, const char *name, const char *program, struct error *err);
int registry_write_state(struct registration *r, char *const *argv, const char *rootfs,
			 uint64_t memory, bool detached);
/* keep: stays as an ended enclave, with its log. */
void registry_remove(struct registration *r, bool keep, int status);

struct registry_entry {
	struct wire_info info;
	int socket;  /* connected; -1 if it has ended */
	bool silent; /* runs, but does not answer */
};
/* All, in order of their start. Caller closes the sockets and frees. Stale folders are removed on the way. */
int registry_list(struct registry_entry **ret, size_t *ret_count, struct error *err);
void registry_free(struct registry_entry *entries, size_t count);
/* One by id, start of an id, or name. *ret_folder: its open folder, or NULL if not wanted. */
int registry_find(const char *which, struct registry_entry *ret, int *ret_folder,
		  struct error *err);
int registry_forget(const char *id, struct error *err);

/* One request, one reply; for all but EXEC. timeout in milliseconds. WIRE_CLOSED: the enclave ended meanwhile. */
#define WIRE_CLOSED (-2)
int wire_call(int socket, const struct wire_request *request, size_t size, struct wire_reply *reply,
	      int timeout, struct error *err);
int wire_send(int socket, const void *message, size_t size, const int *fds, int fd_count);
/* Size of the message, 0 at the end, -1. *fd_count: room, then how many came. */
long wire_receive(int socket, void *message, size_t size, int *fds, int *fd_count);
