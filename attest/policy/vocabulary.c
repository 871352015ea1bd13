/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy can speak of, beyond the names in claims.def: which types of evidence state a
 * claim, how many bytes it has, which strings it can be. With these, a value that could never
 * match is an error when the policy is read, not a refusal in the night. Tables are in the order
 * of claims.def.
 */
#include "attest/policy/language.h"

#include <stdio.h>
#include <string.h>

static const char *const type_names[TYPE_COUNT + 1] = {
	"sgx-quote", "tdx-quote",   "snp-report", "azure-snp",	 "azure-tdx",	      "nitro",
	"tpm-quote", "cloister-hv", "sim",	  "azure-quote", "ratls-certificate", NULL,
};

const char *policy_type_name(unsigned bit_index)
{
	return bit_index < TYPE_COUNT ? type_names[bit_index] : NULL;
}

unsigned policy_type_bit(const char *name)
{
	for (unsigned i = 0; i < TYPE_COUNT; i++)
		if (!strcmp(type_names[i], name))
			return 1u << i;
	return 0;
}

/*
 * First match wins. A certificate states its own claims; those of what it holds count for that
 * type.
 */
static const struct {
	const char *prefix;
	unsigned types;
} families[] = {
	/* Of what can only be decoded. */
	{ "sgx.report.", 0 },
	{ "sgx.sigstruct.", 0 },
	{ "sgx.einittoken.", 0 },
	{ "tdx.report.", 0 },
	{ "intel.", 0 },
	{ "snp.certificates", 0 },
	{ "x509.", 0 },
	{ "cmw.", 0 },
	{ "corim.", 0 },
	{ "eat.", 0 },
	{ "evidence.time", TYPE_NITRO | TYPE_SIM | TYPE_CERTIFICATE },
	/* Of what has lists or signed JSON that is issued again and again. */
	{ "collateral.issued", TYPES_INTEL | TYPES_SEV | TYPES_TPM },
	{ "tcb.module_status", TYPES_TD },
	{ "tcb.current_status", TYPES_TD },
	{ "tcb.", TYPES_INTEL },
	{ "platform.", TYPES_INTEL },
	{ "quote.", TYPES_INTEL },
	{ "sgx.", TYPE_SGX | TYPE_HV },
	{ "tdx.", TYPES_TD },
	{ "snp.", TYPES_SEV },
	{ "nitro.", TYPE_NITRO },
	{ "tpm.", TYPES_TPM },
	{ "eventlog.", TYPES_TPM | TYPE_TDX },
	{ "azure.", TYPE_AZURE_SNP | TYPE_AZURE_TDX },
	{ "hv.", TYPE_HV },
	{ "sim.", TYPE_SIM },
	{ "certificate.", TYPE_CERTIFICATE },
	{ "", TYPE_ALL },
};

unsigned policy_claim_types(const char *claim)
{
	size_t i = 0;

	while (strncmp(claim, families[i].prefix, strlen(families[i].prefix)) != 0)
		i++;
	return families[i].types;
}

/*
 * Registers that exist: TDX has four (TDX module specification), Nitro documents 0 to 31, a TPM of
 * the PC client profile 24.
 */
static const struct {
	const char *prefix;
	unsigned count;
} registers[] = {
	{ "tdx.rtmr.", 4 },	   { "nitro.pcr.", 32 },      { "tpm.pcr.sha1.", 24 },
	{ "tpm.pcr.sha256.", 24 }, { "tpm.pcr.sha384.", 24 }, { "tpm.pcr.sha512.", 24 },
};

static bool suffix_is_possible(const char *name, size_t prefix_len)
{
	const char *suffix = name + prefix_len;
	char canonical[16];

	for (size_t i = 0; i < sizeof(registers) / sizeof(*registers); i++) {
		if (strlen(registers[i].prefix) != prefix_len ||
		    strncmp(registers[i].prefix, name, prefix_len) != 0)
			continue;
		for (unsigned n = 0; n < registers[i].count; n++) {
			snprintf(canonical, sizeof(canonical), "%u", n);
			if (!strcmp(suffix, canonical))
				return true;
		}
		return false;
	}
	if (!*suffix || strlen(suffix) > POLICY_NAME_MAX)
		return false;
	return strspn(suffix, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
	       strlen(suffix);
}

const struct cattest_claim_name *policy_claim_lookup(const char *name)
{
	size_t count;
	const struct cattest_claim_name *names = cattest_claim_names(&count);

	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(names[i].name);

		if (!strcmp(names[i].name, name) && names[i].name[len - 1] != '*')
			return &names[i];
		if (len > 2 && names[i].name[len - 1] == '*' &&
		    !strncmp(names[i].name, name, len - 1) && suffix_is_possible(name, len - 1))
			return &names[i];
	}
	return NULL;
}

