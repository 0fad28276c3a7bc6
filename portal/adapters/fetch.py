"""The only way out over HTTP: one address, checked and then connected to, once, within caps.

Redirects are answers, never followed; proxy variables are not read; what the other side said in
an error stays out of ours. `allow` lists host:port entries that skip the check of address and
port and nothing else.
"""

import hashlib
import http.client
import socket
import ssl
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from portal.adapters import addresses
from portal.adapters.addresses import Resolver, Target
from portal.adapters.wires import Wire, seconds_left
from portal.errors import OutboundRefused, PeerUnavailable, TooLarge

CHUNK = 16 * 1024
FRAMING_BYTES = 128 * 1024  # status line, headers, chunk sizes, read-ahead
USER_AGENT = "label-portal"
OWN_HEADERS = frozenset(
    ("host", "accept-encoding", "connection", "content-length", "transfer-encoding")
)


class Sink(Protocol):
    """Where a download goes: a file, or a store's incoming file."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""


@dataclass(frozen=True)
class Response:
    """What the other side answered; `truncated` when it had more than was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool = False

    @property
    def is_success(self) -> bool:
        """Tell whether the status is 2xx."""
        return 200 <= self.status < 300


@dataclass(frozen=True)
class Download:
    """What was written into the sink."""

    n_bytes: int
    sha256: str
    content_type: str


def check_url(
    url: str, *, allow: Iterable[str] | None = None, resolver: Resolver | None = None
) -> Target:
    """Refuse at the door a URL that the portal would not call later.

    Asks the name server; `addresses.parse` alone is the cheap part for bulk loads.
    Raises OutboundRefused.
    """
    target = addresses.parse(url, allow=allow)
    if target.is_allowed:
        return target
    try:
        addresses.resolve(target, resolver=resolver)
    except PeerUnavailable as unknown:
        raise OutboundRefused(unknown.detail) from unknown
    return target


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout: float = 15.0,
    max_bytes: int = 64 * 1024,
    allow: Iterable[str] | None = None,
    resolver: Resolver | None = None,
    tls: ssl.SSLContext | None = None,
) -> Response:
    """Send one request and return its answer, read up to `max_bytes` after decompression.

    `timeout` is the total for everything, name server and last byte included. Raises
    OutboundRefused for an address or certificate, PeerUnavailable for an answer that does not
    come, comes too slowly or is no HTTP.
    """
    target = addresses.parse(url, allow=allow)
    with closing(_Exchange(target, timeout, max_bytes)) as exchange:
        answer = exchange.ask(method, headers or {}, body, resolver, tls)
        content = bytearray()
        for piece in exchange.pieces(answer):
            content += piece
            if len(content) > max_bytes:
                break
        return Response(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.getheaders()},
            body=bytes(content[:max_bytes]),
            truncated=len(content) > max_bytes,
        )


def download(
    url: str,
    sink: Sink,
    *,
    max_bytes: int,
    timeout: float = 300.0,
    headers: Mapping[str, str] | None = None,
    allow: Iterable[str] | None = None,
    resolver: Resolver | None = None,
    tls: ssl.SSLContext | None = None,
) -> Download:
    """Write the body of a 200 answer into a sink, whole or not at all.

    The caller drops the sink when this raises: TooLarge beyond `max_bytes`, PeerUnavailable for
    any other status and a body that ends early, OutboundRefused as `request` does.
    """
    target = addresses.parse(url, allow=allow)
    digest, n_bytes = hashlib.sha256(), 0
    with closing(_Exchange(target, timeout, max_bytes)) as exchange:
        answer = exchange.ask("GET", headers or {}, None, resolver, tls)
        if answer.status != 200:
            raise PeerUnavailable(f"The address answered {answer.status} where 200 was expected.")
        for piece in exchange.pieces(answer):
            n_bytes += len(piece)
            if n_bytes > max_bytes:
                raise TooLarge(f"The file at the address is larger than {max_bytes} bytes.")
            digest.update(piece)
            sink.write(piece)
        return Download(n_bytes, digest.hexdigest(), answer.getheader("content-type") or "")


