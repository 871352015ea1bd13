/* SPDX-License-Identifier: Apache-2.0 */
/*
 * printf without libc: integers, characters, strings, pointers. The output counts what it would have written and
 * drops what does not fit, so one pass gives both the text and C99's result.
 */
#include "lib/base/fmt.h"

#include "lib/base/string.h"

struct output {
	char *to;
	size_t size, at;
};

struct directive {
	bool left, zero, alternate, plus, space, upper;
	int width, precision; /* precision -1: none */
	int size;	      /* bytes of the integer */
};

static void emit(struct output *o, char c)
{
	if (o->at < o->size)
		o->to[o->at] = c;
	o->at++;
}

static void emit_bytes(struct output *o, const char *s, size_t n)
{
	if (o->at < o->size) {
		size_t fits = o->size - o->at;

		memcpy(o->to + o->at, s, n < fits ? n : fits);
	}
	o->at += n;
}

static void emit_padding(struct output *o, char c, int n)
{
	while (n-- > 0)
		emit(o, c);
}

static void emit_string(struct output *o, const struct directive *d, const char *s)
{
	size_t len;

	if (!s)
		s = "(null)";
	len = d->precision >= 0 ? strnlen(s, (size_t)d->precision) : strlen(s);
	if (!d->left)
		emit_padding(o, ' ', d->width - (int)len);
	emit_bytes(o, s, len);
	if (d->left)
		emit_padding(o, ' ', d->width - (int)len);
}

static void emit_number(struct output *o, const struct directive *d, uint64_t value,
			unsigned int base, bool negative, bool is_signed)
{
	const char *digits = d->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24], prefix[3];
	int n = 0, prefix_len = 0, zeros, padding;
	uint64_t v = value;

	for (; v; v /= base)
		text[n++] = digits[v % base];
	if (!value && d->precision != 0)
		text[n++] = '0';
	if (negative)
		prefix[prefix_len++] = '-';
	else if (is_signed && d->plus)
		prefix[prefix_len++] = '+';
	else if (is_signed && d->space)
		prefix[prefix_len++] = ' ';
	if (d->alternate && base == 16 && value) {
		prefix[prefix_len++] = '0';
		prefix[prefix_len++] = d->upper ? 'X' : 'x';
	}
	zeros = d->precision > n ? d->precision - n : 0;
	if (d->alternate && base == 8 && !zeros && (!n || text[n - 1] != '0'))
		zeros = 1;
	if (d->precision < 0 && d->zero && !d->left && d->width > n + prefix_len + zeros)
		zeros = d->width - n - prefix_len;
	padding = d->width - n - prefix_len - zeros;
	if (!d->left)
		emit_padding(o, ' ', padding);
	emit_bytes(o, prefix, (size_t)prefix_len);
	emit_padding(o, '0', zeros);
	while (n)
		emit(o, text[--n]);
	if (d->left)
		emit_padding(o, ' ', padding);
}

static const char *parse_number(const char *f, int *ret)
{
	int n = 0;

	for (; *f >= '0' && *f <= '9'; f++)
		if (n < 100000)
			n = n * 10 + (*f - '0');
	*ret = n;
	return f;
}

/* Flags, width, precision and length; returns the conversion's place. */
static const char *parse_directive(const char *f, struct directive *d, int *ret_star_width,
				   int *ret_star_precision)
{
	*d = (struct directive){ .precision = -1, .size = 4 };
	*ret_star_width = *ret_star_precision = 0;
	for (;; f++) {
		if (*f == '-')
			d->left = true;
		else if (*f == '0')
			d->zero = true;
		else if (*f == '#')
			d->alternate = true;
		else if (*f == '+')
			d->plus = true;
		else if (*f == ' ')
			d->space = true;
		else
			break;
	}
	if (*f == '*') {
		*ret_star_width = 1;
		f++;
	} else {
		f = parse_number(f, &d->width);
	}
	if (*f == '.') {
		if (*++f == '*') {
			*ret_star_precision = 1;
			f++;
		} else {
			f = parse_number(f, &d->precision);
		}
	}
	for (;; f++) {
		if (*f == 'l' || *f == 'z' || *f == 'j' || *f == 't')
			d->size = 8;
		else if (*f == 'h')
			d->size = d->size == 2 ? 1 : 2;
		else
			break;
	}
	return f;
}

static int64_t sign_extend(uint64_t v, int size)
{
	switch (size) {
	case 1:
		return (int8_t)v;
	case 2:
		return (int16_t)v;
	case 4:
		return (int32_t)v;
	}
	return (int64_t)v;
}

int fmt_vsnprintf(char *to, size_t size, const char *format, va_list ap)
{
	struct output o = { to, size, 0 };

	for (const char *f = format; *f; f++) {
		struct directive d;
		int star_width, star_precision;
		uint64_t value;
		int64_t number;

		if (*f != '%') {
			emit(&o, *f);
			continue;
		}
		f = parse_directive(f + 1, &d, &star_width, &star_precision);
		if (star_width) {
			d.width = va_arg(ap, int);
			if (d.width < 0) {
				d.left = true;
				d.width = d.width < -100000 ? 100000 : -d.width;
			}
		}
		if (star_precision)
			d.precision = va_arg(ap, int);
		switch (*f) {
		case 'd':
		case 'i':
			number = d.size == 8 ? va_arg(ap, long)
					     : sign_extend((uint64_t)va_arg(ap, int), d.size);
			value = number < 0 ? -(uint64_t)number : (uint64_t)number;
			emit_number(&o, &d, value, 10, number < 0, true);
			break;
		case 'u':
		case 'x':
		case 'X':
		case 'o':
			value = d.size == 8 ? va_arg(ap, unsigned long) : va_arg(ap, unsigned int);
			if (d.size < 8)
				value &= (1ULL << (8 * d.size)) - 1;
			d.upper = *f == 'X';
			emit_number(&o, &d, value,
				    *f == 'u'	? 10
				    : *f == 'o' ? 8
						: 16,
				    false, false);
			break;
		case 'p':
			d.alternate = true;
			emit_number(&o, &d, (uintptr_t)va_arg(ap, void *), 16, false, false);
			break;
		case 'c': {
			char c[2] = { (char)va_arg(ap, int), 0 };

			if (!d.left)
				emit_padding(&o, ' ', d.width - 1);
			emit(&o, c[0]);
			if (d.left)
				emit_padding(&o, ' ', d.width - 1);
			break;
		}
		case 's':
			emit_string(&o, &d, va_arg(ap, const char *));
			break;
		case '%':
			emit(&o, '%');
			break;
		case 0:
			goto out;
		default:
			/* A mistake of the programmer's: show it rather than guess at the argument. */
			emit(&o, '%');
			emit(&o, *f);
			break;
		}
	}
out:
	if (size)
		to[o.at < size ? o.at : size - 1] = 0;
	return (int)o.at;
}

int fmt_snprintf(char *to, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = fmt_vsnprintf(to, size, format, ap);
	va_end(ap);
	return n;
}
