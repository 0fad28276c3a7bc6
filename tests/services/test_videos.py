"""Clips: registered, uploaded, fetched and looked into, linked, erased."""

import hashlib
import io
import os
from datetime import timedelta
from fractions import Fraction

import av
import numpy as np
import pytest
from django.conf import settings as portal_settings
from django.utils import timezone

from portal.adapters import signatures, stores
from portal.errors import Conflict, InvalidInput, MediaRefused, OutboundRefused, TooLarge
from portal.models import AuditEntry, BatchItem, Consensus, Task, Video
from portal.services import files, videos
from tests.factories import (
    AnnotationFactory,
    BatchItemFactory,
    ConsensusFactory,
    EventFactory,
    JobFactory,
    PredictionFactory,
    ProjectFactory,
    TaskFactory,
    VideoFactory,
    VoteFactory,
)
from tests.receivers import receiving

pytestmark = pytest.mark.django_db


def clip(codec: str = "libx264", container: str = "mp4", n_frames: int = 12) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=container) as target:
        stream = target.add_stream(codec, rate=12)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(n_frames):
            picture = np.full((48, 64, 3), number * 10, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 12)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


H264 = clip()


def uploaded(content: bytes = H264, video_id: str = "v1", **fields) -> Video:
    fields.setdefault("project", None)
    project = fields.pop("project") or ProjectFactory(evaluation_share=0.0)
    return videos.upload(project=project, video_id=video_id, stream=io.BytesIO(content), **fields)


def probed(video: Video) -> Video:
    videos.probe(video_id=video.pk)
    video.refresh_from_db()
    return video


def content_of(key: str) -> bytes:
    return stores.configured().path(key).read_bytes()


def n_files() -> int:
    root = portal_settings.FILES_DIR
    return sum(path.is_file() for path in root.rglob("*"))


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path) -> None:
    settings.FILES_DIR = tmp_path / "files"
    settings.FILES_DIR.mkdir()


def test_registering_again_changes_nothing(django_capture_on_commit_callbacks):
    project = ProjectFactory()
    first = videos.register(project=project, video_id="a", source_url="https://example.com/a.mp4")
    again = videos.register(project=project, video_id="a", source_url="https://example.com/a.mp4")
    unsaid = videos.register(project=project, video_id="a")
    assert first == again == unsaid
    assert unsaid.source_url == "https://example.com/a.mp4"


def test_another_address_for_a_known_video_is_a_conflict():
    project = ProjectFactory()
    videos.register(project=project, video_id="a", source_url="https://example.com/a.mp4")
    with pytest.raises(Conflict):
        videos.register(project=project, video_id="a", source_url="https://example.com/b.mp4")


def test_an_address_may_come_after_the_id():
    project = ProjectFactory()
    videos.register(project=project, video_id="a")
    later = videos.register(project=project, video_id="a", source_url="https://example.com/a.mp4")
    assert later.source_url == "https://example.com/a.mp4"


def test_which_videos_are_for_evaluation_is_decided_by_their_id_alone():
    project = ProjectFactory(evaluation_share=0.5, evaluation_salt="s")
    chosen = {
        name: videos.register(project=project, video_id=name).is_evaluation
        for name in map(str, range(60))
    }
    twin = ProjectFactory(evaluation_share=0.5, evaluation_salt="s")
    assert 15 < sum(chosen.values()) < 45
    assert chosen == {
        name: videos.register(project=twin, video_id=name).is_evaluation for name in chosen
    }


@pytest.mark.parametrize("video_id", ["", " a", "a\nb", "a\x00", "x" * 201, "\ud800"])
def test_an_id_that_cannot_be_shown_is_refused(video_id):
    with pytest.raises(InvalidInput) as refused:
        videos.register(project=ProjectFactory(), video_id=video_id)
    assert refused.value.errors[0]["field"] == "video_id"


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/a.mp4",
        "http://127.0.0.1/a.mp4",
        "http://0x7f.1/",
        "http://[fd00::1]/",
        "http://2130706433/",
        "file:///etc/passwd",
        "https://u:p@example.com/",
        "ftp://example.com/a",
        "http://169.254.169.254/latest",
        "https://example.com:25/a.mp4",
        "data:video/mp4;base64,AA",
    ],
)
def test_an_address_that_will_never_be_called_is_refused_at_the_door(url):
    with pytest.raises(OutboundRefused):
        videos.register(project=ProjectFactory(), video_id="a", source_url=url)
    assert not Video.objects.exists()


