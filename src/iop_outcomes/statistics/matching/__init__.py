"""People of one arm set beside people of the other."""
