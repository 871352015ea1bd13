/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a log's events say, once their registers are known to be signed.
 *
 * Only digests and their order led to the register's value. Types and data of events are whatever
 * the log's owner wrote: who took over the machine after it had booted may extend registers
 * further, and label old and new events as suits. So:
 *  - secure boot is told by digests alone: the two values that the variable can have are hashed
 *    here, and looked for before the digest of the separator, which the firmware leaves behind
 *    before it lets anybody else run;
 *  - boot applications are all digests of their register that are not shown to be something else;
 *  - a command line is claimed if it has the digest. That others were measured which the log does
 *    not show as such cannot be told: whoever needs to know pins the register or looks at
 *    eventlog.digests.
 */
#include "attest/tpm/eventlog_internal.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	uint32_t type;
	const char *name;
} type_names[] = {
	{ 0x0, "EV_PREBOOT_CERT" },
	{ 0x1, "EV_POST_CODE" },
	{ 0x3, "EV_NO_ACTION" },
	{ 0x4, "EV_SEPARATOR" },
	{ 0x5, "EV_ACTION" },
	{ 0x6, "EV_EVENT_TAG" },
	{ 0x7, "EV_S_CRTM_CONTENTS" },
	{ 0x8, "EV_S_CRTM_VERSION" },
	{ 0x9, "EV_CPU_MICROCODE" },
	{ 0xa, "EV_PLATFORM_CONFIG_FLAGS" },
	{ 0xb, "EV_TABLE_OF_DEVICES" },
	{ 0xc, "EV_COMPACT_HASH" },
	{ 0xd, "EV_IPL" },
	{ 0xe, "EV_IPL_PARTITION_DATA" },
	{ 0xf, "EV_NONHOST_CODE" },
	{ 0x10, "EV_NONHOST_CONFIG" },
	{ 0x11, "EV_NONHOST_INFO" },
	{ 0x12, "EV_OMIT_BOOT_DEVICE_EVENTS" },
	{ 0x13, "EV_POST_CODE2" },
	{ 0x80000001, "EV_EFI_VARIABLE_DRIVER_CONFIG" },
	{ 0x80000002, "EV_EFI_VARIABLE_BOOT" },
	{ 0x80000003, "EV_EFI_BOOT_SERVICES_APPLICATION" },
	{ 0x80000004, "EV_EFI_BOOT_SERVICES_DRIVER" },
	{ 0x80000005, "EV_EFI_RUNTIME_SERVICES_DRIVER" },
	{ 0x80000006, "EV_EFI_GPT_EVENT" },
	{ 0x80000007, "EV_EFI_ACTION" },
	{ 0x80000008, "EV_EFI_PLATFORM_FIRMWARE_BLOB" },
	{ 0x80000009, "EV_EFI_HANDOFF_TABLES" },
	{ 0x8000000a, "EV_EFI_PLATFORM_FIRMWARE_BLOB2" },
	{ 0x8000000b, "EV_EFI_HANDOFF_TABLES2" },
	{ 0x8000000c, "EV_EFI_VARIABLE_BOOT2" },
	{ 0x8000000d, "EV_EFI_GPT_EVENT2" },
	{ 0x80000010, "EV_EFI_HCRTM_EVENT" },
	{ 0x800000e0, "EV_EFI_VARIABLE_AUTHORITY" },
	{ 0x800000e1, "EV_EFI_SPDM_FIRMWARE_BLOB" },
	{ 0x800000e2, "EV_EFI_SPDM_FIRMWARE_CONFIG" },
	{ 0x800000e3, "EV_EFI_SPDM_DEVICE_POLICY" },
	{ 0x800000e4, "EV_EFI_SPDM_DEVICE_AUTHORITY" },
};

/* UEFI specification, 3.3: EFI_GLOBAL_VARIABLE */
static const uint8_t global_variable[16] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
					     0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };

const char *log_event_type_name(uint32_t type)
{
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++)
		if (type_names[i].type == type)
			return type_names[i].name;
	return NULL;
}

/*
 * UEFI_VARIABLE_DATA (PFP, 10.2.6): GUID, length of the name in characters, length of the data,
 * name in UTF-16, data.
 */
