"""The compose file, without an engine: it fits the schema, its own first steps work, a role is given what it may hold.

Trivet's settings are read as each container would read them; Redis is started with the flags that it says.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from redis import Redis

from bot import __version__
from bot.entry.credentials import HOLDS, SECRETS, SENTRY, held
from bot.entry.embedded import server_command, wait_until_ready
from bot.entry.inbox import forgetful
from bot.entry.queue import JOBS
from bot.entry.rules_file import read_rules
from bot.entry.up import COMMANDS
from bot.settings import environment, known_settings, load_settings
from bot.settings.spelling import unknown_settings
from tests.rig import clean_environment

ROOT: Final = Path(__file__).parents[1]
VALUES: Final = ROOT / "chart/values.yaml"
FILE: Final = ROOT / "compose.yaml"
EXAMPLE: Final = ROOT / ".env.example"
VARIABLE: Final = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")
PASSWORD: Final = "POSTGRES_PASSWORD"
FIXED: Final = {
    "TRIVET_REDIS_VOLATILE_OK",
    "TRIVET_HOST",
    "TRIVET_PORT",
    "TRIVET_WEB_PORT",
    "TRIVET_DATA_DIR",
}

SHELL: Final = "shell"  # no role: a person's own, for a moment

each_role = pytest.mark.parametrize("role", HOLDS)


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(FILE.read_text("utf-8")))


def services() -> dict[str, dict[str, Any]]:
    return dict(compose()["services"])


def answers(text: str) -> dict[str, str]:
    """What a .env says."""
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def resolved(role: str, said: Mapping[str, str]) -> dict[str, str]:
    """The environment of a role's container, as Compose makes it of the file and .env."""
    found = {}
    for name, value in services()[role]["environment"].items():
        if value is not None:
            found[name] = VARIABLE.sub(lambda match: said.get(match["name"]) or match["rest"], value)
        elif name in said:
            found[name] = said[name]
    return found


def seconds(duration: str) -> int:
    [(number, unit)] = re.findall(r"^(\d+)([sm])$", duration)
    return int(number) * {"s": 1, "m": 60}[unit]


def megabytes(size: str) -> int:
    [(number, unit)] = re.findall(r"^(\d+)([mg])$", size)
    return int(number) * {"m": 1, "g": 1024}[unit]


# --- the first steps ---


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which somebody has typed what stands at the top of the file."""
    folder = tmp_path_factory.mktemp("compose")
    for file in (FILE, EXAMPLE):
        shutil.copy(file, folder)
    steps = re.findall(r"^#   (.*)$", FILE.read_text("utf-8"), re.M)
    assert len(steps) == 4
    subprocess.run(["/bin/sh", "-euc", "umask 077\n" + "\n".join(steps)], cwd=folder, check=True)
    return folder


def test_every_secret_has_its_file_in_a_folder_of_its_owner(installed: Path) -> None:
    """Inside a container they belong to somebody else, who must be able to read them."""
    named = {secret["file"] for secret in compose()["secrets"].values()}
    files = list((installed / "secrets").iterdir())
    assert named == {f"./secrets/{file.name}" for file in files}
    assert {file.stat().st_mode & 0o044 for file in files} == {0o044}
    assert (installed / "secrets").stat().st_mode & 0o777 == 0o700


def test_the_agents_know_the_password_that_the_database_has(installed: Path) -> None:
    address = (installed / "secrets/TRIVET_DATABASE_URL").read_text().strip()
    password = (installed / f"secrets/{PASSWORD}").read_text().strip()
    database = services()["postgres"]["environment"]
    assert len(password) == 48
    assert (
        address == f"postgresql://{database['POSTGRES_USER']}:{password}@postgres/{database['POSTGRES_DB']}"
    )


def test_no_rules_are_rules(installed: Path) -> None:
    assert read_rules(installed / "rules.yaml") == read_rules(None)


@each_role
def test_a_role_reads_its_settings_and_misses_none(
    role: str, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it stands after the first steps, and one token written."""
    told = given(role, installed, tmp_path)
    for name in os.environ.keys() - clean_environment().keys():
        monkeypatch.delenv(name)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert unknown_settings(told) == []
    assert settings.gitlab.url == "https://gitlab.example.com"
    assert settings.public_url == "https://trivet.example.com"
    assert settings.gitlab.projects == ("group/**",)
    assert bool(settings.mark_secrets) == ("TRIVET_MARK_SECRETS" in HOLDS[role])
    assert (settings.database_url or "").startswith("postgresql://") == ("TRIVET_DATABASE_URL" in HOLDS[role])


