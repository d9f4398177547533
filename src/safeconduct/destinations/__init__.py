"""One file = one place items go."""
