// SPDX-License-Identifier: GPL-2.0
/*
 * The ports by which this machine sleeps, goes off and resets, as its FADT names them (ACPI 6.4, 5.2.9), and which sleep type is soft off. The
 * hypervisor wipes enclaves before a reset and refuses other sleep: see hypervisor/arch/x86/svm/power.c. A register that is no port is left out.
 */
#include <linux/acpi.h>

#include "load.h"

/* SLP_EN and SLP_TYP are in the upper byte of PM1 control, little endian. */
static u16 port_of(const struct acpi_generic_address *register_, unsigned int byte)
{
	if (register_->space_id != ACPI_ADR_SPACE_SYSTEM_IO || !register_->address ||
	    register_->address + byte > U16_MAX)
		return 0;
	return (u16)(register_->address + byte);
}

void power_fill(struct hv_power *power)
{
	u8 a, b;

	power->sleep_port[0] = port_of(&acpi_gbl_FADT.xpm1a_control_block, 1);
	power->sleep_port[1] = port_of(&acpi_gbl_FADT.xpm1b_control_block, 1);
	power->sleep_port[2] = port_of(&acpi_gbl_FADT.sleep_control, 0);
	if (acpi_gbl_FADT.flags & ACPI_FADT_RESET_REGISTER)
		power->reset_port = port_of(&acpi_gbl_FADT.reset_register, 0);
	if (ACPI_FAILURE(acpi_get_sleep_type_data(ACPI_STATE_S5, &a, &b)))
		return;
	power->off_types[0] = power->off_types[2] = (u8)(1U << (a & 7));
	power->off_types[1] = (u8)(1U << (b & 7));
}
