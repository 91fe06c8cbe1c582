"""Properties of the service's objects as attributes: each access asks the service.

Nothing is kept here: what an attribute says is what the service says at that moment. Whoever wants many of
them at once takes :meth:`ebb.Job.properties`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Optional, Type, TypeVar, Union, overload

from ._fields import Kind

if TYPE_CHECKING:
    from ._wire import Wire

T = TypeVar("T")
Self = TypeVar("Self", bound="Readable[Any]")


class Remote:
    """An object of the service: a connection, a path and an interface."""

    __slots__ = ("_path",)
    INTERFACE = ""

    def __init__(self, path: str) -> None:
        self._path = path

    def _wire(self) -> Wire:
        raise NotImplementedError

    def _call(self, member: str, *arguments: Any) -> Any:
        return self._wire().call(self._path, self.INTERFACE, member, *arguments)


class Readable(Generic[T]):
    """A property that can be read."""

    def __init__(self, name: str, kind: Kind[T], doc: str) -> None:
        self.name = name
        self.kind = kind
        self.__doc__ = doc

    @overload
    def __get__(self: Self, of: None, owner: Type[Any]) -> Self: ...

    @overload
    def __get__(self, of: Remote, owner: Type[Any]) -> T: ...

    def __get__(self, of: Optional[Remote], owner: Type[Any]) -> Union[T, Readable[T]]:
        if of is None:
            return self
        return self.kind.read(self.name, of._wire().get(of._path, of.INTERFACE, self.name))


class Writable(Readable[T]):
    """A property that can be read and set; ``option`` is its name among those of a new job."""

    def __init__(self, name: str, kind: Kind[T], option: str, doc: str) -> None:
        super().__init__(name, kind, doc)
        self.option = option

    def __set__(self, of: Remote, value: T) -> None:
        signature, written = self.kind.write(value)
        of._wire().set(of._path, of.INTERFACE, self.name, signature, written)