class _Exchange:
    """One request and its answer under one deadline; every failure on the way gets its name."""

    def __init__(self, target: Target, timeout: float, max_bytes: int) -> None:
        self._target, self._timeout = target, timeout
        self._deadline = time.monotonic() + timeout
        self._budget = 2 * max_bytes + FRAMING_BYTES
        self._wire: socket.socket | None = None

    def ask(
        self,
        method: str,
        headers: Mapping[str, str],
        body: bytes | None,
        resolver: Resolver | None,
        tls: ssl.SSLContext | None,
    ) -> http.client.HTTPResponse:
        """Connect to a checked address, send, and return the answer with its body unread."""
        found = addresses.resolve(self._target, resolver=resolver, timeout=self._timeout)
        with self._named():
            self._wire = _first_that_answers(found, self._target.port, self._deadline)
            if self._target.scheme == "https":
                self._wire = self._encrypted(self._wire, tls or _trusted())
            connection = http.client.HTTPConnection(self._target.host, self._target.port)
            wire = Wire(self._wire, self._deadline, self._budget)
            connection.sock = wire
            _send(connection, self._target, method, headers, body)
            return connection.getresponse()

    def pieces(self, answer: http.client.HTTPResponse) -> Iterator[bytes]:
        """Yield the body in small pieces, unpacked no further than the reader asks."""
        with self._named():
            encoding = (answer.getheader("content-encoding") or "").strip().lower()
            yield from (_unpacked(answer) if encoding in {"gzip", "deflate"} else _plain(answer))
            if answer.length:
                raise http.client.IncompleteRead(b"")

    def close(self) -> None:
        """Hang up."""
        if self._wire is not None:
            self._wire.close()

    def _encrypted(self, wire: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
        wire.settimeout(seconds_left(self._deadline))
        return tls.wrap_socket(wire, server_hostname=self._target.host.rstrip("."))

    @contextmanager
    def _named(self) -> Iterator[None]:
        whom = self._target.authority
        try:
            yield
        except ssl.SSLCertVerificationError as refused:
            raise OutboundRefused(f"The certificate of {whom} does not hold.") from refused
        except TimeoutError:
            raise PeerUnavailable(f"{whom} did not answer in {self._timeout:g} s.") from None
        except (OSError, http.client.HTTPException, zlib.error):
            # From None: these carry lines of the answer, which belong in no error and no log.
            raise PeerUnavailable(f"{whom} broke off or did not speak HTTP.") from None


def _first_that_answers(found: list[str], port: int, deadline: float) -> socket.socket:
    failure: OSError = OSError("no address")
    for n_tried, address in enumerate(found):
        try:
            share = seconds_left(deadline) / (len(found) - n_tried)
            return socket.create_connection((address, port), timeout=share)
        except OSError as unreachable:
            failure = unreachable
    raise failure


def _send(
    connection: http.client.HTTPConnection,
    target: Target,
    method: str,
    headers: Mapping[str, str],
    body: bytes | None,
) -> None:
    connection.putrequest(method, target.path, skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", target.authority)
    connection.putheader("Accept-Encoding", "identity")
    connection.putheader("Connection", "close")
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    for name, value in {"User-Agent": USER_AGENT, **headers}.items():
        if name.lower() not in OWN_HEADERS:
            connection.putheader(name, value)
    connection.endheaders(body)


def _plain(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while piece := answer.read(CHUNK):
        yield piece


def _unpacked(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    unpacker, is_empty = zlib.decompressobj(wbits=47), True
    for piece in _plain(answer):
        packed, is_empty = piece, False
        while packed and not unpacker.eof:
            yield unpacker.decompress(packed, CHUNK)
            packed = unpacker.unconsumed_tail
    yield unpacker.flush()
    if not (unpacker.eof or is_empty):
        raise http.client.IncompleteRead(b"")


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()
