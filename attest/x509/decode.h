/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates to look at: `cloister dump cert.pem`. */
#pragma once

#include "attest/core/appraisal.h"

extern const struct evidence_type x509_type;
