// SPDX-License-Identifier: Apache-2.0
/*
 * Messages, for whoever watches the serial line (struct hv_boot.serial_port, 0: nobody), and the end. No lock: lines of two processors may mix,
 * but a processor that dies cannot keep another one silent. Nothing secret is ever formatted.
 */
#include "hypervisor/arch/x86/svm/cpu.h"
#include "hypervisor/core/memory.h"
#include "lib/base/fmt.h"

static void put(uint16_t port, const char *text)
{
	for (; *text; text++) {
		for (unsigned int tries = 0;
		     tries < 100000 && !(port_read((uint16_t)(port + 5), 1) & 0x20); tries++)
			;
		port_write(port, 1, (uint8_t)*text);
	}
}

static void line(const char *format, va_list ap)
{
	char text[200];

	if (!hv_boot || !hv_boot->serial_port)
		return;
	fmt_vsnprintf(text, sizeof(text), format, ap);
	put(hv_boot->serial_port, "[cloister] ");
	put(hv_boot->serial_port, text);
	put(hv_boot->serial_port, "\r\n");
}

void hv_log(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	line(format, ap);
	va_end(ap);
}

void panic(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	line(format, ap);
	va_end(ap);
	hv_log("panic: this processor stops");
	for (;;)
		asm volatile("cli; hlt");
}
