"""What may be imported where."""

import subprocess
import sys

import pytest


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_importing_the_package_imports_nothing_heavy():
    heavy = "{'torch', 'detectron2', 'numpy', 'cv2', 'matplotlib'}"
    done = run(f"import sys, groupnet_det; print(sorted({heavy} & set(sys.modules)))")
    assert done.stdout.strip() == "[]", done.stderr


WITHOUT_DETECTRON2 = """
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
{code}
"""


@pytest.mark.parametrize(
    "code",
    [
        "from groupnet_det import Binarization, GroupNetResNet; import torch;"
        "print(GroupNetResNet(width=0.125)(torch.zeros(1, 3, 64, 64))['res5'].shape)",
        "import groupnet_det.quantizers, groupnet_det.layers",
        "import groupnet_det.data.photo_digits, groupnet_det.data.stream",
        "import groupnet_det.analysis.precision_map, groupnet_det.evaluation.coco_results",
    ],
    ids=["network", "layers", "data", "tools"],
)
def test_parts_that_need_no_detectron2_import_without_it(code):
    blocked = "{'detectron2', 'fvcore', 'iopath', 'yacs'}"
    done = run(WITHOUT_DETECTRON2.format(blocked=blocked, code=code))
    assert done.returncode == 0, done.stderr


def test_public_names():
    import groupnet_det

    assert "add_groupnet_config" in dir(groupnet_det)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = groupnet_det.nothing
