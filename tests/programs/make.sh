#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# GNU make -j2 starts its programs by posix_spawn with POSIX_SPAWN_RESETIDS; a missing program is an error of its parent.
. "$(dirname "$0")/lib.sh"
need make gcc
cat >Makefile <<'E'
all: one two three four
	@echo all
one two three four:
	@sleep 0.05; echo $@ >$@.out
missing:
	@/no/such/program
E
out=$(enclave -v "$PWD:/w" -w /w -- make -j2 2>&1)
expect "make -j2" all "$out"
expect "outputs" "four one three two" "$(cat ./*.out | sort | xargs)"
out=$(enclave -v "$PWD:/w" -w /w -- make missing 2>&1)
expect "status of a failing recipe" 2 "$?"
case $out in *"No such file"*) ;; *) fail "missing program: $out" ;; esac
cat >spawn.c <<'E'
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
extern char **environ;
int main(void)
{
	char *argv[] = { "x", NULL }, *argv2[] = { "/bin/true", NULL };
	posix_spawnattr_t a;
	pid_t pid;
	int status = -1;

	posix_spawnattr_init(&a);
	posix_spawnattr_setflags(&a, POSIX_SPAWN_RESETIDS | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	printf("%d\n", posix_spawn(&pid, "/no/such", NULL, &a, argv, environ) == ENOENT);
	printf("%d\n", posix_spawn(&pid, "/bin/true", NULL, &a, argv2, environ));
	waitpid(pid, &status, 0);
	printf("%d\n", status);
	return 0;
}
E
gcc -o spawn spawn.c
out=$(enclave -v "$PWD:/w" -- /w/spawn)
expect "posix_spawn" "1
0
0" "$out"
