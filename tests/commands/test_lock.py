"""constraints.txt가 필요한 것을 빠짐없이 묶는가, 다른 버전이 설치되면 이름을 대는가."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from llmkit.commands import doctor, lock

# 로컬 모델이 적어 두었지만 쓰지 않는 것(pyproject.toml의 exclude-dependencies).
NOT_USED = {"llama-cpp-python", "llm"}
FILES = ("requirements.txt", ".ci/requirements.txt", "requirements/local.in")


def written(file: Path) -> list[Requirement]:
    lines = (line.partition(" #")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def test_every_package_the_course_needs_is_pinned(root: Path) -> None:
    """직접 적은 것부터 설치된 패키지가 요구하는 것까지 따라갑니다."""
    pinned = lock.pins()
    waiting = [(name, need) for name in FILES for need in written(root / name)]
    waiting += [("README", Requirement("llmkit-course[plots,search]"))]
    seen: set[tuple[str, str]] = set()
    missing = {}
    while waiting:
        needed_by, need = waiting.pop()
        name, extras = canonicalize_name(need.name), need.extras or {""}
        if name in NOT_USED or (name, str(sorted(extras))) in seen:
            continue
        seen.add((name, str(sorted(extras))))
        if name != "llmkit-course" and name not in pinned:
            missing[name] = needed_by
        try:
            below = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:
            continue  # 설치하지 않은 로컬 모델과 .ci의 것
        waiting += [
            (name, one) for one in below if one.marker is None or any(one.marker.evaluate({"extra": e}) for e in extras)
        ]
    assert len(seen) > 100
    # 다른 버전이 설치된 패키지는 새로 요구하는 것이 있을 수 있습니다. 그것은 아래의 보고가 말합니다. 다른 패키지의 것은 핑계가 되지 않습니다.
    newer = {str(one).split()[0] for one in lock.moved()}
    missing = {name: needed_by for name, needed_by in missing.items() if needed_by not in newer}
    assert not missing, f"constraints.txt에 없습니다(이름: 요구한 것): {missing}. README의 명령으로 다시 만드세요."


def test_the_lock_holds_pins_only(root: Path) -> None:
    needs = written(root / "constraints.txt")
    assert [str(need) for need in needs if not str(need.specifier).startswith("==") or need.url] == []
    assert canonicalize_name("llmkit_course") not in {canonicalize_name(need.name) for need in needs}
    assert "--hash" not in (root / "constraints.txt").read_text(encoding="utf-8")


def test_the_lock_agrees_with_what_is_asked_for(root: Path) -> None:
    """범위를 고치고 constraints.txt를 다시 만들지 않으면 설치가 되지 않습니다."""
    pinned = lock.pins()
    asked = [need for name in FILES for need in written(root / name)]
    asked += [need for line in requires("llmkit-course") or [] if (need := Requirement(line))]
    assert len(asked) > 15
    apart = [f"{need}: {pinned[canonicalize_name(need.name)]}" for need in asked
             if not need.specifier.contains(pinned[canonicalize_name(need.name)])]  # fmt: skip
    assert apart == []


@pytest.mark.parametrize("name", ["openai", "anthropic", "huggingface_hub", "Narwhals"])
def test_a_package_that_moved_is_named(tmp_path: Path, name: str) -> None:
    file = tmp_path / "constraints.txt"
    file.write_text(f"# 머리말\n{name}==0.0.1\nno-such-package==1\nopenai==0.0.2 ; python_version < '3'\n")
    (found,) = lock.moved(file)
    assert found == f"{canonicalize_name(name)} 0.0.1 → {version(name)}"
    file.write_text(f"{name}=={version(name)}\n")
    assert lock.moved(file) == []
    assert lock.moved(tmp_path / "없는 파일") == []


def test_doctor_and_the_test_command_say_what_moved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, root: Path, run_tests_in: Callable[..., Any]
) -> None:
    planted = "openai 3.57.0 → 3.99.0"
    monkeypatch.setattr(lock, "moved", lambda: [planted])
    assert [(level, "openai 3.57.0 → 3.99.0" in text) for level, text in doctor._versions()] == [("주의", True)]
    monkeypatch.setattr(lock, "moved", lambda: [planted] * 7)
    assert "외 2개" in next(doctor._versions())[1]
    monkeypatch.setattr(lock, "moved", list)
    assert list(doctor._versions()) == []

    # 시험 명령: 실패가 아니라 끝에 적는 보고입니다.
    (tmp_path / "test_nothing.py").write_text("def test_nothing():\n    assert True\n")
    plugin = tmp_path / "planted_version.py"
    plugin.write_text("import importlib.metadata as m\nold = m.version\n"
                      "m.version = lambda name: '99.1' if name == 'anthropic' else old(name)\n")  # fmt: skip
    done = run_tests_in(tmp_path, "-p", "planted_version", PYTHONPATH=f"{tmp_path}{os.pathsep}{root}")
    assert done.returncode == 0, done.stdout
    assert f"anthropic {lock.pins()['anthropic']} → 99.1" in done.stdout


def test_a_hashed_row_is_read_and_one_for_another_system_is_not_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(lock, "ROOT", tmp_path)
    (tmp_path / "requirements").mkdir()
    rows = f"no-such-package==1 \\\n    --hash=sha256:{'0' * 64}\nneither==1 ; sys_platform == 'none' \\\n    --hash=sha256:{'1' * 64}\n"
    (tmp_path / "requirements/local.txt").write_text(f"# 머리말\n{rows}openai=={version('openai')}\n")
    assert lock.missing("local") == ["no-such-package"]


def test_the_small_models_are_pinned_by_hash_to_the_locked_versions(root: Path) -> None:
    """가중치에 라이선스 파일이 없는 휠도 있으므로, 확인한 바로 그 파일만 설치합니다."""
    asked = [need for need in written(root / "requirements/local.in") if not need.marker or need.marker.evaluate()]
    locked = lock._needs(root / "requirements/local.txt")
    assert {need.name for need in asked} == {need.name for need in locked}
    pinned = {need.name: str(need.specifier) for need in lock._needs(root / "constraints.txt")}
    assert {need.name: pinned[need.name] for need in locked} == {need.name: str(need.specifier) for need in locked}
    rows = (root / "requirements/local.txt").read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    assert [row for row in rows if row[0] != "#" and "--hash=sha256:" not in row] == []
