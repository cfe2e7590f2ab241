"""훅: 세 SDK가 정말 이 길을 지나는가, 많은 요청이 한꺼번에 와도 제 답을 받는가, 남의 요청은 그대로 두고 끝나면 모두 되돌리는가."""

from __future__ import annotations

import asyncio
import datetime
import errno
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import huggingface_hub
import openai
import pytest

import llmkit
from llmkit.common.errors import Halt
from llmkit.common.ledger import Call
from llmkit.common.providers import PLACEHOLDERS, PROVIDERS
from llmkit.replay.cassette import Cassette
from llmkit.replay.exchange import Exchange
from llmkit.replay.request import Ask
from llmkit.replay.tape import Tape, reached_provider
from llmkit.session import current_session
from tests.authoring.provider import redirect
from tests.loopback import Handler, Loopback
from tests.replay.ways import (
    ANSWER,
    CAPITAL,
    CLAUDE,
    GPT,
    LLAMA,
    PROMPT,
    RETRY,
    WAYS,
    Cells,
    anthropic_plain,
    ask,
    each_way,
    numbered,
    openai_plain,
    python,
    record,
    replay,
)

pytestmark = pytest.mark.usefixtures("some_keys", "nothing_left_behind")


# 카나리아: SDK가 HTTP 라이브러리를 바꾸면 여기가 먼저 죽습니다 ------------------------------------------------------


@each_way
def test_every_sdk_passes_the_hook_in_record_and_in_replay(tape: Path, way: str):
    def call() -> str:
        return WAYS[way](PROMPT)

    assert record(tape, CAPITAL, call) == [ANSWER]
    with llmkit.setup(mode="replay", cassette=tape) as session:
        assert call() == ANSWER
        assert {(c.provider, c.provenance) for c in session.calls} == {(way.split("_")[0], "authored")}


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_both_http_libraries_pass_the_hook(tape: Path, library: Any):
    url, body = "https://api.openai.com/v1/chat/completions", {"model": GPT, "messages": ask(PROMPT)}
    headers = {"authorization": "Bearer test"}

    async def asynchronously() -> bytes:
        async with library.AsyncClient() as client:
            return (await client.post(url, json=body, headers=headers)).content

    calls = [
        lambda: library.post(url, json=body, headers=headers).content,
        lambda: asyncio.run(asynchronously()),
        lambda: openai_plain(PROMPT, http_client=library.Client()),
    ]
    assert (recorded := record(tape, CAPITAL, *calls))[2] == ANSWER
    assert replay(tape, *calls) == recorded


def test_httpx_as_an_alias_of_httpx2_is_recorded_once(tape: Path):
    code = f"""
        import httpx2; httpx2.alias_httpx()
        import llmkit, httpx
        from tests.authoring.provider.testing import stand_in
        with stand_in({CAPITAL!r}), llmkit.setup(mode="record", cassette={str(tape)!r}) as session:
            import openai
            openai.OpenAI(api_key="x").chat.completions.create(model={GPT!r}, messages={ask(PROMPT)!r})
            print(len(session.calls), len(session.cassette.exchanges))
    """
    assert python(code).stdout.splitlines()[-1] == "1 1"


def test_sdks_imported_and_clients_built_before_setup_are_replayed_too(tape: Path):
    early = openai.OpenAI(), anthropic.Anthropic(), huggingface_hub.InferenceClient()

    def calls() -> list[str]:
        return [
            early[0].chat.completions.create(model=GPT, messages=ask(PROMPT)).choices[0].message.content,
            early[1].messages.create(model=CLAUDE, max_tokens=99, messages=ask(PROMPT)).content[-1].text,
            early[2].chat_completion(ask(PROMPT), model=LLAMA).choices[0].message.content,
        ]

    recorded = record(tape, CAPITAL, calls)
    assert recorded[0][0] == ANSWER
    assert replay(tape, calls) == recorded


# 많은 요청이 한꺼번에 -----------------------------------------------------------------------------------------


