/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See start_error.h. Only what agrees with the kernel's error number is said; where the files cannot be seen from here
 * (they lie in memory of the enclave) or do not explain it, the number's own text is.
 */
#include "cli/start_error.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define SCRIPTS_MAX 6

struct finding {
	const struct guest_view *view;
	struct error *err;
	int error; /* positive */
};

static const char *machine_name(unsigned int machine)
{
	static const struct {
		unsigned int machine;
		const char *name;
	} names[] = { { EM_386, "i386" },    { EM_ARM, "arm" },	    { EM_AARCH64, "aarch64" },
		      { EM_RISCV, "riscv" }, { EM_PPC64, "ppc64" }, { EM_S390, "s390" },
		      { EM_MIPS, "mips" },   { 258, "loongarch" } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == machine)
			return names[i].name;
	return NULL;
}

/* Reads the interpreter's name out of the program headers; 1: it has one. -1: the file ends too early. */
static int elf_interpreter(int fd, const Elf64_Ehdr *eh, off_t size, char *to, size_t room)
{
	for (unsigned int i = 0; i < eh->e_phnum; i++) {
		uint64_t at, end;
		Elf64_Phdr ph;

		if (__builtin_add_overflow(eh->e_phoff, i * sizeof(ph), &at) ||
		    pread(fd, &ph, sizeof(ph), (off_t)at) != sizeof(ph))
			return -1;
		if ((ph.p_type == PT_LOAD || ph.p_type == PT_INTERP) &&
		    (__builtin_add_overflow(ph.p_offset, ph.p_filesz, &end) ||
		     end > (uint64_t)size))
			return -1;
		if (ph.p_type != PT_INTERP)
			continue;
		if (!ph.p_filesz || ph.p_filesz >= room ||
		    pread(fd, to, ph.p_filesz, (off_t)ph.p_offset) != (ssize_t)ph.p_filesz)
			return 0;
		to[ph.p_filesz] = 0;
		return 1;
	}
	return 0;
}

static int is_missing(const struct guest_view *v, const char *path)
{
	_close_ int fd = guest_open(v, path, O_PATH);

	return fd == -ENOENT || fd == -ENOTDIR;
}

static bool format_error(int error)
{
	return error == ENOEXEC || error == EINVAL || error == EIO || error == ELIBBAD ||
	       error == ENOMEM;
}

/* 0: it is an explanation; -1: nothing found here. */
static int examine_elf(const struct finding *f, const char *path, int fd, off_t size)
{
	Elf64_Ehdr eh;
	char interpreter[4096];
	int has;

	if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh))
		return format_error(f->error)
			       ? (fail(f->err, "%s: a truncated ELF file (%lld bytes)", path,
				       (long long)size),
				  0)
			       : -1;
	if (format_error(f->error) && eh.e_machine != EM_X86_64) {
		const char *name = machine_name(eh.e_machine);

		if (name)
			fail(f->err, "%s: ELF for another machine (%s), this enclave runs x86-64",
			     path, name);
		else
			fail(f->err,
			     "%s: ELF for another machine (number %u), this enclave runs x86-64",
			     path, eh.e_machine);
		return 0;
	}
	if (format_error(f->error) && eh.e_ident[EI_CLASS] != ELFCLASS64)
		return fail(f->err,
			    "%s: a 32-bit (or x32) ELF file, this enclave runs 64-bit x86-64",
			    path),
		       0;
	if (eh.e_phentsize != sizeof(Elf64_Phdr) || eh.e_type > ET_DYN || eh.e_type < ET_EXEC)
		return format_error(f->error)
			       ? (fail(f->err, "%s: an ELF file that is not a program", path), 0)
			       : -1;
	has = elf_interpreter(fd, &eh, size, interpreter, sizeof(interpreter));
	if (has < 0)
		return format_error(f->error)
			       ? (fail(f->err, "%s: a truncated ELF file (%lld bytes)", path,
				       (long long)size),
				  0)
			       : -1;
	if (has && (f->error == ENOENT || f->error == ENOTDIR) && is_missing(f->view, interpreter))
		return fail(f->err, "%s: its interpreter %s is missing", path, interpreter), 0;
	if (format_error(f->error) && f->error != ENOMEM)
		return fail(f->err, "%s: a damaged ELF file%s", path,
			    has ? " (or its interpreter is)" : ""),
		       0;
	return -1;
}

static int examine_file(const struct finding *f, const char *path, int depth);

static int examine_script(const struct finding *f, const char *path, char *line, int depth)
{
	char *name = line + 2 + strspn(line + 2, " \t");

	name[strcspn(name, " \t\r\n")] = 0;
	if (f->error == ELOOP || depth > SCRIPTS_MAX)
		return fail(f->err,
			    "%s: its #! interpreters lead in a circle (or more than 5 deep)", path),
		       0;
	if (!*name)
		return format_error(f->error)
			       ? (fail(f->err, "%s: its #! line names no interpreter", path), 0)
			       : -1;
	if ((f->error == ENOENT || f->error == ENOTDIR) && is_missing(f->view, name))
		return fail(f->err, "%s: its interpreter %s is missing", path, name), 0;
	return examine_file(f, name, depth + 1);
}

