"""What consensus is measured against: crowd-kit's aggregators and the medoid by embedding.

crowd-kit is no dependency of the portal: `pip install "crowd-kit==1.4.2" "pandas<3"` where the
benchmark runs; without it those rows are left out and said.
"""

import sys
from collections.abc import Mapping
from importlib.util import find_spec

import numpy as np

from benchmarks.crowds import Crowd


def installed() -> bool:
    """Whether crowd-kit can be run beside the portal; says so where not."""
    if find_spec("crowdkit") is None:
        print("crowd-kit is not installed: RASA, HRRASA and ROVER are left out.", file=sys.stderr)
        return False
    return True


METHODS = ("RASA", "HRRASA", "HRRASA-once")


def aggregated(crowd: Crowd, method: str) -> Mapping[str, str]:
    """Choose a text for every task by crowd-kit over the captions' vectors.

    Some workers answered a task twice. The published figures keep both answers, as the portal's do
    here; "-once" keeps the later one, which suits HRRASA better.
    """
    import pandas
    from crowdkit.aggregation import HRRASA, RASA

    rows = [
        (task, caption.author, caption.text, caption.vector)
        for task, captions in crowd.tasks.items()
        for caption in captions
    ]
    frame = pandas.DataFrame(rows, columns=["task", "worker", "output", "embedding"])
    if method.endswith("-once"):
        frame = frame.drop_duplicates(["task", "worker"], keep="last")
    aggregator = RASA() if method == "RASA" else HRRASA()
    result = aggregator.fit_predict(frame)
    return dict(zip(result.index, result["output"], strict=True))


def rover(crowd: Crowd) -> Mapping[str, str]:
    """Fuse every task's words by crowd-kit's ROVER."""
    import pandas
    from crowdkit.aggregation import ROVER

    from benchmarks.crowds import spoken

    rows = [
        (task, caption.author, " ".join(spoken(caption.text)))
        for task, captions in crowd.tasks.items()
        for caption in captions
    ]
    frame = pandas.DataFrame(rows, columns=["task", "worker", "text"])
    result = ROVER(tokenizer=str.split, detokenizer=" ".join).fit_predict(frame)
    return dict(result)


def medoid(crowd: Crowd) -> Mapping[str, str]:
    """Choose for every task the caption nearest to the others by cosine."""
    chosen = {}
    for task, captions in crowd.tasks.items():
        rows = np.stack([caption.vector for caption in captions])
        chosen[task] = captions[int(np.argmax((rows @ rows.T).sum(axis=1)))].text
    return chosen
