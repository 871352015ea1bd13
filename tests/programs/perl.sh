#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# perl: files, forks, pipes, sockets, signals.
. "$(dirname "$0")/lib.sh"
need perl
same "print" perl -e 'print "hello ", 6*7, "\n"'
same "fork and wait" perl -e 'for (1..5) { my $p = fork; exit $_ if !$p; waitpid $p, 0; print $? >> 8, "\n" }'
same "pipe open" perl -e 'open my $f, "-|", "seq 1 5 | tac" or die; print while <$f>'
same "alarm" perl -e '$SIG{ALRM} = sub { print "alarm\n"; exit 0 }; alarm 1; sleep 10'
same "socketpair" perl -MSocket -e 'socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0) or die; syswrite $a, "ping"; sysread $b, my $x, 4; print "$x\n"'
same "select and sort" perl -e 'select undef, undef, undef, 0.05; print join(",", sort { $a <=> $b } map { $_ * 7 % 11 } 1..10), "\n"'
same "file tests" perl -e 'print -d "/etc" ? 1 : 0, -x "/bin/sh" ? 1 : 0, -s "/etc/passwd", "\n"'
