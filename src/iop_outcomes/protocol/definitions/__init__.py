"""What counts as an outcome: definitions as data, one file each, and the types that check them."""
