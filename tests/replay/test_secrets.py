"""키는 어디에도 남지 않습니다: 카세트, 출력, 로그, 오류, 영수증. 그래도 학습자는 답을 받고 녹화는 이어집니다."""

from __future__ import annotations

import asyncio
import base64
import functools
import gzip
import json
import logging
import os
import socket
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest

import llmkit
from llmkit.common.keys import has_secret, redact, unload_environment
from llmkit.replay.cassette import Cassette
from llmkit.session import Session, current_session
from tests.authoring.provider import redirect
from tests.fake_keys import fake_keys, leaked
from tests.loopback import Handler, Loopback

KEYS = fake_keys(20261121)
Reply = tuple[int, dict[str, str], list[bytes]]  # 상태, 헤더, 본문의 조각들
JSON = {"content-type": "application/json"}
HANG_UP = b"(hang up)"  # 이 조각 자리에서 연결을 끊습니다.
SSE = {"content-type": "text/event-stream; charset=utf-8"}


class Provider(Loopback):
    """`say(요청 본문, 요청 헤더)`가 돌려주는 대로 말하는 서버."""

    def __init__(self) -> None:
        super().__init__(self.reply)
        self.say: Callable[[Any, dict[str, str]], Reply] = lambda body, headers: chat("네.")

    def reply(self, handler: Handler) -> None:
        status, headers, pieces = self.say(json.loads(handler.received.body), handler.received.headers)

        def until_hang_up() -> Iterator[bytes]:
            for piece in pieces:
                if piece == HANG_UP:
                    handler.connection.shutdown(socket.SHUT_RDWR)
                yield piece

        handler.send_pieces(until_hang_up(), status, **headers)


@pytest.fixture
def server(nothing_left_behind: None) -> Iterator[Provider]:
    """모든 제공자의 호스트가 이 서버입니다. 환경 변수에는 다섯 제공자의 가짜 키가 있습니다."""
    before = dict(os.environ)
    os.environ.update(KEYS)
    with Provider() as server:
        redirect.install(server.server_port)
        yield server
        if (session := current_session()) is not None:
            session.close()
    unload_environment()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def recording(server: Provider, tmp_path: Path) -> Session:
    return llmkit.setup(mode="record", cassette=tmp_path / "lesson.json")


# 서버의 말 ----------------------------------------------------------------------------------------------


def chat_body(text: str, **message: Any) -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, **message},
        "finish_reason": "stop",
    }
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


def chat(text: str, **dumps: Any) -> Reply:
    return 200, JSON, [json.dumps(chat_body(text), **({"ensure_ascii": False} | dumps)).encode()]


def message(text: str) -> Reply:
    body = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn"}
    body |= {"content": [{"type": "text", "text": text}], "usage": {"input_tokens": 1, "output_tokens": 1}}
    return 200, JSON, [json.dumps(body, ensure_ascii=False).encode()]


def event(data: Any, name: str = "") -> bytes:
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


def chunk(index: int = 0, **delta: Any) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": None}
    return event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})


# 학습자의 호출 -------------------------------------------------------------------------------------------


BASES = {
    "openai": "https://api.openai.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai/",
    "groq": "https://api.groq.com/openai/v1",
    "huggingface": "https://router.huggingface.co/v1",
}


def ask(prompt: str, provider: str = "openai") -> str:
    messages = [{"role": "user", "content": prompt}]
    client = client_of(provider, os.environ[NAME_OF[provider]])
    if provider == "anthropic":
        return client.messages.create(model="m", max_tokens=9, messages=messages).content[0].text
    if provider == "huggingface":
        return client.chat_completion(model="m", messages=messages).choices[0].message.content
    return client.chat.completions.create(model="m", messages=messages).choices[0].message.content


@functools.cache  # 클라이언트를 만드는 데 호출보다 오래 걸립니다.
def client_of(provider: str, key: str) -> Any:
    if provider == "anthropic":
        from anthropic import Anthropic

        return Anthropic(api_key=key, max_retries=0)
    if provider == "huggingface":
        from huggingface_hub import InferenceClient

        return InferenceClient(base_url=BASES[provider], api_key=key)
    from openai import OpenAI

    return OpenAI(base_url=BASES[provider], api_key=key, max_retries=0)