@each_role
def test_nothing_that_a_role_is_given_is_another_roles(role: str, installed: Path, tmp_path: Path) -> None:
    found = environment(given(role, installed, tmp_path))
    assert held(found, role) == found


def given(role: str, installed: Path, folder: Path) -> dict[str, str]:
    """What a role's container is told, with the secrets that the file gives it in a folder of their own."""
    for name in services()[role]["secrets"]:
        shutil.copy(installed / "secrets" / name, folder)
    said = answers((installed / ".env").read_text())
    return resolved(role, said) | {"TRIVET_SECRETS_DIR": str(folder)}


# --- what the file says ---


def test_it_fits_the_schema_of_compose_files() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    checked = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", FILE], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_there_is_a_container_for_each_role_which_runs_its_command() -> None:
    commands = {name: service["command"] for name, service in services().items() if name in HOLDS}
    assert commands == {role: ["trivet", *words] for role, words in COMMANDS.items()}


@each_role
def test_a_role_gets_the_secrets_it_may_hold_and_no_other(role: str) -> None:
    service = services()[role]
    assert set(service["secrets"]) == HOLDS[role] | {SENTRY}
    assert not (SECRETS | {SENTRY}) & set(service["environment"])


def test_a_person_who_asks_what_is_wrong_has_what_all_roles_have_and_for_no_longer() -> None:
    shell = services()[SHELL]
    assert set(shell["secrets"]) == SECRETS | {SENTRY}
    assert set(shell["networks"]) >= {"outside", "queue", "steps"}
    assert (shell["profiles"], shell["restart"]) == ([SHELL], "no")


def test_the_password_of_the_database_is_the_databases_alone() -> None:
    holders = {name for name, service in services().items() if PASSWORD in service.get("secrets", ())}
    assert holders == {"postgres"}


@each_role
def test_a_role_is_told_every_setting_that_is_no_secret(role: str) -> None:
    told = {name for name in services()[role]["environment"] if name != "TRIVET_SECRETS_DIR"}
    assert told == known_settings() - SECRETS - {SENTRY} - FIXED


def test_the_example_names_every_variable_that_the_file_reads() -> None:
    named = set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE.read_text(), re.M)) - {"COMPOSE_PROFILES"}
    roles = [service["environment"] for name, service in services().items() if name in HOLDS]
    passed = {name for environment in roles for name, value in environment.items() if value is None}
    read = {match["name"] for match in VARIABLE.finditer(FILE.read_text("utf-8"))}
    assert named == passed | read


def test_what_nothing_can_work_without_is_asked_for() -> None:
    needed = {match["name"] for match in VARIABLE.finditer(FILE.read_text("utf-8")) if match["kind"] == "?"}
    assert needed == {"TRIVET_PUBLIC_URL", "TRIVET_GITLAB__URL"}


def test_the_image_is_that_of_this_version() -> None:
    images = {services()[name]["image"] for name in (*HOLDS, SHELL)}
    assert images == {f"${{IMAGE:-registry.gitlab.com/trivet/trivet:{__version__}}}"}


def test_what_is_not_ours_is_pinned() -> None:
    others = {service["image"] for name, service in services().items() if name not in {*HOLDS, SHELL}}
    assert all(re.fullmatch(r"[a-z/]+:\d+\.\d+(\.\d+)?(-[a-z]+)?", image) for image in others)


@pytest.mark.parametrize("name", services())
def test_a_container_can_do_little(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "cap_add", "pid", "ipc", "network_mode", "devices"}


