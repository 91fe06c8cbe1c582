"""One connection: messages out, messages in. The only file that touches the D-Bus library.

The service takes who is calling from the kernel, at the moment the socket is connected; nothing that is
sent says who somebody is. So a :class:`Wire` is one identity for as long as it lives, whatever the process
becomes meanwhile.

The library's own connections are not used: they greet a message bus, and the service's own socket is
none. Used are what makes bytes of messages, messages of bytes, and the lines of the greeting.

What the other side may try: answers that do not fit, or never come. Each call has a time limit, each
answer has to have the signature of the contract, and what cannot be read ends the connection.
"""

from __future__ import annotations

import array
import itertools
import os
import socket
import threading
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Sequence, Tuple

from jeepney import Endianness, Header, HeaderFields, Message, MessageType, Parser
from jeepney.bus import get_bus

from ._contract import BUS_NAME, METHODS
from .errors import EbbError, NotReachable, ProtocolError, refused, symbolic_name

#: How long one call may take. Long, because completing a job of many files is one call.
CALL_TIMEOUT = 120.0
#: How long a connection may take. Short, because there is more to try.
CONNECT_TIMEOUT = 5.0
#: More than any answer of the service.
_LARGEST_GREETING = 8192

_BUS = "org.freedesktop.DBus"
_BUS_PATH = "/org/freedesktop/DBus"
_PROPERTIES = "org.freedesktop.DBus.Properties"

#: The socket of another process, which has connected it: see :mod:`ebb._impersonate`.
Connect = Callable[[str], socket.socket]


class Signal:
    """A signal of the service, or of the bus it is on."""

    def __init__(self, path: str, interface: str, member: str, signature: str, body: Any) -> None:
        self.path = path
        self.interface = interface
        self.member = member
        self.signature = signature
        self.body = body


