# Compiled and linked with the kernel by every build, so that the contract stays whole; it cannot run.
$(call program,cloister-kernel-skeleton,kern,platform/skeleton/skeleton.c,kernel base,$(kernel_libs))
