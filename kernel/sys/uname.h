/* SPDX-License-Identifier: Apache-2.0 */
/* The enclave's names, as uname(2) and /proc/sys/kernel tell them. */
#pragma once

#define UNAME_SIZE 65

void uname_set_hostname(const char *name); /* at boot; an empty name changes nothing */
const char *uname_hostname(void);	   /* may change while it is read, always NUL-ended */
const char *uname_domainname(void);
const char *uname_release(void);
const char *uname_version(void);
