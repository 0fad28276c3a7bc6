"""What the demo is made of: two projects with their people, tokens and endpoints, and the files
that tell the programs beside the portal (the captioner, the simulated crowd) who they are.

The rows are made in one transaction together with the file of their secrets, which are shown once:
an interrupted start leaves both or neither.
"""

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from portal.errors import Conflict
from portal.models import Endpoint, Project, User
from portal.models.members import Role
from portal.models.tokens import Scope
from portal.services import annotators, members, projects, webhooks

ACTOR = "system:demo"
SHAPES, PLAYGROUND = "moving-shapes", "playground"
TRAINER_SCOPES = (Scope.READ, Scope.INGEST, Scope.RETRAIN)
CROWD = ("expert",) * 2 + ("regular",) * 8 + ("careless",) * 3 + ("spammer",)

SHAPES_RULES: dict[str, Any] = {
    "description": "Rendered clips of moving shapes; the captioner that guesses at them is real.",
    "gold_first": 0,
    "uncertain_share": 0.75,
    "evaluation_share": 0.25,
    "evaluation_salt": "demo-3",  # which clips are held out: the same in every demo
    "batch_size": 80,
    "cooldown_hours": 1.0,
    "prediction_shown_to": "experts",
}
PLAYGROUND_RULES: dict[str, Any] = {
    "description": "For trying out the API: strangers may caption, any clip may be trained on.",
    "gold_first": 0,
    "registers_annotators": True,
    "evaluation_share": 0.0,
    "control_share": 0.0,
    "audit_share": 0.0,
}
GUIDELINES = """\
**Say what moves, and how.** One sentence in the present tense is enough.

- Name the *size*, the *colour* and the *shape*: a small red circle.
- Say where it goes (moves left, moves up, zigzags, bounces) and whether it is slow or fast.
- If something happens at the end (it stops, it disappears, it grows), say that too.

Do not describe the background. If the clip does not play, skip it and say so.
"""
PLAYGROUND_GUIDELINES = "Say in one sentence what happens in the clip. Nothing here counts."


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in."""

    username: str
    password: str
    annotator_id: str = ""


@dataclass(frozen=True)
class Trainer:
    """The captioner's access to one project."""

    project: str
    token: str
    secret: str
    endpoint: str


@dataclass(frozen=True)
class Demo:
    """Everything that is shown once and needed again."""

    api_token: str
    crowd_token: str
    crowd: tuple[tuple[str, str], ...]  # annotator_id, kind
    manager: Person
    expert: Person
    annotators: tuple[Person, ...]
    trainers: tuple[Trainer, ...]


def prepare(*, folder: Path, trainer_url: str) -> Demo:
    """Return the demo of this data folder, made at the first start.

    Raises Conflict where the database holds an installation that is not the demo's.
    """
    kept = folder / "secrets.json"
    if Project.objects.filter(slug=SHAPES, is_demo=True).exists() and kept.exists():
        demo = _read(kept)
        _follow_address(demo, trainer_url)
        return demo
    if User.objects.exists():
        raise Conflict(
            "This data folder belongs to another installation, or its demo lost its secrets. "
            "Name a new folder in DATA_DIR for the demo."
        )
    with transaction.atomic():
        demo = _make(trainer_url)
        _write(kept, asdict(demo))
    return demo


def write_files(demo: Demo, *, folder: Path, data_dir: Path) -> None:
    """Tell the programs and the people where the portal is this time."""
    url = settings.BASE_URL
    _write(folder / "captioner.json", [asdict(one) | {"portal": url} for one in demo.trainers])
    crowd = {
        "portal": url,
        "token": demo.crowd_token,
        "truth": "captioner/truth.jsonl",
        "people": [{"annotator_id": name, "kind": kind} for name, kind in demo.crowd],
    }
    _write(folder / "crowd.json", crowd)
    shown = {
        "url": url,
        "api_token": demo.api_token,
        "manager": _login(demo.manager),
        "expert": asdict(demo.expert),
        "annotators": [asdict(person) for person in demo.annotators],
    }
    _write(data_dir / "demo.json", shown)


