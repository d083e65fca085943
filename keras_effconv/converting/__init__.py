"""From a trained network to the same network with other convolutions."""
