"""The page, made of Gradio's parts."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from groupnet_det.errors import ConfigError, UserError, lookup
from groupnet_det.extras import import_extra
from groupnet_det.packed.score_thresholds import SCORE_THRESHOLD

from . import html_fragments
from .draw_result import Pixels, read_upload, show_result
from .example_images import ATTRIBUTION, kind_for
from .guard import guarded
from .handover import Handover
from .int8_baseline import is_installed
from .offered_models import BOXES, MASKS, WebModel, by_name, questions
from .speed_comparison import compare
from .uploads import MAX_UPLOAD, Uploads

ADDRESS = "127.0.0.1"  # of this machine alone
TITLE = "groupnet_det"
KEEP_SECONDS = 3600  # of uploaded images
MAX_LABEL = 100  # characters of a file's name in messages
# Before Gradio is imported: nothing is reported, and nothing is looked up.
ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def load_gradio(folder: Path) -> ModuleType:
    """Gradio, which keeps uploads in `folder` and reports nothing.

    What the environment says to it is dropped: it could share the page, or serve further folders.

    Raises:
        MissingExtraError: It is not installed.
    """
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    os.environ.update(ENVIRONMENT)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    return import_extra("web", ["gradio"])[0]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An image that has a prediction, and may be timed.

    Attributes:
        path: Path of an uploaded image.
        name: Name of the model.
    """

    path: str
    name: str


class Page:
    """The functions of the page, apart from its layout.

    Whatever comes from a browser is checked here: everybody on this machine can call what the page
    calls, with other values than it would send.
    """

    def __init__(self, models: Sequence[WebModel], uploads: Uploads, handover: Handover) -> None:
        """
        Args:
            models: One at least.
            uploads: Images that may be opened.
            handover: To the main thread, which runs and times the models.
        """
        self.models = models
        self.named = by_name(models)
        self.uploads = uploads
        self.handover = handover

    def choices(self, question: str) -> list[tuple[str, str]]:
        """Titles and names of the models that are for a question."""
        return [(model.title, model.name) for model in self.models if model.is_for(question)]

    def predict(
        self, upload: object, question: object, name: object, threshold: object
    ) -> tuple[Pixels | None, str, str, Asked | None]:
        """The drawn image; what was found in HTML, or what is wrong; what stands there until
        `time` has made the comparison; and what `time` takes."""
        if upload is None:
            return None, "", "", None
        try:
            asked = self._asked(upload, name)
            model, pixels = self._read(asked, label_of(upload))
            wanted, least = _question(question, model), _threshold(threshold)
            shown = self.handover.run(
                lambda: show_result(
                    pixels, model.predictor(pixels), question=wanted, threshold=least
                )
            )
        except UserError as error:
            return None, html_fragments.problem(str(error)), "", None
        found = html_fragments.findings_list(shown.findings, model.predictor.class_names)
        return shown.picture, found, html_fragments.waiting(), asked

    def time(self, asked: Asked | None, int8: object = False) -> str:
        """The comparison in HTML; nothing where `predict` has said what is wrong.

        Args:
            asked: A request of `predict` that the server kept: no page can choose what is timed.
            int8: Whether to compare with 8 bits, too.
        """
        if asked is None:
            return ""
        try:
            model, pixels = self._read(asked, "the image")
            compared = self.handover.run(lambda: compare(model, pixels, int8=int8 is True))
            return html_fragments.comparison(compared)
        except UserError:
            return ""

    def _asked(self, upload: object, name: object) -> Asked:
        path = upload.get("path") if isinstance(upload, Mapping) else None
        lookup(self.named, str(name), "the model")
        return Asked(path=str(self.uploads.checked(path)), name=str(name))

    def _read(self, asked: Asked, label: str) -> tuple[WebModel, Pixels]:
        path = str(self.uploads.checked(asked.path))
        return self.named[asked.name], read_upload(path, label)


def label_of(upload: object) -> str:
    """The name of an uploaded image in messages: that of its file, cut."""
    name = upload.get("orig_name") or upload.get("path") if isinstance(upload, Mapping) else None
    return Path(str(name)).name[:MAX_LABEL] or "the image"


def _question(question: object, model: WebModel) -> str:
    if not isinstance(question, str) or question not in questions([model]):
        raise ConfigError("this model is for another task")
    return question


def _threshold(threshold: object) -> float:
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise ConfigError("the score threshold of objects is not a number")
    if not 0 <= threshold <= 1:
        raise ConfigError("the score threshold of objects is not within 0 to 1")
    return threshold


