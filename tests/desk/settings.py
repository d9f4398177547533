"""The desk's own settings in a folder that is gone afterwards; work is done at once unless a test starts workers."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_FOLDER = tempfile.mkdtemp(prefix="safeconduct-desk-tests-")
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
os.environ["SAFECONDUCT_DESK"] = _FOLDER
os.environ["SAFECONDUCT_DESK_AT_ONCE"] = "yes"

from safeconduct_desk.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A file, not memory: several threads and processes look at it, as they do outside of tests.
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    DATABASES["default"]["TEST"] = {"NAME": os.path.join(_FOLDER, "test.db")}  # noqa: F405