class Wire:
    """A connection to the service: its own socket, or a message bus that it is on."""

    def __init__(
        self,
        address: str,
        *,
        on_bus: bool,
        connect: Optional[Connect] = None,
        uid: Optional[int] = None,
    ) -> None:
        self._on_bus = on_bus
        self._parser = Parser()
        self._serials = itertools.count(1)
        self._lock = threading.RLock()
        self._signals: Deque[Signal] = deque()
        self._service: Optional[str] = None
        self._closed = False
        #: Whether signals are kept for :meth:`next_signal`.
        self.listening = False
        try:
            self._socket = (connect or _connect)(get_bus(_bus_name(address)) if on_bus else address)
        except OSError as error:
            raise NotReachable(f"{address}: {error.strerror or error}") from error
        except (RuntimeError, ValueError, KeyError, StopIteration) as error:
            raise NotReachable(f"{address}: {error}") from error
        try:
            self._greet(os.geteuid() if uid is None else uid)
            if on_bus:
                self._find_service()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the connection, and with it everything the service ties to it."""
        self._closed = True
        self._socket.close()

    def call(self, path: str, interface: str, member: str, *arguments: Any) -> Tuple[Any, ...]:
        """Asks, and gives the answer as the contract says it looks."""
        takes, gives, _ = METHODS[interface][member]
        return self._ask(self._destination(), path, interface, member, takes, arguments, gives)

    def get(self, path: str, interface: str, name: str) -> Tuple[str, Any]:
        """A property: its signature and its value."""
        answer = self._ask(
            self._destination(), path, _PROPERTIES, "Get", "ss", (interface, name), "v"
        )
        signature, value = answer[0]
        return str(signature), value

    def get_all(self, path: str, interface: str) -> Dict[str, Tuple[str, Any]]:
        """All properties, with their signatures."""
        answer = self._ask(
            self._destination(), path, _PROPERTIES, "GetAll", "s", (interface,), "a{sv}"
        )
        found: Dict[str, Tuple[str, Any]] = answer[0]
        return found

    def set(self, path: str, interface: str, name: str, signature: str, value: Any) -> None:
        """Sets a property."""
        arguments = (interface, name, (signature, value))
        self._ask(self._destination(), path, _PROPERTIES, "Set", "ssv", arguments, "")

    def next_signal(self, timeout: Optional[float]) -> Optional[Signal]:
        """Waits for the next signal; nothing when the time is over."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            while not self._signals:
                message = self._receive(deadline)
                if message is None:
                    return None
                self._keep(message)
            return self._signals.popleft()

    def _destination(self) -> Optional[str]:
        return BUS_NAME if self._on_bus else None

    def _greet(self, uid: int) -> None:
        deadline = time.monotonic() + CONNECT_TIMEOUT
        name = str(uid).encode("ascii").hex().encode("ascii")
        self._say(b"\0AUTH EXTERNAL " + name + b"\r\n", b"OK ", deadline)
        self._say(b"NEGOTIATE_UNIX_FD\r\n", b"AGREE_UNIX_FD", deadline)
        self._send(b"BEGIN\r\n", [], deadline)

    def _say(self, line: bytes, wanted: bytes, deadline: float) -> None:
        self._send(line, [], deadline)
        said = b""
        while not said.endswith(b"\r\n"):
            more = self._read(deadline, 1)
            if more is None:
                raise NotReachable("it does not greet")
            said += more
            if len(said) > _LARGEST_GREETING:
                raise ProtocolError("a greeting without end")
        if not said.startswith(wanted):
            raise NotReachable(f"it does not let us in: {said[:100]!r}")

    def _find_service(self) -> None:
        self._bus("Hello", "", (), "s")
        # Starts the service where the bus knows how to, so it comes before asking for its name.
        self._ask(BUS_NAME, "/", "org.freedesktop.DBus.Peer", "Ping", "", (), "")
        self._service = self._bus("GetNameOwner", "s", (BUS_NAME,), "s")[0]
        rule = f"type='signal',sender='{_BUS}',member='NameOwnerChanged',arg0='{BUS_NAME}'"
        self._bus("AddMatch", "s", (rule,), "")

    def _bus(self, member: str, takes: str, arguments: Tuple[Any, ...], gives: str) -> Any:
        return self._ask(_BUS, _BUS_PATH, _BUS, member, takes, arguments, gives)

    def _ask(
        self,
        destination: Optional[str],
        path: str,
        interface: str,
        member: str,
        takes: str,
        arguments: Sequence[Any],
        gives: str,
    ) -> Tuple[Any, ...]:
        fields: Dict[HeaderFields, Any] = {
            HeaderFields.path: path,
            HeaderFields.interface: interface,
            HeaderFields.member: member,
        }
        if destination is not None:
            fields[HeaderFields.destination] = destination
        if takes:
            fields[HeaderFields.signature] = takes
        header = Header(Endianness.little, MessageType.method_call, 0, 1, -1, -1, fields)
        deadline = time.monotonic() + CALL_TIMEOUT
        with self._lock:
            serial = next(self._serials)
            descriptors = array.array("i")
            try:
                bytes_ = Message(header, tuple(arguments)).serialise(serial, descriptors)
            except EbbError:
                raise
            except Exception as error:
                # What cannot be written down never left this process.
                raise TypeError(f"{member} takes {takes!r}: {error}") from error
            self._send(bytes_, list(descriptors), deadline)
            return _answer(self._reply_to(serial, deadline, member), member, gives)

    def _reply_to(self, serial: int, deadline: float, member: str) -> Message:
        while True:
            message = self._receive(deadline)
            if message is None:
                # Who does not answer for so long has gone, whatever comes later.
                self.close()
                raise NotReachable(f"no answer to {member}")
            fields = message.header.fields
            if fields.get(HeaderFields.reply_serial) == serial and self._is_theirs(message):
                return message
            self._keep(message)

    def _is_theirs(self, message: Message) -> bool:
        # A bus passes on replies only from whom was asked.
        return message.header.message_type in (MessageType.method_return, MessageType.error)

    def _keep(self, message: Message) -> None:
        if message.header.message_type != MessageType.signal:
            return
        fields = message.header.fields
        sender = fields.get(HeaderFields.sender)
        # On a bus anybody may send a signal to anybody.
        if self._on_bus and sender == _BUS:
            if fields.get(HeaderFields.member) == "NameOwnerChanged" and self._service is not None:
                self.close()
                raise NotReachable("it has left the message bus")
            return
        if not self.listening or (self._on_bus and sender != self._service):
            return
        self._signals.append(
            Signal(
                fields.get(HeaderFields.path, ""),
                fields.get(HeaderFields.interface, ""),
                fields.get(HeaderFields.member, ""),
                fields.get(HeaderFields.signature, ""),
                message.body,
            )
        )

    def _receive(self, deadline: Optional[float]) -> Optional[Message]:
        while True:
            try:
                message = self._parser.get_next_message()
                wanted = 0 if message is not None else self._parser.bytes_desired()
            except Exception as error:
                self.close()
                raise ProtocolError(f"a message that is none: {error}") from error
            if message is not None:
                return message
            data = self._read(deadline, max(wanted, 1))
            if data is None:
                return None
            self._parser.add_data(data)

    def _read(self, deadline: Optional[float], most: int) -> Optional[bytes]:
        """Some bytes; nothing when the time is over."""
        try:
            self._limit(deadline)
            # Nobody sends us descriptors; without room for them the kernel drops what comes.
            data = self._socket.recv(min(most, 1 << 20))
        except socket.timeout:
            return None
        except OSError as error:
            raise self._gone(error) from error
        if not data:
            raise self._gone(None)
        return data

    def _send(self, data: bytes, descriptors: List[int], deadline: float) -> None:
        try:
            self._limit(deadline)
            sent = 0
            if descriptors:
                ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
                sent = self._socket.sendmsg([data], ancillary)
            self._socket.sendall(data[sent:])
        except OSError as error:
            raise self._gone(error) from error

    def _limit(self, deadline: Optional[float]) -> None:
        if deadline is None:
            self._socket.settimeout(None)
            return
        left = deadline - time.monotonic()
        # Zero would mean "without waiting", and raise another exception.
        self._socket.settimeout(max(left, 0.001))

    def _gone(self, error: Optional[OSError]) -> NotReachable:
        if self._closed:
            return NotReachable("this connection is closed")
        self.close()
        return NotReachable((error and error.strerror) or "the connection was closed")


