/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/freestanding.c under other names, for crypto_test. */
#define calloc arena_calloc
#define free arena_free
#define puts arena_puts
#define putchar arena_putchar
#define fopen arena_fopen
#define fclose arena_fclose
#define fread arena_fread
#define fwrite arena_fwrite
#define ferror arena_ferror
#define fgets arena_fgets
#define gmtime_r arena_gmtime_r
#define pthread_mutex_init arena_mutex_init
#define pthread_mutex_destroy arena_mutex_destroy
#define pthread_mutex_lock arena_mutex_lock
#define pthread_mutex_unlock arena_mutex_unlock
#define __printf_chk arena_printf_chk
#define __memcpy_chk arena_memcpy_chk
#define __memset_chk arena_memset_chk
#define __stack_chk_fail arena_stack_chk_fail
#define __udivti3 arena_udivti3
#define crypto_runtime_init arena_init
void arena_init(void *arena, unsigned long size);
#include "hypervisor/crypto/freestanding.c"

/* Blocks, and how many of them are in use; the arena is whole: headers lead from its start to its end. */
unsigned int arena_blocks(unsigned int *ret_used);
unsigned int arena_blocks(unsigned int *ret_used)
{
	unsigned int blocks = 0;

	*ret_used = 0;
	for (struct block *b = first; (char *)b < end; b = next_of(b)) {
		blocks++;
		*ret_used += b->used != 0;
	}
	return blocks;
}
