"""From images and labels to a trained, packed and reported network in one command."""
