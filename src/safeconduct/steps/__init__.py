"""One file = one verb of the pipeline; ``flow.py`` strings them together."""
