/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EINIT's cases; MRENCLAVE against vectors computed elsewhere and against a computation of its own here (OpenSSL's SHA-256);
 * SIGSTRUCT with any byte changed; MSRs and CPUID. Rows: leaf, case, outcome (docs/SGX-LEAVES.md).
 */
#include "hypervisor/crypto/crypto.h"
#include "hypervisor/tests/leaves/scene.h"

#include <openssl/evp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct secs *secs(void)
{
	return epc_memory(SECS_PAGE);
}

static void prepare_signed(uint64_t attributes)
{
	scene_start();
	scene.secs_source->attributes.flags |= attributes;
	must_ecreate(SECS_PAGE);
	must_epa(VA_PAGE);
	memset(scene.source, 0, PAGE_SIZE);
	must_eadd(SECS_PAGE, REG_PAGE, 0, (uint64_t)PT_REG << 8 | SECINFO_RWX);
	sigstruct_fill(scene.sig, secs());
	sigstruct_sign(scene.sig, 0);
	launch_signer(0);
	call(ENCLS_EINIT, scene.sig_at, epc(SECS_PAGE), scene.token_at);
}

static void prepare_einit(void)
{
	prepare_signed(0);
}

static void sign_again(void)
{
	sigstruct_sign(scene.sig, 0);
}

static void operands(void)
{
	const char *leaf_name = "EINIT";
#define prepare prepare_einit
	CASE_THEN("signer in MSRs 8CH-8FH, no token", OK, , {
		uint8_t signer[32];

		signer_hash(0, signer);
		EXPECT(secs()->attributes.flags & ATTRIBUTE_INIT);
		EXPECT(memcmp(secs()->mrenclave, s->sig->enclave_hash, 32) == 0 &&
		       memcmp(secs()->mrsigner, signer, 32) == 0);
		EXPECT(secs()->isv_prod_id == 7 && secs()->isv_svn == 3);
	});
	CASE("SIGSTRUCT not page aligned", GP, s->rbx += 512);
	CASE("SECS not page aligned", GP, s->rcx += 512);
	CASE("token not aligned to 512", GP, s->rdx += 256);
	CASE("token aligned to 512 within a page", OK, s->rdx += 1024);
	CASE("SECS not in EPC", PF_EPCM, s->rcx = s->spare_at);
	CASE("SIGSTRUCT not mapped", PF, s->rbx = UNMAPPED);
	CASE("token not mapped", PF, s->rdx = UNMAPPED);
	CASE("SECS page invalid", PF_EPCM, s->rcx = epc(FREE_PAGE));
	CASE("SECS operand is a VA page", PF_EPCM, s->rcx = epc(VA_PAGE));
	CASE("initialised already", GP, run_call());
	CASE("HEADER", CODE(SGX_INVALID_SIG_STRUCT), (s->sig->header[12] = 1, sign_again()));
	CASE("HEADER2", CODE(SGX_INVALID_SIG_STRUCT), (s->sig->header2[0] = 2, sign_again()));
	CASE("VENDOR neither 0 nor 8086h", CODE(SGX_INVALID_SIG_STRUCT),
	     (s->sig->vendor = 1, sign_again()));
	CASE("VENDOR 8086h", OK, (s->sig->vendor = 0x8086, sign_again()));
	CASE("EXPONENT not 3", CODE(SGX_INVALID_SIG_STRUCT), s->sig->exponent = 65537);
	CASE("reserved byte 44", CODE(SGX_INVALID_SIG_STRUCT),
	     (s->sig->reserved1[0] = 1, sign_again()));
	CASE("reserved byte 910", CODE(SGX_INVALID_SIG_STRUCT),
	     (s->sig->reserved2[0] = 1, sign_again()));
	CASE("reserved byte 992", CODE(SGX_INVALID_SIG_STRUCT),
	     (s->sig->reserved3[0] = 1, sign_again()));
	CASE("reserved byte 1028", CODE(SGX_INVALID_SIG_STRUCT), s->sig->reserved4[0] = 1);
	CASE("ISVFAMILYID without KSS", CODE(SGX_INVALID_SIG_STRUCT),
	     (s->sig->isv_family_id[0] = 1, sign_again()));
	CASE("ISVEXTPRODID without KSS", CODE(SGX_INVALID_SIG_STRUCT),
	     (s->sig->isv_ext_prod_id[0] = 1, sign_again()));
	CASE("signed field changed", CODE(SGX_INVALID_SIGNATURE), s->sig->isv_svn++);
	CASE("SIGNATURE changed", CODE(SGX_INVALID_SIGNATURE), s->sig->signature[200] ^= 1);
	CASE("SIGNATURE not below MODULUS", CODE(SGX_INVALID_SIGNATURE),
	     memset(s->sig->signature, 0xff, 384));
	CASE("SIGNATURE 0", CODE(SGX_INVALID_SIGNATURE), memset(s->sig->signature, 0, 384));
	CASE("MODULUS 0", CODE(SGX_INVALID_SIGNATURE), memset(s->sig->modulus, 0, 384));
	CASE("MODULUS 1", CODE(SGX_INVALID_SIGNATURE),
	     (memset(s->sig->modulus, 0, 384), s->sig->modulus[0] = 1));
	CASE("Q1 changed", CODE(SGX_INVALID_SIGNATURE), s->sig->q1[0] ^= 1);
	CASE("Q2 changed", CODE(SGX_INVALID_SIGNATURE), s->sig->q2[383] ^= 1);
#undef prepare
}

