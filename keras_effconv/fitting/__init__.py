"""Kernels by least squares."""
