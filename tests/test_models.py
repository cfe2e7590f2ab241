"""`model`과 `model_status`: 재생은 카세트의 모델, 실제 호출은 고른 모델, 종료 날짜는 SDK와 자료에서."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

import llmkit
from llmkit import models
from llmkit.clock import set_today
from llmkit.providers import PROVIDERS
from tests import authored
from tests.fake_keys import fake_keys

ROOT = Path(__file__).resolve().parents[1]
DAY = datetime.date
KEYS = fake_keys()
DEFAULTS = {
    "openai": "gpt-6-luna",
    "anthropic": "claude-haiku-5-5",
    "gemini": "gemini-2.5-flash-lite",
    "groq": "openai/gpt-oss-20b",
}


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    """오래된 모델로 녹화한 카세트."""
    made = authored.exchange("openai", "안녕하세요?", "반갑습니다.")
    path = authored.save(tmp_path / "lesson.json", [made])
    data = json.loads(path.read_text(encoding="utf-8"))
    data["models"] = {"openai": "gpt-4o-mini", "local": "smollm2-135m"}
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


# model -------------------------------------------------------------------------------------------------


def test_without_a_session_the_default_of_the_day():
    assert {provider: llmkit.model(provider) for provider in DEFAULTS} == DEFAULTS
    assert all(isinstance(llmkit.model(provider), str) for provider in PROVIDERS)


def test_every_default_is_current_on_the_day_it_was_chosen_and_dated():
    for provider, entry in models.model_data()["defaults"].items():
        assert models.model_status(entry["model"], on=DAY.fromisoformat(entry["as_of"])).state == "current", (
            provider
        )
        assert entry["source"]


def test_replay_gives_the_cassettes_model_whatever_else_is_set(lesson: Path, monkeypatch: pytest.MonkeyPatch):
    """기본값도 환경 변수도 날짜도 복제한 강좌를 깨뜨리지 못합니다."""
    os.environ |= {provider.model_variable: "gpt-9-mine" for provider in PROVIDERS.values()}
    monkeypatch.setitem(models.model_data()["defaults"], "openai", {"model": "gpt-9-default"})
    with llmkit.setup(cassette=lesson, mode="replay"):
        set_today(DAY(2031, 1, 1))
        assert llmkit.model("openai") == "gpt-4o-mini"
        assert llmkit.model("local") == "smollm2-135m"
        assert llmkit.model("anthropic") == "claude-haiku-5-5"  # 카세트에 없으면 오늘의 기본값


def test_live_takes_the_environment_then_the_default(lesson: Path):
    os.environ["OPENAI_API_KEY"] = KEYS["OPENAI_API_KEY"]
    with llmkit.setup(cassette=lesson):
        assert llmkit.model("openai") == "gpt-6-luna"
        os.environ["OPENAI_MODEL"] = "gpt-6-sol"
        assert llmkit.model("openai") == "gpt-6-sol"
        os.environ["OPENAI_MODEL"] = ""  # .env.example처럼 비워 둔 것
        assert llmkit.model("openai") == "gpt-6-luna"


def test_a_local_model_of_ones_own_where_the_lesson_has_none():
    os.environ["LOCAL_MODEL"] = "qwen3:8b"
    with llmkit.setup():
        assert llmkit.model("local") == "qwen3:8b"


def test_recording_writes_the_chosen_model_down(tmp_path: Path):
    os.environ["OPENAI_MODEL"] = "gpt-6-sol"
    with llmkit.setup(cassette=tmp_path / "new.json", mode="record"):
        assert llmkit.model("openai") == "gpt-6-sol"
    assert json.loads((tmp_path / "new.json").read_text(encoding="utf-8"))["models"] == {
        "openai": "gpt-6-sol"
    }


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("opneai", " 혹시 'openai'입니까?"),
        ("OpenAI", " 혹시 'openai'입니까?"),
        ("hugging face", " 혹시 'huggingface'입니까?"),
    ]
    + [("미스트랄", ""), ("", ""), (3, "")],
)
def test_an_unknown_provider_is_refused_with_the_list(name: object, hint: str):
    with pytest.raises(ValueError) as caught:
        llmkit.model(name)
    known = "openai, anthropic, huggingface, gemini, groq, local"
    assert str(caught.value) == f"모르는 제공자입니다: {name!r}.{hint} 아는 제공자: {known}"


# model_status -------------------------------------------------------------------------------------------

# facts.md의 표. [S]는 SDK의 소스에서, [W]는 공개 문서의 사본에서.
DATES = {
    "gpt-3.5-turbo": "2026-10-23",
    "gpt-4": "2026-10-23",
    "gpt-4.1-nano": "2026-10-23",
    "o1": "2026-10-23",
    "o3-mini": "2026-10-23",
    "o4-mini": "2026-10-23",
    "gpt-4o": "2027-01-14",
    "gpt-4o-mini": "2027-01-14",
    "gpt-4.1": "2027-01-14",
    "gpt-4.1-mini": "2027-01-14",
    "gpt-5": "2026-12-11",
    "gpt-5-mini": "2026-12-11",
    "gpt-5-nano": "2026-12-11",
    "o3": "2026-12-11",
    "claude-sonnet-4-20250514": "2026-06-15",
    "claude-sonnet-4-5": "2026-11-30",
    "gemini-2.0-flash": "2026-06-01",
    "llama-3.1-8b-instant": "2026-08-16",
}


@pytest.mark.parametrize("name", DATES)
def test_the_known_dates_and_the_day_itself(name: str):
    last = DAY.fromisoformat(DATES[name])
    eve = last - datetime.timedelta(days=1)
    assert [models.model_status(name, on=day).state for day in (eve, last)] == ["deprecated", "retired"]
    status = models.model_status(name, on=last)
    assert status.shutdown == last and status.name == name
    family = next(
        p
        for p, start in (("openai", ("gpt", "o")), ("anthropic", "claude"), ("gemini", "gem"), ("groq", "l"))
        if name.startswith(start)
    )
    assert status.replacement == models.default_model(family)


def test_what_a_learner_reads():
    day = DAY(2026, 11, 21)
    assert [
        str(models.model_status(name, on=day)) for name in ("gpt-4.1-nano", "gpt-5", "claude-haiku-5-5")
    ] == [
        "gpt-4.1-nano: 2026-10-23에 종료되었습니다, 대신 gpt-6-luna (openai SDK 3.54.0, 2026-11-21)",
        "gpt-5: 2026-12-11에 종료될 예정입니다, 대신 gpt-6-luna (openai SDK 3.54.0, 2026-11-21)",
        "claude-haiku-5-5: 종료 예고를 찾지 못했습니다 (설치된 SDK와 2026-11-21 자료 기준)",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "ft:gpt-4o-mini-2024-07-18:my-org::AbC123",
        "ft:gpt-4o-mini:우리-회사:별명:1",
        "openai/gpt-4o-mini",
        "openrouter/openai/gpt-4o-mini",
        "openai/gpt-4o-mini:free",
    ],
)
def test_a_tuned_or_hosted_name_is_known_by_the_model_in_it(name: str):
    status = models.model_status(name, on=DAY(2026, 11, 21))
    assert (status.name, status.state, status.shutdown) == (name, "deprecated", DAY(2027, 1, 14))


@pytest.mark.parametrize(
    "name",
    ["gpt-99", "나의-모델", "", "ft:", "org/", "gpt-4o-mini-but-mine", "meta-llama/Llama-3.1-8B-Instruct"],
)
def test_a_name_nobody_announced_is_current_and_says_how_far_we_looked(name: str):
    status = models.model_status(name, on=DAY(2030, 1, 1))
    assert (status.state, status.shutdown, status.replacement) == ("current", None, None)
    assert "2026-11-21 자료 기준" in status.source


def test_the_day_is_the_cassettes_in_replay_and_may_be_a_datetime(lesson: Path):
    with llmkit.setup(cassette=lesson, mode="replay"):
        set_today(DAY(2026, 12, 10))
        assert llmkit.model_status("gpt-5").state == "deprecated"
        set_today(DAY(2026, 12, 11))
        assert llmkit.model_status("gpt-5").state == "retired"
    noon = datetime.datetime(2026, 12, 11, 12, tzinfo=datetime.UTC)
    assert llmkit.model_status("gpt-5", on=noon).state == "retired"


@pytest.mark.parametrize("arguments", [(None,), (3,), ("gpt-5", "2026-12-11"), ("gpt-5", 20261211)])
def test_what_is_no_name_or_no_day_is_refused_in_korean(arguments: tuple[object, ...]):
    with pytest.raises(
        TypeError, match=r"model_status에는 모델 이름\(str\)과 날짜\(datetime.date\)를 넣으십시오"
    ):
        llmkit.model_status(*arguments)


# 날짜는 어디서 오는가 -------------------------------------------------------------------------------------


def test_the_data_file_holds_what_the_sdks_it_names_say():
    """자료의 근거로 적은 판이 설치되어 있으면 그 SDK의 설명문과 하나도 다르지 않습니다."""
    for group in models.model_data()["shutdowns"]:
        package, _, number = group["source"].partition(" SDK ")
        ours = {name: DAY.fromisoformat(day) for day, names in group["dates"].items() for name in names}
        if number and version(package) == number:
            read = models._from_openai() if package == "openai" else models._from_anthropic()
            assert {name: day for name, (day, _) in read.items()} == ours


def test_every_announcement_in_the_sdks_is_read():
    """설명문의 모양이 바뀌면 조용히 빠지지 않고 여기서 드러납니다."""
    text = " ".join(models._sdk_source("openai", "types/shared/chat_model.py").split())
    dates = {day for day, _ in models._from_openai().values()}
    announced = {DAY.fromisoformat(part[:10]) for part in text.split("Announced shutdown date: ")[1:]}
    assert dates == announced
    from anthropic.resources.messages.messages import DEPRECATED_MODELS

    assert models._from_anthropic().keys() == DEPRECATED_MODELS.keys()


@pytest.fixture
def unread() -> Iterator[None]:
    models._shutdowns.cache_clear()
    yield
    models._shutdowns.cache_clear()


def test_an_sdk_without_dates_leaves_the_data_file(unread: None, monkeypatch: pytest.MonkeyPatch):
    """openai 2.54(Colab)의 소스에는 종료 날짜가 없습니다. SDK가 아예 없어도 같습니다."""
    monkeypatch.setattr(models, "_sdk_source", lambda package, path: "")
    for name, day in DATES.items():
        assert models.model_status(name, on=DAY(2026, 11, 21)).shutdown == DAY.fromisoformat(day)


def test_a_newer_sdk_that_says_another_day_is_followed(unread: None, monkeypatch: pytest.MonkeyPatch):
    notes = '- "gpt-4o", "gpt-6-luna": Announced shutdown date:\n  2028-05-01. See https://...\n'
    table = (
        '\nDEPRECATED_MODELS = {\n    "claude-haiku-5-5": "March 3rd, 2028",\n    "claude-odd": "곧",\n}\n'
    )
    monkeypatch.setattr(models, "_sdk_source", lambda package, path: notes if package == "openai" else table)
    assert models.model_status("gpt-4o").shutdown == DAY(2028, 5, 1)
    assert models.model_status("gpt-4o").source == f"openai SDK {version('openai')}"
    assert models.model_status("gpt-6-luna").replacement is None  # 자기 자신을 권하지 않습니다.
    assert models.model_status("claude-haiku-5-5").shutdown == DAY(2028, 3, 3)
    assert models.model_status("claude-odd").state == "current"
    assert models.model_status("gpt-5").source.startswith("openai SDK 3.54.0, 2026-11-21")


COLAB_PYTHON = os.environ.get("LLMKIT_COLAB_PYTHON", "")


@pytest.mark.full
@pytest.mark.skipif(not COLAB_PYTHON, reason="LLMKIT_COLAB_PYTHON이 없습니다")
def test_colabs_older_sdk_gives_the_same_words():
    source = "import llmkit, datetime\nfor n in ('gpt-5', 'gpt-4.1-nano', 'claude-sonnet-4-5', 'gpt-6-luna'): print(llmkit.model_status(n, on=datetime.date(2026, 11, 21)))"
    seen = [
        subprocess.run(
            [python, "-c", source], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
        ).stdout
        for python in (sys.executable, COLAB_PYTHON)
    ]
    assert seen[0] == seen[1] and "2026-12-11에 종료될 예정입니다" in seen[0]
