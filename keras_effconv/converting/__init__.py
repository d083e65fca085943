"""Convert a trained network: order its channels, so that another kind of convolution loses little."""
