"""Look at every image of a data set before anybody trains on it."""
