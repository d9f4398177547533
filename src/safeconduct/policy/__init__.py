"""What a community minds: read, decide, explain."""
