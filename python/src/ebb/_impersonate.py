"""Becoming somebody else for one connection: how root lends a user's identity.

The service believes the kernel, not what it is told, so somebody has to *be* that user when the socket is
connected. That is a child process: it becomes the user, connects, and hands the connected socket back. A
connection counts as whoever opened it, so what is called over it is called by that user. The child stays
until its socket has been used, because the service looks at the process behind it, too.

The child runs a program of ten lines with nothing of ours in its memory, and is given nothing but the
path of the socket. The name of the token options, which is a capability, stays here. Nothing here changes
the identity of the calling process.
"""

from __future__ import annotations

import array
import contextlib
import os
import pwd
import socket
import subprocess
import sys
from typing import Iterator, List, Tuple, Union

from ._wire import Connect
from .errors import ImpersonationError

#: How long the child may take to start and to connect.
_PATIENCE = 30.0

_CHILD = """
import array, os, socket
parent = socket.socket(fileno=0)
door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
try:
    door.connect(parent.recv(4096))
except OSError as error:
    parent.sendall(b"no" + (error.strerror or str(error)).encode())
else:
    here = array.array("i", [door.fileno()])
    parent.sendmsg([b"ok"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, here)])
parent.recv(1)
"""


@contextlib.contextmanager
def becoming(user: Union[str, int]) -> Iterator[Tuple[int, Connect]]:
    """The uid of ``user``, and what connects to a socket as them, as long as this lasts."""
    uid, gid, groups = _identity(user)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with contextlib.ExitStack() as stack:
        stack.callback(ours.close)
        try:
            child = _start(theirs, uid, gid, groups)
        finally:
            theirs.close()
        stack.callback(child.wait)
        # Ends the child's last wait, and so the child.
        stack.callback(ours.close)
        ours.settimeout(_PATIENCE)
        yield uid, lambda path: _connected(ours, path)


def _identity(user: Union[str, int]) -> Tuple[int, int, List[int]]:
    try:
        entry = pwd.getpwuid(user) if isinstance(user, int) else pwd.getpwnam(user)
    except (KeyError, OverflowError) as error:
        raise ImpersonationError(f"there is no user {user!r}") from error
    groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
    return entry.pw_uid, entry.pw_gid, groups


def _start(
    theirs: socket.socket, uid: int, gid: int, groups: List[int]
) -> subprocess.Popen[bytes]:
    reasons: List[str] = []
    # The interpreter of this process may be where the user cannot go, in root's home for instance.
    for interpreter in dict.fromkeys([sys.executable, "/usr/bin/python3"]):
        if not interpreter:
            continue
        try:
            return subprocess.Popen(
                [interpreter, "-I", "-S", "-c", _CHILD],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # What is in ours may be not for the user to see, or change what runs as them.
                env={"PATH": "/usr/bin:/bin"},
                cwd="/",
                user=uid,
                group=gid,
                extra_groups=groups,
            )
        except (OSError, subprocess.SubprocessError) as error:
            reasons.append(f"{interpreter}: {error}")
    raise ImpersonationError("; ".join(reasons) or "there is no interpreter")


def _connected(ours: socket.socket, path: str) -> socket.socket:
    try:
        ours.sendall(os.fsencode(path))
        descriptors = array.array("i")
        said, ancillary, _, _ = ours.recvmsg(1024, socket.CMSG_SPACE(descriptors.itemsize))
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    except OSError as error:
        raise ImpersonationError(f"the child does not answer: {error}") from error
    if said == b"ok" and len(descriptors) == 1:
        os.set_inheritable(descriptors[0], False)
        return socket.socket(fileno=descriptors[0])
    for descriptor in descriptors:
        os.close(descriptor)
    why = said[2:].decode("utf-8", "replace") or "the child has ended"
    raise ImpersonationError(f"{path}: {why}")
