"""Consensus and reliability on real crowds, by the portal's own code: rows 1–6, 8 and 10–15.

Run as `python -m benchmarks.consensus`; `--rows 1,5` runs some, `--fit` fits the confidence anew.
Row 16 is in benchmarks.evaluator. What needs data or the encoder that is not there is left out and
said.
"""

import sys

from benchmarks import cheat_rows, clip_rows, crowd_rows, language_rows
from benchmarks.rows import Report, options
from benchmarks.statistics import Memory
from portal.adapters import encoders

PROGRAMME = (
    ("1,2,3,4", "crowdwsa", crowd_rows.translations),
    ("5", "crowdspeech", crowd_rows.transcriptions),
    ("6,3e", "msrvtt", clip_rows.choices_of_clips),
    ("8,10", "msrvtt", clip_rows.confidences),
    ("11", "crowdwsa", crowd_rows.spam),
    ("11", "crowdwsa", cheat_rows.little_spam),
    ("cheats", "msrvtt", cheat_rows.subtle_cheats),
    ("collusion", "msrvtt", cheat_rows.rings),
    ("12,13", "msrvtt", clip_rows.copiers),
    ("14", "msrvtt", clip_rows.cost),
    ("15", "crowdwsa", crowd_rows.online),
    ("meaning", "msrvtt", clip_rows.meanings),
    ("meaning", "", language_rows.languages),
)


def main() -> int:
    """Measure every row, or those asked for."""
    parser = options(__doc__ or "", seeds=3)
    parser.add_argument("--rows", default="", help="comma-separated rows; all without it")
    parser.add_argument("--fit", action="store_true", help="fit the confidence, print its numbers")
    asked = parser.parse_args()
    encoder = encoders.configured("auto")
    if encoder is None:
        print(encoders.available(), file=sys.stderr)
        return 1
    report, memory = Report(), Memory(encoder)
    if asked.fit:
        return clip_rows.fit(asked.data, memory, asked.seeds)
    wanted = set(filter(None, asked.rows.split(",")))
    for rows, needs, measure in PROGRAMME:
        if wanted and not wanted & set(rows.split(",")):
            continue
        if needs and not (asked.data / needs).exists():
            print(f"No data in {needs}: rows {rows} are left out.", file=sys.stderr)
            continue
        measure(report, asked.data, memory, asked.seeds)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