static int examine_access(const struct finding *f, const char *path)
{
	_close_ int fd = guest_open(f->view, path, O_PATH);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || f->error != EACCES)
		return -1;
	if (S_ISDIR(st.st_mode))
		return fail(f->err, "%s: a folder, not a program", path), 0;
	if (!S_ISREG(st.st_mode))
		return fail(f->err, "%s: not a regular file", path), 0;
	if (!(st.st_mode & 0111))
		return fail(f->err, "%s: not executable (chmod +x makes it so)", path), 0;
	return -1;
}

static int examine_file(const struct finding *f, const char *path, int depth)
{
	_close_ int fd = -1;
	char head[256] = "";
	struct stat st;
	ssize_t n;

	if (!examine_access(f, path))
		return 0;
	fd = guest_open(f->view, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return -1;
	n = pread(fd, head, sizeof(head) - 1, 0);
	if (n == 0 && f->error == ENOEXEC)
		return fail(f->err, "%s: not an executable format (the file is empty)", path), 0;
	if (n > 2 && head[0] == '#' && head[1] == '!')
		return examine_script(f, path, head, depth);
	if (n >= SELFMAG && !memcmp(head, ELFMAG, SELFMAG))
		return examine_elf(f, path, fd, st.st_size);
	if (f->error == ENOEXEC)
		return fail(f->err, "%s: not an executable format (neither ELF nor a #! script)",
			    path),
		       0;
	return -1;
}

static int examine_cwd(const struct finding *f)
{
	_close_ int fd = -1;
	struct stat st;

	if (f->error != ENOENT && f->error != ENOTDIR && f->error != EACCES)
		return -1;
	fd = guest_open(f->view, f->view->cwd, O_PATH);
	if (fd == -ENOENT || fd == -ENOTDIR)
		return fail(f->err, "%s: no such working directory in the enclave (see -w)",
			    f->view->cwd),
		       0;
	if (fd >= 0 && !fstat(fd, &st) && !S_ISDIR(st.st_mode))
		return fail(f->err, "%s: the working directory is not a folder (see -w)",
			    f->view->cwd),
		       0;
	return -1;
}

/* The file that a search through PATH ends at, as the kernel searches. */
static int search_path(const struct guest_view *view, const char *program, const char *path,
		       char *ret, size_t size)
{
	while (*path) {
		size_t len = strcspn(path, ":");
		_close_ int fd = -1;
		struct stat st;

		snprintf(ret, size, "%.*s/%s", (int)len, path, program);
		fd = len ? guest_open(view, ret, O_PATH) : -1;
		if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
			return 0;
		path += len;
		path += *path == ':';
	}
	return -1;
}

/* A file of the host that the enclave does not see is the usual reason. */
static const char *hidden_hint(const char *path)
{
	if (access(path, F_OK))
		return "";
	if (!strncmp(path, "/tmp/", 5))
		return " (the enclave has a /tmp of its own: pass the folder with -v)";
	if (!strncmp(path, "/run/", 5) || !strncmp(path, "/dev/", 5))
		return " (the host's is not seen there: pass it with -v)";
	return "";
}

int describe_start_error(const struct guest_view *view, const char *program, const char *path,
			 int error, struct error *err)
{
	struct finding f = { .view = view, .err = err, .error = error < 0 ? -error : error };
	int status = f.error == ENOENT || f.error == ENOTDIR ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
	const char *name = program;
	char found[8192];

	if (!examine_cwd(&f))
		return EXIT_CANNOT_RUN;
	if (!strchr(program, '/')) {
		if (!path)
			path = DEFAULT_PATH;
		if (search_path(view, program, path, found, sizeof(found))) {
			/* EACCES: some folder of PATH cannot be searched, as root's for others */
			if (f.error == ENOENT || f.error == EACCES) {
				fail(err, "%.200s: not found in the enclave's PATH (%.1000s)",
				     program, path);
				return EXIT_NOT_FOUND;
			}
		} else {
			name = found;
		}
	}
	if (!examine_file(&f, name, 0))
		return status;
	if (f.error == ENOENT)
		fail(err, "%s: no such file in the enclave%s", name, hidden_hint(name));
	else if (f.error == ENOTDIR)
		fail(err, "%s: a part of this path is not a folder", name);
	else if (f.error == ELOOP)
		fail(err, "%s: too many links or #! scripts lead to one another", name);
	else if (f.error == ENOEXEC)
		fail(err, "%s: not an executable format", name);
	else if (f.error == ENOMEM)
		fail(err, "%s: not enough memory to start it (give the enclave more with --memory)",
		     name);
	else
		fail(err, "%s: cannot be executed: %s", name, strerror(f.error));
	return status;
}
