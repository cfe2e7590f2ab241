"""배치와 요청 기록: 두 SDK로 만들고, 끝날 때까지 묻고, 결과를 custom_id로 맞춥니다."""

from __future__ import annotations

import json

import anthropic
import openai
import pytest

from tests.authoring.provider.testing import stand_in

GPT, CLAUDE = "gpt-6-luna", "claude-haiku-5-5"
SCRIPT = '[[entry]]\nprompt = "하나"\nanswer = "1"\n[[entry]]\nprompt = "둘"\nanswer = "2"\n'


def ask(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.fixture
def server():
    with stand_in(SCRIPT) as server:
        yield server


def test_a_batch_at_openai(server):
    client = openai.OpenAI(api_key="sk-test", max_retries=0)
    bodies = [
        {"model": GPT, "messages": ask("하나")},
        {"model": GPT, "messages": []},
        {"model": GPT, "messages": ask("둘")},
    ]
    rows = [
        {"custom_id": f"편지-{at}", "method": "POST", "url": "/v1/chat/completions", "body": body}
        for at, body in enumerate(bodies)
    ]
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    file = client.files.create(file=("batch.jsonl", data), purpose="batch")
    assert (file.bytes, file.filename, file.purpose) == (len(data), "batch.jsonl", "batch")
    endpoint = "/v1/chat/completions"
    batch = client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h")
    states = [batch.status, client.batches.retrieve(batch.id).status]
    batch = client.batches.retrieve(batch.id)
    assert [*states, batch.status] == ["validating", "in_progress", "completed"]
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (3, 2, 1)
    lines = [json.loads(line) for line in client.files.content(batch.output_file_id).text.splitlines()]
    texts = {row["custom_id"]: row["response"]["body"]["choices"][0]["message"]["content"] for row in lines}
    assert texts == {"편지-0": "1", "편지-2": "2"}
    (bad,) = [json.loads(line) for line in client.files.content(batch.error_file_id).text.splitlines()]
    assert bad["custom_id"] == "편지-1" and bad["response"]["status_code"] == 400
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve("batch_없음")


def test_a_batch_at_anthropic_comes_back_out_of_order(server):
    client = anthropic.Anthropic(api_key="k", max_retries=0)
    params = [{"model": CLAUDE, "max_tokens": 99, "messages": ask(text)} for text in ("하나", "둘")]
    params.append({"model": CLAUDE, "max_tokens": 99, "messages": []})
    requests = [{"custom_id": f"c{at}", "params": one} for at, one in enumerate(params)]
    batch = client.messages.batches.create(requests=requests)
    assert batch.processing_status == "in_progress" and batch.request_counts.processing == 3
    while batch.processing_status != "ended":
        batch = client.messages.batches.retrieve(batch.id)
    assert (batch.request_counts.succeeded, batch.request_counts.errored) == (2, 1)
    results = list(client.messages.batches.results(batch.id))
    assert [row.custom_id for row in results] == ["c2", "c1", "c0"]
    assert [row.result.type for row in results] == ["errored", "succeeded", "succeeded"]
    assert [row.result.message.content[-1].text for row in results[1:]] == ["2", "1"]


def test_the_log_counts_what_was_sent(server):
    client = openai.OpenAI(api_key="sk-test", max_retries=0)
    for text in ("하나", "둘", "하나"):
        client.chat.completions.create(model=GPT, messages=ask(text))
    assert [row["body"]["messages"][0]["content"] for row in server.log] == ["하나", "둘", "하나"]
    assert {(row["method"], row["provider"]) for row in server.log} == {("POST", "openai")}
