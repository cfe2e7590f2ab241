"""`model`과 `model_status`: 재생은 카세트의 모델, 실제 호출은 고른 모델, 상태는 날짜를 적은 자료에서."""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import llmkit
from llmkit import models
from llmkit.common.clock import set_clock
from llmkit.common.providers import PROVIDERS
from tests import authored
from tests.fake_keys import fake_keys

ROOT = Path(__file__).resolve().parents[2]
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
        assert models.model_status(entry["model"], on=DAY.fromisoformat(entry["as_of"])).state == "current", provider
        assert entry["source"]


def test_replay_gives_the_cassettes_model_whatever_else_is_set(lesson: Path, monkeypatch: pytest.MonkeyPatch):
    """기본값도 환경 변수도 날짜도 복제한 강좌를 깨뜨리지 못합니다."""
    os.environ |= {provider.model_variable: "gpt-9-mine" for provider in PROVIDERS.values()}
    monkeypatch.setitem(models.model_data()["defaults"], "openai", {"model": "gpt-9-default"})
    with llmkit.setup(cassette=lesson, mode="replay"):
        set_clock(DAY(2031, 1, 1))
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
    assert json.loads((tmp_path / "new.json").read_text(encoding="utf-8"))["models"] == {"openai": "gpt-6-sol"}


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

NOW = DAY(2026, 11, 26)
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
    "gpt-4.5-preview": "2025-07-14",
    "text-davinci-003": "2024-01-04",
    "claude-sonnet-4-20250514": "2026-06-15",
    "claude-sonnet-4-5": "2026-11-30",
    "claude-opus-4-5": "2027-01-22",
    "claude-opus-4-1": "2026-08-05",
    "claude-3-5-sonnet-20241022": "2025-10-28",
    "claude-3-haiku-20240307": "2026-04-20",
    "gemini-1.5-pro": "2025-09-29",
    "gemini-1.5-flash": "2025-09-29",
    "gemini-2.0-flash": "2026-06-01",
    "gemini-2.0-flash-001": "2026-06-01",
    "gemini-2.0-flash-lite": "2026-06-01",
    "gemini-2.5-flash": "2026-12-01",
    "gemini-2.5-pro": "2026-12-01",
    "llama-3.1-8b-instant": "2026-08-16",
    "llama-3.3-70b-versatile": "2026-08-16",
    "mixtral-8x7b-32768": "2025-03-20",
}
CURRENT = [
    "gpt-6-luna",
    "gpt-6.1-sol",
    "gpt-6.1-terra",
    "gpt-5.5",
    "gpt-5.6-luna",
    "claude-haiku-5-5",
    "gemini-2.5-flash-lite",
    "openai/gpt-oss-20b",
    "meta-llama/Llama-3.1-8B-Instruct",
    "text-embedding-3-small",
    "text-embedding-ada-002",
    "whisper-large-v3",
    "smollm2-135m",
]
# 2023–2026년의 글에서 지금도 만나는 이름. 모두 사라졌습니다.
GONE = [
    "gpt-3.5-turbo-0301",
    "gpt-3.5-turbo-16k",
    "gpt-3.5-turbo-instruct",
    "gpt-4-32k",
    "gpt-4-turbo",
    "gpt-4-turbo-preview",
    "gpt-4-vision-preview",
    "gpt-4-1106-preview",
    "o1-preview",
    "o1-mini",
    "chatgpt-4o-latest",
    "code-davinci-002",
    "davinci",
    "dall-e-2",
    "dall-e-3",
    "text-moderation-latest",
    "sora-2",
    "claude-1",
    "claude-2",
    "claude-2.1",
    "claude-instant",
    "claude-instant-1.2",
    "claude-instant-v1",
    "claude-3-opus-20240229",
    "claude-3-opus-latest",
    "claude-3-sonnet-20240229",
    "claude-3-5-sonnet-latest",
    "claude-3-5-sonnet-20240620",
    "claude-3-5-haiku-latest",
    "claude-3-7-sonnet-20250219",
    "claude-opus-4-0",
    "claude-opus-4-1-20250805",
    "gemini-pro",
    "gemini-pro-vision",
    "gemini-1.0-pro",
    "gemini-1.5-pro-latest",
    "gemini-1.5-flash-002",
    "gemini-1.5-flash-8b",
    "gemini-2.0-flash-exp",
    "gemini-2.0-flash-thinking-exp",
    "gemini-2.0-flash-lite-001",
    "gemini-exp-1206",
    "gemini-2.5-pro-preview-05-06",
    "text-bison-001",
    "text-bison@002",
    "chat-bison",
    "embedding-001",
    "text-embedding-004",
    "llama2-70b-4096",
    "llama3-8b-8192",
    "llama3-70b-8192",
    "llama-3.1-70b-versatile",
    "llama-3.2-1b-preview",
    "llama-3.2-90b-vision-preview",
    "gemma-7b-it",
    "gemma2-9b-it",
    "qwen-qwq-32b",
    "deepseek-r1-distill-llama-70b",
]
INVENTED = {
    "gpt-5.1-mini": "gpt-5.1",
    "gpt-4o-ultra": "gpt-4o",
    "gpt-4o-2024-12-25": "gpt-4o",
    "gpt-4o-mini-but-mine": "gpt-4o-mini",
    "gpt-6-luna-latest": "gpt-6-luna",
    "claude-opus-9": "claude-opus-5",
    "claude-haiku-5-5-20261201": "claude-haiku-5-5",
    "gemini-9-pro": "gemini-pro",
    "gpt-99": "gpt-5",
    "GPT-4O": "gpt-4o",
    "anthropic/gpt-4o": "gpt-4o",
    "my-org/gpt-4o": "gpt-4o",
    "azure/gpt-4o": "gpt-4o",
    "ft:gpt-9o:my-org::AbC123": "gpt-4o",
    "llama3-8b": "llama3-8b-8192",
    "나의-모델": None,
    "": None,
    "ft:": None,
    "org/": None,
    "/": None,
    ":": None,
}


