/* SPDX-License-Identifier: Apache-2.0 */
/* What the leaves that build enclaves want of those that run them, for tests without running: weak, the real parts replace them. */
#include "hypervisor/sgx/epcm.h"
#include "hypervisor/sgx/sgx.h"

#include <string.h>

#define weak_ __attribute__((weak))
extern unsigned int forgotten_pages, forgotten_enclaves;
unsigned int forgotten_pages, forgotten_enclaves;

weak_ void enclave_forget_page(const struct epcm_entry *entry)
{
	(void)entry;
	forgotten_pages++;
}

weak_ void enclave_forget(struct secs *secs)
{
	secs->run = 0;
	forgotten_enclaves++;
}

weak_ const uint8_t cpu_svn[16] = { 2 };

weak_ bool cpu_svn_ok(const uint8_t svn[16])
{
	return svn[0] <= cpu_svn[0];
}

weak_ void key_einittoken(const struct einittoken *token, const uint8_t mrsigner[32],
			  uint8_t ret_key[16])
{
	for (int i = 0; i < 16; i++)
		ret_key[i] = token->key_id[i] ^ mrsigner[i];
}

weak_ void sgx_enclu(struct vcpu *v, unsigned int instruction_size)
{
	(void)instruction_size;
	vcpu_inject(v, VECTOR_UD);
}
