"""Heads: what predicts from the maps of a backbone or a pyramid."""
