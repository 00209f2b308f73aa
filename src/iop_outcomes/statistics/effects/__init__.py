"""Risks of both arms and their contrasts, for outcomes without a clock."""
