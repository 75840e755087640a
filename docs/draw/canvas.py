"""A small SVG canvas for drawings that are readable in light and dark mode.

Boxes have a tint of a colour that stands out from both; ink is the page's own text colour where the
drawing is part of a page, else it follows the browser's preference.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

# Colours by the kind of a box.
COLOURS = {"bits": "#2f81d6", "float": "#d0781e", "joint": "#2b9a5b", "plain": "#8a94a0"}

STYLE = """
.gd{--gd-ink:var(--color-foreground-primary,#1b1f24);--gd-dim:var(--color-foreground-secondary,#57606a);
font-family:system-ui,-apple-system,"Segoe UI","Liberation Sans",sans-serif;font-size:14px}
@media (prefers-color-scheme:dark){.gd{--gd-ink:var(--color-foreground-primary,#e6e8eb);
--gd-dim:var(--color-foreground-secondary,#9aa4af)}}
.gd text{fill:var(--gd-ink);text-anchor:middle;dominant-baseline:central}
.gd .gd-left{text-anchor:start}
.gd .gd-dim{fill:var(--gd-dim)}.gd .gd-big{font-weight:600;font-size:15px}
.gd .gd-code{font-family:ui-monospace,"Liberation Mono",monospace}
.gd .gd-line{fill:none;stroke:var(--gd-dim);stroke-width:1.5}.gd .gd-tip{fill:var(--gd-dim)}
.gd .gd-grid{fill:none;stroke:var(--gd-dim);stroke-width:.5;opacity:.55}
""" + "".join(
    f".gd .gd-{kind}{{fill:{colour};fill-opacity:.2;stroke:{colour};stroke-width:1.5}}\n"
    f".gd .gd-full-{kind}{{fill:{colour}}}\n"
    for kind, colour in COLOURS.items()
)

Point = tuple[float, float]


class Canvas:
    """Collects shapes; coordinates are pixels from the upper left corner.

    Attributes:
        title: Said to those who cannot see the drawing.
    """

    def __init__(self, name: str, title: str, width: float, height: float) -> None:
        self.name, self.title, self.width, self.height = name, title, width, height
        self.shapes: list[str] = []

    def box(self, x: float, y: float, width: float, height: float, kind: str, *lines: str) -> None:
        """A rounded box around lines of text; `kind` is a key of `COLOURS`."""
        self.shapes.append(
            f'<rect class="gd-{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" '
            'rx="6"/>'
        )
        first = y + height / 2 - 9 * (len(lines) - 1)
        for number, line in enumerate(lines):
            self.text(x + width / 2, first + 18 * number, line)

    def ball(self, x: float, y: float, text: str, kind: str = "joint", radius: float = 15) -> None:
        """A circle for an operation that joins, such as a sum."""
        self.shapes.append(f'<circle class="gd-{kind}" cx="{x:g}" cy="{y:g}" r="{radius:g}"/>')
        self.text(x, y, text)

    def text(self, x: float, y: float, text: str, style: str = "") -> None:
        """`style`: some of ``left dim big code``."""
        classes = " ".join(f"gd-{word}" for word in style.split())
        attribute = f' class="{classes}"' if classes else ""
        self.shapes.append(f'<text{attribute} x="{x:g}" y="{y:g}">{escape(text)}</text>')

    def arrow(self, *points: Point, tip: bool = True) -> None:
        """A line through points, with a tip at the last one."""
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
        self.shapes.append(f'<path class="gd-line" d="{path}"/>')
        if tip:
            self.shapes.append(f'<path class="gd-tip" d="{_tip(points[-2], points[-1])}"/>')

    def grid(self, x: float, y: float, cells: int, side: float, filled: Sequence[Point]) -> None:
        """Square cells, some of which (column, row) are filled."""
        end = cells * side
        lines = [f"M{x + i * side:g} {y:g}v{end:g}" for i in range(cells + 1)]
        lines += [f"M{x:g} {y + i * side:g}h{end:g}" for i in range(cells + 1)]
        self.shapes.append(f'<path class="gd-grid" d="{"".join(lines)}"/>')
        for column, row in filled:
            self.shapes.append(
                f'<rect class="gd-full-bits" x="{x + column * side + 1:g}" '
                f'y="{y + row * side + 1:g}" width="{side - 2:g}" height="{side - 2:g}"/>'
            )

    def legend(self, x: float, y: float, *entries: tuple[str, str]) -> None:
        """A legend in one row: pairs of a kind and its meaning."""
        for kind, words in entries:
            self.shapes.append(
                f'<rect class="gd-{kind}" x="{x:g}" y="{y - 7:g}" width="14" height="14" rx="3"/>'
            )
            self.text(x + 21, y, words, "left dim")
            x += 40 + 7.2 * len(words)

    def svg(self) -> str:
        """The finished file."""
        shapes = "\n".join(self.shapes)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="gd" role="img" '
            f'viewBox="0 0 {self.width:g} {self.height:g}" width="{self.width:g}">\n'
            f"<title>{escape(self.title)}</title>\n<style>{STYLE}</style>\n{shapes}\n</svg>\n"
        )


def _tip(before: Point, end: Point) -> str:
    """A triangle at `end` that points away from `before`."""
    dx, dy = end[0] - before[0], end[1] - before[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    ux, uy = dx / length, dy / length
    back = (end[0] - 8 * ux, end[1] - 8 * uy)
    left = (back[0] - 4 * uy, back[1] + 4 * ux)
    right = (back[0] + 4 * uy, back[1] - 4 * ux)
    return "M" + "L".join(f"{x:.5g} {y:.5g}" for x, y in (end, left, right)) + "Z"
