"""Weights that make arms alike, and how alike they become."""
