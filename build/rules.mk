# $(call program,NAME,FLAVOUR,SOURCES,LIBS,-lX...)  an executable in $(O)/bin
# $(call library,NAME,FLAVOURS,SOURCES)      one static library per flavour
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $1 $2;)
objs = $(patsubst %,$(O)/$1/%.o,$2)

define library_
$(O)/$2/lib$1.a: $(call objs,$2,$3)
	$$(call say,AR,$$@)rm -f $$@; $(AR) rcsD $$@ $$^
all += $(O)/$2/lib$1.a
seen += $(call objs,$2,$3)
endef
library = $(foreach f,$2,$(eval $(call library_,$1,$f,$3)))

define program_
$(O)/bin/$1: $(call objs,$2,$3) $(foreach l,$4,$(O)/$2/lib$l.a)
	$$(call say,LD,$$@)mkdir -p $$(@D); $($2.cc) $($2.ld) -o $$@ $$^ $5
seen += $(call objs,$2,$3)
endef
program = $(eval $(call program_,$1,$2,$3,$4,$5))$(eval all += $(O)/bin/$1)

# $(call installed,NAME,SOURCES,VERSION,LIBS,-lX...)  libNAME.so and libNAME.a in $(O)/lib, of flavour pic: only what its header marks
# is seen outside, in the archive too. LIBS: objects of other sources that the archive of programs is to hold as well
define installed_
$(O)/lib/lib$1.so.$3: $(call objs,pic,$2) $4
	$$(call say,LD,$$@)mkdir -p $$(@D); $(pic.cc) $(pic.ld) -shared -Wl,-soname,lib$1.so.$3 -Wl,-z,defs -o $$@ $$^ $5
	ln -sf lib$1.so.$3 $(O)/lib/lib$1.so
$(O)/lib/lib$1.a: $(call objs,pic,$2)
	$$(call say,AR,$$@)mkdir -p $$(@D); rm -f $$@; ld -r -o $(O)/lib/$1.o $$^ && \
	objcopy --localize-hidden $(O)/lib/$1.o && $(AR) rcsD $$@ $(O)/lib/$1.o && rm -f $(O)/lib/$1.o
all += $(O)/lib/lib$1.so.$3 $(O)/lib/lib$1.a
seen += $(call objs,pic,$2)
endef
installed = $(eval $(call installed_,$1,$2,$3,$4,$5))
# $(call host_unit,SOURCE,OBJECTS,-lX...)  the unit test of hosted code, linked with all of its library's objects
define host_unit_
$(O)/unit/$(notdir $(basename $1)): $(call objs,pic,$1) $2
	$$(call say,LD,$$@)mkdir -p $$(@D); $(pic.cc) $(host.ld) -o $$@ $$^ $3
tests += $(O)/unit/$(notdir $(basename $1))
endef
host_unit = $(eval $(call host_unit_,$1,$2,$3))
# $(call host_fuzzer,SOURCE,OBJECTS,-lX...)  NAME_fuzz.c: the fuzz target NAME
define host_fuzzer_
$(O)/fuzz/$(patsubst %_fuzz.c,%,$(notdir $1)): $(call objs,pic,$1) $(if $(filter fuzz,$(CONFIG)),,$(call objs,unit,tests/fuzz/replay.c)) $2
	$$(call say,LD,$$@)mkdir -p $$(@D); $(pic.cc) $(patsubst -fsanitize=fuzzer-no-link%,-fsanitize=fuzzer%,$(host.ld)) -o $$@ $$^ $3
fuzzers += $(O)/fuzz/$(patsubst %_fuzz.c,%,$(notdir $1))
endef
host_fuzzer = $(eval $(call host_fuzzer_,$1,$2,$3))
# $(call unit,STEM,SOURCES)  the unit test STEM_test.c, linked with SOURCES of flavour hosted
define unit_
$(O)/unit/$(notdir $1)_test: $(O)/unit/$1_test.c.o $(call objs,hosted,$2)
	$$(call say,LD,$$@)$(unit.cc) $(unit.ld) -o $$@ $$^ $$(kernel_libs)
tests += $(O)/unit/$(notdir $1)_test
endef
unit = $(eval $(call unit_,$1,$2))

# $(call fuzzer,NAME,SOURCE,FLAVOUR,LIBS)  a libFuzzer target: the fuzzer itself, or what replays tests/corpus/NAME
hosted_wrap := -Wl,--wrap=pages_alloc,--wrap=pages_alloc_zeroed
define fuzzer_
$(O)/fuzz/$1: $(call objs,$3,$2) $(if $(filter fuzz,$(CONFIG)),,$(call objs,unit,tests/fuzz/replay.c)) \
              $(foreach l,$4,$(O)/hosted/lib$l.a)
	$$(call say,LD,$$@)mkdir -p $$(@D); $($3.cc) $(patsubst -fsanitize=fuzzer-no-link%,-fsanitize=fuzzer%,$($3.ld)) \
	$(if $4,$(hosted_wrap)) -o $$@ $$^ $(if $4,$$(kernel_libs))
fuzzers += $(O)/fuzz/$1
endef
fuzzer = $(eval $(call fuzzer_,$1,$2,$3,$4))

# A change of flags rebuilds: the stamp's text is the command line.
define flavour_
$(O)/$1/.flags: FORCE
	@mkdir -p $$(@D); echo '$($1.cc) $($1.flags)' | cmp -s - $$@ || echo '$($1.cc) $($1.flags)' > $$@
$(O)/$1/%.c.o: %.c $(O)/$1/.flags
	$$(call say,CC,$$<)mkdir -p $$(@D); $($1.cc) $($1.flags) -MMD -MP -c -o $$@ $$< && \
	printf '{"directory":"%s","file":"%s","command":"%s"},\n' '$(CURDIR)' '$$<' '$($1.cc) $($1.flags) -c $$<' > $$@.json
$(O)/$1/%.S.o: %.S $(O)/$1/.flags
	$$(call say,AS,$$<)mkdir -p $$(@D); $($1.cc) $($1.flags) -MMD -MP -c -o $$@ $$<
endef
$(foreach f,host pic kern hosted unit,$(eval $(call flavour_,$f)))
FORCE:
-include $(shell find $(O) -name '*.d' 2>/dev/null)
