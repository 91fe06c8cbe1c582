"""A second identity for a job: its helper token.

There is no way to *name* a helper: whoever is to be one has to be the one who calls, and the service takes
who that is from the kernel. So the one call that counts always goes over a connection of its own, opened at
that moment by whoever is to be the helper.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Optional, Type, Union

from . import _contract as contract
from ._fields import NUMBER
from ._property import Remote
from .errors import InvalidState, NotFound
from .records import HelperIdentity
from .values import TokenFlags

if TYPE_CHECKING:
    from ._wire import Wire
    from .client import Client
    from .job import Job


class TokenOptions(Remote):
    """Opened token options. They end when closed, and with the connection that opened them.

    ``path`` is a capability: whoever holds it may call, over any connection. It is passed on only to
    whom the job's owner wants to have it.
    """

    __slots__ = ("client",)
    INTERFACE = contract.TOKEN_OPTIONS

    def __init__(self, client: Client, path: str) -> None:
        super().__init__(path)
        self.client = client

    def _wire(self) -> Wire:
        return self.client._wire()

    def __enter__(self) -> TokenOptions:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        try:
            self.close()
        except NotFound:
            pass  # they ended with the job

    @property
    def path(self) -> str:
        """The object path, to be handed to the helper."""
        return self._path

    def set_helper_token(self, user: Union[str, int, None] = None) -> None:
        """Makes whoever this process is right now the job's helper, or, for root, ``user``.

        Right now: its effective user, group and groups, of this moment and not of the moment the
        client was connected.
        """
        with self.client.connected_again(user) as wire:
            wire.call(self._path, self.INTERFACE, "SetHelperToken")

    def set_flags(self, flags: TokenFlags) -> None:
        """Says which resources use the helper token. Independent of whether there is one."""
        self._call("SetHelperTokenFlags", int(flags))

    def flags(self) -> TokenFlags:
        """Which resources use the helper token."""
        (flags,) = self._call("GetHelperTokenFlags")
        return TokenFlags(flags)

    def clear(self) -> None:
        """Drops the token, and keeps the flags."""
        self._call("ClearHelperToken")

    def identity(self) -> Optional[HelperIdentity]:
        """Whose token it is, if there is one."""
        present, number, name = self._call("GetHelperTokenIdentity")
        uid = NUMBER.read("uid", ("u", number))
        return HelperIdentity(uid, name) if present and uid is not None else None

    def close(self) -> None:
        """Closes the options: the path means nothing any more."""
        self._call("Close")


class Loan:
    """An identity that is lent to a job; see :meth:`ebb.Job.lend`."""

    def __init__(self, job: Job, user: Union[str, int, None], flags: TokenFlags) -> None:
        self._job = job
        with job.token_options() as options:
            self._before = options.flags()
            # The token first: flags without one would stop a job that runs.
            options.set_helper_token(user)
            options.set_flags(flags)
            #: Whose identity it is.
            self.identity = options.identity()

    def take_back(self) -> None:
        """Drops the token, and puts back the flags as they were. A job that is over has none."""
        try:
            with self._job.token_options() as options:
                # The flags first, for the same reason.
                options.set_flags(self._before)
                options.clear()
        except (NotFound, InvalidState):
            pass

    def __enter__(self) -> Loan:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.take_back()
