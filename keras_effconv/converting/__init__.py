"""From a trained plain network to one of another kind of convolution that stays right."""
