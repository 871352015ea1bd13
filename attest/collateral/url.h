/* SPDX-License-Identifier: Apache-2.0 */
/* The manufacturers' servers. */
#pragma once

#define PCS_HOST "https://api.trustedservices.intel.com"
#define PCS_SGX PCS_HOST "/sgx/certification/v4"
#define PCS_TDX PCS_HOST "/tdx/certification/v4"
#define PCS_ROOT_CRL "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
#define KDS "https://kdsintf.amd.com"
