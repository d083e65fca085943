"""Weights of a plain network, turned into those of another kind of convolution."""