def test_a_hundred_concurrent_async_calls_get_their_own_answers(tape: Path):
    async def one(n: int, gpt: Any, claude: Any) -> str:
        to_gpt: dict[str, Any] = {"model": GPT, "messages": ask(f"{n}번 질문")}
        to_claude: dict[str, Any] = {"model": CLAUDE, "max_tokens": 99, "messages": ask(f"{n}번 질문")}
        if n % 4 == 0:
            return (await gpt.chat.completions.create(**to_gpt)).choices[0].message.content
        if n % 4 == 1:
            stream = await gpt.chat.completions.create(**to_gpt, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        if n % 4 == 2:
            return (await claude.messages.create(**to_claude)).content[-1].text
        async with claude.messages.stream(**to_claude) as stream:
            return await stream.get_final_text()

    async def all_at_once() -> list[str]:
        async with openai.AsyncOpenAI() as gpt, anthropic.AsyncAnthropic() as claude:
            return await asyncio.gather(*(one(n, gpt, claude) for n in range(100)))

    expected = [f"{n}번 답" for n in range(100)]
    assert record(tape, numbered(100), lambda: asyncio.run(all_at_once())) == [expected]
    assert replay(tape, lambda: asyncio.run(all_at_once())) == [expected]


def test_thirty_threads_get_their_own_answers(tape: Path):
    ways = [way for name, way in WAYS.items() if "async" not in name]

    def all_at_once() -> list[str]:
        with ThreadPoolExecutor(30) as pool:
            return list(pool.map(lambda n: ways[n % len(ways)](f"{n}번 질문"), range(36)))

    expected = [f"{n}번 답" for n in range(36)]
    assert record(tape, numbered(36), all_at_once) == [expected]
    assert replay(tape, all_at_once) == [expected]


def test_the_same_question_asked_many_times_at_once_plays_every_recorded_answer(tape: Path):
    entry = '[[entry]]\nprompt = "수도는?"\nanswers = ["가", "나", "다", "라", "마", "바", "사", "아"]\n'

    async def eight() -> list[str]:
        async with openai.AsyncOpenAI() as gpt:
            tasks = [gpt.chat.completions.create(model=GPT, messages=ask("수도는?")) for _ in range(8)]
            return sorted([answer.choices[0].message.content for answer in await asyncio.gather(*tasks)])

    assert record(tape, entry, lambda: asyncio.run(eight())) == [list("가나다라마바사아")]
    assert replay(tape, lambda: asyncio.run(eight())) == [list("가나다라마바사아")]


# 남의 요청 ------------------------------------------------------------------------------------------------


def test_what_is_not_ours_passes_untouched(tape: Path, monkeypatch: pytest.MonkeyPatch):
    record(tape, CAPITAL, lambda: openai_plain(PROMPT))
    with Loopback(lambda handler: handler.send(b"hello", x_mine="1")) as server:
        redirect.install(server.server_port)
        with llmkit.setup(mode="replay", cassette=tape) as session:
            for library in (httpx, httpx2):
                response = library.get("https://example.org/data?key=1", headers={"authorization": "mine"})
                assert response.content == b"hello" and response.headers["x-mine"] == "1"
                local = library.get(f"http://127.0.0.1:{server.server_port}/index.html")
                assert local.content == b"hello"
            assert session.calls == []
    seen = [(host.split(":")[0], path, sent.get("authorization")) for _, host, path, sent, _ in server.requests]
    assert seen == [("example.org", "/data?key=1", "mine"), ("127.0.0.1", "/index.html", None)] * 2


def test_files_are_downloaded_from_the_hub_without_our_placeholder(
    tape: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # 큰 파일은 huggingface.co가 다른 호스트로 넘깁니다. 그 요청도 huggingface_hub의 이름을 달고 나갑니다.
    monkeypatch.delenv("HF_TOKEN")
    record(tape, CAPITAL, lambda: openai_plain(PROMPT))

    def answer(handler: Handler) -> None:
        if handler.received.host.startswith("cdn-lfs"):
            return handler.send(b'{"vocab": 1}')
        headers = {"location": "https://cdn-lfs.hf.co/blob", "etag": '"abc"', "x_linked_etag": '"abc"'}
        handler.send(b"", 302, x_repo_commit="0" * 40, x_linked_size="12", **headers)

    with Loopback(answer) as server:
        redirect.install(server.server_port)
        with llmkit.setup(mode="replay", cassette=tape):
            assert os.environ["HF_TOKEN"] in PLACEHOLDERS
            file = huggingface_hub.hf_hub_download("org/model", "vocab.json", cache_dir=tmp_path, token=True)
    assert Path(file).read_bytes() == b'{"vocab": 1}'
    assert {host.split(":")[0] for _, host, *_ in server.requests} >= {"huggingface.co", "cdn-lfs.hf.co"}
    assert not [sent for _, _, _, sent, _ in server.requests for mark in PLACEHOLDERS if mark in str(sent)]


def test_our_placeholder_never_leaves_even_from_a_client_built_in_replay(tape: Path, no_keys: Callable):
    record(tape, CAPITAL, lambda: openai_plain(PROMPT))
    no_keys()
    with Loopback(lambda handler: handler.send(b"{}", content_type="application/json")) as server:
        redirect.install(server.server_port)
        with llmkit.setup(mode="replay", cassette=tape):
            stale = openai.OpenAI(), anthropic.Anthropic(), huggingface_hub.InferenceClient()
        with llmkit.setup(mode="live", cassette=tape):
            gemini = "https://generativelanguage.googleapis.com/v1beta/models/g:generateContent"
            for call in (
                lambda: stale[0].chat.completions.create(model=GPT, messages=ask(PROMPT)),
                lambda: stale[1].messages.create(model=CLAUDE, max_tokens=99, messages=ask(PROMPT)),
                lambda: httpx2.post(gemini, params={"key": PROVIDERS["gemini"].placeholder}),
            ):
                with pytest.raises(Halt, match="가짜 키"):
                    call()
            assert server.requests == []
            stale[2].chat_completion(ask(PROMPT), model="https://router.huggingface.co/v1")  # 키를 그때그때 읽습니다.
    assert "authorization" not in server.requests[0].headers


# 되돌리기 -------------------------------------------------------------------------------------------------


def test_closing_puts_everything_back(tape: Path, cells: Cells):
    from IPython import get_ipython

    record(tape, RETRY, lambda: openai_plain("재시도"), lambda: anthropic_plain("재시도"))

    def state() -> dict[str, Any]:
        events = get_ipython().events.callbacks
        found: dict[str, Any] = {
            "environment": dict(os.environ),
            "events": {name: list(callbacks) for name, callbacks in events.items()},
            "excepthook": sys.excepthook,
        }
        for library in (httpx, httpx2):
            found[library.__name__] = library.HTTPTransport.handle_request
            found[library.__name__ + " async"] = library.AsyncHTTPTransport.handle_async_request
        for module in (openai._base_client, anthropic._base_client):
            found[module.__name__] = module.time, module.anyio
        return found

    cells("x = 1")
    before = state()
    with llmkit.setup(mode="replay", cassette=tape):
        openai_plain("재시도")
        with llmkit.setup(mode="replay", cassette=tape) as second:  # 셀을 다시 실행한 셈입니다.
            assert openai_plain("재시도") == "두 번째에 성공"
            assert anthropic_plain("재시도") == "두 번째에 성공"
            assert len(second.calls) == 4
    assert state() == before
    assert current_session() is None


# 누가 한 답인가 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "peer", "encrypted", "recorded"),
    [
        ("api.openai.com", ("104.18.6.192", 443), True, True),
        ("api.openai.com", ("2606:4700::6812:7c0", 443, 0, 0), True, True),
        ("api.openai.com", ("127.0.0.1", 443), True, False),  # 이 컴퓨터로 돌려진 요청
        ("api.openai.com", ("127.0.0.53", 443), True, False),
        ("api.openai.com", ("::1", 443, 0, 0), True, False),
        ("api.openai.com", ("104.18.6.192", 80), False, False),  # 암호화되지 않아 상대를 알 수 없습니다.
        ("api.openai.com", None, True, False),
        ("api.openai.com.example.org", ("104.18.6.192", 443), True, False),
        ("gateway.example.com", ("104.18.6.192", 443), True, False),
    ],
)
def test_only_an_answer_from_the_providers_own_host_is_recorded(
    host: str, peer: tuple[Any, ...] | None, encrypted: bool, recorded: bool
):
    # 이 컴퓨터 밖으로 나가지 않고는 진짜 연결을 만들 수 없으므로, 연결이 알려 주는 것만 흉내 냅니다.
    class Connection:
        def get_extra_info(self, name: str) -> Any:
            return {"server_addr": peer, "ssl_object": object() if encrypted else None}[name]

    request = httpx2.Request("POST", f"https://{host}/v1/chat/completions", headers={"user-agent": "OpenAI/Python"})
    response = httpx2.Response(200, extensions={"network_stream": Connection()})
    asked = Ask("openai", request)
    assert reached_provider(asked, response) is recorded
    assert reached_provider(asked, httpx2.Response(200)) is False


@pytest.mark.parametrize(
    ("host", "peer", "provenance"),
    [
        ("api.openai.com", "104.18.6.192", "recorded"),
        ("openrouter.ai", "104.18.6.192", "unverified"),
        ("my.openai.azure.com", "20.1.2.3", "unverified"),
        ("127.0.0.1", "127.0.0.1", "authored"),
        ("gateway.example.com", OSError(errno.ENOTCONN, "이미 끊겼습니다"), "unverified"),
    ],
)
def test_an_answer_from_elsewhere_is_unverified_when_kept_and_when_played(
    host: str, peer: str | OSError, provenance: str, tmp_path: Path
):
    class Connection:
        def get_extra_info(self, name: str) -> Any:
            if name == "server_addr" and isinstance(peer, OSError):
                raise peer
            return {"server_addr": (peer, 443), "ssl_object": object()}[name]

    request = httpx2.Request("POST", f"https://{host}/v1/chat/completions", json={"model": "m"})
    kept: list[Exchange] = []
    call = Call("openai", "/chat/completions", "live")
    tape = Tape(Ask("openai", request), call, kept.append)
    tape.start(httpx2.Response(200, extensions={"network_stream": Connection()}, json={"model": "m"}))
    tape.close()
    assert [exchange.provenance for exchange in kept] == [provenance]
    cassette = Cassette(tmp_path / "c.json", datetime.date(2026, 11, 21), exchanges=kept)
    cassette.save()
    played = Cassette.load(cassette.path).exchanges[0].as_call()
    assert played.provenance == provenance
    assert played.host == call.host == (host if provenance == "unverified" else None)