static void prepare_kss(void)
{
	prepare_signed(ATTRIBUTE_KSS);
}

static void prepare_token_key(void)
{
	prepare_signed(ATTRIBUTE_EINITTOKENKEY);
}

static void measurement(void)
{
	const char *leaf_name = "EINIT";
#define prepare prepare_einit
	CASE("ENCLAVEHASH is another", CODE(SGX_INVALID_MEASUREMENT),
	     (s->sig->enclave_hash[31] ^= 1, sign_again()));
	CASE("a page more than was signed", CODE(SGX_INVALID_MEASUREMENT), {
		must_eadd(SECS_PAGE, FREE_PAGE, 0x2000, (uint64_t)PT_REG << 8 | SECINFO_R);
		call(ENCLS_EINIT, s->sig_at, epc(SECS_PAGE), s->token_at);
	});
	CASE("ATTRIBUTES signed otherwise, in the mask", CODE(SGX_INVALID_ATTRIBUTE),
	     (s->sig->attributes.flags |= ATTRIBUTE_DEBUG, sign_again()));
	CASE("ATTRIBUTES signed otherwise, not in the mask", OK,
	     (s->sig->attributes.flags |= ATTRIBUTE_DEBUG,
	      s->sig->attribute_mask.flags &= ~ATTRIBUTE_DEBUG, sign_again()));
	CASE("ATTRIBUTES.INIT signed as set, in the mask", CODE(SGX_INVALID_ATTRIBUTE),
	     (s->sig->attributes.flags |= ATTRIBUTE_INIT, sign_again()));
	CASE("XFRM signed otherwise, in the mask", CODE(SGX_INVALID_ATTRIBUTE),
	     (s->sig->attributes.xfrm = 7, sign_again()));
	CASE("MISCSELECT signed otherwise, in the mask", CODE(SGX_INVALID_ATTRIBUTE),
	     (s->sig->miscselect = 1, sign_again()));
	CASE("MISCSELECT signed otherwise, not in the mask", OK,
	     (s->sig->miscselect = 1, s->sig->misc_mask = ~1U, sign_again()));
	CASE("CET_ATTRIBUTES signed as set, in the mask", CODE(SGX_INVALID_ATTRIBUTE),
	     (s->sig->cet_attributes = 1, s->sig->cet_attributes_mask = 1, sign_again()));
	CASE("signer is not in the MSRs, no token", CODE(SGX_INVALID_EINITTOKEN), launch_signer(1));
	CASE("other signer and MSRs that agree", OK, (sigstruct_sign(s->sig, 1), launch_signer(1)));
#undef prepare
#define prepare prepare_kss
	CASE_THEN("KSS with ISVFAMILYID and ISVEXTPRODID", OK,
		  (s->sig->isv_family_id[2] = 5, s->sig->isv_ext_prod_id[3] = 6, sign_again()),
		  EXPECT(secs()->isv_family_id[2] == 5 && secs()->isv_ext_prod_id[3] == 6));
#undef prepare
#define prepare prepare_token_key
	CASE("EINITTOKENKEY, signer in the MSRs", OK, );
	CASE("EINITTOKENKEY, signer not in the MSRs", CODE(SGX_INVALID_ATTRIBUTE),
	     launch_signer(1));
#undef prepare
}