def build_page(gradio: ModuleType, page: Page, examples: Mapping[str, Sequence[Path]]) -> Any:
    """The page, to be launched.

    Args:
        gradio: The module that `load_gradio` returns.
        page: What it does.
        examples: Image files by the kind of model that they are for, as of `write_examples`; there
            may be none.
    """
    gr: Any = gradio
    asked = questions(page.models)
    with gr.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=(KEEP_SECONDS, KEEP_SECONDS)
    ) as blocks:
        gr.HTML(html_fragments.intro(len(page.models)))
        with gr.Row():
            with gr.Column():
                question = gr.Radio(asked, value=asked[0], label="Task")
                name = _choose_model(gr, page, asked[0])
                picture = gr.Image(
                    label=f"Your image, up to {MAX_UPLOAD >> 20} MB",
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "clipboard"],
                    height=320,
                    elem_id="picture",
                )
                threshold = gr.Slider(
                    0.05,
                    1,
                    SCORE_THRESHOLD,
                    step=0.05,
                    label="Score threshold of objects",
                    visible=asked[0] in (BOXES, MASKS),
                    elem_id="threshold",
                )
                shown = kind_for(page.choices(asked[0])[0][1])
                groups = {
                    kind: _add_examples(gr, picture, paths, visible=kind == shown)
                    for kind, paths in examples.items()
                }
            with gr.Column():
                drawn = gr.Image(
                    label="What the packed model finds",
                    interactive=False,
                    height=480,
                    buttons=["download", "fullscreen"],
                    elem_id="drawn",
                )
                found = gr.HTML(elem_id="found")
                times = gr.HTML(elem_id="times")
                int8 = gr.Checkbox(
                    label="Compare with int8 by OpenVINO as well; the first time takes a while",
                    visible=is_installed(),
                    elem_id="int8",
                )
        gr.HTML(f"<p class='gn-note'>{ATTRIBUTION}</p>")
        asked_last = gr.State()  # of each session; browsers neither see nor set it

        def choose(asked: str, before: str) -> tuple[Any, Any]:
            return _choose_model(gr, page, asked, before), gr.Slider(
                visible=asked in (BOXES, MASKS)
            )

        def show_examples(name: str) -> list[Any]:
            return [gr.Column(visible=kind == kind_for(str(name))) for kind in groups]

        # One run at a time, so that runs do not disturb each other's times.
        common = {"concurrency_id": "cpu", "concurrency_limit": 1, "api_visibility": "private"}
        timed = [asked_last, int8], times
        chosen = question.input(
            choose, [question, name], [name, threshold], show_progress="hidden", **common
        )
        for event in (picture.change, name.input, threshold.release, chosen.then):
            predicted = event(
                page.predict,
                [picture, question, name, threshold],
                [drawn, found, times, asked_last],
                preprocess=False,
                **common,
            )
            predicted.then(None, js=html_fragments.SHOW_PREDICTION)
            # Without an animation, which takes a core from what is timed.
            predicted.then(page.time, *timed, show_progress="hidden", **common)
        int8.input(page.time, *timed, **common)
        shown_groups = list(groups.values())
        name.change(show_examples, [name], shown_groups, show_progress="hidden", **common)
        blocks.load(None, js=html_fragments.NAME_PARTS)
    for function in blocks.fns.values():  # also that of the examples, which Gradio calls past it
        function.queue = True  # the one way to call that the guard checks
    return blocks


def _add_examples(gr: Any, picture: Any, paths: Sequence[Path], *, visible: bool) -> Any:
    """A group of example images."""
    samples = [[str(path)] for path in paths]
    with gr.Column(visible=visible, elem_classes="gn-examples") as group:
        gr.Examples(samples, picture, label="Examples", examples_per_page=len(samples))
    return group


def _choose_model(gr: Any, page: Page, question: str, before: str = "") -> Any:
    choices = page.choices(question)
    names = [name for _, name in choices]
    chosen = before if before in names else names[0]
    return gr.Dropdown(choices, value=chosen, label="Packed model", elem_id="model")


def launch(gradio: ModuleType, blocks: Any, uploads: Uploads, *, port: int | None = None) -> str:
    """Serve the page on this machine alone, in a thread of its own.

    Args:
        gradio: The module that `load_gradio` returns.
        blocks: The result of `build_page`.
        uploads: Files that may be used and handed out.
        port: Any free one from 7860 on where it is None.

    Returns:
        The page's address.

    Raises:
        OSError: The port is taken.
    """
    gr: Any = gradio
    _, address, _ = blocks.launch(
        server_name=ADDRESS,
        server_port=port,
        share=False,
        max_file_size=MAX_UPLOAD,
        theme=gr.themes.Default(
            font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
        ),
        css=html_fragments.CSS,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        quiet=True,
        show_error=False,
        prevent_thread_lock=True,
        app_kwargs={"lifespan": guarded(uploads)},
    )
    print(f"open {address} in a browser; Ctrl-C ends it", flush=True)
    return str(address)
