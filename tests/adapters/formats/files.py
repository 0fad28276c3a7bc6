"""Records for tests of formats: hand-made and drawn, and files in memory."""

from io import BytesIO

import msgspec
from hypothesis import strategies as st

from portal.adapters.formats import FORMATS, About, Caption, Entry, Guess, Record
from portal.errors import PortalError
from portal.models.texts import clean_caption

ABOUT = About(name="spring", language="en", created_at="2026-11-26T08:00:00+00:00")


def written(name: str, records: list[Record], about: About = ABOUT) -> bytes:
    sink = BytesIO()
    FORMATS[name].write(iter(records), sink, about)
    return sink.getvalue()


def entries(name: str, raw: bytes) -> list[Entry]:
    return list(FORMATS[name].read(BytesIO(raw)))


def read_back(name: str, raw: bytes) -> list[Record]:
    found = entries(name, raw)
    assert [entry for entry in found if entry.problem] == []
    return [entry.record for entry in found if entry.record]


def _cleaned(text: str) -> str:
    try:
        return clean_caption(text)
    except PortalError:
        return f"caption {len(text)}"


# What one format or another would stumble over, to be put together.
PIECES = (
    *(
        "-->",
        "--\u2060>",
        "\n\n",
        "\n",
        "\u00a0",
        "\u2028",
        "&",
        "&amp;",
        "<b>",
        "'",
        "=1",
        "\uff1d",
    ),
    *('"', ",", "WEBVTT", "NOTE", "1", "00:00:01.000 --> 00:00:02.000", "a#t=1,2", "Z\u00fcrich"),
    *("\u0643\u0644\u0628", "\u72d7", "\U0001f469\u200d\U0001f469\u200d\U0001f467"),
)
TEXTS = st.one_of(
    st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
).map(_cleaned)
NAMES = TEXTS.map(lambda text: text.replace("\n", " ")[:80].strip())
MOMENTS = st.integers(0, 90_000)
SHARES = st.none() | st.floats(0, 1)
SEGMENTS = st.one_of(
    st.just((0, 0)),
    st.tuples(MOMENTS, st.just(0)),
    st.tuples(MOMENTS, st.integers(1, 9_000)).map(lambda pair: (pair[0], pair[0] + pair[1])),
)
CAPTIONS = st.builds(
    Caption,
    text=TEXTS,
    author=NAMES,
    seconds=st.none() | st.floats(0, 86_400),
    guideline=st.none() | st.integers(1, 99),
    created_at=st.none() | st.just("2026-11-26T08:00:00+00:00"),
)
GUESSES = st.builds(Guess, text=TEXTS, version=NAMES, uncertainty=SHARES)


@st.composite
def collections(draw) -> list[Record]:
    """Records of a few clips, the segments of each together and each once, all with a caption."""
    records = []
    for video_id in draw(st.lists(NAMES, unique=True, max_size=3)):
        duration = draw(st.none() | st.integers(100_000, 200_000).map(lambda ms: ms / 1000))
        url = draw(st.sampled_from(["", "https://clips.example/a.mp4", "s3://bucket/a.mp4"]))
        tags = draw(st.lists(NAMES, max_size=2))
        language = draw(st.sampled_from(["en", "zh", "de-CH"]))
        split = draw(st.sampled_from(["train", "validation", "test"]))
        for start_ms, end_ms in draw(st.lists(SEGMENTS, unique=True, min_size=1, max_size=3)):
            record = Record(
                video_id=video_id,
                start_ms=start_ms,
                end_ms=end_ms,
                duration=duration,
                url=url,
                tags=tags,
                language=language,
                split=split,
                caption=draw(TEXTS),
                status="accepted",
                confidence=draw(SHARES),
                agreement=draw(SHARES),
                captions=draw(st.lists(CAPTIONS, max_size=3)),
                predictions=draw(st.lists(GUESSES, max_size=2)),
                task_id=draw(st.none() | st.integers(1, 2**40)),
            )
            record.references = [
                text
                for text in draw(st.lists(TEXTS, max_size=2, unique=True))
                if text not in record.texts()
            ]
            records.append(record)
    return records


def record(**fields) -> Record:
    """A hand-made record of a whole clip."""
    return msgspec.structs.replace(
        Record(
            video_id="clip-1",
            caption="a dog runs",
            language="en",
            split="train",
            duration=4.0,
            captions=[Caption("a dog runs", "ana", 12.5, 1), Caption("a dog moves", "ben")],
        ),
        **fields,
    )
