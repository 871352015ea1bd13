#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fio with each engine that can work here, every block verified; io_uring is refused with a clear error.
. "$(dirname "$0")/lib.sh"
need fio
for engine in sync psync pvsync vsync mmap libaio posixaio; do
	out=$(enclave -- fio --name=a --directory=/tmp --size=4M --rw=randwrite --bs=4k --ioengine=$engine --iodepth=8 \
		--numjobs=2 --verify=crc32c --do_verify=1 --group_reporting --output-format=terse 2>&1)
	status=$?
	[ $status = 0 ] || fail "$engine: status $status: $out"
	echo "ok $engine"
done
out=$(enclave -- fio --name=a --directory=/tmp --size=1M --rw=read --ioengine=io_uring 2>&1)
case $out in
*"not implemented"* | *"not supported"* | *"not loadable"*) echo "ok io_uring is refused" ;;
*) fail "io_uring: $out" ;;
esac
