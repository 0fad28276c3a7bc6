"""The one way out: what is refused before a socket opens, what is cut, what is never repeated."""

import gzip
import io
import ssl
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from portal.adapters import addresses, fetch
from portal.errors import OutboundRefused, PeerUnavailable, TooLarge
from tests.adapters.peers import Peer, certificate, endless, peer, saying, serving, silent, sipping

PUBLIC = "93.184.215.14"

NOT_PUBLIC = [
    "127.0.0.1",
    "127.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "0.0.0.0",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::1",
    "::",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "2001::1",
    "2001:db8::1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "3fff::1",
    "5f00::1",
    "100::1",
    "2001:2::1",
]

DISGUISED = [
    "2130706433",
    "0x7f000001",
    "017700000001",
    "0177.0.0.1",
    "127.1",
    "0x7f.1",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "0",
    "0x0",
    "0xa9fea9fe",
    "2852039166",
    "127.0.0.1.",
    "１２７.0.0.1",
]


@pytest.fixture(autouse=True)
def nothing_allowed(settings: Any) -> None:
    settings.OUTBOUND_ALLOW = []
    settings.ALLOWED_HOSTS = ["portal.example", "127.0.0.1", "localhost"]
    settings.PUBLIC_URL = "https://portal.example"


@pytest.fixture
def canary() -> Iterator[Peer]:
    """A listener on loopback that nobody may reach."""
    with peer(saying()) as server:
        yield server
        assert server.n_connections == 0


def answering(*addresses_in_turn: list[str]) -> Callable[[str, int], list[str]]:
    """A name server that answers differently each time it is asked."""
    answers = iter(addresses_in_turn)
    return lambda _host, _port: next(answers)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused_with_the_remedy(address: str) -> None:
    assert not addresses.is_public(address)
    url = f"http://[{address}]/" if ":" in address else f"http://{address}/"
    with pytest.raises(OutboundRefused, match=r"OUTBOUND_ALLOW|this portal itself"):
        fetch.check_url(url)
    with pytest.raises(OutboundRefused):
        fetch.request("GET", url)


@pytest.mark.parametrize("host", DISGUISED)
def test_a_disguised_address_is_refused_without_asking_a_name_server(host: str) -> None:
    def asked(_host: str, _port: int) -> list[str]:
        raise AssertionError("asked")

    with pytest.raises(OutboundRefused):
        fetch.check_url(f"http://{host}/", resolver=asked)


@pytest.mark.parametrize(
    "address",
    [PUBLIC, "1.1.1.1", "168.63.129.15", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "2a00::1"],
)
def test_a_public_address_is_let_through(address: str) -> None:
    assert addresses.is_public(address)


@pytest.mark.parametrize("text", ["", "localhost", "2606:4700::1%eth0", "1.1.1.1/32", " 1.1.1.1"])
def test_what_is_no_plain_address_is_not_public(text: str) -> None:
    assert not addresses.is_public(text)


@pytest.mark.parametrize(
    "scheme", ["file", "ftp", "gopher", "data", "javascript", "dict", "ws", ""]
)
def test_only_http_is_called(scheme: str) -> None:
    with pytest.raises(OutboundRefused, match="Only http"):
        fetch.check_url(f"{scheme}://example.com/" if scheme else "//example.com/")


@pytest.mark.parametrize(
    "url",
    [
        "http://ok@127.0.0.1/",
        "http://u:p@example.com/",
        "http://@example.com/",
        "http://example.com@/",
        "http:\\\\127.0.0.1",
        "http://example.com\\@127.0.0.1/",
        "http://127.0.0.1#@example.com",
        "http://exa\tmple.com/",
        "http://example.com/\r\nX: y",
        "http://example.com/a b",
        " http://example.com/",
        "http://[::1",
        "http://[v1.x]/",
        "http://[fe80::1%25eth0]/",
        "http://",
        "http:///path",
        "http://exa..mple/",
        "http://" + "a" * 64 + ".com/",
        "http://exam_ple.com:99999/",
        "http://example.com:x/",
        "http://example.com:-1/",
        "http://example.com:８０/",
        "http://-example.com/",
        "http://exa%6dple.com/",
        "http://example.com/" + "x" * 2048,
        "",
    ],
)
def test_an_ambiguous_url_is_refused_before_a_name_server_is_asked(url: str) -> None:
    def asked(_host: str, _port: int) -> list[str]:
        raise AssertionError("asked")

    with pytest.raises(OutboundRefused):
        fetch.check_url(url, allow=[], resolver=asked)


@pytest.mark.parametrize("port", [22, 25, 0, 3306, 5432, 6379, 8000, 8080])
def test_an_odd_port_is_refused_with_the_remedy(port: int) -> None:
    with pytest.raises(OutboundRefused, match="OUTBOUND_ALLOW"):
        fetch.check_url(f"https://example.com:{port}/", resolver=answering([PUBLIC]))


