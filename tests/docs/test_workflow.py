"""The workflow of continuous integration, and the oldest versions that it installs."""

import re

import pytest
import yaml
from paths import ROOT

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
SETUP = (ROOT / "setup.py").read_text(encoding="utf-8")


def test_the_oldest_versions_are_the_lower_bounds():
    needed = re.search(r"install_requires=\[(.*?)\]", SETUP, re.DOTALL)[1]
    bounds = dict(re.findall(r'"([\w.-]+)>=([\w.]+)"', needed))
    lines = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8").splitlines()
    assert dict(line.split("==") for line in lines if not line.startswith("#")) == bounds


def test_pythons_are_those_of_the_classifiers():
    tested = WORKFLOW["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert tested == re.findall(r"Programming Language :: Python :: (3\.\d+)", SETUP)
    assert f'python_requires=">={tested[0]}"' in SETUP


def test_nothing_is_published_without_a_tag_and_the_tests():
    jobs = WORKFLOW["jobs"]
    published = {name: job for name, job in jobs.items() if name.startswith("publish")}
    assert len(published) == 2
    for job in published.values():
        assert "refs/tags/v" in job["if"]
        assert set(job["needs"]) == set(jobs) - set(published)
        assert job["permissions"]["id-token"] == "write"
    assert WORKFLOW["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("name", WORKFLOW["jobs"])
def test_inputs_of_actions_are_plain_values(name):
    """A list is refused by the service, and with it the whole workflow."""
    for step in WORKFLOW["jobs"][name]["steps"]:
        assert all(isinstance(value, str | int | bool) for value in step.get("with", {}).values()), step


@pytest.mark.parametrize("name", WORKFLOW["jobs"])
def test_commands_and_folders_of_a_job_exist(name):
    commands = "\n".join(step.get("run", "") for step in WORKFLOW["jobs"][name]["steps"])
    targets = re.findall(r"\bmake (\S+)", commands)
    assert set(targets) <= set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert all((ROOT / path).exists() for path in re.findall(r"\btests/[\w./]+", commands))
