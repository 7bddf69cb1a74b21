"""The image, without an engine: its file is linted, its own install steps run in a folder, what they make is started.

A small builder reads the Dockerfile and does what it says below a folder: `/opt/trivet` is `FOLDER/opt/trivet` there,
`/data` is `FOLDER/data`. Only Debian's packages are left out.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import cache_from_source
from pathlib import Path
from typing import Final

import pytest

from bot import __version__
from bot.settings import Settings, known_settings
from tests.rig import clean_environment, free_port

ROOT: Final = Path(__file__).parents[1]
DOCKERFILE: Final = ROOT / "Dockerfile"
OURS: Final = re.compile(r"(?<![\w./])/(?=(?:opt|project|build|usr/local|data|tmp)\b)")
MOUNT: Final = re.compile(r"--mount=\S+\s+")
COMPILED_WITHOUT_LOOKING: Final = 1  # flags of a .pyc (PEP 552): by its hash, never held against the source
NOWHERE: Final = "http://127.0.0.1:9"
ROLES: Final = (("serve",), ("web",), ("work", "agents"), ("work", "effects"), ("schedule",))


# --- what the file says ---


@dataclass(frozen=True)
class Instruction:
    """One of a Dockerfile, its continued lines joined."""

    word: str
    text: str

    @property
    def words(self) -> list[str]:
        """A command in its JSON form."""
        return [str(word) for word in json.loads(self.text)]


@dataclass
class Stage:
    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def texts(self, word: str) -> list[str]:
        return [one.text for one in self.instructions if one.word == word]

    @property
    def environment(self) -> dict[str, str]:
        pairs = (pair.partition("=") for text in self.texts("ENV") for pair in text.split())
        return {name: value for name, _, value in pairs}

    @property
    def command(self) -> list[str]:
        [words] = [one.words for one in self.instructions if one.word == "CMD"]
        return words

    @property
    def program(self) -> list[str]:
        """What tini starts. It is one of Debian's packages, which are left out here."""
        return self.command[self.command.index("--") + 1 :]

    @property
    def labels(self) -> dict[str, str]:
        return dict(re.findall(r'([\w.]+)="([^"]*)"', " ".join(self.texts("LABEL"))))


def instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield Instruction(word, re.sub(r"\s{2,}", " ", rest.strip()))


def stages() -> list[Stage]:
    found: list[Stage] = []
    for one in instructions(DOCKERFILE.read_text("utf-8")):
        if one.word == "FROM":
            base, _, name = one.text.partition(" AS ")
            found.append(Stage(base, name))
        elif found:
            found[-1].instructions.append(one)
    return found


@pytest.fixture(scope="module")
def final() -> Stage:
    return stages()[-1]


def test_the_linter_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    linted = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True)
    assert (linted.returncode, linted.stdout + linted.stderr) == (0, "")


def test_what_is_built_with_is_what_it_runs_on_and_its_version_is_named() -> None:
    [chosen] = re.findall(r"^ARG PYTHON=(.*)$", DOCKERFILE.read_text("utf-8"), re.M)
    assert re.fullmatch(r"3\.\d+\.\d+-slim-[a-z]+", chosen)
    official = {stage.base for stage in stages() if stage.base not in {other.name for other in stages()}}
    assert official == {"python:${PYTHON}"}


def test_nobody_is_root_in_it(final: Stage) -> None:
    """A number, as Kubernetes cannot tell from a name whether that is root."""
    assert final.texts("USER") == ["10001:10001"]
    [debian] = [text for text in final.texts("RUN") if "apt-get" in text]
    assert "--uid 10001 --gid 10001" in debian
    assert "install --directory --owner 10001 --group 10001 --mode 0700 /data" in debian


def test_it_holds_git_certificates_and_a_first_process_and_no_compiler(final: Stage) -> None:
    [packages] = re.findall(r"apt-get install (.*?) &&", " ".join(final.texts("RUN")))
    assert {word for word in packages.split() if not word.startswith("-")} == {
        "ca-certificates",
        "git",
        "tini",
    }
    assert not [text for stage in stages()[:-1] for text in stage.texts("RUN") if "apt-get" in text]


