"""Merge requests to review: Python files of some length, every sixth with a defect the checks find."""

from tests.sandbox_server import SandboxServer

FINDING_EVERY = 6
LINES = 40


def python_files(count: int, folder: str) -> dict[str, str]:
    """`count` modules by path."""
    return {f"{folder}/module_{number:03}.py": _module(number) for number in range(count)}


def _module(number: int) -> str:
    result = f"unknown_{number}" if number % FINDING_EVERY == 0 else "total"
    sums = [f"    total += items[{index}].price * {index + 1}" for index in range(LINES)]
    return "\n".join(["def price(items):", "    total = 0", *sums, f"    return {result}", ""])


def open_request(sandbox: SandboxServer, files: int, name: str) -> int:
    """A merge request that adds `files` files, from the branch `name`; its number."""
    sandbox.push(name, python_files(files, name), start="main")
    return sandbox.merge_request(f"Add {name}", source=name)


def open_many(sandbox: SandboxServer, count: int, files: int, name: str) -> None:
    """`count` merge requests that add the same `files` files and one of their own."""
    sandbox.push(name, python_files(files - 1, name), start="main")
    for number in range(count):
        branch = f"{name}-{number}"
        sandbox.push(branch, {f"{name}/own.py": _module(number)}, start=name)
        sandbox.merge_request(f"Add {branch}", source=branch)
