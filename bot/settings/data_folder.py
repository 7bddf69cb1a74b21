"""The data folder: its owner's alone, with the secrets that are made and kept there."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from bot.errors import UsageError
from bot.settings.forms import SHORTEST_MARK_SECRET

NOT_OURS = "the data folder {folder} cannot be written ({reason}): choose another with TRIVET_DATA_DIR"
SPOILT = "{file} holds no secret any more: delete it, and a new one is made"


def own_folder(folder: Path) -> Path:
    """The folder, made where it is missing, for its owner only. Raises UsageError where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise UsageError(NOT_OURS.format(folder=folder, reason=error.strerror)) from None


def kept_secret(data_dir: Path, name: str) -> str:
    """A random secret of 32 bytes (hex) kept in the data folder, made on first use; readable by its owner only.

    Raises UsageError where the folder cannot be written, or its file holds no secret any more.
    """
    file = own_folder(data_dir) / name
    if not file.exists():
        _make(file)
    kept = file.read_text("ascii").strip()
    if len(kept) < SHORTEST_MARK_SECRET:
        raise UsageError(SPOILT.format(file=file))
    return kept


def _make(file: Path) -> None:
    """It appears whole or not at all, so that of two processes that begin at once neither reads half of it."""
    with (
        tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=f".{file.name}-") as fresh,
        suppress(FileExistsError),
    ):
        fresh.write(secrets.token_hex(32))
        fresh.flush()
        os.link(fresh.name, file)