def _connect(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(CONNECT_TIMEOUT)
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


def _bus_name(address: str) -> str:
    return address or "SYSTEM"


def _answer(message: Message, member: str, gives: str) -> Tuple[Any, ...]:
    signature = message.header.fields.get(HeaderFields.signature, "")
    if message.header.message_type == MessageType.error:
        raise _error(message, signature, member)
    if signature != gives:
        raise ProtocolError(f"{member} answers {signature!r} and not {gives!r}")
    return tuple(message.body)


def _error(message: Message, signature: str, member: str) -> EbbError:
    dbus_name = str(message.header.fields.get(HeaderFields.error_name, ""))
    name = symbolic_name(dbus_name)
    if name is not None and signature == "sus":
        sentence, code, advice = message.body
        return refused(name, sentence, code, advice)
    sentence = str(message.body[0]) if signature.startswith("s") else ""
    last = dbus_name.rpartition(".")[2]
    # The bus' own words: of the bus, or of a service that does not know our names.
    if last == "AccessDenied":
        hint = "the policy of the message bus says no"
        return refused("access-denied", sentence, 0x80070005, hint)
    if last == "UnknownObject":
        return refused("not-found", sentence)
    if last == "UnknownMethod":
        return refused("not-supported", sentence, 0, "the service is older than this module")
    gone = ("ServiceUnknown", "NameHasNoOwner", "NoReply", "Disconnected", "Timeout", "TimedOut")
    if last in gone or last.startswith("Spawn"):
        return NotReachable(sentence or dbus_name)
    return ProtocolError(f"{member}: {dbus_name}: {sentence}")
