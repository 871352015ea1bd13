# `make help` lists the targets. Every variable here may be set on the command line.
CONFIG ?= release
O      := out/$(CONFIG)

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules --no-print-directory
include build/flags.mk
include build/rules.mk

# One fragment per component; each adds to $(all), $(tests), $(fuzzers) or $(images).
include $(sort $(wildcard lib/*/Build.mk attest/Build.mk kernel/Build.mk platform/*/Build.mk cli/Build.mk hypervisor/Build.mk tests/*/Build.mk bench/Build.mk))

all: $(all)                     ## build everything for CONFIG
programs: $(O)/bin/cloister $(O)/bin/cloister-kernel-process
unit_runs = $(foreach t,$(tests),'unit/$(notdir $t)=$(CURDIR)/$t')
corpus_runs = $(foreach f,$(fuzzers),'corpus/$(notdir $f)=$(CURDIR)/$f $(CURDIR)/tests/corpus/$(notdir $f)') \
	'fault=$(CURDIR)/$(fault_test) $(CURDIR)/tests/corpus/syscall'
native_runs = $(foreach t,$(syscall_tests),'syscall/$(notdir $t)/native=$(CURDIR)/$t')
# The cloister under test. Enclaves have a /tmp and a /run of their own.
tested = $(CURDIR)/$(if $(filter /tmp/% /run/%,$(CURDIR)),tests/cloister-below-tmp,$(O)/bin/cloister)
enclave_runs = $(foreach t,$(syscall_tests),'syscall/$(notdir $t)/enclave=$(tested) run $(CURDIR)/$t')
hypervisor_runs = $(foreach t,$(hypervisor_tests),'hypervisor/$(notdir $t)=$(CURDIR)/$t') 'hypervisor/document=$(CURDIR)/hypervisor/tests/leaves/document --check'
program_runs = $(foreach t,$(filter-out %/lib.sh,$(wildcard tests/programs/*.sh)),'programs/$(basename $(notdir $t))=$(CURDIR)/$t')
export EVIDENCE ?= $(CURDIR)/../shared/evidence
tests_env = CLOISTER=$(tested) O=$(CURDIR)/$(O) TEST_LOGS=$(CURDIR)/$(O)/test-logs
check: deps-check               ## install what is missing, build, run the tests (T=pattern picks some)
	@$(MAKE) -j2 all check-programs
	@$(tests_env) tests/run $(unit_runs) $(corpus_runs) $(hypervisor_runs) $(native_runs) $(enclave_runs) $(program_runs) \
	$(stress_check) $(call boot_runs,$(boots_core))
check-programs: $(tests) $(fuzzers) $(fault_test) $(hypervisor_tests) $(syscall_tests) $(stress_tests) $(quote_cases) hypervisor-boots
check-long: programs $(stress_tests) $(tests) $(hypervisor_tests) ## the stress tests and evidence mutations in full length, about an hour and a half (T=pattern picks some)
	@$(MAKE) O=$(O)/wide-window kern_defines=-DWIDE_WINDOW programs
	@$(MAKE) hypervisor-boots
	@TEST_TIMEOUT=5400 $(tests_env) tests/run $(stress_check_long) $(evidence_long) $(hypervisor_long) $(call boot_runs,$(filter-out $(boots_core),$(boots)))
unit-tests: $(tests)            ## build the unit tests
check-unit: unit-tests $(fuzzers) $(fault_test) ## only the unit tests, and the fuzzers' corpora
	@$(tests_env) tests/run $(unit_runs) $(corpus_runs)
fuzzers: $(fuzzers)             ## build the fuzz targets (CONFIG=fuzz: the fuzzers; else what replays corpora)
fuzz: fuzzers                   ## CONFIG=fuzz: run each fuzz target TIME seconds (T=name picks one)
	@tests/fuzz/run '$(O)' $(or $(TIME),60) $(or $(T),$(notdir $(fuzzers)))
check-syscall: programs $(syscall_tests) ## only the system call tests, in the enclave
	@$(tests_env) tests/run $(enclave_runs)
bench: programs $(bench_programs) ## the benchmarks beside native runs; results to docs/PERFORMANCE.md by hand (the hypervisor's: bench-hypervisor)
	bench/run
deps-check:
	@build/deps check
deps-build:
	@build/deps build
deps-demo:
	@build/deps demo
demo: deps-demo                 ## install what is missing, build, and show Debian's programs running in an enclave
	@$(MAKE) -j2 programs
	@$(tests_env) build/demo
prefix ?= /usr/local
libdir ?= $(prefix)/lib
install: all                    ## into prefix=/usr/local (DESTDIR for packages)
	install -d $(addprefix $(DESTDIR),$(prefix)/bin $(prefix)/include/cloister $(libdir)/pkgconfig $(prefix)/lib/cloister \
		$(prefix)/share/bash-completion/completions $(foreach s,1 3 5 8,$(prefix)/share/man/man$s) $(prefix)/lib/systemd/system $(prefix)/lib/sysusers.d)
	install $(O)/bin/cloister $(O)/bin/cloister-quoted $(DESTDIR)$(prefix)/bin
	install $(O)/bin/cloister-kernel-process $(O)/bin/cloister-attest $(DESTDIR)$(prefix)/lib/cloister
	install -m 644 include/cloister/*.h $(DESTDIR)$(prefix)/include/cloister
	install -m 644 $(O)/lib/lib*.so.0 $(O)/lib/lib*.a $(DESTDIR)$(libdir)
	for l in attest tls; do ln -sf libcloister-$$l.so.0 $(DESTDIR)$(libdir)/libcloister-$$l.so; done
	for l in attest tls; do sed 's|@PREFIX@|$(prefix)|;s|@LIBDIR@|$(libdir)|;s|@VERSION@|0.1|' build/cloister-$$l.pc.in \
		>$(DESTDIR)$(libdir)/pkgconfig/cloister-$$l.pc; done
	for u in cloister-quoted.service cloister-quoted.socket cloister-quoted-aesm.socket; do sed 's|@PREFIX@|$(prefix)|' \
		platform/quoting/service/$$u >$(DESTDIR)$(prefix)/lib/systemd/system/$$u; done
	install -m 644 platform/quoting/service/cloister-quoted.sysusers $(DESTDIR)$(prefix)/lib/sysusers.d/cloister-quoted.conf
	install -m 644 cli/cloister.bash-completion $(DESTDIR)$(prefix)/share/bash-completion/completions/cloister
	for s in 1 3 5 8; do install -m 644 docs/man/*.$$s $(DESTDIR)$(prefix)/share/man/man$$s; done
format:                         ## apply .clang-format
	clang-format -i $$(git ls-files '*.c' '*.h')
lint: all                       ## house rules, format, shellcheck, cppcheck
	build/checks/run
clean:                          ## remove the build folder
	rm -rf out compile_commands.json
help:                           ## this list
	@sed -n 's/^\([a-z_.-]*\):.*## /\1\t/p' Makefile
.PHONY: all programs install check-programs check check-long check-syscall check-unit unit-tests fuzzers fuzz bench demo format lint deps-check deps-build deps-demo clean help
