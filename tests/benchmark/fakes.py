"""Sides that take no time, and an engine that only says how long it took."""

import torch


class FakeClock:
    """Bursts of given seconds, and the order in which they were asked for."""

    def __init__(self, **seconds):
        self.seconds = seconds
        self.asked = []

    def burst(self, name):
        def run(runs):
            self.asked.append((name, runs))
            return self.seconds[name]

        return run

    def makers(self):
        return {name: lambda workload, threads, n=name: self.burst(n) for name in self.seconds}


class FakeNetwork:
    """Instead of the compiled engine: step i takes i + 1 ms."""

    def __init__(self, num_steps, classes=10):
        self.num_steps, self.classes = num_steps, classes

    def run(self, images):
        return {"logits": torch.zeros(len(images), 1, 1, self.classes)}

    def time_steps(self, images, repeats):
        steps = torch.arange(1, self.num_steps + 1, dtype=torch.float64) / 1000
        return steps.repeat(repeats, 1)

    def isa(self):
        return "fake"
