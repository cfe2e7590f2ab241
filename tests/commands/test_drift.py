"""`python -m llmkit drift`: 달라진 것을 찾아 어디의 무엇을 고칠지 말하고, 확인하지 못한 것을 괜찮다고 하지 않는가."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anthropic
import openai
import pytest

import llmkit
from llmkit import __main__ as command
from llmkit import local, models, session
from llmkit.commands import drift as drift_command
from llmkit.commands.shape import differences
from llmkit.common.providers import PROVIDERS
from llmkit.embeddings import EmbeddingServer
from llmkit.replay.cassette import Cassette
from tests.authoring import sdk_tables
from tests.authoring.provider import chat, messages, redirect
from tests.authoring.provider import models as stand_in_models
from tests.authoring.provider.script import Script
from tests.authoring.provider.server import Handler, Upstream
from tests.authoring.provider.testing import stand_in
from tests.authoring.sdk_tables import PACKAGES, SdkTable, TableNotFound, is_older_than_data, read_table
from tests.fake_keys import fake_keys, leaked

KEYS = fake_keys()
NOW = datetime.date(2026, 11, 26)
READ_ONCE = functools.cache(read_table)
ANSWER = '[[entry]]\nregex = "."\nreasoning_tokens = 0\nanswer = "대한민국의 수도는 **서울**입니다."\n'
QUESTION: list[Any] = [{"role": "user", "content": "수도는?"}]
Drift = Callable[..., tuple[int, str]]


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)


@pytest.fixture(autouse=True)
def alone_and_quick(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    """이 컴퓨터에 켜진 로컬 서버도 달력도 보지 않고, SDK의 재시도를 기다리지 않습니다."""
    for sdk in (openai.OpenAI, anthropic.Anthropic):
        monkeypatch.setattr(sdk, "_calculate_retry_timeout", lambda *about: 0)
    for name in ("OLLAMA_PORT", "PORT"):
        monkeypatch.setattr(local, name, closed_port)
    monkeypatch.setattr(drift_command, "EMBEDDINGS_PORT", closed_port)
    monkeypatch.setattr(drift_command, "today", lambda: NOW)
    monkeypatch.setattr(sdk_tables, "read_table", READ_ONCE)
    monkeypatch.setattr(sdk_tables, "PACKAGES", [name for name in PACKAGES if not is_older_than_data(name)])


@pytest.fixture
def nobody_answers(closed_port: int) -> Iterator[None]:
    """어느 제공자에게 보내든 연결이 거부됩니다."""
    redirect.install(closed_port)
    yield
    redirect.uninstall()


@pytest.fixture
def drift(capsys: pytest.CaptureFixture[str]) -> Drift:
    """명령을 실행해 (종료 상태, 화면에 나온 글)을 돌려줍니다. 키는 어떤 경우에도 나오지 않습니다."""

    def run(*lesson: str) -> tuple[int, str]:
        capsys.readouterr()
        status = command.main(["drift", *lesson])
        shown = capsys.readouterr()
        assert leaked(shown.out + shown.err, KEYS) == []
        return status, shown.out + shown.err

    return run


@pytest.fixture
def lesson(keys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """제공자 둘을 네 번 부르고 한 번 실패하는 수업의 카세트입니다."""
    tape = tmp_path / "01_basics.json"
    monkeypatch.setattr(session, "CASSETTES", tmp_path)
    fault = '[[entry]]\nprompt = "한도"\nfault = "insufficient_quota"\n'
    with stand_in(fault + ANSWER), llmkit.setup(mode="record", cassette=tape):
        gpt, claude = openai.OpenAI(max_retries=0), anthropic.Anthropic()
        asked: dict[str, Any] = {"model": llmkit.model("openai"), "messages": QUESTION}
        gpt.chat.completions.create(**asked)
        list(gpt.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
        gpt.chat.completions.create(**asked, max_completion_tokens=3)
        with pytest.raises(openai.RateLimitError):
            asked["messages"] = [{"role": "user", "content": "한도"}]
            gpt.chat.completions.create(**asked)
        model = llmkit.model("anthropic")
        list(claude.messages.create(model=model, max_tokens=99, messages=QUESTION, stream=True))
    return tape


def said(report: str, start: str) -> str:
    """`start`를 담은 줄과, 그 아래의 '어디'와 '할 일'입니다."""
    lines = report.splitlines()
    (at,) = [number for number, line in enumerate(lines) if start in line]
    return "\n".join(lines[at : at + 3])


# 달라지지 않았을 때 ---------------------------------------------------------------------------------------


def test_nothing_changed(lesson: Path, drift: Drift) -> None:
    with stand_in(ANSWER):
        status, report = drift("01")
    assert status == 0
    assert report.splitlines()[0].startswith("보낼 요청: OpenAI 3개, Anthropic 1개 - 0.0000")  # 값을 먼저 말합니다.
    assert "원" in report.splitlines()[0]
    assert "보내지 않는 요청: 1개" in report  # 429
    assert report.endswith("달라진 것이 없습니다.\n") and "확인하지 못함" not in report


@pytest.mark.parametrize("number", ["01", "02", "03", "04", "05", "06"])
def test_the_authored_answers_are_still_what_the_stand_in_says(number: str, keys: None, drift: Drift) -> None:
    script = dataclasses.replace(Script.of_lesson(number), first_token_ms=0, token_ms=0)
    with serving(script) as (server, seen):
        status, report = drift(number)
    assert status == 0, report
    assert server.unanswered == []
    (file,) = session.CASSETTES.glob(f"{number}_*.json")
    hosted = [e for e in Cassette.load(file).exchanges if e.provider != "local"]
    failures = [e for e in hosted if e.error or e.abandoned or e.status not in (200, 400, 404)]
    sent = {e.key for e in hosted if e not in failures and e.method == "POST"}
    assert len({(path, body) for path, body in seen}) == len(sent)  # 일부러 낸 실패는 보내지 않습니다.


@contextmanager
def serving(script: Script) -> Iterator[tuple[Upstream, list[tuple[str, str]]]]:
    """대본의 서버로 모든 요청을 돌리고, 온 요청을 모읍니다."""
    seen: list[tuple[str, str]] = []
    post = Handler._post

    def noting(handler: Handler) -> None:
        seen.append((handler.headers["host"] + handler.path, json.dumps(handler.asked)))
        post(handler)

    with pytest.MonkeyPatch.context() as patch, Upstream(script) as server:
        patch.setattr(Handler, "_post", noting)
        redirect.install(server.port)
        try:
            yield server, seen
        finally:
            redirect.uninstall()


# 심어 놓은 어긋남 -----------------------------------------------------------------------------------------


def test_a_renamed_usage_field(lesson: Path, drift: Drift, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = chat.usage

    def renamed(reply: Any) -> dict[str, Any]:
        return {name.replace("prompt_", "input_"): value for name, value in usage(reply).items()}

    monkeypatch.setattr(chat, "usage", renamed)
    with stand_in(ANSWER):
        status, report = drift("01")
    assert status == 1
    assert "[달라짐] OpenAI /chat/completions: 사라진 필드 usage.prompt_tokens\n" in report
    assert "[달라짐] OpenAI /chat/completions: 새 필드 usage.input_tokens\n" in report
    # 같은 어긋남은 한 번만 말하고 어디인지 모두 적습니다. 객체 안의 필드까지 늘어놓지 않습니다.
    assert report.count("01_basics의 1·2·3번째 응답") == 4 and "usage.prompt_tokens_details.cached" not in report
    assert "python -m llmkit record 01 --provider openai 명령으로 다시 녹화하고" in report
    assert "tests/authoring/provider" in report  # 샘플 응답입니다.
    assert report.endswith("달라진 것이 4가지입니다.\n") and "Anthropic /messages" not in report


def test_a_missing_field_and_a_new_type(lesson: Path, drift: Drift, monkeypatch: pytest.MonkeyPatch) -> None:
    head = chat._head

    def changed(*about: Any) -> dict[str, Any]:
        sent = head(*about)
        del sent["service_tier"]
        return sent | {"created": str(sent["created"])}

    monkeypatch.setattr(chat, "_head", changed)
    with stand_in(ANSWER):
        status, report = drift("01")
    assert status == 1
    assert "사라진 필드 service_tier" in report and "created의 자료형: 수 → 문자열" in report


def test_a_new_finish_reason(lesson: Path, drift: Drift) -> None:
    with stand_in(
        '[[entry]]\nregex = "."\nreasoning_tokens = 0\nanswer = "서울"\n'
    ):  # 이제 길이 제한에 걸리지 않습니다.
        status, report = drift("01")
    assert status == 1
    found = said(report, "choices[].finish_reason: length → stop")
    assert "01_basics의 3번째 응답" in found and "노트북의 설명" in found
    assert report.endswith("달라진 것이 1가지입니다.\n")


def test_a_stream_whose_events_changed(lesson: Path, drift: Drift, monkeypatch: pytest.MonkeyPatch) -> None:
    was_chat, was_messages = chat.events, messages.events
    monkeypatch.setattr(chat, "events", lambda reply: list(was_chat(reply))[:-1])

    def shuffled(reply: Any) -> list[Any]:
        *rest, delta, stop = was_messages(reply)
        return [delta, *rest, stop]

    monkeypatch.setattr(messages, "events", shuffled)
    with stand_in(ANSWER):
        status, report = drift("01")
    assert status == 1
    assert "01_basics의 2번째 응답" in said(report, "OpenAI /chat/completions: 사라진 필드 [DONE]")
    assert "Anthropic /messages: 스트림의 순서: message_delta 값이 message_start보다 먼저 옵니다" in report
    assert report.endswith("달라진 것이 2가지입니다.\n")


def test_a_model_that_is_gone(lesson: Path, drift: Drift) -> None:
    with stand_in('[[entry]]\nprovider = "anthropic"\nregex = "."\nfault = "model_not_found"\n' + ANSWER):
        status, report = drift("01")
    assert status == 1
    found = said(report, "Anthropic /messages: 상태 200 → 404")
    assert "01_basics의 5번째 응답" in found and "record 01 --provider anthropic" in found


def test_a_refused_connection_is_no_pass(lesson: Path, nobody_answers: None, drift: Drift) -> None:
    status, report = drift("01")
    assert status == 1
    found = said(report, "[달라짐] OpenAI: 답을 받지 못했습니다(APIConnectionError)")
    assert "01_basics의 1번째 응답" in found and "인터넷 연결을 확인하고" in found and "record" not in found
    assert "[확인하지 못함] OpenAI: 답하지 않아 더 보내지 않았습니다. 응답 2개" in report
    assert "[달라짐] Anthropic: 답을 받지 못했습니다" in report  # 다른 제공자는 따로 봅니다.


@pytest.mark.parametrize(
    ("fault", "said_to_do"), [("invalid_api_key", "키를 확인"), ("rate_limit", "사용 한도를 확인")]
)
def test_a_key_that_does_not_work_is_no_pass(fault: str, said_to_do: str, lesson: Path, drift: Drift) -> None:
    with stand_in(f'[[entry]]\nprovider = "openai"\nregex = "."\nfault = "{fault}"\n' + ANSWER):
        status, report = drift("01")
    assert status == 1
    assert said_to_do in said(report, "[달라짐] OpenAI: 답을 받지 못했습니다(4")
    assert "답하지 않아 더 보내지 않았습니다. 응답 2개" in report and "달라진 것이 1가지입니다." in report


# 네트워크 없이 보는 것 ------------------------------------------------------------------------------------


def rewrite(tape: Path, model: str, date: str = "2026-11-21") -> None:
    text = tape.read_text(encoding="utf-8").replace(llmkit.model("openai"), model)
    tape.write_text(json.dumps(json.loads(text) | {"date": date}), encoding="utf-8")


@pytest.fixture
def no_keys(lesson: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name)


def test_without_a_key_nothing_is_sent_and_it_says_so(
    lesson: Path, no_keys: None, nobody_answers: None, drift: Drift
) -> None:
    status, report = drift("01")
    assert status == 0
    assert report.startswith("보낼 요청이 없습니다.")
    assert "[확인하지 못함] OpenAI: OPENAI_API_KEY 값이 없습니다. 응답 3개" in report
    assert "[확인하지 못함] Anthropic: ANTHROPIC_API_KEY 값이 없습니다. 응답 1개" in report
    assert report.endswith("확인한 것에서는 달라진 것을 찾지 못했습니다.\n")


def test_a_retired_model(lesson: Path, no_keys: None, drift: Drift) -> None:
    rewrite(lesson, "gpt-4.1-nano")
    status, report = drift("01")
    assert status == 1
    found = said(report, "[달라짐] 모델 gpt-4.1-nano: 종료되었습니다. 종료일: 2026-10-23.")
    assert "01_basics의 1·2·3번째 응답" in found  # 일부러 실패한 4번째는 아닙니다.
    assert (
        "할 일: python -m tests.authoring record 01 명령으로" in found
    )  # 기본 모델은 이미 다른 것입니다. 키는 없습니다.


def ending(monkeypatch: pytest.MonkeyPatch, model: str, day: datetime.date) -> None:
    """자료에 `model`의 종료일을 심습니다."""
    row = dataclasses.replace(models.known_models()[model], ends=True, shutdown=day)
    monkeypatch.setitem(models.known_models(), model, row)


def test_the_default_model_is_to_go(lesson: Path, no_keys: None, drift: Drift, monkeypatch: pytest.MonkeyPatch) -> None:
    ending(monkeypatch, llmkit.model("openai"), NOW + datetime.timedelta(days=1))
    status, report = drift("01")
    assert status == 1
    assert "llmkit/data/models.json의 openai 기본 모델을 바꾸고" in said(
        report, "종료가 예고되었습니다. 종료일: 2026-11-27."
    )


def test_a_model_nobody_knows(lesson: Path, no_keys: None, drift: Drift) -> None:
    rewrite(lesson, "gpt-4o-ultra")
    status, report = drift("01")
    assert status == 1
    found = said(report, "[달라짐] 모델 gpt-4o-ultra: 모르는 이름입니다. 가장 가까운 이름: gpt-4o.")
    assert "01_basics의 1·2·3번째 응답" in found and "llmkit/data/model_states.json에 상태를 더하세요" in found


# 모델 자료 -----------------------------------------------------------------------------------------------


@pytest.fixture
def newer_sdk(monkeypatch: pytest.MonkeyPatch) -> Callable[[SdkTable | TableNotFound], None]:
    """자료보다 새 openai SDK의 표를 심습니다."""

    def plant(table: SdkTable | TableNotFound) -> None:
        def read(package: str) -> SdkTable:
            if isinstance(table, TableNotFound):
                raise table
            return table

        monkeypatch.setattr(sdk_tables, "PACKAGES", ["openai"])
        monkeypatch.setattr(sdk_tables, "version", lambda package: "9.9.9")
        monkeypatch.setattr(sdk_tables, "read_table", read)

    return plant


def test_a_newer_sdk_with_another_table(
    lesson: Path, no_keys: None, drift: Drift, newer_sdk: Callable[[SdkTable], None]
) -> None:
    day = datetime.date(2031, 1, 1)
    newer = SdkTable("openai SDK 9.9.9", {"gpt-9-nova", "gpt-5"}, {"gpt-5": day})
    newer_sdk(newer)
    status, report = drift("01")
    assert status == 1
    assert "[달라짐] openai SDK 9.9.9의 표, gpt-9-nova: 자료에 없는 이름입니다. SDK의 종료일: 없음\n" in report
    found = said(report, "openai SDK 9.9.9의 표, gpt-5: 종료일이 다릅니다. SDK 2031-01-01, 자료 2026-12-11")
    assert "할 일: llmkit/data/model_states.json의 이름과 날짜를 고치세요." in found
    assert report.endswith("달라진 것이 2가지입니다.\n")


def test_an_sdk_whose_table_is_gone(
    lesson: Path, no_keys: None, drift: Drift, newer_sdk: Callable[[TableNotFound], None]
) -> None:
    gone = TableNotFound("openai SDK 9.9.9: 소스에서 종료일 표를 찾지 못했습니다.")
    newer_sdk(gone)
    status, report = drift("01")
    assert status == 1
    assert "tests/authoring/sdk_tables.py가 표를 찾는 방법을 고치세요" in said(
        report, "[달라짐] openai SDK 9.9.9: 소스에서"
    )


def test_an_older_sdk_is_not_compared_and_it_says_so(
    lesson: Path, no_keys: None, drift: Drift, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Colab의 openai 2.54에는 종료일의 표가 없습니다. 표가 사라진 것과 다릅니다."""
    monkeypatch.setattr(sdk_tables, "version", lambda package: "2.9.0")
    monkeypatch.setattr(sdk_tables, "PACKAGES", ["openai"])
    status, report = drift("01")
    assert status == 0
    assert re.search(r"\[확인하지 못함\] openai SDK: 자료를 만든 [\d.]+ 버전보다 오래되어", report)


