"""The claims about speed, memory, coverage and disguises, as programs that print ratios: ``python -m bench``."""
