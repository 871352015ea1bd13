/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running an enclave from an ordinary program, on Linux's SGX interface as it is (<asm/sgx.h>) and the kernel's __vdso_sgx_enter_enclave:
 *
 *	struct enclave_file file;
 *	struct enclave *e;
 *	uint64_t value;
 *
 *	if (enclave_file_open("counter.enclave", &file) || enclave_create(&file, NULL, &e))
 *		...
 *	if (!enclave_call(e, COUNTER_ADD, 5, 0, &value))
 *		printf("%lu\n", value);
 *	enclave_destroy(e);
 *
 * An ECALL is a number and two values (or pointers to memory of the program, which the enclave may read and write); an OCALL comes
 * back to the function of the options. Any number of threads may call; as many are inside as the enclave has TCSs.
 */
#pragma once

#include "hypervisor/loader/layout.h"

struct enclave;

struct enclave_exception {
	unsigned int vector, error_code;
	uint64_t address;
	uint32_t function; /* 2: EENTER itself failed, 3: in the enclave */
};

struct enclave_options {
	const char *device; /* default /dev/sgx_enclave */
	/* An OCALL, in the thread that made the ECALL. NULL: OCALLs give ~0. */
	uint64_t (*ocall)(void *context, uint64_t number, uint64_t argument);
	void *context;
	bool no_exception_handler; /* an exception ends the call with -EFAULT instead of asking the enclave */
	uint64_t clear_xfrm; /* components of XCR0 to leave out */
	uint64_t attributes; /* beside those of the enclave */
	bool unmeasured;     /* pages are added without EEXTEND: EINIT refuses; for tests */
	bool at_zero;	     /* the range begins at address 0, which only root may map; for tests */
	bool uninitialised;  /* leaves EINIT and the mappings to enclave_initialise */
};

/* The enclave and its signature as they lie on disk: FILE and FILE.sig. */
struct enclave_file {
	void *elf;
	size_t elf_size;
	struct sigstruct sigstruct;
};
must_check int enclave_file_open(const char *path, struct enclave_file *ret_file);
void enclave_file_close(struct enclave_file *file);

/* Which step failed, for messages: "open", "mmap", "ECREATE", "EADD", "EINIT", "layout". Of this thread's last call. */
const char *enclave_failed_step(void);

/* options may be NULL. 0, or negative errno of the step that failed. */
must_check int enclave_create(const struct enclave_file *file,
			      const struct enclave_options *options, struct enclave **ret_enclave);
void enclave_destroy(struct enclave *e);
/* For what was made uninitialised: EINIT, and the mappings. May be tried again. */
must_check int enclave_initialise(struct enclave *e, const struct sigstruct *sigstruct);

/*
 * 0 and *ret_value; -EBUSY: no free TCS; -EFAULT: an exception that the enclave did not handle (enclave_last_exception; its TCS is
 * lost); -EPROTO: the enclave refused the entry.
 */
must_check int enclave_call(struct enclave *e, uint64_t function, uint64_t a, uint64_t b,
			    uint64_t *ret_value);
/* The same on one TCS, 0.. */
must_check int enclave_call_on(struct enclave *e, unsigned int thread, uint64_t function,
			       uint64_t a, uint64_t b, uint64_t *ret_value);
/* The same on a TCS that the enclave made later; the caller sees to it that one thread uses it. */
must_check int enclave_call_tcs(struct enclave *e, uint64_t offset, uint64_t function, uint64_t a,
				uint64_t b, uint64_t *ret_value);
const struct enclave_exception *enclave_last_exception(void);
uint64_t enclave_exceptions_seen(void); /* of this thread */

/* For tests and for EDMM. */
int enclave_device(const struct enclave *e);
uint8_t *enclave_base(const struct enclave *e);
const struct enclave_layout *enclave_layout(const struct enclave *e);