def listing(monkeypatch: pytest.MonkeyPatch, **changed: dict[str, Any] | None) -> None:
    """대역의 모델 목록을 바꿉니다: 이름마다 바뀐 필드, 없어진 이름은 `None`."""
    before = stand_in_models.listing

    def changing(provider: str, at: datetime.datetime) -> dict[str, Any]:
        sent = before(provider, at)
        rows = {row["id"]: row for row in sent["data"]}
        for name, fields in changed.items():
            owner = "anthropic" if name.startswith("claude") else "openai"
            if provider == owner and fields is None:
                del rows[name]
            elif provider == owner:
                rows[name] = {**rows.get(name, {"id": name}), **(fields or {})}
        return sent | {"data": list(rows.values())}

    monkeypatch.setattr(stand_in_models, "listing", changing)


def test_the_providers_own_list_is_asked_and_agrees(lesson: Path, drift: Drift) -> None:
    with stand_in(ANSWER):
        status, report = drift("01")
    assert status == 0
    assert "모델 목록도 묻습니다(요금 없음): OpenAI, Anthropic\n" in report
    assert "의 모델 목록" not in report  # 다른 것이 없습니다.


def test_a_listed_day_that_differs_and_a_name_that_is_missing(
    lesson: Path, drift: Drift, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing(
        monkeypatch,
        **{
            "gpt-5": {"shutdown_date": "2027-03-03"},
            "gpt-4o": {"shutdown_date": None},
            "gpt-6-luna": {"shutdown_date": "2028-01-01"},
            "gpt-9-nova": {"shutdown_date": None},
            "gpt-9-nova-mini": {},
            "ft:gpt-4o-mini:my-org::1": {},
            "claude-sonnet-4-5": {"retires_at": "2026-12-31T00:00:00Z"},
            "claude-haiku-4-5": {"lifecycle": "retired"},
            "claude-haiku-5-5": None,
        },
    )
    with stand_in(ANSWER):
        status, report = drift("01")
    assert status == 1
    told = [line.removeprefix("[달라짐] ") for line in report.splitlines() if "의 모델 목록, " in line]
    assert sorted(told) == sorted(
        [
            "OpenAI의 모델 목록, gpt-5: 종료일이 다릅니다. 목록 2027-03-03, 자료 2026-12-11",
            "OpenAI의 모델 목록, gpt-4o: 종료일이 다릅니다. 목록 없음, 자료 2027-01-14",
            "OpenAI의 모델 목록, gpt-6-luna: 종료일이 다릅니다. 목록 2028-01-01, 자료 없음",
            "OpenAI의 모델 목록, 자료에 없는 이름 2개: gpt-9-nova, gpt-9-nova-mini",
            "Anthropic의 모델 목록, claude-sonnet-4-5: 종료일이 다릅니다. 목록 2026-12-31, 자료 2026-11-30",
            "Anthropic의 모델 목록, claude-haiku-4-5: 목록에는 종료되었다고, 자료에는 current",
            "Anthropic의 모델 목록, claude-haiku-5-5: 기본 모델인데 목록에 없습니다.",
        ]
    )
    assert "할 일: llmkit/data/model_states.json의 이름과 날짜를 고치세요." in report


def test_a_list_that_does_not_come_is_no_pass(lesson: Path, nobody_answers: None, drift: Drift) -> None:
    status, report = drift("01")
    assert status == 1
    for title in ("OpenAI", "Anthropic"):
        found = said(report, f"[달라짐] {title}의 모델 목록: 답을 받지 못했습니다(APIConnectionError)")
        assert "인터넷 연결을 확인하고" in found


def test_without_a_key_no_list_is_asked_and_it_says_so(
    lesson: Path, no_keys: None, nobody_answers: None, drift: Drift
) -> None:
    status, report = drift("01")
    assert status == 0
    assert "모델 목록도 묻습니다" not in report
    assert "[확인하지 못함] OpenAI의 모델 목록: OPENAI_API_KEY 값이 없습니다.\n" in report


def test_a_model_the_notebook_names_itself(lesson: Path, no_keys: None, drift: Drift) -> None:
    rewrite(lesson, "gpt-4.1-nano")
    data = json.loads(lesson.read_text(encoding="utf-8"))
    data["models"]["openai"] = "gpt-6-luna"
    lesson.write_text(json.dumps(data), encoding="utf-8")
    assert "할 일: 노트북의 모델 이름을 바꾸고" in drift("01")[1]


def test_a_changed_price(lesson: Path, no_keys: None, drift: Drift) -> None:
    rewrite(lesson, "gpt-5.6-luna", date="2026-07-29")  # 가격표에 따르면 다음 날부터 값이 내렸습니다.
    status, report = drift("01")
    assert status == 1
    found = said(report, "[달라짐] 가격 gpt-5.6-luna: 2026-07-29에는 100만 토큰에 입력 1, 출력 6 USD")
    assert "01_basics의 1·2·3번째 응답" in found and "record 01" in found
    rewrite(lesson, "gpt-5.6-luna", date="2026-07-30")
    assert drift("01")[0] == 0


def test_an_unknown_price_is_not_called_unchanged(lesson: Path, no_keys: None, drift: Drift) -> None:
    rewrite(lesson, "gpt-nobody-knows")
    assert "[확인하지 못함] OpenAI gpt-nobody-knows: 가격표에 단가가 없습니다. 응답 3개" in drift("01")[1]


def test_every_lesson_is_looked_at(drift: Drift) -> None:
    report = drift()[1]
    for name in {e.provider for f in session.CASSETTES.glob("*.json") for e in Cassette.load(f).exchanges}:
        assert f"[확인하지 못함] {PROVIDERS[name].title}: " in report


def test_a_long_list_of_places_is_cut_short(no_keys: None, drift: Drift, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "CASSETTES", Path(session.__file__).parent / "cassettes")
    model = Cassette.load(session.CASSETTES / "01_basics.json").models["openai"]
    ending(monkeypatch, model, datetime.date(2020, 1, 1))
    (line,) = [line for line in drift("01")[1].splitlines() if line.startswith("  어디: 01_basics의 1·")]
    assert line.count("·") == 7 and line.endswith("개")


def test_what_cannot_be_read_is_refused(lesson: Path, drift: Drift) -> None:
    assert drift("77")[0] == 2
    lesson.write_text('{"cassette": 1', encoding="utf-8")
    status, report = drift("01")
    assert status == 2 and "JSON이 1번째 줄" in report


# 진짜 모델 ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not local.installed(), reason=f"로컬 모델이 깔려 있지 않습니다: {local.INSTALL}")
def test_the_local_model_still_answers_as_recorded(
    drift: Drift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tapes = [Cassette.load(file) for file in sorted(session.CASSETTES.glob("*.json"))]
    ours = [e for tape in tapes for e in tape.exchanges if e.provider == "local" and e.provenance == "recorded"]
    ours = [e for e in ours if not e.abandoned and "cache_prompt" not in e.body]
    # API와 방식마다 하나씩, 답이 가장 짧은 것
    ours.sort(key=lambda e: (e.usage[0] or {}).get("completion_tokens", 0), reverse=True)
    chosen = {(e.path, e.status, *sorted(e.body.keys() & {"stream", "logprobs", "n", "grammar"})): e for e in ours}
    assert len(chosen) >= 6
    tape = tmp_path / "03_streaming.json"
    monkeypatch.setattr(session, "CASSETTES", tmp_path)
    Cassette(tape, datetime.date.today(), {"local": llmkit.model("local")}, exchanges=list(chosen.values())).save()
    assert "smollm2-135m 모델이 켜져 있지 않습니다" in drift("03")[1]
    with local.LocalServer(0) as server, EmbeddingServer(0) as vectors:
        monkeypatch.setattr(local, "PORT", urlsplit(server.base_url).port)
        monkeypatch.setattr(drift_command, "EMBEDDINGS_PORT", urlsplit(vectors.base_url).port)
        status, report = drift("03")
        assert status == 0, report
        assert f"보낼 요청: 로컬 모델 {len(chosen)}개 - 0 USD" in report and "확인하지 못함" not in report
        (short,) = [e for (path, *rest), e in chosen.items() if (path, rest) == ("/messages", [200])]
        short.content = short.content.replace(b'"input_tokens"', b'"old_tokens"')
        Cassette(tape, datetime.date.today(), {"local": llmkit.model("local")}, exchanges=[short]).save()
        status, report = drift("03")
    assert status == 1
    assert "사라진 필드 usage.old_tokens" in report and "새 필드 usage.input_tokens" in report
    assert "python -m llmkit record 03 --provider local" in report


# 모양 ---------------------------------------------------------------------------------------------------


def sse(*events: Any) -> str:
    return "".join(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n" for event in events)


DELTA, END = (
    {"choices": [{"delta": {"content": "글"}}]},
    {"choices": [{"delta": {}, "finish_reason": "stop"}]},
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"id": "a", "created": 1, "text": "하나"}', '{"id": "b", "created": 2.5, "text": "둘"}'),
        ('{"refusal": null, "n": 1}', '{"n": 1}'),
        ('{"choices": [{"index": 0}]}', '{"choices": [{"index": 0}, {"index": 1, "x": null}]}'),
        (sse(DELTA, END, "[DONE]"), sse(DELTA, DELTA, DELTA, END, "[DONE]")),
        (sse({"type": "ping"}, {"type": "stop"}), sse({"type": "stop"})),
        (sse(DELTA), sse(DELTA | {"obfuscation": "x1"})),
        ('{"text": "data: 글"}', '{"text": "data: 다른\u2028글"}'),
    ],
    ids=["values", "null or absent", "how many", "how many chunks", "ping", "obfuscation", "text like SSE"],
)
def test_what_is_no_drift(before: str, after: str) -> None:
    assert list(differences(before.encode(), after.encode())) == []
    assert list(differences(after.encode(), before.encode())) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('{"usage": {"a": {"b": 1}}}', "{}", ["사라진 필드 usage"]),
        ('{"text": "글"}', '{"text": null}', ["사라진 필드 text"]),
        ('{"n": 1}', '{"n": true}', ["n의 자료형: 수 → 참/거짓"]),
        ('{"id": 1}', "<html>", ["사라진 필드 id", "새 필드 JSON이 아닌 텍스트"]),
        (
            '{"content": [{"type": "text", "text": "글"}]}',
            '{"content": [{"type": "thinking", "text": "글"}, {"type": "text", "text": "글"}]}',
            ["새 필드 content[thinking]"],
        ),
        ('{"output": [{"type": "message", "status": "completed"}]}',
         '{"output": [{"type": "message", "status": "incomplete"}]}',
         ["output[message].status: completed → incomplete"]),
        (sse({"type": "a", "x": 1}, {"type": "b"}), sse({"type": "a", "x": 1}), ["사라진 필드 b"]),
        (sse({"type": "a"}, {"type": "b"}), sse({"type": "b"}, {"type": "a"}), ["스트림의 순서: b 값이 a보다 먼저 옵니다"]),
    ],
)  # fmt: skip
def test_what_is_drift(before: str, after: str, expected: list[str]) -> None:
    assert list(differences(before.encode(), after.encode())) == expected
