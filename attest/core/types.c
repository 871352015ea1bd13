/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evidence types of this library: the one list. The first whose detect() says yes wins, so what has a strict mark of its own comes
 * before what is told by its size or its outer form: Cloister's own quotes before Intel's, a SIGSTRUCT before reports with a
 * version number at their beginning, certificates with evidence before plain ones.
 */
#include "attest/core/appraisal.h"

#include "attest/azure/azure.h"
#include "attest/certificate/certificate.h"
#include "attest/dcap/dcap.h"
#include "attest/hv/hv.h"
#include "attest/nitro/nitro.h"
#include "attest/rats/rats.h"
#include "attest/sim/sim.h"
#include "attest/snp/snp.h"
#include "attest/tpm/eventlog.h"
#include "attest/tpm/tpm.h"
#include "attest/x509/decode.h"

const struct evidence_type *const evidence_types[] = {
	&sim_type,
	&hv_type,
	&azure_snp_type,
	&azure_tdx_type,
	&azure_quote_type,
	&sgx_quote_type,
	&tdx_quote_type,
	&tpm_quote_type,
	&sgx_sigstruct_type,
	&snp_report_type,
	&nitro_type,
	&certificate_type,
	&tcb_info_type,
	&qe_identity_type,
	&event_log_type,
	&tdx_report_type,
	&sgx_report_type,
	&sgx_einittoken_type,
	&sgx_targetinfo_type,
	&x509_type,
	&corim_type,
	&cmw_type,
	&eat_type,
	NULL,
};
