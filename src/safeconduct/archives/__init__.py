"""Safe opening of containers and media: hostile bytes stop here."""