def test_an_upload_is_kept_whole_and_looked_into():
    video = uploaded(expected_bytes=len(H264), expected_sha256=hashlib.sha256(H264).hexdigest())
    assert video.state == "registered"
    video = probed(video)
    assert (video.state, video.mime, video.codec) == ("ready", "video/mp4", "h264")
    assert (video.width, video.height, video.frames_per_second) == (64, 48, 12.0)
    assert video.clip_seconds == pytest.approx(1.0, abs=0.1)
    assert content_of(video.file_key) == H264
    assert content_of(video.thumbnail_key).startswith(b"\xff\xd8")


def test_probing_twice_looks_once():
    video = probed(uploaded())
    before = n_files()
    again = probed(video)
    assert (again.n_attempts, again.thumbnail_key, n_files()) == (1, video.thumbnail_key, before)


def test_the_same_file_again_is_the_same_video_and_no_second_file():
    project = ProjectFactory()
    first = uploaded(project=project)
    assert uploaded(project=project) == first
    assert n_files() == 1


def test_another_file_for_a_known_video_is_a_conflict_and_leaves_nothing():
    project = ProjectFactory()
    uploaded(project=project)
    with pytest.raises(Conflict):
        uploaded(clip(n_frames=20), project=project)
    assert n_files() == 1


@pytest.mark.parametrize(
    ("content", "fields", "refusal"),
    [
        (b"", {}, InvalidInput),
        (H264[:-10], {"expected_bytes": len(H264)}, InvalidInput),
        (H264, {"expected_sha256": "0" * 64}, InvalidInput),
        (b"<html><script>alert(1)</script>" * 30, {}, MediaRefused),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>" * 30, {}, MediaRefused),
        (b"MZ\x90\x00" * 200, {}, MediaRefused),
        (b"#EXTM3U\n#EXTINF:1\nhttp://169.254.169.254/\n" * 20, {}, MediaRefused),
    ],
)
def test_what_is_not_the_declared_clip_is_refused_and_leaves_nothing(content, fields, refusal):
    with pytest.raises(refusal):
        uploaded(content, **fields)
    assert n_files() == 0
    assert not Video.objects.exists()


def test_a_file_over_the_limit_is_refused(settings):
    settings.UPLOAD_MAX_BYTES = len(H264) - 1
    with pytest.raises(TooLarge):
        uploaded()
    assert n_files() == 0


def test_a_damaged_clip_ends_as_failed_with_the_reason_and_is_not_tried_again():
    video = probed(uploaded(H264[:400]))
    assert video.state == "failed"
    assert video.failure
    assert not Video.objects.needing_media().exists()
    assert probed(video).n_attempts == 1


def test_a_failed_clip_may_be_retried_by_hand():
    video = probed(uploaded(H264[:400]))
    assert videos.retry(video=video).state == "registered"
    with pytest.raises(Conflict):
        videos.retry(video=video)


def test_a_codec_that_browsers_do_not_play_is_transcoded_and_the_original_dropped():
    original = clip("mpeg4", "avi")
    video = uploaded(original)
    key = video.file_key
    video = probed(video)
    assert (video.state, video.mime) == ("ready", "video/mp4")
    assert video.posted_sha256 == hashlib.sha256(original).hexdigest() != video.sha256
    served = content_of(video.file_key)
    assert hashlib.sha256(served).hexdigest() == video.sha256
    assert served[4:8] == b"ftyp"
    assert not stores.configured().path(key).exists()
    assert uploaded(original, project=video.project) == video


def test_a_clip_is_fetched_from_its_address(settings):
    with receiving(script=[(200, {"Content-Type": "text/html"}, H264)]) as host:
        settings.OUTBOUND_ALLOW = host.allow
        video = videos.register(project=ProjectFactory(), video_id="a", source_url=host.url)
        video = probed(video)
    assert (video.state, video.sha256) == ("ready", hashlib.sha256(H264).hexdigest())
    assert len(host.got) == 1


def test_a_page_at_the_address_is_no_clip(settings):
    with receiving(script=[(200, {}, b"<html>not found</html>" * 50)]) as host:
        settings.OUTBOUND_ALLOW = host.allow
        video = videos.register(project=ProjectFactory(), video_id="a", source_url=host.url)
        assert probed(video).state == "failed"


def test_a_host_that_is_down_is_tried_later_and_in_the_end_given_up(settings):
    with receiving(503) as host:
        settings.OUTBOUND_ALLOW = host.allow
        video = videos.register(project=ProjectFactory(), video_id="a", source_url=host.url)
        states = []
        for _ in range(6):
            states.append(probed(video).state)
            assert not Video.objects.needing_media().exists()
            Video.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert states == ["registered"] * 4 + ["failed"] * 2
    assert n_files() == 0


def test_a_redirect_to_loopback_is_not_followed(settings):
    with receiving() as secret, receiving(script=[(302, {}, b"")]) as host:
        settings.OUTBOUND_ALLOW = host.allow + secret.allow
        host.script = [(302, {"Location": secret.url}, b"")]
        video = videos.register(project=ProjectFactory(), video_id="a", source_url=host.url)
        assert probed(video).state == "registered"
    assert secret.got == []