def test_a_pipeline_that_names_the_image_gets_its_shell(final: Stage) -> None:
    """GitLab's runner passes a shell as the command: an entrypoint would swallow it."""
    assert final.texts("ENTRYPOINT") == []
    assert final.command[-2:] == ["trivet", "up"]


def test_its_first_process_buries_what_a_killed_job_leaves_behind(final: Stage) -> None:
    """Also below an engine's own init, where tini without -s would complain of not being the first."""
    assert final.command[:3] == ["tini", "-s", "--"]


def test_a_health_check_asks_for_the_pulse(final: Stage) -> None:
    [check] = final.texts("HEALTHCHECK")
    assert check.endswith('CMD ["trivet", "health"]')


def test_its_ports_are_those_of_the_settings(final: Stage) -> None:
    defaults = Settings.model_fields
    assert final.texts("EXPOSE") == [f"{defaults['port'].default} {defaults['web_port'].default}"]


def test_its_volume_is_the_data_folder(final: Stage) -> None:
    assert final.texts("VOLUME") == [final.environment["TRIVET_DATA_DIR"]]


def test_every_setting_it_makes_is_one(final: Stage) -> None:
    assert {name for name in final.environment if name.startswith("TRIVET_")} <= known_settings()


def test_bytecode_may_be_used_and_lines_are_not_held_back(final: Stage) -> None:
    assert "PYTHONDONTWRITEBYTECODE" not in DOCKERFILE.read_text("utf-8")
    assert final.environment["PYTHONUNBUFFERED"] == "1"


def test_its_labels_say_what_it_is_and_which_version(final: Stage) -> None:
    names = ("title", "description", "source", "licenses", "version", "revision")
    assert set(final.labels) == {f"org.opencontainers.image.{name}" for name in names}
    assert all(final.labels.values())
    assert f"VERSION={__version__}" in final.texts("ARG")


def test_a_new_version_or_revision_makes_no_layer_anew(final: Stage) -> None:
    words = [one.word for one in final.instructions]
    assert set(words[words.index("ARG") :]) == {"ARG", "LABEL"}