@pytest.mark.parametrize("name", DATES)
def test_the_known_dates_and_the_day_itself(name: str):
    last = DAY.fromisoformat(DATES[name])
    eve = last - datetime.timedelta(days=1)
    assert [models.model_status(name, on=day).state for day in (eve, last)] == ["deprecated", "retired"]
    status = models.model_status(name, on=NOW)
    assert status.shutdown == last and status.name == name
    assert models.model_status(status.replacement, on=NOW).state == "current"


@pytest.mark.parametrize("name", CURRENT)
def test_what_is_alive_is_current_and_needs_no_replacement(name: str):
    status = models.model_status(name, on=NOW)
    assert (status.state, status.shutdown, status.replacement, status.nearest) == (
        "current",
        None,
        None,
        None,
    )


@pytest.mark.parametrize("name", GONE)
def test_what_old_tutorials_use_is_gone(name: str):
    status = models.model_status(name, on=NOW)
    assert status.state == "retired"
    assert f"종료일: {status.shutdown or '날짜 모름'}." in str(status)


@pytest.mark.parametrize("name", INVENTED)
def test_an_invented_name_is_unknown_on_any_day_and_the_nearest_known_one_is_named(name: str):
    for day in (DAY(2024, 1, 1), NOW, DAY(2030, 1, 1)):
        status = models.model_status(name, on=day)
        assert (status.state, status.shutdown, status.replacement) == ("unknown", None, None)
        assert status.nearest == INVENTED[name]
        assert f"모르는 이름입니다. 가장 가까운 이름: {INVENTED[name] or '없음'}." in str(status)
        assert "예고" not in str(status)


def test_the_replacement_is_the_providers_own_advice_or_the_default_of_the_family():
    def instead(name: str) -> str | None:
        return models.model_status(name, on=NOW).replacement

    assert (instead("gpt-5"), instead("gpt-5-mini")) == ("gpt-6.1-sol", "gpt-6.1-terra")
    assert instead("gpt-4.1-nano") == models.default_model("openai")
    assert instead("claude-sonnet-4-5") == models.default_model("anthropic")
    assert instead("gemini-2.0-flash") == models.default_model("gemini")
    assert instead("gemma2-9b-it") == models.default_model("groq")
    assert instead("dall-e-3") is None  # 그림을 그리던 모델 대신 대화 모델을 권하지 않습니다.