/*
 * Sizes of byte strings (0: no further one) and greatest numbers. A name that ends in '.' is a
 * family.
 */
static const struct {
	const char *claim;
	uint16_t sizes[4];
	uint64_t maximum;
} limits[] = {
	{ "report_data", { CATTEST_REPORT_DATA_SIZE }, 0 },
	/*
	 * PCK certificate extension and quote (Intel SGX PCK Certificate and CRL Profile; DCAP
	 * quote format)
	 */
	{ "platform.fmspc", { 6 }, 0 },
	{ "platform.ppid", { 16 }, 0 },
	{ "platform.instance_id", { 16 }, 0 },
	{ "platform.pceid", { 2 }, 0 },
	{ "platform.cpusvn", { 16 }, 0 },
	{ "platform.pcesvn", { 0 }, UINT16_MAX },
	{ "quote.version", { 0 }, 5 },
	{ "quote.qe_svn", { 0 }, UINT16_MAX },
	{ "quote.pce_svn", { 0 }, UINT16_MAX },
	{ "quote.certification_type", { 0 }, 7 },
	{ "sgx.mrenclave", { 32 }, 0 },
	{ "sgx.mrsigner", { 32 }, 0 },
	{ "sgx.isvprodid", { 0 }, UINT16_MAX },
	{ "sgx.isvsvn", { 0 }, UINT16_MAX },
	{ "sgx.attributes", { 16 }, 0 },
	{ "sgx.miscselect", { 0 }, UINT32_MAX },
	{ "sgx.cpusvn", { 16 }, 0 },
	{ "sgx.configid", { 64 }, 0 },
	{ "sgx.configsvn", { 0 }, UINT16_MAX },
	{ "sgx.isvextprodid", { 16 }, 0 },
	{ "sgx.isvfamilyid", { 16 }, 0 },
	{ "tdx.mrtd", { 48 }, 0 },
	{ "tdx.rtmr.", { 48 }, 0 },
	{ "tdx.mrconfigid", { 48 }, 0 },
	{ "tdx.mrowner", { 48 }, 0 },
	{ "tdx.mrownerconfig", { 48 }, 0 },
	{ "tdx.mrseam", { 48 }, 0 },
	{ "tdx.mrsignerseam", { 48 }, 0 },
	{ "tdx.seam_attributes", { 8 }, 0 },
	{ "tdx.tee_tcb_svn", { 16 }, 0 },
	{ "tdx.tee_tcb_svn2", { 16 }, 0 },
	{ "tdx.mrservicetd", { 48 }, 0 },
	/* TD report 1.5 extended (Intel QVL) */
	{ "tdx.vmid", { 0 }, UINT8_MAX },
	{ "tdx.tdid", { 32 }, 0 },
	{ "tdx.devinfo", { 48 }, 0 },
	{ "tdx.init_servtd_hash", { 48 }, 0 },
	{ "tdx.init_servtd_attributes", { 8 }, 0 },
	{ "tdx.init_cpusvn", { 16 }, 0 },
	{ "tdx.init_tee_tcb_svn", { 16 }, 0 },
	{ "tdx.init_tee_fmspc", { 12 }, 0 },
	{ "tdx.cur_servtd_hash", { 48 }, 0 },
	{ "tdx.cur_servtd_attributes", { 8 }, 0 },
	{ "tdx.module_version", { 0 }, UINT8_MAX },
	{ "tdx.body_type", { 0 }, 4 },
	/* SEV-SNP firmware ABI, table ATTESTATION_REPORT */
	{ "snp.version", { 0 }, 5 },
	{ "snp.measurement", { 48 }, 0 },
	{ "snp.host_data", { 32 }, 0 },
	{ "snp.family_id", { 16 }, 0 },
	{ "snp.image_id", { 16 }, 0 },
	{ "snp.guest_svn", { 0 }, UINT32_MAX },
	{ "snp.vmpl", { 0 }, 3 },
	{ "snp.policy.abi_major", { 0 }, UINT8_MAX },
	{ "snp.policy.abi_minor", { 0 }, UINT8_MAX },
	{ "snp.chip_id", { 64, 8 }, 0 },
	{ "snp.id_key_digest", { 48 }, 0 },
	{ "snp.author_key_digest", { 48 }, 0 },
	{ "snp.report_id", { 32 }, 0 },
	{ "snp.report_id_ma", { 32 }, 0 },
	{ "snp.tcb.fmc", { 0 }, UINT8_MAX },
	{ "snp.tcb.bootloader", { 0 }, UINT8_MAX },
	{ "snp.tcb.tee", { 0 }, UINT8_MAX },
	{ "snp.tcb.snp", { 0 }, UINT8_MAX },
	{ "snp.tcb.microcode", { 0 }, UINT8_MAX },
	/* SHA-256, SHA-384 or SHA-512 (Nitro Enclaves attestation process, section 3.2) */
	{ "nitro.pcr.", { 48, 32, 64 }, 0 },
	{ "tpm.ak", { 32 }, 0 },
	/* Hash algorithm and digest (TPM 2.0 part 1, section 16) */
	{ "tpm.ak_name", { 34, 50, 66, 22 }, 0 },
	{ "tpm.reset_count", { 0 }, UINT32_MAX },
	{ "tpm.restart_count", { 0 }, UINT32_MAX },
	{ "tpm.pcr.sha1.", { 20 }, 0 },
	{ "tpm.pcr.sha256.", { 32 }, 0 },
	{ "tpm.pcr.sha384.", { 48 }, 0 },
	{ "tpm.pcr.sha512.", { 64 }, 0 },
	{ "hv.measurement", { 32 }, 0 },
	{ "hv.config", { 48 }, 0 },
	{ "sim.measurement", { 32 }, 0 },
	{ "sim.signer", { 32 }, 0 },
	{ "sim.config", { 48 }, 0 },
	{ "certificate.spki_sha256", { 32 }, 0 },
};

