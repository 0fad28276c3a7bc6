"""Label Studio's JSON: tasks with annotations, predictions and drafts of one TextArea.

Its people are `completed_by` (an id, an address, or both), its seconds `lead_time`; what was
cancelled is a skip, a `ground_truth` a gold answer. What its `score` means, only its owner knows.
https://labelstud.io/guide/export.html
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from portal.adapters.formats.records import (
    About,
    Caption,
    Entry,
    Guess,
    Record,
    Sink,
    Source,
    decoded,
    each,
    end_within,
    milliseconds,
    unmet,
    whole,
)
from portal.adapters.formats.spools import JSONList

FROM_NAME, TO_NAME = "caption", "video"
UPLOADS, LOCAL_FILES = "/data/upload/", "/data/local-files/"


class Result(msgspec.Struct):
    """One control's answer; those that hold no text are passed over."""

    type: str = ""
    value: dict[str, Any] = {}


class Answer(msgspec.Struct, kw_only=True):
    """An annotation or a draft."""

    result: list[Result] = []
    completed_by: int | str | dict[str, Any] | None = None
    user: int | str | dict[str, Any] | None = None
    lead_time: float | None = None
    was_cancelled: bool = False
    ground_truth: bool = False
    created_at: str | None = None


class Prediction(msgspec.Struct):
    """A model's answer."""

    result: list[Result] = []
    model_version: str | None = None
    score: float | None = None


class Task(msgspec.Struct):
    """One entry of the file."""

    data: dict[str, Any]
    annotations: list[Answer] = []
    predictions: list[Prediction] = []
    drafts: list[Answer] = []
    completions: list[Answer] = []  # what annotations were called before 1.0


def write(records: Iterable[Record], sink: Sink, about: About) -> None:
    """Write the list of tasks; the score of a prediction is its confidence, 1 - uncertainty."""
    sink.write(b"[\n")
    tasks = JSONList(sink)
    for number, record in enumerate(records, 1):
        tasks.add(_task(number, record))
    sink.write(b"]\n")


def _task(number: int, record: Record) -> dict[str, Any]:
    here = f"{number}"
    return {
        "id": number,
        "data": _data(record),
        "annotations": [
            _answer(caption, f"{here}-a{i}") | {"was_cancelled": False}
            for i, caption in enumerate(record.captions)
        ]
        + [
            {"completed_by": {"email": author}, "was_cancelled": True, "result": []}
            for author in record.skips
        ],
        "predictions": [
            {
                "model_version": guess.version,
                "score": None if guess.uncertainty is None else 1.0 - guess.uncertainty,
                "result": [_result(guess.text, f"{here}-p{i}")],
            }
            for i, guess in enumerate(record.predictions)
        ],
        "drafts": [_answer(draft, f"{here}-d{i}") for i, draft in enumerate(record.drafts)],
    }


def _data(record: Record) -> dict[str, Any]:
    return {
        "video": record.url or record.video_id,
        "video_id": record.video_id,
        "start": record.start_ms / 1000,
        "end": record.end_ms / 1000 if record.end_ms else None,
        "duration": record.duration,
        "language": record.language,
        "split": record.split,
        "tags": record.tags,
        "caption": record.caption,
        "references": record.references,
        "status": record.status,
        "confidence": record.confidence,
        "agreement": record.agreement,
    }


def _answer(caption: Caption, identity: str) -> dict[str, Any]:
    return {
        "completed_by": {"email": caption.author},
        "lead_time": caption.seconds,
        "ground_truth": caption.is_gold,
        "created_at": caption.created_at,
        "result": [_result(caption.text, identity)],
    }


def _result(text: str, identity: str) -> dict[str, Any]:
    return {
        "id": identity,
        "from_name": FROM_NAME,
        "to_name": TO_NAME,
        "type": "textarea",
        "value": {"text": [text]},
    }


def read(source: Source, prefixes: Mapping[str, str] | None = None) -> Iterator[Entry]:
    """Yield the tasks. `prefixes` says what the beginning of an address stands for here."""
    raws = decoded(whole(source), list[msgspec.Raw], "file")
    named: dict[str, str] = {}
    for place, task, problem in each(raws, Task, "tasks"):
        if problem:
            yield Entry(place, problem=problem)
            continue
        record = _record(task, prefixes or {})
        other = named.setdefault(record.video_id, record.url)
        if task.data.get("video_id"):
            yield Entry(place, record)
            continue
        if not record.video_id:
            problem = "data holds no video: its key is `video`, `video_url` or `url`."
        elif other != record.url:
            problem = (
                f"Two files are called {record.video_id}; give data.video_id, or map prefixes."
            )
        yield Entry(place, problem=problem) if problem else Entry(place, record)


def _record(task: Task, prefixes: Mapping[str, str]) -> Record:
    data = task.data
    address = next((str(data[key]) for key in ("video", "video_url", "url") if data.get(key)), "")
    video_id, url = clip_at(address, prefixes)
    start_ms, duration = milliseconds(_number(data.get("start"))), _number(data.get("duration"))
    answers = [*task.annotations, *task.completions]
    record = Record(
        video_id=_text(data.get("video_id")) or video_id,
        url=url,
        start_ms=start_ms,
        end_ms=end_within(milliseconds(_number(data.get("end"))), start_ms, None),
        duration=duration,
        language=_text(data.get("language")),
        split=_text(data.get("split")),
        tags=[tag for tag in data.get("tags") or [] if isinstance(tag, str)],
        caption=_text(data.get("caption")),
        status=_text(data.get("status")),
        confidence=_number(data.get("confidence")),
        agreement=_number(data.get("agreement")),
        captions=[c for a in answers if not a.was_cancelled for c in _captions(a)],
        skips=[_who(answer) for answer in answers if answer.was_cancelled],
        predictions=[
            Guess(text, each.model_version or "", None, each.score)
            for each in task.predictions
            for text in _texts(each.result)
        ],
        drafts=[caption for draft in task.drafts for caption in _captions(draft)],
    )
    record.references = unmet([_text(text) for text in data.get("references") or []], record)
    return record


def clip_at(address: str, prefixes: Mapping[str, str]) -> tuple[str, str]:
    """Return the video id of an address and where the clip is, empty where nobody can say.

    The longest prefix that fits is replaced. Label Studio's own addresses, unmapped, name a file
    on its server and nothing here.
    """
    fitting = [prefix for prefix in prefixes if address.startswith(prefix)]
    if fitting:
        prefix = max(fitting, key=len)
        address = prefixes[prefix] + address.removeprefix(prefix)
    parts = urlsplit(address)
    path = parts.path
    if parts.path.startswith(LOCAL_FILES):
        path = parse_qs(parts.query).get("d", [""])[0]
    name = path.rstrip("/").rpartition("/")[2]
    stem = name.rpartition(".")[0] or name
    is_reachable = parts.scheme in ("http", "https", "s3")
    return stem or address, address if is_reachable else ""


def _captions(answer: Answer) -> list[Caption]:
    return [
        Caption(
            text,
            _who(answer),
            answer.lead_time,
            None,
            answer.created_at,
            answer.ground_truth,
        )
        for text in _texts(answer.result)
    ]


def _texts(results: Iterable[Result]) -> Iterator[str]:
    for result in results:
        if result.type == "textarea":
            texts = result.value.get("text")
            yield from [texts] if isinstance(texts, str) else [t for t in texts or [] if _text(t)]


def _who(answer: Answer) -> str:
    who = answer.completed_by if answer.completed_by is not None else answer.user
    if isinstance(who, dict):
        who = who.get("email") or who.get("username") or who.get("id")
    return "" if who is None else str(who)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
