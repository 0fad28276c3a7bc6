"""The pages in a real browser: what only a browser can show."""

import pytest
from django.test import Client
from django.utils import timezone

from portal.models import Annotation, Assignment, Verification, Vote
from portal.models.members import Role
from portal.services import consensus
from tests.factories import (
    PASSWORD,
    AnnotationFactory,
    AnnotatorFactory,
    GuidelineFactory,
    PredictionFactory,
    TaskFactory,
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.django_db(transaction=True),
]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}

# Ids that are there twice, and fields that no label names.
UNNAMED = """() => {
    const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
    const fields = [...document.querySelectorAll('input:not([type=hidden]), textarea, select')];
    const nameless = fields.filter((e) => !e.labels.length && !e.getAttribute('aria-label'));
    return [...ids.filter((id, i) => ids.indexOf(id) !== i), ...nameless.map((e) => e.outerHTML)];
}"""

PAYLOADS = (
    "<script>window.pwned=1</script>",
    "<img src=x onerror='window.pwned=1'>",
    "<svg/onload=window.pwned=1>",
    '"><script>window.pwned=1</script>',
    "'-window.pwned=1-'",
    "</textarea><script>window.pwned=1</script>",
    "</title><script>window.pwned=1</script>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "<details open ontoggle=window.pwned=1>",
    "javascript:window.pwned=1",
    "[x](javascript:window.pwned=1)",
    "{{7*7}}{% debug %}${7*7}",
    "<a href='javascript:window.pwned=1' autofocus onfocus=window.pwned=1>x</a>",
    "<style>@import 'javascript:window.pwned=1'</style>",
    "<video src=x onerror=window.pwned=1>",
    "<base href='//evil.example/'>",
    "<form action=javascript:window.pwned=1><button autofocus>x</button></form>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=window.pwned=1>",
)


def until(page, condition):
    """Wait until an expression is true; the page's policy forbids the waiting that evaluates."""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(25)
    pytest.fail(f"never true: {condition}")


@pytest.fixture
def alice(seat):
    return seat(username="alice")[0]


def test_the_clip_plays_and_seeks_to_the_frame(alice, playable_task, open_page, complaints):
    playable_task()
    page = open_page("alice", PASSWORD)
    page.goto("/work/shapes")
    video = page.locator("video")
    until(page, "document.querySelector('video').readyState >= 2")
    assert video.evaluate("v => [v.videoWidth, v.videoHeight]") == [160, 120]
    page.get_by_role("button", name="Play or pause").click()
    until(page, "document.querySelector('video').currentTime > 0.3")
    page.keyboard.press("k")
    until(page, "document.querySelector('video').paused")
    video.evaluate("v => { v.currentTime = 2; }")
    until(page, "!document.querySelector('video').seeking")
    # The square has moved two thirds of its way: the picture is that of second 2.
    left = video.evaluate(
        """v => {
            const canvas = document.createElement('canvas');
            Object.assign(canvas, {width: 160, height: 120});
            const pen = canvas.getContext('2d');
            pen.drawImage(v, 0, 0);
            const row = pen.getImageData(0, 60, 160, 1).data;
            return [...Array(160).keys()].find((x) => row[4 * x] > 120);
        }"""
    )
    assert 70 <= left <= 90
    before = video.evaluate("v => v.currentTime")
    page.keyboard.press(",")
    assert video.evaluate("v => v.currentTime") == pytest.approx(before - 1 / 12, abs=0.01)
    assert complaints == []


def test_the_player_keeps_to_the_segment_and_repeats_it(alice, playable_task, open_page):
    playable_task(start_ms=1000, end_ms=2000)
    page = open_page("alice", PASSWORD)
    page.goto("/work/shapes")
    until(page, "document.querySelector('video').currentTime >= 1")
    page.evaluate(
        """() => {
            window.seen = [];
            const video = document.querySelector('video');
            video.addEventListener('timeupdate', () => window.seen.push(video.currentTime));
            video.play();
        }"""
    )
    until(page, "window.seen.some((t, i) => i && t < window.seen[i - 1] - 0.5)")
    times = page.evaluate("window.seen")
    assert min(times) >= 0.99
    assert max(times) <= 2.1


