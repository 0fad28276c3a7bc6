"""What every test may ask for."""

import os
import socket
from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from hypothesis import settings as hypothesis_settings

# The same examples each time, without a deadline: two cores are shared with other people's work.
hypothesis_settings.register_profile("portal", deadline=None, derandomize=True, database=None)
hypothesis_settings.load_profile("portal")

# Playwright runs its own event loop in the test's thread; the tests then ask the ORM directly.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(autouse=True)
def empty_cache(settings) -> None:
    """No throttle or sketch of an earlier test counts in this one."""
    from django.core.cache import caches

    for cache in caches.all():
        cache.clear()


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A port that nobody listened on a moment ago."""

    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


@pytest.fixture
def child_environment(settings, transactional_db) -> dict[str, str]:
    """The environment in which `manage.py …` sees this very test's database and data folder."""
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "labelportal.settings",
        "DATA_DIR": str(settings.DATA_DIR),
        "DATABASE_URL": database_url(),
        "SWEEP_SECONDS": "1",
        "PYTHONWARNINGS": "",
    }


def database_url() -> str:
    """The address of the test database that is in use now."""
    parts = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{parts['NAME']}"
    host = f"{parts['HOST'] or '127.0.0.1'}:{parts['PORT'] or 5432}"
    return f"postgres://{parts['USER']}:{parts['PASSWORD']}@{host}/{parts['NAME']}"


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=CHROMIUM_ARGS
        )
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What pages complained of: script errors, failed requests, refused content, dialogs."""
    return []


@pytest.fixture
def open_page(chromium, live_server, complaints):
    """Open a page of the live server in a context of its own, signed in by form."""
    contexts = []

    def opened(username="", password="", **options):
        context = chromium.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append("dialog"), dialog.dismiss()))
        if username:
            page.goto("/sign-in")
            page.get_by_label("User name").fill(username)
            page.get_by_label("Password").fill(password)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(f"{live_server.url}/")
        return page

    yield opened
    for context in contexts:
        context.close()
