"""One file = one format or protocol we read."""
