"""What a review asks of a model: requests, tokens, and whether every file was covered. The model is scripted.

Its answers cost next to nothing, so the tokens are those of our prompts: an upper guess of three characters a token.
"""

from bot.agents.review import SPEC
from bot.agents.review.schema import ReportedFinding
from bot.agents.spec import AgentContext, AgentResult
from bot.domain.repo_config import RepoConfig
from bot.domain.secrets import Redactor
from bot.testing import ScriptedModel, confirms_everything, finding
from tests.bench.merge_requests import python_files
from tests.bench.table import Row, row
from tests.doubles import REQUEST, DictSnapshot, added_file, change_of

SIZES = (3, 60)
DEFECT = "    return unknown_{}"
EVERY = 20  # files with a defect that the model reports, so that second looks are counted, too


def rows() -> list[Row]:
    return [made for files in SIZES for made in _rows(files)]


def _rows(files: int) -> list[Row]:
    model = ScriptedModel(confirms_everything(*_defects(files)))
    result = _review(files, model)
    covered = sum(one.read or bool(one.reason) for one in result.coverage)
    what = f"of a first review of {files} files, {len(_defects(files))} with a finding of the model"
    return [
        row(f"model requests {what}", [result.usage.calls], "{:.0f}"),
        row(f"model tokens {what} (guessed, 3 characters each)", [result.usage.tokens], "{:,.0f}"),
        row(f"of these, tokens of a prefix sent before {what}", [result.usage.cached], "{:,.0f}"),
        Row(
            f"files covered or declared of {files}",
            str(covered),
            "-",
            1,
            f"{files} of {files}",
            covered == files,
        ),
    ]


def _defects(files: int) -> list[ReportedFinding]:
    names = sorted(python_files(files, "app"))
    return [
        finding(
            names[number], 44, "    return total", title=f"Module {number} adds up nothing", rule="wrong-sum"
        )
        for number in range(1, files, EVERY)
    ]


def _review(files: int, model: ScriptedModel) -> AgentResult:
    sources = python_files(files, "app")
    change = change_of(*(added_file(path, text) for path, text in sources.items()))
    return SPEC.run(
        AgentContext(
            request=REQUEST,
            change=change,
            snapshot=DictSnapshot(sources),
            config=RepoConfig(),
            redactor=Redactor(),
            model=model,
        )
    )


if __name__ == "__main__":
    print(*rows(), sep="\n")
