# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# tpm: tpm-tis
# initramfs: yes
# memory: 640
# timeout: 900
# Debian's initramfs with our hook and launch script in it: by the time that the root file system would be mounted, the hypervisor runs with
# trust, for the attestation key of the settings, and the quoting service of the initramfs starts.
equal "status" "$(cat /sys/kernel/cloister/status)" guest
equal "trust" "$(cat /sys/kernel/cloister/trust)" trusted
[ -z "$(ls /root)" ] || fail "the root file system is mounted already"
name=$(cloister-quoted --print-ak-name --backend hv:hierarchy=owner) || fail "no name"
differ "the other hierarchy's key" "$(cloister-quoted --print-ak-name)" "$name"
equal "ak_name" "$(cat /sys/module/cloister/parameters/ak_name)" "$name"
[ -e /lib/firmware/cloister-hypervisor ] || fail "the image is not in the initramfs"
equal "settings" "$(head -n 1 /etc/cloister/hypervisor.conf)" "REQUIRED=yes"
cloister-quoted --socket /run/quoting --aesm-socket /run/aesm --backend hv:hierarchy=owner >/run/log 2>&1 &
service=$!
until grep -q ready /run/log; do
	kill -0 $service 2>/dev/null || fail "the service: $(cat /run/log)"
	sleep 0.1
done
kill $service
wait $service
leave
