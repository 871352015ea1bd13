#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Reading and writing files of the host under a rain of signals: a signal that comes just before the host call must not keep it from ever being made.
. "$(dirname "$0")/lib.sh"
need gcc
cat >rain.c <<'END'
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

#define COUNT 100000
static volatile long signals;

static void count(int signal)
{
	(void)signal;
	signals++;
}

int main(void)
{
	struct sigaction action = { .sa_handler = count, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { { 0, 0 }, { 0, 0 } };
	long in = 0, out = 0;
	char c;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < COUNT; i++) {
		in += read(0, &c, 1) == 1;
		out += write(1, &c, 1) == 1;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	fprintf(stderr, "%ld %ld %s\n", in, out, signals > 10 ? "signals" : "no signals");
	return 0;
}
END
gcc -O1 -o rain rain.c || fail "rain.c"
head -c 100000 /dev/urandom >input
expect "natively" "100000 100000 signals" "$(./rain <input 2>&1 >output)"
cmp input output || fail "natively: other bytes"
expect "the enclave's standard streams" "100000 100000 signals" "$(enclave -v "$PWD:/w" -- /w/rain <input 2>&1 >output)"
cmp input output || fail "standard streams: other bytes"
: >output
expect "a volume, appending" "100000 100000 signals" "$(enclave -v "$PWD:/w" -w /w -- sh -c './rain <input >>output' 2>&1)"
cmp input output || fail "a volume: other bytes"
