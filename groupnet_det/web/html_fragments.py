"""Pieces of HTML and what runs in the browser. What comes from files or users is escaped."""

from collections.abc import Sequence
from html import escape

from .draw_result import FoundClass
from .speed_comparison import Comparison

MOST_LINES = 12
MOST_NAMES = 40  # of classes
LEAST_SHARE = 0.0005  # smaller ones would read 0.0 %

# Colours of the page's theme, light or dark.
CSS = """
.gn-intro p { margin: 0 0 .3rem 0 }
.gn-intro h1 { margin: 0 0 .2rem 0; font-size: 1.45rem }
.gn-line { display: grid; grid-template-columns: minmax(6.8rem, 30%) minmax(0, 1fr) 4.4rem;
           gap: .6rem; align-items: center; margin: .22rem 0 }
.gn-name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.gn-track { background: var(--border-color-primary); border-radius: 4px; height: .85rem }
.gn-bar { border-radius: 4px; height: 100%; min-width: 3px;
          box-shadow: 0 0 0 1px var(--body-text-color-subdued) }
.gn-value { text-align: right; font-variant-numeric: tabular-nums }
.gn-note { opacity: .75; font-size: .85rem; margin: .45rem 0 0 0 }
.gn-ratio { font-size: 1.15rem; margin: .5rem 0 .1rem 0 }
.gn-problem { border: 1px solid #c2410c; border-left-width: 6px; border-radius: 6px;
              padding: .6rem .8rem }
.gn-title { font-weight: 600; margin: 0 0 .4rem 0 }
#drawn [data-testid="block-label"] { position: static; width: fit-content }
#model input { text-overflow: ellipsis; padding-right: 1.6rem }
"""
# On a phone the prediction stands below what asks for it.
SHOW_PREDICTION = """() => {
    const drawn = document.querySelector("#drawn");
    if (window.innerWidth < 800 && drawn.querySelector("img")) drawn.scrollIntoView();
}"""
# What screen readers say: Gradio gives images and examples no names.
NAME_PARTS = """() => {
    const name = () => {
        const set = (part, key, text) => {
            if (part && part.getAttribute(key) !== text) part.setAttribute(key, text);
        };
        for (const image of document.querySelectorAll(".gn-examples button img")) {
            const file = decodeURIComponent(image.src.split("/").pop()).replace(/[.][a-z]+$/, "");
            set(image, "alt", `Example: ${file}`);
            set(image.closest("button"), "aria-label", `Use the example ${file}`);
        }
        set(document.querySelector("#picture img"), "alt", "Your image");
        const names = [...document.querySelectorAll("#found .gn-line")].map(
            (line) => line.innerText.replace(/\\s+/g, " "));
        const found = names.length ? names.join(", ") : "nothing";
        set(document.querySelector("#drawn img"), "alt", `Your image; found: ${found}`);
    };
    new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
    name();
}"""


def intro(number: int) -> str:
    """The text above everything else."""
    models = "1 packed model" if number == 1 else f"{number} packed models"
    return (
        "<div class='gn-intro'><h1>Binary networks on your images</h1>"
        f"<p>{models}, run on this machine's CPU with one bit for each binary weight and "
        "activation, beside the same network in float32. Nothing leaves this machine.</p></div>"
    )


def problem(message: str) -> str:
    """The reason why there is no prediction."""
    return f"<div class='gn-problem' role='alert'>{escape(message)}</div>"


def findings_list(findings: Sequence[FoundClass], class_names: Sequence[str]) -> str:
    """Bars of scores, probabilities or shares.

    Args:
        class_names: What the model knows, for an image in which it finds nothing.
    """
    shown = [finding for finding in findings if finding.share >= LEAST_SHARE]
    if not shown:
        return _titled(
            "Nothing found",
            _note("Nothing scores as much as the score threshold of objects asks for.")
            + _note(f"This model looks for: {_listed(class_names)}."),
        )
    lines = [
        _line(f.name, f.share, f"{100 * f.share:.1f} %", f"rgb{f.colour}")
        for f in shown[:MOST_LINES]
    ]
    more = len(shown) - len(lines)
    return _titled("Found", "".join(lines) + (_note(f"and {more} more") if more else ""))


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return escape(", ".join(names[:MOST_NAMES])) + (f" and {more} more" if more > 0 else "")