static bool variable_parse(struct span in, struct span *ret_guid, struct span *ret_name,
			   struct span *ret_data)
{
	struct cursor c = CURSOR(in);
	uint64_t name_len, data_size;

	*ret_guid = take(&c, 16);
	name_len = take_le64(&c);
	data_size = take_le64(&c);
	if (c.bad || name_len > 512 || data_size > in.size)
		return false;
	*ret_name = take(&c, 2 * (size_t)name_len);
	*ret_data = take(&c, (size_t)data_size);
	return !c.bad && !cursor_left(&c);
}

/*
 * Text in UTF-16 without its NUL; what is not printable ASCII as \uNNNN. False if it is empty or
 * does not fit.
 */
static bool utf16_text(struct span in, char *ret_text, size_t room)
{
	size_t len = 0, count = in.size / 2;

	while (count && !in.data[2 * count - 2] && !in.data[2 * count - 1])
		count--;
	if (in.size % 2 || !count)
		return false;
	for (size_t i = 0; i < count; i++) {
		unsigned c = in.data[2 * i] | (unsigned)in.data[2 * i + 1] << 8;

		if (room - len < 8)
			return false;
		if (c >= 0x20 && c < 0x7f)
			ret_text[len++] = (char)c;
		else
			len += (size_t)snprintf(ret_text + len, room - len, "\\u%04x", c);
	}
	ret_text[len] = '\0';
	return true;
}

static bool is_text(struct span in)
{
	size_t size = in.size;

	if (size && !in.data[size - 1])
		size--;
	for (size_t i = 0; i < size; i++)
		if (in.data[i] < 0x20 || in.data[i] > 0x7e)
			return false;
	return size;
}

/* TCG_PCClientTaggedEvent (PFP, 10.4.2.1): an identifier, a size, and here a text of that size. */
static bool tagged_text(struct span in, struct span *ret_text)
{
	struct cursor c = CURSOR(in);
	uint32_t size;
	struct span text;

	take_le32(&c);
	size = take_le32(&c);
	text = take(&c, size);
	if (c.bad || cursor_left(&c) || !is_text(text))
		return false;
	if (!text.data[text.size - 1])
		text.size--;
	*ret_text = text;
	return true;
}

static void describe_data(const struct log_event *e, char *text, size_t room)
{
	struct span guid, name, data, shown = e->data;

	text[0] = '\0';
	if (shown.size && !shown.data[shown.size - 1])
		shown.size--;
	if (e->type >> 4 == 0x8000000 && variable_parse(e->data, &guid, &name, &data) &&
	    utf16_text(name, text, room))
		return;
	if (e->type == EV_EVENT_TAG && tagged_text(e->data, &shown))
		safe_text(shown, text, room);
	else if (is_text(e->data))
		safe_text(shown, text, room);
	else if (e->type != EV_IPL || e->data.size < 2 || e->data.data[1] ||
		 !utf16_text(e->data, text, room))
		snprintf(text, room, "%zu bytes", e->data.size);
}

void log_describe(const struct log_event *e, int bank, bool cc, char *ret_text, size_t room)
{
	const char *type = log_event_type_name(e->type);
	char hex[129] = "-", data[161], number[16];

	for (int i = TPM_BANK_COUNT - 1; bank < 0 && i >= 0; i--)
		if (e->digest[i].size)
			bank = i;
	if (bank >= 0)
		hex_text(e->digest[bank], hex, sizeof(hex));
	describe_data(e, data, sizeof(data));
	snprintf(number, sizeof(number), "0x%x", e->type);
	snprintf(ret_text, room, "%s%d %s %s %s",
		 cc && e->index ? "rtmr"
		 : cc		? "mrtd"
				: "pcr",
		 (int)(cc && e->index ? e->index - 1 : e->index), type ? type : number, hex, data);
}

const char *const log_digest_names[TPM_BANK_COUNT] = { "SHA1", "SHA256", "SHA384", "SHA512" };

static bool hash_of_two_is(int bank, struct span first, struct span second, struct span expected)
{
	struct span parts[] = { first, second };
	uint8_t found[64];
	size_t size;

	return !digest(log_digest_names[bank], parts, 2, found, &size) &&
	       span_equal(SPAN(found, size), expected);
}

static bool hash_is(int bank, struct span data, struct span expected)
{
	return hash_of_two_is(bank, data, SPAN(NULL, 0), expected);
}

