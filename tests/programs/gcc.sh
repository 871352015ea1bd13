#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# gcc compiles, links and the result runs.
. "$(dirname "$0")/lib.sh"
need gcc
out=$(enclave -- bash -c 'cd /tmp && printf "#include <stdio.h>\nint main(void) { printf(\"compiled %%d\\\\n\", __GNUC__ > 4); return 0; }\n" >a.c && gcc -O2 -o a a.c && ./a && gcc -static -o b a.c && ./b' 2>&1)
expect "gcc" "compiled 1
compiled 1" "$out"
