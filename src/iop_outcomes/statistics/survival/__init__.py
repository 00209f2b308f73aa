"""Curves of time to an event, with competing events and weights."""
