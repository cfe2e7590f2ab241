"""문지기: 재생 중인 제공자에게는 어떤 라이브러리로도 나가지 않고, 내려받는 곳과 실제 호출은 그대로 지나갑니다."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import huggingface_hub
import openai
import pytest
import requests

import llmkit
from llmkit.common.providers import PROVIDERS
from llmkit.session import current_session

HOST = "api.openai.com"
URL = f"https://{HOST}/v1/chat/completions"


class Asked(Exception):
    """호스트의 주소를 물었습니다. 문지기가 막지 않았다는 뜻입니다."""


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """네트워크 대신, 물은 이름을 적고 그런 곳이 없다고 답합니다."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")] + ["LLMKIT_MODE", "CI"]:
        monkeypatch.delenv(name, raising=False)
    names: list[str] = []
    real = socket.getaddrinfo

    def ask(host: Any, *rest: Any, **more: Any) -> Any:
        if host in ("127.0.0.1", "localhost"):
            return real(host, *rest, **more)
        names.append(host.decode() if isinstance(host, bytes) else host)
        raise socket.gaierror(socket.EAI_NONAME, "이름을 찾을 수 없습니다")

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    yield names
    if (session := current_session()) is not None:
        session.close()


async def open_stream(host: str) -> None:
    await asyncio.open_connection(host, 443)


async def resolve(host: str) -> None:
    await asyncio.get_running_loop().getaddrinfo(host, 443)


async def aiohttp_post(host: str) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    async with aiohttp.ClientSession() as session:
        await session.post(f"https://{host}/v1/chat/completions", json={"model": "m"})


async def tornado_fetch(host: str) -> None:
    from tornado.httpclient import AsyncHTTPClient

    await asyncio.wait_for(AsyncHTTPClient().fetch(f"https://{host}/v1/models"), 5)


async def async_httpx(host: str) -> None:
    async with httpx2.AsyncClient() as client:
        await client.post(f"https://{host}/elsewhere", json={"model": "m"})


def https_connection(host: str) -> None:
    http.client.HTTPSConnection(host, timeout=5).request("POST", "/v1/chat/completions", b"{}")


