"""The same numbers as text, as a page, and as short answers."""
