"""A trained network with another kind of convolution, that stays right."""
