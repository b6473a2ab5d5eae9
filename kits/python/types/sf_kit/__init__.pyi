"""What a handler of `sf` is given, for editors and type checkers. `sf` writes this folder to `.sf/types/sf_kit` of a project.

    import sf_kit

    def profile(request: sf_kit.Request, ctx: sf_kit.Context): ...
    async def index(event: sf_kit.TableEvent, ctx: sf_kit.AsyncContext): ...

Classes and events may be imported in running code; the protocols behind `ctx` (`Table`, `Bucket`, …) only under `if typing.TYPE_CHECKING`.
"""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypedDict, TypeVar, Union

from typing_extensions import NotRequired

T = TypeVar("T")

# HTTP

class Headers:
    """Header fields: names without regard to case, several values for one name kept apart."""

    def __init__(self, pairs: Headers | Mapping[str, object] | Iterable[tuple[str, object]] = ()) -> None: ...
    def get(self, name: str, default: str | None = None) -> str | None:
        """The values of a name, joined with commas."""
    def get_all(self, name: str) -> list[str]: ...
    def append(self, name: str, value: object) -> None: ...
    def items(self) -> list[tuple[str, str]]: ...
    def __getitem__(self, name: str) -> str: ...
    def __contains__(self, name: object) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...

class _RequestHead:
    method: str
    url: str
    headers: Headers
    @property
    def path(self) -> str:
        """The path, not decoded."""
    @property
    def query(self) -> dict[str, str]:
        """The last value of each query parameter."""
    @property
    def query_all(self) -> dict[str, list[str]]: ...

class Request(_RequestHead):
    """An HTTP request, in a plain handler. Its body comes as it is read."""

    @property
    def body(self) -> bytes: ...
    def text(self) -> str: ...
    def json(self) -> Any: ...
    def stream(self) -> Iterator[bytes]:
        """The chunks as they come."""

class AsyncRequest(_RequestHead):
    """An HTTP request, in an async handler: `await request.json()`, `await request.body`."""

    @property
    def body(self) -> Awaitable[bytes]: ...
    async def text(self) -> str: ...
    async def json(self) -> Any: ...
    def stream(self) -> AsyncIterator[bytes]:
        """The chunks as they come."""

class Response:
    """An HTTP response. `body`: None, str, bytes, a dict or list (JSON), or an iterable of bytes or str, sent as it comes; an async one in async handlers."""

    status: int
    headers: Headers
    body: Any
    def __init__(
        self,
        body: str | bytes | dict[str, Any] | list[Any] | Iterable[bytes | str] | AsyncIterable[bytes | str] | None = None,
        status: int = 200,
        headers: Headers | Mapping[str, object] | Iterable[tuple[str, object]] | None = None,
    ) -> None: ...
    @classmethod
    def json(
        cls, value: Any, status: int = 200, headers: Headers | Mapping[str, object] | Iterable[tuple[str, object]] | None = None
    ) -> Response: ...

# The invocation

class Log:
    """One line of JSON a call, with the invocation's and the trace's ids."""

    def debug(self, message: object, fields: Mapping[str, object] | None = None) -> None: ...
    def info(self, message: object, fields: Mapping[str, object] | None = None) -> None: ...
    def warn(self, message: object, fields: Mapping[str, object] | None = None) -> None: ...
    def error(self, message: object, fields: Mapping[str, object] | None = None) -> None: ...

