"""Sizes of images as a data set states them, against those of the files."""

from pathlib import Path
from typing import Any

from detectron2.data import MetadataCatalog

from groupnet_det.data.catalog import source_of
from groupnet_det.errors import DataError
from groupnet_det.images.decoding import open_image, upright_size


def check_real_size(name: str, record: dict[str, Any]) -> None:
    """Check the size of a record whose image exists; see `check_image_size`."""
    if Path(record["file_name"]).is_file():
        with open_image(record["file_name"]) as image:
            check_announced_size(name, record, upright_size(image))


def check_announced_size(name: str, record: dict[str, Any], size: tuple[int, int]) -> None:
    """Call `check_image_size` for a record of the data set `name`."""
    check_image_size(record, size, source_of_record(name, record))


def check_image_size(record: dict[str, Any], size: tuple[int, int], source: str) -> None:
    """Check that the size in a record is that of the image.

    Args:
        record: A record of a data set.
        size: (width, height) of the upright image.
        source: The file of the record, for messages.

    Raises:
        DataError: The sizes differ.
    """
    announced = (record.get("width", size[0]), record.get("height", size[1]))
    if size != announced:
        swapped = ", with width and height swapped" if size == announced[::-1] else ""
        raise DataError(
            f"image {record['file_name']} is {size[0]}x{size[1]}, but {source} says "
            f"{announced[0]}x{announced[1]}{swapped}; correct its width and height there"
        )


def source_of_record(name: str, record: dict[str, Any]) -> str:
    """Return the file that a record comes from, for messages."""
    xml = f"{source_of(name)}/Annotations/{record.get('image_id')}.xml"
    return record.get("label_file") or (xml if is_voc(name) else source_of(name))


def is_voc(name: str) -> bool:
    return "dirname" in MetadataCatalog.get(name).as_dict()
