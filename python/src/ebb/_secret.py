"""Secrets on their way to the service: in memory that is sealed, never in a message.

What is in a message is copied where nobody counts the copies. A descriptor of sealed memory is not, and
what is in it cannot be changed while it is looked at.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import Iterator, Union

_F_ADD_SEALS = 1033
_ALL_SEALS = 0x1 | 0x2 | 0x4 | 0x8  # seal, shrink, grow, write


@contextlib.contextmanager
def sealed(secret: Union[str, bytes]) -> Iterator[int]:
    """A descriptor of memory with this in it that nobody can change any more."""
    data = secret.encode("utf-8") if isinstance(secret, str) else secret
    memory = os.memfd_create("ebb-secret", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(memory, left) :]
        fcntl.fcntl(memory, _F_ADD_SEALS, _ALL_SEALS)
        yield memory
    finally:
        os.close(memory)