static int limits_find(const char *claim)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		size_t len = strlen(limits[i].claim);

		if (limits[i].claim[len - 1] == '.' ? !strncmp(limits[i].claim, claim, len)
						    : !strcmp(limits[i].claim, claim))
			return (int)i;
	}
	return -1;
}

bool policy_size_fits(const char *claim, size_t size)
{
	int at = limits_find(claim);

	if (at < 0 || !limits[at].sizes[0])
		return true;
	for (size_t i = 0; i < 4; i++)
		if (limits[at].sizes[i] && limits[at].sizes[i] == size)
			return true;
	return false;
}

void policy_size_words(const char *claim, char *buffer, size_t room)
{
	int at = limits_find(claim);
	size_t len = 0;

	buffer[0] = '\0';
	for (size_t i = 0; at >= 0 && i < 4 && limits[at].sizes[i] && len < room; i++)
		len += (size_t)snprintf(buffer + len, room - len, "%s%u bytes (%u hex digits)",
					i ? " or " : "", limits[at].sizes[i],
					limits[at].sizes[i] * 2u);
}

uint64_t policy_claim_maximum(const char *claim)
{
	int at = limits_find(claim);

	return at >= 0 && limits[at].maximum ? limits[at].maximum : UINT64_MAX;
}

/* Intel PCS API, "tcbStatus", and TDX quote version 5's two further results of convergence. */
static const char *const tcb_statuses[] = {
	"UpToDate",
	"SWHardeningNeeded",
	"ConfigurationNeeded",
	"ConfigurationAndSWHardeningNeeded",
	"OutOfDate",
	"Revoked",
	"OutOfDateConfigurationNeeded",
	"TDRelaunchAdvised",
	"TDRelaunchAdvisedConfigurationNeeded",
	NULL,
};
static const char *const component_statuses[] = {
	"UpToDate",
	"SWHardeningNeeded",
	"ConfigurationNeeded",
	"ConfigurationAndSWHardeningNeeded",
	"OutOfDate",
	"Revoked",
	"OutOfDateConfigurationNeeded",
	NULL,
};
static const char *const roots[] = { "built-in", "custom", NULL };
static const char *const platform_cas[] = { "processor", "platform", NULL };
static const char *const platform_types[] = { "standard", "scalable", "scalable-with-integrity",
					      NULL };
