"""How many API requests a first review makes, of few files and of many."""

import tempfile
from pathlib import Path

from tests.bench.merge_requests import open_request
from tests.bench.table import Row, row
from tests.rig import Rig

TARGETS = {3: 10, 60: 12}
COUNT = "{:.0f}"


def rows(runs: int = 3) -> list[Row]:
    with tempfile.TemporaryDirectory() as name, Rig(Path(name)) as rig:
        _made(rig, 1, "warm")
        made = {files: [_made(rig, files, f"r{run}-{files}") for run in range(runs)] for files in TARGETS}
    what = "GitLab requests of a first review of {} files, not counting one POST per comment and git"
    return [
        row(what.format(files), made[files], COUNT, f"at most {most}", most)
        for files, most in TARGETS.items()
    ]


def _made(rig: Rig, files: int, name: str) -> int:
    rig.idle()
    rig.sandbox.clear_requests()
    iid = open_request(rig.sandbox, files, name)
    rig.reviewed(iid)
    rig.idle()
    return sum(1 for one in rig.sandbox.requests(path="/api/v4/") if not _is_comment(one))


def _is_comment(request: dict[str, str]) -> bool:
    return request["method"] == "POST" and request["path"].endswith("/draft_notes")


if __name__ == "__main__":
    print(*rows(), sep="\n")
