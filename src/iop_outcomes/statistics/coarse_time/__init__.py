"""Times known to an interval only: bands of length, tests on a schedule."""
