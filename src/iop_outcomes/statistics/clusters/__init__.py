"""Uncertainty of people who are alike within clusters."""
