/* SPDX-License-Identifier: Apache-2.0 */
/* The appraisal policy as the verifier uses it; the language is in docs/ATTESTATION.md. */
#pragma once

#include "attest/core/appraisal.h"

/* Runs every rule over the claims; each is a check "policy.NAME". Called once, after the evidence's own checks. */
void policy_evaluate(struct appraisal *a, const struct cattest_policy *policy);
const char *policy_name(const struct cattest_policy *policy);
/* SHA-256 of the policy's text. */
void policy_digest(const struct cattest_policy *policy, uint8_t ret_digest[32]);
