"""How criteria run fast: text views, one automaton for all patterns, batches, the census."""
