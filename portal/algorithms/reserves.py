"""A slice's fixed share of the work, out of the one static key.

Ordinary tasks stand by their rank-normalised uncertainty, so per N clips N (1 - u) of them lie
above u. A slice whose members are spread evenly over [1 - spread, 1] is met once in every so many
ordinary ones: the spread alone decides its share of what is served, and no counter is needed.
"""


def standing(place: float, *, items: float, work: float) -> float:
    """Return the uncertainty, in [0, 1], that a member of a slice stands by.

    `place` is the member's random place in [0, 1), `items` the slice's share of all clips, `work`
    the share of the work that it is to have for as long as its members last. With x the place, the
    slice has N·items·x members above it, the others N·(1 - items)·(1 - u); setting their ratio to
    work : 1 - work gives u = 1 - x · items/(1 - items) · (1 - work)/work. A slice too large for
    its share gets more than that: nothing stands below 0.
    """
    if not (0.0 <= place <= 1.0 and 0.0 <= items <= 1.0 and 0.0 <= work <= 1.0):
        raise ValueError(f"Place {place}, items {items} and work {work} lie between 0 and 1.")
    if items >= 1.0 or work <= 0.0:
        return 1.0 - place
    spread = items / (1.0 - items) * (1.0 - work) / work
    return 1.0 - place * min(spread, 1.0)
