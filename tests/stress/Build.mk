# Static programs that run natively and in the enclave; the drivers (*.sh) use several of them.
stress_sources := $(wildcard tests/stress/*.c)
stress_tests := $(stress_sources:tests/stress/%.c=$(O)/tests/stress/%)
$(O)/tests/stress/%: tests/stress/%.c tests/stress/stress.h
	$(call say,TEST,$@)mkdir -p $(@D); gcc -std=gnu11 -O2 -g -Wall -Wextra -Werror -D_GNU_SOURCE -I. -static -pthread $< -o $@
tests_all += $(stress_tests)

# NAME=ARGUMENTS of the programs, words joined by commas: short, for each check; and long.
stress_short := forks=forks,1000 processes=many,processes,500 files=many,files,10000 threads=many,threads,3000 \
                wakeups=wakeups,8000 execs=execs,40 observe=observe,2 mixed=mixed,3
stress_long := forks=forks,20000 processes=many,processes,1000 files=many,files,10000 threads=many,threads,50000 \
               wakeups=wakeups,200000 execs=execs,3000 observe=observe,120 mixed=mixed,600
comma := ,
# $(call stress_runs,LIST,COMMAND cloister,SUFFIX)
stress_runs = $(foreach r,$1,stress/$(firstword $(subst =, ,$r))$3='$2 run $(CURDIR)/$(O)/tests/stress/$(subst $(comma), ,$(lastword $(subst =, ,$r)))')
stress_driver = stress/$1='$(CURDIR)/tests/stress/$1.sh $2'
stress_check = $(call stress_runs,$(stress_short),$(tested)) $(call stress_driver,kill_host) $(call stress_driver,pressure) \
               $(call stress_driver,leaks,1)
stress_check_long = $(call stress_runs,$(stress_long),$(tested),/long) \
                    $(call stress_runs,$(filter wakeups=% execs=%,$(stress_long)),CLOISTER_KERNEL=$(CURDIR)/$(O)/wide-window/bin/cloister-kernel-process $(tested),/wide-window) \
                    $(call stress_driver,kill_host,10) $(call stress_driver,pressure) $(call stress_driver,leaks,10)
