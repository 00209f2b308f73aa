"""One reader for each kind of file people have."""
