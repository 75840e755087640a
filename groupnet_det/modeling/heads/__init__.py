"""Heads: what predicts from a pyramid."""
