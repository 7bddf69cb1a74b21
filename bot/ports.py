"""What the core reads through: Protocols, read only, each as small as its caller needs."""

from collections.abc import Iterable
from typing import Protocol

from bot.domain.change import ChangeSet, MergeRequest, Target
from bot.domain.notes import Note


class Snapshot(Protocol):
    """Read-only view of a repository at one commit. Nothing of the repository is ever executed."""

    commit: str

    def read(self, path: str, limit: int = 1_000_000) -> bytes | None:
        """The file's bytes; None when there is no such regular file or it is larger than `limit` bytes."""

    def size(self, path: str) -> int | None:
        """The file's size in bytes, None when there is no such regular file."""


class MergeRequestReader(Protocol):
    """Reads one code host."""

    def merge_request(self, target: Target) -> MergeRequest:
        """Raises NotFound, AccessDenied, Unavailable."""

    def change_set(self, request: MergeRequest) -> ChangeSet:
        """Every changed file, read or with a reason why not. Raises NotReady while the diff is being prepared."""

    def notes(self, target: Target) -> Iterable[Note]:
        """All notes of the merge request, oldest first."""

    def snapshot(self, request: MergeRequest) -> Snapshot:
        """The repository at the merge request's head."""

    def target_branch(self, request: MergeRequest) -> Snapshot:
        """The repository at the tip of the target branch: where rules come from."""

    def access_level(self, target: Target, user_id: int) -> int:
        """GitLab's access level of a person in the target's project, inherited rights included; 0 for none."""
