"""What a careful reviewer would say of a protocol before any record is read."""
