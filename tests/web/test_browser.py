"""The page in a real browser without a window."""

import io
import shutil
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from groupnet_det.web.int8_baseline import is_installed
from groupnet_det.web.offered_models import BOXES, CLASS, MASKS
from groupnet_det.web.uploads import MAX_UPLOAD
from groupnet_det.web.web_page import ADDRESS

from .conftest import asked_hosts

pytestmark = pytest.mark.alone

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SECONDS = 60_000  # ms that anything may take
HANDLERS = 1000  # ms until what is seen also listens; the open heartbeat tells nothing of that
SELF = {ADDRESS, "localhost", None, ""}


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is missing; pip install '.[browser-tests]'"
    )
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"there is none of {', '.join(BROWSERS)}; install Chromium")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, served):
    """The page, and all that it asks for, in ``page.asked``."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(SECONDS)
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    with page.expect_request("**/heartbeat/*"):  # which stays open: the page is alive
        page.goto(served.address)
    page.wait_for_selector("#picture input[type=file]", state="attached")
    page.wait_for_selector(".gallery-item img, button img")  # the example
    page.wait_for_timeout(HANDLERS)
    yield page
    page.close()


def upload(page, path):
    page.set_input_files("#picture input[type=file]", path)


def drawn_pixels(page):
    """The image with the result."""
    page.wait_for_selector("#drawn img")
    source = page.locator("#drawn img").get_attribute("src")
    file = io.BytesIO(page.request.get(source).body())
    return np.asarray(Image.open(file).convert("RGB"))


def test_upload_answer_and_time(page, served, photo):
    upload(page, photo)
    page.wait_for_selector("#found p")
    assert drawn_pixels(page).shape == (480, 640, 3)
    assert "times as" in page.wait_for_selector("#times .gn-ratio").inner_text()
    assert "Time on this machine" in page.inner_text("#times")
    assert urlsplit(served.address).hostname == ADDRESS
    kinds = {urlsplit(url).scheme for url in page.asked}
    hosts = {urlsplit(url).hostname for url in page.asked if not url.startswith(("data:", "blob:"))}
    assert kinds <= {"http", "data", "blob"}
    assert hosts == {ADDRESS}
    assert ADDRESS in asked_hosts  # the server asks itself whether it is there
    assert set(asked_hosts) <= SELF


def test_a_phone_shows_the_prediction(page, photo):
    page.set_viewport_size({"width": 390, "height": 844})
    upload(page, photo)
    page.wait_for_function(
        """() => {
            const drawn = document.querySelector("#drawn img");
            const box = drawn ? drawn.getBoundingClientRect() : {top: -1};
            return box.top >= 0 && box.bottom <= window.innerHeight;
        }"""
    )


def test_another_task_brings_its_models(page, web_models, photo):
    upload(page, photo)
    page.wait_for_selector("#times .gn-ratio")
    for question, task in ((MASKS, "mask_rcnn"), (CLASS, "classifier"), (BOXES, "retinanet")):
        page.get_by_label(question).click()
        page.wait_for_function(
            "name => document.querySelector('#model input').value == name",
            arg=web_models[task].name,
        )
    page.get_by_label(CLASS).click()
    page.wait_for_function("document.querySelectorAll('#found .gn-bar').length == 5")
    page.wait_for_selector("#threshold", state="hidden")


def test_images_and_buttons_have_names(page, photo):
    page.get_by_role("button", name="Use the example example").wait_for()
    page.get_by_alt_text("Example: example").wait_for()
    upload(page, photo)
    page.get_by_alt_text("Your image", exact=True).wait_for()
    page.wait_for_selector("#drawn img[alt^='Your image; found:']")
    unnamed = """() => [...document.querySelectorAll("button, img, input:not([type=file])")].filter(
        (part) => part.offsetParent && !part.querySelector("img[alt]")
            && !part.alt && !part.ariaLabel && !part.title
            && !part.innerText && !(part.labels && part.labels.length)
    ).map((part) => part.outerHTML)"""
    assert page.evaluate(unnamed) == []


def test_int8_is_timed_where_it_is_asked_for(page, web_models, photo):
    if not is_installed():
        pytest.skip("OpenVINO or an ONNX package is not installed")
    upload(page, photo)
    page.wait_for_selector("#times .gn-ratio")
    page.get_by_label("Compare with int8").click()
    three_bars = "document.querySelectorAll('#times .gn-bar').length == 3"
    page.wait_for_function(three_bars, timeout=5 * SECONDS)  # the graph is made first
    assert "as int8" in page.inner_text("#times .gn-ratio")


def test_example(page):
    page.locator(".gallery-item, button:has(img)").last.click()
    shape = drawn_pixels(page).shape
    assert shape == (480, 672, 3)


def test_a_wrong_file_is_reported(page, tmp_path, photo):
    (tmp_path / "letter.png").write_text("no picture at all")
    upload(page, tmp_path / "letter.png")
    message = page.wait_for_selector("#found [role=alert]").inner_text()
    assert message.startswith("letter.png cannot be read")
    assert "uploads" not in message
    page.get_by_label("Remove Image").click()
    page.wait_for_selector("#found [role=alert]", state="detached")
    upload(page, photo)
    page.wait_for_selector("#times .gn-ratio")


def test_a_text_file_is_refused(page, tmp_path):
    (tmp_path / "letter.txt").write_text("hello")
    upload(page, tmp_path / "letter.txt")
    page.wait_for_selector("text=Invalid file type: letter.txt")


def test_a_big_file_is_refused_by_page_and_server(page, served, tmp_path):
    big = tmp_path / "big.png"
    big.write_bytes(bytes(MAX_UPLOAD + 1))
    upload(page, big)
    page.wait_for_selector("text=exceed the maximum allowed size of 25.0 Mb")
    assert page.locator("#picture img").count() == 0
    file = {"name": "big.png", "mimeType": "image/png", "buffer": big.read_bytes()}
    answer = page.request.post(f"{served.address}gradio_api/upload", multipart={"files": file})
    assert answer.status == 413


def test_files_of_the_machine_are_not_served(page, served):
    for path in ("/etc/passwd", __file__):
        assert not page.request.get(f"{served.address}gradio_api/file={path}").ok
