# `make help` lists the targets. Every variable here may be set on the command line.
CONFIG ?= release
O      := out/$(CONFIG)

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules --no-print-directory
include build/flags.mk
include build/rules.mk

# One fragment per component; each adds to $(all), $(tests), $(fuzzers) or $(images).
include $(sort $(wildcard lib/*/Build.mk kernel/Build.mk platform/*/Build.mk cli/Build.mk tests/*/Build.mk bench/Build.mk))

all: $(all)                     ## build everything for CONFIG
clean:                          ## remove the build folder
	rm -rf out compile_commands.json
help:                           ## this list
	@sed -n 's/^\([a-z_.-]*\):.*## /\1\t/p' Makefile
.PHONY: all check clean help
