"""Starts User-Mode Linux on any x86 machine: `uml_start.py linux.uml ARGUMENTS`. Linux on x86-64.

The kernel of Debian's package restores the registers of its processes with PTRACE_SETREGSET and room for 2,696 octets;
a processor with more (AMX) makes the machine's kernel refuse that with EFAULT, and init dies. A filter therefore has
PTRACE_GETREGSET fail, and User-Mode Linux falls back to PTRACE_GETFPREGS. That saves nothing above the SSE registers,
so programs inside must not use AVX: `linux_box` sees to it.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER_MODE = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO, _EINVAL = 0x7FFF0000, 0x00050000, 22
_SYS_PTRACE, _PTRACE_GETREGSET = 101, 0x4204
_NUMBER, _FIRST_ARGUMENT = 0, 16

_PROGRAM = (
    (_LOAD, 0, 0, _NUMBER),
    (_JUMP_IF_EQUAL, 0, 3, _SYS_PTRACE),
    (_LOAD, 0, 0, _FIRST_ARGUMENT),
    (_JUMP_IF_EQUAL, 0, 1, _PTRACE_GETREGSET),
    (_RETURN, 0, 0, _ERRNO | _EINVAL),
    (_RETURN, 0, 0, _ALLOW),
)


def refuse_register_sets() -> None:
    """Install the filter, for this process and all that come of it. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in _PROGRAM))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(_PROGRAM), ctypes.addressof(code)))
    for words in ((_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_PR_SET_SECCOMP, _FILTER_MODE, program, 0, 0)):
        if libc.prctl(*words):
            raise OSError(ctypes.get_errno(), "seccomp")


if __name__ == "__main__":
    refuse_register_sets()
    os.execvp(sys.argv[1], sys.argv[1:])
