"""The map says what the switchboard does."""

import re
from pathlib import Path

from django.dispatch import Signal

from portal import hooks, signals

MAP = (Path(hooks.__file__).parent / "README.md").read_text()


def test_the_maps_announcements_are_the_wiring():
    names = {id(value): name for name, value in vars(signals).items() if isinstance(value, Signal)}
    wired = {(names[id(signal)], hook.__name__) for signal, hook in hooks.WIRING}
    table = MAP.split("## Announcements")[1].split("## Debts")[0]
    drawn = {
        (signal, hook)
        for line in table.splitlines()
        if (cells := re.match(r"\| `(\w+)` \| (.*) \|", line)) and (signal := cells[1])
        for hook in re.findall(r"`(\w+)`", cells[2])
    }
    assert drawn == wired
