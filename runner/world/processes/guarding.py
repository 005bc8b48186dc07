"""The guardian's start and its dismissal: see `guardian`, which is what it runs."""

from __future__ import annotations

import os
import socket
import subprocess  # noqa: TID251 - the guardian is a process of our own, by argv
import sys
from contextlib import suppress
from pathlib import Path

PROGRAM = Path(__file__).with_name("guardian.py")
GOODBYE = b"."
_SHELL = "/bin/sh"
_IN_BACKGROUND = 'trap "" INT TERM HUP QUIT; "$@" &'
_PATIENCE = 1.0
"""Seconds for which the guardian is waited for to be gone."""


class Guardian:
    """A process that ends what a run has started, should this one be killed. It lives until it is dismissed.

    It is no child of this process: that nobody but a program's own processes are its children is how is known at once
    that none was left.
    """

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire

    @classmethod
    def start(cls, bits: int, value: int, variable: str) -> Guardian | None:
        """Start one for what bears these marks; None where that is not possible."""
        ours, theirs = socket.socketpair()
        python = (sys.executable, "-I", "-S", "-E", str(PROGRAM))
        words = (*python, str(theirs.fileno()), str(bits), str(value), variable)
        argv = (_SHELL, "-c", _IN_BACKGROUND, "sh", *words) if os.access(_SHELL, os.X_OK) else words
        try:
            process = subprocess.Popen(  # noqa: S603 - our own program
                argv,
                cwd="/",
                env={},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
            )
        except OSError:
            ours.close()
            return None
        finally:
            theirs.close()
        if argv[0] == _SHELL:
            process.wait()  # the shell is over as soon as the guardian is on its way
        ours.settimeout(_PATIENCE)
        return cls(ours)

    def dismiss(self) -> None:
        """Let it go, and wait until it has."""
        with suppress(OSError):
            self._wire.sendall(GOODBYE)
            self._wire.recv(1)  # nothing, as soon as it has ended
        self._wire.close()
