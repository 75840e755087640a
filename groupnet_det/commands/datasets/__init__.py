"""Prepare data sets."""
