/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and revocation lists of an attacker: read, looked at, put into a path, searched for by others, and shown. The whole
 * input is tried as each of these.
 */
#include "attest/collateral/collateral.h"
#include "attest/core/result.h"
#include "attest/x509/x509_internal.h"
#include "lib/fuzz/outcome.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const X509 *cert)
{
	char text[64];
	bool twice;

	x509_subject_cn(cert, text, sizeof(text));
	x509_issuer_cn(cert, text, sizeof(text));
	(void)x509_extension(cert, "1.3.6.1.4.1.3704.1.1", &twice);
	(void)x509_serial(cert);
	if (x509_spki(cert).size && x509_not_before(cert) > x509_not_after(cert))
		(void)x509_spki(cert);
}

static void judge(struct cattest_verifier *v, const struct x509_list *list, enum cattest_root root,
		  enum path_crl crl)
{
	static const struct cattest_expect expect;
	struct cattest_error err;
	struct appraisal a = { .verifier = v,
			       .result = result_new(),
			       .err = &err,
			       .expect = &expect,
			       .now = 1750000000 };
	struct path_request request = {
		.step = "fuzz", .root = root, .crl = crl, .certificates = list
	};
	struct path_result path;

	if (!a.result)
		return;
	path_verify(&a, &request, &path);
	/* Nobody but the manufacturers can sign such a path. */
	if (path.custom_root || (path.ok && !path.signatures_ok))
		abort();
	cattest_result_free(a.result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cattest_verifier *v = cattest_verifier_new();
	struct x509_list list = { .count = 0 };
	struct cattest_result *result = NULL;
	struct cattest_error err;
	struct known_crl known;
	X509_CRL *crl;

	if (!v)
		return 0;
	(void)fuzz_outcomes_from(data, size);
	(void)cattest_add_collateral(v, "fuzz", data, size, &err);
	if (!x509_list_from(SPAN(data, size), &list) && list.count) {
		for (size_t i = 0; i < list.count; i++)
			look_at(list.items[i]);
		judge(v, &list, CATTEST_ROOT_INTEL, CRL_REQUIRED);
		judge(v, &list, CATTEST_ROOT_AMD, CRL_IF_THERE);
	}
	x509_list_done(&list);
	crl = x509_crl_from(SPAN(data, size));
	if (crl && known_crl_init(&known, crl) && known.fault && !known.fault[0])
		abort();
	X509_CRL_free(crl);
	if (!cattest_decode(data, size, "x509", &result, &err))
		cattest_result_free(result);
	cattest_verifier_free(v);
	return 0;
}
