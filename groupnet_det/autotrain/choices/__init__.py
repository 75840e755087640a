"""Choices of config values for a data set, with their reasons."""