def test_what_a_learner_reads():
    said = [str(models.model_status(name, on=NOW)) for name in ("gpt-4.1-nano", "gpt-5", "claude-haiku-5-5")]
    said += [
        str(models.model_status("llama2-70b-4096", on=NOW)),
        repr(models.model_status("gpt-5.1-mini", on=NOW)),
    ]
    assert said == [
        "gpt-4.1-nano: 종료되었습니다. 종료일: 2026-10-23. 대신 쓸 모델: gpt-6-luna(이 강좌의 기본 모델). "
        "(근거: openai SDK 3.57.0, 2026-11-26)",
        "gpt-5: 종료가 예고되었습니다. 종료일: 2026-12-11. 대신 쓸 모델: gpt-6.1-sol. "
        "(근거: openai SDK 3.57.0, 2026-11-26)",
        "claude-haiku-5-5: 현재 쓰는 모델입니다. 예고된 종료일: 없음. (근거: anthropic SDK 2.14.0, 2026-11-26)",
        "llama2-70b-4096: 종료되었습니다. 종료일: 날짜 모름. 대신 쓸 모델: openai/gpt-oss-20b(이 강좌의 기본 모델). "
        "(근거: Groq의 종료 안내, 저장된 사본, 2026-07-24)",
        "gpt-5.1-mini: 모르는 이름입니다. 가장 가까운 이름: gpt-5.1. "
        "(근거: 지원하지 않는 이름이라고 적은 openai SDK 3.57.0, 2026-11-26)",
    ]


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("ft:gpt-4o-mini-2024-07-18:my-org::AbC123", "gpt-4o-mini-2024-07-18"),
        ("ft:gpt-4o-mini:우리-회사:별명:1", "gpt-4o-mini"),
        ("openai/gpt-4o-mini", "gpt-4o-mini"),
        ("openrouter/openai/gpt-4o-mini", "gpt-4o-mini"),
        ("openai/gpt-4o-mini:free", "gpt-4o-mini"),
        ("models/gemini-1.5-flash", "gemini-1.5-flash"),
        ("google/gemini-2.0-flash-001", "gemini-2.0-flash-001"),
        ("anthropic/claude-3-5-sonnet-20241022", "claude-3-5-sonnet-20241022"),
        ("groq/openai/gpt-oss-20b", "openai/gpt-oss-20b"),
        ("huggingface/openai/gpt-oss-20b:fireworks-ai", "openai/gpt-oss-20b"),
        ("meta-llama/Llama-3.1-8B-Instruct:cerebras", "meta-llama/Llama-3.1-8B-Instruct"),
        ("groq/llama3-8b-8192", "llama3-8b-8192"),
    ],
)
def test_a_tuned_or_hosted_name_is_known_by_the_model_in_it(name: str, base: str):
    status, plain = models.model_status(name, on=NOW), models.model_status(base, on=NOW)
    assert plain.state != "unknown" and status.name == name
    assert (status.state, status.shutdown, status.source) == (plain.state, plain.shutdown, plain.source)


def test_the_day_is_the_cassettes_in_replay_and_may_be_a_datetime(lesson: Path):
    with llmkit.setup(cassette=lesson, mode="replay"):
        set_clock(DAY(2026, 12, 10))
        assert llmkit.model_status("gpt-5").state == "deprecated"
        set_clock(DAY(2026, 12, 11))
        assert llmkit.model_status("gpt-5").state == "retired"
    noon = datetime.datetime(2026, 12, 11, 12, tzinfo=datetime.UTC)
    assert llmkit.model_status("gpt-5", on=noon).state == "retired"


@pytest.mark.parametrize("arguments", [(None,), (3,), (b"gpt-5",), ("gpt-5", "2026-12-11"), ("gpt-5", 20261211)])
def test_what_is_no_name_or_no_day_is_refused_in_korean(arguments: tuple[object, ...]):
    with pytest.raises(TypeError, match=r"model_status에는 모델 이름\(str\)과 날짜\(datetime.date\)를 넣으세요: "):
        llmkit.model_status(*arguments)


# 자료 ---------------------------------------------------------------------------------------------------


def test_every_name_stands_once_with_its_provider_source_and_date():
    groups = models.state_data()["states"]
    names = Counter(
        name
        for group in groups
        for part in (
            group.get("current", []),
            group.get("unsupported", []),
            *group.get("shutdowns", {}).values(),
        )
        for name in part
    )
    assert [name for name, times in names.items() if times > 1] == [] and len(names) > 400
    for group in groups:
        assert group["provider"] in PROVIDERS and group["source"]
        assert group["basis"] in ("sdk", "web", "prices", "package")
        assert (group["basis"] == "web") == ("저장된 사본" in group["source"])  # 웹에서 온 것은 말에도 드러납니다.
        assert (group["basis"] == "sdk") == bool(re.search(r" SDK \d+\.\d+\.\d+$", group["source"]))
        assert DAY.fromisoformat(group["as_of"]) <= DAY.fromisoformat(models.state_data()["as_of"])


def test_no_replacement_is_itself_unknown_or_gone():
    as_of = DAY.fromisoformat(models.state_data()["as_of"])
    instead = {row.replacement for row in models.known_models().values()} - {None}
    assert [name for name in instead if models.model_status(name, on=as_of).state != "current"] == []
    advised = {name for group in models.state_data()["replacements"] for name in group["names"]}
    assert advised <= models.known_models().keys()


def test_a_learners_call_reads_no_sdk():
    """SDK가 없어도, 그 소스가 어디로 옮겨졌어도 답은 같습니다."""
    source = """
import datetime, sys
sys.modules["openai"] = sys.modules["anthropic"] = None
import llmkit
for name in ("gpt-5", "claude-opus-4-5", "gpt-6-luna", "gpt-5.1-mini"):
    print(llmkit.model_status(name, on=datetime.date(2026, 11, 26)))
assert "tests.authoring.sdk_tables" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    names = ("gpt-5", "claude-opus-4-5", "gpt-6-luna", "gpt-5.1-mini")
    assert done.stdout.splitlines() == [str(models.model_status(name, on=NOW)) for name in names]


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
    assert seen[0] == seen[1] and "종료일: 2026-12-11." in seen[0]
