"""One connection to the service, and so one identity.

The service takes who is calling from the kernel, at the moment of connecting. Nothing here tries again,
keeps what it was told, or asks again and again.
"""

from __future__ import annotations

import contextlib
import os
from types import TracebackType
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Type, Union

from . import _contract as contract
from . import _fields as kinds
from ._impersonate import becoming
from ._property import Readable, Remote, Writable
from ._wire import Wire
from .errors import NotReachable, ProtocolError
from .job import PROPERTIES, Job, job_info
from .notices import Notices, Notifications, Validator
from .records import Changes, JobInfo, Meaning, PolicySetting, Status
from .values import (
    JobType,
    NotifyFlags,
    Priority,
    ProxySettings,
    SecurityFlags,
    State,
)

#: How many jobs or events are asked for at a time.
PAGE = 1000


class Client(Remote):
    """A connection to the service.

    ``address`` is ``unix:path=/PATH`` for a service's own socket, ``bus:`` for the system bus, or
    ``bus:ADDRESS`` for another message bus. Without one it is what ``EBB_BUS`` says, else the first that
    answers of the system service's own socket, the system bus, and the caller's private instance. It never
    starts a service; ``ebb`` on the command line does.

    May be used by several threads; their questions wait for each other.
    """

    __slots__ = ("_place", "_connection")
    INTERFACE = contract.MANAGER

    version = Readable("Version", kinds.TEXT, "The version of the service.")
    instance = Readable("Instance", kinds.TEXT, "``system`` or ``private``.")

    def __init__(self, address: Optional[str] = None) -> None:
        super().__init__(contract.MANAGER_PATH)
        said = address or os.environ.get("EBB_BUS") or None
        reasons: List[str] = []
        for place in _places(said):
            try:
                self._connection = _open(place)
                #: Where the service was found.
                self._place = place
                return
            except (NotReachable, ProtocolError) as error:
                reasons.append(str(error))
        raise NotReachable("; ".join(reasons) or "no place to look at")

    @property
    def address(self) -> str:
        """Where the service was found, as ``Client`` takes it."""
        on_bus, where = self._place
        return f"bus:{where}" if on_bus else f"unix:path={where}"

    def close(self) -> None:
        """Ends the connection, and with it the token options it has opened."""
        self._connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def _wire(self) -> Wire:
        return self._connection

    def new_wire(self) -> Wire:
        """Another connection to the same service, as whoever this process is right now."""
        return _open(self._place)

    @contextlib.contextmanager
    def connected_again(self, user: Union[str, int, None] = None) -> Iterator[Wire]:
        """Another connection to the same service: as this process is right now, or as ``user``."""
        with contextlib.ExitStack() as stack:
            if user is None:
                wire = self.new_wire()
            else:
                on_bus, where = self._place
                uid, connect = stack.enter_context(becoming(user))
                wire = Wire(where, on_bus=on_bus, connect=connect, uid=uid)
            stack.callback(wire.close)
            yield wire

    def job(self, job_id: str) -> Job:
        """The job with this id. Asks nothing yet."""
        return Job(self, job_id)

    def get_job(self, job_id: str) -> Job:
        """The job with this id, which has to be there and not over yet."""
        self._call("GetJob", job_id)
        return Job(self, job_id)

    def create_job(
        self,
        name: str,
        *,
        description: Optional[str] = None,
        priority: Optional[Priority] = None,
        minimum_retry_delay: Optional[int] = None,
        no_progress_timeout: Optional[int] = None,
        maximum_download_time: Optional[int] = None,
        auto_complete: Optional[bool] = None,
        notify_flags: Optional[NotifyFlags] = None,
        notify_command: Optional[Sequence[str]] = None,
        minimum_notification_interval: Optional[int] = None,
        proxy_settings: Optional[ProxySettings] = None,
        cost_flags: Optional[int] = None,
        dynamic_content: Optional[bool] = None,
        high_performance: Optional[bool] = None,
        maximum_download_size: Optional[int] = None,
        bandwidth_limit: Optional[int] = None,
        on_demand_mode: Optional[bool] = None,
        use_stored_credentials: Optional[str] = None,
        http_method: Optional[str] = None,
        security_flags: Optional[SecurityFlags] = None,
        file_mode: Optional[int] = None,
        file_group: Optional[int] = None,
    ) -> Job:
        """Makes a new job: suspended, without files, the caller's. What is not said is the default.

        Each option is the attribute of :class:`ebb.Job` of that name.
        """
        terms = {key: value for key, value in locals().items() if key not in ("self", "name")}
        options = {
            _option(key).option: _option(key).kind.write(value)
            for key, value in terms.items()
            if value is not None
        }
        job_id, _ = self._call("CreateJob", name, JobType.DOWNLOAD.value, options)
        return Job(self, kinds.UUID.read("id", ("s", job_id)))

    def jobs(
        self,
        *,
        all_users: bool = False,
        owner: Optional[int] = None,
        state: Optional[State] = None,
        name: Optional[str] = None,
        id_prefix: Optional[str] = None,
        finished: bool = False,
    ) -> List[JobInfo]:
        """All jobs to which everything said here applies, oldest first.

        ``all_users`` is for administrators; ``finished`` adds those that are over and still remembered.
        """
        filter_: Dict[str, Tuple[str, Any]] = {}
        if all_users:
            filter_["all-users"] = kinds.FLAG.write(True)
        if finished:
            filter_["finished"] = kinds.FLAG.write(True)
        if owner is not None:
            filter_["owner"] = kinds.SMALL.write(owner)
        if state is not None:
            filter_["state"] = kinds.STATE.write(state)
        if name is not None:
            filter_["name"] = kinds.TEXT.write(name)
        if id_prefix is not None:
            filter_["id-prefix"] = kinds.TEXT.write(id_prefix)
        found: List[JobInfo] = []
        after = ""
        while True:
            page, following = self._call("ListJobs", filter_, after, PAGE)
            found.extend(job_info(job) for job in page)
            # A service that names the same page again would keep us here for ever.
            if not following or following == after:
                return found
            after = following

    def status(self) -> Status:
        """How the service is, and what it allows."""
        (status,) = self._call("GetStatus")
        return Status.read(status)

    def policy(self) -> List[PolicySetting]:
        """What administrators have set, by key; the rest is as ebb.toml(5) says."""
        (settings,) = self._call("GetPolicy")
        return [PolicySetting(key, value, file or None) for key, value, file in settings]

    def set_policy(self, key: str, value: str) -> None:
        """Lets a value count for a key of ebb.toml(5) from now on, whatever files say; for administrators.

        The value is one as in that file, or a word without quotes; the empty one takes it back.
        """
        self._call("SetPolicy", key, value)

    def describe_error(self, name: str) -> Meaning:
        """What the name of an error means."""
        return Meaning(*self._call("DescribeError", name))

    def describe_error_context(self, name: str) -> Meaning:
        """What the context of an error means. There is no advice about one."""
        code, sentence = self._call("DescribeErrorContext", name)
        return Meaning(code, sentence, "")

    def changes_since(self, number: int, limit: int = PAGE) -> Changes:
        """What happened after the event of this number to jobs the caller may see, oldest first.

        Ask again with the last number until none come, then go on from ``newest``.
        """
        return Changes.read(self._call("ChangesSince", number, limit))

    def unacknowledged(self) -> Changes:
        """Of each of the caller's jobs that waits for them, why, until they have acknowledged it."""
        return Changes.read(self._call("Unacknowledged"))

    def acknowledge(self, number: int) -> None:
        """Says that the caller knows what happened to their jobs, up to this number."""
        self._call("Acknowledge", number)

    def notices(self) -> Notices:
        """What happens from now on to all jobs the caller may see."""
        return Notices(self)

    def notifications(self) -> Notifications:
        """A listener to register jobs with: see :meth:`ebb.Job.notifications` for one job."""
        return Notifications(self)

    def validator(self) -> Validator:
        """A listener that judges the servers of the jobs it is set for."""
        return Validator(self)


def _option(name: str) -> Writable[Any]:
    found = PROPERTIES[name]
    assert isinstance(found, Writable), name
    return found


#: Whether it is a message bus, and its address; or a socket's path.
_Place = Tuple[bool, str]


def _places(address: Optional[str]) -> List[_Place]:
    if address is None:
        private = _private_socket(os.environ)
        system = [(False, contract.SYSTEM_SOCKET), (True, "")]
        return system + ([(False, private)] if private else [])
    if address.startswith("bus:"):
        return [(True, address[len("bus:") :])]
    path = address[len("unix:path=") :] if address.startswith("unix:path=") else address
    if not path.startswith("/"):
        raise NotReachable(f"{address!r} is neither unix:path=/PATH nor bus:ADDRESS")
    return [(False, path)]


def _private_socket(environment: Mapping[str, str]) -> Optional[str]:
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    # One that is named but not there is what one finds after su or in a container.
    if runtime.startswith("/") and os.path.isdir(runtime):
        return os.path.join(runtime, "ebb", "bus")
    home = environment.get("HOME", "")
    return os.path.join(home, ".cache/ebb/run/bus") if home.startswith("/") else None


def _open(place: _Place) -> Wire:
    on_bus, where = place
    return Wire(where, on_bus=on_bus)
