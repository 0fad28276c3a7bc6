"""People at their seats, a clip that really plays, and a browser that listens for complaints."""

import io
from itertools import count

import av
import numpy as np
import pytest
from django.test import Client

from portal.models.members import Role
from portal.services import videos
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
