# A flavour is a set of flags a source file is compiled with; a config changes flavours.
#   host    programs of the host, with libc
#   pic     installed libraries and their tests: only marked symbols are seen outside
#   kern    the enclave kernel: freestanding, general registers only, position independent
#   unit    unit tests: with libc, include what they test
#   hosted  the kernel core inside an ordinary process, for sanitizers and fuzzers
CC := gcc
warn := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
        -Wpointer-arith -Wcast-qual -Wwrite-strings -Wimplicit-fallthrough \
        -Wformat=2 -Wconversion -Wno-sign-conversion -Wno-format-nonliteral -Werror
repro := -ffile-prefix-map=$(CURDIR)=. -fno-ident
common := -std=gnu11 -g $(warn) $(repro) -I. -Iinclude -fno-common -fno-strict-aliasing

host.cc    = $(CC)
host.flags = $(common) -D_GNU_SOURCE -fstack-protector-strong -fPIE $($(CONFIG).flags)
host.ld    = -pie -Wl,-z,relro,-z,now $($(CONFIG).flags) -pthread
pic.cc     = $(CC)
pic.flags  = $(patsubst -O2,-Os,$(filter-out -fPIE,$(host.flags))) -fPIC -fvisibility=hidden \
             -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections
pic.ld     = -Wl,-z,relro,-z,now,--as-needed,--gc-sections $($(CONFIG).flags) -pthread
kern.cc    = $(CC)
# kern_defines: for variants of the kernel that tests use (-DWIDE_WINDOW)
kern.flags = $(common) $(kern_defines) -O2 -ffreestanding -include lib/base/hidden.h -mno-red-zone -mgeneral-regs-only -mpopcnt -fpie \
             -fno-stack-protector -fno-asynchronous-unwind-tables -fno-omit-frame-pointer -fcf-protection=none \
             -fvisibility=hidden -ffunction-sections $(if $(findstring clang,$(CC)),,-fno-tree-loop-distribute-patterns)
kern.ld    = -nostdlib -static-pie -Wl,-z,text,-z,noexecstack,-z,separate-code,-z,norelro,--build-id=none,-e,kernel_start,-T,build/kernel-hot.ld
hosted.cc    = $(CC)
hosted.flags = $(common) -ffreestanding -mno-red-zone -fpie -fno-omit-frame-pointer -DCLOISTER_HOSTED \
               $(filter-out -D_FORTIFY_SOURCE=2,$($(CONFIG).flags))
hosted.ld    = -pie -pthread $($(CONFIG).flags)
unit.cc      = $(CC)
unit.flags   = $(filter-out -Wshadow -Wcast-qual -Wmissing-prototypes,$(common)) -D_GNU_SOURCE -ffreestanding -fpie \
               -fno-omit-frame-pointer -DCLOISTER_HOSTED $(filter-out -D_FORTIFY_SOURCE=2,$($(CONFIG).flags))
unit.ld      = $(hosted.ld)

debug.flags   := -O1
release.flags := -O2 -D_FORTIFY_SOURCE=2
# Lists are walked up to their head, seen as an element that it is not: alignment is not checked.
asan.flags    := -O1 -fsanitize=address,undefined -fno-sanitize=alignment -fno-sanitize-recover=all -fno-omit-frame-pointer
tsan.flags    := -O1 -fsanitize=thread
cov.flags     := -O0 --coverage
fuzz.flags    := -O1 -DCLOISTER_FUZZ -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=alignment -fno-sanitize-recover=all
ifeq ($(CONFIG),fuzz)
CC := clang
endif
