"""The database that keeps the steps of unfinished runs: a file, or PostgreSQL."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from bot.entry.checkpoints import SqliteFile, checkpoints
from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.machine import size
from bot.entry.doctor.sentences import taken_apart
from bot.errors import UsageError
from bot.settings import Settings

TOPIC: Final = "Database"
BUSY_SECONDS: Final = 2.0
CONNECT_SECONDS: Final = 5
STATEMENT_MS: Final = 3_000
MAY_MAKE_TABLES: Final = "SELECT has_schema_privilege(current_schema(), 'CREATE')"
HAS_TABLES: Final = "SELECT to_regclass('checkpoints') IS NOT NULL"

SETTING_CURE = "correct TRIVET_DATABASE_URL"
FILE = "{path}, {room}"
TO_BE_MADE = "{path} will be made by the first run"
CLOSED = "{path} cannot be made: {parent} is no folder that we may write to"
CLOSED_CURE = "choose another place with TRIVET_DATABASE_URL or TRIVET_DATA_DIR"
BUSY = "{path} is being written: not looked into"
SPOILT = "{path} cannot be written: {reason}"
SPOILT_CURE = "see to its volume and its owner; where it is spoilt, delete it: unfinished runs begin anew"
SERVER = "PostgreSQL {version}"
UNREACHED = "PostgreSQL cannot be reached: {reason}"
UNREACHED_CURE = "start it, or correct host, user and password in TRIVET_DATABASE_URL"
NO_TABLES = "PostgreSQL {version}, where this user may not make the tables that are missing"
NO_TABLES_CURE = "grant CREATE on the schema to the user of TRIVET_DATABASE_URL"


def database_checks(settings: Settings) -> Iterator[Check]:
    try:
        database = checkpoints(settings).database
    except UsageError as error:
        yield wrong(TOPIC, "steps of runs", *taken_apart(error, SETTING_CURE), is_setting=True)
        return
    if isinstance(database, SqliteFile):
        yield _file(database.path)
    else:
        yield _server(settings.database_url or "", database.faults)


def is_file(settings: Settings) -> bool:
    """Whether it is one that only the processes of a machine share."""
    try:
        return isinstance(checkpoints(settings).database, SqliteFile)
    except UsageError:
        return False


def _file(path: Path) -> Check:
    if not path.exists():
        return _to_be_made(path)
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            return note(TOPIC, "steps of runs", BUSY.format(path=path))
        return wrong(TOPIC, "steps of runs", SPOILT.format(path=path, reason=error), SPOILT_CURE)
    return fine(TOPIC, "steps of runs", FILE.format(path=path, room=size(path.stat().st_size)))


def _to_be_made(path: Path) -> Check:
    parent = next(one for one in path.parents if one.exists())
    if parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
        return fine(TOPIC, "steps of runs", TO_BE_MADE.format(path=path))
    return wrong(
        TOPIC, "steps of runs", CLOSED.format(path=path, parent=parent), CLOSED_CURE, is_setting=True
    )


def _server(url: str, faults: type[Exception]) -> Check:
    try:
        version, has_tables, may_make = _asked(url)
    except faults as error:
        reason = " ".join(str(error).split())
        return wrong(TOPIC, "steps of runs", UNREACHED.format(reason=reason), UNREACHED_CURE)
    if has_tables or may_make:
        return fine(TOPIC, "steps of runs", SERVER.format(version=version))
    return wrong(TOPIC, "steps of runs", NO_TABLES.format(version=version), NO_TABLES_CURE)


def _asked(url: str) -> tuple[str, bool, bool]:
    """Its version, whether our tables are there, whether we may make them. Raises the driver's errors."""
    import psycopg  # type: ignore[import-not-found, unused-ignore]

    with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
        connection.execute(f"SET statement_timeout = {STATEMENT_MS}")
        [(version,)] = connection.execute("SHOW server_version").fetchall()
        [(has_tables,)] = connection.execute(HAS_TABLES).fetchall()
        [(may_make,)] = connection.execute(MAY_MAKE_TABLES).fetchall()
    return str(version), bool(has_tables), bool(may_make)
