"""The same road walked on planted truths."""
