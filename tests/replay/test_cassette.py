"""카세트 파일: 깨진 것은 어디가 깨졌는지 말하고, 온전한 것은 온 바이트를 그대로 되살립니다."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest

import llmkit
from llmkit.common.errors import CassetteError
from llmkit.replay.cassette import Cassette, Exchange
from llmkit.session import CASSETTES
from tests.authoring.samples import answer_texts

REAL = CASSETTES / "01_basics.json"
DAY = datetime.date(2026, 11, 21)
URL = "https://api.openai.com/v1/chat/completions"


def whole() -> dict[str, Any]:
    """모든 자리가 다 있는 작은 카세트."""
    request = {"method": "POST", "path": "/chat/completions", "body": {"model": "m", "messages": []}}
    head = {"provenance": "authored", "provider": "openai", "cell": "abc", "request": request}
    response = {"status": 200, "headers": {"content-type": "application/json"}, "delay": 0.5}
    stream = response | {"headers": {"content-type": "text/event-stream"}}
    return {
        "cassette": 1,
        "date": "2026-11-21",
        "models": {"openai": "gpt-6-luna"},
        "inputs": {"질문: ": ["하나", "끝"]},
        "marks": {"abc": ["openai", "local"]},
        "exchanges": [
            {**head, "take": 2, "response": {**response, "json": "spaced", "body": {"답": 1}}},
            {**head, "response": {**stream, "events": [[0.1, "data: 가\n\n"], [0.2, "data: [DONE]\n\n"]]}},
            {**head, "response": {**response, "text": "안녕"}},
            {**head, "response": {**response, "base64": "AP8="}},
            {**head, "error": {"type": "ConnectError", "message": "거부됨", "delay": 0.1}},
            {
                **head,
                "origin": {"when": "2026-11-21"},
                "abandoned": True,
                "response": {**response, "text": ""},
            },
        ],
    }


def write(path: Path, content: bytes | str | dict[str, Any]) -> Path:
    if isinstance(content, dict):
        content = json.dumps(content, ensure_ascii=False, indent=1)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path) -> str:
    """읽다가 난 `CassetteError`의 글. 학습자가 보는 대로 `setup`을 거칩니다."""
    with pytest.raises(CassetteError) as caught:
        llmkit.setup(cassette=path)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None  # 글 하나만 보입니다.
    return str(caught.value)


# 깨진 파일 ----------------------------------------------------------------------------------------------


def test_the_whole_cassette_is_read(tmp_path: Path):
    assert len(Cassette.load(write(tmp_path / "c.json", whole())).exchanges) == 6


@pytest.mark.parametrize("seed", range(60))
def test_a_truncated_file_names_the_file_and_the_place(seed: int, tmp_path: Path):
    content = REAL.read_bytes()
    cut = random.Random(seed).randrange(1, len(content) - 2)
    path = write(tmp_path / "깨진 카세트.json", content[:cut])
    message = refusal(path)
    assert message.startswith(f"{path}: ")
    assert "번째 줄" in message or "번째 바이트" in message
    assert "되돌리거나, 파일을 지우고 다시 녹화하세요." in message


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "파일이 비어 있습니다"),
        (b" \n\n", "파일이 비어 있습니다"),
        ("가나다".encode("cp949"), "UTF-8이 아닙니다(0번째 바이트)"),
        ('{"cassette": 1}'.encode("utf-16"), "UTF-8이 아닙니다(0번째 바이트)"),
        (b"\xef\xbb\xbf{}", "JSON이 1번째 줄 1번째 글자에서 깨졌습니다"),
        (b"[]", "카세트 파일이 아닙니다"),
        (b'"cassette"', "카세트 파일이 아닙니다"),
        (b"null", "카세트 파일이 아닙니다"),
        (b"{}", "카세트 파일이 아닙니다"),
        (b'{"cassette": 2}', "카세트 형식이 2인데 이 llmkit은 1만 읽습니다"),
        (b'{"cassette": "1"}', "카세트 형식이 '1'인데 이 llmkit은 1만 읽습니다"),
        (b'{"cassette": null}', "카세트 형식이 None인데 이 llmkit은 1만 읽습니다"),
        (b'{"cassette": 1}', "맨 위: 'date' 값이 없습니다"),
        (b"[" * 100_000, "JSON을 읽을 수 없습니다"),
        (b'{"cassette": ' + b"9" * 5000 + b"}", "JSON을 읽을 수 없습니다"),
        (
            b"<<<<<<< HEAD\n{}\n=======\n",
            "JSON이 1번째 줄 1번째 글자에서 깨졌습니다(git이 합치지 못한 <<<<<<< 표시가 남아 있습니다)",
        ),
    ],
)
def test_a_file_that_is_no_cassette(content: bytes, what: str, tmp_path: Path):
    path = write(tmp_path / "c.json", content)
    assert refusal(path).startswith(f"{path}: {what}.")


def test_a_directory_and_an_unreadable_file(tmp_path: Path):
    (tmp_path / "폴더.json").mkdir()
    assert refusal(tmp_path / "폴더.json").startswith(f"{tmp_path / '폴더.json'}: 파일을 읽을 수 없습니다(")
    loop = tmp_path / "고리.json"
    loop.symlink_to(loop)
    assert refusal(loop).startswith(f"{loop}: 파일을 읽을 수 없습니다(")


def test_a_folder_that_is_not_there_is_refused_before_anything_is_sent(tmp_path: Path):
    with pytest.raises(CassetteError, match="카세트를 둘 폴더가 없습니다"):
        llmkit.setup(mode="record", cassette=tmp_path / "없는 폴더" / "c.json")


WRONG = [None, True, 7, -1, 1.5, "글", [], [[]], [1, 2], {}, {"a": [1]}]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for name, item in items for place in _places(item, (*path, name))]


FREE = {"body"}  # 요청과 응답의 본문은 어떤 JSON이든 됩니다.
PLACES = [p for p in _places(whole()) if not FREE & set(p) and p != ("cassette",)]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
def test_a_hand_edited_field_is_read_or_refused_by_place_and_never_breaks_later(
    place: tuple[Any, ...], tmp_path: Path, client: httpx2.Client
):
    """값을 지우거나 아무것으로나 바꿔도, 읽히거나 한국어 `CassetteError`입니다. 읽힌 것은 재생까지 됩니다."""
    refused = 0
    for wrong in [KeyError, *WRONG]:
        data = json.loads(json.dumps(whole()))
        holder: Any = data
        for name in place[:-1]:
            holder = holder[name]
        if wrong is KeyError:
            del holder[place[-1]]
        else:
            holder[place[-1]] = wrong
        path = write(tmp_path / "c.json", data)
        where = f"{path}: 맨 위: "
        if place[0] == "exchanges" and (len(place) > 1 or isinstance(wrong, list)):
            where = f"{path}: {place[1] + 1 if len(place) > 1 else 1}번째 exchange: "
        try:
            session = llmkit.setup(cassette=path, mode="replay", pace=0)
        except CassetteError as error:
            assert str(error).startswith(where), error
            refused += 1
            continue
        with session:
            play_everything(session.cassette, client)
    assert refused >= 5 or place[-1] == "when"


def play_everything(cassette: Cassette, client: httpx2.Client) -> None:
    """카세트의 모든 교환을 실제 클라이언트로 재생합니다. 녹화된 실패(TransportError)와 멈춤만 날 수 있습니다."""
    from llmkit.common.errors import Halt

    for exchange in cassette.exchanges:
        try:
            client.post(URL, json=exchange.body)
        except (httpx2.TransportError, Halt):
            pass


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    with httpx2.Client() as client:
        yield client


@pytest.mark.parametrize("kind", ["Client", "Timeout", "HTTPStatusError", "__doc__", "없는예외", ""])
def test_an_error_type_written_by_hand_still_fails_like_a_connection(kind: str, tmp_path: Path, client: httpx2.Client):
    data = whole()
    data["exchanges"] = [data["exchanges"][4]]
    data["exchanges"][0]["error"]["type"] = kind
    with llmkit.setup(cassette=write(tmp_path / "c.json", data), mode="replay"):
        with pytest.raises(httpx2.TransportError, match="거부됨"):
            client.post(URL, json=data["exchanges"][0]["request"]["body"])


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), 1e9, "0.5", True])
def test_a_time_that_nobody_can_wait_is_refused(wrong: object, tmp_path: Path):
    for place, what in ((0, "'delay' 값은"), (1, "event의 시각은"), (4, "'delay' 값은")):
        data = json.loads(json.dumps(whole()))
        entry = data["exchanges"][place]
        if place == 1:
            entry["response"]["events"][1][0] = wrong
        else:
            (entry["response"] if place == 0 else entry["error"])["delay"] = wrong
        path = write(tmp_path / "c.json", data)
        assert refusal(path).startswith(f"{path}: {place + 1}번째 exchange: {what} 0 이상의 수여야 합니다.")


# 바이트 그대로 -------------------------------------------------------------------------------------------

BODIES = [
    b"",
    b"{}",
    b"[]",
    b"{ }",
    b"\n",
    b'{"a":1,"b":[1,2]}',
    b'{"a": 1, "b": [1, 2]}',
    b'{"a": 1, "b": [1, 2]}\n',
    b'\n{"a": 1}',
    b'{"a": 1,"b":2}',
    '{"말": "안녕하세요 😀"}'.encode(),
    b'{"\\ub9d0": "\\uc548\\ub155 \\ud83d\\ude00"}',
    b'{"\\uB9D0": 1}',
    b'{"a": "\\/"}',
    b'{\n  "a": [\n    1,\n    2\n  ]\n}',
    b'{\n  "a": []\n}',
    b'{\n    "a": 1\n}',
    b'{\r\n  "a": 1\r\n}',
    b'{"a": 1.0, "b": 1e5, "c": 1E400, "d": -0, "e": -0.0, "f": 0.1, "g": 1.10}',
    b'{"a": 123456789012345678901234567890, "b": 3.141592653589793238462643}',
    b'{"a": ' + b"7" * 5000 + b"}",
    b'{"a": NaN, "b": Infinity, "c": -Infinity}',
    b'{"a": 1, "a": 2}',
    b'{"a": "\\ud83d"}',
    b'{"a": "\\ude00\\ud83d"}',
    b'{"a": "\\u0000\\u001f\\u007f\\u2028\\u2029\\ufeff"}',
    '{"a": "\u007f\u0085\u2028\u2029\ufeff"}'.encode(),
    b'{"a": "\x00"}',
    b'{"a": "\\u0000events0\\u0000", "events": [[1, "x"]]}',
    b'["\\u0000events7\\u0000"]',
    b'{"events": [[0.5, "data: x"], [1, "y"]], "b": [0.5, "data: z"]}',
    b'[[1, "a\\n b"], [1e-05, "]"], [-1, "\\"\\\\"]]',
    b"\xef\xbb\xbf{}",
    b'"text"',
    b"3.0",
    b"null",
    b"{",
    b'{"a": 1}{"a": 2}',
    b"\xff\xfe{\x00}\x00",
    bytes(range(256)),
    "가나다".encode("cp949"),
    "<html>502 나쁜 게이트웨이</html>".encode(),
]
STREAMS = [
    [b"data: {}\n\n", b"data: [DONE]\n\n"],
    [b"event: ping\r\ndata: {}\r\n\r\n", b": comment\r\n\r\n", b"data: [DONE]"],
    ["data: 안녕 😀\n\n".encode(), 'data: {"a": "반쯤 온 글자 \ub9d0'.encode()[:-1]],
    [b"data: \xff\xfe\x00\n\n", "data: \udc80?\n\n".encode("utf-8", "surrogatepass")],
    [b"\n\n", b"\n\n", b" "],
    [b"data: \\u0000events0\\u0000 \x00events0\x00\n\n"],
    ["data: \u2028\u0085\n\n".encode()],
    [b'data: [\n 1,\n "x"\n]\n\n'],
]


def round_trip(exchange: Exchange, folder: Path) -> Exchange:
    """저장하고 읽은 것. 한 번 더 저장해도 파일이 같고, 파일은 사람이 읽는 UTF-8 JSON입니다."""
    cassette = Cassette(folder / "c.json", DAY, {}, {}, [exchange])
    cassette.save()
    first = cassette.path.read_bytes()
    json.loads(first.decode("utf-8"))
    again = Cassette.load(cassette.path)
    again.save()
    assert cassette.path.read_bytes() == first
    assert list(folder.glob("*.tmp")) == []
    assert again.exchanges[0].key == exchange.key
    assert again.exchanges[0].same_answer(exchange)
    return again.exchanges[0]


def exchange_of(content: bytes = b"", events: list[tuple[float, bytes]] | None = None, body: Any = None) -> Exchange:
    made = Exchange("authored", "openai", "POST", "/chat/completions", body or {"model": "m"}, 200)
    made.content, made.events = content, events or []
    made.headers = {"content-type": "text/event-stream" if events else "application/json"}
    return made


def replayed(exchange: Exchange, folder: Path) -> list[bytes]:
    """카세트를 재생해 두 라이브러리의 클라이언트가 받는 바이트."""
    Cassette(folder / "c.json", DAY, {}, {}, [exchange, exchange]).save()
    with llmkit.setup(cassette=folder / "c.json", mode="replay", pace=0):
        return [library.post(URL, json=exchange.body, verify=False).content for library in (httpx, httpx2)]


@pytest.mark.parametrize("content", BODIES, ids=lambda content: repr(content[:40]))
def test_a_body_comes_back_byte_for_byte(content: bytes, tmp_path: Path):
    round_trip(exchange_of(content), tmp_path)
    assert replayed(exchange_of(content), tmp_path) == [content, content]


@pytest.mark.parametrize("events", STREAMS, ids=repr)
def test_a_stream_comes_back_byte_for_byte_event_for_event(events: list[bytes], tmp_path: Path):
    timed = [(round(0.1 * number, 4), data) for number, data in enumerate(events)]
    assert round_trip(exchange_of(events=timed), tmp_path).events == timed
    assert replayed(exchange_of(events=timed), tmp_path) == [b"".join(events)] * 2


ALPHABET = 'ab가나😀\x00\x1f"\\/\u2028\ude00\udc80\ufeff\n\r\t[],:{}0'  # 짝 없는 반쪽 글자까지


def random_json(rand: random.Random, depth: int = 0) -> Any:
    kind = rand.randrange(8 if depth < 4 else 6)
    if kind == 6:
        return [random_json(rand, depth + 1) for _ in range(rand.randrange(4))]
    if kind == 7:
        return {random_text(rand): random_json(rand, depth + 1) for _ in range(rand.randrange(4))}
    return [
        random_text(rand),
        rand.choice([0, -1, 2**70, rand.randrange(1000)]),
        rand.choice([0.0, -0.0, 1e22, 1e-7, rand.random(), float("nan"), float("inf")]),
        rand.choice([True, False, None]),
        [rand.random(), random_text(rand)],
        "events",
    ][kind]


def random_text(rand: random.Random) -> str:
    return "".join(rand.choices(ALPHABET, k=rand.randrange(6)))


@pytest.mark.parametrize("seed", range(150))
def test_anything_comes_back_byte_for_byte(seed: int, tmp_path: Path):
    rand = random.Random(seed)
    styles = [{"separators": (",", ":")}, {}, {"indent": 2}, {"indent": 1}, {"sort_keys": True}]
    text = json.dumps(random_json(rand), ensure_ascii=rand.random() < 0.5, **rand.choice(styles))
    content = text.encode("utf-8", "surrogatepass") + rand.choice([b"", b"\n", b"\r\n"])
    round_trip(exchange_of(content, body={"model": "m", "x": random_json(rand)}), tmp_path)
    cuts = sorted(rand.choices(range(len(content) + 1), k=3))
    pieces = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True) if a < b] or [b" "]
    timed = [(round(rand.random(), 4), piece) for piece in pieces]
    assert round_trip(exchange_of(events=timed), tmp_path).events == timed


def test_a_header_that_is_not_ascii_is_replayed(tmp_path: Path):
    """앞단의 프록시가 한글 이름을 적은 server 헤더 같은 것."""
    made = exchange_of(b"{}")
    made.headers["server"] = "우리 회사 프록시"
    Cassette(tmp_path / "c.json", DAY, {}, {}, [made]).save()
    for library in (httpx, httpx2):
        with llmkit.setup(cassette=tmp_path / "c.json", mode="replay"):
            assert library.post(URL, json=made.body).headers["server"] == "우리 회사 프록시"


# 사람이 읽는 파일 -----------------------------------------------------------------------------------------


def test_a_stream_reads_one_event_a_line(tmp_path: Path):
    events = [(0.1, 'data: {"delta":"안녕"}\n\n'.encode()), (0.25, b"data: [DONE]\n\n")]
    Cassette(tmp_path / "c.json", DAY, {}, {}, [exchange_of(events=events)]).save()
    lines = [line.strip() for line in (tmp_path / "c.json").read_text(encoding="utf-8").splitlines()]
    assert r'[0.1, "data: {\"delta\":\"안녕\"}\n\n"],' in lines
    assert r'[0.25, "data: [DONE]\n\n"]' in lines


def test_one_changed_word_is_one_changed_line(tmp_path: Path):
    """diff는 대화처럼 읽힙니다: 바뀐 곳만, 한글 그대로."""
    cassette = Cassette.load(REAL)
    cassette.path = tmp_path / "c.json"
    cassette.save()
    before = cassette.path.read_text(encoding="utf-8")
    answer = next(e for e in cassette.exchanges if e.content and answer_texts(e))
    word = max(answer_texts(answer)[0].split(), key=len).encode()
    answer.content = answer.content.replace(word, "다른말".encode(), 1)
    cassette.save()
    after = cassette.path.read_text(encoding="utf-8")
    changed = [(a, b) for a, b in zip(before.splitlines(), after.splitlines(), strict=True) if a != b]
    assert len(changed) == 1
    assert word.decode() in changed[0][0] and "다른말" in changed[0][1]


@pytest.mark.parametrize("path", sorted(CASSETTES.glob("*.json")), ids=lambda path: path.stem)
def test_every_lesson_cassette_is_as_the_recorder_writes_it(path: Path, tmp_path: Path):
    cassette = Cassette.load(path)
    cassette.path = tmp_path / "c.json"
    cassette.save()
    assert cassette.path.read_bytes() == path.read_bytes(), "손으로 고쳤거나 옛 llmkit이 쓴 카세트입니다."