def stream(prompt: str = "말해 줘", **arguments: Any) -> list[str]:
    """선택지마다 이어 붙인 글."""
    texts: dict[int, str] = {}
    messages = [{"role": "user", "content": prompt}]
    for part in client_of("openai", OPENAI_KEY).chat.completions.create(
        model="m", messages=messages, stream=True, **arguments
    ):
        for choice in part.choices:
            texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
    return list(texts.values())


def nothing_leaked(folder: Path, *texts: str, keys: dict[str, str] = KEYS) -> None:
    """남은 파일과 보이는 글 어디에도 키의 8글자가 없습니다. 파일은 JSON의 이스케이프를 푼 것까지 봅니다."""
    for file in folder.rglob("*"):
        if file.is_file() and file.name != ".env":
            content = file.read_text(encoding="utf-8")
            assert leaked(content, keys) == []
            assert leaked(json.dumps(json.loads(content), ensure_ascii=False), keys) == []
    for text in texts:
        assert leaked(text, keys) == [], text


def refused_once(session: Session, folder: Path, output: str, stored: int, keys: dict[str, str] = KEYS) -> None:
    """교환 하나만 빠졌고, 그 이유를 한국어 한 줄로 말했고, 키는 남지 않았습니다."""
    assert [line.split(": ", 1)[1] for line in session.recorder.refused] == [
        "키로 보이는 글이 들어 있습니다. 카세트에 담지 않았습니다."
    ]
    assert output.count("llmkit: ") == 1
    file = folder / "lesson.json"
    assert (len(Cassette.load(file).exchanges) if file.exists() else 0) == stored
    receipt = session.receipt()
    shown = [repr(receipt), getattr(receipt, "_repr_html_", str)(), repr(session), repr(session.calls)]
    nothing_leaked(folder, output, *shown, *session.recorder.refused, keys=keys)


PROVIDER_OF = {
    "OPENAI_API_KEY": "openai",
    "ANTHROPIC_API_KEY": "anthropic",
    "HF_TOKEN": "huggingface",
    "GEMINI_API_KEY": "gemini",
    "GROQ_API_KEY": "groq",
}
NAME_OF = {provider: name for name, provider in PROVIDER_OF.items()}


@pytest.mark.parametrize("name", KEYS)
def test_an_ordinary_call_stores_no_key(name: str, recording: Session, server: Provider, tmp_path: Path):
    provider, seen = PROVIDER_OF[name], []

    def answer(body: Any, headers: Any) -> Reply:
        seen.append(str(headers))
        return message("네.") if provider == "anthropic" else chat("네.")

    server.say = answer
    assert ask("안녕", provider) == "네."
    assert leaked(seen[0], {name: KEYS[name]}), "서버는 진짜 키를 받았어야 합니다."
    assert len(Cassette.load(tmp_path / "lesson.json").exchanges) == 1
    nothing_leaked(tmp_path)


