"""진짜 제공자가 보낸 응답 76개를 이 컴퓨터에서 다시 보내, 공식 SDK로 녹화하고 재생합니다.

공개 프로젝트가 녹화해 둔 것이며(`../shared/real_exchanges`), 저장소에는 담지 않습니다. `expected.json`에는 SDK가 그
응답에서 읽어 낸 것이 있습니다: 글, usage, 끝난 이유, 또는 예외. 녹화할 때도, 서버를 끄고 재생할 때도 그것과 같아야
합니다.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import anthropic
import httpx2
import huggingface_hub
import openai
import pytest

import llmkit
from llmkit.replay.cassette import Cassette
from tests.authoring.provider import redirect
from tests.loopback import Handler, Loopback

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "real_exchanges"
SKIP = f"실제 교환 기록(real_exchanges)이 없습니다: {FOLDER}"
pytestmark = [
    pytest.mark.skipif(not FOLDER.is_dir(), reason=SKIP),
    pytest.mark.usefixtures("nothing_left_behind"),
]

NOT_SENT = {"content-encoding", "content-length", "transfer-encoding", "connection"}
Row = dict[str, Any]


@cache
def rows() -> dict[str, Row]:
    if not FOLDER.is_dir():
        return {}
    lines = (FOLDER / "practice.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


@cache
def expected() -> dict[str, Row]:
    return json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))["results"]


def raw_body(row: Row) -> bytes:
    texts = (row["sse_text"], row["response_text"])
    return next((text for text in texts if text is not None), json.dumps(row["response_json"])).encode()


class Provider(Loopback):
    """`row`에 넣은 응답을 보내는 서버. 본문은 이벤트의 경계와 상관없이 토막 내어 보냅니다."""

    def __init__(self) -> None:
        super().__init__(self.say)
        self.row: Row = {}

    def say(self, handler: Handler) -> None:
        row, body = self.row, raw_body(self.row)
        headers = {name: value for name, value in row["response_headers"] if name.lower() not in NOT_SENT}
        if row["content_encoding"] == "gzip":
            headers["content-encoding"], body = "gzip", gzip.compress(body)
        handler.send_pieces((body[at : at + 701] for at in range(0, len(body), 701)), row["status"], **headers)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as server:
        yield server


# SDK로 부르기 ---------------------------------------------------------------------------------------------


def address(row: Row, port: int) -> str:
    """요청할 주소. 진짜 호스트는 `redirect`가 밑에서 돌리고, 로컬 서버는 바로 부릅니다."""
    url = row["url"].replace("<OLLAMA_API_BASE>", "http://localhost:11434/v1").partition("#")[0]
    # 우리 표에는 Gemini의 호스트가 하나뿐입니다. Vertex의 것은 강좌와 상관없는 요청이라 그대로 지나갑니다.
    url = url.replace("us-central1-aiplatform.googleapis.com", "generativelanguage.googleapis.com")
    url = url.replace("aiplatform.googleapis.com", "generativelanguage.googleapis.com")
    parts = urlsplit(url)
    if parts.hostname == "localhost":
        parts = parts._replace(netloc=f"127.0.0.1:{port}")
    return parts.geturl()


ENDINGS = {
    "openai.chat.completions": "/chat/completions",
    "openai.responses": "/responses",
    "openai.responses.input_tokens": "/responses/input_tokens",
    "openai.completions": "/completions",
    "openai.embeddings": "/embeddings",
    "anthropic.messages": "/v1/messages",
    "anthropic.beta.messages": "/v1/messages",
    "anthropic.beta.messages.count_tokens": "/v1/messages/count_tokens",
}
REQUIRED = ("model", "messages", "prompt", "input", "max_tokens", "stream")


def prepare(row: Row, sdk: str, port: int, asynchronous: bool) -> tuple[Any, dict[str, Any]]:
    """SDK의 함수와 그 인자. 지금의 SDK가 모르는 옛 인자도 있으므로 꼭 필요한 것 말고는 본문에 바로 넣습니다."""
    url = urlsplit(address(row, port))
    base = url._replace(path=url.path.removesuffix(ENDINGS[sdk]), query="").geturl()
    options: Row = {"base_url": base, "default_query": dict(parse_qsl(url.query))}
    names = ("AsyncOpenAI", "AsyncAnthropic") if asynchronous else ("OpenAI", "Anthropic")
    library, *path = sdk.split(".")
    client = getattr(openai, names[0]) if library == "openai" else getattr(anthropic, names[1])
    target: Any = client(api_key="test", max_retries=0, **options)
    for name in path:
        target = getattr(target, name)
    if path[-1] not in ("count_tokens", "input_tokens"):
        target = target.create
    elif path[-1] == "input_tokens":
        target = target.count
    known = REQUIRED if library == "anthropic" or path[-1] != "responses" else ("stream",)
    body = row["request_json"]
    given = {name: body[name] for name in known if name in body}
    if path[-1] in ("count_tokens", "input_tokens", "embeddings"):
        given.pop("max_tokens", None)
    return target, given | {"extra_body": {name: value for name, value in body.items() if name not in given}}


async def call(row: Row, sdk: str, port: int, asynchronous: bool = False) -> Row:
    target, arguments = prepare(row, sdk, port, asynchronous)
    came: list[Any] = []
    try:
        result = target(**arguments)
        if asynchronous:
            result = await result
        if not row["streaming"]:
            return plain(result)
        if not asynchronous:
            came.extend(result)
        else:
            async for item in result:
                came.append(item)
        return streamed(came)
    except (openai.APIError, anthropic.APIError) as error:
        if row["streaming"]:
            return streamed(came) | {"stream_exception": described(error), "came": len(came)}
        return {"kind": "error", **described(error), "body": error.body}


# 받은 것을 expected.json의 모양으로 ----------------------------------------------------------------------------


def usage_of(result: Any) -> Any:
    usage = getattr(result, "usage", None)
    return usage.to_dict(exclude_none=True) if usage is not None else None


def described(error: Any) -> Row:
    name = f"{type(error).__module__.split('.')[0]}.{type(error).__name__}"
    return {"type": name, "message": error.message, "status_code": getattr(error, "status_code", None)}


def plain(result: Any) -> Row:
    """스트림이 아닌 응답."""
    kind = getattr(result, "object", None) or getattr(result, "type", None)
    if kind == "chat.completion":
        choices = [
            {"index": choice.index, "finish_reason": choice.finish_reason, "content": choice.message.content}
            for choice in result.choices
        ]
        return {"id": result.id, "model": result.model, "choices": choices, "usage": usage_of(result)}
    if kind == "response":
        items = [item.type for item in result.output]
        return {
            "id": result.id, "model": result.model, "status": result.status, "text": result.output_text,
            "items": items, "usage": usage_of(result),
        }  # fmt: skip
    if kind == "message":
        text = "".join(block.text for block in result.content if block.type == "text")
        blocks = [block.type for block in result.content]
        return {
            "id": result.id, "model": result.model, "stop_reason": result.stop_reason, "blocks": blocks,
            "text": text, "usage": usage_of(result),
        }  # fmt: skip
    if kind == "list":
        return {"n": len(result.data), "model": result.model, "usage": usage_of(result)}
    return {"input_tokens": result.input_tokens}


def streamed(came: list[Any]) -> Row:
    """스트림의 조각들을 하나로 모읍니다."""
    if came and isinstance(came[0], openai.types.chat.ChatCompletionChunk):
        choices: dict[int, Row] = {}
        usage = None
        for chunk in came:
            extra = (getattr(chunk, "x_groq", None) or {}).get("usage")
            usage = usage_of(chunk) or extra or usage
            for choice in chunk.choices:
                empty = {"index": choice.index, "finish_reason": None, "content": ""}
                one = choices.setdefault(choice.index, empty)
                one["content"] += choice.delta.content or ""
                one["finish_reason"] = choice.finish_reason or one["finish_reason"]
        return {
            "kind": "chat.completion.stream", "id": came[0].id, "chunks": len(came),
            "choices": list(choices.values()), "usage": usage,
        }  # fmt: skip
    if came and isinstance(came[0], openai.types.Completion):
        text = "".join(chunk.choices[0].text for chunk in came if chunk.choices)
        return {"kind": "completion.stream", "chunks": len(came), "text": text}
    types = Counter(event.type for event in came)
    if types["response.created"]:
        text = "".join(event.delta for event in came if event.type == "response.output_text.delta")
        last = came[-1].response
        return {"events": len(came), "event_types": dict(types), "text": text, "usage": usage_of(last)}
    deltas = [event.delta for event in came if event.type == "content_block_delta"]
    stops = [event.delta.stop_reason for event in came if event.type == "message_delta"]
    return {
        "kind": "message.stream", "events": len(came), "event_types": dict(types),
        "text": "".join(delta.text for delta in deltas if delta.type == "text_delta"),
        "stop_reason": stops[-1] if stops else None,
    }  # fmt: skip


def assert_as_expected(result: Row, wanted: Row) -> None:
    """우리가 모은 것이 모두 `expected.json`과 같은가."""
    for name, value in result.items():
        if name == "choices":
            assert len(value) == len(wanted[name])
            for one, choice in zip(value, wanted[name], strict=True):
                assert one.items() <= choice.items()
        elif name == "stream_exception":
            assert value.items() <= wanted[name].items()
        elif name == "came":  # 끊기기 전까지 온 조각의 수
            after = wanted["stream_exception"]
            assert value == after.get("after_chunks", after.get("after_events"))
        else:
            assert wanted[name] == value, name


# 테스트 ------------------------------------------------------------------------------------------------


def through_an_sdk() -> list[str]:
    return [id for id in rows() if expected()[id].get("sdk") in ENDINGS]


def by_hand() -> list[str]:
    """강좌의 SDK로 부를 수 없는 것: Gemini와 Ollama의 고유 API."""
    return [id for id in rows() if expected()[id].get("sdk") not in ENDINGS]


def test_every_exchange_is_covered():
    assert len(rows()) == 76
    assert len(through_an_sdk()) + len(by_hand()) == 76
    assert len(by_hand()) == 5


@pytest.mark.parametrize("id", through_an_sdk())
@pytest.mark.parametrize("way", ["sync", "async"])
def test_the_sdk_reads_the_same_live_and_replayed(provider: Provider, tmp_path: Path, id: str, way: str):
    row, sdk, port = rows()[id], expected()[id]["sdk"], provider.server_port
    tape = tmp_path / "lesson.json"

    def run() -> Row:
        return asyncio.run(call(row, sdk, port, asynchronous=way == "async"))

    provider.row = row
    redirect.install(port)
    with llmkit.setup(mode="record", cassette=tape) as session:
        recorded = run()
        refused = session.recorder.refused
    redirect.uninstall()
    assert_as_expected(recorded, expected()[id]["expected"])
    if id == "P011":  # OpenAI의 401에는 가운데를 가린 키가 있습니다. 학습자는 답을 받지만 카세트에는 담지 않습니다.
        assert len(refused) == 1 and "키로 보이는 글" in refused[0] and "sk-" not in refused[0]
        assert not tape.exists()
        return
    assert refused == []
    (exchange,) = Cassette.load(tape).exchanges
    assert (exchange.content or b"".join(data for _, data in exchange.events)) == raw_body(row)
    with llmkit.setup(mode="replay", cassette=tape):
        assert run() == recorded


@pytest.mark.parametrize("id", [id for id in rows() if expected()[id].get("hf")])
def test_inference_client_reads_the_same_live_and_replayed(provider: Provider, tmp_path: Path, id: str):
    row, wanted, tape = rows()[id], expected()[id]["hf"], tmp_path / "lesson.json"
    base_url = row["url"].removesuffix("/chat/completions")
    client = huggingface_hub.InferenceClient(base_url=base_url, api_key="test")
    names = ("messages", "stream", "stream_options", "tools", "max_tokens")
    known = {name: value for name, value in row["request_json"].items() if name in names}

    def run() -> Row:
        answer = client.chat_completion(**known)
        pieces = list(answer) if row["streaming"] else [answer]
        choices = [choice for piece in pieces for choice in piece.choices]
        texts = [choice.delta.content if row["streaming"] else choice.message.content for choice in choices]
        reasons = [choice.finish_reason for choice in choices if choice.finish_reason]
        usage = [piece.usage for piece in pieces if getattr(piece, "usage", None)]
        counts = ("prompt_tokens", "completion_tokens", "total_tokens")
        return {
            "text": "".join(text or "" for text in texts),
            "finish_reason": reasons[-1],
            "usage": {name: usage[-1][name] for name in counts},
        }

    provider.row = row
    redirect.install(provider.server_port)
    with llmkit.setup(mode="record", cassette=tape):
        recorded = run()
    redirect.uninstall()
    assert recorded["text"] == wanted["text"] and recorded["finish_reason"] == wanted["finish_reason"]
    assert recorded["usage"].items() <= wanted["usage"].items()
    with llmkit.setup(mode="replay", cassette=tape):
        assert run() == recorded


@pytest.mark.parametrize("id", by_hand())
def test_native_apis_are_replayed_byte_for_byte(provider: Provider, tmp_path: Path, id: str):
    row, tape = rows()[id], tmp_path / "lesson.json"

    def run() -> tuple[int, str, bytes]:
        response = httpx2.post(address(row, provider.server_port), json=row["request_json"])
        return response.status_code, response.headers["content-type"], response.content

    provider.row = row
    redirect.install(provider.server_port)
    with llmkit.setup(mode="record", cassette=tape):
        recorded = run()
    redirect.uninstall()
    assert recorded[0] == row["status"] and recorded[2] == raw_body(row)
    with llmkit.setup(mode="replay", cassette=tape) as session:
        assert run() == recorded
        assert len(session.calls) == 1
        if row["stream_kind"] == "ndjson":
            assert len(session.cassette.exchanges[0].events) == expected()[id]["expected"]["chunks"]


def test_ollama_is_known_by_its_fingerprint(provider: Provider, tmp_path: Path):
    # Ollama는 Server 헤더를 보내지 않습니다. OpenAI 형식의 응답마다 "system_fingerprint":"fp_ollama"가 있습니다.
    row, tape = rows()["P067"], tmp_path / "lesson.json"
    provider.row = row
    with llmkit.setup(mode="record", cassette=tape):
        asyncio.run(call(row, "openai.chat.completions", provider.server_port))
    (exchange,) = Cassette.load(tape).exchanges
    assert exchange.provenance == "recorded" and exchange.origin["from"] == "127.0.0.1"


def test_nothing_served_from_this_machine_counts_as_the_provider(provider: Provider, tmp_path: Path):
    tape = tmp_path / "lesson.json"
    redirect.install(provider.server_port)
    with llmkit.setup(mode="record", cassette=tape):
        for id in ("P001", "P050", "P065", "P063"):
            provider.row = rows()[id]
            asyncio.run(call(rows()[id], expected()[id]["sdk"], provider.server_port))
    assert [(e.provider, e.provenance) for e in Cassette.load(tape).exchanges] == [
        ("openai", "authored"),
        ("anthropic", "authored"),
        ("huggingface", "authored"),
        ("groq", "authored"),
    ]