def test_only_what_the_build_reads_is_given_to_it() -> None:
    """Whatever lies beside it, secrets too, stays outside."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    given = {line[1:] for line in lines if line.startswith("!")}
    read = {source for stage in stages() for source in copied(stage)}
    assert lines[0] == "*"
    assert given == read
    assert all((ROOT / name).exists() for name in given)


def copied(stage: Stage) -> set[str]:
    """What a stage takes from beside the Dockerfile."""
    words = (text.split() for text in stage.texts("COPY") if not text.startswith("--from="))
    return {source for *sources, _ in words for source in sources}


# --- what its steps make ---


@dataclass(frozen=True)
class Image:
    """What the steps made, below `root`; nothing of what the earlier stages needed is left."""

    root: Path
    stage: Stage

    def below(self, text: str) -> str:
        return OURS.sub(f"{self.root}/", text)

    @property
    def home(self) -> Path:
        return self.root / "opt/trivet"

    @property
    def environment(self) -> dict[str, str]:
        """Of a container, and nothing of who runs the test."""
        made = {name: self.below(value) for name, value in self.stage.environment.items()}
        return {"LANG": "C.UTF-8", **made, "PATH": made["PATH"].replace("$PATH", os.defpath)}

    def run(self, *command: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        environment = {**self.environment, **settings}
        program = shutil.which(command[0], path=environment["PATH"]) or command[0]
        return subprocess.run(
            [program, *command[1:]],
            env=environment,
            cwd=self.root / "data",
            capture_output=True,
            text=True,
            timeout=60,
        )

    def files(self) -> dict[str, int]:
        """Every file, and when it was last changed."""
        return {str(file): file.lstat().st_mtime_ns for file in self.home.rglob("*")}


@dataclass
class Builder:
    """Does what a Dockerfile says, below a folder that all stages share."""

    root: Path
    place: Path = field(init=False)
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.place = self.root

    def build(self) -> Image:
        *earlier, last = stages()
        for one in [one for stage in earlier for one in stage.instructions]:
            self.follow(one)
        for one in last.instructions:
            if one.word in ("RUN", "COPY") and "apt-get" not in one.text:
                self.follow(one)
        for left in ("build", "project", "opt/build"):
            shutil.rmtree(self.root / left)
        for name in ("data", "tmp"):
            (self.root / name).mkdir(mode=0o700)
        return Image(self.root, last)

    def follow(self, one: Instruction) -> None:
        if one.word == "RUN":
            self.run(one.text)
        elif one.word == "COPY":
            self.copy(one.text.split())
        elif one.word == "WORKDIR":
            self.place = Path(self.below(one.text))
            self.place.mkdir(parents=True, exist_ok=True)
        elif one.word == "ENV":
            self.variables |= Stage("", "", [one]).environment

    def below(self, text: str) -> str:
        return OURS.sub(f"{self.root}/", text)

    def run(self, text: str) -> None:
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        done = subprocess.run(
            ["/bin/sh", "-euc", self.below(MOUNT.sub("", text))],
            env={**clean_environment(), **self.variables, "PATH": path},
            cwd=self.place,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"

    def copy(self, words: list[str]) -> None:
        """From beside the Dockerfile, or of what an earlier stage made."""
        *sources, target = [word for word in words if not word.startswith("--")]
        inside = words[0].startswith("--from=")
        for source in sources:
            origin = Path(self.below(source)) if inside else ROOT / source
            place = Path(self.below(target)) if target.startswith("/") else self.place / target
            if origin.is_file():
                shutil.copy2(origin, place)
            elif origin != place:
                left_out = None if inside else shutil.ignore_patterns("__pycache__")
                shutil.copytree(origin, place, symlinks=True, dirs_exist_ok=True, ignore=left_out)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Some 40 s, most of it pip: the one proof that the steps of the Dockerfile make something that runs."""
    root = tmp_path_factory.mktemp("image")
    library = root / "usr/local/lib/python3"
    shutil.copytree(
        Path(json.__file__).parent, library / "json", ignore=shutil.ignore_patterns("__pycache__")
    )
    made = Builder(root).build()
    for file in made.home.rglob("*"):
        if not file.is_symlink():
            file.chmod(file.stat().st_mode & ~0o222)
    return made


pytestmark = pytest.mark.timeout(400)  # a cold cache of pip's on a slow line


def test_it_is_trivet_in_this_version(image: Image) -> None:
    assert image.run("trivet", "--version").stdout == f"trivet, version {__version__}\n"


def test_it_holds_neither_pip_nor_what_it_was_built_with(image: Image) -> None:
    look = "from importlib.util import find_spec; print(find_spec('pip'), find_spec('hatchling'))"
    found = image.run("python", "-c", look)
    assert found.stdout == "None None\n"
    assert not (image.home / "bin/pip").exists()


def test_it_can_keep_the_steps_of_runs_in_postgresql(image: Image) -> None:
    assert image.run("python", "-c", "import bot.entry.postgres").stderr == ""


def test_all_of_it_is_compiled_and_is_never_compiled_again(image: Image) -> None:
    sources = list((image.home / "lib").rglob("*.py"))
    assert len(sources) > 4000
    for source in sources:
        with Path(cache_from_source(source)).open("rb") as compiled:
            assert int.from_bytes(compiled.read(8)[4:], "little") == COMPILED_WITHOUT_LOOKING, source


def test_the_standard_library_is_compiled_too(image: Image) -> None:
    """The official image comes without; here a part of it stands for the whole."""
    folder = image.root / "usr/local/lib/python3"
    assert len(list(folder.rglob("*.pyc"))) == len(list(folder.rglob("*.py"))) > 0


