/* SPDX-License-Identifier: Apache-2.0 */
/* Attestation documents of AWS Nitro Enclaves. */
#pragma once

#include "attest/core/appraisal.h"

extern const struct evidence_type nitro_type; /* "nitro" */
