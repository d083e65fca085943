"""Gradient steps of a converted network towards the dense one, on images without labels."""
