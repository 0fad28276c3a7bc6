"""Keys are made once, for this installation alone."""

import subprocess
import sys
import textwrap

import pytest
from django.core.exceptions import ImproperlyConfigured

from labelportal import keys


def test_two_installations_have_different_keys(tmp_path) -> None:
    one, other = keys.secret_key(tmp_path / "a"), keys.secret_key(tmp_path / "b")
    assert one != other
    assert keys.field_key(tmp_path / "c") != keys.field_key(tmp_path / "d")


def test_a_key_stays_the_same_and_is_the_owners_alone(tmp_path) -> None:
    path = tmp_path / "secret.key"
    assert keys.secret_key(path) == keys.secret_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret.key"]


def test_processes_that_start_at_once_agree_on_one_key(tmp_path) -> None:
    program = textwrap.dedent(f"""
        from pathlib import Path
        from labelportal import keys
        print(keys.secret_key(Path({str(tmp_path / "secret.key")!r})))
    """)
    children = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    said = {child.communicate()[0].strip() for child in children}
    assert len(said) == 1
    assert len(said.pop()) >= keys.SHORTEST_KEY


@pytest.mark.parametrize("placeholder", ["changeme", "x" * 60, "django-insecure-" + "abcdef" * 9])
def test_a_placeholder_is_refused(tmp_path, placeholder) -> None:
    with pytest.raises(ImproperlyConfigured, match="placeholder"):
        keys.secret_key(tmp_path / "secret.key", placeholder)


@pytest.mark.parametrize("malformed", ["abc", "not base64 at all", "YWJj"])
def test_a_malformed_field_key_is_refused(tmp_path, malformed) -> None:
    with pytest.raises(ImproperlyConfigured, match="32 bytes"):
        keys.field_key(tmp_path / "field.key", malformed)


def test_the_data_folder_is_the_owners_alone(tmp_path) -> None:
    assert keys.private_folder(tmp_path / "data").stat().st_mode & 0o777 == 0o700
