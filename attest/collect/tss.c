/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads libtss2. A verifier, and most programs that link this library, have no TPM and need none of it, so it is no
 * dependency of theirs. tss is written once under the lock, before anybody uses it, and not changed again.
 */
#include "attest/collect/tss.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

struct tss_calls tss;
static pthread_mutex_t tss_lock = PTHREAD_MUTEX_INITIALIZER;

/* The libraries stay loaded: they hold state of their own. */
int tss_load(struct cattest_error *err)
{
	void *esys, *mu, *tctildr;
	int rc = 0;

	pthread_mutex_lock(&tss_lock);
	if (tss.loaded)
		goto out;
	mu = dlopen("libtss2-mu.so.0", RTLD_NOW | RTLD_LOCAL);
	esys = dlopen("libtss2-esys.so.0", RTLD_NOW | RTLD_LOCAL);
	tctildr = dlopen("libtss2-tctildr.so.0", RTLD_NOW | RTLD_LOCAL);
	if (!mu || !esys || !tctildr) {
		rc = fail(
			err, -ENODEV,
			"the TPM software stack is not installed: libtss2-esys, libtss2-mu and libtss2-tctildr are needed");
		goto out;
	}
	tss.loaded = true;
#define X(library, name)                             \
	*(void **)&tss.name = dlsym(library, #name); \
	tss.loaded = tss.loaded && tss.name;
	TSS_CALLS(X)
#undef X
	if (!tss.loaded)
		rc = fail(
			err, -ENODEV,
			"the TPM software stack here lacks functions of version 3: install libtss2 3.0 or newer");
out:
	pthread_mutex_unlock(&tss_lock);
	return rc;
}

int tss_error(struct cattest_error *err, const char *what, TSS2_RC rc)
{
	/* Layer in bits 16-23; the low bits are the TPM's own code (part 2, 6.6.2). */
	return fail(err, -EIO, "TPM: cannot %s (error 0x%x of layer %u)", what, rc & 0xffff,
		    rc >> 16 & 0xff);
}
