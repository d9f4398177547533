"""A whole desk in one file, taken while it works; and a desk made of such a file.

A tar: ``manifest.json`` first, then databases as they were at one moment (SQLite's online backup, ``pg_dump``), then
the folder as it lies.  Databases come before files: what they name is there, and what came meanwhile is only more.  The
desk's own database comes before the core's: the core then knows at least what the desk knows, and goes on from there
without doing anything twice.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from safeconduct.errors import CustodyError
from safeconduct.home import Home
from safeconduct.model import Json
from safeconduct.steps.verify import verify

FORMAT = "safeconduct-desk-backup/1"
DATABASES = ("work.db", "desk.db", "home/safeconduct.db")  # in this order
DUMP = "database.dump"
KEY = "home/key"
# Made anew whenever it is needed, or only half there: uploads on their way, working files, compiled lists, locks.
PASSING = ("spool", "home/work", "home/compiled", "starting")
NAMES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE",
         "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
         "service": "PGSERVICE", "passfile": "PGPASSFILE"}  # fmt: skip


def keep(folder: Path, target: Path, database: str = "") -> dict[str, list[Json]]:
    """Write the backup of the desk in ``folder`` and check its journals; returns ``verify``'s report.

    ``database``: where its tables are, if not in the folder (``postgresql://…``).  ``CustodyError`` says what is wrong;
    a file that is there already is not touched.
    """
    if not (folder / KEY).exists():
        raise CustodyError(f"There is no desk in {folder}. Give its folder with --home.")
    if target.exists():
        raise CustodyError(f"{target} is there already. Choose another name: a backup is never written over.")
    part = target.with_name(f".{target.name}.part")
    with TemporaryDirectory(dir=target.absolute().parent, prefix=".safeconduct-backup-") as scratch:
        copied = list(_databases(folder, Path(scratch), database))
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                _write(file, folder, copied, bool(database))
                file.flush()
                os.fsync(file.fileno())
            report = look(part, database)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return report


def _databases(folder: Path, scratch: Path, database: str) -> Iterator[tuple[str, Path]]:
    """Each database's name in the backup, and a copy of it at one moment."""
    for name in DATABASES:
        if (folder / name).exists():
            copy = scratch / name.replace("/", "-")
            with closing(sqlite3.connect(folder / name, timeout=60)) as here, closing(sqlite3.connect(copy)) as there:
                here.backup(there)
            yield name, copy
    if database:
        copy = scratch / DUMP
        _postgres("pg_dump", database, "--format=custom", "--no-owner", "--no-privileges", f"--file={copy}")
        yield DUMP, copy


def _write(file: io.BufferedWriter, folder: Path, copied: list[tuple[str, Path]], outside: bool) -> None:
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        digests = {name: _digest(copy) for name, copy in copied}
        about = {"format": FORMAT, "made": datetime.now(UTC).isoformat(), "databases": digests, "postgresql": outside}
        data = json.dumps(about, indent=1).encode()
        entry = tarfile.TarInfo("manifest.json")
        entry.size, entry.mode = len(data), 0o600
        tar.addfile(entry, io.BytesIO(data))
        for name, path in (*copied, *_files(folder)):
            try:
                tar.add(path, name, recursive=False)
            except FileNotFoundError:
                continue  # forgotten while we were at it, as was promised to somebody


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    passing = tuple(f"{name}/" for name in PASSING)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.removesuffix("-wal").removesuffix("-shm") in DATABASES or f"{name}/".startswith(passing):
            continue
        if path.is_file() and not path.is_symlink():
            yield name, path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- back again -------------------------------------------------------------------------------------------------------


def look(backup: Path, database: str = "") -> dict[str, list[Json]]:
    """Open a backup, take the core's part of it out and check every journal; nothing stays."""
    with TemporaryDirectory(dir=backup.absolute().parent, prefix=".safeconduct-look-") as scratch:
        about = _unpacked(backup, Path(scratch), "home/")
        if about["postgresql"] and not database:
            return {"checked": ["the file is whole; its journals are checked when it is restored"], "wrong": []}
        return check(Path(scratch), database)


def check(folder: Path, database: str = "") -> dict[str, list[Json]]:
    """``verify`` of everything that the desk in this folder has delivered."""
    with Home(folder / "home", database) as opened:
        return verify(opened)


def restore(backup: Path, folder: Path, database: str = "") -> dict[str, list[Json]]:
    """Make the desk again in ``folder``, which must be empty; returns ``verify``'s report about it."""
    if folder.exists() and any(folder.iterdir()):
        raise CustodyError(f"{folder} is not empty. A backup is only put into an empty folder, over nobody's work.")
    about = manifest(backup)
    if bool(about["postgresql"]) != bool(database):
        raise CustodyError(
            "This desk was on PostgreSQL. Name an empty database in SAFECONDUCT_DESK_DATABASE." if about["postgresql"]
            else "This desk had its database in its folder. Restore it without SAFECONDUCT_DESK_DATABASE."
        )  # fmt: skip
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    try:
        _unpacked(backup, folder)
        if database:
            _postgres("pg_restore", database, "--no-owner", "--exit-on-error", "--single-transaction",
                      f"--dbname={_settings(database)['PGDATABASE']}", str(folder / DUMP))  # fmt: skip
            (folder / DUMP).unlink()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # half a desk would look like one
        raise
    return check(folder, database)


def manifest(backup: Path) -> Mapping[str, Json]:
    """What a backup says of itself."""
    try:
        with tarfile.open(backup, "r:") as tar:
            return _about(tar, backup)
    except (tarfile.TarError, OSError) as error:
        raise CustodyError(f"{backup} is not a backup of a desk, or not all of one ({error}).") from error


def _about(tar: tarfile.TarFile, backup: Path) -> dict[str, Json]:
    entry = tar.next()
    file = tar.extractfile(entry) if entry is not None and entry.name == "manifest.json" else None
    about = json.loads(file.read()) if file is not None else {}
    if about.get("format") != FORMAT:
        raise CustodyError(f"{backup} is not a backup of a desk that this version can read.")
    return dict(about)


def _unpacked(backup: Path, folder: Path, only: str = "") -> Mapping[str, Json]:
    """Every file whose name begins with ``only``, readable by its owner only; databases match their digests."""
    manifest(backup)
    try:
        with tarfile.open(backup, "r:") as tar:
            about = _about(tar, backup)
            for entry in tar:
                if entry.isfile() and entry.name.startswith(only):
                    _out(tar, entry, folder)
    except (tarfile.TarError, EOFError) as error:
        raise CustodyError(f"{backup} is damaged ({error}). Take another backup.") from error
    for name, digest in about["databases"].items():
        if name.startswith(only) and (not (folder / name).exists() or _digest(folder / name) != digest):
            raise CustodyError(f"{name} in {backup} is not what was put there. Take another backup.")
    if not (folder / KEY).exists():
        raise CustodyError(f"{backup} has no key in it. Take another backup.")
    return about


def _out(tar: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    place = folder / tarfile.data_filter(entry, str(folder)).name  # refuses names that lead out of it
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    source = tar.extractfile(entry)
    assert source is not None
    with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    if place.stat().st_size != entry.size:
        raise tarfile.ReadError(f"{entry.name} is cut short")


# --- PostgreSQL's own programs ----------------------------------------------------------------------------------------


def _settings(database: str) -> dict[str, str]:
    """As environment variables: a password in an argument is seen by every process of the machine."""
    from psycopg.conninfo import conninfo_to_dict

    return {NAMES[name]: str(value) for name, value in conninfo_to_dict(database).items() if name in NAMES and value}


def _postgres(program: str, database: str, *words: str) -> None:
    found = shutil.which(program)
    if found is None:
        raise CustodyError(f"{program} is not installed here. Debian: apt-get install postgresql-client")
    done = subprocess.run([found, *words], env={**os.environ, **_settings(database)}, capture_output=True, text=True)
    if done.returncode:
        raise CustodyError(f"{program} did not succeed: {done.stderr.strip()[-500:]}")
