"""A trained dense network made cheaper, without labels."""
