"""자료의 나이: 90일이 넘은 자료를 모두 찾는가. 달력만으로는 아무것도 실패하지 않습니다."""

from __future__ import annotations

import datetime
import json
import warnings
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from llmkit import models
from llmkit.commands import freshness
from llmkit.commands.freshness import Age, ages
from llmkit.cost import krw

NOW = datetime.date(2026, 11, 26)
OLD = NOW - datetime.timedelta(days=100)


def test_ci_says_what_is_old() -> None:
    """경고만 합니다: 날이 지났다고 강좌가 빨개지지 않습니다."""
    today = datetime.datetime.now(datetime.UTC).date()
    for age in ages(today):
        if age.is_stale(today):
            warnings.warn(f"90일 넘게 확인하지 않은 자료: {age.title}, {age.oldest}", stacklevel=1)


def test_ninety_days_are_fine_and_one_more_is_not() -> None:
    last = NOW + datetime.timedelta(days=90)
    assert not Age("자료", NOW).is_stale(last)
    assert Age("자료", NOW).is_stale(last + datetime.timedelta(days=1))
    assert Age("자료", None).is_stale(NOW)  # 모르는 날짜는 새것이 아닙니다.


def test_every_dated_file_is_looked_at() -> None:
    folder = files("llmkit").joinpath("data")
    dated = [
        file.name for file in folder.iterdir() if file.name.endswith(".json") and '"as_of"' in file.read_text("utf-8")
    ]
    titles = [age.title for age in ages(NOW)]
    assert titles[:3] == ["모델의 상태", "가격표", "환율"]
    assert [freshness._DATED[title] for title in titles[3:]] == sorted(set(dated) - {"model_states.json"})


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """자료 폴더의 사본. 모든 날짜는 어제입니다."""
    yesterday = str(NOW - datetime.timedelta(days=1))
    (tmp_path / "data").mkdir()
    for file in files("llmkit").joinpath("data").iterdir():
        if file.name.endswith(".json"):
            fresh = json.loads(
                file.read_text("utf-8"),
                object_hook=lambda part: part | ({"as_of": yesterday} if "as_of" in part else {}),
            )
            (tmp_path / "data" / file.name).write_text(json.dumps(fresh), encoding="utf-8")
    monkeypatch.setattr(freshness, "files", lambda package: tmp_path)
    monkeypatch.setattr(models, "files", lambda package: tmp_path)
    monkeypatch.setattr(freshness, "RATE_DATE", NOW)
    monkeypatch.setattr(freshness, "PRICES", (*freshness.PRICES[:2], NOW))
    for cached in (models.model_data, models.state_data, models.known_models):
        cached.cache_clear()
    yield tmp_path / "data"
    monkeypatch.undo()
    for cached in (models.model_data, models.state_data, models.known_models):
        cached.cache_clear()


def stale() -> list[str]:
    return [age.title for age in ages(NOW) if age.is_stale(NOW)]


def test_fresh_data_say_nothing(copied: Path) -> None:
    assert stale() == []


@pytest.mark.parametrize("name", ["facts.json", "parameters.json", "models.json"])
def test_one_fact_of_a_hundred_days_ago_is_found(copied: Path, name: str) -> None:
    text = (copied / name).read_text(encoding="utf-8")
    (copied / name).write_text(text.replace(str(NOW - datetime.timedelta(days=1)), str(OLD), 1), encoding="utf-8")
    assert [freshness._DATED[title] for title in stale()] == [name]


def test_the_state_of_a_model_in_use_grows_old_and_that_of_a_dead_one_does_not(copied: Path) -> None:
    data = json.loads((copied / "model_states.json").read_text(encoding="utf-8"))
    dead = next(group for group in data["states"] if "text-davinci-003" in str(group.get("shutdowns")))
    alive = next(group for group in data["states"] if "claude-haiku-5-5" in group.get("current", []))
    for group, found in ((dead, []), (alive, ["모델의 상태"])):
        group["as_of"] = str(OLD)
        (copied / "model_states.json").write_text(json.dumps(data), encoding="utf-8")
        for cached in (models.state_data, models.known_models):
            cached.cache_clear()
        assert stale() == found


def test_an_old_rate_and_another_price_table_are_found(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "RATE_DATE", OLD)
    assert stale() == ["환율"]
    monkeypatch.setattr(freshness, "PRICES", ("genai-prices", "0.0.1", NOW))
    assert stale() == ["가격표", "환율"]


def test_the_rate_that_is_judged_is_the_rate_that_is_used() -> None:
    assert [age.oldest for age in ages(NOW) if age.title == "환율"] == [krw.RATE_DATE]
