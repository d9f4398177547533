"""One file = one way of keeping bytes."""
