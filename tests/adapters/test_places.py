"""Files in place: under the operator's folders, and never a step beside them."""

import pytest

from portal.adapters import places, stores
from portal.errors import InvalidInput, NotFound


@pytest.fixture
def root(settings, tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"clip")
    settings.VIDEO_ROOTS = [str(folder)]
    return folder


def test_a_file_below_a_root_is_opened_and_never_deleted(root):
    key = places.key_of(root / "a.mp4")
    store = stores.configured()
    with store.open(key) as file:
        assert file.read() == b"clip"
    store.delete(key)
    assert (root / "a.mp4").exists()


def test_c9_what_lies_elsewhere_climbs_or_links_is_refused(root, tmp_path):
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    (tmp_path / "clips-too").mkdir()
    (tmp_path / "clips-too" / "b.mp4").write_bytes(b"secret")
    (root / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (root / "folder").symlink_to(tmp_path)
    (root / "inner").mkdir()
    for path in (
        tmp_path / "secret.mp4",
        tmp_path / "clips-too" / "b.mp4",
        root / ".." / "secret.mp4",
        root / "inner" / ".." / "a.mp4",
        root / "link.mp4",
        root / "folder" / "secret.mp4",
        root / "inner",
        root,
        root / "none.mp4",
    ):
        with pytest.raises(InvalidInput):
            places.key_of(path)
        with pytest.raises(NotFound):
            stores.configured().open(f"{places.IN_PLACE}{path}")


def test_a_file_that_became_a_link_or_lost_its_root_is_not_served_any_more(root, settings):
    key = places.key_of(root / "a.mp4")
    (root / "a.mp4").unlink()
    (root / "a.mp4").symlink_to("/etc/passwd")
    with pytest.raises(NotFound):
        stores.configured().open(key)
    (root / "a.mp4").unlink()
    (root / "a.mp4").write_bytes(b"clip")
    settings.VIDEO_ROOTS = []
    with pytest.raises(NotFound):
        stores.configured().open(key)


def test_a_changed_file_has_another_tag(root):
    key = places.key_of(root / "a.mp4")
    store = stores.configured()
    with store.open(key) as file:
        before = stores.tag_of(key, file)
    (root / "a.mp4").write_bytes(b"another")
    with store.open(key) as file:
        assert stores.tag_of(key, file) != before
