"""One file = one resource under ``/api/v1/``."""
