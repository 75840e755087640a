"""Benchmarks of the runtime: workloads, the engines that run them, and the clock.

Needs torch and torchvision; other engines are extras (``pip install .[bench]``), and a side whose
engine is missing says so.
"""
