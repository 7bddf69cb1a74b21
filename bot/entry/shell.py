"""`trivet review` in a shell or a job: the same propose and apply as the workers, without a queue.

Where a write token is held, the reading half runs in a child process that does not have it.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import click

from bot.agents.table import AGENTS
from bot.domain.actions import Proposal, Report
from bot.domain.events import Person
from bot.domain.findings import Severity
from bot.domain.reports import FORMATS
from bot.entry.up import PYTHON, stripped
from bot.entry.wiring import account, gitlab_effects, mark_secrets, redactor, review_means, writing_api
from bot.entry.worker import die_with_parent
from bot.errors import PlatformError, Stopped, Unavailable, UsageError
from bot.gateways.gitlab_effects import GitLabEffects
from bot.gateways.local import DryRun, LocalReader
from bot.routing import JobRequest
from bot.run import Means, apply, propose
from bot.settings import Settings, kept_secret, load_settings

MR_PATH: Final = re.compile(r"^(?P<project>.+?)(?:/-)?/merge_requests/(?P<iid>\d+)(?:/.*)?$")
NO_MR: Final = "{url} is not the address of a merge request, like https://gitlab.example.com/group/project/-/merge_requests/7"
OTHER_HOST: Final = "{url} is not on the configured GitLab, {base} (TRIVET_GITLAB__URL)"
SHELL: Final = "shell"


def review_merge_request(settings: Settings, url: str, dry_run: bool) -> Report:
    """Review one merge request now. Raises UsageError, PlatformError."""
    base, project, iid = parse_address(url, settings.gitlab.url)
    os.environ["TRIVET_GITLAB__URL"] = base
    settings = _with_marks(load_settings())
    request = JobRequest(
        agent="review",
        project=project,
        project_id=0,
        iid=iid,
        trigger=SHELL,
        key=f"review:{project}:{iid}:{SHELL}",
    )
    _say(f"reading {project}!{iid}")
    if dry_run:
        return _finish(propose_here(request, review_means(settings, AGENTS["review"], None)), DryRun())
    api = writing_api(settings)
    who = account(api)
    proposal = _propose_in_child(request, who.person)
    return _finish(proposal, gitlab_effects(settings, api, who, pace=lambda: None))


def review_local(settings: Settings, base: str | None) -> Report:
    """Review this checkout against its base, with no GitLab at all."""
    reader = LocalReader(Path.cwd(), base)
    _say(f"comparing with {reader.base}")
    request = JobRequest(agent="review", project="", project_id=0, iid=0, trigger=SHELL, key="review:local")
    means = Means(reader=reader, agent=AGENTS["review"], redactor=redactor(settings))
    return _finish(propose_here(request, means), DryRun())


def parse_address(url: str, configured: str | None) -> tuple[str, str, int]:
    """(GitLab's base address, project path, iid) of a merge request's address."""
    parts = urlsplit(url)
    base = configured or f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise UsageError(NO_MR.format(url=url))
    if not url.startswith(base.rstrip("/") + "/"):
        raise UsageError(OTHER_HOST.format(url=url, base=base))
    found = MR_PATH.match(unquote(parts.path)[len(urlsplit(base).path.rstrip("/")) :].strip("/"))
    if not found or "/" not in found["project"]:
        raise UsageError(NO_MR.format(url=url))
    return base, found["project"], int(found["iid"])


def propose_here(request: JobRequest, means: Means) -> Proposal | Report:
    """A proposal, or the report of a run that had nothing to do."""
    try:
        return propose(request, SHELL, means)
    except Stopped as stop:
        target = f"{request.project}!{request.iid}" if request.iid else "this checkout"
        return Report(
            run=SHELL, agent=request.agent, target=target, trigger=SHELL, state="done", message=str(stop)
        )


def propose_from_stdin(settings: Settings) -> None:
    """The child's half of `_propose_in_child`."""
    die_with_parent()
    order = json.load(sys.stdin)
    request, me = JobRequest.model_validate(order["request"]), Person.model_validate(order["me"])
    made = propose_here(request, review_means(settings, AGENTS[request.agent], me))
    sys.stdout.write(json.dumps({type(made).__name__: made.model_dump(mode="json")}))


def _propose_in_child(request: JobRequest, me: Person) -> Proposal | Report:
    order = json.dumps({"request": request.model_dump(), "me": me.model_dump()})
    done = subprocess.run(  # noqa: S603 - our own command
        [*PYTHON, "propose"],
        env=stripped(os.environ, "agents"),
        input=order,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode == 2:
        raise UsageError("the merge request could not be read (see above)")
    if done.returncode:
        raise PlatformError("the merge request could not be read (see above)")
    answer: dict[str, Any] = json.loads(done.stdout)
    return (
        Proposal.model_validate(answer["Proposal"])
        if "Proposal" in answer
        else Report.model_validate(answer["Report"])
    )


def _finish(made: Proposal | Report, effects: GitLabEffects | DryRun) -> Report:
    if isinstance(made, Report):
        return made
    if isinstance(effects, GitLabEffects):
        _say("publishing")
    try:
        return apply(made, effects)
    except Stopped as stop:
        return made.report.model_copy(update={"state": stop.state, "message": str(stop)})
    except Unavailable:
        _say("nothing was published; run the same command again, what is there already is not written twice")
        raise
    except KeyboardInterrupt:
        effects.discard(made)
        raise


def show(report: Report, form: str, files: Sequence[tuple[str, Path]], fail_on: str | None) -> bool:
    """Print the report and write its files; whether a finding is at or above `fail_on`."""
    click.echo(FORMATS[form](report), nl=not FORMATS[form](report).endswith("\n"))
    for kind, file in files:
        _write(file, FORMATS[kind](report))
    floor = Severity(fail_on) if fail_on else None
    return floor is not None and any(finding.severity.at_least(floor) for finding in report.findings)


def _write(file: Path, text: str) -> None:
    """Whole or not at all: a reader never sees half a report."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    part.write_text(text, "utf-8")
    part.replace(file)


def _with_marks(settings: Settings) -> Settings:
    """A mark secret of our own where none is set: kept in the data folder, handed to the child by the environment."""
    if not mark_secrets(settings) and not os.environ.get("CI"):
        os.environ["TRIVET_MARK_SECRETS"] = kept_secret(settings.data_dir, "mark-secret")
        return load_settings()
    return settings


def _say(text: str) -> None:
    click.echo(f"trivet: {text}", err=True)
