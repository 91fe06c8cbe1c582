"""What the service tells while one listens, as iterators.

:class:`Notices` tell of all jobs the caller may see; :class:`Notifications` tell the owner of a job what its
``notify_flags`` want, and what is owed is told again until it is acknowledged. Each listens over a connection
of its own, so listening never holds up a question. A notice is a reason to ask; the whole truth is
:meth:`ebb.Client.changes_since`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Tuple, Type, Union

from . import _contract as contract
from . import _fields as kinds
from ._fields import Fields
from ._wire import Signal
from .errors import NotReachable, ProtocolError
from .records import ErrorInfo
from .values import Range, State

if TYPE_CHECKING:
    from .client import Client
    from .job import Job


@dataclass(frozen=True)
class JobAdded:
    """There is a new job."""

    job_id: str
    number: int


@dataclass(frozen=True)
class JobRemoved:
    """A job is over, and no longer listed."""

    job_id: str
    number: int


@dataclass(frozen=True)
class StateChanged:
    """A job stands somewhere else."""

    job_id: str
    state: State
    previous: State
    number: int


@dataclass(frozen=True)
class Transferred:
    """Everything of a job is here."""

    job_id: str
    number: int


@dataclass(frozen=True)
class Failed:
    """A job stopped for good."""

    job_id: str
    error: ErrorInfo
    number: int


@dataclass(frozen=True)
class FileTransferred:
    """One file of a job is here."""

    job_id: str
    index: int
    number: int


@dataclass(frozen=True)
class FileRangesTransferred:
    """Bytes of a file that comes in pieces are here."""

    job_id: str
    index: int
    ranges: List[Range]


@dataclass(frozen=True)
class PropertiesChanged:
    """Properties of a job have other values; by their names on the bus, with their signatures."""

    job_id: str
    changed: Mapping[str, Tuple[str, Any]]

    def has(self, *names: str) -> bool:
        """Whether one of these is among them."""
        return any(name in self.changed for name in names)


@dataclass(frozen=True)
class SignalsMissed:
    """The listener was too slow for some: ask :meth:`ebb.Client.changes_since`."""


Notice = Union[
    JobAdded,
    JobRemoved,
    StateChanged,
    Transferred,
    Failed,
    FileTransferred,
    FileRangesTransferred,
    PropertiesChanged,
    SignalsMissed,
]


@dataclass(frozen=True)
class Notification:
    """What a job's owner wants to know. ``number`` is what is acknowledged."""

    job_id: str
    number: int
    #: ``transferred``, ``error``, ``file-transferred``, ``modification``,
    #: ``file-ranges-transferred``, or what is newer than this module.
    kind: str
    #: ``error``: why.
    error: Optional[ErrorInfo] = None
    #: ``file-transferred``: which file.
    file: Optional[int] = None
    #: ``file-ranges-transferred``: which bytes of which files.
    ranges: Optional[Dict[int, List[Range]]] = None


@dataclass(frozen=True)
class ServerCertificate:
    """A server that a job is about to speak to; its certificate holds."""

    job_id: str
    #: What the answer is to.
    question: int
    #: The file that needs it, by its index.
    file: int
    host: str
    port: int
    #: The certificates it sent, as DER, its own first.
    chain: List[bytes]


class _Listener:
    """A connection that is told things."""

    def __init__(self, client: Client) -> None:
        self._wire = client.new_wire()
        self._wire.listening = True

    def _next(self, timeout: Optional[float]) -> Any:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            signal = self._wire.next_signal(left)
            if signal is None:
                return None
            heard = self._read(signal)
            if heard is not None:
                return heard

    def _read(self, signal: Signal) -> Any:
        raise NotImplementedError

    def close(self) -> None:
        """Hears nothing any more."""
        self._wire.close()

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()


