/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at the machine from a program: probe cpuid LEAF [SUBLEAF] (hexadecimal: EAX EBX ECX EDX), probe hypervisor (its name), probe vmmcall N,
 * probe enclu, probe ud2, probe int3, probe avx (how the instruction ended: a value, or a signal), probe busy SECONDS (arithmetic that must come out right).
 */
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void died(int signal)
{
	printf("signal %d\n", signal);
	fflush(stdout);
	_exit(0);
}

static int busy(int seconds)
{
	time_t end = time(NULL) + seconds;
	double sum = 0;

	while (time(NULL) < end) {
		volatile double x = 1;

		for (int i = 1; i < 20000; i++)
			x = x * 1.0000001 + 0.5 / i;
		if (sum && sum != x) {
			puts("wrong");
			return 1;
		}
		sum = x;
	}
	puts("right");
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	unsigned int number = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 16) : 0, a, b, c, d;
	unsigned long value = number;

	for (int i = 1; i < 16; i++) {
		if (i != SIGINT && i != SIGKILL && i != SIGTERM)
			signal(i, died);
	}
	if (!strcmp(what, "cpuid")) {
		__cpuid_count(number, argc > 3 ? (unsigned int)strtoul(argv[3], NULL, 16) : 0, a, b,
			      c, d);
		printf("%08x %08x %08x %08x\n", a, b, c, d);
	} else if (!strcmp(what, "hypervisor")) {
		char name[13] = { 0 };

		__cpuid(0x40000000, a, b, c, d);
		memcpy(name, &b, 4);
		memcpy(name + 4, &c, 4);
		memcpy(name + 8, &d, 4);
		puts(name);
	} else if (!strcmp(what, "vmmcall")) {
		asm volatile("vmmcall" : "+a"(value) : "D"(0), "S"(0) : "memory");
		printf("ok %lx\n", value);
	} else if (!strcmp(what, "enclu")) {
		asm volatile(".byte 0x0f, 0x01, 0xd7" : "+a"(value) : "b"(0), "c"(0) : "memory");
		printf("ok %lx\n", value);
	} else if (!strcmp(what, "ud2")) {
		asm volatile("ud2");
	} else if (!strcmp(what, "int3")) {
		asm volatile("int3");
	} else if (!strcmp(what, "busy")) {
		return busy((int)number);
	}
	return 0;
}