def test_a_clip_in_another_jobs_hands_is_left_alone_until_that_job_must_be_dead():
    video = uploaded()
    assert Video.objects.take(video.pk, seconds=60)
    assert not Video.objects.take(video.pk, seconds=60)
    assert probed(video).state == "fetching"
    Video.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert probed(video).state == "ready"


def test_a_clip_that_keeps_killing_its_job_is_given_up():
    video = uploaded()
    Video.objects.update(n_attempts=5)
    video = probed(video)
    assert (video.state, video.n_attempts) == ("failed", 6)


def test_links_are_signed_for_their_own_path_and_stable_within_the_hour():
    video = probed(uploaded())
    link = videos.media_link(video=video, base_url="https://p.example")
    assert link == videos.media_link(video=video, base_url="https://p.example")
    path, _, query = link.removeprefix("https://p.example").partition("?")
    given = dict(pair.split("=") for pair in query.split("&"))
    key, now = portal_settings.FIELD_KEY, timezone.now().timestamp()
    signatures.check_link(path, given["expires"], given["signature"], key, now=now + 86_000)
    assert str(video.uid) in path
    assert videos.thumbnail_link(video=video, base_url="") != link


def test_a_video_without_a_file_has_no_links():
    video = VideoFactory(state="registered")
    assert videos.media_link(video=video, base_url="") is None
    assert videos.thumbnail_link(video=video, base_url="") is None


def erasable() -> tuple[Video, Task]:
    """A probed video with a caption, a vote, a consensus, and a place in a manifest."""
    video = probed(uploaded())
    task = TaskFactory(
        project=video.project,
        video=video,
        prediction=PredictionFactory(project=video.project, video=video, tokens=[{"t": "a"}]),
    )
    VoteFactory(annotation=AnnotationFactory(task=task, text="a secret dog"), rationale="secret")
    consensus = ConsensusFactory(
        task=task, caption="a secret dog", candidates=[{"caption": "a secret dog"}]
    )
    EventFactory(
        project=video.project,
        type="consensus.reached",
        data={"task_id": task.pk, "caption": "a secret dog"},
    )
    item = BatchItemFactory(consensus=consensus, batch__project=video.project)
    JobFactory(project=video.project, batch=item.batch)
    return video, task


def test_an_erased_video_leaves_no_bytes_and_no_words_and_its_manifests_are_named(
    django_capture_on_commit_callbacks,
):
    video, task = erasable()
    with django_capture_on_commit_callbacks(execute=True):
        report = videos.erase(video=video, actor="user:m")
    video.refresh_from_db()
    task.refresh_from_db()
    assert n_files() == 0
    assert (video.state, video.file_key, video.source_url) == ("erased", "", "")
    assert (report.n_captions, report.n_predictions) == (1, 1)
    assert [held.mini_batch_id for held in report.manifests] == [
        BatchItem.objects.get().batch.mini_batch_id
    ]
    words = [
        *task.annotations.values_list("text", "revisions__text", "votes__rationale"),
        *task.consensuses.values_list("caption", "candidates"),
        *video.predictions.values_list("caption", "tokens"),
        *video.project.events.values_list("data"),
    ]
    assert "secret" not in str(words)
    assert (task.state, task.revision) == ("rejected", task.settled_revision)
    assert task.n_captions == 0
    assert AuditEntry.objects.filter(action="video.erased", actor="user:m").exists()


def test_erasing_again_reports_the_same_and_changes_nothing():
    video, _ = erasable()
    first = videos.erase(video=video, actor="user:m")
    assert videos.erase(video=video, actor="user:m") == first
    assert AuditEntry.objects.filter(action="video.erased").count() == 1


def test_an_erased_video_trains_no_model_and_does_not_come_back():
    video, _ = erasable()
    BatchItem.objects.all().delete()
    assert Consensus.objects.trainable().exists()
    videos.erase(video=video, actor="user:m")
    assert not Consensus.objects.trainable().exists()
    with pytest.raises(Conflict):
        videos.register(project=video.project, video_id=video.video_id)
    with pytest.raises(Conflict):
        uploaded(project=video.project)


def test_a_file_that_no_row_names_goes_once_it_is_old_and_named_ones_stay():
    video = probed(uploaded())
    store = stores.configured()
    orphan = store.path(store.put(io.BytesIO(b"x"), suffix=".mp4", max_bytes=9).key)
    assert files.sweep_orphans() == 0

    for path in (orphan, store.path(video.file_key)):
        os.utime(path, (0, 0))
    assert files.sweep_orphans() == 1
    assert store.path(video.file_key).exists()
    assert not orphan.exists()
