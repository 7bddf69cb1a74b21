"""Once an hour on each machine: what reviews left behind goes, as long as nothing needs it any more."""

import shutil
import time
from typing import Final

import structlog

from bot.entry.checkpoints import Checkpoints
from bot.entry.store import Store
from bot.entry.wiring import repositories
from bot.errors import PlatformError
from bot.settings import Settings
from bot.settings.data_folder import own_folder

EVERY_SECONDS: Final = 3_600
CACHE_BYTES: Final = 5_000_000_000
CACHE_PERCENT: Final = 60  # of the volume: the rest is for the hour to come, and for the steps of runs

log = structlog.get_logger("trivet.tidying")


def tidy(settings: Settings, store: Store, kept: Checkpoints) -> None:
    """The repositories least recently used, until the rest fits; the steps of runs that ended without a word."""
    stamp = own_folder(settings.data_dir) / "pruned"
    if stamp.exists() and time.time() - stamp.stat().st_mtime < EVERY_SECONDS:
        return
    stamp.touch()
    try:
        runs = kept.prune(lambda run_id: has_proposed(store, run_id))
        limit = cache_limit(shutil.disk_usage(settings.data_dir).total)
        log.info("tidied", repositories=repositories(settings).prune(limit), runs=runs)
    except PlatformError as error:
        log.warning("not tidied", reason=str(error))


def cache_limit(volume: int) -> int:
    """How many bytes the repositories may keep of a volume that has this many in all."""
    return min(CACHE_BYTES, volume * CACHE_PERCENT // 100)


def has_proposed(store: Store, run_id: str) -> bool:
    """Whether a run will take no step of a graph any more. One that nobody knows will not either."""
    run = store.runs.get(run_id)
    return run is None or run.over or run.state == "applying"