@pytest.mark.parametrize("host", ["portal.example", "PORTAL.example", "portal.example."])
def test_the_portal_does_not_call_itself(host: str) -> None:
    with pytest.raises(OutboundRefused, match="this portal itself"):
        fetch.check_url(f"https://{host}/", resolver=answering([PUBLIC]))


def test_localhost_is_refused_by_its_address(settings: Any) -> None:
    settings.ALLOWED_HOSTS = []
    with pytest.raises(OutboundRefused, match="not a public address"):
        fetch.check_url("http://localhost/")


def test_a_name_with_one_private_address_among_public_ones_is_refused() -> None:
    both = answering([PUBLIC, "10.0.0.1"], ["2606:4700::1111", "::1"])
    for _ in range(2):
        with pytest.raises(OutboundRefused, match="not a public address"):
            fetch.check_url("http://example.com/", resolver=both)


def test_a_public_name_passes_the_door() -> None:
    target = fetch.check_url(
        "HTTPS://Bücher.Example/pfad/ä?q=ö&r=%20#fragment", resolver=answering([PUBLIC])
    )
    assert target.host == "xn--bcher-kva.example"
    assert target.authority == "xn--bcher-kva.example"
    assert target.path == "/pfad/%C3%A4?q=%C3%B6&r=%20"


def test_an_unknown_name_is_refused_at_the_door_and_unavailable_later() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(OutboundRefused, match="cannot be resolved"):
        fetch.check_url("http://example.com/", resolver=unknown)
    with pytest.raises(PeerUnavailable, match="cannot be resolved"):
        fetch.request("GET", "http://example.com/", resolver=unknown)


def test_a_hanging_name_server_does_not_outlast_the_timeout(canary: Peer) -> None:
    def hanging(_host: str, _port: int) -> list[str]:
        canary.is_over.wait(30)
        return [PUBLIC]

    start = time.monotonic()
    with pytest.raises(PeerUnavailable, match="in time"):
        fetch.request("GET", "http://example.com/", resolver=hanging, timeout=0.2)
    assert time.monotonic() - start < 10
    canary.is_over.set()


@pytest.mark.parametrize(
    "entry", ["example.com", "example.com:0", "example.com:99999", ":80", "a b:80"]
)
def test_a_malformed_entry_of_the_allow_list_is_an_error(entry: str) -> None:
    with pytest.raises(ValueError, match="OUTBOUND_ALLOW"):
        addresses.allowed([entry])