static const char *const snp_products[] = { "Milan", "Genoa", "Turin", NULL };
static const char *const snp_keys[] = { "VCEK", "VLEK", NULL };
static const char *const nitro_digests[] = { "SHA256", "SHA384", "SHA512", NULL };
static const char *const ak_trusts[] = { "certificate", "ek-bound", "pinned", "hcl", "none", NULL };
static const char *const log_formats[] = { "tcg-crypto-agile", "tcg-sha1", "ccel", NULL };
static const char *const azure_types[] = { "snp", "tdx", NULL };
static const char *const certificate_formats[] = {
	"dice-tee",	    "cmw",	    "gramine-legacy", "rats-tls-legacy",
	"intel-sdk-legacy", "open-enclave", "dstack",	      NULL,
};

static const struct {
	const char *claim;
	const char *const *strings;
} enumerations[] = {
	{ "evidence.type", type_names },
	{ "root", roots },
	{ "tcb.status", tcb_statuses },
	{ "tcb.platform_status", component_statuses },
	{ "tcb.qe_status", component_statuses },
	{ "tcb.module_status", component_statuses },
	{ "tcb.current_status", component_statuses },
	{ "platform.ca", platform_cas },
	{ "platform.type", platform_types },
	{ "snp.product", snp_products },
	{ "snp.signing_key", snp_keys },
	{ "nitro.digest", nitro_digests },
	{ "tpm.ak_trust", ak_trusts },
	{ "eventlog.format", log_formats },
	{ "azure.report_type", azure_types },
	{ "certificate.format", certificate_formats },
};

const char *const *policy_claim_strings(const char *claim)
{
	for (size_t i = 0; i < sizeof(enumerations) / sizeof(*enumerations); i++)
		if (!strcmp(enumerations[i].claim, claim))
			return enumerations[i].strings;
	return NULL;
}

bool policy_claim_is_identity(const char *claim)
{
	static const char *const names[] = {
		"sgx.mrenclave",     "sgx.mrsigner",	      "tdx.mrtd",	 "tdx.mrconfigid",
		"tdx.mrowner",	     "tdx.mrownerconfig",     "snp.measurement", "snp.host_data",
		"snp.id_key_digest", "snp.author_key_digest", "hv.measurement",	 "sim.measurement",
		"sim.signer",
	};
	static const char *const prefixes[] = { "tdx.rtmr.", "nitro.pcr.", "tpm.pcr." };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], claim))
			return true;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (!strncmp(prefixes[i], claim, strlen(prefixes[i])))
			return true;
	return false;
}

/* Levenshtein's distance; words longer than any name here are far from all. */
static size_t distance(const char *a, const char *b)
{
	size_t row[POLICY_NAME_MAX + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > POLICY_NAME_MAX || b_len > POLICY_NAME_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b_len];
}

const char *policy_nearest(const char *word, const char *const *candidates, size_t count)
{
	const char *ret = NULL;
	/* Up to a third of the word may be wrong. */
	size_t best = strlen(word) / 3 + 1;

	for (size_t i = 0; i < count; i++) {
		size_t d = distance(word, candidates[i]);

		if (d <= best && (!ret || d < best)) {
			best = d;
			ret = candidates[i];
		}
	}
	return ret;
}

const char *policy_nearest_claim(const char *word)
{
	const char *candidates[512] = { NULL }, *last, *ret;
	size_t count, used = 0;
	const struct cattest_claim_name *names = cattest_claim_names(&count);

	for (size_t i = 0; i < count && used < 512; i++)
		candidates[used++] = names[i].name;
	ret = policy_nearest(word, candidates, used);
	/* A name without its family, as some other tools write it: "mrenclave". */
	for (size_t i = 0; i < used; i++) {
		last = strrchr(candidates[i], '.');
		if (last && !strcmp(last + 1, word))
			ret = candidates[i];
	}
	return ret;
}
