"""Child processes that do not outlive their parent, whatever ends it.

In: a command line. Out: the same command, started through util-linux's `setpriv` so that the kernel
kills it when this process ends (PR_SET_PDEATHSIG, Linux). Refuses nothing.

Why not `preexec_fn`: it runs Python between fork and exec, which may hang in a process with threads
(and warns from Python 3.12 on). The shell in between closes the gap in which the parent dies before
the request is made: it then sees another parent and does not go on. Both replace themselves, so the
process id is the command's. The signal is for that process alone: its own children are swept with
its process group, or ask for the same.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

_STILL_OURS = '[ "$PPID" = "$0" ] && exec "$@"'


def tied_to_this_process(argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` and is killed when the calling thread's process ends."""
    parent = str(os.getpid())
    return ["setpriv", "--pdeathsig", "KILL", "--", "/bin/sh", "-c", _STILL_OURS, parent, *argv]
