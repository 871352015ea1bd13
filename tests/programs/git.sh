#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# git: init, commit, clone of a local repository, log.
. "$(dirname "$0")/lib.sh"
need git
out=$(enclave -e GIT_CONFIG_GLOBAL=/dev/null -- bash -c '
set -e
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE="2020-01-01T00:00:00Z" GIT_COMMITTER_DATE="2020-01-01T00:00:00Z"
mkdir /tmp/g && cd /tmp/g && git init -q -b main . && echo one >f && git add f && git commit -qm first
echo two >>f && git commit -qam second && git branch side && git clone -q /tmp/g /tmp/h && cd /tmp/h && git log --oneline | wc -l && cat f
git rev-parse HEAD && git fsck 2>&1 && git gc -q && git status --short | wc -l' 2>&1) || fail "git: $out"
expect "git" "2
one
two
$(echo "$out" | sed -n 4p)
0" "$out"
[ "$(echo "$out" | sed -n 4p | tr -d 'a-f0-9' | wc -c)" = 1 ] || fail "no commit id"
