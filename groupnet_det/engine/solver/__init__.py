"""Optimizers, learning-rate schedules and gradual binarization by name, as ``SOLVER`` has them."""