def test_somebody_without_a_mouse_captions_a_clip(alice, playable_task, open_page, complaints):
    task = playable_task()
    page = open_page()
    page.goto("/sign-in")
    page.keyboard.type("alice")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Caption clips")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    for _ in range(6):
        page.keyboard.press("Tab")
        if "Caption clips" in page.evaluate("document.activeElement.textContent"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/work/shapes")
    until(page, "document.querySelector('video').readyState >= 2")
    page.keyboard.press("k")
    until(page, "document.querySelector('video').currentTime > 0.1")
    page.keyboard.press("c")
    page.keyboard.type("a yellow square moves right, k and c included")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=Caption saved")
    stored = Annotation.objects.get(task=task)
    assert stored.text == "a yellow square moves right, k and c included"
    assert stored.author.user == alice
    assert complaints == []


@pytest.fixture
def shown_task(project, playable_task):
    """A task with its blind caption, whose prediction everybody is shown from now on."""
    project.prediction_shown_to = "everyone"
    project.save()
    task = playable_task()
    prediction = PredictionFactory(project=project, video=task.video, caption="a square moves")
    task.prediction = prediction
    task.save()
    AnnotationFactory(task=task, text="a yellow square moves right")
    return task


def test_a_prediction_is_accepted_once_the_clip_was_watched(
    alice, shown_task, open_page, complaints
):
    page = open_page("alice", PASSWORD)
    page.goto("/work/shapes")
    button = page.get_by_role("button", name="Accept as it is")
    assert button.is_disabled()
    assert "Watch the clip first: 0.0 of 2.4 s." in page.locator("[data-watched]").text_content()
    until(page, "document.querySelector('video').readyState >= 2")
    page.keyboard.press("k")
    until(page, "!document.querySelector('[data-accept] button').disabled")
    button.click()
    page.wait_for_selector("text=It counts as your vote")
    accepted = Verification.objects.get(task=shown_task)
    assert accepted.annotator.user == alice
    assert 2.4 <= accepted.watched_seconds <= 3.1
    assert complaints == []


def test_without_script_a_prediction_cannot_be_accepted_and_the_page_says_why(
    alice, shown_task, open_page
):
    page = open_page("alice", PASSWORD, java_script_enabled=False)
    page.goto("/work/shapes")
    assert not page.get_by_role("button", name="Accept as it is").is_visible()
    assert page.get_by_text("that needs JavaScript. Without it, write a caption.").is_visible()


def test_a_caption_goes_in_without_any_script(alice, playable_task, open_page):
    task = playable_task()
    page = open_page("alice", PASSWORD, java_script_enabled=False)
    page.get_by_role("link", name="Caption clips").click()
    assert page.locator("video[controls]").count() == 1
    assert page.get_by_text("Yours until").is_visible()
    assert not page.get_by_role("button", name="Play or pause").is_visible()
    page.get_by_label("What happens in the clip?").fill("   ")
    page.get_by_role("button", name="Save and go on").click()
    assert page.get_by_text("no visible text").is_visible()
    page.get_by_label("What happens in the clip?").fill("a square moves")
    page.get_by_role("button", name="Save and go on").click()
    assert page.get_by_text("Caption saved").is_visible()
    assert Annotation.objects.get(task=task).text == "a square moves"


def test_a_draft_is_kept_while_one_types_and_is_there_after_a_reload(
    alice, playable_task, open_page, complaints
):
    playable_task()
    page = open_page("alice", PASSWORD)
    page.goto("/work/shapes")
    page.get_by_label("What happens in the clip?").fill("half a sen")
    page.wait_for_selector("text=Draft kept")
    page.goto("/work/shapes")
    assert page.get_by_label("What happens in the clip?").input_value() == "half a sen"
    assert "10 of 5,000" in page.locator("[data-length]").text_content()
    assert complaints == []


def test_a_lease_that_ends_while_one_writes_costs_no_word(alice, playable_task, open_page):
    task = playable_task()
    page = open_page("alice", PASSWORD)
    page.goto("/work/shapes")
    page.get_by_label("What happens in the clip?").fill("a long and careful text")
    Assignment.objects.update(expires_at=timezone.now())
    page.get_by_role("button", name="Save and go on").click()
    assert page.get_by_text("nothing is lost").is_visible()
    page.get_by_role("button", name="Take this clip again").click()
    box = page.get_by_label("What happens in the clip?")
    assert box.input_value() == "a long and careful text"
    page.get_by_role("button", name="Save and go on").click()
    page.wait_for_selector("text=Caption saved")
    assert Annotation.objects.get(task=task).text == "a long and careful text"


def test_the_next_clip_loads_while_one_writes_and_its_clock_stands_still(
    alice, playable_task, open_page, complaints
):
    playable_task()
    playable_task()
    page = open_page(alice.username, PASSWORD)
    page.goto("/work/shapes")
    page.get_by_text("Your next clip is ready.").wait_for()
    held = Assignment.objects.get(hold="reserved")
    assert held.opened_at is None
    page.locator("textarea").fill("a yellow square moves right")
    page.get_by_role("button", name="Save and go on").click()
    page.get_by_text("Caption saved").wait_for()
    held.refresh_from_db()
    assert held.hold == "active"
    assert held.opened_at is not None
    assert complaints == []


def test_the_time_left_is_counted_down(alice, playable_task, open_page):
    playable_task()
    page = open_page("alice", PASSWORD)
    page.goto("/work/shapes")
    shown = page.locator("[data-lease-time] b")
    first = shown.text_content()
    assert first.startswith(("29:", "30:"))
    until(page, f"document.querySelector('[data-lease-time] b').textContent !== '{first}'")


def test_a_score_is_given_by_keys_alone(seat, project, playable_task, open_page):
    user, _ = seat(username="alice")
    task = playable_task(n_wanted=5)
    AnnotationFactory(task=task, author=AnnotatorFactory(project=project, user=user))
    AnnotationFactory(task=task, text="somebody else's words")
    page = open_page("alice", PASSWORD)
    page.goto("/review/shapes")
    page.get_by_label("Wrong").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Score saved")
    assert Vote.objects.get().score == 0.75


def test_an_expert_who_marks_a_caption_has_chosen(seat, playable_task, open_page, complaints):
    seat(Role.EXPERT, username="eve")
    task = playable_task(state="disputed")
    for text in ("it moves left", "it moves right"):
        AnnotationFactory(task=task, text=text)
    page = open_page("eve", PASSWORD)
    page.goto(f"/disputes/shapes/{task.pk}")
    page.get_by_label("it moves right").check()
    assert page.get_by_label("One of these captions stands").is_checked()
    page.get_by_label("Why?").fill("Watched it twice.")
    page.get_by_role("button", name="Decide").click()
    page.wait_for_selector("text=Decided")
    assert task.consensuses.standing().get().caption == "it moves right"
    assert complaints == []


def test_what_people_write_never_runs(seat, project, playable_task, open_page, complaints):
    """Payloads in captions, names, guidelines, reasons and clip names, on every page."""
    everything = "\n".join(PAYLOADS)
    project.name, project.description = PAYLOADS[0][:120], everything
    project.save()
    GuidelineFactory(project=project, text=everything)
    mia, _ = seat(Role.MANAGER, username="mia", first_name=PAYLOADS[1])
    me = AnnotatorFactory(project=project, user=mia, name=PAYLOADS[1])
    settled = TaskFactory(project=project, n_wanted=9, video__video_id=PAYLOADS[3])
    disputed = playable_task(state="disputed", n_wanted=9)
    own = AnnotationFactory(task__project=project, author=me, text=everything)
    for payload in PAYLOADS[:6]:
        AnnotationFactory(task=settled, text=payload)
        AnnotationFactory(task=disputed, text=payload)
    for task in (settled, own.task):
        consensus.finalise(task=task, actor="test")
    TaskFactory(project=project, state="settled")
    AnnotationFactory(task__project=project, task__n_wanted=1, text=everything)
    waiting = TaskFactory(project=project, video__video_id=everything[:200])
    page = open_page("mia", PASSWORD)
    paths = [
        "/", "/work/shapes", "/review/shapes", "/mine", "/me/shapes", "/outcomes/shapes",
        "/models/shapes", "/disputes/shapes", f"/disputes/shapes/{disputed.pk}",
        f"/tasks/{settled.pk}", f"/tasks/{own.task_id}",
    ]  # fmt: skip
    assert waiting.is_open
    for path in paths:
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.pwned") is None, path
        assert page.locator("main script, main iframe, main base, [onerror], [onload]").count() == 0
    assert complaints == []


@pytest.mark.parametrize("options", [PHONE, {"viewport": {"width": 1280, "height": 800}}])
def test_no_page_scrolls_sideways_or_complains(
    seat, project, playable_task, open_page, complaints, options
):
    mia, _ = seat(Role.MANAGER, username="mia")
    GuidelineFactory(project=project, text="|a|b|\n|-|-|\n|" + "x" * 120 + "|" + "y" * 120 + "|")
    me = AnnotatorFactory(project=project, user=mia)
    settled, disputed = playable_task(n_wanted=5), playable_task(state="disputed", n_wanted=5)
    for number in range(4):
        AnnotationFactory(task=settled, text=f"{number} " + "unbreakable" * 30)
        AnnotationFactory(task=disputed, text=f"{number} goes left")
    AnnotationFactory(task=settled, author=me)
    consensus.finalise(task=settled, actor="test")
    playable_task()
    page = open_page("mia", PASSWORD, **options)
    for path in (
        "/", "/work/shapes", "/review/shapes", "/mine", "/me/shapes", "/outcomes/shapes",
        "/models/shapes", "/disputes/shapes", f"/disputes/shapes/{disputed.pk}",
        f"/tasks/{settled.pk}", "/password",
    ):  # fmt: skip
        page.goto(path)
        width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert width <= 0, f"{path} is {width} px too wide"
        small = page.evaluate(
            """wanted => [...document.querySelectorAll(wanted)]
                .filter((e) => e.offsetParent && e.getBoundingClientRect().height < 44)
                .map((e) => e.outerHTML.slice(0, 80))""",
            "button, a.button, summary, .tabs a, .steps label",
        )
        assert small == [], path
        assert page.evaluate(UNNAMED) == [], path
    assert complaints == []


def test_a_session_that_ends_asks_to_sign_in_and_leads_back(alice, playable_task, open_page):
    playable_task()
    page = open_page("alice", PASSWORD)
    page.context.clear_cookies()
    page.goto("/work/shapes")
    assert "/sign-in?next=/work/shapes" in page.url
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/work/shapes")


def test_every_page_carries_the_policy_that_forbids_inline_code(alice, project):
    client = Client()
    client.force_login(alice)
    for path in ("/", "/mine", "/work/shapes", "/nowhere"):
        policy = client.get(path)["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