class _Invocation:
    params: dict[str, str]
    """The route's parameters, decoded: `{"id": "7"}` of `GET /profiles/{id}`."""
    auth: dict[str, Any] | None
    """The verified claims; None where the route asks for none."""
    id: str
    function: str
    project: str
    stage: str
    provider: str
    trace: str
    """The W3C `traceparent`."""
    @property
    def deadline(self) -> float:
        """When the invocation is cut off: seconds since the Unix epoch."""
    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the answer any more."""
    @property
    def log(self) -> Log: ...

class Context(_Invocation):
    """The second argument of a plain handler."""

    def table(self, name: str) -> Table: ...
    def bucket(self, name: str) -> Bucket: ...
    def queue(self, name: str) -> Queue: ...
    def topic(self, name: str) -> Topic: ...
    def socket(self, name: str) -> Socket: ...
    def call(self, function: str, payload: Any = None) -> Any:
        """What the function returned (`uses = { match = "call" }`). Called once: it is not repeated when it fails."""
    def secret(self, name: str) -> str:
        """The value (`secrets = ["smtp-password"]`), kept for five minutes."""

class AsyncContext(_Invocation):
    """The second argument of an async handler: the same calls, awaited."""

    def table(self, name: str) -> AsyncTable: ...
    def bucket(self, name: str) -> AsyncBucket: ...
    def queue(self, name: str) -> AsyncQueue: ...
    def topic(self, name: str) -> AsyncTopic: ...
    def socket(self, name: str) -> AsyncSocket: ...
    async def call(self, function: str, payload: Any = None) -> Any:
        """What the function returned (`uses = { match = "call" }`). Called once: it is not repeated when it fails."""
    async def secret(self, name: str) -> str:
        """The value (`secrets = ["smtp-password"]`), kept for five minutes."""

# Errors

class SfError(Exception):
    """A call of `ctx` that failed."""

    code: str
    """`conflict`, `not-granted`, `not-found`, `too-large`, `bad-request`, `function-threw`, `timed-out`, `unreachable`, …"""
    message: str
    hint: str
    """What to do about it; may be empty."""
    status: int
    """Of the answer; 0 where there was none."""

class Conflict(SfError):
    """A condition (`if_absent`, `if_version`, `if_match`) did not hold."""

class NotGranted(SfError):
    """`uses` does not grant it; the hint is the line to add."""

class NotFound(SfError):
    """There is no such resource, or no value of that secret."""

class TooLarge(SfError):
    """More than the limit that the message names."""

class NotAvailable(SfError):
    """The provider does not offer it."""

# Pages

class Page(Generic[T]):
    items: list[T]
    cursor: str | None
    """Where the next page begins, for the `cursor` of the next call; None at the end."""
    prefixes: list[str]
    """Of a bucket that is listed with a delimiter."""
    def __iter__(self) -> Iterator[T]: ...
    def __len__(self) -> int: ...

class Pages(Protocol[T]):
    """Iterated over, it fetches page by page as it goes; `page()` gives one. With a `limit`, at most so many items either way."""

    def __iter__(self) -> Iterator[T]: ...
    def page(self) -> Page[T]: ...

class AsyncPages(Protocol[T]):
    """As Pages: `async for`, `await ….page()`."""

    def __aiter__(self) -> AsyncIterator[T]: ...
    async def page(self) -> Page[T]: ...

# Tables

Key = dict[str, Any]
KeyPart = Union[str, float, bytes]
Item = dict[str, Any]
Sort = Union[_Eq, _Lt, _Lte, _Gt, _Gte, _Between, _Prefix]
_Eq = TypedDict("_Eq", {"eq": KeyPart})
_Lt = TypedDict("_Lt", {"lt": KeyPart})
_Lte = TypedDict("_Lte", {"lte": KeyPart})
_Gt = TypedDict("_Gt", {"gt": KeyPart})
_Gte = TypedDict("_Gte", {"gte": KeyPart})
_Between = TypedDict("_Between", {"between": Sequence[KeyPart]})
_Prefix = TypedDict("_Prefix", {"prefix": str})

class Table(Protocol):
    """Reads see every write that was answered before them."""

    def get(self, key: Key) -> Item | None: ...
    def put(self, item: Mapping[str, Any], if_absent: bool = False, if_version: str | None = None) -> str:
        """Writes an item in place of that with the same key; its new version. Raises Conflict when a condition does not hold."""
    def delete(self, key: Key, if_version: str | None = None) -> bool:
        """Whether there was one."""
    def query(self, partition: KeyPart, sort: Sort | None = None, reverse: bool = False, limit: int | None = None, cursor: str | None = None) -> Pages[Item]:
        """The items of one partition, in the order of the sort key."""
    def scan(self, limit: int | None = None, cursor: str | None = None) -> Pages[Item]:
        """All items, in no promised order."""
    def version(self, item: Item) -> str:
        """The version of an item that get, query or scan gave, for `if_version`."""

class AsyncTable(Protocol):
    """As Table, awaited."""

    async def get(self, key: Key) -> Item | None: ...
    async def put(self, item: Mapping[str, Any], if_absent: bool = False, if_version: str | None = None) -> str: ...
    async def delete(self, key: Key, if_version: str | None = None) -> bool: ...
    def query(
        self, partition: KeyPart, sort: Sort | None = None, reverse: bool = False, limit: int | None = None, cursor: str | None = None
    ) -> AsyncPages[Item]: ...
    def scan(self, limit: int | None = None, cursor: str | None = None) -> AsyncPages[Item]: ...
    def version(self, item: Item) -> str: ...

# Buckets

class Stored(TypedDict):
    etag: str
    size: int

class _Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes | str: ...

class ObjectFacts(Protocol):
    size: int
    """Bytes of the whole object, also when a range was asked for."""
    etag: str
    content_type: str
    metadata: dict[str, str]
    """Names in lower case."""
    @property
    def modified(self) -> datetime: ...

class StoredObject(ObjectFacts, Protocol):
    """Its bytes are read once. Left unread, it is to be closed: `with bucket.get(key) as found`."""

    def read(self, size: int = -1) -> bytes: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def text(self) -> str: ...
    def json(self) -> Any: ...
    def close(self) -> None: ...
    def __enter__(self) -> StoredObject: ...
    def __exit__(self, *_: object) -> None: ...
    def bytes(self) -> _bytes: ...

class AsyncStoredObject(ObjectFacts, Protocol):
    """As StoredObject, awaited; `async for chunk in found`."""

    async def read(self, size: int = -1) -> bytes: ...
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    async def text(self) -> str: ...
    async def json(self) -> Any: ...
    def close(self) -> None: ...
    async def __aenter__(self) -> AsyncStoredObject: ...
    async def __aexit__(self, *_: object) -> None: ...
    async def bytes(self) -> _bytes: ...

_bytes = bytes

class ListedObject(Protocol):
    key: str
    size: int
    etag: str
    @property
    def modified(self) -> datetime: ...

Body = Union[str, bytes, bytearray, memoryview, _Readable, StoredObject, Iterable[Union[bytes, str]]]
AsyncBody = Union[Body, AsyncStoredObject, AsyncIterable[Union[bytes, str]]]

class Bucket(Protocol):
    def get(self, key: str, range: tuple[int, int | None] | None = None) -> StoredObject | None:
        """The object, or None. `range`: its first and last byte; `(100, None)` is from there to the end."""
    def head(self, key: str) -> ObjectFacts | None: ...
    def put(
        self,
        key: str,
        body: Body,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> Stored:
        """Stores all of the body or nothing. Files and iterables pass through, they are not collected."""
    def delete(self, key: str) -> None:
        """Also if there is none."""
    def list(self, prefix: str | None = None, delimiter: str | None = None, limit: int | None = None, cursor: str | None = None) -> Pages[ListedObject]:
        """The objects by their keys. With a delimiter, what lies deeper is gathered in the `prefixes` of each `page()`."""
    def url(self, key: str, method: Literal["GET", "PUT"] = "GET", expires: int = 900) -> str:
        """A link with which whoever has it may do just this, for `expires` seconds."""

class AsyncBucket(Protocol):
    """As Bucket, awaited; `put` takes async iterables too."""

    async def get(self, key: str, range: tuple[int, int | None] | None = None) -> AsyncStoredObject | None: ...
    async def head(self, key: str) -> ObjectFacts | None: ...
    async def put(
        self,
        key: str,
        body: AsyncBody,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> Stored: ...
    async def delete(self, key: str) -> None: ...
    def list(
        self, prefix: str | None = None, delimiter: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> AsyncPages[ListedObject]: ...
    async def url(self, key: str, method: Literal["GET", "PUT"] = "GET", expires: int = 900) -> str: ...

# Queues, topics, sockets

class Queue(Protocol):
    def send(self, body: Any, delay: int = 0) -> str:
        """The message's id. JSON, or bytes as they are; at most 256 KiB. `delay`: seconds, at most 900."""