@pytest.mark.parametrize("where", ["prompt", "answer"])
@pytest.mark.parametrize("name", KEYS)
def test_a_key_in_the_prompt_or_echoed_by_the_server(
    name: str,
    where: str,
    recording: Session,
    server: Provider,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    provider, key = PROVIDER_OF[name], KEYS[name]
    talk = message if provider == "anthropic" else chat
    server.say = lambda body, headers: talk(
        f"받은 키는 {key}입니다." if "보여" in str(body) and where == "answer" else "네."
    )
    assert ask("먼저", provider) == "네."
    prompt = f"보여 줘 {key}" if where == "prompt" else "보여 줘"
    assert ask(prompt, provider) == ("네." if where == "prompt" else f"받은 키는 {key}입니다.")
    assert ask("나중", provider) == "네."
    refused_once(recording, tmp_path, capsys.readouterr().out, stored=2)


def escaped(text: str) -> str:
    """ASCII까지 모두 \\uXXXX로 적은 것."""
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


OPENAI_KEY = KEYS["OPENAI_API_KEY"]
PIECE = OPENAI_KEY[60:75]  # 접두사가 없는, 키의 한 조각
MASKED = f"Incorrect API key provided: {OPENAI_KEY[:8]}{'*' * 20}{OPENAI_KEY[-4:]}. You can find your API key at ..."


def split(text: str, size: int = 3) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def tool_calls(text: str) -> list[bytes]:
    """도구의 인자로 나뉘어 온 키. 첫 조각에만 type과 이름이 있습니다."""
    head = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": text[:4]}}
    rest = [{"index": 0, "function": {"arguments": piece}} for piece in split(text[4:])]
    return [chunk(tool_calls=[call]) for call in [head, *rest]]


def interleaved(text: str) -> list[bytes]:
    """n=2인 스트림: 두 선택지가 한 조각씩 번갈아 옵니다."""
    return [part for piece in split(text) for part in (chunk(0, content=piece), chunk(1, content="다른 답 "))]


LEAKS: dict[str, Reply] = {
    "an indented JSON": chat(OPENAI_KEY, indent=2),
    "an escaped JSON": (200, JSON, [json.dumps(chat_body("@")).replace("@", escaped(OPENAI_KEY)).encode()]),
    "an escaped, indented JSON": (
        200,
        JSON,
        [json.dumps(chat_body("@"), indent=2).replace("@", escaped(OPENAI_KEY)).encode()],
    ),
    "JSON inside JSON": chat(json.dumps({"key": "@"}).replace("@", escaped(OPENAI_KEY))),
    "after an escaped newline": chat(f"키:\n{KEYS['GROQ_API_KEY']}"),
    "a piece without its prefix": chat(PIECE),
    "a name in the JSON": (200, JSON, [json.dumps(chat_body("네.") | {OPENAI_KEY: 1}).encode()]),
    "gzip": (
        200,
        JSON | {"content-encoding": "gzip"},
        [gzip.compress(json.dumps(chat_body(OPENAI_KEY)).encode())],
    ),
    "a response header": (200, JSON | {"x-request-id": f"req-{OPENAI_KEY}"}, chat("네.")[2]),
    "a masked key": (401, JSON, [json.dumps({"error": {"message": MASKED}}).encode()]),
    "plain text": (500, {"content-type": "text/plain"}, [f"bad key {OPENAI_KEY}".encode()]),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_key_in_the_response(
    name: str, recording: Session, server: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    from openai import APIStatusError

    server.say = lambda body, headers: LEAKS[name] if "보여" in str(body) else chat("네.")
    ask("먼저")
    if LEAKS[name][0] == 200:
        assert ask("보여 줘")
    else:
        with pytest.raises(APIStatusError):
            ask("보여 줘")
    assert ask("나중") == "네."
    refused_once(recording, tmp_path, capsys.readouterr().out, stored=2)


STREAMS: dict[str, list[bytes]] = {
    "in one event": [chunk(content=OPENAI_KEY)],
    "three letters an event": [chunk(content=piece) for piece in split(OPENAI_KEY)],
    "one letter an event": [chunk(content=piece) for piece in OPENAI_KEY],
    "two choices in turn": interleaved(OPENAI_KEY),
    "escaped, over events": [chunk(content="@").replace(b"@", escaped(piece).encode()) for piece in split(OPENAI_KEY)],
    "tool arguments": tool_calls(OPENAI_KEY),
    "a comment": [f": {OPENAI_KEY}\n\n".encode(), chunk(content="네.")],
    "data over two lines": [
        b'data: {"choices": [{"index": 0,\ndata:  "delta": {"content": "%b"}}]}\n\n' % piece.encode()
        for piece in split(OPENAI_KEY)
    ],
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_key_in_a_stream(
    name: str, recording: Session, server: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pieces = [*STREAMS[name], b"data: [DONE]\n\n"]
    server.say = lambda body, headers: (200, SSE, pieces) if "보여" in str(body) else chat("네.")
    ask("먼저")
    texts = stream("보여 줘")
    if name not in ("tool arguments", "a comment"):
        assert texts[0] == OPENAI_KEY  # 학습자는 온 그대로 받습니다.
    assert ask("나중") == "네."
    refused_once(recording, tmp_path, capsys.readouterr().out, stored=2)


def test_a_key_in_a_stream_that_breaks(recording: Session, server: Provider, tmp_path: Path, capsys):
    from openai import APIConnectionError

    pieces = [chunk(content=piece) for piece in split(OPENAI_KEY[:60])] + [
        b'data: {"choices": [{"in',
        HANG_UP,
    ]
    server.say = lambda body, headers: (200, SSE, pieces)
    with pytest.raises((APIConnectionError, httpx.RemoteProtocolError)):  # 앞은 openai 3.x, 뒤는 2.x
        stream("보여 줘")
    refused_once(recording, tmp_path, capsys.readouterr().out, stored=0)


def test_a_key_in_a_responses_stream_of_two_parts(recording: Session, server: Provider, tmp_path: Path, capsys):
    """Responses API는 글과 도구 인자를 모두 "delta"라는 같은 이름으로 보냅니다."""
    parts = []
    for number, piece in enumerate(split(OPENAI_KEY, 5)):
        kind = {
            "type": "response.output_text.delta",
            "item_id": "msg_1",
            "output_index": 0,
            "content_index": 0,
        }
        parts.append(event(kind | {"sequence_number": 2 * number, "delta": piece, "logprobs": []}, kind["type"]))
        kind = {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 1}
        parts.append(event(kind | {"sequence_number": 2 * number + 1, "delta": "다른 조각"}, kind["type"]))
    server.say = lambda body, headers: (200, SSE, parts)
    got = [
        e.delta
        for e in client_of("openai", OPENAI_KEY).responses.create(model="m", input="보여 줘", stream=True)
        if "text" in e.type
    ]
    assert "".join(got) == OPENAI_KEY
    refused_once(recording, tmp_path, capsys.readouterr().out, stored=0)


def test_a_key_in_a_stream_that_numbers_its_pieces(
    recording: Session, server: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """text_generation의 스트림은 조각마다 index가 하나씩 커집니다."""
    tokens = [{"id": 1, "text": piece, "special": False} for piece in split(KEYS["HF_TOKEN"])]
    pieces = [event({"index": at, "token": token, "generated_text": None}) for at, token in enumerate(tokens)]
    server.say = lambda body, headers: (200, SSE, pieces)
    url = "https://router.huggingface.co/hf-inference/models/m"
    assert httpx2.post(url, json={"inputs": "보여 줘", "stream": True}).content == b"".join(pieces)
    refused_once(recording, tmp_path, capsys.readouterr().out, stored=0)


def test_a_key_in_an_asynchronous_anthropic_stream(recording: Session, server: Provider, tmp_path: Path, capsys):
    key = KEYS["ANTHROPIC_API_KEY"]
    start = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
    }
    start |= {"stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": p}} for p in split(key)
    ]
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
    events = [
        {"type": "message_start", "message": start},
        block,
        *deltas,
        {"type": "content_block_stop", "index": 0},
    ]
    pieces = [event(e, e["type"]) for e in [*events, end, {"type": "message_stop"}]]
    server.say = lambda body, headers: (200, SSE, pieces)

    async def run() -> str:
        from anthropic import AsyncAnthropic

        async with AsyncAnthropic().messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "보여 줘"}]
        ) as got:
            return "".join([text async for text in got.text_stream])

    assert asyncio.run(run()) == key
    refused_once(recording, tmp_path, capsys.readouterr().out, stored=0)


