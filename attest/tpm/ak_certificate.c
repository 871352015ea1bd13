/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a certificate is of an attestation key, or of an endorsement key. A manufacturer's CA also certifies keys that sign whatever their owner wants (IDevID), and
 * endorsement keys: with such a key a "quote" can be made up, since nothing in the evidence that is signed says what kind of key it is.
 * TCG (TPM 2.0 Keys for Device Identity and Attestation 1.0; EK Credential Profile 2.5) has two marks for a key that
 * was verified to be restricted: the policy tcg-cap-verifiedTPMRestricted and the purpose tcg-kp-AIKCertificate. A certificate with other
 * purposes, or with other policies of that list and not this one, is refused. One that is silent (vTPMs of Google's cloud), or that calls a
 * signing key an endorsement key (the same, before 2023; the profile has those restricted too), is left to whoever chose the root.
 *
 * Who has a certified key that decrypts what its owner wants could open any credential: as an endorsement key counts none that is marked for
 * other purposes, for signatures alone, or as one of TCG's device keys.
 */
#include "attest/tpm/tpm.h"

#include <openssl/x509v3.h>

/* Contents of the DER of 2.23.133.8.3, 2.23.133.8.1, and of 2.23.133.11.1 and its last part */
static const uint8_t purpose_ak[] = { 0x67, 0x81, 0x05, 0x08, 0x03 };
static const uint8_t purpose_ek[] = { 0x67, 0x81, 0x05, 0x08, 0x01 };
static const uint8_t policy_verified[] = { 0x67, 0x81, 0x05, 0x0b, 0x01 };
#define POLICY_RESTRICTED 3

static struct span object_bytes(const ASN1_OBJECT *object)
{
	return SPAN(OBJ_get0_data(object), OBJ_length(object));
}

struct marks {
	bool purposes, purpose_ak, purpose_ek; /* the certificate has any; these */
	bool verified, restricted;	       /* policies of TCG's list; this one */
	bool malformed;
};

static void read_purposes(X509 *cert, struct marks *m)
{
	int critical;
	EXTENDED_KEY_USAGE *list = X509_get_ext_d2i(cert, NID_ext_key_usage, &critical, NULL);

	m->malformed |= !list && critical != -1;
	for (int i = 0; list && i < sk_ASN1_OBJECT_num(list); i++) {
		struct span id = object_bytes(sk_ASN1_OBJECT_value(list, i));

		m->purposes = true;
		m->purpose_ak |= span_equal(id, SPAN_OF(purpose_ak));
		m->purpose_ek |= span_equal(id, SPAN_OF(purpose_ek));
	}
	EXTENDED_KEY_USAGE_free(list);
}

static void read_policies(X509 *cert, struct marks *m)
{
	int critical;
	CERTIFICATEPOLICIES *list =
		X509_get_ext_d2i(cert, NID_certificate_policies, &critical, NULL);

	m->malformed |= !list && critical != -1;
	for (int i = 0; list && i < sk_POLICYINFO_num(list); i++) {
		struct span id = object_bytes(sk_POLICYINFO_value(list, i)->policyid);

		if (id.size != sizeof(policy_verified) + 1 ||
		    !span_starts(id, policy_verified, sizeof(policy_verified)))
			continue;
		m->verified = true;
		m->restricted |= id.data[id.size - 1] == POLICY_RESTRICTED;
	}
	CERTIFICATEPOLICIES_free(list);
}

const char *tpm_ak_certificate_problem(X509 *cert, bool *ret_marked)
{
	struct marks m = { false };
	uint32_t usage = X509_get_key_usage(cert);

	*ret_marked = false;
	if (X509_check_ca(cert))
		return "a CA";
	read_purposes(cert, &m);
	read_policies(cert, &m);
	if (m.malformed)
		return "an extension of it is malformed";
	if (usage != UINT32_MAX && !(usage & KU_DIGITAL_SIGNATURE))
		return "a key that is not for signatures";
	if (m.verified && !m.restricted)
		return "a TPM's key that is not restricted: it signs what its owner wants";
	if (m.purposes && !m.purpose_ak && !m.purpose_ek && !m.restricted)
		return "a key for other purposes than attestation";
	*ret_marked = m.purpose_ak || m.restricted;
	return NULL;
}

const char *tpm_ek_certificate_problem(X509 *cert)
{
	struct marks m = { false };
	uint32_t usage = X509_get_key_usage(cert);

	read_purposes(cert, &m);
	read_policies(cert, &m);
	if (m.malformed)
		return "an extension of it is malformed";
	/* Encipherment of RSA keys, agreement of those on curves */
	if (usage != UINT32_MAX && !(usage & (KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT)))
		return "of a key that is not for encryption";
	if (m.verified || (m.purposes && !m.purpose_ek))
		return "of a key for other purposes than endorsement";
	return NULL;
}
