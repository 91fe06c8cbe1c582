"""What one can know about a job, a file, an error and the service.

Plain values, read once. What is not known or has not happened is ``None``, never a number that means
something else; times are in UTC, sizes in bytes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from . import _fields as kinds
from ._fields import Fields
from .values import (
    JobType,
    NotifyFlags,
    Priority,
    ProxySettings,
    Range,
    SecurityFlags,
    State,
    TokenFlags,
)

#: Whatever names a file of this machine.
LocalPath = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

@dataclass(frozen=True)
class NewFile:
    """A file to be added to a job."""

    #: Where it comes from.
    url: str
    #: Where it goes; a relative path is one of this process' directory.
    path: LocalPath
    #: Refuse to replace what is there at the end.
    no_clobber: bool = False
    #: Only these bytes, one after the other; none: all of it.
    ranges: Sequence[Tuple[int, int]] = ()
    #: What it must hash to: ``sha-256=`` or ``sha-512=`` and hexadecimal digits.
    digest: Optional[str] = None

    def to_wire(self) -> Tuple[str, bytes, Dict[str, Tuple[str, Any]]]:
        """The same as the service takes it."""
        options: Dict[str, Tuple[str, Any]] = {}
        if self.no_clobber:
            options["no-clobber"] = kinds.FLAG.write(True)
        if self.ranges:
            options["ranges"] = kinds.RANGES.write([Range(*pair) for pair in self.ranges])
        if self.digest is not None:
            options["digest"] = kinds.TEXT.write(self.digest)
        return self.url, os.path.abspath(os.fsencode(self.path)), options


@dataclass(frozen=True)
class JobInfo:
    """Everything about one job, at one moment. The names are those of :class:`ebb.Job`."""

    id: str
    type: JobType
    display_name: str
    description: str
    priority: Priority
    state: State
    reason: str
    owner_uid: int
    created: Optional[datetime]
    modified: Optional[datetime]
    transfer_completed: Optional[datetime]
    next_attempt: Optional[datetime]
    files_total: int
    files_transferred: int
    bytes_total: Optional[int]
    bytes_transferred: int
    error_count: int
    minimum_retry_delay: int
    no_progress_timeout: int
    maximum_download_time: int
    auto_complete: bool
    notify_flags: NotifyFlags
    notify_command: List[str]
    minimum_notification_interval: int
    proxy_settings: ProxySettings
    cost_flags: Optional[int]
    dynamic_content: bool
    high_performance: bool
    maximum_download_size: Optional[int]
    bandwidth_limit: Optional[int]
    on_demand_mode: bool
    use_stored_credentials: str
    http_method: str
    security_flags: SecurityFlags
    file_mode: Optional[int]
    file_group: Optional[int]
    helper_token_set: bool
    helper_token_uid: Optional[int]
    helper_token_flags: TokenFlags
    attempts: int
    last_event: int


@dataclass(frozen=True)
class FileInfo:
    """Everything about one file of a job."""

    #: Its place in the job, from 0.
    index: int
    #: Its URL.
    remote_name: str
    #: Where it goes.
    local_name: str
    #: The bytes it is made of; none: all of it.
    ranges: List[Range]
    #: The digest it has to have; empty without one.
    digest: str
    #: Its size, where that is known.
    bytes_total: Optional[int]
    #: How much of it is here.
    bytes_transferred: int
    #: How much of it is on the disk for good.
    bytes_durable: int
    #: Whether it is fully here.
    transferred: bool
    #: Whether it is in its place.
    completed: bool
    #: Where it is until then; empty while there is none.
    temporary_name: str
    #: The URL that answered, after redirects; empty before.
    final_url: str
    #: The last HTTP status; 0 where there was none.
    http_status: int
    #: Whether somebody has said that it is what it should be.
    valid: bool

    @classmethod
    def read(cls, values: Mapping[str, Tuple[str, Any]]) -> FileInfo:
        """Reads a file as the service tells it."""
        fields = Fields(values)
        return cls(
            index=fields.read("Index", kinds.SMALL),
            remote_name=fields.read("RemoteName", kinds.TEXT),
            local_name=fields.read("LocalName", kinds.PATH),
            ranges=fields.read("Ranges", kinds.RANGES),
            digest=fields.read("Digest", kinds.TEXT),
            bytes_total=fields.read("BytesTotal", kinds.SIZE),
            bytes_transferred=fields.read("BytesTransferred", kinds.LARGE),
            bytes_durable=fields.read("BytesDurable", kinds.LARGE),
            transferred=fields.read("Transferred", kinds.FLAG),
            completed=fields.read("Completed", kinds.FLAG),
            temporary_name=fields.read("TemporaryName", kinds.PATH),
            final_url=fields.read("FinalUrl", kinds.TEXT),
            http_status=fields.read("HttpStatus", kinds.SMALL),
            valid=fields.read("ValidationState", kinds.FLAG),
        )


@dataclass(frozen=True)
class ErrorInfo:
    """Why a job stopped."""

    #: The symbolic name, such as ``http-404``.
    name: str
    #: BITS' number; 0 where BITS has none.
    code: int
    #: Where it happened, in BITS' words.
    context: str
    #: What happened, for a person.
    message: str
    #: What would help; may be empty.
    advice: str
    #: The file it happened to.
    file: Optional[int]
    #: The URL of that file.
    remote_name: Optional[str]
    #: The path of that file.
    local_name: Optional[str]
    #: The HTTP status that was the trouble.
    http_status: Optional[int]

    @classmethod
    def read(cls, values: Mapping[str, Tuple[str, Any]]) -> ErrorInfo:
        """Reads an error as the service tells it."""
        fields = Fields(values)
        return cls(
            name=fields.read("Name", kinds.TEXT),
            code=fields.read("Code", kinds.SMALL),
            context=fields.read("Context", kinds.TEXT),
            message=fields.read("Message", kinds.TEXT),
            advice=fields.read("Advice", kinds.TEXT),
            file=fields.where_present("File", kinds.SMALL),
            remote_name=fields.where_present("RemoteName", kinds.TEXT),
            local_name=fields.where_present("LocalName", kinds.PATH),
            http_status=fields.where_present("HttpStatus", kinds.SMALL),
        )


@dataclass(frozen=True)
class Event:
    """Something that happened to a job. Numbers grow, and survive a restart of the service."""

    #: Its number.
    number: int
    #: The job's id.
    job_id: str
    #: When.
    time: Optional[datetime]
    #: How often the job had been begun by then.
    attempts: int
    #: What: ``added``, ``state``, ``transferred``, ``error``, ``transient-error``,
    #: ``file-transferred``, ``files-added``, ``property``, ``progress``, or what is newer than this.
    kind: str
    #: ``state``: where the job stands now, and where it stood before.
    state: Optional[State] = None
    previous: Optional[State] = None
    #: ``error`` and ``transient-error``: why it stopped, and when it is tried again.
    error: Optional[ErrorInfo] = None
    next_attempt: Optional[datetime] = None
    #: ``file-transferred``: the file.
    file: Optional[FileInfo] = None
    #: ``files-added``: the index of the first, and how many.
    first: Optional[int] = None
    count: Optional[int] = None

    @classmethod
    def read(cls, values: Mapping[str, Tuple[str, Any]]) -> Event:
        """Reads an event as the service tells it."""
        fields = Fields(values)
        kind = fields.read("Kind", kinds.TEXT)
        more: Dict[str, Any] = {}
        if kind == "state":
            more["state"] = fields.read("State", kinds.STATE)
            more["previous"] = fields.read("Previous", kinds.STATE)
        elif kind == "error":
            more["error"] = ErrorInfo.read(values)
        elif kind == "transient-error":
            more["error"] = ErrorInfo.read(values)
            more["next_attempt"] = fields.read("NextAttempt", kinds.TIME)
        elif kind == "file-transferred":
            more["file"] = FileInfo.read(values)
        elif kind == "files-added":
            more["first"] = fields.read("First", kinds.SMALL)
            more["count"] = fields.read("Count", kinds.SMALL)
        return cls(
            number=fields.read("Number", kinds.LARGE),
            job_id=fields.read("Job", kinds.UUID),
            time=fields.read("Time", kinds.TIME),
            attempts=fields.read("Attempts", kinds.LARGE),
            kind=kind,
            **more,
        )


class Changes(NamedTuple):
    """What came after a number."""

    #: Oldest first.
    events: List[Event]
    #: Where to go on from, once all of them have been taken.
    newest: int
    #: Something is not kept any more: read the jobs anew, then go on from ``newest``.
    missing: bool

    @classmethod
    def read(cls, answer: Tuple[Any, ...]) -> Changes:
        """Reads the answer to a question for changes."""
        events, newest, missing = answer
        return cls([Event.read(event) for event in events], newest, missing)


class Explanation(NamedTuple):
    """What one condition means for a job."""

    #: Which condition, such as ``network``.
    condition: str
    #: What it does to the job: ``ok``, ``limiting`` or ``blocking``.
    bearing: str
    #: The same, for a person.
    sentence: str
    #: Until when, where that is known.
    until: Optional[datetime]


class Meaning(NamedTuple):
    """What the name of an error, or of its context, means."""

    code: int
    sentence: str
    advice: str


class PolicySetting(NamedTuple):
    """What an administrator has set."""

    #: A key of ebb.toml(5).
    key: str
    #: Its value, as one would write it there.
    value: str
    #: The file that says so; None where :meth:`Client.set_policy` did.
    file: Optional[str]


@dataclass(frozen=True)
class ErrorFile:
    """The file an error is about."""

    index: int
    remote_name: str
    local_name: str


class Authorities(NamedTuple):
    """By whom servers' certificates may be signed, where a job has a say in that."""

    #: PEM, as it was given; empty where there are none.
    pem: bytes
    #: Whether nobody else is trusted.
    alone: bool


