"""Raw files opened with suspicion: what each really is, and every cell of it as text."""
