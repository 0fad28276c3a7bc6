"""Which outside addresses the portal may call, decided before a socket is opened.

`ipaddress.is_global` is no answer: it passes multicast, NAT64, 6to4, cloud metadata hosts and
more. The table below names what is refused, and of IPv6 only global unicast is let through.
"""

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from urllib.parse import SplitResult, quote, urlsplit

from django.conf import settings

from portal.errors import OutboundRefused, PeerUnavailable

Resolver = Callable[[str, int], list[str]]

PORTS = {"http": 80, "https": 443}
URL_LENGTH = 2048
NAME_LENGTH = 253
REMEDY = "If it is meant, the operator allows it in the setting OUTBOUND_ALLOW as host:port."

_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_ENTRY = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:/@\[\]]+):(?P<port>[0-9]{1,5})")

_REFUSED_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT, some clouds' metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's host agent, on a public-looking address
        "169.254.0.0/16",  # link local, cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments, one more metadata host
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT relays
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 carries any IPv4 address inside
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


@dataclass(frozen=True)
class Target:
    """One address parsed once: what is connected to comes from here, never from the URL again."""

    scheme: str
    host: str
    port: int
    path: str
    is_allowed: bool

    @property
    def authority(self) -> str:
        """Return the Host header's value."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def is_public(address: str) -> bool:
    """Tell whether an IP address may be called without the operator's leave.

    Anything that is no plain IP address, a scoped one included, is not public.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _REFUSED_V4)
    if ip.scope_id is not None or ip not in _GLOBAL_V6:
        return False
    return not any(ip in network for network in _REFUSED_V6)


def allowed(entries: Iterable[str]) -> frozenset[tuple[str, int]]:
    """Parse the entries of OUTBOUND_ALLOW.

    Raises ValueError on an entry that is not host:port, so that a typing error stops the start.
    """
    pairs = set()
    for entry in entries:
        match = _ENTRY.fullmatch(entry.strip())
        if match is None or not 0 < int(match["port"]) < 65536:
            raise ValueError(f"OUTBOUND_ALLOW wants host:port entries, not {entry!r}.")
        pairs.add((match["host"].strip("[]").lower().rstrip("."), int(match["port"])))
    return frozenset(pairs)


def parse(url: str, *, allow: Iterable[str] | None = None) -> Target:
    """Split a URL once and refuse whatever needs no name server to be refused.

    Cheap enough for every line of a bulk load. `allow` defaults to settings.OUTBOUND_ALLOW.
    """
    parts = _split(url)
    if parts.scheme not in PORTS:
        raise OutboundRefused("Only http and https addresses can be called.")
    host, port = _host(parts), _port(parts)
    entries = settings.OUTBOUND_ALLOW if allow is None else allow
    is_allowed = (host.rstrip("."), port) in allowed(entries)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    if parts.query:
        path += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?[]")
    target = Target(parts.scheme, host, port, path, is_allowed)
    if not is_allowed:
        _refuse_plainly(target)
    return target


def resolve(target: Target, *, resolver: Resolver | None = None, timeout: float = 5.0) -> list[str]:
    """Return the addresses to connect to, every one of them checked.

    One private address among public ones refuses them all. Raises OutboundRefused, or
    PeerUnavailable when the name cannot be resolved in time.
    """
    found = _within(timeout, resolver or system_addresses, target)
    if not found:
        raise PeerUnavailable(f"The name {target.host} has no address.")
    if not target.is_allowed and not all(is_public(address) for address in found):
        raise OutboundRefused(f"{target.authority} is not a public address. {REMEDY}")
    return found


def system_addresses(host: str, port: int) -> list[str]:
    """Ask the system for a name's addresses, in its order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _split(url: str) -> SplitResult:
    # urlsplit drops tabs and line ends in silence and browsers read \ as /: refuse, never repair.
    if len(url) > URL_LENGTH or _UNSAFE.search(url):
        raise OutboundRefused(
            f"An address has at most {URL_LENGTH} characters, no spaces and no backslashes."
        )
    try:
        parts = urlsplit(url)
    except ValueError as broken:
        raise OutboundRefused("The address cannot be read as a URL.") from broken
    if "@" in parts.netloc:
        raise OutboundRefused("An address carries no user name or password.")
    return parts


def _host(parts: SplitResult) -> str:
    """Return the ASCII host; a numeric one in its canonical spelling."""
    try:
        name = (parts.hostname or "").encode("idna").decode("ascii").lower()
    except UnicodeError as broken:
        raise OutboundRefused("The address has no valid host name.") from broken
    literal = _literal(name)
    if literal is not None:
        return literal
    if "[" in parts.netloc or len(name) > NAME_LENGTH or not _HOST_NAME.fullmatch(name):
        raise OutboundRefused("The address has no valid host name.")
    return name


def _literal(name: str) -> str | None:
    """Return the IP address that a resolver would read out of 127.1, 0x7f000001, 2130706433 …"""
    if not name:
        return None
    try:
        found = socket.getaddrinfo(name, None, flags=socket.AI_NUMERICHOST)
    except OSError:
        return None
    return str(found[0][4][0])


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError as broken:
        raise OutboundRefused("The address has no valid port.") from broken
    return PORTS[parts.scheme] if port is None else port


def _refuse_plainly(target: Target) -> None:
    if target.port not in PORTS.values():
        raise OutboundRefused(f"Port {target.port} of {target.host} is not called. {REMEDY}")
    if target.host.rstrip(".") in _own_hosts():
        raise OutboundRefused(f"{target.host} is this portal itself.")
    is_literal = ":" in target.host or target.host.replace(".", "").isdigit()
    if is_literal and not is_public(target.host):
        raise OutboundRefused(f"{target.authority} is not a public address. {REMEDY}")


def _own_hosts() -> set[str]:
    public = urlsplit(getattr(settings, "PUBLIC_URL", "") or "").hostname
    return {host.lower() for host in (*settings.ALLOWED_HOSTS, public) if host}


def _within(timeout: float, resolver: Resolver, target: Target) -> list[str]:
    # getaddrinfo takes no deadline: a thread asks, and one that hangs is left behind.
    answers: SimpleQueue[list[str] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolver(target.host, target.port))
        except (OSError, UnicodeError) as failure:
            answers.put(failure)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=max(timeout, 0.0))
    except Empty:
        raise PeerUnavailable(f"The name {target.host} was not resolved in time.") from None
    if isinstance(answer, Exception):
        raise PeerUnavailable(f"The name {target.host} cannot be resolved.") from answer
    return answer
