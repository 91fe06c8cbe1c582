"""Background transfers with Ebb: jobs that survive logout and reboot, under two identities.

::

    import ebb

    with ebb.Client() as client:
        job = client.create_job("nightly")
        job.add_file("https://example.org/data.bin", "/srv/data.bin")
        job.resume()
        job.wait()
        job.complete()

The names are the job model's. What can be asked is what the service's own interface has, no more and no
less; every exception is an :class:`EbbError` with ``name``, ``code``, ``context`` and ``hint``.
"""

from __future__ import annotations

from .client import Client
from .errors import (
    AccessDenied,
    EbbError,
    ImpersonationError,
    InvalidArgument,
    InvalidState,
    JobCancelled,
    JobFailed,
    NotFound,
    NotReachable,
    ProtocolError,
    Refused,
    TimedOut,
)
from .job import Job
from .notices import (
    Failed,
    FileRangesTransferred,
    FileTransferred,
    JobAdded,
    JobRemoved,
    Notice,
    Notices,
    Notification,
    Notifications,
    PropertiesChanged,
    ServerCertificate,
    SignalsMissed,
    StateChanged,
    Transferred,
    Validator,
)
from .records import (
    Authorities,
    Changes,
    ClientCertificate,
    ErrorFile,
    ErrorInfo,
    Event,
    Explanation,
    FileInfo,
    HelperIdentity,
    JobInfo,
    Meaning,
    NewFile,
    PolicySetting,
    Status,
)
from .token_options import Loan, TokenOptions
from .values import (
    TO_END,
    JobType,
    NotifyFlags,
    Outcome,
    Priority,
    ProxySettings,
    ProxyUsage,
    Range,
    SecurityFlags,
    State,
    TokenFlags,
)

__version__ = "0.1.0"

__all__ = [
    "AccessDenied",
    "Authorities",
    "Changes",
    "Client",
    "ClientCertificate",
    "EbbError",
    "ErrorFile",
    "ErrorInfo",
    "Event",
    "Explanation",
    "Failed",
    "FileInfo",
    "FileRangesTransferred",
    "FileTransferred",
    "HelperIdentity",
    "ImpersonationError",
    "InvalidArgument",
    "InvalidState",
    "Job",
    "JobAdded",
    "JobCancelled",
    "JobFailed",
    "JobInfo",
    "JobRemoved",
    "JobType",
    "Loan",
    "Meaning",
    "NewFile",
    "NotFound",
    "NotReachable",
    "Notice",
    "Notices",
    "Notification",
    "Notifications",
    "NotifyFlags",
    "Outcome",
    "PolicySetting",
    "Priority",
    "PropertiesChanged",
    "ProtocolError",
    "ProxySettings",
    "ProxyUsage",
    "Range",
    "Refused",
    "SecurityFlags",
    "ServerCertificate",
    "SignalsMissed",
    "State",
    "StateChanged",
    "Status",
    "TO_END",
    "TimedOut",
    "TokenFlags",
    "TokenOptions",
    "Transferred",
    "Validator",
    "__version__",
]
