"""Annotations of a tiny COCO file, which the fixture ``coco`` writes."""

HEIGHT, WIDTH = 30, 40


def annotation(number, image_id=1, category_id=1, bbox=(2, 3, 10, 8), **others):
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": list(bbox),
        "iscrowd": 0,
        "area": bbox[2] * bbox[3],
        **others,
    }
