/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence for the programs of the enclave: kernel/fs/configfs.c and kernel/fs/attestation.c show it as files. */
#pragma once

#include "abi/evidence.h"
#include "lib/base/types.h"

/* handle: boot_info.evidence_handle; negative: this enclave has no evidence. */
void evidence_init(int handle);
/* The provider's name, NUL-ended. -ENXIO: there is none. */
must_check int evidence_provider(char ret_name[EVIDENCE_PROVIDER_MAX + 1]);
/* kmalloc'd. -ENXIO, -ERESTARTSYS, what the host answered, or -EIO for an answer that is none. */
must_check int evidence_collect(const uint8_t report_data[EVIDENCE_DATA_SIZE],
				uint8_t **ret_evidence, size_t *ret_size);

void configfs_init(void);
void attestation_init(void);
