"""Trained models on images and videos that belong to no data set."""
