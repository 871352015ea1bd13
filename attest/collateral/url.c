/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the manufacturers publish collateral: Intel's PCS API v4 (and the same paths at a PCCS), AMD's KDS (VCEK and KDS interface
 * specification, 57230). Parameters are numbers, hex and words of ours: nothing needs escaping.
 */
#include "attest/collateral/url.h"
#include "attest/collateral/collateral.h"

#include <stdarg.h>
#include <stdio.h>

static void put(char *ret_url, size_t room, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void put(char *ret_url, size_t room, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(ret_url, room, format, ap);
	va_end(ap);
	/* Half a URL asks for something else. */
	if (n < 0 || (size_t)n >= room)
		ret_url[0] = 0;
}

void url_tcb_info(struct appraisal *a, bool tdx, const uint8_t fmspc[6], char *ret_url, size_t room)
{
	char hex[16];

	(void)a;
	put(ret_url, room, "%s/tcb?fmspc=%s", tdx ? PCS_TDX : PCS_SGX,
	    hex_text(SPAN(fmspc, 6), hex, sizeof(hex)));
}

void url_qe_identity(struct appraisal *a, bool tdx, char *ret_url, size_t room)
{
	(void)a;
	put(ret_url, room, "%s/qe/identity", tdx ? PCS_TDX : PCS_SGX);
}

void url_pck_crl(struct appraisal *a, const char *ca, char *ret_url, size_t room)
{
	(void)a;
	put(ret_url, room, PCS_SGX "/pckcrl?ca=%s&encoding=der", ca);
}

void url_root_crl(struct appraisal *a, char *ret_url, size_t room)
{
	(void)a;
	put(ret_url, room, "%s", PCS_ROOT_CRL);
}

void url_vek(struct appraisal *a, bool vlek, const char *product, struct span hwid,
	     const char *query, char *ret_url, size_t room)
{
	char hex[132];

	(void)a;
	/* A VLEK belongs to no chip. */
	put(ret_url, room, KDS "/%s/v1/%s%s%s%s%s", vlek ? "vlek" : "vcek", product,
	    hwid.size ? "/" : "", hwid.size ? hex_text(hwid, hex, sizeof(hex)) : "",
	    query && query[0] ? "?" : "", query ? query : "");
}

void url_amd_chain(struct appraisal *a, bool vlek, const char *product, char *ret_url, size_t room)
{
	(void)a;
	put(ret_url, room, KDS "/%s/v1/%s/cert_chain", vlek ? "vlek" : "vcek", product);
}

void url_amd_crl(struct appraisal *a, bool vlek, const char *product, char *ret_url, size_t room)
{
	(void)a;
	put(ret_url, room, KDS "/%s/v1/%s/crl", vlek ? "vlek" : "vcek", product);
}
