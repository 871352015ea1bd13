$(call program,cloister,host,$(wildcard cli/*.c),enclave)
