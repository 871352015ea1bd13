#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The manual: pages are formatted without a warning, their examples compile and link, and every option that the commands
# have is described.
. "$(dirname "$0")/lib.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
pages=$root/docs/man
need groff

for page in "$pages"/*.[0-9]; do
	groff -ww -mdoc -Tutf8 "$page" >"$(basename "$page").txt" 2>warnings
	[ -s warnings ] && fail "$(basename "$page"): $(cat warnings)"
	echo "ok $(basename "$page")"
done

# Everything between .Bd -literal and .Ed that begins with an #include, without roff's escapes.
example() { # PAGE
	awk '/^\.Bd -literal$/ { on = 1; next } /^\.Ed/ { on = 0 } on' "$1" | sed 's/\\-/-/g; s/\\e/\\/g'
}
cc=${CC:-gcc}
if command -v "$cc" >/dev/null && [ -n "${O:-}" ]; then
	for page in cloister-attest cloister-tls; do
		example "$pages/$page.3" >$page.c
		grep -q '#include <cloister/' $page.c || fail "$page.3 has no example"
		"$cc" -std=c11 -Wall -Wextra -Werror -I"$root/include" -c $page.c -o $page.o || fail "the example of $page.3 does not compile"
		echo "ok example of $page.3 compiles"
		lib=$O/lib/lib$page.so
		[ -e "$lib" ] || continue
		printf 'int judge(void); int send_secret(void);\n#include <stddef.h>\nvoid *read_file(const char *p, size_t *s) { (void)p; *s = 0; return NULL; }\nint main(void) { return 0; }\n' >main.c
		"$cc" -o $page main.c $page.o -L"$O/lib" -l$page -lcloister-attest -Wl,-rpath-link,"$O/lib" 2>link-errors ||
			fail "the example of $page.3 does not link: $(cat link-errors)"
		echo "ok example of $page.3 links"
	done
fi

commands=$("$CLOISTER" help | sed -n 's/^  \([a-z]*\)  *.*/\1/p')
[ -n "$commands" ] || fail "no commands in help"
for command in $commands; do
	page=cloister.1
	[ "$command" = verify ] && page=cloister-verify.1
	for option in $("$CLOISTER" help "$command" | sed -n 's/^  \(-., \|    \)--\([a-z0-9-]*\).*/\2/p'); do
		[ "$option" = help ] && continue
		sed 's/\\-/-/g' "$pages/$page" | grep -qE "Fl -$option( |\$)" || fail "$page does not describe --$option of $command"
		case $command in ps | kill | stop) continue ;; esac # cli.md has their short names
		grep -qE -- "--$option([^a-z-]|\$)" "$root/docs/cli.md" || fail "docs/cli.md does not describe --$option of $command"
	done
done
if [ -x "${O:-}/bin/cloister-quoted" ]; then
	for option in $("$O/bin/cloister-quoted" --help | grep -o -- '--[a-z-]*' | sort -u); do
		sed 's/\\-/-/g' "$pages/cloister-quoted.8" | grep -qE "Fl -${option#--}( |\$)" || fail "cloister-quoted.8 does not describe $option"
	done
	for backend in $("$O/bin/cloister-quoted" --backend x 2>&1 | sed -n 's/.*known: //p' | tr -d ,); do
		grep -q "^\.It Cm $backend" "$pages/cloister-quoted.8" || fail "cloister-quoted.8 does not describe the back end $backend"
	done
fi
echo "ok every option is described"
