"""How every benchmark reports: a JSON line a figure, then a table, then whether all musts hold."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


@dataclass(frozen=True)
class Row:
    """One figure: what was measured, its 95 % interval, and what it is held to."""

    row: str
    what: str
    value: float
    low: float | None
    high: float | None
    must: str | None
    aim: str | None
    ok: bool


@dataclass
class Report:
    """Collects figures, printing each as it comes."""

    rows: list[Row] = field(default_factory=list)

    def add(
        self,
        row: str,
        what: str,
        values: float | Sequence[float],
        *,
        least: float | None = None,
        most: float | None = None,
        aim: str | None = None,
    ) -> float:
        """Report a number, or the mean over seeds with its interval, against its bound."""
        numbers = np.atleast_1d(np.asarray(values, dtype=np.float64))
        mean = float(numbers.mean())
        half = 1.96 * numbers.std(ddof=1) / np.sqrt(len(numbers)) if len(numbers) > 1 else None
        ok = (least is None or mean >= least) and (most is None or mean <= most)
        must = (
            f">= {least:g}" if least is not None else f"<= {most:g}" if most is not None else None
        )
        low, high = (None, None) if half is None else (mean - half, mean + half)
        line = Row(row, what, mean, low, high, must, aim, ok)
        self.rows.append(line)
        print(json.dumps(asdict(line)), flush=True)
        return mean

    def finish(self) -> int:
        """Print the table; return the exit status, 0 only where every must holds."""
        for each in self.rows:
            bounds = "" if each.low is None else f" [{each.low:.3f}, {each.high:.3f}]"
            state = "ok  " if each.ok else "FAIL"
            held = f"must {each.must or '-'}, aim {each.aim or '-'}"
            print(
                f"{state} {each.row:4} {each.what}: {each.value:.3f}{bounds}  ({held})",
                file=sys.stderr,
            )
        return 0 if all(each.ok for each in self.rows) else 1


def options(description: str, seeds: int) -> argparse.ArgumentParser:
    """Return the options that every benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the public data sets")
    parser.add_argument("--seeds", type=int, default=seeds)
    return parser