class Topic(Protocol):
    def publish(self, body: Any, attributes: Mapping[str, str] | None = None) -> str:
        """The message's id. JSON, or bytes as they are; at most 256 KiB, and 10 attributes."""

class Socket(Protocol):
    def send(self, connection: str, data: Any) -> bool:
        """Text, and values as JSON, in a text frame; bytes in a binary one. False when the client is gone."""
    def close(self, connection: str) -> None: ...

class AsyncQueue(Protocol):
    async def send(self, body: Any, delay: int = 0) -> str: ...

class AsyncTopic(Protocol):
    async def publish(self, body: Any, attributes: Mapping[str, str] | None = None) -> str: ...

class AsyncSocket(Protocol):
    async def send(self, connection: str, data: Any) -> bool: ...
    async def close(self, connection: str) -> None: ...

# Events: CloudEvents 1.0, as dicts

class Event(TypedDict):
    """Any event. `id` is the same for every delivery of one event."""

    specversion: Literal["1.0"]
    id: str
    type: str
    source: str
    time: str
    datacontenttype: NotRequired[str]
    data: Any

class _EventOf(TypedDict):
    specversion: Literal["1.0"]
    id: str
    source: str
    time: str
    datacontenttype: NotRequired[str]

class Schedule(TypedDict):
    expression: str
    timezone: str

