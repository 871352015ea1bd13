# SPDX-License-Identifier: Apache-2.0
# cpus: 2
# boots: pci keyboard off
# judge: power-judge
# Ports that would leave memory readable: sleep is refused, and so are what resets a processor behind the hypervisor's back; a reset and power off come, with
# EPC and keys wiped before (power-judge reads the hypervisor's word on the console). An enclave runs meanwhile.
[ -x /guest/enclave-tests ] || skip "no enclaves: make loader"
insmod /attack.ko || fail attack
# Q35's PM1a control register; QEMU's DSDT: type 0 is S5, 1 is S3.
PM1=604
enter
cd /guest || fail cd
(while :; do ./enclave-tests . busy || echo bad > /tmp/bad; done) > /dev/null 2>&1 &
while [ "$(counter aex)" -lt 50 ]; do usleep 10000; done
before=$(attack inw $PM1)
attack outw $PM1 2400 > /dev/null
attack outw $PM1 3c00 > /dev/null
attack outb 605 24 > /dev/null
equal "PM1 control" "$(attack inw $PM1)" "$before"
attack outb 92 1 > /dev/null
attack outb 64 d1 > /dev/null
attack outb cf9 2 > /dev/null
equal "CF9" "$(attack inb cf9)" "ok 2"
# What is no reset goes through: the address of a configuration register, and the keyboard controller's status.
case $(attack inb 64) in "ok "*) ;; *) fail "port 64" ;; esac
[ ! -e /tmp/bad ] || fail "busy"
# The verdict now: nothing comes after this. Once it is in the kernel's log, who gets the consoles' lock (/proc/consoles) has seen it printed.
echo "TEST-END 0"
until dmesg | grep -q 'TEST-END 0'; do usleep 10000; done
cat /proc/consoles > /dev/null
case $(argument test.boot) in
pci) attack outb cf9 6 ;;
keyboard) attack outb 64 fe ;;
off) attack outw $PM1 2000 ;;
esac
# A machine that goes on is noticed by who waits for its end (tests/run).
while :; do usleep 100000; done
