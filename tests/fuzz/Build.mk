# Fuzz targets; tests/corpus/NAME is replayed by `make check` and is where fuzzing starts. See docs/fuzzing.md.
$(call fuzzer,elf,kernel/loader/elf_fuzz.c,unit)
$(call fuzzer,insn,kernel/loader/insn_fuzz.c,unit)
$(call fuzzer,rewrite,kernel/loader/rewrite_fuzz.c,unit)
$(call fuzzer,syscall,tests/fuzz/syscall_fuzz.c,hosted,hosted)
