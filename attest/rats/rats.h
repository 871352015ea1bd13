/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What RATS peers wrap evidence in and endorse it with, for reading only: no verdict comes from
 * here.
 */
#pragma once

#include "attest/core/appraisal.h"

extern const struct evidence_type
	cmw_type; /* "cmw": conceptual message wrappers, records and collections */
extern const struct evidence_type
	corim_type; /* "corim": unsigned and signed reference value manifests */
extern const struct evidence_type
	eat_type; /* "eat": entity attestation tokens (CWT), PSA and CCA tokens */
