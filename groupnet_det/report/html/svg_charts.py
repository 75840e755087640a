"""Line charts as SVG with the colours of the page, in light and dark mode."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 400, 250
LEFT, RIGHT, TOP, BOTTOM = 54, 12, 10, 38
MAX_POINTS = 500  # per line; longer ones are sampled evenly
NUM_COLOURS = 12  # in the style sheet, .s0 to .s11
TICKS = 5


@dataclass(frozen=True, kw_only=True)
class Series:
    """A line.

    Attributes:
        xs, ys: Its points; those with nan are left out.
        dots: Whether to draw its points, with their values when the mouse points at them.
    """

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    dots: bool = False

    def points(self, positive: bool) -> list[tuple[float, float]]:
        """The points that can be drawn; only `positive` ones for a logarithmic axis."""
        finite = [
            (x, y)
            for x, y in zip(self.xs, self.ys, strict=True)
            if math.isfinite(y) and (y > 0 or not positive)
        ]
        if len(finite) <= MAX_POINTS:
            return finite
        step = (len(finite) - 1) / (MAX_POINTS - 1)
        return [finite[round(index * step)] for index in range(MAX_POINTS)]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis, which maps values to pixels.

    Attributes:
        low, high: Values at the ends.
        start, end: Pixels of the ends.
        ticks: Values with a line and a number.
        log: Whether the axis is logarithmic.
    """

    low: float
    high: float
    start: float
    end: float
    ticks: Sequence[float]
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high = (math.log(v) if self.log else v for v in (self.low, self.high))
        share = ((math.log(value) if self.log else value) - low) / (high - low)
        return self.start + share * (self.end - self.start)


def line_chart(
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    log: bool = False,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    marks: Sequence[float] = (),
    lines: bool = True,
) -> Markup:
    """Draw series into one plot.

    Args:
        series: Series in the order of their colours.
        log: Whether the vertical axis is logarithmic.
        x_range, y_range: Ranges of the axes; by default those of the values.
        marks: Values of the horizontal axis with a dashed line.
        lines: Whether to connect the points.

    Returns:
        An ``<svg>`` element for the page.
    """
    drawn = [one.points(log) for one in series]
    every = [point for points in drawn for point in points] or [(0.0, 1.0)]
    x_axis = make_axis(x_range or _span(x for x, _ in every), LEFT, WIDTH - RIGHT)
    y_make = make_log_axis if log else make_axis
    y_axis = y_make(y_range or _span(y for _, y in every), HEIGHT - BOTTOM, TOP)
    parts = [_grid(x_axis, y_axis), *(_mark(x_axis(x)) for x in marks)]
    for index, (one, points) in enumerate(zip(series, drawn, strict=True)):
        pixels = [(x_axis(x), y_axis(y)) for x, y in points]
        colour = f"s{index % NUM_COLOURS}"
        if lines and pixels:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in pixels)
            parts.append(Markup('<polyline class="line {}" points="{}"/>').format(colour, path))
        if one.dots or not lines:
            parts += [
                _dot(place, colour, f"{one.label}: {y:.4g} at {x:.4g}")
                for place, (x, y) in zip(pixels, points, strict=True)
            ]
    parts += [_words(x_label, y_label)]
    label = f"{y_label} over {x_label}: {', '.join(one.label for one in series)}"
    svg = '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    return Markup(svg).format(WIDTH, HEIGHT, label, Markup("").join(parts))


def make_axis(span: tuple[float, float], start: float, end: float) -> Axis:
    """Make an axis with about `TICKS` ticks at round numbers."""
    low, high = _wide(span)
    step = _round_step((high - low) / TICKS)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    ticks = [index * step for index in range(first, last + 1)]
    return Axis(low=low, high=high, start=start, end=end, ticks=ticks)


def make_log_axis(span: tuple[float, float], start: float, end: float) -> Axis:
    """Make a logarithmic axis with ticks at 1, 2 and 5 times powers of ten, or at powers only."""
    low, high = span if span[1] > 1.05 * span[0] else (span[0] / 1.5, span[1] * 1.5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(powers) <= 4 else (1,)
    ticks = [f * 10.0**power for power in powers for f in factors]
    shown = [tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]
    return Axis(low=low, high=high, start=start, end=end, ticks=shown, log=True)


def tick_text(value: float) -> str:
    """A short text of a tick, such as 20k for 20000."""
    if value and abs(value) < 1e-2:
        mantissa, _, power = f"{value:.1e}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{int(power)}"
    if abs(value) >= 1e4:
        return f"{value / 1000:g}k"
    return f"{value:.4g}"


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(f * power for f in (1, 2, 5, 10) if f * power >= step * 0.999)


def _span(values: Iterable[float]) -> tuple[float, float]:
    known = list(values)
    return min(known), max(known)


def _wide(span: tuple[float, float]) -> tuple[float, float]:
    """Return the span; if it is a point, a range around it."""
    low, high = span
    return (low, high) if high > low else (low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2)


def _grid(x_axis: Axis, y_axis: Axis) -> Markup:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    line = '<line class="grid" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>'
    text = '<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>'
    parts = []
    for tick, x in _placed(x_axis):
        parts.append(Markup(line).format(x, TOP, x, bottom))
        parts.append(Markup(text).format("x", x, bottom + 14, tick_text(tick)))
    for tick, y in _placed(y_axis):
        parts.append(Markup(line).format(LEFT, y, right, y))
        parts.append(Markup(text).format("y", LEFT - 5, y + 4, tick_text(tick)))
    return Markup("").join(parts)


def _placed(axis: Axis) -> list[tuple[float, float]]:
    """The ticks and their pixels."""
    return [(tick, axis(tick)) for tick in axis.ticks]


def _mark(x: float) -> Markup:
    line = '<line class="mark" x1="{:.1f}" y1="{}" x2="{:.1f}" y2="{}"/>'
    return Markup(line).format(x, TOP, x, HEIGHT - BOTTOM)


def _dot(place: tuple[float, float], colour: str, hint: str) -> Markup:
    dot = '<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="2.6"><title>{}</title></circle>'
    return Markup(dot).format(colour, *place, hint)


def _words(x_label: str, y_label: str) -> Markup:
    middle = (TOP + HEIGHT - BOTTOM) / 2
    return Markup(
        '<text class="x" x="{:.1f}" y="{}">{}</text>'
        '<text class="x" transform="rotate(-90)" x="{:.1f}" y="11">{}</text>'
    ).format((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, escape(x_label), -middle, escape(y_label))
