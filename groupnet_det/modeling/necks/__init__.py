"""Necks: feature pyramids on top of a backbone."""
