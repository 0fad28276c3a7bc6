"""Lines of a manifest as Label Studio's tasks, and its predictions as the portal's.

Label Studio's `score` is a confidence; the portal's `uncertainty` is 1 − score.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from examples.label_studio_bridge.configs import Config
from examples.portals import Json

SECONDS = ("start", "end")


def annotated(line: Json, config: Config) -> Json:
    """Return one line of a manifest as a task with its annotation, as Label Studio exports it."""
    result = _result(line["caption"], config)
    annotation = {
        "id": line["task_id"],
        "completed_by": 0,
        "result": [result],
        "was_cancelled": False,
        "ground_truth": False,
        "lead_time": None,
    }
    data = {
        config.field: line["video"]["url"],
        "video_id": line["video"]["video_id"],
        "language": line["language"],
        "references": line["references"],
        "weight": line["weight"],
        "tags": line["tags"],
    } | {name: line[name] for name in SECONDS}
    task = {"id": line["task_id"], "data": data, "annotations": [annotation], "predictions": []}
    if line["model_caption"]:
        task["predictions"].append(
            {
                "model_version": line["model_version"],
                "score": None if line["uncertainty"] is None else 1.0 - line["uncertainty"],
                "result": [_result(line["model_caption"], config)],
            }
        )
    return task


def asked(task: Json, config: Config) -> Json:
    """Return a task of the portal as one that a backend is asked to predict."""
    data = {config.field: task["video"]["media_url"], "video_id": task["video"]["video_id"]}
    data |= {name: task[name] for name in SECONDS}
    return {"id": task["id"], "data": data, "annotations": [], "predictions": []}


def row(task: Json, prediction: Any, config: Config, version: str) -> Json | None:
    """Return a backend's answer as a prediction to post; None where it says no caption."""
    caption = _caption(prediction, config)
    if not caption:
        return None
    found: Json = {
        "video_id": task["video"]["video_id"],
        "caption": caption,
        "model_version": version,
    }
    if task["end"]:
        found |= {name: task[name] for name in SECONDS}
    score = prediction.get("score")
    if isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1:
        found["uncertainty"] = 1.0 - score
    return found


def _result(caption: str, config: Config) -> Json:
    name = hashlib.sha256(caption.encode()).hexdigest()[:10]
    return {
        "id": name,
        "from_name": config.from_name,
        "to_name": config.to_name,
        "type": "textarea",
        "value": {"text": [caption]},
    }


def _caption(prediction: Any, config: Config) -> str:
    results = prediction.get("result") if isinstance(prediction, dict) else None
    for one in results if isinstance(results, Sequence) else ():
        if not isinstance(one, dict) or one.get("from_name") != config.from_name:
            continue
        text = (one.get("value") or {}).get("text")
        text = " ".join(map(str, text)) if isinstance(text, list) else text
        if isinstance(text, str) and text.strip():
            return text.strip()
    return ""
