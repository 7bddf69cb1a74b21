"""Jira is down, asks for patience or does not know our token, webhooks are lost, issues change meanwhile: nothing is
lost, nothing is told twice, and nobody learns what they could not read.

The pauses of what was put back are skipped, an outage is made as much older.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest

from tests.jira_rig import RULES, Door, JiraRig
from tests.jira_server import Deployment
from tests.sandbox_server import PROJECT

HOUR = 3_600
DEFECT = {"shop/code.py": "value = undefined_name\n"}
CONFIG = """
link:
  require_key: true
  transitions:
    - {on: opened, to: In Progress}
    - {on: merged, to: Done, fields: {resolution: Done}}
"""
DOWN = {"path": "^/jira/rest", "status": 503, "times": 10_000}
WRITES_DOWN = [DOWN | {"method": method} for method in ("POST", "PUT", "DELETE")]


class Rigs:
    """One rig a deployment, whose Jira is behind a door."""

    def __init__(self, folder: Callable[[str], Any], stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.doors: dict[Deployment, Door] = {}

    def __call__(self, deployment: Deployment) -> JiraRig:
        door = self.doors[deployment] = Door(lambda: rig.sandbox.url)
        rig = JiraRig(self._folder(deployment), deployment, config=CONFIG, TRIVET_JIRA__URL=f"{door.url}/jira")
        return rig
