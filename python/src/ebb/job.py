"""What one asks a job.

One method here is one method of the contract, and one attribute is one property. Nothing is kept and
nothing is decided; what the service refuses comes as an exception with its own words.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from . import _contract as contract
from . import _fields as kinds
from ._fields import Fields
from ._property import Readable, Remote, Writable
from ._secret import sealed
from .errors import JobCancelled, JobFailed, ProtocolError, Refused, TimedOut
from .notices import JobRemoved, Notifications, PropertiesChanged, SignalsMissed, StateChanged
from .records import (
    Authorities,
    Changes,
    ClientCertificate,
    ErrorFile,
    ErrorInfo,
    Explanation,
    FileInfo,
    JobInfo,
    LocalPath,
    NewFile,
)
from .token_options import Loan, TokenOptions
from .values import Outcome, Range, State, TokenFlags

if TYPE_CHECKING:
    from ._wire import Wire
    from .client import Client

#: How many files are asked for at a time.
PAGE = 1000

Secret = Union[str, bytes]


class Job(Remote):
    """One job. Holds its id only; every attribute and every method asks the service.

    All of them raise :class:`ebb.NotFound` where there is no such job that the caller may see, and
    :class:`ebb.InvalidState` where the job's state does not allow what was asked.
    """

    __slots__ = ("client",)
    INTERFACE = contract.JOB

    id = Readable("Id", kinds.UUID, "Its UUID.")
    type = Readable("Type", kinds.JOB_TYPE, "What it does.")
    display_name = Writable("DisplayName", kinds.TEXT, "name", "What its owner calls it.")
    description = Writable("Description", kinds.TEXT, "description", "What its owner says of it.")
    priority = Writable("Priority", kinds.PRIORITY, "priority", "How much it matters.")
    state = Readable("State", kinds.STATE, "Where it stands.")
    reason = Readable("Reason", kinds.TEXT, "Why it neither moves nor is over; empty otherwise.")
    owner_uid = Readable("OwnerUid", kinds.SMALL, "Whose it is.")
    created = Readable("Created", kinds.TIME, "When it was created.")
    modified = Readable("Modified", kinds.TIME, "When it was last changed.")
    transfer_completed = Readable(
        "TransferCompleted", kinds.TIME, "When the last of its bytes arrived."
    )
    next_attempt = Readable("NextAttempt", kinds.TIME, "When it is tried again.")
    files_total = Readable("FilesTotal", kinds.SMALL, "How many files it has.")
    files_transferred = Readable("FilesTransferred", kinds.SMALL, "How many of them are here.")
    bytes_total = Readable("BytesTotal", kinds.SIZE, "How large it is, where that is known.")
    bytes_transferred = Readable("BytesTransferred", kinds.LARGE, "How much of it is here.")
    error_count = Readable("ErrorCount", kinds.SMALL, "How often it was interrupted.")
    minimum_retry_delay = Writable(
        "MinimumRetryDelay", kinds.SMALL, "retry-delay", "Seconds before it is tried again."
    )
    no_progress_timeout = Writable(
        "NoProgressTimeout",
        kinds.SMALL,
        "no-progress-timeout",
        "Seconds without progress after which passing trouble becomes lasting; 0: at once.",
    )
    maximum_download_time = Writable(
        "MaximumDownloadTime",
        kinds.SMALL,
        "max-download-time",
        "Seconds it may be connecting and transferring since it was last resumed.",
    )
    auto_complete = Writable(
        "AutoComplete", kinds.FLAG, "auto-complete", "Whether the service completes it by itself."
    )
    notify_flags = Writable(
        "NotifyFlags", kinds.NOTIFY_FLAGS, "notify-flags", "Of what registered connections hear."
    )
    notify_command = Writable(
        "NotifyCommand",
        kinds.COMMAND,
        "notify-command",
        "The program that runs when it ends, and its parameters; empty for none.",
    )
    minimum_notification_interval = Writable(
        "MinimumNotificationInterval",
        kinds.SMALL,
        "notification-interval",
        "Milliseconds between two notices of change at least.",
    )
    proxy_settings = Writable(
        "ProxySettings", kinds.PROXY, "proxy", "How it gets to the network."
    )
    cost_flags = Writable(
        "CostFlags", kinds.COST, "cost", "The networks it may use; None: what the policy says."
    )
    dynamic_content = Writable(
        "DynamicContent",
        kinds.FLAG,
        "dynamic-content",
        "Whether what is fetched is made while it is sent.",
    )
    high_performance = Writable(
        "HighPerformance",
        kinds.FLAG,
        "high-performance",
        "Whether speed matters more than safety.",
    )
    maximum_download_size = Writable(
        "MaximumDownloadSize",
        kinds.SIZE,
        "max-download-size",
        "The bytes it may fetch in all; None: no limit.",
    )
    bandwidth_limit = Writable(
        "BandwidthLimit",
        kinds.RATE,
        "limit-rate",
        "The bytes it may fetch in a second; None: no limit of its own.",
    )
    on_demand_mode = Writable(
        "OnDemandMode",
        kinds.FLAG,
        "on-demand",
        "Whether only ranges that are asked for are fetched.",
    )
    use_stored_credentials = Writable(
        "UseStoredCredentials", kinds.TEXT, "stored-credentials", "``proxy``, or empty."
    )
    http_method = Writable("HttpMethod", kinds.TEXT, "http-method", "How its requests begin.")
    security_flags = Writable(
        "SecurityFlags",
        kinds.SECURITY_FLAGS,
        "security-flags",
        "How strictly servers are checked, and which redirects are followed.",
    )
    file_mode = Writable(
        "FileMode", kinds.NUMBER, "file-mode", "Mode of the finished files; None: the default."
    )
    file_group = Writable(
        "FileGroup", kinds.NUMBER, "file-group", "Group of the finished files; None: the default."
    )
    helper_token_set = Readable("HelperTokenSet", kinds.FLAG, "Whether it has a helper token.")
    helper_token_uid = Readable("HelperTokenUid", kinds.NUMBER, "Whose token that is.")
    helper_token_flags = Readable(
        "HelperTokenFlags", kinds.TOKEN_FLAGS, "What the helper token is for."
    )
    attempts = Readable("Attempts", kinds.LARGE, "How often it was begun.")
    last_event = Readable("LastEvent", kinds.LARGE, "The number of the newest event about it.")

    def __init__(self, client: Client, job_id: str) -> None:
        super().__init__(contract.job_path(job_id))
        #: The connection it is asked over.
        self.client = client

    def __repr__(self) -> str:
        return f"<ebb.Job {contract.job_id(self._path) or self._path!r}>"

    def _wire(self) -> Wire:
        return self.client._wire()

    def properties(self) -> JobInfo:
        """Everything about it, in one question."""
        return job_info(self._wire().get_all(self._path, self.INTERFACE))

    def add_file(
        self,
        url: str,
        path: LocalPath,
        *,
        no_clobber: bool = False,
        ranges: Sequence[Tuple[int, int]] = (),
        digest: Optional[str] = None,
    ) -> int:
        """Adds a file, and says its index. See :class:`ebb.NewFile` for what can be said of it."""
        return self.add_files([NewFile(url, path, no_clobber, ranges, digest)])

    def add_files(self, files: Sequence[NewFile]) -> int:
        """Adds files, all or none, and says the index of the first."""
        (first,) = self._call("AddFiles", [file.to_wire() for file in files])
        return int(first)

    def set_remote_name(self, index: int, url: str) -> None:
        """Says where a file comes from now; what is here of it is kept if it is the same there."""
        self._call("SetRemoteName", index, url)

    def replace_remote_prefix(self, old: str, new: str) -> int:
        """Does so for every file whose URL begins with ``old``, all or none; says how many."""
        (replaced,) = self._call("ReplaceRemotePrefix", old, new)
        return int(replaced)

    def request_file_ranges(self, index: int, ranges: Sequence[Tuple[int, int]]) -> None:
        """Wants these bytes of a file first."""
        self._call("RequestFileRanges", index, [tuple(Range(*pair)) for pair in ranges])

    def update_download_position(self, index: int, offset: int) -> None:
        """Says from where on somebody reads a file."""
        self._call("UpdateDownloadPosition", index, offset)

    def file_headers(self, index: int) -> List[Tuple[str, str]]:
        """The fields of the server's last answer about a file: names and values."""
        (headers,) = self._call("GetFileHeaders", index)
        return [(name, value) for name, value in headers]

    def filled_file_ranges(self, index: int) -> List[Range]:
        """Which bytes of a file are here, in order."""
        (ranges,) = self._call("GetFilledFileRanges", index)
        return [Range(*pair) for pair in ranges]

    def set_validation_state(self, index: int, valid: bool) -> None:
        """Says whether a file that is here is what it should be; a no stops the job."""
        self._call("SetValidationState", index, valid)

    def suspend(self) -> None:
        """Holds it."""
        self._call("Suspend")

    def resume(self) -> None:
        """Starts it, or lets it go on."""
        self._call("Resume")

    def cancel(self) -> Outcome:
        """Gives it up; what is not complete is deleted."""
        return _outcome(self._call("Cancel"))

    def complete(self) -> Outcome:
        """Moves what is here into its place, and ends the job."""
        return _outcome(self._call("Complete"))

    def files(self) -> List[FileInfo]:
        """All its files, in the order they were added."""
        files: List[FileInfo] = []
        while True:
            page, total = self._call("GetFiles", len(files), PAGE)
            files.extend(FileInfo.read(file) for file in page)
            if not page or len(files) >= total:
                return files

    def error(self) -> ErrorInfo:
        """Why it stopped; refused with ``error-information-unavailable`` where it has not."""
        (error,) = self._call("GetError")
        return ErrorInfo.read(error)

    def error_file(self) -> ErrorFile:
        """The file the error is about; refused with ``file-not-available`` where there is none."""
        index, remote_name, local_name = self._call("GetErrorFile")
        return ErrorFile(index, remote_name, kinds.PATH.read("local_name", ("ay", local_name)))

    def error_protocol(self) -> str:
        """The protocol the error is about; refused with ``protocol-not-available`` for others."""
        (protocol,) = self._call("GetErrorProtocol")
        return str(protocol)

    def changes_since(self, number: int, limit: int = PAGE) -> Changes:
        """What happened to it after the event of this number, oldest first."""
        return Changes.read(self._call("ChangesSince", number, limit))

    def explain(self) -> List[Explanation]:
        """Why it does what it does, condition by condition."""
        (lines,) = self._call("Explain")
        return [
            Explanation(condition, bearing, sentence, kinds.TIME.read("until", ("x", until)))
            for condition, bearing, sentence, until in lines
        ]

    def path_seen(self) -> Dict[str, object]:
        """What is seen of its path, and done about it: ``Course``, ``Connections``, ``Window``, ``Rate``,
        ``Target``, ``Card``, ``Echoes``, ``Share`` (in thousandths); where there are any ``Base``, ``Queue``
        and ``Remembered``. Empty while it gives way to nobody."""
        (seen,) = self._call("GetPath")
        return {name: value for name, (_, value) in seen.items()}

    def history(self, after: int = 0, limit: int = PAGE) -> List[Dict[str, object]]:
        """What is remembered of it after the entry of this number, oldest first: ``Number``, ``Time``,
        ``Deed``, ``Detail``; and where they apply ``Uid`` (who asked for it) and ``State``."""
        (entries,) = self._call("GetHistory", after, limit)
        return [{name: value for name, (_, value) in entry.items()} for entry in entries]

    def set_custom_headers(self, lines: Sequence[str]) -> None:
        """Gives it these header fields, ``Name: value`` each, in place of those before."""
        self._call("SetCustomHeaders", list(lines))

    def custom_headers(self) -> List[str]:
        """Those it has; refused once they are write-only."""
        (lines,) = self._call("GetCustomHeaders")
        return [str(line) for line in lines]

    def make_custom_headers_write_only(self) -> None:
        """From now on nobody reads them back, for ever."""
        self._call("MakeCustomHeadersWriteOnly")

    def set_credentials(
        self,
        target: str,
        scheme: str,
        user: Optional[str] = None,
        password: Optional[Secret] = None,
    ) -> None:
        """Has it log on with these where ``target``, ``server`` or ``proxy``, asks by ``scheme``.

        Without both, with ``ntlm`` and ``negotiate``, with what the network identity has anyway. The
        password crosses in sealed memory, in no message; nobody reads it back.
        """
        if password is None:
            self._call("SetCredentials", target, scheme, [] if user is None else [user], [])
            return
        with sealed(password) as memory:
            users = [] if user is None else [user]
            self._call("SetCredentials", target, scheme, users, [memory])

    def remove_credentials(self, target: str, scheme: str) -> bool:
        """Takes them back, and says whether there were any."""
        (removed,) = self._call("RemoveCredentials", target, scheme)
        return bool(removed)

    def set_client_certificate(
        self,
        certificate: LocalPath,
        key: Optional[LocalPath] = None,
        *,
        form: str = "pem",
        passphrase: Optional[Secret] = None,
    ) -> None:
        """Has it show this certificate where a server wants one; ``passphrase`` opens its key."""
        paths = kinds.fs_path(certificate), b"" if key is None else kinds.fs_path(key)
        if passphrase is None:
            self._call("SetClientCertificate", form, *paths, [])
            return
        with sealed(passphrase) as memory:
            self._call("SetClientCertificate", form, *paths, [memory])

    def remove_client_certificate(self) -> bool:
        """Has it show none any more, and says whether there was one."""
        (removed,) = self._call("RemoveClientCertificate")
        return bool(removed)

    def client_certificate(self) -> Optional[ClientCertificate]:
        """The one it shows, if there is one."""
        try:
            form, certificate, key, passphrase = self._call("GetClientCertificate")
        except Refused as no:
            if no.name == "no-client-certificate":
                return None
            raise
        read = kinds.PATH.read
        return ClientCertificate(
            form, read("certificate", ("ay", certificate)), read("key", ("ay", key)), passphrase
        )

    def set_authorities(self, pem: Union[bytes, str], *, alone: bool = True) -> None:
        """Has it judge servers by these authorities (PEM), in place of those before; none removes them.

        With ``alone`` nobody else is trusted, else they stand beside those that the machine trusts.
        """
        given = pem.encode() if isinstance(pem, str) else bytes(pem)
        self._call("SetAuthorities", given, alone and bool(given))

    def authorities(self) -> Authorities:
        """Those it was given; empty where there are none."""
        pem, alone = self._call("GetAuthorities")
        return Authorities(bytes(pem), alone)

    def remove_server_certificate_validation(self) -> bool:
        """Has no program judge its servers any more, and says whether one was to."""
        (removed,) = self._call("RemoveServerCertificateValidation")
        return bool(removed)

    def take_ownership(self) -> None:
        """Becomes its owner; for administrators."""
        self._call("TakeOwnership")

    def token_options(self) -> TokenOptions:
        """Opens its token options: the access check. They end with this client's connection."""
        (path,) = self._call("OpenTokenOptions")
        return TokenOptions(self.client, path)

    def lend(
        self, user: Union[str, int, None] = None, *, flags: TokenFlags = TokenFlags.NETWORK
    ) -> Loan:
        """Lends the job an identity, for what ``flags`` say: its helper token.

        Without ``user`` it is whoever this process is right now (its effective user and groups), so
        a process that may change them does that, calls this, and changes back. With ``user`` a child
        process becomes that user for the one call that counts; only root may.

        It stays lent. In a ``with`` statement it is taken back at the end::

            with job.lend("bob", flags=ebb.TokenFlags.NETWORK):
                job.resume()
                job.wait()
        """
        return Loan(self, user, flags)

    def notifications(self) -> Notifications:
        """What the job's ``notify_flags`` say, from now on, over a connection of its own."""
        heard = Notifications(self.client)
        try:
            heard.register(self)
        except BaseException:
            heard.close()
            raise
        return heard

    def wait(self, timeout: Optional[float] = None) -> State:
        """Waits until everything is here, and gives the state.

        That is ``TRANSFERRED``, and :meth:`complete` is the next step; of a job with
        ``auto_complete`` it is ``ACKNOWLEDGED``, and ``TRANSFERRED`` only where completing failed.

        Raises :class:`ebb.JobFailed` where it stopped and waits for its owner,
        :class:`ebb.JobCancelled` where it was given up, and :class:`ebb.TimedOut` after ``timeout``
        seconds. A suspended job is waited for: somebody may resume it.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        # Listen first, look then: what changes in between is told.
        with self.client.notices() as notices:
            while True:
                state = self._settled()
                if state is not None:
                    return state
                while True:
                    left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
                    notice = notices.next(left)
                    if notice is None:
                        raise TimedOut(f"the job has not finished within {timeout} s")
                    if isinstance(notice, SignalsMissed):
                        break
                    if notice.job_id != contract.job_id(self._path):
                        continue
                    if isinstance(notice, (StateChanged, JobRemoved)):
                        break
                    if isinstance(notice, PropertiesChanged) and notice.has("State", "Reason"):
                        break

    def _settled(self) -> Optional[State]:
        job = self.properties()
        if job.state is State.ERROR:
            raise JobFailed(self.error())
        if job.state is State.CANCELLED:
            raise JobCancelled()
        if job.state is State.ACKNOWLEDGED:
            return job.state
        if job.state is State.TRANSFERRED:
            waits = not job.auto_complete or job.reason == "complete-failed"
            return job.state if waits else None
        return None


#: The properties of a job, by their names here.
PROPERTIES: Dict[str, Readable[Any]] = {
    name: found for name, found in vars(Job).items() if isinstance(found, Readable)
}


def job_info(values: Mapping[str, Tuple[str, Any]]) -> JobInfo:
    """Reads a whole job, or nothing of it."""
    fields = Fields(values)
    known = JobInfo.__dataclass_fields__
    read: Dict[str, Any] = {
        name: fields.read(found.name, found.kind)
        for name, found in PROPERTIES.items()
        if name in known
    }
    return JobInfo(**read)


def _outcome(answer: Tuple[Any, ...]) -> Outcome:
    (word,) = answer
    try:
        return Outcome(word)
    except ValueError as error:
        raise ProtocolError(str(error)) from error
