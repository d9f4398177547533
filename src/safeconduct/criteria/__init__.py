"""One file = one question asked of an item or of a whole import; its examples lie beside it."""
