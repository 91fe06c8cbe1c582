"""The words and bits of the interface, typed.

States, priorities and outcomes are enumerations of strings, so that they compare with the words the
command line shows. A word that is not known is a breach of the contract and not something to guess at.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

#: The length of a range that goes on to the end of the file.
TO_END = 2**64 - 1


class _Word(str, enum.Enum):
    def __str__(self) -> str:
        return str(self.value)


class JobType(_Word):
    """What a job does."""

    DOWNLOAD = "download"


class State(_Word):
    """Where a job stands."""

    QUEUED = "queued"
    CONNECTING = "connecting"
    TRANSFERRING = "transferring"
    SUSPENDED = "suspended"
    ERROR = "error"
    TRANSIENT_ERROR = "transient-error"
    TRANSFERRED = "transferred"
    ACKNOWLEDGED = "acknowledged"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing will ever change again."""
        return self in (State.ACKNOWLEDGED, State.CANCELLED)


class Priority(_Word):
    """How much a job matters."""

    FOREGROUND = "foreground"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Outcome(_Word):
    """What cancelling and completing could do."""

    DONE = "done"
    PARTIAL_COMPLETE = "partial-complete"
    UNABLE_TO_DELETE_FILES = "unable-to-delete-files"


class TokenFlags(enum.IntFlag):
    """Which resources use the helper token."""

    NONE = 0
    LOCAL_FILE = 0x1
    NETWORK = 0x2
    CLIENT_CERTIFICATE = 0x4


class NotifyFlags(enum.IntFlag):
    """Of what a registered connection is told."""

    TRANSFERRED = 0x1
    ERROR = 0x2
    DISABLE = 0x4
    MODIFICATION = 0x8
    FILE_TRANSFERRED = 0x10
    FILE_RANGES_TRANSFERRED = 0x20


class SecurityFlags(enum.IntFlag):
    """How strictly servers are checked, and which redirects are followed."""

    NONE = 0
    CHECK_REVOCATION = 0x1
    IGNORE_CERTIFICATE_NAME = 0x2
    IGNORE_CERTIFICATE_DATE = 0x4
    IGNORE_CERTIFICATE_AUTHORITY = 0x8
    IGNORE_CERTIFICATE_USE = 0x10
    REPORT_REDIRECTS = 0x100
    REFUSE_REDIRECTS = 0x200
    ALLOW_HTTPS_TO_HTTP = 0x800


class ProxyUsage(_Word):
    """In which way a job gets to the network."""

    PRECONFIG = "preconfig"
    NONE = "none"
    OVERRIDE = "override"
    AUTOMATIC = "automatic"


class ProxySettings(NamedTuple):
    """How a job gets to the network. The lists are separated by spaces, and only for ``OVERRIDE``."""

    usage: ProxyUsage = ProxyUsage.PRECONFIG
    proxies: str = ""
    bypass: str = ""


class Range(NamedTuple):
    """Some bytes of a file; the length :data:`TO_END` goes on to its end."""

    offset: int
    length: int = TO_END
