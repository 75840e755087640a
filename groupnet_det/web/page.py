"""The page, made of Gradio's parts."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from groupnet_det.errors import UserError, lookup
from groupnet_det.extras import import_extra

from . import fragments
from .answers import Pixels, read_picture, show_answer
from .comparison import compare
from .examples import ATTRIBUTION
from .models import BOXES, MASKS, WebModel, by_name, questions

ADDRESS = "127.0.0.1"  # of this machine alone
MAX_UPLOAD = 10 << 20  # bytes
TITLE = "groupnet_det"
THRESHOLD = 0.5
KEEP_SECONDS = 3600  # of uploaded pictures
EMPTY: tuple[None, str] = (None, "")
# Before Gradio is imported: nothing is told to anybody, and nothing looked up.
ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def load_gradio(folder: Path) -> ModuleType:
    """Gradio, which keeps uploads in `folder` and reports nothing.

    Raises:
        ExtraAbsentError: It is not installed.
    """
    os.environ.update(ENVIRONMENT)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    return import_extra("web", ["gradio"])[0]


class Page:
    """What the page does, without its looks."""

    def __init__(self, models: Sequence[WebModel]) -> None:
        self.models = models
        self.named = by_name(models)

    def choices(self, question: str) -> list[str]:
        """Names of the models that can answer a question."""
        return [model.name for model in self.models if model.answers(question)]

    def answer(
        self, upload: Mapping[str, Any] | None, question: str, name: str, threshold: float
    ) -> tuple[Pixels | None, str]:
        """The drawn picture, and what was found in HTML, or what is wrong."""
        if upload is None:
            return EMPTY
        try:
            model, pixels = self._read(upload, name)
            answer = model.predictor(pixels)
            shown = show_answer(model, pixels, answer, question=question, threshold=threshold)
        except UserError as error:
            return None, fragments.problem(str(error))
        return shown.picture, fragments.findings_list(shown.findings)

    def time(self, upload: Mapping[str, Any] | None, name: str) -> str:
        """The comparison in HTML; nothing where `answer` has told what is wrong."""
        if upload is None:
            return ""
        try:
            return fragments.comparison(compare(*self._read(upload, name)))
        except UserError:
            return ""

    def _read(self, upload: Mapping[str, Any], name: str) -> tuple[WebModel, Pixels]:
        model = lookup(self.named, name, "the model")
        path = str(upload["path"])
        return model, read_picture(path, str(upload.get("orig_name") or Path(path).name))


def build_page(gradio: ModuleType, models: Sequence[WebModel], examples: Sequence[Path]) -> Any:
    """The page, to be launched.

    Args:
        gradio: As of `load_gradio`.
        models: One at least.
        examples: Picture files, which may be none.
    """
    gr: Any = gradio
    page = Page(models)
    asked = questions(models)
    with gr.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=(KEEP_SECONDS, KEEP_SECONDS)
    ) as blocks:
        gr.HTML(fragments.intro(len(models)))
        with gr.Row():
            with gr.Column():
                question = gr.Radio(asked, value=asked[0], label="Task")
                name = _choose_model(gr, page, asked[0])
                picture = gr.Image(
                    label=f"Your picture, up to {MAX_UPLOAD >> 20} MB",
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "clipboard"],
                    height=320,
                    elem_id="picture",
                )
                threshold = gr.Slider(
                    0.05,
                    1,
                    THRESHOLD,
                    step=0.05,
                    label="Least score of objects",
                    visible=asked[0] in (BOXES, MASKS),
                    elem_id="threshold",
                )
                if examples:
                    gr.Examples(
                        [[str(path)] for path in examples],
                        picture,
                        label="Examples",
                        examples_per_page=len(examples),
                    )
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
        gr.HTML(f"<p class='gn-note'>{ATTRIBUTION}</p>")

        def choose(asked: str, before: str) -> tuple[Any, Any]:
            return _choose_model(gr, page, asked, before), gr.Slider(
                visible=asked in (BOXES, MASKS)
            )

        # One run at a time, so that runs do not disturb each other's times.
        common = {"concurrency_id": "cpu", "concurrency_limit": 1, "api_visibility": "private"}
        chosen = question.input(
            choose, [question, name], [name, threshold], show_progress="hidden", **common
        )
        for event in (picture.change, name.input, threshold.release, chosen.then):
            answered = event(
                page.answer,
                [picture, question, name, threshold],
                [drawn, found],
                preprocess=False,
                **common,
            )
            answered.then(page.time, [picture, name], times, preprocess=False, **common)
    return blocks


def _choose_model(gr: Any, page: Page, question: str, before: str = "") -> Any:
    names = page.choices(question)
    return gr.Dropdown(
        names, value=before if before in names else names[0], label="Packed model", elem_id="model"
    )


def launch(gradio: ModuleType, blocks: Any, *, port: int | None = None, wait: bool = True) -> str:
    """Serve the page on this machine alone.

    Args:
        gradio: As of `load_gradio`.
        blocks: As of `build_page`.
        port: Any free one from 7860 on if absent.
        wait: Until Ctrl-C.

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
        css=fragments.CSS,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        quiet=True,
        prevent_thread_lock=True,
    )
    print(f"open {address} in a browser; Ctrl-C ends it", flush=True)
    if wait:
        blocks.block_thread()
    return str(address)
