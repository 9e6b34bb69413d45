"""Proximity kernels, one file each."""
