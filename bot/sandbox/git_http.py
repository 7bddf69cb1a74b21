"""The projects' repositories over git's smart HTTP protocol, for fetching only (git-scm.com/docs/http-protocol)."""

import gzip
import subprocess
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from bot.sandbox.model import Access, Project, State, User
from bot.sandbox.repository import hermetic
from bot.sandbox.tokens import git_token

READING_SCOPES = {"api", "read_api", "read_repository"}
DENIED = b"HTTP Basic: Access denied. The provided password or token is incorrect or lacks a scope.\n"
READ_ONLY = b"You are not allowed to push code to this project.\n"
NO_PROJECT = b"The project you were looking for could not be found or you don't have permission to view it.\n"
ASK = {"WWW-Authenticate": 'Basic realm="GitLab"'}
SERVICE = "git-upload-pack"


@dataclass(frozen=True, slots=True)
class GitAnswer:
    status: int
    body: bytes
    media: str = "text/plain"
    headers: Mapping[str, str] | None = None


def advertise(state: State, path: str, service: str, headers: Mapping[str, str]) -> GitAnswer:
    """`GET .../info/refs`: what there is to fetch."""
    found = _project(state, path, service, headers)
    if isinstance(found, GitAnswer):
        return found
    refs = _upload_pack(found, headers, "--advertise-refs")
    prefix = b"" if "version=2" in headers.get("git-protocol", "") else b"001e# service=git-upload-pack\n0000"
    return GitAnswer(
        200, prefix + refs, f"application/x-{SERVICE}-advertisement", {"Cache-Control": "no-cache"}
    )


def fetch(state: State, path: str, service: str, headers: Mapping[str, str], body: bytes) -> GitAnswer:
    """`POST .../git-upload-pack`: the objects asked for."""
    found = _project(state, path, service, headers)
    if isinstance(found, GitAnswer):
        return found
    try:
        wanted = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
    except (OSError, EOFError, zlib.error):
        return GitAnswer(400, b"Bad Request\n")
    pack = _upload_pack(found, headers, stdin=wanted)
    return GitAnswer(200, pack, f"application/x-{SERVICE}-result", {"Cache-Control": "no-cache"})


def _project(state: State, path: str, service: str, headers: Mapping[str, str]) -> Project | GitAnswer:
    """The project, if this request may read its code, else GitLab's refusal."""
    project = state.project(path)
    token = git_token(headers)
    user = state.user_by_token(token) if token else None
    if token and (user is None or user.state == "blocked" or not READING_SCOPES & set(user.scopes)):
        return GitAnswer(401, DENIED, headers=ASK)
    if user is None and (project is None or project.visibility != "public"):
        return GitAnswer(401, DENIED, headers=ASK)
    if project is None or (user and not _reads(project, user)):
        return GitAnswer(404, NO_PROJECT)
    return project if service == SERVICE else GitAnswer(403, READ_ONLY)


def _reads(project: Project, user: User) -> bool:
    return project.access(user) >= Access.REPORTER


def _upload_pack(project: Project, headers: Mapping[str, str], *options: str, stdin: bytes = b"") -> bytes:
    """git speaks for itself: what it complains of goes to the client inside the protocol."""
    environment = hermetic(project.repository.folder) | {"GIT_PROTOCOL": headers.get("git-protocol", "")}
    done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
        ["git", "upload-pack", "--stateless-rpc", *options, "."],  # noqa: S607 - the git on PATH is the one wanted
        cwd=project.repository.folder,
        input=stdin,
        capture_output=True,
        env=environment,
        check=False,
    )
    return done.stdout
