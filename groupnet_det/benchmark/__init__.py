"""What `tools/benchmark_runtime.py` is made of: works, the sides that do them, and the clock.

Needs torch and torchvision; other engines are extras (``pip install .[bench]``), and a side whose
engine is absent says so.
"""
