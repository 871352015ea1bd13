/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From SVNs to a status: which TCB level a platform, a TDX module and a quoting enclave match, and what that means together (Intel's
 * QVL, 4.1.2.5.1 and 4.1.2.5.2).
 */
#pragma once

#include "attest/dcap/pck.h"
#include "attest/dcap/tcb_info.h"

/* One evaluation: with the SVNs at the TD's launch, or with the current ones. */
struct tcb_evaluation {
	const struct tcb_level *platform;
	const struct tdx_module_identity *module; /* NULL: SGX, or a TDX module of version 0 */
	const struct svn_level *module_level;	  /* NULL: the same */
	enum tcb_status status;			  /* of all together */
	int64_t date;				  /* the oldest */
};

/* The identity for a module of this version (TEE_TCB_SVN[1], not 0), or NULL. */
const struct tdx_module_identity *tcb_find_module(const struct tcb_info *info, uint8_t version);
/* The first level whose SVN is reached, or NULL: not supported. */
const struct svn_level *tcb_find_svn(const struct svn_level *levels, size_t count, uint16_t isvsvn);
/* tee_tcb_svn: 16 bytes, or NULL for SGX. NULL: all is well; else what matches no level, as text. */
const char *tcb_evaluate(const struct tcb_info *info, const struct pck *pck,
			 const uint8_t *tee_tcb_svn, const struct svn_level *qe_level,
			 struct tcb_evaluation *ret_evaluation);
/* What a TD that was launched under one status is told, where the platform is now under another. */
enum tcb_status tcb_relaunch(enum tcb_status launch, enum tcb_status current);
/* Both are of the platform or of a component of it: exported for the tests. */
enum tcb_status tcb_converge(enum tcb_status platform, enum tcb_status qe, enum tcb_status module);
