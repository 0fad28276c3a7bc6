"""Other sides for the outbound tests: real sockets on loopback that behave and misbehave."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[["Peer", socket.socket], None]


class Peer:
    """A listener whose every connection is answered by one function."""

    def __init__(
        self, answer: Answer, host: str, tls: ssl.SSLContext | None, *, is_deaf: bool
    ) -> None:
        self._answer, self._tls, self._is_deaf = answer, tls, is_deaf
        self.requests: list[bytes] = []
        self.names: list[str | None] = []
        self.n_connections = 0
        self.n_sent = 0
        self.is_over = threading.Event()
        self._listener = socket.create_server((host, 0))
        self.host, self.port = self._listener.getsockname()[:2]
        if tls is not None:
            tls.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def allow(self) -> list[str]:
        return [f"{self.host}:{self.port}"]

    def url(self, path: str = "/", scheme: str = "http", host: str = "") -> str:
        return f"{scheme}://{host or self.host}:{self.port}{path}"

    def send(self, wire: socket.socket, data: bytes) -> None:
        """Send and count; raise OSError once the other side has hung up."""
        wire.sendall(data)
        self.n_sent += len(data)

    def close(self) -> None:
        self.is_over.set()
        with suppress(OSError):  # wakes the accept that waits
            socket.create_connection((self.host, self.port), timeout=1).close()
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            wire, _ = self._listener.accept()
            if self.is_over.is_set():
                wire.close()
                return
            self.n_connections += 1
            with suppress(OSError), wire:
                self._talk(wire)

    def _talk(self, wire: socket.socket) -> None:
        wire.settimeout(5)
        if self._tls is None:
            if not self._is_deaf:
                self.requests.append(received(wire))
            self._answer(self, wire)
            return
        with self._tls.wrap_socket(wire, server_side=True) as secret:
            self.requests.append(received(secret))
            self._answer(self, secret)


def received(wire: socket.socket) -> bytes:
    """Read one request: the head and as much body as it announces."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = wire.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ),
        0,
    )
    while len(body) < length:
        body += wire.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def peer(
    answer: Answer,
    *,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    is_deaf: bool = False,
) -> Iterator[Peer]:
    """Listen on a free port while the block runs; a deaf peer never reads what it is sent."""
    server = Peer(answer, host, tls, is_deaf=is_deaf)
    try:
        yield server
    finally:
        server.close()


def saying(head: str = "200 OK", body: bytes = b"", **headers: str) -> Answer:
    """Answer with a status line, headers (Content-Length added unless given) and a body."""
    lines = {"Content_Length": str(len(body))} | headers
    text = "".join(
        f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items() if value
    )
    raw = f"HTTP/1.1 {head}\r\n{text}\r\n".encode() + body

    def answer(this: Peer, wire: socket.socket) -> None:
        this.send(wire, raw)

    return answer


def endless(head: bytes, piece: bytes, pause: float = 0.0) -> Answer:
    """Answer with a head and then one piece for ever, until the other side hangs up."""

    def answer(this: Peer, wire: socket.socket) -> None:
        this.send(wire, head)
        while not this.is_over.is_set():
            this.send(wire, piece)
            time.sleep(pause)

    return answer


def silent(this: Peer, wire: socket.socket) -> None:
    """Take the request and never answer."""
    this.is_over.wait(20)


def sipping(this: Peer, wire: socket.socket) -> None:
    """Read the request a little at a time, so that each write of the other side gets on."""
    while not this.is_over.wait(0.05) and wire.recv(10_000):
        pass


def certificate(folder: Path, *names: str) -> Path:
    """Write a self-signed certificate with its key for these names; return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives: list[x509.GeneralName] = []
    for name in names:
        try:
            alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            alternatives.append(x509.DNSName(name))
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "peer.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


def serving(path: Path) -> ssl.SSLContext:
    """Return the server's side of a certificate file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
