"""What the model sees of a clip: one row of numbers measured on its foreground.

Background is the median of each frame's border; foreground is what lies far from it in colour
and survives a 3 × 3 majority. Everything else follows from where that is, how it is shaped, how
it is coloured and how that changes over time. Positions are in frame widths, times in shares of
the clip, speeds in frame widths a second.
"""

import numpy as np

from examples.captioner.clips import Clip

COLOUR_DISTANCE = 62.0
FEWEST_PIXELS = 8  # below that a frame counts as empty
N_STEPS = 24  # moments at which a track is resampled
N_HUES, N_RINGS, N_ANGLES = 8, 8, 40
N_FEATURES = 77


def measure(clip: Clip) -> np.ndarray:
    """Measure one clip as (N_FEATURES,) float32, all finite.

    A clip without any foreground gives zeros.
    """
    pictures = clip.pictures
    masks = foreground(pictures)
    counts = masks.sum(axis=(1, 2))
    seen = counts >= FEWEST_PIXELS
    if not seen.any():
        return np.zeros(N_FEATURES, dtype=np.float32)
    width = pictures.shape[2]
    x, y, high, wide = _boxes(masks, seen, width)
    row = np.concatenate(
        [
            _colours(pictures, masks, seen),
            _sizes(counts / width**2, seen, wide, high),
            _shapes(masks, seen, counts),
            _motions(x, y, clip.duration),
            _visibility(seen),
        ]
    )
    return row.astype(np.float32)


def foreground(pictures: np.ndarray) -> np.ndarray:
    """Return where each frame differs from its border's median colour; (n, height, width) bool."""
    border = np.concatenate(
        [pictures[:, 0], pictures[:, -1], pictures[:, :, 0], pictures[:, :, -1]], axis=1
    )
    ground = np.median(border, axis=1).astype(np.int32)
    distance = np.zeros(pictures.shape[:3], dtype=np.int32)
    for channel in range(3):  # a sum over a last axis of three is far slower
        offset = pictures[..., channel] - ground[:, channel, None, None]
        distance += offset * offset
    votes = np.pad((distance > COLOUR_DISTANCE**2).view(np.uint8), ((0, 0), (1, 1), (1, 1)))
    rows = votes[:, :-2] + votes[:, 1:-1] + votes[:, 2:]
    votes = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    return votes >= 5


def _boxes(masks: np.ndarray, seen: np.ndarray, width: int) -> tuple[np.ndarray, ...]:
    """Return the centre and extent of the foreground in every frame, gaps filled from the sides."""
    columns, rows = masks.sum(axis=1), masks.sum(axis=2)
    counts = np.maximum(columns.sum(axis=1), 1)
    x = (columns * np.arange(columns.shape[1])).sum(axis=1) / counts / width
    y = (rows * np.arange(rows.shape[1])).sum(axis=1) / counts / width
    wide = (columns > 0).sum(axis=1) / width
    high = (rows > 0).sum(axis=1) / width
    moments = np.arange(len(masks))
    return tuple(np.interp(moments, moments[seen], track[seen]) for track in (x, y, high, wide))


