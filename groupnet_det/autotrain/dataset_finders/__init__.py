"""Finders of the data set in a folder, one for each layout."""
