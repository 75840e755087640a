"""Benchmarks of the runtime: workloads, the engines that run them, and the clock.

Needs torch and torchvision; other engines are extras (``pip install .[bench]``), and one that is
not installed is listed as unavailable.
"""
