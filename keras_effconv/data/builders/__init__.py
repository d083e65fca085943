"""Builders of data sets that TensorFlow Datasets lacks, or cannot download any more; `catalog.find` imports them."""
