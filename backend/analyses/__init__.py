"""Toolbox entries, one file each."""
