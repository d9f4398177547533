"""AS2 names, visibility, proofs; the journal read out as activities."""