def comparison(result: Comparison) -> str:
    """Bars of times, and what they mean."""
    every = (result.packed_seconds, result.float_seconds, result.int8_seconds)
    longest = max(seconds or 0.0 for seconds in every)
    lines = [_time("packed, 1 bit", result.packed_seconds, longest, "var(--color-accent)")]
    if result.float_seconds is None:
        lines.append(_note(f"No time of float32: {escape(result.absence)}."))
    else:
        lines.append(_time("float32", result.float_seconds, longest, "rgb(128, 128, 128)"))
        if result.int8_seconds is not None:
            lines.append(_time("int8", result.int8_seconds, longest, "rgb(190, 190, 190)"))
        lines.append(f"<p class='gn-ratio'>{_ratios(result)}</p>")
    if result.int8_absence:
        lines.append(_note(f"No time of int8: {escape(result.int8_absence)}."))
    height, width = result.seen
    notes = [
        f"{_sizes(result)} Seen by the network: {width} × {height} pixels.",
        "Times from these pixels to the prediction, median of several rounds, taken in turns.",
    ]
    if result.float_seconds is not None:
        notes.append(
            "float32 is the same network in full precision by PyTorch and Detectron2. Its weights "
            "are random, on which its time hardly depends; it is made to find as many objects."
        )
    if result.int8_seconds is not None:
        notes.append(
            "int8 is that network with 8 bits by OpenVINO, up to its raw outputs: its time is "
            "without the boxes of detectors and NMS."
        )
    notes.append(f"{escape(result.machine)}.")
    return _titled("Time on this machine", "".join(lines) + _note(" ".join(notes)))


def waiting() -> str:
    """The text that stands instead of `comparison` during the measurement."""
    return _titled("Time on this machine", _note("The networks are being timed."))


def _ratios(result: Comparison) -> str:
    """How the packed network stands to the others."""
    ratios = {"float32": result.ratio, "int8": result.int8_ratio}
    known = {name: ratio for name, ratio in ratios.items() if ratio is not None}
    return " ".join(_ratio(name, ratio) for name, ratio in known.items())


def _ratio(other: str, ratio: float) -> str:
    if ratio < 1:
        return f"Packed takes <b>{1 / ratio:.1f} times as long</b> as {other} here."
    return f"Packed is <b>{ratio:.1f} times as fast</b> as {other}."


def _sizes(result: Comparison) -> str:
    packed = f"File: {_megabytes(result.packed_bytes)}"
    if result.float_bytes is None:
        return f"{packed}."
    return f"{packed}, weights in float32: {_megabytes(result.float_bytes)}."


def _megabytes(number: int) -> str:
    return f"{number / 1e6:.2f} MB" if number < 10e6 else f"{number / 1e6:.1f} MB"


def _time(name: str, seconds: float, longest: float, colour: str) -> str:
    return _line(name, seconds / longest, _duration(seconds), colour)


def _duration(seconds: float) -> str:
    scale, unit = (1e6, "µs") if seconds < 1e-3 else (1e3, "ms") if seconds < 1 else (1, "s")
    number = scale * seconds
    return f"{number:.0f} {unit}" if number >= 100 else f"{number:.1f} {unit}"


def _line(name: str, share: float, value: str, colour: str) -> str:
    return (
        f"<div class='gn-line'><span class='gn-name' title='{escape(name)}'>{escape(name)}</span>"
        f"<div class='gn-track'><div class='gn-bar' style='width: {100 * share:.1f}%; "
        f"background: {colour}'></div></div><span class='gn-value'>{value}</span></div>"
    )


def _titled(title: str, content: str) -> str:
    return f"<div><p class='gn-title'>{title}</p>{content}</div>"


def _note(text: str) -> str:
    return f"<p class='gn-note'>{text}</p>"
