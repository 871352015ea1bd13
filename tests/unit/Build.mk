# Unit tests: X_test.c lies beside the code it tests, most often includes it, and is an ordinary program.
#   $(call unit,TEST WITHOUT _test.c,FLAVOUR hosted SOURCES TO LINK)
$(call unit,lib/base/fmt)
$(call unit,lib/base/rbtree)
$(call unit,lib/base/string)
$(call unit,kernel/fs/evidence)
$(call unit,kernel/fs/tty_line)
$(call unit,kernel/fs/vfs,$(addprefix kernel/fs/,inode.c dentry.c path.c context.c mount.c file.c fd.c generic.c \
	names.c open.c tmpfs.c sys_open.c sys_rw.c sys_fcntl.c sys_stat.c sys_path.c sys_attr.c sys_dir.c \
	sys_mount.c sys_splice.c) kernel/mm/uio.c lib/base/fmt.c lib/base/rbtree.c lib/base/string.c)
$(call unit,kernel/fs/overlay,kernel/host.c $(addprefix kernel/fs/,inode.c dentry.c path.c context.c mount.c file.c fd.c \
	generic.c names.c open.c tmpfs.c xattr.c lock.c inotify.c devfs.c boot_mounts.c) \
	$(filter-out %_test.c,$(wildcard kernel/fs/sys_*.c kernel/fs/hostfs*.c kernel/fs/overlay*.c)) \
	kernel/mm/mapping.c kernel/mm/mapping_io.c kernel/mm/uio.c lib/base/fmt.c lib/base/rbtree.c lib/base/string.c)
$(call unit,kernel/ipc/pipe)
$(call unit,kernel/loader/elf_check)
$(call unit,kernel/loader/insn)
$(call unit,kernel/loader/rewrite)
$(call unit,kernel/loader/script_parse)
$(call unit,kernel/loader/vdso,kernel/loader/vdso_image.S)
$(call unit,kernel/mm/kmalloc)
$(call unit,kernel/mm/mapping,lib/base/rbtree.c)
$(call unit,kernel/mm/vma,lib/base/rbtree.c)
$(call unit,kernel/net/unix,lib/base/string.c)
$(call unit,kernel/time/timer,lib/base/rbtree.c)
