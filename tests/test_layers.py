"""Imports go down only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MAY_IMPORT = {
    "bot.domain": {"bot.domain", "bot.errors"},
    "bot.errors": set(),
    "bot.ports": {"bot.domain", "bot.errors"},
    "bot.llm": {"bot.llm", "bot.domain", "bot.errors", "bot.ports"},
    "bot.agents": {"bot.agents", "bot.domain", "bot.errors", "bot.llm", "bot.ports"},
    "bot.sources": {"bot.sources", "bot.domain", "bot.errors", "bot.ports"},
    "bot.gateways": {"bot.gateways", "bot.domain", "bot.errors", "bot.ports"},
    "bot.policy": {"bot.domain", "bot.errors", "bot.ports"},
    "bot.routing": {"bot.domain", "bot.errors"},
    "bot.proposing": {
        "bot.agents",
        "bot.domain",
        "bot.errors",
        "bot.llm",
        "bot.policy",
        "bot.ports",
        "bot.proposing",
        "bot.routing",
    },
    "bot.run": {"bot.domain", "bot.proposing", "bot.routing"},
    "bot.settings": {"bot.errors"},
    "bot.sandbox": {"bot.sandbox"},
    "bot.evaluation": {"bot.domain", "bot.errors"},
    "bot.testing": {"bot.agents.review.schema", "bot.domain", "bot.llm"},
}
NOT_FOR_AGENTS = {"requests", "httpx", "httpx2", "urllib3", "gitlab", "redis", "rq", "aiohttp"}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / "bot").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


MODULES = dict(modules())


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def layer(module: str) -> str | None:
    return next((name for name in MAY_IMPORT if module == name or module.startswith(name + ".")), None)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_its_own_layer_and_those_below(module: str) -> None:
    own = layer(module)
    if own is None:
        assert module in ("bot", "bot.__main__") or module.startswith("bot.entry"), (
            f"{module} belongs to no layer"
        )
        return
    foreign = {name for name in imports(MODULES[module]) if name.startswith("bot.")}
    allowed = MAY_IMPORT[own] | {own}
    above = {
        name for name in foreign if not any(name == one or name.startswith(one + ".") for one in allowed)
    }
    assert not above


@pytest.mark.parametrize("module", MODULES)
def test_an_agent_has_no_way_to_the_network(module: str) -> None:
    if module.startswith("bot.agents"):
        assert not {name.split(".")[0] for name in imports(MODULES[module])} & NOT_FOR_AGENTS


def test_the_receiver_imports_no_agent_no_platform_client_and_no_model_sdk() -> None:
    import subprocess
    import sys

    program = (
        "import sys, bot.entry.serve; print(' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = set(done.stdout.split())
    assert "fastapi" in loaded
    assert not loaded & {
        "gitlab",
        "langgraph",
        "langchain_core",
        "openai",
        "anthropic",
        "jira",
        "unidiff",
        "requests",
    }


@pytest.mark.parametrize("module", ["bot.entry.worker", "bot.entry.schedule"])
def test_who_works_off_what_was_recorded_starts_without_the_receiver(module: str) -> None:
    import subprocess
    import sys

    program = f"import sys, {module}; print(' '.join(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = set(done.stdout.split())
    assert "redis" in loaded
    assert not loaded & {"fastapi", "starlette", "uvicorn", "httpx2", "langgraph"}


def test_importing_the_package_imports_nothing_else() -> None:
    import subprocess
    import sys

    program = "import sys; before = set(sys.modules); import bot; print(sorted(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "['bot']"
