#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cloister run --mount type=erofs: images of mkfs.erofs in each of its layouts read as the folder they were made of; with a hash tree of veritysetup's
# whatever the host changes is refused.
. "$(dirname "$0")/lib.sh"
need mkfs.erofs veritysetup python3 gcc

python3 - <<'END'
import os
os.makedirs("tree/sub/deep")
open("tree/small", "w").write("hello\n")
open("tree/empty", "w")
open("tree/page", "wb").write(b"p" * 4096)
open("tree/large", "wb").write(bytes(i * 7 % 251 for i in range(3_000_001)))
with open("tree/holes", "wb") as f:
    f.truncate(1 << 20)
    f.seek(70000)
    f.write(b"island")
os.symlink("sub/deep", "tree/link")
os.link("tree/small", "tree/sub/again")
os.mkfifo("tree/fifo")
os.mkdir("tree/many")
for i in range(400):
    open(f"tree/many/{i:04}-a name that is not short", "w").write(str(i))
os.chmod("tree/small", 0o4750)
try:
    os.setxattr("tree/small", "user.note", b"some words")
    os.setxattr("tree/page", "user.note", b"some words")
    os.setxattr("tree/page", "user.empty", b"")
except OSError:
    pass
END
# What a program sees of a folder: each name with its kind, mode, size, links, attributes and contents.
cat >look.py <<'END'
import hashlib, os, stat, sys
os.chdir(sys.argv[1])
for folder, folders, files in sorted(os.walk(".")):
    for name in sorted(folders + files):
        path = os.path.join(folder, name)
        s = os.lstat(path)
        line = [path, oct(s.st_mode), s.st_nlink if not stat.S_ISDIR(s.st_mode) else "", int(s.st_mtime)]
        if stat.S_ISLNK(s.st_mode):
            line.append(os.readlink(path))
        elif stat.S_ISREG(s.st_mode):
            line += [s.st_size, hashlib.sha256(open(path, "rb").read()).hexdigest()]
        if not stat.S_ISLNK(s.st_mode):
            line += [(a, os.getxattr(path, a)) for a in sorted(os.listxattr(path))]
        print(*line)
END
expected=$(python3 look.py tree)
[ "$(wc -l <<<"$expected")" -gt 400 ] || fail "the folder was not made"
made() { # IMAGE OPTIONS...
	local image=$1
	shift
	mkfs.erofs --quiet "$@" "$image" tree >/dev/null 2>&1 || fail "mkfs.erofs $*"
}
look() { enclave --mount "type=erofs,source=$1,target=/data${2:-}" -v "$PWD:/mnt:ro" -- python3 /mnt/look.py /data; }
for layout in -x1 -Eforce-inode-extended -Enoinline_data --chunksize=4096 --chunksize=65536; do
	made "image$layout" "$layout"
	expect "an image by mkfs.erofs $layout" "$expected" "$(look "image$layout" 2>&1)"
done

made plain.img
size=$(stat -c %s plain.img)
hash_of() { awk '/Root hash/ { print $3 }'; }
cp plain.img whole.img
root=$(veritysetup format --hash-offset="$size" --salt="$(printf '%064d' 5)" whole.img whole.img | hash_of)
veritysetup verify --hash-offset="$size" whole.img whole.img "$root" || fail "veritysetup does not accept its own"
expect "a hash tree by veritysetup" "$expected" "$(look whole.img ",root-hash=$root" 2>&1)"
cp plain.img unsalted.img
bare=$(veritysetup format --hash-offset="$size" --salt=- unsalted.img unsalted.img | hash_of)
expect "without salt" "$expected" "$(look unsalted.img ",root-hash=$bare" 2>&1)"
out=$(enclave --mount "type=erofs,source=whole.img,target=/opt/x,root-hash=$root" -w /opt/x -- sh -c 'cat small; echo no >small || echo refused' 2>/dev/null)
expect "read-only, and a working directory" "hello
refused" "$out"

# A program and its libraries from an image: mapped, rewritten, run.
mkdir programs && cp "$(readlink -f /bin/cat)" programs/cat
mkfs.erofs --quiet programs.img programs >/dev/null 2>&1
expect "a program in an image" "from an image" "$(echo from an image | enclave --mount type=erofs,source=programs.img,target=/programs -- /programs/cat)"

# The kernel hashes with vector registers: the application's are as they were.
cat >vectors.c <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

static unsigned char before[16][32], after[16][32], block[65536];

#define EACH(f, what) f(0, what) f(1, what) f(2, what) f(3, what) f(4, what) f(5, what) f(6, what) f(7, what) f(8, what) \
	f(9, what) f(10, what) f(11, what) f(12, what) f(13, what) f(14, what) f(15, what)