NAMELESS = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"  # 게이트웨이의 키: 모양도 없고 환경 변수에도 없습니다.
ADDRESSES = ["key", "api_key", "api-key", "subscription-key", "access_token", "token", "sig", "code"]


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_key_in_the_address_is_left_out_of_it(name: str, server: Provider, tmp_path: Path, capsys):
    """어떤 프록시는 키를 주소에 적게 합니다. 카세트에도, 재생할 때 저장되지 않은 요청을 보이는 글에도 그 키는 없습니다."""
    from openai import OpenAI

    tape = tmp_path / "lesson.json"

    def ask(question: str) -> object:
        client = OpenAI(base_url="https://api.openai.com/v1", default_query={name: NAMELESS, "api-version": "7"})
        return client.chat.completions.create(model="m", messages=[{"role": "user", "content": question}])

    with llmkit.setup(mode="record", cassette=tape):
        ask("안녕")
    assert NAMELESS not in tape.read_text(encoding="utf-8") and "?api-version=7" in tape.read_text(encoding="utf-8")
    with llmkit.setup(mode="replay", cassette=tape):
        ask("안녕")
        with pytest.raises(llmkit.CassetteMiss) as missed:
            ask("잘 가")
    assert NAMELESS not in capsys.readouterr().out + str(missed.value)


def test_the_next_page_is_another_request(server: Provider, tmp_path: Path):
    tape = tmp_path / "lesson.json"
    with llmkit.setup(mode="record", cassette=tape):
        for page in ("a", "b"):
            httpx2.post("https://api.openai.com/v1/files", json={}, params={"page_token": page, "pageToken": page})
    assert [each.path for each in Cassette.load(tape).exchanges] == [
        f"/files?page_token={p}&pageToken={p}" for p in "ab"
    ]


