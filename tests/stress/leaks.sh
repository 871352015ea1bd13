#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# leaks.sh [SCALE]: the stress programs run twice in one enclave; after the second time everything counted is as after the
# first one: the kernel's objects (/proc/cloister), the launcher's descriptors, host processes, and enclave memory.
# shellcheck disable=SC2154 # set by coproc, and through a name
# shellcheck source=tests/programs/lib.sh
. "$(dirname "$0")/../programs/lib.sh"
scale=${1:-1}
stress=$O/tests/stress
# shellcheck disable=SC2016 # expanded in the enclave
inner='
count() { mapfile -t lines </proc/cloister; } # starts no process
processes() { count; for line in "${lines[@]}"; do [[ $line == processes* ]] && now=${line#* }; done; }
processes
start=$now
for round in 1 2 3; do
	for work in "forks $((scale * 200))" "many processes $((scale * 50))" "many files $((scale * 600))" \
		"many threads $((scale * 500))" "wakeups $((scale * 1000))" "execs $((scale * 5))" "mixed 2"; do
		$stress/$work >/dev/null || echo "failed: $work" # words are to be split
	done
	sleep 0 # the wait below may need it or not: what it opens is in the caches in each round
	# Killed ones of execs may still be leaving.
	for i in {1..100}; do
		processes
		[ "$now" -le "$start" ] && break
		sleep 0.1
	done
	count
	printf "%s\n" "round $round" "${lines[@]}" end
	read -r answer
done'
coproc run { exec "$CLOISTER" run -e scale="$scale" -e stress="$stress" -- /bin/bash -c "$inner" 2>&1; }
launcher=$run_PID
declare -A first second

# All that is counted, as NAME VALUE lines, into the array $1.
collect() {
	local -n to=$1
	local line
	while read -r line <&"${run[0]}"; do
		case $line in
		end) break ;;
		round*) ;;
		failed* | *FAIL* | cloister:*) fail "$line" ;;
		*) to[${line% *}]=${line#* } ;;
		esac
	done
	[ -n "${to[tasks]:-}" ] || fail "the enclave ended early"
	to[host_descriptors]=$(find "/proc/$launcher/fd" -mindepth 1 | wc -l)
	# A process of the enclave is over a little before its host process is.
	for _ in {1..100}; do
		to[host_processes]=$(pgrep -c -P "$launcher")
		[ "${to[host_processes]}" -le 6 ] && break
		sleep 0.1
	done
	for fd in /proc/"$launcher"/fd/*; do
		[[ $(readlink "$fd") == *cloister-enclave* ]] && to[memory_kib]=$(($(stat -L -c %b "$fd") / 2))
	done
	echo go >&"${run[1]}"
}
collect first # the warm-up
for name in "${!first[@]}"; do unset "first[$name]"; done
collect first
collect second
bad=0
inodes=$((second[inodes] - first[inodes]))
for name in "${!second[@]}"; do
	allowed=0
	case $name in
	host_calls | lies | cache_pages) continue ;;
	dentries | inodes) allowed=64 ;; # the cache of names keeps what was used last
	pages) allowed=256 ;;            # slabs that are partly used, dead tasks kept for the next
	objects) allowed=100 ;;
	host_descriptors) allowed=${inodes#-} ;; # a name in the cache keeps its file of the host open
	memory_kib) allowed=16384 ;; # freed pages are kept for a while
	host_processes) allowed=1 ;; # the pool may just be filled up
	tasks) allowed=0 ;;
	esac
	difference=$((second[$name] - first[$name]))
	echo "$name ${first[$name]} -> ${second[$name]}"
	[ ${difference#-} -le $allowed ] || { echo "FAIL $name: from ${first[$name]} to ${second[$name]}, allowed $allowed"; bad=1; }
done
wait "$launcher" || fail "the enclave ended with status $?"
exit $bad
