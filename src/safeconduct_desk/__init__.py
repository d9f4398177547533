"""The arrivals desk: where moderators receive whole imports, decide in minutes, trace and take back.

One Django app around the core.  It imports the core, never the reverse.  ``pages/``: one file = one page; ``api/``:
one file = one resource; ``jobs.py``: what takes long, as durable workflows.
"""