def _make(trainer_url: str) -> Demo:
    manager = _found("manager")
    shapes = projects.create(
        slug=SHAPES, name="Moving shapes", owner=manager.user, is_demo=True, **SHAPES_RULES
    )
    playground = projects.create(
        slug=PLAYGROUND, name="Playground", owner=manager.user, is_demo=True, **PLAYGROUND_RULES
    )
    for project, text in ((shapes, GUIDELINES), (playground, PLAYGROUND_GUIDELINES)):
        projects.publish_guidelines(project=project, text=text, user=manager.user)
    crowd = tuple((f"{kind}-{number:02d}", kind) for number, kind in enumerate(CROWD, start=1))
    for annotator_id, _ in crowd:
        annotators.find_or_register(project=shapes, annotator_id=annotator_id, may_register=True)
    return Demo(
        api_token=_token(playground, "README", [scope.value for scope in Scope]),
        crowd_token=_token(shapes, "Simulated crowd", [Scope.READ, Scope.ANNOTATE]),
        crowd=crowd,
        manager=manager.person,
        expert=_join("chen", Role.EXPERT, shapes, playground, host=manager.user),
        annotators=tuple(
            _join(name, Role.ANNOTATOR, shapes, playground, host=manager.user)
            for name in ("anna", "bilal")
        ),
        trainers=tuple(_trainer(project, trainer_url) for project in (shapes, playground)),
    )


@dataclass(frozen=True)
class _Founder:
    user: User
    person: Person


def _found(username: str) -> _Founder:
    link = members.setup_link(base_url=settings.BASE_URL)
    assert link is not None  # there is no user yet
    person = Person(username, secrets.token_urlsafe(12))
    user = members.accept(
        secret=link.rsplit("/", 1)[1], username=username, password=person.password
    )
    return _Founder(user, person)


def _join(username: str, role: Role, first: Project, second: Project, *, host: User) -> Person:
    """Admit somebody to both projects the way people are: by invitation."""
    password = secrets.token_urlsafe(12)
    _, link = members.invite(project=first, role=role, user=host, base_url=settings.BASE_URL)
    user = members.accept(secret=link.rsplit("/", 1)[1], username=username, password=password)
    _, link = members.invite(project=second, role=role, user=host, base_url=settings.BASE_URL)
    members.accept_as(secret=link.rsplit("/", 1)[1], user=user)
    annotator = members.annotator_for(user=user, project=first)
    return Person(username, password, annotator.annotator_id)


def _token(project: Project, name: str, scopes: Sequence[str]) -> str:
    return members.issue_token(project=project, name=name, scopes=scopes)[1]


def _trainer(project: Project, url: str) -> Trainer:
    endpoint, secret = webhooks.add_endpoint(
        project=project, url=url, events=["retraining.requested"], actor=ACTOR
    )
    token = _token(project, "Reference captioner", TRAINER_SCOPES)
    return Trainer(project.slug, token, secret, str(endpoint.uid))


def _follow_address(demo: Demo, url: str) -> None:
    """The captioner may listen elsewhere this time."""
    ours = [trainer.endpoint for trainer in demo.trainers]
    for endpoint in Endpoint.objects.filter(uid__in=ours).exclude(url=url):
        webhooks.change_endpoint(endpoint=endpoint, url=url, actor=ACTOR)


def _login(person: Person) -> dict[str, str]:
    return {"username": person.username, "password": person.password}


def _read(path: Path) -> Demo:
    told = json.loads(path.read_text(encoding="utf-8"))
    return Demo(
        api_token=told["api_token"],
        crowd_token=told["crowd_token"],
        crowd=tuple((name, kind) for name, kind in told["crowd"]),
        manager=Person(**told["manager"]),
        expert=Person(**told["expert"]),
        annotators=tuple(Person(**one) for one in told["annotators"]),
        trainers=tuple(Trainer(**one) for one in told["trainers"]),
    )


def _write(path: Path, content: object) -> None:
    """Write JSON for its owner alone, all or nothing."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=2, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
