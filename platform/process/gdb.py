# SPDX-License-Identifier: Apache-2.0
"""For gdb: symbols of the enclave kernel, and of the programs that run in an enclave.

  gdb -p HOST_PID -x platform/process/gdb.py          (HOST_PID: cloister ps --host, or pgrep)

Commands: `cloister-symbols` (done at once when sourced after attaching), `cloister-task` shows the task of the selected thread.
"""
import os
import re
import gdb


def enclave_maps(pid):
    for line in open(f"/proc/{pid}/maps"):
        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) \S+ \S+\s*(.*)", line)
        if m:
            yield int(m[1], 16), int(m[2], 16), m[3], int(m[4], 16), m[5]


def kernel_file(pid):
    """The kernel's ELF lies beside the launcher's program."""
    status = open(f"/proc/{pid}/status").read()
    parent = int(re.search(r"PPid:\s+(\d+)", status)[1])
    for p in (pid, parent):
        exe = os.path.realpath(f"/proc/{p}/exe")
        candidate = os.path.join(os.path.dirname(exe), "cloister-kernel-process")
        if os.path.exists(candidate):
            return candidate
    raise gdb.GdbError("the kernel's ELF file was not found beside the launcher; use add-symbol-file by hand")


def elf_bias(name, start):
    """What to add to the addresses of a program file whose first page is mapped at start; None: no ELF file of ours."""
    try:
        with open(name, "rb") as f:
            header = f.read(18)
    except OSError:
        return None  # a file that only the enclave sees
    if len(header) < 18 or header[:4] != b"\x7fELF":
        return None
    return start if header[16] == 3 else 0  # ET_DYN moves, ET_EXEC does not


class Symbols(gdb.Command):
    """Loads the symbols of the enclave kernel at the address it was given this time."""

    def __init__(self):
        super().__init__("cloister-symbols", gdb.COMMAND_FILES)

    def invoke(self, arg, from_tty):
        pid = gdb.selected_inferior().pid
        image = None
        seen, programs = set(), []
        for start, _end, prot, offset, name in enclave_maps(pid):
            # The kernel's text is its file, mapped; or a copy in enclave memory, at IMAGE_OFFSET (platform/process/host/enclave.c).
            if os.path.basename(name).startswith("cloister-kernel-") and prot.startswith("r-x"):
                image = start - offset
            elif "cloister-enclave" in name and prot.startswith("r-xs") and image is None:
                image = start - offset + (4 << 20)
            elif name.startswith("/") and offset == 0 and name not in seen:
                seen.add(name)
                bias = elf_bias(name, start)
                if bias is not None:
                    programs.append((name, bias))
        if image is None:
            raise gdb.GdbError("this is not a host process of an enclave")
        gdb.execute(f"add-symbol-file {kernel_file(pid)} -o {image:#x}", to_string=True)
        print(f"enclave kernel at {image:#x}")
        for name, bias in programs:
            try:
                gdb.execute(f"add-symbol-file {name} -o {bias:#x}", to_string=True)
            except gdb.error as error:
                print(f"{name}: {error}")


class Task(gdb.Command):
    """Shows the task of the selected thread: id, name, process, state and its last calls."""

    def __init__(self):
        super().__init__("cloister-task", gdb.COMMAND_STATUS)

    def invoke(self, arg, from_tty):
        t = gdb.parse_and_eval("(struct task *)$gs_base")
        print(f"task {int(t['tid'])} ({t['comm'].string()}), process {int(t['process']['pid'])}, work {int(t['work'])}, "
              f"parked {int(t['parked'])}")
        at = int(t["last_at"])
        table = gdb.parse_and_eval("syscall_table")
        for i in range(min(8, at)):
            last = t["last"][(at - 1 - i) % 8]
            number = int(last["number"])
            name = table[number]["name"].string() if number < 463 and table[number]["name"] else str(number)
            print(f"  {name} = {int(last['result'])}")


Symbols()
Task()
if gdb.selected_inferior().pid:
    gdb.execute("cloister-symbols")