SENT_AS = {
    "Ocp-Apim-Subscription-Key": NAMELESS, "X-Api-Token": NAMELESS, "X-Auth-Token": NAMELESS,
    "Cookie": f"theme=dark; session={NAMELESS}", "cf-aig-authorization": f"Bearer {NAMELESS}",
    "Proxy-Authorization": "Basic " + base64.b64encode(f"joe:{NAMELESS}".encode()).decode(),
}  # fmt: skip


@pytest.mark.parametrize("name", SENT_AS)
def test_a_key_in_any_header_is_known_when_the_server_says_it_back(name: str, server: Provider, tmp_path: Path, capsys):
    from openai import OpenAI

    server.say = lambda body, headers: chat(f"bad key {NAMELESS}")
    with llmkit.setup(mode="record", cassette=tmp_path / "lesson.json"):
        OpenAI(default_headers={name: SENT_AS[name]}).chat.completions.create(model="m", messages=[])
    stored = [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()]
    assert not any(NAMELESS in text for text in stored) and NAMELESS not in capsys.readouterr().out


def test_a_key_with_a_newline_given_by_hand(recording: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """h11의 오류는 헤더 값을 그대로 적습니다. 그 오류도 교환이므로 녹화하려 합니다."""
    from openai import APIConnectionError, OpenAI

    with pytest.raises(APIConnectionError):
        OpenAI(api_key=OPENAI_KEY + "\n", max_retries=0).chat.completions.create(
            model="m", messages=[{"role": "user", "content": "안녕"}]
        )
    refused_once(recording, tmp_path, capsys.readouterr().out, stored=0)


def test_a_short_odd_key_is_known_from_the_environment(server: Provider, tmp_path: Path, capsys):
    """모양이 없는 키도 16글자부터는 환경 변수의 것과 견주어 압니다."""
    os.environ["GROQ_API_KEY"] = key = "2026abcd-EFGH-ij"  # 16글자
    session = llmkit.setup(mode="record", cassette=tmp_path / "lesson.json")
    server.say = lambda body, headers: chat(key[3:11])
    assert ask("안녕", "groq") == key[3:11]
    refused_once(session, tmp_path, capsys.readouterr().out, stored=0, keys=KEYS | {"GROQ_API_KEY": key})


def test_a_key_from_the_env_file(server: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    other = fake_keys(7)["OPENAI_API_KEY"]
    del os.environ["OPENAI_API_KEY"]
    os.environ.pop("PYTHON_DOTENV_DISABLED", None)
    (tmp_path / ".env").write_text(f"# 제 키\nOPENAI_API_KEY={other}\n", encoding="utf-8")
    session = llmkit.setup(mode="record", cassette=tmp_path / "lesson.json")
    server.say = lambda body, headers: chat(other[40:60])
    assert ask("안녕") == other[40:60]
    refused_once(session, tmp_path, capsys.readouterr().out, stored=0, keys={"OPENAI_API_KEY": other})


# 재생과 오류 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["", "가" * 20, "가" * 40, "가" * 45, "가" * 50, "나\n", "a=", "%20"])
@pytest.mark.parametrize("name", [*KEYS, "unknown"])
def test_a_miss_shows_no_part_of_a_key(name: str, before: str, recording: Session, tmp_path: Path, capsys, caplog):
    """보여 줄 글을 자르는 자리가 키의 한가운데여도, 환경 변수에 없는 남의 키여도."""
    caplog.set_level(logging.DEBUG, "llmkit")
    key = fake_keys(99)["OPENAI_API_KEY"] if name == "unknown" else KEYS[name]
    ask("녹화한 질문")
    ask("x" * 100_000 + "녹화한 질문")
    llmkit.setup(mode="replay", cassette=tmp_path / "lesson.json")
    shown = ""
    for start in ("", "x" * 100_000):
        with pytest.raises(llmkit.CassetteMiss) as caught:
            ask(start + before + key + " 이것이 제 키입니다")
        shown += "\n".join([str(caught.value), *caught.value._render_traceback_()])
        shown += "".join(traceback.format_exception_only(caught.value))
    output = capsys.readouterr()
    shown += output.out + output.err + caplog.text
    assert "[가린" in shown
    nothing_leaked(tmp_path, shown, keys={"OPENAI_API_KEY": key, **KEYS} if name == "unknown" else KEYS)


def test_a_key_given_as_a_name_is_not_repeated(recording: Session, tmp_path: Path):
    """인자의 자리를 헷갈려 키를 이름 자리에 넣는 실수."""
    for call in (llmkit.model, llmkit.setup):
        with pytest.raises(ValueError) as caught:
            call(OPENAI_KEY)
        assert leaked(str(caught.value), KEYS) == []


# 아닌 것을 키로 보지 않습니다 -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "API 키는 sk-로 시작합니다. 예: sk-...",
        "OPENAI_API_KEY=여기에-키를-넣으세요",
        "task-oriented-dialogue-systems-2026 and risk-assessment-and-management",
        "disk-encryption-configuration",
        "hf_hub_download(repo_id='openai/gpt-oss-20b')",
        "model.safetensors sha256 446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        "chatcmpl-authored-5dfbbee5ffadd776e87af56a",
        "**굵은 글씨**와 ***세 별표***",
    ],
)
def test_ordinary_text_is_no_secret(text: str):
    assert not has_secret(text, set(KEYS.values()))
    assert redact(text) == text


