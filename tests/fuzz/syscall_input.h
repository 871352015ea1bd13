/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language of tests/fuzz/syscall_fuzz.c, for those who write programs in it.
 *
 *   input  = flags(1) seed(1) rate(1) call...
 *            flags: bit 0: uid 1000 instead of root; bits 1-2: HOST_* mode, once in `rate` calls; bit 3: an allocation fails,
 *            the (seed*8+rate)th
 *   call   = task(1) number(2, little endian) argument...     one argument for each letter in table.def
 *   pointer-like letters (p b B v S D): P_* byte, then what it says
 *   s path: a byte below 0xc0: that entry of the dictionary (modulo); else inline: low 6 bits length, bytes
 *   f F     a byte: 0..31 that descriptor; 0x40|n: result n calls ago; 0x80 -1; 0x81 AT_FDCWD; else its signed value
 *   all else: I_* coding: a byte below 0x80: itself; 0x80|n: n-th interesting value; 0xc0|n: result n calls ago;
 *            0xe0: 2 bytes follow; 0xe1: 4 bytes; 0xe2: 8 bytes; 0xe3|..: -1
 * Inline data: 8-byte words 0xa5a5......NNNN in it become the address AREA + NNNN.
 */
#pragma once

enum {
	P_NULL,	 /* NULL */
	P_DATA,	 /* length byte, bytes: copied to fresh scratch memory */
	P_SPACE, /* fresh zeroed scratch of 256 bytes */
	P_OLD,	 /* byte n: AREA + 256 * n */
	P_EDGE,	 /* byte n: n bytes before the end of what can be read */
	P_READ_ONLY,
	P_UNMAPPED,
	P_KERNEL, /* enclave memory */
	P_WILD,	  /* 8 bytes: any address */
	P_RESULT, /* byte n: result n calls ago */
	P_ARENA,  /* 2 bytes: that page of the arena's first 256 MiB */
	P_LONG,	  /* 2 bytes length: space of that many bytes at AREA */
	P_WAYS
};
