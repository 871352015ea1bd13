/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text forms of bytes and times, and the one way an error gets its message. What is made here goes to terminals, logs and
 * JSON: bytes of outside are made printable, and every buffer is NUL-terminated whatever its size.
 */
#include "attest/core/appraisal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

int fail(struct cattest_error *err, int code, const char *format, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, format);
	vsnprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
	/* One line, whatever came in with the arguments. */
	for (char *c = err->text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return code;
}

char *hex_text(struct span s, char *buffer, size_t room)
{
	static const char digits[] = "0123456789abcdef";
	size_t shown = s.size;
	bool cut = false;
	char *p = buffer;

	if (!room)
		return buffer;
	if (room < 4) {
		buffer[0] = 0;
		return buffer;
	}
	if (s.size > (room - 1) / 2) {
		shown = (room - 4) / 2;
		cut = true;
	}
	for (size_t i = 0; i < shown; i++) {
		*p++ = digits[s.data[i] >> 4];
		*p++ = digits[s.data[i] & 15];
	}
	if (cut)
		memcpy(p, "...", 4);
	else
		*p = 0;
	return buffer;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_parse(const char *text, size_t text_len, uint8_t *ret_bytes, size_t size)
{
	if (size > SIZE_MAX / 2 || text_len != size * 2)
		return -EBADMSG;
	for (size_t i = 0; i < text_len; i++)
		if (hex_digit(text[i]) < 0)
			return -EBADMSG;
	for (size_t i = 0; i < size; i++)
		ret_bytes[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
	return 0;
}

/* Length of the valid UTF-8 sequence at s (RFC 3629: no overlong forms, no surrogates) that is safe to show, or 0. */
static size_t utf8_length(const uint8_t *s, size_t left)
{
	uint32_t c = s[0];
	size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

	if (c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xc2) || c > 0xf4)
		return 0;
	if (c < 0x80)
		return 1;
	if (left < len)
		return 0;
	c &= 0x7fu >> len;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if ((len == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
	    (len == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	/* C1 controls, and what turns the direction of text around. */
	if ((c >= 0x80 && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff)
		return 0;
	return len;
}

char *safe_text(struct span s, char *buffer, size_t room)
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0, used = 0, mark = 0; /* mark: where "..." still fits */

	if (!room)
		return buffer;
	while (at < s.size) {
		size_t len = utf8_length(s.data + at, s.size - at);
		char escape[4] = { '\\', 'x', digits[s.data[at] >> 4], digits[s.data[at] & 15] };

		if (used + 4 <= room)
			mark = used;
		if (used + (len ? len : 4) + 1 > room) {
			used = mark;
			if (room >= 4) {
				memcpy(buffer + used, "...", 3);
				used += 3;
			}
			break;
		}
		memcpy(buffer + used, len ? (const char *)s.data + at : escape, len ? len : 4);
		used += len ? len : 4;
		at += len ? len : 1;
	}
	buffer[used] = 0;
	return buffer;
}

char *time_text(int64_t unix_seconds, char buffer[32])
{
	time_t t = (time_t)unix_seconds;
	struct tm tm;

	/* Four-digit years only: others do not parse back. */
	if (!gmtime_r(&t, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099)
		snprintf(buffer, 32, "%lld", (long long)unix_seconds);
	else
		strftime(buffer, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buffer;
}

int time_parse(const char *text, int64_t *ret_unix_seconds)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd";
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int n[6] = { 0 }, field = 0;
	size_t i;
	struct tm tm;
	bool leap;

	for (i = 0; i < sizeof(form) - 1; i++) {
		if (form[i] != 'd') {
			if (text[i] != form[i])
				return -EBADMSG;
			field++;
		} else if (text[i] < '0' || text[i] > '9') {
			return -EBADMSG;
		} else {
			n[field] = n[field] * 10 + text[i] - '0';
		}
	}
	/* Fractions of a second are allowed (RFC 3339) and do not count. */
	if (text[i] == '.') {
		size_t first = ++i;

		while (text[i] >= '0' && text[i] <= '9' && i - first < 9)
			i++;
		if (i == first)
			return -EBADMSG;
	}
	leap = (n[0] % 4 == 0 && n[0] % 100) || n[0] % 400 == 0;
	if (text[i] != 'Z' || text[i + 1] || n[1] < 1 || n[1] > 12 || n[2] < 1 ||
	    n[2] > days[n[1] - 1] + (leap && n[1] == 2) || n[3] > 23 || n[4] > 59 || n[5] > 60)
		return -EBADMSG;
	tm = (struct tm){ .tm_year = n[0] - 1900,
			  .tm_mon = n[1] - 1,
			  .tm_mday = n[2],
			  .tm_hour = n[3],
			  .tm_min = n[4],
			  .tm_sec = n[5] };
	*ret_unix_seconds = timegm(&tm);
	return 0;
}
