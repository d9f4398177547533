"""One file = one way of keeping what happened."""
