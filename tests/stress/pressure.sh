#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Memory pressure: with --memory small, programs get errors and the enclave goes on. One enclave for all, so that what one
# kind leaves behind hits the next; then files far larger than the limit are read.
# shellcheck source=tests/programs/lib.sh
. "$(dirname "$0")/../programs/lib.sh"
pressure=$O/tests/stress/pressure
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for i in 1 2 3; do head -c 48M /dev/urandom >"$folder/$i"; done
sum=$(cat "$folder"/? | md5sum)
for memory in ${MEMORY:-24M 64M}; do
	output=$(enclave --memory "$memory" -v "$folder:/data:ro" -- /bin/bash -c "
		for kind in files shared pipes objects files; do $pressure \$kind || exit 1; done
		cat /data/1 /data/2 /data/3 | md5sum
		for i in 1 2 3; do $pressure cache /data/\$i || exit 1; done
		$pressure files && echo done" 2>&1)
	status=$?
	echo "$output"
	[ $status = 0 ] && [ "${output##*$'\n'}" = "done" ] || fail "with $memory: status $status"
	[[ $output == *"$sum"* ]] || fail "with $memory: wrong contents"
done
