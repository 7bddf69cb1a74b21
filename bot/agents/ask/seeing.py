"""The change as a review sees it, and where a finding of an earlier head stands now."""

from bot.agents.review.ledger_proof import Head
from bot.agents.spec import AgentContext, AskContext
from bot.domain.change import ChangeSet
from bot.domain.findings import Finding
from bot.domain.ledger import Proof
from bot.domain.repo_config import RepoConfig


def seen(context: AskContext) -> AgentContext:
    """Reads the diff, the first time. Raises PlatformError."""
    return AgentContext(
        request=context.request,
        change=context.change(),
        snapshot=context.snapshot(),
        config=RepoConfig(),
        redactor=context.redactor,
    )


def at_head(finding: Finding, view: AgentContext) -> Finding:
    """Where its line stands now, also in a file that was renamed; as it was where it is gone. Raises Unavailable."""
    moved = finding.model_copy(update={"path": _path(finding, view.change)})
    if moved.line is None or not moved.anchor.strip():
        return moved
    there = Head(view).again(Proof(path=moved.path, line=moved.line, quote=moved.anchor))
    return moved.model_copy(update={"line": there.line}) if there else moved


def _path(finding: Finding, change: ChangeSet) -> str:
    if change.file(finding.path) is not None:
        return finding.path
    renamed = (file.path for file in change.files if file.old_path == finding.path)
    return next(renamed, finding.path)