WAYS: dict[str, Callable[[str], object]] = {
    "requests": lambda host: requests.post(f"https://{host}/v1/chat/completions", json={"model": "m"}, timeout=5),
    "urllib": lambda host: urllib.request.urlopen(f"https://{host}/v1/models", b"{}", timeout=5),
    "http.client": https_connection,
    "create_connection": lambda host: socket.create_connection((host, 443), timeout=5),
    "connect": lambda host: socket.socket().connect((host, 443)),
    "gethostbyname": lambda host: socket.gethostbyname(host),
    "asyncio": lambda host: asyncio.run(open_stream(host)),
    "loop.getaddrinfo": lambda host: asyncio.run(resolve(host)),
    "aiohttp": lambda host: asyncio.run(aiohttp_post(host)),
    "tornado": lambda host: asyncio.run(tornado_fetch(host)),
}
HTTPX = {
    "httpx2": lambda host: httpx2.post(f"https://{host}/elsewhere", json={"model": "m"}),
    "async httpx2": lambda host: asyncio.run(async_httpx(host)),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_goes_around_the_hook_is_refused_at_once(way: str, asked: list[str]) -> None:
    with llmkit.setup(mode="replay") as session:
        started = time.monotonic()
        with pytest.raises(llmkit.CassetteMiss) as caught:
            WAYS[way](HOST)
        assert time.monotonic() - started < 1
        assert HOST in str(caught.value) and "아무것도 보내지 않았습니다" in str(caught.value)
        assert caught.value in session.halts  # 라이브러리가 삼켰어도 보입니다.
    assert asked == []


REFUSED = [
    "eu.api.openai.com", "us.api.openai.com", "my-resource.openai.azure.com", "my-resource.services.ai.azure.com",
    "bedrock-runtime.us-east-1.amazonaws.com", "us-central1-aiplatform.googleapis.com", "aiplatform.googleapis.com",
    "openrouter.ai", "api.mistral.ai", "api.deepseek.com", "api.x.ai", "api.cohere.com", "api.together.xyz",
    "api.fireworks.ai", "api.groq.com", "router.huggingface.co", "API.OpenAI.com", "api.openai.com.",
]  # fmt: skip
PASSING = [
    "huggingface.co", "cdn-lfs.hf.co", "cas-bridge.xethub.hf.co", "pypi.org", "files.pythonhosted.org", "github.com",
    "storage.googleapis.com", "my-bucket.s3.amazonaws.com", "s3.us-east-1.amazonaws.com", "account.blob.core.windows.net",
    "openaipublic.blob.core.windows.net", "api.openai.com.example.org", "example.org",
]  # fmt: skip


@pytest.mark.parametrize("host", REFUSED)
@pytest.mark.parametrize("way", ["requests", *HTTPX])
def test_every_host_that_infers_is_refused(host: str, way: str, asked: list[str]) -> None:
    with llmkit.setup(mode="replay"), pytest.raises(llmkit.CassetteMiss):
        (WAYS | HTTPX)[way](host)
    assert asked == []


@pytest.mark.parametrize("host", PASSING)
@pytest.mark.parametrize("way", ["requests", "asyncio", *HTTPX])
def test_downloads_pass(host: str, way: str, asked: list[str]) -> None:
    with llmkit.setup(mode="replay") as session:
        with pytest.raises((OSError, httpx2.ConnectError)):
            (WAYS | HTTPX)[way](host)
        assert session.halts == []
    assert asked[0] == host


def test_what_is_live_passes_and_what_is_in_replay_does_not(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in PROVIDERS.values():
        for name in provider.keys:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdefghij")
    with llmkit.setup():
        for host in (HOST, "my.openai.azure.com", "openrouter.ai"):
            with pytest.raises(OSError):
                WAYS["requests"](host)
        with pytest.raises(llmkit.CassetteMiss):
            WAYS["requests"]("api.anthropic.com")
    assert asked == [HOST, "my.openai.azure.com", "openrouter.ai"]


def anthropic_clouds() -> dict[str, Any]:
    aws: dict[str, Any] = {"api_key": "k" * 20, "aws_region": "us-east-1"}  # 다른 방법은 botocore로 서명합니다.
    return {
        "AWS": anthropic.AnthropicAWS(**aws, workspace_id="w"),
        "Google": anthropic.AnthropicGoogleCloud(
            project="p", location="global", workspace_id="w", token_provider=lambda: "t"
        ),
        "Foundry": anthropic.AnthropicFoundry(api_key="k" * 20, resource="res"),
        "Bedrock": anthropic.AnthropicBedrock(**aws),
    }


@pytest.mark.parametrize("cloud", ["AWS", "Google", "Foundry", "Bedrock"])
@pytest.mark.parametrize("mode", ["replay", "auto"])
def test_anthropic_through_a_cloud_is_in_replay_though_another_provider_is_live(
    mode: str, cloud: str, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdefghij")
    with llmkit.setup(mode=mode), pytest.raises(llmkit.CassetteMiss, match="Anthropic"):
        anthropic_clouds()[cloud].messages.create(model="m", max_tokens=3, messages=[])
    assert asked == []


@pytest.mark.parametrize("host", ["aws-external-anthropic.us-east-1.api.aws", "claude.googleapis.com"])
def test_the_clouds_hosts_are_refused_by_other_ways_too(host: str, asked: list[str]) -> None:
    with llmkit.setup(mode="replay"), pytest.raises(llmkit.CassetteMiss):
        WAYS["requests"](host)
    assert asked == []


def test_a_client_of_ones_own_class_is_its_sdks_and_another_companys_sdk_passes(asked: list[str]) -> None:
    class Solar(openai.OpenAI):
        pass

    options: dict[str, Any] = {"base_url": "https://gw.example.org/v1", "api_key": "k", "max_retries": 0}
    with llmkit.setup(mode="replay"):
        with pytest.raises(llmkit.CassetteMiss, match="OpenAI"):
            Solar(**options).chat.completions.create(model="m", messages=[])
        assert asked == []
        other = Solar(**options, default_headers={"x-stainless-package-version": "0.1.0"})
        with pytest.raises(openai.APIConnectionError):  # 같은 도구로 만든, 강좌와 상관없는 SDK
            other.models.list()
    assert asked == ["gw.example.org"]


@pytest.mark.parametrize("endpoint", ["https://huggingface.co", "https://hf-mirror.com", "https://corp.example/hub"])
def test_the_hub_is_the_hub_on_a_mirror_too(endpoint: str, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
    with llmkit.setup(mode="replay"):
        with pytest.raises(httpx2.ConnectError):  # 파일의 목록을 묻는 POST
            huggingface_hub.HfApi(endpoint=endpoint).get_paths_info("gpt2", ["config.json"])
        assert asked
        asked.clear()
        with pytest.raises(llmkit.CassetteMiss):
            httpx2.get(f"{endpoint}/api/models/gpt2", params={"expand": "inferenceProviderMapping"})
    assert asked == []


def test_a_thread_is_refused_and_told(asked: list[str]) -> None:
    with llmkit.setup(mode="replay") as session:
        caught: list[BaseException] = []

        def work() -> None:
            try:
                WAYS["requests"](HOST)
            except BaseException as error:
                caught.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [type(error) for error in caught] == [llmkit.CassetteMiss] * 8
        assert len(session.halts) == 8
    assert asked == []


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """받은 요청을 적어 두기만 하는 프록시. 환경 변수가 이것을 가리킵니다."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.path)
            self.send_error(502)

        do_CONNECT = do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setattr(urllib.request, "_opener", None)  # 앞의 테스트가 만든 것은 환경 변수를 다시 보지 않습니다.
    yield seen
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("way", ["requests", "urllib", "httpx2"])
def test_a_proxy_is_not_asked_either(scheme: str, way: str, proxy: list[str]) -> None:
    def send(host: str) -> object:
        url = f"{scheme}://{host}/elsewhere"
        if way == "urllib":
            return urllib.request.urlopen(url, b"{}", timeout=5)
        return (requests.post if way == "requests" else httpx2.post)(url, json={}, timeout=5)

    with llmkit.setup(mode="replay"):
        with pytest.raises(llmkit.CassetteMiss):
            send(HOST)
        assert proxy == []
        try:
            send("example.org")
        except Exception:  # 프록시가 502로 답합니다.
            pass
        assert len(proxy) == 1 and "example.org" in proxy[0]


def test_a_proxy_behind_tls_is_not_asked_either() -> None:
    """TLS로 말하는 프록시에게 보내는 글은 암호로 바뀌기 전에 봅니다."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with llmkit.setup(mode="replay"), contextlib.closing(socket.socket()) as plain:
        tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="proxy.example")
        over_tls = ssl.create_default_context().wrap_socket(plain, server_hostname="proxy.example")
        for line in (f"CONNECT {HOST}:443 HTTP/1.1", f"POST http://{HOST}/v1/responses HTTP/1.1"):
            sends: list[Callable[[bytes], object]] = [tls.write, over_tls.send, over_tls.sendall, plain.sendall]
            for send in [*sends, lambda data: socket.socket().sendmsg(iter([data]))]:
                with pytest.raises(llmkit.CassetteMiss, match=HOST):
                    send(line.encode())
            with pytest.raises(OSError):  # 다른 곳으로 가는 것은 보냅니다. 이어지지 않은 소켓이라 파이썬이 거절합니다.
                over_tls.send(line.replace(HOST, "example.org").encode())


def test_leaving_puts_the_sockets_back() -> None:
    def state() -> list[Any]:
        names = ("connect", "connect_ex", "send", "sendall", "sendmsg")
        tls = [ssl.SSLSocket.send, ssl.SSLObject.write]
        return [socket.getaddrinfo, socket.gethostbyname, *tls, *(getattr(socket.socket, name) for name in names)]

    before = state()
    with llmkit.setup(mode="replay"):
        assert state() != before
        with llmkit.setup(mode="replay"):
            pass
        with pytest.raises(llmkit.CassetteMiss):
            WAYS["requests"](HOST)
    assert state() == before