@each_role
def test_a_role_can_take_no_more_than_it_needs(role: str) -> None:
    """What the chart gives it, and beside it what its folders in memory hold: that counts as taken."""
    service = services()[role]
    given = yaml.safe_load(VALUES.read_text("utf-8"))[role]["resources"]["limits"]["memory"]
    in_memory = sum(megabytes(place.rpartition("size=")[2]) for place in service["tmpfs"])
    needed = megabytes(given.removesuffix("i").lower()) + in_memory
    assert needed <= megabytes(service["mem_limit"]) <= needed + 512
    assert service["pids_limit"] <= 512


@pytest.mark.parametrize("name", sorted(services().keys() - {SHELL}))
def test_a_container_comes_back_and_its_log_ends_somewhere(name: str) -> None:
    service = services()[name]
    assert service["restart"] == "unless-stopped"
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


@each_role
def test_a_role_can_write_where_it_must_and_to_nothing_that_nobody_named(role: str) -> None:
    """The image's volume would else become one without a name with every container that is made anew."""
    service = services()[role]
    mounted = [place.split(":")[0] for place in service["tmpfs"]]
    volumes = [place.split(":")[1] for place in service.get("volumes", ())]
    assert sorted(mounted + volumes) == ["/data", "/tmp"]


@each_role
def test_a_role_has_an_init_that_hears_signals_and_buries_orphans(role: str) -> None:
    assert services()[role]["init"] is True


@pytest.mark.parametrize("role", ["agents", "effects"])
def test_a_worker_may_finish_its_longest_job(role: str) -> None:
    longest = max(job.timeout for job in JOBS.values() if job.queue == role)
    assert seconds(services()[role]["stop_grace_period"]) >= longest + 60


@each_role
def test_a_role_waits_for_what_it_stands_on(role: str) -> None:
    wanted = {"redis", "postgres"} if "TRIVET_DATABASE_URL" in HOLDS[role] else {"redis"}
    waits = services()[role]["depends_on"]
    assert waits == {name: {"condition": "service_healthy"} for name in wanted}
    assert all(services()[name]["healthcheck"] for name in wanted)


def test_from_outside_only_deliveries_and_runs_come_in_and_only_by_loopback() -> None:
    ports = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert ports == {
        "serve": ["${BIND:-127.0.0.1}:8080:8080"],
        "web": ["${BIND:-127.0.0.1}:8081:8081"],
    }


def test_redis_and_the_database_have_no_way_out_and_no_neighbour_they_do_not_serve() -> None:
    inside = {name for name, network in compose()["networks"].items() if (network or {}).get("internal")}
    members = {one: {name for name, it in services().items() if one in it["networks"]} for one in inside}
    assert members == {"queue": {"redis", *HOLDS, SHELL}, "steps": {"postgres", "agents", SHELL}}
    assert set(services()["redis"]["networks"] + services()["postgres"]["networks"]) == inside


def test_a_model_of_ones_own_is_there_for_who_asks() -> None:
    profiles = {name: service["profiles"] for name, service in services().items() if "profiles" in service}
    assert profiles == {"ollama": ["ollama"], SHELL: [SHELL]}
    assert set(services()["ollama"]["networks"]) <= set(services()["agents"]["networks"])


def test_every_volume_secret_and_network_is_used() -> None:
    all_services = services().values()
    for kind, used in {
        "volumes": {place.split(":")[0] for one in all_services for place in one.get("volumes", ())},
        "secrets": {secret for one in all_services for secret in one.get("secrets", ())},
        "networks": {network for one in all_services for network in one["networks"]},
    }.items():
        assert compose()[kind].keys() == used, kind


# --- Redis, as it is told to be ---


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """The embedded server with the flags of the file, in a folder of the test's own and at a socket."""
    ours = server_command(tmp_path)
    places = [
        word for flag in ("--port", "--unixsocket", "--dir") for word in (flag, ours[ours.index(flag) + 1])
    ]
    _, *flags = shlex.split(services()["redis"]["command"])
    with subprocess.Popen([ours[0], *flags, *places], stdout=subprocess.DEVNULL) as server:
        url = f"unix://{places[3]}"
        wait_until_ready(url)
        with Redis.from_url(url) as client:
            yield client
        server.terminate()


def test_redis_keeps_what_was_accepted(redis: Redis) -> None:
    assert forgetful(redis.info()) is None
    assert redis.config_get("save") == {"save": ""}
