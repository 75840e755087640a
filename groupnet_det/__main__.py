"""``python -m groupnet_det``: as ``groupnet-det``."""

from groupnet_det.cli import main

main()
