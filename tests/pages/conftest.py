"""People at their seats, a clip that really plays, and a browser that listens for complaints."""

import io
from collections.abc import Iterator
from itertools import count

import av
import numpy as np
import pytest
from django.test import Client

from portal.models.members import Role
from portal.services import videos
from tests.conftest import CHROMIUM_ARGS
from tests.factories import MembershipFactory, ProjectFactory, TaskFactory, UserFactory

WIDTH, HEIGHT, FPS, SECONDS = 160, 120, 12, 3


@pytest.fixture(scope="session")
def clip_bytes() -> bytes:
    """Three seconds of a bright square that moves right: H.264, playable and seekable."""
    sink = io.BytesIO()
    with av.open(sink, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = FPS
        stream.options = {"preset": "superfast"}
        for number in range(FPS * SECONDS):
            picture = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
            left = number * (WIDTH - 40) // (FPS * SECONDS)
            picture[40:80, left : left + 40] = (250, 200, 40)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return sink.getvalue()


@pytest.fixture
def project(db):
    return ProjectFactory(slug="shapes", name="Moving shapes")


@pytest.fixture
def seat(project):
    """Make a person with a role in the project; return the user and a client signed in as them."""

    def take(role: str = Role.ANNOTATOR, in_project=project, **fields):
        user = UserFactory(**fields)
        MembershipFactory(project=in_project, user=user, role=role)
        client = Client()
        client.force_login(user)
        return user, client

    return take


@pytest.fixture
def playable_task(project, clip_bytes):
    """An open task whose clip is on disk and probed."""
    numbers = count(1)

    def make(**fields):
        name = f"clip-{next(numbers)}"
        video = videos.upload(project=project, video_id=name, stream=io.BytesIO(clip_bytes))
        videos.probe(video_id=video.pk)
        video.refresh_from_db()
        return TaskFactory(project=project, video=video, **fields)

    return make


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
