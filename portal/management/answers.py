"""What simulated people write: a sentence for each answer, in the words of whoever gives it.

Two answers to a task share at most the place that everybody sees; two people who mean the same say
it in one of several ways.
"""

SUBJECTS = (
    "a young woman", "an old man", "two children", "a brown dog", "a chef", "a cyclist",
    "a street musician", "a red truck", "a flock of birds", "a teacher", "a gymnast", "a black cat",
    "a construction worker", "a football player", "a baby", "a farmer", "a small drone",
    "a group of dancers", "a police officer", "a white horse", "a painter", "a surfer", "a robot",
    "a train", "a diver", "a waiter", "a mechanic", "a skater", "a fisherman", "a bride",
    "a magician", "a drummer", "a nurse", "a climber", "a swimmer", "a ferry", "a gardener",
    "a boxer", "a puppy", "a tourist",
)  # fmt: skip
ACTIONS = (
    "slices an onion", "waves at the camera", "falls over", "climbs a ladder", "plays the violin",
    "pours coffee", "jumps into the water", "throws a ball", "reads a newspaper", "paints a wall",
    "turns around", "opens an umbrella", "pushes a cart", "lights a candle", "sweeps leaves",
    "lifts a heavy box", "draws a circle", "rides past quickly", "eats ice cream", "sings loudly",
    "ties a knot", "digs a hole", "blows smoke", "spins in place", "shakes hands", "feeds ducks",
    "folds a blanket", "cuts a ribbon", "kicks a stone", "carries a guitar", "catches a fish",
    "builds a tower", "crosses a road", "takes a photograph", "knocks on a door", "stops suddenly",
    "peels an orange", "repairs a wheel", "balances on a rope", "hides behind a tree",
)  # fmt: skip
PLACES = (
    "in a park", "on a beach", "in a kitchen", "on a busy street", "in a garden", "at a station",
    "in a gym", "on a stage", "near a river", "in a workshop", "at a market", "in the snow",
)  # fmt: skip
WAYS = (
    "{subject} {action} {place}",
    "{place}, {subject} {action}",
    "{subject} {action}",
    "the video shows how {subject} {action} {place}",
)
# Steps without a common divisor with the lists' lengths: six answers take six different entries.
SUBJECT_STEP, ACTION_STEP = 7, 11


def sentence(task: int, answer: int, way: int) -> str:
    """Say an answer to a task, both numbered from 0; `way` is how this person puts it."""
    text = WAYS[way % len(WAYS)].format(
        subject=SUBJECTS[(3 * task + SUBJECT_STEP * answer) % len(SUBJECTS)],
        action=ACTIONS[(9 * task + ACTION_STEP * answer) % len(ACTIONS)],
        place=PLACES[task % len(PLACES)],
    )
    return text[0].upper() + text[1:] + "."


def meanings(task: int, n_answers: int) -> dict[str, int]:
    """Return which answer each possible sentence about a task gives."""
    return {
        sentence(task, answer, way): answer
        for answer in range(n_answers)
        for way in range(len(WAYS))
    }
