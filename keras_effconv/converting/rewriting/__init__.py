"""Any functional Keras model with another kind of convolution, step by step."""
