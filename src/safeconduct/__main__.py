"""``python -m safeconduct`` is the ``safeconduct`` program."""

from safeconduct.cli import main

main()
