"""Channels in the order that suits a kind: a copy of a network that computes the same."""
