#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# stress-ng: two workers of each stressor that uses the kernel in some odd way, results verified by itself.
. "$(dirname "$0")/lib.sh"
need stress-ng
# Groups run one after the other, the stressors of a group at once.
group() {
	local arguments=() stressor out
	for stressor in "${@:2}"; do
		arguments+=("--$stressor" 2 "--$stressor-ops" 50)
	done
	out=$(enclave --memory 2G -w /tmp -- stress-ng --temp-path /tmp --verify --timeout 5s --fallocate-bytes 4M "${arguments[@]}" 2>&1) ||
		fail "$1: $(printf '%s\n' "$out" | grep -vE 'setting to|dispatching')"
	echo "ok $1"
}
group memory bigheap brk madvise memfd mincore mlock mmap mmapaddr mmapfixed mmapfork mmapmany mprotect mremap msync munmap membarrier \
	shm shm-sysv stackmmap tlb-shootdown vm-rw vm-splice
group files access aio aiol chmod dir dup fallocate fcntl file-ioctl flock fstat getdent link lockf lockofd \
	mknod rename revio seal sendfile splice symlink tee touch utime xattr
group processes clone context daemon exec exit-group fork kill nice pidfd prctl pthread resources rlimit schedpolicy session spawn vfork \
	wait zombie
group signals alarm itimer sigabrt sigchld sigfd sigfpe signal sigpending sigpipe sigq sigrt sigsegv sigsuspend timer timerfd
group talk epoll eventfd fifo futex inotify mq msg pipe poll ring-pipe sem sem-sysv sock sockfd sockpair udp
group odd bad-altstack cap enosys fault fpunch full get kcmp null procfs sysbadaddr unshare urandom zero
