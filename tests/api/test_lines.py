"""The quick reader of prediction rows says what the strict one says, or leaves it to that one."""

import json as plain

import pytest

from portal.api import json
from portal.api.lines import elements, typed
from portal.api.predictions import to_item
from portal.errors import InvalidInput

ONE = '"video_id": "a", "caption": "a dog", "model_version": "m"'
SOUND = [
    f"{{{ONE}}}",
    f'{{{ONE}, "uncertainty": 0.5, "tags": ["x"], "start": 1, "end": 2.5, "project": "p"}}',
    f'{{{ONE}, "tokens": [{{"t": "a", "logprob": -1}}, {{"t": "b", "logprob": -2.5}}]}}',
    f'{{{ONE}, "tokens": [{{"t": "a", "entropy": 1}}], "vocabulary_size": 50}}',
    f'{{{ONE}, "candidates": [{{"text": "a", "logprob": -1}}], "embedding": [1, 0.5]}}',
    '{"video_id": "ä", "caption": "“ünïcode” \\n \\" {}", "model_version": "m"}',
]
# Each is refused by the strict reader, and most would pass a lenient one.
REFUSED = [
    f'{{{ONE}, "caption": "another"}}',
    f'{{{ONE}, "c\\u0061ption": "another"}}',
    f'{{{ONE}, "tokens": [{{"t": "a", "t": "b", "logprob": -1}}]}}',
    f'{{{ONE}, "candidates": [{{"text": "a", "logprob": -1, "logprob": -2}}]}}',
    f'{{{ONE}, "tags": ["\\u0000"]}}',
    f'{{{ONE}, "tags": ["\\ud800"]}}',
    f'{{{ONE}, "embedding": [9223372036854775808]}}',
    f'{{{ONE}, "uncertainty": NaN}}',
    f'{{{ONE}, "embedding": [1e999]}}',
    f'{{{ONE}, "unknown": 1}}',
    f'{{{ONE}, "uncertainty": true}}',
    f'{{{ONE}, "uncertainty": 2}}',
    f"{{{ONE}}} x",
    f"{{{ONE}",
    "7",
    "[]",
    "",
]


def strictly(raw: bytes):
    return to_item(json.decode(raw))


@pytest.mark.parametrize("text", SOUND)
def test_a_sound_row_is_read_at_once_and_alike(text):
    assert typed(text.encode()) == strictly(text.encode())


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_strict_reader_refuses_is_left_to_it(text):
    assert typed(text.encode()) is None
    with pytest.raises(InvalidInput):
        strictly(text.encode())


def test_bytes_that_are_no_text_are_left_to_the_strict_reader():
    assert typed(f"{{{ONE}}}".encode().replace(b"dog", b"\xff")) is None


def test_a_row_that_only_looks_as_if_a_key_were_there_twice_is_read_strictly():
    raw = f'{{{ONE}, "tags": ["caption"]}}'.encode()
    assert typed(raw) is None
    assert strictly(raw).tags == ["caption"]


def test_an_array_is_read_at_once_only_where_every_row_is_sound():
    rows = [plain.loads(text) for text in SOUND]
    assert elements(plain.dumps(rows, ensure_ascii=False).encode()) == [
        strictly(text.encode()) for text in SOUND
    ]
    for text in REFUSED:
        assert elements(f"[{SOUND[0]}, {text}]".encode()) is None
