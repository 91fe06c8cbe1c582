"""What can go wrong, as exceptions.

Every one is an :class:`EbbError` with the same four facts: ``name``, which never changes and is what a
program compares; ``code``, BITS' number or 0; ``context``, where in a transfer it happened, or empty;
and ``hint``, what would help. ``docs/errors.md`` lists the names. No password is ever in one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Dict, Optional, Type

from ._contract import ERROR_PREFIX

if TYPE_CHECKING:
    from .records import ErrorInfo


class EbbError(Exception):
    """Something did not work. The text is a sentence for a person."""

    def __init__(
        self, name: str, message: str, *, code: int = 0, context: str = "", hint: str = ""
    ) -> None:
        super().__init__(message or name)
        #: The symbolic name, such as ``token-required``.
        self.name = name
        #: BITS' number; 0 where BITS has none.
        self.code = code
        #: Where in a transfer it happened, such as ``remote-file``; empty where that is not known.
        self.context = context
        #: What would help; may be empty.
        self.hint = hint


class Refused(EbbError):
    """The service said no, and nothing has changed."""


class NotFound(Refused):
    """There is no such job, or it is not the caller's to see."""


class AccessDenied(Refused):
    """It is not the caller's to do."""


class InvalidState(Refused):
    """Not possible as the job stands."""


class InvalidArgument(Refused, ValueError):
    """An argument makes no sense."""


class JobFailed(EbbError):
    """The job stopped and waits for its owner: :meth:`ebb.Job.wait` raises this."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(
            info.name, info.message, code=info.code, context=info.context, hint=info.advice
        )
        #: All that is known of the error: which file, which status.
        self.info = info


class JobCancelled(EbbError):
    """The job was given up: :meth:`ebb.Job.wait` raises this."""

    def __init__(self) -> None:
        super().__init__("cancelled", "the job was cancelled")


class TimedOut(EbbError, TimeoutError):
    """The time that was given is over. The job goes on."""

    def __init__(self, what: str) -> None:
        super().__init__("timed-out", what, hint="nothing was stopped; wait again")


class NotReachable(EbbError, ConnectionError):
    """There is nobody to ask, or there no longer is."""

    def __init__(self, why: str) -> None:
        hint = "is the service running? (systemctl status ebbd)"
        super().__init__("not-reachable", f"the transfer service is not reachable: {why}", hint=hint)


class ProtocolError(EbbError):
    """Whoever answered does not keep to the contract: another version of the service, perhaps."""

    def __init__(self, what: str) -> None:
        super().__init__("protocol", f"the answer of the service is not understood: {what}")


class ImpersonationError(EbbError):
    """An identity could not be taken on."""

    def __init__(self, why: str) -> None:
        hint = "only root can lend somebody else's identity"
        super().__init__("impersonation", f"becoming the helper failed: {why}", hint=hint)


_BY_NAME: Dict[str, Type[Refused]] = {
    "not-found": NotFound,
    "access-denied": AccessDenied,
    "administrator-token": AccessDenied,
    "invalid-state": InvalidState,
    "invalid-argument": InvalidArgument,
}


def refused(name: str, message: str, code: int = 0, hint: str = "") -> Refused:
    """The exception for a refusal of this name."""
    return _BY_NAME.get(name, Refused)(name, message, code=code, hint=hint)


def symbolic_name(dbus_name: str) -> Optional[str]:
    """``token-required`` for ``org.ebb.Transfer1.Error.TokenRequired``; nothing where it is not ours."""
    if not dbus_name.startswith(ERROR_PREFIX):
        return None
    camel = dbus_name[len(ERROR_PREFIX) :]
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", camel):
        return None
    words = re.findall(r"[A-Z][a-z]*|[0-9]+[a-z]*", camel)
    return "-".join(words).lower()
