"""The contract with the service: what it can be asked, and what of this module asks it.

One line for each method and each signal of the XML in ``crates/api/interfaces``: what it takes, what
it gives, and the name here. Properties are not listed: each is an attribute of :class:`ebb.Job` or
:class:`ebb.Client`, declared there with its type. Tests compare all of it with the XML, so that nothing
is missing and nothing is made up. Whoever adds a method to the XML adds a line here, and what it names.
"""

from __future__ import annotations

from typing import Dict, Tuple

BUS_NAME = "org.ebb.Transfer1"
MANAGER_PATH = "/org/ebb/Transfer1"
JOB_PREFIX = "/org/ebb/Transfer1/job/"
ERROR_PREFIX = "org.ebb.Transfer1.Error."
SYSTEM_SOCKET = "/run/ebb/bus"

MANAGER = "org.ebb.Transfer1.Manager"
JOB = "org.ebb.Transfer1.Job"
TOKEN_OPTIONS = "org.ebb.Transfer1.TokenOptions"

#: interface -> method -> (what it takes, what it gives, what of this module it is)
METHODS: Dict[str, Dict[str, Tuple[str, str, str]]] = {
    MANAGER: {
        "CreateJob": ("ssa{sv}", "so", "Client.create_job"),
        "GetJob": ("s", "o", "Client.get_job"),
        "ListJobs": ("a{sv}su", "aa{sv}s", "Client.jobs"),
        "DescribeError": ("s", "uss", "Client.describe_error"),
        "DescribeErrorContext": ("s", "us", "Client.describe_error_context"),
        "GetStatus": ("", "a{sv}", "Client.status"),
        "GetPolicy": ("", "a(sss)", "Client.policy"),
        "SetPolicy": ("ss", "", "Client.set_policy"),
        "Subscribe": ("", "", "Notices.__init__"),
        "Unsubscribe": ("", "", "Notices.close"),
        "ChangesSince": ("tu", "aa{sv}tb", "Client.changes_since"),
        "Unacknowledged": ("", "aa{sv}tb", "Client.unacknowledged"),
        "Acknowledge": ("t", "", "Client.acknowledge"),
    },
    JOB: {
        "AddFiles": ("a(saya{sv})", "u", "Job.add_files"),
        "SetRemoteName": ("us", "", "Job.set_remote_name"),
        "ReplaceRemotePrefix": ("ss", "u", "Job.replace_remote_prefix"),
        "RequestFileRanges": ("ua(tt)", "", "Job.request_file_ranges"),
        "UpdateDownloadPosition": ("ut", "", "Job.update_download_position"),
        "GetFileHeaders": ("u", "a(ss)", "Job.file_headers"),
        "GetFilledFileRanges": ("u", "a(tt)", "Job.filled_file_ranges"),
        "SetValidationState": ("ub", "", "Job.set_validation_state"),
        "Suspend": ("", "", "Job.suspend"),
        "Resume": ("", "", "Job.resume"),
        "Cancel": ("", "s", "Job.cancel"),
        "Complete": ("", "s", "Job.complete"),
        "GetFiles": ("uu", "aa{sv}u", "Job.files"),
        "GetError": ("", "a{sv}", "Job.error"),
        "GetErrorFile": ("", "usay", "Job.error_file"),
        "GetErrorProtocol": ("", "s", "Job.error_protocol"),
        "ChangesSince": ("tu", "aa{sv}tb", "Job.changes_since"),
        "Register": ("", "", "Notifications.register"),
        "Unregister": ("", "", "Notifications.unregister"),
        "Explain": ("", "a(sssx)", "Job.explain"),
        "GetPath": ("", "a{sv}", "Job.path_seen"),
        "GetHistory": ("tu", "aa{sv}", "Job.history"),
        "SetCustomHeaders": ("as", "", "Job.set_custom_headers"),
        "GetCustomHeaders": ("", "as", "Job.custom_headers"),
        "MakeCustomHeadersWriteOnly": ("", "", "Job.make_custom_headers_write_only"),
        "SetCredentials": ("ssasah", "", "Job.set_credentials"),
        "RemoveCredentials": ("ss", "b", "Job.remove_credentials"),
        "SetClientCertificate": ("sayayah", "", "Job.set_client_certificate"),
        "RemoveClientCertificate": ("", "b", "Job.remove_client_certificate"),
        "GetClientCertificate": ("", "sayayb", "Job.client_certificate"),
        "SetAuthorities": ("ayb", "", "Job.set_authorities"),
        "GetAuthorities": ("", "ayb", "Job.authorities"),
        "SetServerCertificateValidation": ("", "", "Validator.set"),
        "RemoveServerCertificateValidation": (
            "",
            "b",
            "Job.remove_server_certificate_validation",
        ),
        "JudgeServerCertificate": ("tu", "", "Validator.judge"),
        "TakeOwnership": ("", "", "Job.take_ownership"),
        "OpenTokenOptions": ("", "o", "Job.token_options"),
    },
    TOKEN_OPTIONS: {
        "SetHelperToken": ("", "", "TokenOptions.set_helper_token"),
        "SetHelperTokenFlags": ("u", "", "TokenOptions.set_flags"),
        "GetHelperTokenFlags": ("", "u", "TokenOptions.flags"),
        "ClearHelperToken": ("", "", "TokenOptions.clear"),
        "GetHelperTokenIdentity": ("", "bus", "TokenOptions.identity"),
        "Close": ("", "", "TokenOptions.close"),
    },
}

#: interface -> signal -> (what it says, what of this module it becomes)
SIGNALS: Dict[str, Dict[str, Tuple[str, str]]] = {
    MANAGER: {
        "JobAdded": ("ost", "JobAdded"),
        "JobRemoved": ("ost", "JobRemoved"),
        "SignalsMissed": ("", "SignalsMissed"),
    },
    JOB: {
        "Notification": ("tsa{sv}", "Notification"),
        "StateChanged": ("sst", "StateChanged"),
        "Transferred": ("t", "Transferred"),
        "Failed": ("a{sv}t", "Failed"),
        "FileTransferred": ("ut", "FileTransferred"),
        "FileRangesTransferred": ("ua(tt)", "FileRangesTransferred"),
        "ValidateServerCertificate": ("tusqaay", "ServerCertificate"),
    },
}


def job_path(job_id: str) -> str:
    """The object path of the job with this id."""
    return JOB_PREFIX + job_id.replace("-", "_")


def job_id(path: str) -> str:
    """The id of the job at this path; empty where the path is not a job's."""
    if not path.startswith(JOB_PREFIX) or "-" in path:
        return ""
    found = path[len(JOB_PREFIX) :].replace("_", "-")
    return found if is_uuid(found) else ""


def is_uuid(text: str) -> bool:
    """Whether this is a UUID in its canonical form: lower case, four dashes, no braces."""
    parts = [len(part) for part in text.split("-")]
    return parts == [8, 4, 4, 4, 12] and set(text) <= set("0123456789abcdef-")