class ClientCertificate(NamedTuple):
    """The certificate a job shows where a server wants one."""

    #: ``pem`` or ``pkcs12``.
    form: str
    certificate: str
    #: Empty: in the same file.
    key: str
    #: Whether it was given a passphrase.
    passphrase: bool


class HelperIdentity(NamedTuple):
    """Whose helper token a job carries. Never anything that could be used as a token."""

    uid: int
    #: Empty where the user has none.
    name: str


@dataclass(frozen=True)
class Status:
    """How the service is, and what it allows."""

    version: str
    #: ``system`` or ``private``.
    instance: str
    #: Whether the caller is an administrator.
    administrator: bool
    #: The caller's jobs, by state.
    jobs: Dict[str, int]
    jobs_per_user: int
    jobs_per_machine: int
    files_per_job: int
    ranges_per_file: int
    background_slots: int

    @classmethod
    def read(cls, values: Mapping[str, Tuple[str, Any]]) -> Status:
        """Reads a status as the service tells it."""
        fields = Fields(values)
        return cls(
            version=fields.read("Version", kinds.TEXT),
            instance=fields.read("Instance", kinds.TEXT),
            administrator=fields.read("Administrator", kinds.FLAG),
            jobs=fields.read("Jobs", kinds.COUNTS),
            jobs_per_user=fields.read("JobsPerUser", kinds.SMALL),
            jobs_per_machine=fields.read("JobsPerMachine", kinds.SMALL),
            files_per_job=fields.read("FilesPerJob", kinds.SMALL),
            ranges_per_file=fields.read("RangesPerFile", kinds.SMALL),
            background_slots=fields.read("BackgroundSlots", kinds.SMALL),
        )