/* A token for the enclave that the signer in the MSRs would have made: the signer of the enclave is another. */
static void seal_token(void)
{
	uint8_t key[16];

	key_einittoken(scene.token, (const uint8_t *)le_pubkey_hash, key);
	aes_cmac(key, scene.token, EINITTOKEN_MACED, scene.token->mac);
}

static void prepare_token(void)
{
	struct einittoken *t;

	prepare_einit();
	launch_signer(1);
	t = scene.token;
	t->valid = 1;
	t->attributes = secs()->attributes;
	memcpy(t->mrenclave, scene.sig->enclave_hash, 32);
	signer_hash(0, t->mrsigner);
	memcpy(t->cpu_svn_le, cpu_svn, 16);
	t->masked_attributes_le.flags = ATTRIBUTE_MODE64BIT;
	memset(t->key_id, 0x42, sizeof(t->key_id));
	seal_token();
}

static void token(void)
{
	const char *leaf_name = "EINIT";
#define prepare prepare_token
	CASE("a token of the launch enclave", OK, );
	CASE("a token, MAC changed", CODE(SGX_INVALID_EINITTOKEN), s->token->mac[0] ^= 1);
	CASE("a token, key id changed", CODE(SGX_INVALID_EINITTOKEN), s->token->key_id[0] ^= 1);
	CASE("a token of another launch signer", CODE(SGX_INVALID_EINITTOKEN), launch_signer(0));
	CASE("a token, reserved VALID bit", CODE(SGX_INVALID_EINITTOKEN),
	     (s->token->valid = 3, seal_token()));
	CASE("a token, reserved byte 4", CODE(SGX_INVALID_EINITTOKEN),
	     (s->token->reserved1[0] = 1, seal_token()));
	CASE("a token, reserved byte 96", CODE(SGX_INVALID_EINITTOKEN),
	     (s->token->reserved2[0] = 1, seal_token()));
	CASE("a token, reserved byte 160", CODE(SGX_INVALID_EINITTOKEN),
	     (s->token->reserved3[0] = 1, seal_token()));
	CASE("a token, reserved byte 212", CODE(SGX_INVALID_EINITTOKEN),
	     (s->token->reserved4[0] = 1, seal_token()));
	CASE("a token of a debug launch enclave for an enclave without debug",
	     CODE(SGX_INVALID_EINITTOKEN),
	     (s->token->masked_attributes_le.flags |= ATTRIBUTE_DEBUG, seal_token()));
	CASE("a token of a newer CPUSVN", CODE(SGX_INVALID_CPUSVN),
	     (memset(s->token->cpu_svn_le, 0xff, 16), seal_token()));
	CASE("a token for another enclave", CODE(SGX_INVALID_MEASUREMENT),
	     (s->token->mrenclave[0] ^= 1, seal_token()));
	CASE("a token for another signer", CODE(SGX_INVALID_MEASUREMENT),
	     (s->token->mrsigner[0] ^= 1, seal_token()));
	CASE("a token for other attributes", CODE(SGX_INVALID_ATTRIBUTE),
	     (s->token->attributes.flags |= ATTRIBUTE_DEBUG, seal_token()));
#undef prepare
}