/* What gathers while the events go by. */
struct facts {
	struct appraisal *a;
	const struct log_mapping *mapping;
	bool separated; /* the register of the secure boot variables */
	bool secure_boot_known, secure_boot;
};

/* EV_SEPARATOR's data is 0 or, after an error, -1 (PFP, 10.4.1). */
static bool is_separator(int bank, struct span found)
{
	return hash_is(bank, SPAN("\0\0\0\0", 4), found) ||
	       hash_is(bank, SPAN("\xff\xff\xff\xff", 4), found);
}

/*
 * "SecureBoot" as the firmware read it, hashed as a whole: UEFI_VARIABLE_DATA (PFP, 3.3.4.8). size
 * 0: the variable is not there.
 */
static bool is_secure_boot(int bank, struct span found, size_t size, uint8_t value)
{
	static const uint8_t lengths[8] = { 10 };
	const uint8_t size_bytes[8] = { (uint8_t)size };
	struct span parts[] = { SPAN_OF(global_variable), SPAN_OF(lengths), SPAN_OF(size_bytes),
				SPAN("S\0e\0c\0u\0r\0e\0B\0o\0o\0t", 20), SPAN(&value, size) };
	uint8_t expected[64];
	size_t expected_size;

	return !digest(log_digest_names[bank], parts, 5, expected, &expected_size) &&
	       span_equal(SPAN(expected, expected_size), found);
}

static void fact_secure_boot(struct facts *f, const struct log_event *e, int bank)
{
	bool on, off;

	if (e->index != (f->mapping->cc ? 1 : 7) || f->separated)
		return;
	on = is_secure_boot(bank, e->digest[bank], 1, 1);
	off = is_secure_boot(bank, e->digest[bank], 1, 0) ||
	      is_secure_boot(bank, e->digest[bank], 0, 0);
	/* Measured twice and differently: the worse one. */
	if (on || off)
		f->secure_boot = on && (!f->secure_boot_known || f->secure_boot);
	f->secure_boot_known |= on || off;
	f->separated = is_separator(bank, e->digest[bank]);
}

static void claim_cmdline(struct appraisal *a, struct span line, bool utf16)
{
	size_t room = 4 * line.size + 16; /* every byte as \xNN, every character as \uNNNN */
	char *text = line.size <= 1 << 16 ? malloc(room) : NULL;

	if (!text)
		check_fail(a, "eventlog.cmdline", "a command line of at most 64 KiB", "%zu bytes",
			   line.size);
	else if (!utf16)
		claim_add(a, "eventlog.kernel_cmdline", "%s", safe_text(line, text, room));
	else if (utf16_text(line, text, room))
		claim_add(a, "eventlog.kernel_cmdline", "%s", text);
	free(text);
}

/*
 * GRUB: the text is "kernel_cmdline: " and the command line up to a NUL; what is between is
 * hashed. Others write it a little differently.
 */
static bool fact_grub_cmdline(struct facts *f, const struct log_event *e, int bank)
{
	static const char *const prefixes[] = { "kernel_cmdline: ", "grub_kernel_cmdline " };

	for (size_t i = 0; i < 2; i++) {
		size_t skip = strlen(prefixes[i]);
		struct span line;

		if (!span_starts(e->data, prefixes[i], skip))
			continue;
		line = SPAN(e->data.data + skip,
			    strnlen((const char *)e->data.data + skip, e->data.size - skip));
		if (hash_is(bank, line, e->digest[bank]))
			claim_cmdline(f->a, line, false);
		else
			check_fail(f->a, "eventlog.cmdline",
				   "the digest of the command line that the log shows",
				   "another digest");
		return true;
	}
	return false;
}

/*
 * GRUB in PCR 8; systemd-boot and systemd-stub in PCR 8 and 12: UTF-16 with its NUL is hashed,
 * which older ones do not write into the log.
 */
static void fact_cmdline(struct facts *f, const struct log_event *e, int bank)
{
	bool here = f->mapping->cc ? e->index == 3 : e->index == 8 || e->index == 12;
	struct span line = e->data;

	if (!here || e->type != EV_IPL || fact_grub_cmdline(f, e, bank))
		return;
	if (line.size % 2 && !line.data[line.size - 1])
		line.size--;
	while (line.size >= 2 && !line.data[line.size - 1] && !line.data[line.size - 2])
		line.size -= 2;
	if (line.size >= 2 && line.size % 2 == 0 &&
	    hash_of_two_is(bank, line, SPAN("\0", 2), e->digest[bank]))
		claim_cmdline(f->a, line, true);
}

