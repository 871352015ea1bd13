#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What `make install` leaves, used as a packager's users would: pkg-config, programs in C and C++ (headers without a warning), shared and static,
# the installed command, and a server with OpenSSL and an event loop of its own.
. "$(dirname "$0")/lib.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
need gcc g++ pkg-config make python3 curl
for lib in cloister-tls.so.0 cloister-tls.a; do [ -e "${O:?}/lib/lib$lib" ] || skip "lib$lib is not built"; done
# -o all: what the tests are run with is installed, nothing is built.
timeout 60 make -C "$root" -o all O="${O#"$root"/}" CONFIG="$(basename "$O")" install DESTDIR="$PWD/tree" prefix=/usr >install.log 2>&1 ||
	fail "make install: $(tail -n 3 install.log)"
export PKG_CONFIG_SYSROOT_DIR=$PWD/tree PKG_CONFIG_PATH=$PWD/tree/usr/lib/pkgconfig
export LD_LIBRARY_PATH=$PWD/tree/usr/lib
installed=$PWD/tree/usr/bin/cloister
flags() { pkg-config --cflags --libs "$@" || fail "pkg-config $*"; }
strict=(-Wall -Wextra -Wpedantic -Wshadow -Werror)

for header in attest tls rats-tls; do
	printf '#include <cloister/%s.h>\n#include <cloister/%s.h>\nint main(void) { return 0; }\n' $header $header >header.c
	cp header.c header.cc
	for standard in c99 c11 c17; do
		# shellcheck disable=SC2046 # words
		gcc -std=$standard "${strict[@]}" header.c -o header $(flags cloister-tls) || fail "$header.h as $standard"
	done
	for standard in c++11 c++17 c++20; do
		# shellcheck disable=SC2046
		g++ -std=$standard "${strict[@]}" header.cc -o header $(flags cloister-tls) || fail "$header.h as $standard"
	done
	echo "ok $header.h"
done

# A program in C++, linked both ways: what is refused has its reason.
cat >user.cc <<'E2'
#include <cloister/rats-tls.h>
#include <cloister/tls.h>
#include <cstdio>
#include <cstring>
#include <string>

int main(int argc, char **argv)
{
	cattest_error err = {};
	ctls_options options = {};
	ctls *made = nullptr;
	rats_tls_conf_t conf = {};
	rats_tls_handle handle = nullptr;

	int rc = ctls_new(&options, &made, &err);
	std::printf("%d %s\n", rc != 0 && !made, err.text);
	std::strcpy(conf.verifier_type, "nullverifier");
	conf.log_level = RATS_TLS_LOG_LEVEL_NONE;
	std::printf("%d\n", rats_tls_init(&conf, &handle) != RATS_TLS_ERR_NONE && !handle);
	int fd = argc > 1 ? ctls_dial(argv[1], 5000, &err) : -1;
	std::printf("%s\n", fd < 0 ? err.text : "connected");
	return 0;
}
E2
# shellcheck disable=SC2046
g++ -std=c++17 "${strict[@]}" user.cc -o user $(flags cloister-tls) || fail "a program in C++"
expect "a program in C++" "1 neither attester nor verifier: nothing would be attested
1
unix:nothing: cannot connect: No such file or directory" "$(./user unix:nothing)"
# shellcheck disable=SC2046
if g++ -std=c++17 user.cc -o static "$PWD/tree/usr/lib/libcloister-tls.a" "$PWD/tree/usr/lib/libcloister-attest.a" \
	$(pkg-config --cflags cloister-tls) $(pkg-config --libs libcurl yaml-0.1 jansson openssl); then
	expect "with the static libraries" "$(./user unix:nothing)" "$(LD_LIBRARY_PATH='' ./static unix:nothing)"
else
	fail "the static libraries"
fi

# The installed command, and OpenSSL programs beside it.
expect "the command" "$("$CLOISTER" --version)" "$("$installed" --version)"
for program in tls_client openssl_server; do
	# shellcheck disable=SC2046
	gcc -O1 -Wall -Wextra -Werror -D_GNU_SOURCE "$root/docs/examples/$program.c" -o $program $(flags cloister-tls openssl) || fail "$program does not build"
done
policy() { # FILE MEASUREMENT
	echo "{\"version\": 1, \"name\": \"t\", \"types\": [\"sim\"], \"allow\": [\"simulated\", \"custom-root\"], \"require\": [{\"claim\": \"sim.measurement\", \"equals\": \"$2\"}]}" >"$1"
	expect "policy check" "$1: ok" "$("$installed" policy check "$1")"
}
good=$(printf '%064d' 1) port=$(free_port)
policy good.json "$good"
policy other.json "$(printf '%064d' 2)"
./openssl_server "127.0.0.1:$port" sim "folder=$PWD/sim,measurement=$good" 12 2>server.log &
server=$!
trap 'kill $server 2>/dev/null' EXIT
wait_port "$port"
for i in 1 2 3 4 5 6 7 8; do (
	out=$(timeout 30 ./tls_client "127.0.0.1:$port" good.json "hello $i" sim/sim-key.pub.pem 2>&1) || fail "client $i: $out"
	expect "client $i of an OpenSSL server" "hello $i" "$out"
) & clients+=($!); done
for client in "${clients[@]}"; do wait "$client" || fail "a client"; done
out=$(timeout 30 ./tls_client "127.0.0.1:$port" other.json hello sim/sim-key.pub.pem 2>&1)
expect "another policy" 1 $?
[[ $out == *sim.measurement* ]] || fail "no reason: $out"
timeout 30 "$installed" verify --connect "127.0.0.1:$port" --policy good.json --root sim=sim/sim-key.pub.pem >verify.out 2>&1
expect "verify --connect of it" 0 $?
curl -s --http0.9 --max-time 5 "http://127.0.0.1:$port/" >/dev/null
wait $server
expect "the server's end" 0 $?
grep -q 'the peer refused us' server.log || fail "the server was not told: $(cat server.log)"
! grep -q 'sim.measurement' server.log || fail "the reason leaks: $(cat server.log)"
