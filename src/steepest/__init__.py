"""Optimisation dynamics."""