def test_eight_letters_of_a_known_key_are_a_part_of_it_and_seven_are_not():
    assert has_secret(OPENAI_KEY[60:68], {OPENAI_KEY}) and not has_secret(OPENAI_KEY[60:67], {OPENAI_KEY})


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize(
    "around", ["{}", "키는{}입니다", "Bearer {}", "'{}'", "key={}", "\\n{}", "a/{}/b", "{}.", "%3D{}"]
)
def test_a_key_nobody_told_us_about_is_known_by_its_shape(name: str, around: str):
    text = around.format(fake_keys(3)[name])
    assert has_secret(text, set())
    assert leaked(redact(text), fake_keys(3)) == []


# record의 끝 --------------------------------------------------------------------------------------------


def test_recording_a_notebook_that_leaks_ends_with_failure(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    import nbformat

    from llmkit.commands.record import record_notebook
    from tests.authoring.provider.script import Script
    from tests.authoring.provider.server import Upstream
    from tests.authoring.recording import startup

    cells = [
        'import llmkit\nllmkit.setup("99_leak")\nfrom openai import OpenAI\nimport os',
        'def ask(text):\n    messages = [{"role": "user", "content": text}]\n'
        '    print(OpenAI().chat.completions.create(model="gpt-6-luna", messages=messages).choices[0].message.content)',
        'ask("먼저")',
        'ask("제 키는 " + os.environ["OPENAI_API_KEY"])',
        'ask("나중")',
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    path = tmp_path / "notebooks" / "99_leak.ipynb"
    path.parent.mkdir()
    nbformat.write(notebook, path)
    (tmp_path / "cassettes").mkdir()
    before = path.read_bytes()
    script = Script.parse('date = 2026-11-21T09:00:00+09:00\n[[entry]]\nregex = "."\nanswer = "네."\n')
    with Upstream(script) as server:
        lines = startup(server.port, KEYS)
        assert not record_notebook(path, startup=lines, cassettes=tmp_path / "cassettes").done
    stored = Cassette.load(tmp_path / "cassettes" / "99_leak.recording").exchanges  # 카세트는 그대로입니다.
    assert [e.body["messages"][0]["content"] for e in stored] == ["먼저", "나중"]
    assert path.read_bytes() == before  # 실패한 녹화는 노트북을 바꾸지 않습니다.
    output = capfd.readouterr()
    assert "키로 보이는 글이 들어 있습니다" in output.out
    nothing_leaked(tmp_path, output.out, output.err)


def test_the_text_of_env_example_masks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "여기에-Anthropic-키를-넣으세요")
    assert redact("Anthropic 기본값") == "Anthropic 기본값"


@pytest.mark.parametrize("header", ["X-Plan", "Authorization"])
def test_a_header_that_only_looks_like_basic_is_sent(header: str, server: Provider, tmp_path: Path):
    with llmkit.setup(mode="record", cassette=tmp_path / "lesson.json"):
        answer = httpx2.post("https://api.openai.com/v1/files", json={}, headers={header: "basic abcde"})
    assert answer.status_code == 200
