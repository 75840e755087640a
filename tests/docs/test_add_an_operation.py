"""The page about a new operation names the files that the operation it walks through is in."""

import re

# Where the operation is used, not defined.
USERS = {"groupnet_det/exporting/packed/models/roi_heads.py"}
NAMES = re.compile("depth_?to_?space", re.IGNORECASE)


def found(root):
    """Lines that name the operation, by file."""
    paths = (
        path for kind in ("*.py", "*.h", "*.cpp") for path in root.glob(f"groupnet_det/**/{kind}")
    )
    lines = {
        path.relative_to(root).as_posix(): sum(map(bool, map(NAMES.search, path.open())))
        for path in paths
    }
    return {name: number for name, number in lines.items() if number and name not in USERS}


def test_the_page_names_each_file_once(root):
    page = (root / "docs/project/add-an-operation.md").read_text()
    assert sorted(re.findall(r"^\| `(groupnet_det/.+?)`", page, re.MULTILINE)) == sorted(
        found(root)
    )


def test_the_page_counts_them(root):
    page = (root / "docs/project/add-an-operation.md").read_text()
    lines = found(root)
    assert len(lines) == 6
    assert "Six files" in page
    assert f"in {sum(lines.values())} lines" in page
