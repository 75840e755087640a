#!/usr/bin/env python3
"""Install the packages of an extra of groupnet-det, without building the project itself anew.

python tools/install_extra.py docs
"""

import argparse
import re
import subprocess
import sys
from importlib import metadata

MARKER = re.compile(r"""\s*;\s*extra\s*==\s*["']([\w-]+)["']\s*$""")


def requirements_of(extra: str, requirements: list[str]) -> list[str]:
    """Those of `requirements`, as the metadata of a distribution have them, that `extra` adds."""
    found = []
    for requirement in requirements:
        match = MARKER.search(requirement)
        if match and match[1] == extra:
            found.append(requirement[: match.start()])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("extra")
    extra = parser.parse_args().extra
    try:
        requirements = requirements_of(extra, metadata.requires("groupnet-det") or [])
    except metadata.PackageNotFoundError:
        print("error: groupnet-det is not installed; make setup does that", file=sys.stderr)
        return 1
    if not requirements:
        print(
            f"error: groupnet-det has no extra {extra!r}; make setup brings a new one",
            file=sys.stderr,
        )
        return 1
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return subprocess.run([*command, *requirements]).returncode


if __name__ == "__main__":
    sys.exit(main())
