"""The local store: whole files or none, keys of its own, orphans swept."""

import hashlib
import io
import os
import stat
from pathlib import Path

import pytest

from portal.adapters import stores
from portal.adapters.stores import LocalStore
from portal.errors import DiskFull, InvalidInput, NotFound, TooLarge

CONTENT = b"moving pictures" * 1000


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "files")


def put(store: LocalStore, content: bytes = CONTENT, **limits: object) -> stores.Stored:
    given = {"suffix": ".mp4", "max_bytes": 1_000_000} | limits
    return store.put(io.BytesIO(content), **given)  # type: ignore[arg-type]


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def age(path: Path, seconds: float) -> None:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_what_was_put_is_read_back(store: LocalStore) -> None:
    stored = put(store)

    assert stored.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert stored.bytes == len(CONTENT)
    assert stored.key.endswith(".mp4")
    with store.open(stored.key) as file:
        assert file.read() == CONTENT


def test_the_same_file_twice_has_two_keys_so_that_one_can_be_erased(store: LocalStore) -> None:
    first, second = put(store), put(store)
    store.delete(first.key)

    with store.open(second.key) as file:
        assert file.read() == CONTENT
    with pytest.raises(NotFound):
        store.open(first.key)


def test_deleting_twice_is_harmless(store: LocalStore) -> None:
    key = put(store).key
    store.delete(key)
    store.delete(key)


def test_files_and_folders_are_their_owners_alone(store: LocalStore, tmp_path: Path) -> None:
    path = store.path(put(store).key)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "files").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("limits", "error", "field"),
    [
        ({"expected_bytes": len(CONTENT) + 1}, InvalidInput, "file"),
        ({"expected_bytes": len(CONTENT) - 1}, InvalidInput, "file"),
        ({"expected_sha256": "0" * 64}, InvalidInput, "sha256"),
        ({"max_bytes": len(CONTENT) - 1}, TooLarge, None),
        ({"content": b""}, InvalidInput, "file"),
    ],
)
def test_a_refused_file_leaves_nothing(
    store: LocalStore,
    tmp_path: Path,
    limits: dict[str, object],
    error: type[InvalidInput],
    field: str | None,
) -> None:
    with pytest.raises(error) as refused:
        put(store, **limits)  # type: ignore[arg-type]

    assert [problem["field"] for problem in refused.value.errors] == ([field] if field else [])
    assert files_in(tmp_path) == []


def test_a_file_exactly_as_declared_is_kept(store: LocalStore) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest().upper()
    limits = {"max_bytes": len(CONTENT), "expected_bytes": len(CONTENT), "expected_sha256": digest}
    assert put(store, **limits).bytes == len(CONTENT)


def test_an_upload_that_breaks_off_leaves_nothing(store: LocalStore, tmp_path: Path) -> None:
    class Broken:
        n_reads = 0

        def read(self, size: int, /) -> bytes:
            self.n_reads += 1
            if self.n_reads > 2:
                raise ConnectionResetError
            return b"x" * size

    with pytest.raises(ConnectionResetError):
        store.put(Broken(), suffix=".mp4", max_bytes=10_000_000)
    assert files_in(tmp_path) == []


def test_a_file_is_not_under_a_key_before_it_is_whole(store: LocalStore, tmp_path: Path) -> None:
    with store.incoming(suffix=".mp4", max_bytes=100) as sink:
        sink.write(b"half")
        sink.flush()
        assert [path.parent.name for path in files_in(tmp_path)] == [stores.INCOMING]
        stored = sink.keep()
    assert [store.path(stored.key)] == files_in(tmp_path)


def test_a_full_disk_is_said_as_such() -> None:
    with (
        pytest.raises(DiskFull, match="no room"),
        stores.full_disk_is_said(),
        open("/dev/full", "wb", buffering=0) as device,
    ):
        device.write(b"x")


def test_another_failure_of_the_disk_is_not_called_full(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), stores.full_disk_is_said():
        (tmp_path / "missing").read_bytes()


@pytest.mark.parametrize(
    "key",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "ab/../../x",
        "-rf",
        "",
        "ab/" + "0" * 32 + ".mp4/..",
        "ab/" + "0" * 32 + "\n",
        ".incoming/tmp.mp4",
    ],
)
def test_a_key_that_is_not_ours_opens_nothing(store: LocalStore, key: str) -> None:
    for use in (store.open, store.path, store.delete):
        with pytest.raises(ValueError, match="not a key"):
            use(key)


@pytest.mark.parametrize("suffix", ["mp4", ".MP4", "/../x", ".a.b.c", ".mp4\x00", "." + "x" * 11])
def test_a_suffix_is_never_taken_from_data(store: LocalStore, suffix: str) -> None:
    with pytest.raises(ValueError, match="suffix"):
        put(store, suffix=suffix)


def test_a_symbolic_link_in_the_store_is_not_followed(store: LocalStore, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    path = store.path(put(store).key)
    path.unlink()
    path.symlink_to(secret)

    with pytest.raises(NotFound):
        store.open(path.relative_to(tmp_path / "files").as_posix())


def test_the_sweep_takes_old_files_that_no_row_knows(store: LocalStore, tmp_path: Path) -> None:
    known, orphan, young = put(store), put(store), put(store)
    half = tmp_path / "files" / stores.INCOMING / "half.mp4"
    half.write_bytes(b"half")
    for path in (store.path(known.key), store.path(orphan.key), half):
        age(path, 7200)

    assert store.sweep_orphans({known.key}, older_than_seconds=3600) == 2
    assert store.sweep_orphans({known.key}, older_than_seconds=3600) == 0
    assert set(files_in(tmp_path)) == {store.path(known.key), store.path(young.key)}


def test_the_sweep_leaves_what_it_did_not_make(store: LocalStore, tmp_path: Path) -> None:
    put(store)
    stranger = tmp_path / "files" / "readme" / "note.txt"
    stranger.parent.mkdir()
    stranger.write_text("mine")
    age(stranger, 7200)

    assert store.sweep_orphans((), older_than_seconds=3600) == 0
    assert stranger.exists()


def test_an_empty_store_has_room_and_no_orphans(store: LocalStore) -> None:
    assert store.sweep_orphans((), older_than_seconds=0) == 0
    assert store.free_bytes() > 0
