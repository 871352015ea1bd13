#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A static musl binary: threads, cancellation, fork, popen.
. "$(dirname "$0")/lib.sh"
need musl-gcc
cat >m.c <<'E'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void *sum(void *p) { long s = 0; for (long i = 0; i < 1000; i++) s += i; *(long *)p = s; return p; }
static void *sleeper(void *p) { for (;;) sleep(100); return p; }
int main(void)
{
	pthread_t t[4], c;
	long r[4];
	void *ret;
	char line[64];
	int status;
	FILE *f;

	for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, sum, &r[i]);
	for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
	printf("%ld\n", r[0] + r[1] + r[2] + r[3]);
	pthread_create(&c, NULL, sleeper, NULL);
	usleep(20000);
	pthread_cancel(c);
	pthread_join(c, &ret);
	printf("cancelled %d\n", ret == PTHREAD_CANCELED);
	if (!fork()) _exit(7);
	wait(&status);
	printf("%d\n", WEXITSTATUS(status));
	fflush(stdout);
	f = popen("echo popen", "r");
	printf("%s", fgets(line, sizeof(line), f));
	return pclose(f);
}
E
musl-gcc -static -O2 -o m m.c -pthread || fail "musl-gcc"
musl-gcc -O2 -o md m.c || fail "musl-gcc dynamic"
native=$(./m) || fail "natively"
expect "static musl" "$native" "$(enclave -v "$PWD:/w" -- /w/m 2>&1)"
expect "dynamic musl" "$native" "$(enclave -v "$PWD:/w" -- /w/md 2>&1)"