class Notices(_Listener):
    """What happens to all jobs the caller may see, in the order it was told."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        try:
            self._wire.call(contract.MANAGER_PATH, contract.MANAGER, "Subscribe")
        except BaseException:
            self._wire.close()
            raise

    def __enter__(self) -> Notices:
        return self

    def __iter__(self) -> Iterator[Notice]:
        return self

    def __next__(self) -> Notice:
        notice = self.next()
        if notice is None:  # without a time limit there is always one
            raise StopIteration
        return notice

    def next(self, timeout: Optional[float] = None) -> Optional[Notice]:
        """Waits for the next one; ``None`` when ``timeout`` seconds are over."""
        found: Optional[Notice] = self._next(timeout)
        return found

    def close(self) -> None:
        """Hears nothing any more."""
        try:
            self._wire.call(contract.MANAGER_PATH, contract.MANAGER, "Unsubscribe")
        except NotReachable:
            pass  # that ends it, too
        super().close()

    def _read(self, signal: Signal) -> Optional[Notice]:
        return read_notice(signal)


class Notifications(_Listener):
    """What the ``notify_flags`` of the registered jobs say, in the order it was told."""

    def register(self, job: Job) -> None:
        """Wants to be told of this job, too: what is owed comes at once."""
        self._wire.call(job._path, contract.JOB, "Register")

    def unregister(self, job: Job) -> None:
        """Wants to hear no more of it."""
        self._wire.call(job._path, contract.JOB, "Unregister")

    def __enter__(self) -> Notifications:
        return self

    def __iter__(self) -> Iterator[Union[Notification, SignalsMissed]]:
        return self

    def __next__(self) -> Union[Notification, SignalsMissed]:
        heard = self.next()
        if heard is None:  # without a time limit there is always one
            raise StopIteration
        return heard

    def next(self, timeout: Optional[float] = None) -> Union[Notification, SignalsMissed, None]:
        """Waits for the next one; ``None`` when ``timeout`` seconds are over.

        :class:`SignalsMissed`: too many waited, and all registrations of this have ended.
        """
        found: Union[Notification, SignalsMissed, None] = self._next(timeout)
        return found

    def _read(self, signal: Signal) -> Union[Notification, SignalsMissed, None]:
        if (signal.interface, signal.member) == (contract.MANAGER, "SignalsMissed"):
            return SignalsMissed()
        job_id = contract.job_id(signal.path)
        if not job_id or (signal.interface, signal.member) != (contract.JOB, "Notification"):
            return None
        number, kind, details = _body(signal)
        fields = Fields(details)
        notification = Notification(job_id, number, kind)
        if kind == "error":
            return Notification(job_id, number, kind, error=ErrorInfo.read(details))
        if kind == "file-transferred":
            return Notification(job_id, number, kind, file=fields.read("File", kinds.SMALL))
        if kind == "file-ranges-transferred":
            ranges = fields.read("Ranges", kinds.RANGES_BY_FILE)
            return Notification(job_id, number, kind, ranges=ranges)
        return notification


class Validator(_Listener):
    """Judges the servers of jobs, before they are spoken to. Its connection has to stay."""

    def set(self, job: Job) -> None:
        """Judges this job's servers from now on; for its owner, while it is not active."""
        self._wire.call(job._path, contract.JOB, "SetServerCertificateValidation")

    def judge(self, about: ServerCertificate, code: int = 0) -> None:
        """Accepts the server with 0; anything else rejects it, and is the number of the error."""
        path = contract.job_path(about.job_id)
        self._wire.call(path, contract.JOB, "JudgeServerCertificate", about.question, code)

    def __enter__(self) -> Validator:
        return self

    def next(self, timeout: Optional[float] = None) -> Optional[ServerCertificate]:
        """Waits for the next question; ``None`` when ``timeout`` seconds are over."""
        found: Optional[ServerCertificate] = self._next(timeout)
        return found

    def _read(self, signal: Signal) -> Optional[ServerCertificate]:
        job_id = contract.job_id(signal.path)
        ours = (contract.JOB, "ValidateServerCertificate")
        if not job_id or (signal.interface, signal.member) != ours:
            return None
        question, file, host, port, chain = _body(signal)
        return ServerCertificate(
            job_id, question, file, host, port, [bytes(one) for one in chain]
        )


def _body(signal: Signal) -> Tuple[Any, ...]:
    wanted, _ = contract.SIGNALS[signal.interface][signal.member]
    if signal.signature != wanted:
        raise ProtocolError(f"{signal.member} says {signal.signature!r} and not {wanted!r}")
    return tuple(signal.body or ())


def read_notice(signal: Signal) -> Optional[Notice]:
    """What a signal says; nothing where it is not one of ours."""
    if (signal.interface, signal.member) == (
        "org.freedesktop.DBus.Properties",
        "PropertiesChanged",
    ):
        job_id = contract.job_id(signal.path)
        if not job_id or signal.signature != "sa{sv}as":
            return None
        return PropertiesChanged(job_id, signal.body[1])
    if signal.member not in contract.SIGNALS.get(signal.interface, {}):
        return None
    body = _body(signal)
    if signal.interface == contract.MANAGER:
        return _of_manager(signal.member, body)
    job_id = contract.job_id(signal.path)
    return _of_job(signal.member, job_id, body) if job_id else None


def _of_manager(member: str, body: Tuple[Any, ...]) -> Optional[Notice]:
    if member == "SignalsMissed":
        return SignalsMissed()
    _, job_id, number = body
    job_id = kinds.UUID.read("id", ("s", job_id))
    return JobAdded(job_id, number) if member == "JobAdded" else JobRemoved(job_id, number)


def _of_job(member: str, job_id: str, body: Tuple[Any, ...]) -> Optional[Notice]:
    if member == "StateChanged":
        state, previous, number = body
        read = kinds.STATE.read
        return StateChanged(
            job_id, read("state", ("s", state)), read("previous", ("s", previous)), number
        )
    if member == "Transferred":
        return Transferred(job_id, body[0])
    if member == "Failed":
        return Failed(job_id, ErrorInfo.read(body[0]), body[1])
    if member == "FileTransferred":
        return FileTransferred(job_id, *body)
    if member == "FileRangesTransferred":
        return FileRangesTransferred(job_id, body[0], [Range(*pair) for pair in body[1]])
    return None
