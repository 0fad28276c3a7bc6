"""Signs of careless work: found once, laid before a manager, acted on by nobody else."""

from datetime import timedelta
from typing import get_args

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal import jobs
from portal.algorithms import flags as signs
from portal.algorithms import gold
from portal.errors import CaptionBlank, Conflict, InvalidInput, NotAllowed
from portal.models import Annotator, AuditEntry, Flag, Project
from portal.models.flags import MEANINGS, FlagKind
from portal.services import annotations, assignments, flags
from tests.factories import (
    AnnotationFactory,
    AnnotatorFactory,
    AssignmentFactory,
    FlagFactory,
    GoldReferenceFactory,
    ProjectFactory,
    TaskFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

SCENES = [
    f"a {who} slowly {does} a heavy {what} near the {where}"
    for who, does, what, where in zip(
        ["man", "woman", "dog", "boy", "horse"] * 6,
        ["lifts", "paints", "carries", "washes", "throws", "repairs"] * 5,
        ["box", "wall", "ball", "engine", "stone", "boat", "kite"] * 5,
        ["river", "garage", "school"] * 10,
        strict=False,
    )
]


def caption_all(people, texts, lazy=None, word="a video"):
    """Let everybody caption a task for each text; `lazy` always hands in one word."""
    project = people[0].project
    for text in texts:
        task = TaskFactory(project=project, n_wanted=5)
        for n, person in enumerate(people):
            own = word if person == lazy else f"{text} {['today', 'there', 'again'][n % 3]}"
            AnnotationFactory(task=task, author=person, text=own)


@pytest.fixture
def people(db):
    return AnnotatorFactory.create_batch(4, project=ProjectFactory())


@pytest.fixture
def found(people):
    """The project after a search, with one person who writes the same word everywhere."""
    caption_all(people, SCENES[:24], lazy=people[0])
    flags.seek(project_id=people[0].project_id)
    return people[0]


def kinds(person) -> set[str]:
    return set(Flag.objects.open().filter(annotator=person).values_list("kind", flat=True))


def decide(person, **columns):
    for flag in Flag.objects.open().filter(annotator=person):
        flags.dismiss(flag=flag, reason="The clips were all black.", user=UserFactory(), **columns)


def test_every_sign_has_a_row_kind_and_a_plain_sentence():
    assert {*get_args(signs.Kind), "gold_accuracy"} == set(FlagKind.values) == set(MEANINGS)


def test_a_careless_person_is_flagged_with_evidence_and_examples(found, people):
    assert {"one_text", "too_short"} <= kinds(found)
    flag = Flag.objects.get(annotator=found, kind="one_text")
    assert "24 of 24" in flag.evidence
    assert flag.value > flag.limit
    own = set(found.annotations.values_list("pk", flat=True))
    assert 0 < len(flag.examples) <= 6
    assert set(flag.examples) <= own
    assert not Flag.objects.exclude(annotator=found).exists()


def test_searching_twice_leaves_one_flag_and_says_when_it_was_seen(found):
    before = Flag.objects.get(annotator=found, kind="one_text")
    Flag.objects.update(last_seen_at=timezone.now() - timedelta(hours=1))
    assert flags.seek(project_id=found.project_id) == 0
    after = Flag.objects.get(annotator=found, kind="one_text")
    assert (after.pk, after.first_seen_at) == (before.pk, before.first_seen_at)
    assert after.last_seen_at > timezone.now() - timedelta(minutes=1)


def test_nothing_follows_from_a_flag_by_itself(found):
    lease = AssignmentFactory(annotator=found, task__project=found.project)
    jobs.sweep()
    found.refresh_from_db()
    lease.refresh_from_db()
    assert found.state == "active"
    assert lease.state == "leased"


def test_a_dismissed_sign_comes_back_on_new_captions_alone(found, people):
    decide(found)
    flags.seek(project_id=found.project_id)
    assert kinds(found) == set()
    caption_all(people, SCENES[:3], lazy=found)
    flags.seek(project_id=found.project_id)
    assert kinds(found) == set()
    caption_all(people, SCENES[3:24], lazy=found)
    flags.seek(project_id=found.project_id)
    assert {"one_text", "too_short"} <= kinds(found)
    assert Flag.objects.filter(annotator=found, kind="one_text").count() == 2


def test_a_search_is_due_once_twenty_captions_are_new(people):
    caption_all(people, SCENES[:4])
    assert flags.due() == []
    caption_all(people, SCENES[4:5])
    assert flags.due() == [people[0].project_id]
    assert jobs.seek_flags() == 1
    assert flags.due() == []


def test_a_project_without_captions_is_searched_in_vain():
    project = ProjectFactory()
    assert flags.seek(project_id=project.pk) == 0
    assert Project.objects.get(pk=project.pk).flags_sought_up_to == 0


def test_confirming_does_what_the_manager_chose_and_is_on_record():
    manager = UserFactory(username="mona")
    for remedy, state in (("nothing", "active"), ("gold_only", "quarantined"), ("pause", "paused")):
        flag = FlagFactory()
        flags.confirm(flag=flag, remedy=remedy, reason="Ten black clips.", user=manager)
        flag.refresh_from_db()
        flag.annotator.refresh_from_db()
        assert (flag.state, flag.remedy, flag.decided_by) == ("confirmed", remedy, manager)
        assert flag.annotator.state == state
        entry = AuditEntry.objects.get(action="flag.confirmed", object_id=flag.pk)
        assert entry.user == manager
        assert entry.details["remedy"] == remedy


def test_a_flag_is_decided_once_and_never_without_a_reason():
    flag, manager = FlagFactory(), UserFactory()
    with pytest.raises(CaptionBlank):
        flags.dismiss(flag=flag, reason="  ", user=manager)
    with pytest.raises(InvalidInput):
        flags.confirm(flag=flag, remedy="ban", reason="No.", user=manager)
    flags.dismiss(flag=flag, reason="Short and right.", user=manager)
    with pytest.raises(Conflict):
        flags.confirm(flag=flag, remedy="pause", reason="Or not.", user=manager)
    assert Annotator.objects.get(pk=flag.annotator_id).state == "active"


def test_the_database_keeps_one_open_flag_of_a_kind_and_no_decision_without_reason():
    flag = FlagFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        FlagFactory(annotator=flag.annotator)
    with pytest.raises(IntegrityError), transaction.atomic():
        FlagFactory(state="dismissed", decided_at=timezone.now())


# --- gold only -----------------------------------------------------------------------------------
def answer_gold(person, *marks):
    """Let somebody answer a gold clip for each mark, as marking leaves it."""
    for mark in marks:
        task = GoldReferenceFactory(task__project=person.project, task__n_wanted=99).task
        AnnotationFactory(task=task, author=person, gold_score=mark)
        Annotator.objects.count_gold(person.pk, is_right=mark >= gold.RIGHT)
    flags.weigh_gold(annotator_id=person.pk)
    person.refresh_from_db()


def test_gold_that_is_mostly_wrong_proposes_and_does_nothing():
    person = AnnotatorFactory()
    answer_gold(person, *[0.1] * 5, 0.9, 0.9)
    assert kinds(person) == set()  # seven answers are too few
    answer_gold(person, 0.1)
    flag = Flag.objects.get(annotator=person)
    assert flag.kind == "gold_accuracy"
    assert flag.evidence == "Answered 6 of 8 gold clips wrong."
    assert person.state == "active"


def test_right_gold_and_a_low_percentile_propose_nothing():
    person = AnnotatorFactory(reliability=0.01, reliability_high=0.05, n_residuals=200)
    answer_gold(person, *[0.9] * 4, *[0.1] * 6)
    assert kinds(person) == set()


def quarantined(**columns):
    person = AnnotatorFactory(**columns)
    answer_gold(person, *[0.1] * 8)
    flag = Flag.objects.get(annotator=person, kind="gold_accuracy")
    flags.confirm(flag=flag, remedy="gold_only", reason="All wrong.", user=UserFactory())
    person.refresh_from_db()
    return person


def test_gold_only_takes_back_what_is_held_and_serves_only_gold(
    django_capture_on_commit_callbacks,
):
    project = ProjectFactory(gold_first=4)
    held = AssignmentFactory(task__project=project, annotator__project=project)
    person = held.annotator
    answer_gold(person, *[0.1] * 8)
    flag = Flag.objects.get(annotator=person)
    with django_capture_on_commit_callbacks(execute=True):
        flags.confirm(flag=flag, remedy="gold_only", reason="All wrong.", user=UserFactory())
    held.refresh_from_db()
    assert held.state == "released"
    assert held.task.__class__.objects.get(pk=held.task_id).n_taken == 0
    person.refresh_from_db()
    assert assignments.claim(annotator=person) is None
    unseen = GoldReferenceFactory(task__project=project, task__n_wanted=99).task
    assert assignments.claim(annotator=person).task == unseen


def test_the_sweep_takes_back_what_a_lost_announcement_left():
    person = AnnotatorFactory(state="quarantined")
    held = AssignmentFactory(task__project=person.project, annotator=person)
    on_gold = AssignmentFactory(task__project=person.project, task__is_gold=True, annotator=person)
    assert jobs.sweep() == 1
    held.refresh_from_db()
    on_gold.refresh_from_db()
    assert (held.state, on_gold.state) == ("released", "leased")
    assert jobs.sweep() == 0


def test_gold_that_is_right_again_ends_it_and_the_person_is_told():
    person = quarantined()
    answer_gold(person, 0.9, 0.9, 0.9)
    assert person.state == "quarantined"  # three say little
    answer_gold(person, 0.1)
    assert person.state == "active"
    assert "newest check clips" in person.state_note
    assert AuditEntry.objects.filter(action="annotator.released_by_gold").count() == 1


def test_half_right_is_not_enough_to_end_it():
    person = quarantined()
    answer_gold(person, 0.9, 0.9, 0.1, 0.1)
    assert person.state == "quarantined"


def test_what_led_to_quarantine_is_not_held_against_whoever_left_it():
    person = quarantined()
    answer_gold(person, *[0.9] * 4)
    answer_gold(person, *[0.1] * 7)
    assert kinds(person) == set()
    answer_gold(person, 0.1)
    assert kinds(person) == {"gold_accuracy"}


def test_a_dismissed_proposal_needs_eight_new_answers():
    person = AnnotatorFactory()
    answer_gold(person, *[0.1] * 8)
    decide(person)
    answer_gold(person, *[0.1] * 7)
    assert kinds(person) == set()
    answer_gold(person, 0.1)
    assert kinds(person) == {"gold_accuracy"}


def test_somebody_on_gold_only_gets_no_ordinary_task_by_name_or_without_a_lease():
    task = TaskFactory()
    person = AnnotatorFactory(project=task.project, state="quarantined")
    with pytest.raises(NotAllowed):
        assignments.claim(annotator=person, task=task)
    with pytest.raises(NotAllowed):
        annotations.submit(task=task, annotator=person, text="a dog", without_lease=True)
