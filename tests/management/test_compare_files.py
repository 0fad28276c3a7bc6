"""`manage.py compare`: files in, the portal's verdict out, no database."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

SHAPES = ["circle", "square", "triangle", "star", "ring", "cross", "moon"]
WAYS = ["left", "right", "up", "down", "away"]


@pytest.fixture
def files(tmp_path):
    """Thirty items of fifteen videos; B is right, A is not."""
    rows = {"a": [], "b": [], "refs": []}
    for n in range(30):
        truth = f"a {SHAPES[n % 7]} moves {WAYS[n % 5]} quickly"
        rows["a"].append({"id": f"i{n}", "caption": "two dogs sleep on a sofa"})
        rows["b"].append({"id": f"i{n}", "caption": truth})
        rows["refs"].append({"id": f"i{n}", "references": [truth], "video": f"v{n // 2}"})
    for name, lines in rows.items():
        text = "\n".join(json.dumps(line) for line in lines)
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


def run(files, *options, a="a", b="b"):
    out, err = StringIO(), StringIO()
    code = 0
    try:
        call_command(
            "compare", files / f"{a}.jsonl", files / f"{b}.jsonl",
            "--references", files / "refs.jsonl", "--no-encoder", *options, stdout=out, stderr=err,
        )  # fmt: skip
    except CommandError as failed:
        code = failed.returncode
        err.write(str(failed))
    return code, out.getvalue(), err.getvalue()


def test_a_better_model_is_promoted_without_a_database(files):
    code, out, _ = run(files, "--json")
    found = json.loads(out)
    assert (code, found["verdict"], found["primary"]) == (0, "promote", "agreement")
    assert (found["n_items"], found["n_videos"]) == (30, 15)
    assert (found["n_wins"], found["n_ties"], found["n_losses"]) == (30, 0, 0)
    assert found["metrics"]["bleu_4"]["retrained"] == pytest.approx(1.0)
    assert run(files, "--json")[1] == out


def test_the_table_names_the_metric_that_decides(files):
    code, out, _ = run(files, a="b", b="a")
    assert code == 0
    assert "agreement *" in out
    assert "Verdict: reject" in out
    assert "0 / 0 / 30 of 30 items (15 clusters)" in out


def test_clusters_may_be_the_items_themselves(files):
    assert json.loads(run(files, "--json", "--cluster", "id")[1])["n_videos"] == 30


def test_bad_lines_and_ids_without_a_match_are_named_and_the_rest_is_compared(files):
    with (files / "a.jsonl").open("a") as stream:
        stream.write('\n{"id": "i1", "caption": "again"}\nnot json\n{"id": "x", "caption": "a"}\n')
        stream.write('{"id": "y", "caption": "  "}\n')
    code, out, err = run(files, "--json")
    assert code == 1
    assert json.loads(out)["n_items"] == 30
    assert "a.jsonl line 31: The id i1 stands here a second time." in err
    assert "a.jsonl line 32:" in err
    assert "a.jsonl line 34:" in err
    assert "In A, without references: x" in err


def test_files_that_have_nothing_in_common_or_are_not_there_compare_nothing(files):
    (files / "a.jsonl").write_text('{"id": "z", "caption": "a dog"}')
    code, out, err = run(files)
    assert (code, out) == (2, "")
    assert "nothing to compare" in err
    assert run(files, a="none")[0] == 2


def test_the_encoder_decides_where_there_is_one(files, settings):
    settings.ENCODER = "auto"
    out = StringIO()
    call_command(
        "compare", files / "a.jsonl", files / "b.jsonl", "--references", files / "refs.jsonl",
        "--json", stdout=out,
    )  # fmt: skip
    assert json.loads(out.getvalue())["primary"] == "cosine"
