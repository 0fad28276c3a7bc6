"""Files of every format read by the readers their users have; run by a Python that has those.

    /path/to/python benchmarks/readers.py FOLDER

FOLDER holds what benchmarks/formats.py wrote; its JSON Lines say what each reader has to find. One
JSON line a reader: the share of segments whose caption it found, and of captions that it found.
"""

import csv
import json
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

Found = Iterable[str]


def pandas_parquet(file: Path, folder: Path) -> Found:
    """Pandas (pyarrow beneath)."""
    return list(import_module("pandas").read_parquet(file).query("kind == 'consensus'").caption)


def datasets_parquet(file: Path, folder: Path) -> Found:
    """Hugging Face datasets."""
    load = import_module("datasets").load_dataset
    rows = load("parquet", data_files=str(file), cache_dir=str(folder), split="train")
    return [row["caption"] for row in rows if row["kind"] == "consensus"]


def datasets_videofolder(file: Path, folder: Path) -> Found:
    """Hugging Face datasets, the folder with its clips."""
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder / "clips")
    datasets = import_module("datasets")
    rows = datasets.load_dataset(
        "videofolder", data_dir=str(folder / "clips"), cache_dir=str(folder)
    )
    return [
        caption for split in rows.values() for caption in split.remove_columns(["video"])["caption"]
    ]


def datasets_metadata(file: Path, folder: Path) -> Found:
    """Hugging Face datasets, a VideoFolder without its clips: its lists alone."""
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    load = import_module("datasets").load_dataset
    lists = [str(path) for path in folder.rglob("metadata.jsonl")]
    rows = load("json", data_files=lists, cache_dir=str(folder / "cache"), split="train")
    return list(rows["caption"])


def webvtt_py(file: Path, folder: Path) -> Found:
    """webvtt-py."""
    import html

    webvtt = import_module("webvtt")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    cues = (cue for path in sorted(folder.glob("*.vtt")) for cue in webvtt.read(str(path)))
    return [html.unescape(cue.raw_text) for cue in cues]


def srt(file: Path, folder: Path) -> Found:
    """Srt."""
    parse = import_module("srt").parse
    found: list[str] = []
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            if name.endswith(".srt"):
                found += [cue.content for cue in parse(archive.read(name).decode())]
    return found


def pycocotools(file: Path, folder: Path) -> Found:
    """Pycocotools."""
    coco = import_module("pycocotools.coco").COCO(str(file))
    return [each["caption"] for each in coco.loadAnns(coco.getAnnIds(imgIds=coco.getImgIds()))]


def pandas_csv(file: Path, folder: Path) -> Found:
    """Pandas."""
    return list(import_module("pandas").read_csv(file).query("kind == 'consensus'").caption)


def python_csv(file: Path, folder: Path) -> Found:
    """Python's csv."""
    with file.open(newline="", encoding="utf-8") as lines:
        return [row["caption"] for row in csv.DictReader(lines) if row["kind"] == "consensus"]


def label_studio(file: Path, folder: Path) -> Found:
    """label-studio-sdk's converter, to its own CSV and back."""
    converter = import_module("label_studio_sdk.converter")
    config = (
        '<View><Video name="video" value="$video"/><TextArea name="caption" toName="video"/></View>'
    )
    made = converter.Converter(config, str(folder), download_resources=False)
    made.convert_to_json_min(str(file), str(folder), is_dir=False)
    rows = json.loads((folder / "result.json").read_text())
    return [row["caption"] for row in rows]


READERS: tuple[tuple[str, Callable[[Path, Path], Found]], ...] = (
    ("parquet.parquet", pandas_parquet),
    ("parquet.parquet", datasets_parquet),
    ("videofolder.zip", datasets_metadata),
    ("clips.zip", datasets_videofolder),
    ("webvtt.zip", webvtt_py),
    ("srt.zip", srt),
    ("coco.json", pycocotools),
    ("csv.csv", pandas_csv),
    ("csv.csv", python_csv),
    ("labelstudio.json", label_studio),
)


def run(files: Path) -> int:
    """Read everything that is there; 0 where all was found."""
    lines = (files / "jsonl.jsonl").read_text().split("\n")
    wanted = sorted(json.loads(line)["caption"] for line in lines if line)
    worst = 1.0
    for name, reader in READERS:
        if not (files / name).exists():
            continue
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):  # some talk
            found = sorted(reader(files / name, Path(folder)))
        expected = wanted if name != "clips.zip" else sorted({*wanted})[: len(found)]
        same = sum(a == b for a, b in zip(found, expected, strict=False))
        share = same / max(len(expected), len(found), 1)
        worst = min(worst, share)
        said = (reader.__doc__ or "").rstrip(".")
        print(json.dumps({"reader": said, "format": name.partition(".")[0], "share": share}))
    return 0 if worst == 1.0 else 1


if __name__ == "__main__":
    raise SystemExit(run(Path(sys.argv[1])))
