"""docs/의 다른 페이지와, 다른 곳에서 여는 설정(.binder, .devcontainer)이 README와 같은 말을 하는가."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["places.md", "making.md"])
def test_the_readme_leads_here_and_links_lead_on(name: str, root: Path) -> None:
    assert f"](docs/{name})" in (root / "README.md").read_text(encoding="utf-8")
    page = (root / "docs" / name).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page) if not link.startswith("http")]
    assert links
    for link in links:
        file, _, heading = link.partition("#")
        text = (root / "docs" / file).resolve().read_text(encoding="utf-8")
        headings = [line.lstrip("# ").replace(" ", "-").lower() for line in text.splitlines() if line.startswith("#")]
        assert not heading or heading in headings, link


def test_the_container_installs_what_the_readme_installs(root: Path) -> None:
    text = (root / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
    given = json.loads(re.sub(r"(?m)^//.*$", "", text))
    (first,) = re.findall(
        r"(?m)^(python3 -m venv .*/uv pip .*) && \S+/jupyter lab", (root / "README.md").read_text("utf-8")
    )
    assert given["postCreateCommand"] == first
    assert given["customizations"]["codespaces"]["openFiles"] == ["notebooks/01_basics.ipynb"]


def test_binder_installs_the_locked_versions(root: Path) -> None:
    script = root / ".binder" / "postBuild"
    assert os.access(script, os.X_OK)
    assert "pip install -c constraints.txt -r requirements.txt" in script.read_text(encoding="utf-8")
    version = (root / ".binder" / "runtime.txt").read_text(encoding="utf-8").strip()
    assert re.fullmatch(r"python-3\.1[1-3]", version)


def test_what_was_not_tried_is_said(root: Path) -> None:
    page = (root / "docs" / "places.md").read_text(encoding="utf-8")
    for place in ("VS Code", "Codespaces"):
        assert re.search(rf"(?m)^\| {place} \|.*\| ✕ \|$", page), place
    for place in ("Colab", "Binder"):
        assert re.search(rf"(?m)^\| {place} \|.*\| △ 2026-\d\d-\d\d \|$", page), place
