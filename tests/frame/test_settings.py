"""What an installation is like before anybody set anything, and what it refuses to be."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

SHOW = textwrap.dedent("""
    import json
    from labelportal import settings
    names = ("DEBUG", "ALLOWED_HOSTS", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE",
             "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS", "BASE_URL")
    print(json.dumps({name: getattr(settings, name) for name in names}))
""")


def settings_with(tmp_path, **environment: str) -> subprocess.CompletedProcess[str]:
    bare = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", SHOW],
        env=bare | {"DATA_DIR": str(tmp_path / "data")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_any_setting_only_this_machine_is_answered(tmp_path) -> None:
    shown = json.loads(settings_with(tmp_path).stdout)
    assert not shown["DEBUG"]
    assert set(shown["ALLOWED_HOSTS"]) == {"127.0.0.1", "localhost", "[::1]"}


def test_a_public_address_means_https_everywhere(tmp_path) -> None:
    shown = json.loads(settings_with(tmp_path, PUBLIC_URL="https://captions.example.org/").stdout)
    assert shown["BASE_URL"] == "https://captions.example.org"
    assert "captions.example.org" in shown["ALLOWED_HOSTS"]
    assert shown["SECURE_SSL_REDIRECT"]
    assert shown["SESSION_COOKIE_SECURE"]
    assert shown["CSRF_COOKIE_SECURE"]
    assert shown["SECURE_HSTS_SECONDS"] > 0


def test_passwords_never_cross_a_network_in_the_clear_unasked(tmp_path) -> None:
    address = "http://captions.example.org"
    refused = settings_with(tmp_path, PUBLIC_URL=address)
    assert refused.returncode != 0
    assert "INSECURE_HTTP=1" in refused.stderr
    assert settings_with(tmp_path, PUBLIC_URL=address, INSECURE_HTTP="1").returncode == 0


@pytest.mark.parametrize("folder", ["data", "data/files", "data/uploads", "data/cache"])
def test_the_folders_of_an_installation_are_private(tmp_path, folder) -> None:
    assert settings_with(tmp_path).returncode == 0
    assert (tmp_path / folder).stat().st_mode & 0o777 == 0o700
