"""Safe passage for people, posts and communities between Fediverse services and their neighbours."""

__version__ = "0.1.0"