def test_an_allowed_address_is_reached_and_no_other_port_of_it(canary: Peer) -> None:
    with peer(saying(body=b"hello", X_Kind="test")) as server:
        answer = fetch.request("GET", server.url("/a?b=c"), allow=server.allow)
        with pytest.raises(OutboundRefused, match="OUTBOUND_ALLOW"):
            fetch.request("GET", canary.url(), allow=server.allow)

    assert (answer.status, answer.body, answer.truncated) == (200, b"hello", False)
    assert answer.headers["x-kind"] == "test"
    assert answer.is_success
    assert server.requests[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")


def test_the_setting_allows_what_an_argument_does_not_name(settings: Any) -> None:
    with peer(saying()) as server:
        with pytest.raises(OutboundRefused):
            fetch.request("GET", server.url())
        settings.OUTBOUND_ALLOW = server.allow
        assert fetch.request("GET", server.url()).status == 200


def test_an_allowed_entry_lifts_no_other_rule(canary: Peer) -> None:
    for url in (f"http://u:p@127.0.0.1:{canary.port}/", f"ftp://127.0.0.1:{canary.port}/"):
        with pytest.raises(OutboundRefused):
            fetch.request("GET", url, allow=canary.allow)


def test_an_ipv6_address_is_allowed_in_brackets() -> None:
    target = fetch.check_url("http://[0:0:0::1]:8443/", allow=["[::1]:8443"])
    assert (target.host, target.port, target.authority) == ("::1", 8443, "[::1]:8443")


def test_body_and_headers_arrive_as_given_and_framing_is_ours() -> None:
    headers = {
        "Content-Type": "application/json",
        "webhook-id": "msg_1",
        "host": "evil",
        "Content-Length": "999",
        "Transfer-Encoding": "chunked",
        "Accept-Encoding": "gzip",
    }
    with peer(saying()) as server:
        fetch.request(
            "POST", server.url(), headers=headers, body=b"x" * 100_000, allow=server.allow
        )

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert body == b"x" * 100_000
    assert f"host: {server.host}:{server.port}" in lines
    assert "content-length: 100000" in lines
    assert "accept-encoding: identity" in lines
    assert "webhook-id: msg_1" in lines
    assert not any("evil" in line or "999" in line or "chunked" in line for line in lines)


def test_headers_cannot_be_split() -> None:
    with peer(saying()) as server, pytest.raises(ValueError, match="header"):
        fetch.request("GET", server.url(), headers={"X": "a\r\nY: b"}, allow=server.allow)


@pytest.mark.parametrize("status", ["301 x", "302 Found", "303 x", "307 x", "308 x"])
def test_a_redirect_is_an_answer_and_is_not_followed(canary: Peer, status: str) -> None:
    with peer(saying(status, Location=canary.url())) as server:
        answer = fetch.request("GET", server.url(), allow=[*server.allow, *canary.allow])
        with pytest.raises(PeerUnavailable, match="where 200 was expected"):
            fetch.download(server.url(), io.BytesIO(), max_bytes=100, allow=server.allow)

    assert answer.status == int(status[:3])
    assert not answer.is_success
    assert server.n_connections == 2


def test_a_rebinding_name_is_checked_each_time_and_never_reached(canary: Peer) -> None:
    rebinding = answering([PUBLIC], ["127.0.0.1"])
    fetch.check_url("http://rebind.example/", resolver=rebinding)
    with pytest.raises(OutboundRefused, match="not a public address"):
        fetch.request("GET", "http://rebind.example/", resolver=rebinding)


def test_the_connection_goes_to_the_very_address_that_was_checked() -> None:
    with peer(saying(body=b"checked"), host="127.0.0.2") as server:
        once = answering(["127.0.0.2"])  # a second question would raise StopIteration
        url, allow = server.url(host="name.example"), [f"name.example:{server.port}"]
        assert fetch.request("GET", url, allow=allow, resolver=once).body == b"checked"
    assert f"Host: name.example:{server.port}\r\n".encode() in server.requests[0]


def test_the_next_address_is_tried_where_the_first_does_not_answer() -> None:
    with peer(saying()) as server:
        both = answering(["127.0.0.3", "127.0.0.1"])
        url, allow = server.url(host="name.example"), [f"name.example:{server.port}"]
        assert fetch.request("GET", url, allow=allow, resolver=both).status == 200


def test_proxy_variables_are_ignored(canary: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, canary.url())
    with peer(saying()) as server:
        assert fetch.request("GET", server.url(), allow=server.allow).status == 200


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    tls = serving(certificate(tmp_path, "127.0.0.1"))
    with (
        peer(saying(), tls=tls) as server,
        pytest.raises(OutboundRefused, match="certificate"),
    ):
        fetch.request("GET", server.url(scheme="https"), allow=server.allow)
    assert server.requests == []


def test_the_certificate_is_that_of_the_name_and_the_name_is_sent(tmp_path: Path) -> None:
    path = certificate(tmp_path, "name.example")
    trusted = ssl.create_default_context(cafile=str(path))

    def get(host: str) -> fetch.Response:
        return fetch.request(
            "GET",
            server.url(scheme="https", host=host),
            allow=[f"{host}:{server.port}"],
            resolver=answering(["127.0.0.1"]),
            tls=trusted,
        )

    with peer(saying(body=b"secret"), tls=serving(path)) as server:
        assert get("name.example").body == b"secret"
        with pytest.raises(OutboundRefused, match="certificate"):
            get("other.example")
    assert server.names == ["name.example", "other.example"]


def test_an_answer_beyond_the_limit_is_cut_and_says_so() -> None:
    with peer(endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536)) as server:
        answer = fetch.request("GET", server.url(), allow=server.allow, max_bytes=1000)
    assert (len(answer.body), answer.truncated) == (1000, True)


def test_an_answer_exactly_at_the_limit_is_whole() -> None:
    with peer(saying(body=b"x" * 1000)) as server:
        answer = fetch.request("GET", server.url(), allow=server.allow, max_bytes=1000)
    assert (len(answer.body), answer.truncated) == (1000, False)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_packed_answer_is_unpacked_within_the_limit(encoding: str) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding]
    with peer(saying(body=pack(b"hello" * 100), Content_Encoding=encoding)) as server:
        answer = fetch.request("GET", server.url(), allow=server.allow)
    assert answer.body == b"hello" * 100

    bomb = pack(b"\x00" * 50_000_000)
    with peer(saying(body=bomb, Content_Encoding=encoding)) as server:
        tracemalloc.start()
        answer = fetch.request("GET", server.url(), allow=server.allow)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 2_000_000
        with pytest.raises(TooLarge):
            fetch.download(server.url(), io.BytesIO(), max_bytes=100_000, allow=server.allow)
    assert (len(answer.body), answer.truncated) == (65536, True)