/* Every byte of SIGSTRUCT, each with one bit changed: none may be initialised. */
static void every_byte(void)
{
	const char *leaf_name = "EINIT";
	unsigned int taken = 0;

	if (!case_wanted(leaf_name, "each of SIGSTRUCT's 1808 bytes changed: a code, never done",
			 CODE(SGX_INVALID_SIGNATURE)))
		return;
	prepare_einit();
	for (unsigned int i = 0; i < sizeof(struct sigstruct); i++) {
		uint8_t *byte = (uint8_t *)scene.sig + i;
		struct outcome o;

		*byte ^= (uint8_t)(1U << i % 8);
		o = run_call();
		if (o.vector >= 0 || !o.zf ||
		    (o.rax != SGX_INVALID_SIG_STRUCT && o.rax != SGX_INVALID_SIGNATURE))
			taken++;
		*byte ^= (uint8_t)(1U << i % 8);
	}
	EXPECT(!taken);
	EXPECT(!run_call().rax); /* and the whole one is taken */
}

/* --- Measurement ------------------------------------------------------------------------------ */

static void offline_block(EVP_MD_CTX *c, const char *tag, const void *body, size_t size)
{
	uint8_t block[64] = { 0 };

	memcpy(block, tag, strlen(tag));
	memcpy(block + 8, body, size);
	EVP_DigestUpdate(c, block, 64);
}

/* scene_enclave's enclave, from its description alone. */
static void offline(uint8_t ret_mrenclave[32])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t page[PAGE_SIZE], body[56];
	uint32_t frame = 1;
	uint64_t size = ENCLAVE_SIZE;

	EVP_DigestInit(c, EVP_sha256());
	memset(body, 0, sizeof(body));
	memcpy(body, &frame, 4);
	memcpy(body + 4, &size, 8);
	offline_block(c, "ECREATE", body, 20);
	for (uint64_t p = 0; p < 2; p++) {
		uint64_t offset = p << 12, flags = p ? 0x207 : 0x100;

		memset(body, 0, sizeof(body));
		memcpy(body, &offset, 8);
		memcpy(body + 8, &flags, 8);
		offline_block(c, "EADD", body, 56);
		memset(page, 0, sizeof(page));
		for (unsigned int i = 0; p && i < PAGE_SIZE; i++)
			page[i] = (uint8_t)(i * 7 + 1);
		if (!p) {
			memcpy(page + 16, &(uint64_t){ 0x4000 }, 8);
			memcpy(page + 28, &(uint32_t){ 2 }, 4);
			memcpy(page + 32, &(uint64_t){ 0x1000 }, 8);
			memcpy(page + 64, "\xff\x0f\0\0\xff\x0f\0\0", 8);
		}
		for (uint64_t i = 0; i < PAGE_SIZE; i += 256) {
			uint64_t at = offset + i;

			offline_block(c, "EEXTEND", &at, 8);
			EVP_DigestUpdate(c, page + i, 256);
		}
	}
	EVP_DigestFinal(c, ret_mrenclave, NULL);
	EVP_MD_CTX_free(c);
}

