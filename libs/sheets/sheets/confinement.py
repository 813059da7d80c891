"""What the child gives up before it touches the file: memory, time, files, network, privileges.

Works on Linux in full. Elsewhere what the system offers is used, and the rest is left to the wall limit of the parent;
the answer says how the network was kept away.
"""

import ctypes
import signal
import sys

from sheets.cells import Network
from sheets.limits import Limits

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_OPEN_FILES = 16
"""Standard streams, the modules being imported, and some room (recipes 8)."""
_CPU_GRACE_SECONDS = 1
"""Between the signal that names the reason (SIGXCPU) and the one that cannot be held up (SIGKILL)."""
_WALL_GRACE_SECONDS = 2
"""The child ends itself if its parent is gone and cannot do it."""


def confine(limits: Limits) -> Network:
    """Set all limits of this process, for good; how it is kept off the network now."""
    if sys.platform == "win32":
        return Network.NONE
    network = _leave_network()
    _set_resource_limits(limits)
    signal.alarm(int(limits.wall_seconds) + _WALL_GRACE_SECONDS)
    return network


def _set_resource_limits(limits: Limits) -> None:
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 -- not on every system

    wanted = {
        resource.RLIMIT_AS: (limits.child_memory_bytes, limits.child_memory_bytes),
        resource.RLIMIT_CPU: (limits.child_cpu_seconds, limits.child_cpu_seconds + _CPU_GRACE_SECONDS),
        resource.RLIMIT_NOFILE: (_OPEN_FILES, _OPEN_FILES),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NPROC: (0, 0),
    }
    for limit, (soft, hard) in wanted.items():
        _, ceiling = resource.getrlimit(limit)
        within = (soft, hard) if ceiling == resource.RLIM_INFINITY else (min(soft, ceiling), min(hard, ceiling))
        try:
            resource.setrlimit(limit, within)
        except (OSError, ValueError):
            if sys.platform == "linux":
                raise  # macOS refuses RLIMIT_AS; Linux must not


def _leave_network() -> Network:
    if sys.platform != "linux":
        return Network.NONE
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    network = Network.NONE
    if libc.unshare(_CLONE_NEWNET) == 0:
        network = Network.NAMESPACE
    elif libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
        network = Network.USER_NAMESPACE
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return network