def test_an_empty_answer_may_claim_to_be_packed() -> None:
    with peer(saying("204 No Content", Content_Length="", Content_Encoding="gzip")) as server:
        assert fetch.request("GET", server.url(), allow=server.allow).body == b""


@pytest.mark.parametrize(
    "answer",
    [
        endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x", pause=0.05),
        endless(b"HTTP/1.1 200 OK\r\n", b"a", pause=0.05),
        endless(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", pause=0.05
        ),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.05),
        silent,
    ],
    ids=["slow-body", "slow-head", "slow-chunks", "continue", "silent"],
)
def test_an_answer_that_takes_its_time_is_cut_at_the_total_timeout(answer: Any) -> None:
    with peer(answer) as server:
        start = time.monotonic()
        with pytest.raises(PeerUnavailable, match=r"did not answer in 0\.5 s"):
            fetch.request("GET", server.url(), allow=server.allow, timeout=0.5)
        assert 0.4 < time.monotonic() - start < 10


@pytest.mark.parametrize("answer", [silent, sipping])
def test_a_peer_that_hardly_reads_is_cut_at_the_total_timeout(answer: Any) -> None:
    body = b"x" * 20_000_000  # more than the system's buffers hold
    start = time.monotonic()
    with (
        peer(answer, is_deaf=True) as server,
        pytest.raises(PeerUnavailable, match=r"did not answer in 0\.5 s"),
    ):
        fetch.request("POST", server.url(), body=body, allow=server.allow, timeout=0.5)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    "answer",
    [
        saying(body=b"secret half", Content_Length="100"),
        saying(body=b"5\r\nsec", Content_Length="", Transfer_Encoding="chunked"),
        saying(body=b"zzz\r\nsecret", Content_Length="", Transfer_Encoding="chunked"),
        saying(body=gzip.compress(b"secret")[:-9], Content_Encoding="gzip"),
        saying(body=b"secret, not gzip", Content_Encoding="gzip"),
        endless(b"secret secret secret\r\n", b"x" * 65536),
        endless(b"HTTP/1.1 200 OK\r\n", b"X: secret\r\n"),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        endless(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"1;" + b"s" * 999 + b"\r\nx\r\n",
        ),
        lambda _peer, _wire: None,
    ],
    ids=[
        "short",
        "short-chunk",
        "bad-chunk",
        "short-gzip",
        "no-gzip",
        "no-http",
        "endless-head",
        "endless-continue",
        "padded-chunks",
        "hang-up",
    ],
)
def test_a_broken_answer_is_named_without_repeating_what_it_said(answer: Any) -> None:
    with peer(answer) as server, pytest.raises(PeerUnavailable) as failed:
        fetch.request("GET", server.url(), allow=server.allow, timeout=30)
    assert "broke off" in failed.value.detail
    assert "secret" not in failed.value.detail
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__


def test_a_closed_port_is_unavailable(free_port: Callable[[], int]) -> None:
    port = free_port()
    with pytest.raises(PeerUnavailable, match="broke off"):
        fetch.request("GET", f"http://127.0.0.1:{port}/", allow=[f"127.0.0.1:{port}"])


def test_a_download_reaches_the_sink_whole_with_its_digest() -> None:
    sink = io.BytesIO()
    with peer(saying(body=b"clip" * 50_000, Content_Type="video/mp4")) as server:
        found = fetch.download(server.url(), sink, max_bytes=200_000, allow=server.allow)

    assert sink.getvalue() == b"clip" * 50_000
    assert found.n_bytes == 200_000
    assert found.content_type == "video/mp4"
    assert len(found.sha256) == 64


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (saying(body=b"x" * 1001), TooLarge),
        (endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536), TooLarge),
        (saying(body=b"x" * 10, Content_Length="20"), PeerUnavailable),
        (saying("404 Not Found", b"secret"), PeerUnavailable),
        (saying("206 Partial Content", b"x"), PeerUnavailable),
    ],
)
def test_a_download_that_is_not_whole_is_refused(answer: Any, error: type[Exception]) -> None:
    with peer(answer) as server, pytest.raises(error):
        fetch.download(server.url(), io.BytesIO(), max_bytes=1000, allow=server.allow)


def test_a_download_that_takes_its_time_is_cut_at_the_total_timeout() -> None:
    trickle = endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x", pause=0.05)
    with peer(trickle) as server, pytest.raises(PeerUnavailable, match="did not answer"):
        fetch.download(server.url(), io.BytesIO(), max_bytes=1000, timeout=0.5, allow=server.allow)


def test_a_failing_sink_is_not_blamed_on_the_peer() -> None:
    class Full:
        def write(self, data: bytes, /) -> None:
            raise OSError(28, "full")

    with peer(saying(body=b"x")) as server, pytest.raises(OSError, match="full"):
        fetch.download(server.url(), Full(), max_bytes=1000, allow=server.allow)
