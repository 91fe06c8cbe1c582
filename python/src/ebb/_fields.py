"""A dictionary from the bus, read strictly.

A key that is missing or of another type is a breach of the contract. A key that is not known is passed
over: a newer service may tell more than an older module asks for.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any, Callable, Dict, Generic, List, Mapping, Optional, Tuple, Type, TypeVar

from ._contract import is_uuid
from .errors import ProtocolError
from .values import (
    JobType,
    NotifyFlags,
    Priority,
    ProxySettings,
    ProxyUsage,
    Range,
    SecurityFlags,
    State,
    TokenFlags,
)

T = TypeVar("T")
W = TypeVar("W", JobType, State, Priority, ProxyUsage)

_NOBODY = 2**32 - 1
_UNKNOWN = 2**64 - 1


class Kind(Generic[T]):
    """A type of values: how it is written on the bus, and how it reads here."""

    def __init__(
        self, signature: str, read: Callable[[Any], T], write: Callable[[T], Any]
    ) -> None:
        self.signature = signature
        self._read = read
        self._write = write

    def read(self, name: str, variant: Tuple[str, Any]) -> T:
        """Reads a value of this kind, as strictly as the contract says."""
        signature, value = variant
        if signature != self.signature:
            raise ProtocolError(f"{name} is {signature!r} and not {self.signature!r}")
        try:
            return self._read(value)
        except ValueError as error:
            raise ProtocolError(f"{name}: {error}") from error

    def write(self, value: T) -> Tuple[str, Any]:
        """The value as a variant."""
        return self.signature, self._write(value)


def fs_path(path: Any) -> bytes:
    """A path as the bytes the file system has."""
    return os.fsencode(path)


def _word(words: Type[W]) -> Kind[W]:
    # Strings will do, too: a wrong one is refused here, with the words there are.
    return Kind("s", words, lambda value: words(value).value)


def _unless(nothing: int, signature: str) -> Kind[Optional[int]]:
    def read(value: int) -> Optional[int]:
        return None if value == nothing else value

    return Kind(signature, read, lambda value: nothing if value is None else int(value))


def _read_time(seconds: int) -> Optional[datetime]:
    if seconds == 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, OSError) as error:
        raise ValueError(str(error)) from error


def _write_time(time: Optional[datetime]) -> int:
    return 0 if time is None else int(time.timestamp())


def _uuid(text: str) -> str:
    # The id goes into paths and onto terminals: nothing but a UUID gets that far.
    if not is_uuid(text):
        raise ValueError("not a UUID")
    return text


def _read_proxy(value: Any) -> ProxySettings:
    usage, proxies, bypass = value
    return ProxySettings(ProxyUsage(usage), proxies, bypass)


def _write_proxy(value: ProxySettings) -> Any:
    usage, proxies, bypass = value
    return (ProxyUsage(usage).value, proxies, bypass)


TEXT: Kind[str] = Kind("s", str, str)
OBJECT: Kind[str] = Kind("o", str, str)
UUID: Kind[str] = Kind("s", _uuid, str)
FLAG: Kind[bool] = Kind("b", bool, bool)
SMALL: Kind[int] = Kind("u", int, int)
LARGE: Kind[int] = Kind("t", int, int)
#: ``None``: not known, or no limit.
SIZE: Kind[Optional[int]] = _unless(_UNKNOWN, "t")
#: ``None``: no limit of its own.
RATE: Kind[Optional[int]] = _unless(0, "t")
#: ``None``: what the policy says.
COST: Kind[Optional[int]] = _unless(0, "u")
#: ``None``: nobody, or as it comes.
NUMBER: Kind[Optional[int]] = _unless(_NOBODY, "u")
#: ``None``: not yet.
TIME: Kind[Optional[datetime]] = Kind("x", _read_time, _write_time)
PATH: Kind[str] = Kind("ay", lambda value: os.fsdecode(bytes(value)), fs_path)
COMMAND: Kind[List[str]] = Kind(
    "aay",
    lambda words: [os.fsdecode(bytes(word)) for word in words],
    lambda words: [fs_path(word) for word in words],
)
RANGES: Kind[List[Range]] = Kind(
    "a(tt)",
    lambda ranges: [Range(*pair) for pair in ranges],
    lambda ranges: [tuple(Range(*pair)) for pair in ranges],
)
JOB_TYPE: Kind[JobType] = _word(JobType)
STATE: Kind[State] = _word(State)
PRIORITY: Kind[Priority] = _word(Priority)
PROXY: Kind[ProxySettings] = Kind("(sss)", _read_proxy, _write_proxy)
TOKEN_FLAGS: Kind[TokenFlags] = Kind("u", TokenFlags, int)
NOTIFY_FLAGS: Kind[NotifyFlags] = Kind("u", NotifyFlags, int)
SECURITY_FLAGS: Kind[SecurityFlags] = Kind("u", SecurityFlags, int)
COUNTS: Kind[Dict[str, int]] = Kind("a{su}", dict, dict)
RANGES_BY_FILE: Kind[Dict[int, List[Range]]] = Kind(
    "a(ua(tt))",
    lambda files: {index: [Range(*pair) for pair in pairs] for index, pairs in files},
    lambda files: [(index, [tuple(pair) for pair in pairs]) for index, pairs in files.items()],
)


class Fields:
    """Values by name, as they came."""

    def __init__(self, values: Mapping[str, Tuple[str, Any]]) -> None:
        self._values = values

    def read(self, name: str, kind: Kind[T]) -> T:
        """The value of this name, which has to be there."""
        if name not in self._values:
            raise ProtocolError(f"{name} is missing")
        return kind.read(name, self._values[name])

    def where_present(self, name: str, kind: Kind[T]) -> Optional[T]:
        """The value of this name, if it is there."""
        return self.read(name, kind) if name in self._values else None

    def names(self) -> List[str]:
        """The names of all of them."""
        return list(self._values)
