"""Events that happen again, and states that people move between."""