/*
 * EFI programs are hashed by their contents (Authenticode), which the log does not hold. Other
 * events of their register are separators, the texts of EV_EFI_ACTION (PFP, 10.4.4), which are
 * hashed here, and in a TD partition tables, whose data a program cannot have.
 */
static void fact_boot_application(struct facts *f, const struct log_event *e, int bank)
{
	static const char *const actions[] = {
		"Calling EFI Application from Boot Option",
		"Returning from EFI Application from Boot Option",
		"Exit Boot Services Invocation",
		"Exit Boot Services Returned with Failure",
		"Exit Boot Services Returned with Success",
	};
	struct span found = e->digest[bank];
	char hex[129];

	if (e->index != (f->mapping->cc ? 2 : 4) || is_separator(bank, found))
		return;
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (hash_is(bank, SPAN(actions[i], strlen(actions[i])), found))
			return;
	if (f->mapping->cc && span_starts(e->data, "EFI PART", 8) && hash_is(bank, e->data, found))
		return;
	claim_add(f->a, "eventlog.boot_applications", "%s", hex_text(found, hex, sizeof(hex)));
}

static void take_event(struct facts *f, const struct log_event *e)
{
	char text[512], hex[129];
	int best = -1;

	for (int bank = 0; bank < TPM_BANK_COUNT; bank++)
		if (f->mapping->matched[bank][e->index])
			best = bank;
	if (best < 0)
		return;
	for (int bank = 0; bank < TPM_BANK_COUNT; bank++)
		if (f->mapping->matched[bank][e->index])
			claim_add(f->a, "eventlog.digests", "%s",
				  hex_text(e->digest[bank], hex, sizeof(hex)));
	log_describe(e, best, f->mapping->cc, text, sizeof(text));
	claim_add(f->a, "eventlog.events", "%s", text);
	fact_secure_boot(f, e, best);
	fact_cmdline(f, e, best);
	fact_boot_application(f, e, best);
}

bool log_final_event(unsigned sequence, unsigned k, struct span *ret_text)
{
	static const char invocation[] = "Exit Boot Services Invocation",
			  success[] = "Exit Boot Services Returned with Success",
			  failure[] = "Exit Boot Services Returned with Failure";
	static const char *const sequences[LOG_FINAL_SEQUENCES][3] = {
		{ invocation, success }, { invocation, failure }, { invocation, failure, success }
	};
	const char *text = k < 3 ? sequences[sequence - 1][k] : NULL;

	*ret_text = SPAN(text, text ? strlen(text) : 0);
	return text;
}

unsigned log_final_register(bool cc)
{
	return cc ? 2 : 5;
}

/* Those that the register has and the log has not: the same claims as if it had. */
static void take_final_events(struct facts *f)
{
	struct span text;

	for (unsigned k = 0;
	     f->mapping->final_events && log_final_event(f->mapping->final_events, k, &text); k++) {
		struct log_event e = { .index = log_final_register(f->mapping->cc),
				       .type = EV_EFI_ACTION,
				       .data = text };
		uint8_t hashed[TPM_BANK_COUNT][64];
		size_t size;

		for (int bank = 0; bank < TPM_BANK_COUNT; bank++)
			if (!digest(log_digest_names[bank], &text, 1, hashed[bank], &size))
				e.digest[bank] = SPAN(hashed[bank], size);
		take_event(f, &e);
	}
}

void log_claim_facts(struct appraisal *a, struct span log, const struct log_mapping *mapping)
{
	struct facts f = { .a = a, .mapping = mapping };
	struct log_reader reader;
	struct log_event e;

	if (log_open(log, &reader, NULL))
		return;
	while (log_next(&reader, &e, NULL) > 0)
		if (e.type != EV_NO_ACTION)
			take_event(&f, &e);
	take_final_events(&f);
	if (f.secure_boot_known)
		claim_bool(a, "eventlog.secure_boot", f.secure_boot);
}