class ScheduleEvent(_EventOf):
    type: Literal["sf.schedule"]
    data: Schedule

class Message(TypedDict):
    id: str
    body: Any
    """A JSON value, or bytes."""
    attempt: int
    """1 at the first delivery."""
    sent: str

class Messages(TypedDict):
    messages: list[Message]

class QueueEvent(_EventOf):
    """Return `{"failed": [ids]}` to have only those delivered again."""

    type: Literal["sf.queue"]
    data: Messages

class Failed(TypedDict):
    failed: list[str]

class TopicEvent(_EventOf):
    type: Literal["sf.topic"]
    attributes: NotRequired[dict[str, str]]
    data: Any
    """A JSON value, or bytes."""

class CreatedObject(TypedDict):
    bucket: str
    key: str
    size: int
    etag: str
    contentType: NotRequired[str]
    """Not on every provider."""

class RemovedObject(TypedDict):
    bucket: str
    key: str

class BucketCreatedEvent(_EventOf):
    type: Literal["sf.bucket.created"]
    subject: str
    data: CreatedObject

class BucketRemovedEvent(_EventOf):
    type: Literal["sf.bucket.removed"]
    subject: str
    data: RemovedObject

BucketEvent = Union[BucketCreatedEvent, BucketRemovedEvent]

class Change(TypedDict):
    change: Literal["insert", "update", "remove"]
    key: Item
    before: Item | None
    after: Item | None

class TableEvent(_EventOf):
    type: Literal["sf.table"]
    subject: str
    data: Change

class Opening(TypedDict):
    headers: dict[str, str]
    query: dict[str, str]

class SocketConnectEvent(_EventOf):
    """Raise, or return `{"status": 403}`, to refuse the client."""

    type: Literal["sf.socket.connect"]
    connection: str
    data: Opening

class SocketMessageEvent(_EventOf):
    type: Literal["sf.socket.message"]
    connection: str
    data: Union[str, bytes]

class Closing(TypedDict):
    code: int

class SocketDisconnectEvent(_EventOf):
    type: Literal["sf.socket.disconnect"]
    connection: str
    data: Closing

class CallEvent(_EventOf):
    """By `ctx.call` or `sf invoke`: what the handler returns is the answer."""

    type: Literal["sf.call", "sf.invoke"]
    data: Any