#define LOAD(n, r) "vmovdqu " #n "*32(%[from]), %%" #r #n "\n"
#define STORE(n, r) "vmovdqu %%" #r #n ", " #n "*32(%[to])\n"
#define LOAD_SSE(n, r) "movdqu " #n "*32(%[from]), %%" #r #n "\n"
#define STORE_SSE(n, r) "movdqu %%" #r #n ", " #n "*32(%[to])\n"
#define READ(load, store, r)                                                                                        \
	__asm__ volatile(EACH(load, r) "mov $0, %%eax\nsyscall\n" EACH(store, r)                                  \
			 : "=a"(got)                                                                                \
			 : "D"(fd), "S"(block), "d"(sizeof(block)), [from] "r"(before), [to] "r"(after)             \
			 : "rcx", "r11", "memory")

int main(int argc, char **argv)
{
	int fd = open(argv[1], O_RDONLY), size = __builtin_cpu_supports("avx") ? 32 : 16;
	long got, all = 0;

	(void)argc;
	for (int i = 0; i < 16; i++)
		for (int k = 0; k < 32; k++)
			before[i][k] = (unsigned char)(i * 32 + k * 3 + 1);
	do {
		if (size == 32)
			READ(LOAD, STORE, ymm);
		else
			READ(LOAD_SSE, STORE_SSE, xmm);
		for (int i = 0; i < 16; i++)
			if (memcmp(before[i], after[i], (size_t)size))
				return printf("register %d changed\n", i), 1;
		all += got;
	} while (got > 0);
	printf("%ld bytes\n", all);
	return 0;
}
END
gcc -O1 -mno-avx -o vectors vectors.c || fail "vectors.c"
expect "vector registers" "3000001 bytes" "$(enclave --stats --mount "type=erofs,source=whole.img,target=/data,root-hash=$root" -v "$PWD:/mnt:ro" -- /mnt/vectors /data/large 2>stats)"

refused() { # WHAT PATTERN COMMAND...
	local what=$1 pattern=$2 text
	shift 2
	text=$("$@" 2>&1) && fail "$what: was not refused"
	grep -qE -- "$pattern" <<<"$text" || fail "$what: $text"
	echo "ok $what"
}
flip() { # FILE OFFSET
	python3 -c 'import sys; f = open(sys.argv[1], "r+b"); f.seek(int(sys.argv[2])); b = f.read(1)[0]; f.seek(int(sys.argv[2])); f.write(bytes([b ^ 4]))' "$1" "$2"
}
refused "another root hash" "not what the root hash says" look whole.img ",root-hash=${root//[0-4]/7}"
refused "no tree" "no hash tree" look plain.img ",root-hash=$root"
# A byte of the first data block, of the last, of the tree's superblock (its salt), of each level of the tree
tree=$((size + 4096))
for at in 1100 $((size - 4000)) $((size + 100)) "$tree" $((tree + 4096)) $((tree + 8100)); do
	cp whole.img bad.img
	flip bad.img "$at"
	refused "a byte changed at $at" "Input/output error|not what the root hash says|no hash tree" look bad.img ",root-hash=$root"
done
cp whole.img bad.img
python3 - <<'END'
f = open("bad.img", "r+b")
data = f.read()
first = data.index(bytes(i * 7 % 251 for i in range(8192, 12288)))
f.seek(first)
f.write(data[first + 4096:first + 8192] + data[first:first + 4096])
END
refused "two blocks in each other's place" "Input/output error|not what the root hash says" look bad.img ",root-hash=$root"
cp whole.img bad.img && truncate -s $((size / 2)) bad.img
refused "half of it" "Input/output error|no hash tree" look bad.img ",root-hash=$root"
cp plain.img bad.img && truncate -s 3000 bad.img
refused "nearly nothing" "cannot" look bad.img ""
# What is whole stays readable beside what is not.
cp whole.img bad.img
python3 - "$size" <<'END'
import sys
data = open("bad.img", "rb").read(int(sys.argv[1]))
at = data.index(bytes(i * 7 % 251 for i in range(8192, 16384)))
f = open("bad.img", "r+b"); f.seek(at); f.write(b"X")
END
out=$(enclave --mount "type=erofs,source=bad.img,target=/data,root-hash=$root" -- sh -c 'cat /data/small; cat /data/large >/dev/null; cat /data/sub/again' 2>err)
expect "one file is lost, others are not" "hello
hello" "$out"
grep -q 'large: Input/output error' err || fail "one file: $(cat err)"
grep -qE 'image: block [0-9]+ is not what its hash says' err || fail "no line in the log: $(cat err)"

mkfs.erofs --quiet -zlz4 packed.img tree >/dev/null 2>&1
refused "a compressed image" "a kind that is not read|not supported" look packed.img ""
refused "no image at all" "no EROFS image" look look.py ""
refused "a longer file that is none" "no EROFS image" look tree/large ""
refused "no such file" "No such file" look missing.img ""
refused "a root hash of the wrong length" "64 hex digits" look whole.img ",root-hash=abc"
refused "no target" "both needed" enclave --mount type=erofs,source=whole.img -- true
refused "another type" "must be erofs" enclave --mount type=ext4,source=whole.img,target=/x -- true
refused "an unknown word" "is not known" enclave --mount type=erofs,source=whole.img,target=/x,hash=1 -- true
