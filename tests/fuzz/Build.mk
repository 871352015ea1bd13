# Fuzz targets; tests/corpus/NAME is replayed by `make check` and is where fuzzing starts. See docs/fuzzing.md.
$(call fuzzer,elf,kernel/loader/elf_fuzz.c,unit)
$(call fuzzer,insn,kernel/loader/insn_fuzz.c,unit)
$(call fuzzer,rewrite,kernel/loader/rewrite_fuzz.c,unit)
$(call fuzzer,syscall,tests/fuzz/syscall_fuzz.c,hosted,hosted)
$(call fuzzer,exec,tests/fuzz/exec_fuzz.c,hosted,hosted)
$(call fuzzer,erofs,kernel/fs/erofs_fuzz.c,hosted,hosted)

# The programs of tests/corpus/syscall with each allocation and each host call failing in turn.
$(O)/fuzz/fault: $(call objs,hosted,tests/fuzz/fault_test.c) $(O)/hosted/libhosted.a
	$(call say,LD,$@)mkdir -p $(@D); $(hosted.cc) $(hosted.ld) $(hosted_wrap) -o $@ $^ $(kernel_libs)
ifneq ($(CONFIG),fuzz)
fault_test := $(O)/fuzz/fault
endif
