"""What a repository asks of us: `.trivet.yml` of the target branch."""

from dataclasses import dataclass

from bot.domain.change import MergeRequest
from bot.domain.repo_config import RepoConfig, load
from bot.errors import AccessDenied
from bot.ports import MergeRequestReader, Snapshot

CONFIG_FILE = ".trivet.yml"
TOO_LARGE = f"{CONFIG_FILE} is too large to be read: the defaults hold"


@dataclass(frozen=True)
class RepositoryRules:
    """`branch` is the target branch, None where it cannot be read; the defaults hold then, and a complaint says so."""

    branch: Snapshot | None
    config: RepoConfig
    complaints: tuple[str, ...] = ()


def read_rules(request: MergeRequest, reader: MergeRequestReader) -> RepositoryRules:
    """Those of the target branch."""
    try:
        return rules_at(reader.target_branch(request))
    except AccessDenied as error:
        return RepositoryRules(None, RepoConfig(), (str(error),))


def rules_at(branch: Snapshot) -> RepositoryRules:
    """Those of a branch. Raises PlatformError where it cannot be read."""
    text = branch.read(CONFIG_FILE)
    hidden = text is None and branch.size(CONFIG_FILE) is not None
    config, complaint = (RepoConfig(), TOO_LARGE) if hidden else load(text)
    return RepositoryRules(branch, config, (complaint,) if complaint else ())
