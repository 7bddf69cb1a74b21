"""What a review, and the review of a push after it, ask of a model; and whether every file was covered.

The model is scripted. Its answers cost next to nothing, so the tokens are those of our prompts: an upper guess of three
characters a token.
"""

from dataclasses import replace

from bot.agents.review import SPEC
from bot.agents.review.schema import ReportedFinding
from bot.agents.spec import AgentContext, AgentResult
from bot.domain.actions import PostFinding
from bot.domain.lifecycle import Known
from bot.domain.repo_config import RepoConfig
from bot.domain.secrets import Redactor
from bot.testing import ScriptedModel, confirms_everything, finding
from tests.bench.merge_requests import python_files
from tests.bench.table import Row, row
from tests.doubles import REQUEST, DictSnapshot, added_file, change_of

SIZES = (3, 60)
DEFECT = "    return unknown_{}"
REVIEWED = 20  # files of the merge request that is pushed to
MOST_SHARE = 0.2
IN_THE_MIDDLE = (22, "    total += items[19].price * 20")  # of a file of 43 lines
EVERY = 20  # files with a defect that the model reports, so that second looks are counted, too


def rows() -> list[Row]:
    return [
        *(made for files in SIZES for made in _rows(files)),
        after_a_push(REVIEWED),
        after_a_mended_finding(REVIEWED),
    ]


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


def after_a_push(files: int) -> Row:
    """Each file in turn is the one that is pushed; in the one with a finding that is looked at again, too."""
    sources = python_files(files, "app")
    before = _reviewed(sources, ScriptedModel(confirms_everything(*_defects(files))))
    pushed = [(path, text.replace("    return ", "    return +")) for path, text in sources.items()]
    return _row_of("", files, [_share(before, sources, *one) for one in pushed])


def after_a_mended_finding(files: int) -> Row:
    """Each file in turn has the one finding of the first review, in its middle, and then its line is rewritten."""
    sources = python_files(files, "app")
    return _row_of(", in it a finding to look at again", files, [_mended(sources, path) for path in sources])


def _mended(sources: dict[str, str], path: str) -> float:
    defect = finding(path, *IN_THE_MIDDLE, title="An item counts too often", rule="wrong-sum")
    before = _reviewed(sources, ScriptedModel(confirms_everything(defect)))
    line = IN_THE_MIDDLE[1]
    return _share(before, sources, path, sources[path].replace(line, line.replace("total +=", "total -=")))


def _share(before: AgentResult, sources: dict[str, str], path: str, text: str) -> float:
    """The tokens of the review of a push that makes `path` read `text`, against those of the review before."""
    after = _reviewed(sources | {path: text}, ScriptedModel(confirms_everything()), before, sources)
    return after.usage.tokens / before.usage.tokens


def _row_of(which: str, files: int, shares: list[float]) -> Row:
    """Met where the worst of them is."""
    what = f"model tokens of the review of a push of one file{which}, to a merge request of {files}: share of the first"
    return replace(row(what, shares, "{:.1%}", "each under 20 %"), met=max(shares) < MOST_SHARE)


def _defects(files: int) -> list[ReportedFinding]:
    names = sorted(python_files(files, "app"))
    return [
        finding(
            names[number], 44, "    return total", title=f"Module {number} adds up nothing", rule="wrong-sum"
        )
        for number in range(1, files, EVERY)
    ]


def _review(files: int, model: ScriptedModel) -> AgentResult:
    return _reviewed(python_files(files, "app"), model)


def _reviewed(
    sources: dict[str, str],
    model: ScriptedModel,
    before: AgentResult | None = None,
    read_before: dict[str, str] | None = None,
) -> AgentResult:
    """`before`: the review of `read_before`, that a push came after; all its findings have their threads."""
    change = change_of(*(added_file(path, text) for path, text in sources.items()))
    return SPEC.run(
        AgentContext(
            request=REQUEST,
            change=change,
            snapshot=DictSnapshot(sources),
            config=RepoConfig(),
            redactor=Redactor(),
            model=model,
            known=_known(before) if before else (),
            reviewed=before.reviewed if before else None,
            snapshot_at=lambda commit: DictSnapshot(read_before, commit),
        )
    )


def _known(before: AgentResult) -> list[Known]:
    posted = (action for action in before.actions if isinstance(action, PostFinding))
    return [
        Known(one.key, one.finding, thread=f"{number:040x}", note=number, around=one.around)
        for number, one in enumerate(posted, 1)
    ]


if __name__ == "__main__":
    print(*rows(), sep="\n")
