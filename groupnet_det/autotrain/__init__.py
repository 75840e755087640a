"""Training, packing and report of a network for images and labels, in one command."""