static void expect_hash(const char *hex)
{
	uint8_t hash[32];
	char text[65];

	measure_final(secs(), hash);
	for (int i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	EXPECT(strcmp(text, hex) == 0);
}

static void vectors(void)
{
	uint8_t expected[32];

	if (!case_wanted("measurement", "known vectors, and an enclave computed offline", OK))
		return;
	scene_start();
	scene.secs_source->size = 0x2000;
	must_ecreate(SECS_PAGE);
	expect_hash("9e197c8837c6d65632dbdd59cd7df4f1a25b68d8e4e5eb6ca3b20b05311fecb8");
	memset(scene.source, 0, PAGE_SIZE);
	must_eadd(SECS_PAGE, REG_PAGE, 0, 0x203);
	expect_hash("995c454650d39811c9c53e1af534aa6c34a496ce9302c34e0ced2c7a7e2c4103");
	must_eextend(SECS_PAGE, REG_PAGE);
	expect_hash("1f2cf80bd03ffd8bfac33f7cba128aff511c3af666b93bb66e7ef718418bdade");
	scene_enclave(true);
	offline(expected);
	EXPECT(memcmp(secs()->mrenclave, expected, 32) == 0);
}

/* An enclave under construction whose SECS is away for a while is measured as if it never was. */
static void evicted_in_between(void)
{
	uint8_t expected[32], is[32];

	if (!case_wanted("measurement", "the SECS evicted and loaded between ECREATE and EADD", OK))
		return;
	scene_start();
	must_ecreate(SECS_PAGE);
	must_eadd(SECS_PAGE, REG_PAGE, 0, 0x203);
	measure_final(secs(), expected);
	scene_start();
	must_ecreate(SECS_PAGE);
	memset(scene.spare, 0, PAGE_SIZE);
	memcpy(scene.spare, scene.source, PAGE_SIZE);
	must_epa(VA_PAGE);
	must_ewb(SECS_PAGE, VA_PAGE, 0);
	must_load(SECS_PAGE, SECS_PAGE, 0, VA_PAGE, 0);
	memcpy(scene.source, scene.spare, PAGE_SIZE);
	must_eadd(SECS_PAGE, REG_PAGE, 0, 0x203);
	measure_final(secs(), is);
	EXPECT(memcmp(is, expected, 32) == 0);
}

static void registers(void)
{
	uint32_t r[4] = { 0x10, 0, 0, 0 };
	uint64_t value = 0;
	bool ok;

	if (!case_wanted("CPUID, MSRs", "what Linux sees", OK))
		return;
	scene_start();
	EXPECT(sgx_rdmsr(0x3a, &value) && value == 0x60001);
	EXPECT(sgx_wrmsr(0x3a, 0, &ok) && !ok);
	EXPECT(sgx_rdmsr(0x8c, &value) && value == 0xa6053e051270b7acULL);
	EXPECT(sgx_wrmsr(0x8f, 5, &ok) && ok && sgx_rdmsr(0x8f, &value) && value == 5);
	EXPECT(sgx_wrmsr(0x300, 5, &ok) && ok && sgx_wrmsr(0x301, 5, &ok) && ok);
	EXPECT(!sgx_rdmsr(0x300, &value) && !sgx_wrmsr(0x302, 5, &ok) && !sgx_wrmsr(0x2ff, 5, &ok));
	EXPECT(!sgx_rdmsr(0x90, &value) && !sgx_rdmsr(0x8b, &value) && !sgx_wrmsr(0x1b, 0, &ok));
	sgx_cpuid(0, 0, r);
	EXPECT(r[0] == 0x12);
	memset(r, 0, sizeof(r));
	sgx_cpuid(7, 0, r);
	EXPECT(r[1] == 4 && r[2] == 1U << 30);
	sgx_cpuid(0x12, 0, r);
	EXPECT((r[0] & 3) == 3 && r[1] == MISC_EXINFO);
	sgx_cpuid(0x12, 1, r);
	EXPECT(!(r[0] & ATTRIBUTE_INIT) && (r[2] & 3) == 3);
	sgx_cpuid(0x12, 2, r);
	EXPECT(r[0] == (MACHINE_EPC | 1) && !r[1] && r[2] == (MACHINE_EPC_SIZE | 1) && !r[3]);
	sgx_cpuid(0x12, 3, r);
	EXPECT(!r[0] && !r[1] && !r[2] && !r[3]);
}

int main(int argc, char **argv)
{
	cases_start(argc, argv);
	operands();
	measurement();
	token();
	every_byte();
	vectors();
	evicted_in_between();
	registers();
	return cases_end();
}
