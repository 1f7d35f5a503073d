"""Every command in the README, the docs and the changelog can be typed as it stands."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from kelm.adapters.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
QUOTED = re.compile(r"`([^`]+)`")
MODULE = re.compile(r"python -m ((?:tests|kelm)[\w.]*)")


def commands() -> list[str]:
    """What begins with `kelm` in quotes or in a block, once each; two in a line are two."""
    found: dict[str, None] = {}
    for page in PAGES:
        text = re.sub(r"\\\n\s*", "", page.read_text())
        fenced = "\n".join(re.findall(r"```\w*\n(.*?)```", text, re.DOTALL))
        told = [" ".join(one.split()) for one in QUOTED.findall(text.replace("```", ""))]
        for block in [*re.findall(r"^    (.*)$", text, re.MULTILINE), *fenced.splitlines()]:
            told += re.split(r" {3,}|(?: && )|  +#", block)
        told = [one.removeprefix(".venv/bin/") for one in told]
        found.update(dict.fromkeys(one for one in told if one.startswith("kelm ")))
    return sorted(found)


def runs() -> list[str]:
    """The runs of an example."""
    return [one for one in commands() if re.match(r"kelm run docs/examples/\S+", one)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    for linked in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
        assert (page.parent / linked).exists(), linked
    for named in re.findall(r"`((?:core|adapters|effects|tests|docs)/[\w./-]+)`", page.read_text()):
        assert (ROOT / named).exists(), named


def test_every_module_that_is_run_is_there() -> None:
    for page in PAGES:
        for module in MODULE.findall(page.read_text()):
            name = module.rstrip(".")
            package = importlib.util.find_spec(name)
            assert package is not None, f"{page.name}: {name}"
            if package.submodule_search_locations is not None:
                assert importlib.util.find_spec(f"{name}.__main__") is not None, name


@pytest.mark.parametrize("command", commands())
def test_every_subcommand_and_option_is_known(command: str) -> None:
    at: click.Command = main
    for word in re.split(r"[\s,]+", command)[1:]:
        if isinstance(at, click.Group) and re.fullmatch(r"[a-z]+(\|[a-z]+)*", word):
            found = [at.get_command(click.Context(at), one) for one in word.split("|")]
            assert all(found), f"no command {word}"
            at = found[0]  # type: ignore[assignment]
        elif option := re.fullmatch(r"\[?(--[a-z-]+)\]?", word):
            known = {name for one in at.params for name in (*one.opts, *one.secondary_opts)}
            assert option[1] in known | {"--help"}, f"{at.name} has no option {option[1]}"


@pytest.mark.parametrize("command", runs())
def test_every_run_of_an_example_converges(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(main, shlex.split(command)[1:])
    assert done.exit_code == 0, done.output[-2000:]
