"""Random changes of training images, as Keras layers."""
