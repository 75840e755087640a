"""Chooses the number of bases of each part of a slimmable network for a time budget."""
