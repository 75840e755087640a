"""Images embedded in the page as data URIs."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

JPEG_QUALITY = 82


def photo_uri(pixels: NDArray[np.uint8]) -> str:
    """Encode RGB (H, W, 3) as the data URI of a JPEG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return _uri("jpeg", file)


def shares_uri(shares: NDArray[np.float64], colour: tuple[int, int, int]) -> str:
    """Encode a matrix of shares, 0 to 1, as the data URI of a PNG with one pixel each. The share is
    the opacity of `colour`, which suits light and dark pages."""
    pixels = np.zeros((*shares.shape, 4), dtype=np.uint8)
    pixels[..., :3] = colour
    pixels[..., 3] = np.round(255 * shares)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return _uri("png", file)


def shrink_to_fit(pixels: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    """Resize to this height, keeping the aspect ratio."""
    width = max(1, round(pixels.shape[1] * height / pixels.shape[0]))
    return np.asarray(Image.fromarray(pixels).resize((width, height)))


def _uri(kind: str, file: io.BytesIO) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