def test_a_defect_is_reported_at_the_file_it_is_in(image: Image) -> None:
    """The project was compiled somewhere else than where it lies."""
    look = "import bot.errors; print(bot.errors.Denied.__init__.__code__.co_filename)"
    assert image.run("python", "-c", look).stdout.startswith(str(image.home))


def test_nothing_is_compiled_or_written_when_it_starts(image: Image) -> None:
    """Where the root is read-only Python would compile all of it at each start: seconds, each time."""
    before = image.files()
    verbose = image.run("python", "-v", "-c", "import bot.entry.roles")
    loaded = re.findall(r"^# code object from '?(/[^'\n]*)", verbose.stderr, re.M)
    ours = {Path(file).suffix for file in loaded if Path(file).is_relative_to(image.home)}
    assert (verbose.returncode, ours) == (0, {".pyc"})
    assert image.files() == before


def test_a_checkout_with_a_package_of_our_name_is_not_run(image: Image) -> None:
    """In a pipeline the current folder is whatever a merge request put there."""
    checkout = image.root / "data/checkout"
    (checkout / "bot").mkdir(parents=True)
    (checkout / "bot/__init__.py").write_text("raise SystemExit('the checkout was run')\n")
    (checkout / "bot/__main__.py").touch()
    inside = image.run("sh", "-c", "cd checkout && python -m bot --version && trivet --version")
    assert inside.stdout.splitlines() == [f"trivet, version {__version__}"] * 2


@pytest.mark.parametrize("command", ROLES, ids=" ".join)
def test_every_role_says_what_it_needs(command: tuple[str, ...], image: Image) -> None:
    told = image.run("trivet", *command)
    assert told.returncode == 2
    assert "TRIVET_REDIS_URL is not set" in told.stderr


def test_without_settings_the_command_of_the_image_says_what_it_needs(image: Image) -> None:
    told = image.run(*image.stage.program)
    assert told.returncode == 2
    assert "TRIVET_GITLAB__URL is not set" in told.stderr


def test_all_roles_run_and_have_a_pulse_until_told_to_stop(image: Image) -> None:
    """The command of the image as it is, its health check, and the signal by which an engine stops it."""
    before = image.files()
    with started(image) as (process, log):
        check = image.stage.texts("HEALTHCHECK")[0].partition("CMD ")[2]
        names = {"serve", "web", "agents", "effects", "schedule"}
        deadline = time.monotonic() + 60
        while not names <= beating(image, json.loads(check)):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
        [stop] = image.stage.texts("STOPSIGNAL")
        process.send_signal(signal.Signals[stop])
        assert process.wait(40) == 0, log.read_text()
    assert image.files() == before


def beating(image: Image, check: list[str]) -> set[str]:
    """The roles that a health check finds well."""
    told = image.run(*check)
    return set(re.findall(r"^(\w+) \(process", told.stdout, re.M)) if told.returncode == 0 else set()


@contextmanager
def started(image: Image) -> "Iterator[tuple[subprocess.Popen[bytes], Path]]":
    """GitLab is not there; that stops nobody."""
    settings = {
        "TRIVET_HOST": "127.0.0.1",
        "TRIVET_PORT": str(free_port()),
        "TRIVET_PUBLIC_URL": "https://trivet.example.com",
        "TRIVET_GITLAB__URL": NOWHERE,
        "TRIVET_GITLAB__TOKEN": "glpat-" + "Kq7Wn2Rt9X" + "vB4mZ8",
        "TRIVET_GITLAB__PROJECTS": "acme/**",
    }
    program, *arguments = image.stage.program
    log = image.root / "tmp/up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(image.home / "bin" / program), *arguments],
            env={**image.environment, **settings},
            cwd=image.root / "data",
            stdout=output,
            stderr=output,
        )
    try:
        yield process, log
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
