"""Trained models on pictures and videos that belong to no data set."""