def _colours(pictures: np.ndarray, masks: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the mean colour, its hue and saturation, and a soft histogram of hues (14 numbers)."""
    middle = np.flatnonzero(seen)[: max(1, int(0.6 * seen.sum()))]
    pixels = pictures[middle][masks[middle]].astype(np.float32) / 255
    mean = np.median(pixels, axis=0)
    brightest, darkest = mean.max(), mean.min()
    saturation = (brightest - darkest) / max(brightest, 1e-6)
    red, green, blue = mean
    hue = np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)
    centres = np.arange(N_HUES) * 2 * np.pi / N_HUES
    bins = saturation * np.exp(6 * (np.cos(hue - centres) - 1))
    return np.concatenate([mean, [saturation, np.cos(hue), np.sin(hue)], bins])


def _sizes(area: np.ndarray, seen: np.ndarray, wide: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return how large the foreground is and how that changes (12 numbers)."""
    roots = np.sqrt(area[seen])
    track = _resample(roots)
    early, middle, late = (part.mean() for part in np.split(track, 3))
    return np.array(
        [
            roots[0],
            np.median(roots),
            roots.max(),
            roots.std(),
            early,
            middle,
            late,
            np.log(late / early),
            np.log(track[-1] / max(track[12], 1e-6)),
            np.median(wide),
            np.median(high),
            np.abs(np.diff(track)).sum(),
        ]
    )


def _shapes(masks: np.ndarray, seen: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the outline's form, averaged over the frames that show most of it (20 numbers)."""
    best = np.argsort(-counts * seen, kind="stable")[: min(int(seen.sum()), 8)]
    return np.mean([_shape(masks[index]) for index in best], axis=0)


def _shape(mask: np.ndarray) -> np.ndarray:
    """Return one outline's eccentricity, solidity, radial histogram and angular spectrum."""
    rows, columns = np.nonzero(mask)
    v, u = rows - rows.mean(), columns - columns.mean()
    radius = np.hypot(u, v)
    # The outermost pixel is noise: the 98th percentile stands for the rim.
    rim = max(float(np.partition(radius, int(0.98 * len(radius)))[int(0.98 * len(radius))]), 1.0)
    uu, vv, uv = (u * u).mean(), (v * v).mean(), (u * v).mean()
    # The eigenvalues of a 2 × 2 covariance are its half trace ± this.
    apart = np.hypot((uu - vv) / 2, uv)
    box = float((np.ptp(rows) + 1) * (np.ptp(columns) + 1))
    ring = np.minimum((radius / rim * N_RINGS).astype(int), N_RINGS - 1)
    rings = np.bincount(ring, minlength=N_RINGS) / len(radius)
    sector = ((np.arctan2(v, u) / (2 * np.pi) + 0.5) * N_ANGLES).astype(int) % N_ANGLES
    profile = np.zeros(N_ANGLES)
    np.maximum.at(profile, sector, radius / rim)
    spectrum = np.abs(np.fft.rfft(profile))[1:9] / N_ANGLES
    form = [
        ((uu + vv) / 2 - apart) / max((uu + vv) / 2 + apart, 1e-9),
        len(radius) / box,
        len(radius) / (np.pi * rim**2),
        profile.min(),
    ]
    return np.concatenate([form, rings, spectrum])


def _motions(x: np.ndarray, y: np.ndarray, seconds: float) -> np.ndarray:
    """Return where the foreground goes, how fast and how straight (27 numbers)."""
    x, y = _resample(x), _resample(y)
    dt = seconds / (N_STEPS - 1)
    vx, vy = np.diff(x) / dt, np.diff(y) / dt
    speed = np.hypot(vx, vy)
    thirds = [np.array_split(track, 3) for track in (vx, vy, speed)]
    net = np.array([x[-1] - x[0], y[-1] - y[0]])
    length = max(float(speed.sum() * dt), 1e-6)
    moving = speed > 0.25 * max(float(speed.max()), 0.05)
    turns = [_sign_changes(v[moving]) for v in (vx, vy)]
    waves = [np.abs(np.fft.rfft(track - track.mean()))[1:5] / N_STEPS for track in (x, y)]
    return np.concatenate(
        [
            [part.mean() for track in thirds for part in track],
            net,
            [length, np.hypot(*net) / length, np.median(speed[:14]), speed.max()],
            turns,
            [np.ptp(x), np.ptp(y)],
            waves[0],
            waves[1],
        ]
    )


def _visibility(seen: np.ndarray) -> np.ndarray:
    """Return the share of frames with foreground in each quarter of the clip (4 numbers)."""
    shown = np.interp(np.linspace(0, 1, 24), np.linspace(0, 1, len(seen)), seen.astype(float))
    return shown.reshape(4, 6).mean(axis=1)


def _resample(track: np.ndarray) -> np.ndarray:
    """Return a track at N_STEPS evenly spaced moments."""
    return np.interp(np.linspace(0, 1, N_STEPS), np.linspace(0, 1, len(track)), track)


def _sign_changes(values: np.ndarray) -> float:
    if len(values) < 2:
        return 0.0
    return float((np.diff(np.sign(values)) != 0).sum())
