// SPDX-License-Identifier: Apache-2.0
/*
 * Matches TCB levels. A level is matched if every SVN of the platform is at least the level's; levels are looked at from the
 * highest down and the first match counts. No match is no status at all: an error, never OutOfDate.
 */
#include "attest/dcap/tcb.h"

const struct tdx_module_identity *tcb_find_module(const struct tcb_info *info, uint8_t version)
{
	for (size_t i = 0; i < info->module_count; i++)
		if (info->modules[i].version == version)
			return &info->modules[i];
	return NULL;
}

const struct svn_level *tcb_find_svn(const struct svn_level *levels, size_t count, uint16_t isvsvn)
{
	for (size_t i = 0; i < count; i++)
		if (levels[i].isvsvn <= isvsvn)
			return &levels[i];
	return NULL;
}

static bool reaches(const uint8_t *svn, const uint8_t *level, size_t from)
{
	for (size_t i = from; i < TCB_COMPONENTS; i++)
		if (svn[i] < level[i])
			return false;
	return true;
}

static const struct tcb_level *platform_level(const struct tcb_info *info, const struct pck *pck,
					      const uint8_t *tee_tcb_svn)
{
	/* Components 0 and 1 are the module's own version, where modules have identities (QVL 4.1.2.5.2.1.3). */
	size_t from = tee_tcb_svn && tee_tcb_svn[1] ? 2 : 0;

	for (size_t i = 0; i < info->level_count; i++) {
		const struct tcb_level *level = &info->levels[i];

		if (reaches(pck->components, level->sgx, 0) && pck->pcesvn >= level->pcesvn &&
		    (!tee_tcb_svn || reaches(tee_tcb_svn, level->tdx, from)))
			return level;
	}
	return NULL;
}

static bool configuration_needed(enum tcb_status status)
{
	return status == TCB_CONFIGURATION_NEEDED ||
	       status == TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED ||
	       status == TCB_OUT_OF_DATE_CONFIGURATION_NEEDED ||
	       status == TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED;
}

enum tcb_status tcb_converge(enum tcb_status platform, enum tcb_status qe, enum tcb_status module)
{
	if (platform == TCB_REVOKED || qe == TCB_REVOKED || module == TCB_REVOKED)
		return TCB_REVOKED;
	/* A component that is anything but up to date counts as out of date (QVL 4.1.2.9.10). */
	if (qe == TCB_UP_TO_DATE && (!module || module == TCB_UP_TO_DATE))
		return platform;
	if (platform == TCB_UP_TO_DATE || platform == TCB_SW_HARDENING_NEEDED)
		return TCB_OUT_OF_DATE;
	if (platform == TCB_CONFIGURATION_NEEDED ||
	    platform == TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED)
		return TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
	return platform;
}

enum tcb_status tcb_relaunch(enum tcb_status launch, enum tcb_status current)
{
	if (launch != TCB_OUT_OF_DATE && launch != TCB_OUT_OF_DATE_CONFIGURATION_NEEDED)
		return launch;
	if (current != TCB_UP_TO_DATE && current != TCB_SW_HARDENING_NEEDED &&
	    current != TCB_CONFIGURATION_NEEDED &&
	    current != TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED)
		return launch;
	return configuration_needed(launch) || configuration_needed(current)
		       ? TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
		       : TCB_TD_RELAUNCH_ADVISED;
}

const char *tcb_evaluate(const struct tcb_info *info, const struct pck *pck,
			 const uint8_t *tee_tcb_svn, const struct svn_level *qe_level,
			 struct tcb_evaluation *ret_evaluation)
{
	struct tcb_evaluation e = { .platform = platform_level(info, pck, tee_tcb_svn) };

	if (!e.platform)
		return "no TCB level of the TCB info is as low as this platform";
	e.date = e.platform->date;
	if (tee_tcb_svn && tee_tcb_svn[1]) {
		e.module = tcb_find_module(info, tee_tcb_svn[1]);
		if (!e.module)
			return "no TDX module identity is of this module's version";
		e.module_level =
			tcb_find_svn(e.module->levels, e.module->level_count, tee_tcb_svn[0]);
		if (!e.module_level)
			return "no TCB level of the TDX module identity is as low as this module";
		if (e.module_level->date < e.date)
			e.date = e.module_level->date;
	}
	if (qe_level->date < e.date)
		e.date = qe_level->date;
	e.status = tcb_converge(e.platform->status, qe_level->status,
				e.module_level ? e.module_level->status : 0);
	*ret_evaluation = e;
	return NULL;
}
