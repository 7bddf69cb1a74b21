"""Settings and providers' keys that are files of their names in `TRIVET_SECRETS_DIR`."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bot.errors import UsageError
from bot.settings.names import PROVIDER_KEYS, SECRETS_DIR, is_ours

UNREADABLE = "{file} in TRIVET_SECRETS_DIR cannot be read: {reason}"
NO_FOLDER = "TRIVET_SECRETS_DIR: {folder} is not a folder"


def secret_files(environ: Mapping[str, str]) -> list[Path]:
    """The files named like settings or providers' keys in `TRIVET_SECRETS_DIR`.

    Raises UsageError when that is not a folder.
    """
    folder = environ.get(SECRETS_DIR)
    if not folder:
        return []
    if not Path(folder).is_dir():
        raise UsageError(NO_FOLDER.format(folder=folder))
    return sorted(
        file for file in Path(folder).absolute().iterdir() if _is_secret(file.name) and file.is_file()
    )


def _is_secret(name: str) -> bool:
    return is_ours(name) or name.upper() in PROVIDER_KEYS


def content_of(file: Path) -> str:
    """Raises UsageError for a file that cannot be read."""
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise UsageError(UNREADABLE.format(file=file.name, reason=error.strerror)) from None
    except UnicodeDecodeError:
        raise UsageError(UNREADABLE.format(file=file.name, reason="it is not text")) from None


def secrets_stamp(environ: Mapping[str, str]) -> tuple[tuple[str, int, int], ...]:
    """Name, time of change and number of each secret file: Kubernetes swaps them by a link above."""
    with suppress(OSError, UsageError):
        stats = ((file.name, file.stat()) for file in secret_files(environ))
        return tuple((name, stat.st_mtime_ns, stat.st_ino) for name, stat in stats)
    return ()
