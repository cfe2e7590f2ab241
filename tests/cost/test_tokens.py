"""토큰 수: tiktoken과 같고, 실제로 청구된 수와 같고, 인터넷 없이 셉니다."""

from __future__ import annotations

import gzip
import json
import pickle
import random
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
import tiktoken
from tiktoken_ext import openai_public

from llmkit.cost import tokens
from llmkit.cost.tokens import TokenCount, count_tokens, encoding

REAL = Path(__file__).parents[3] / "shared" / "real_exchanges" / "practice.jsonl"
TEXT = "아버지가 방에 들어가신다."
ASK = [{"role": "user", "content": TEXT}]


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base"])
def test_vocabulary_and_pattern_are_tiktokens_own(name, monkeypatch):
    mine = encoding(name)
    asked = {}

    def no_download(url, expected_hash):
        asked[url.rsplit("/", 1)[-1]] = expected_hash
        return mine._mergeable_ranks

    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", no_download)
    theirs = getattr(openai_public, name)()
    assert asked == {f"{name}.tiktoken": tokens._ENCODINGS[name][0]}
    samples = [
        TEXT,
        "don't  stop\r\n\r\n  1234567 “네”…",
        "ﬀ DŽ ʰa\u0301\u00a0\u3000\t x's I'LL",
        "🧑‍🚀<|endoftext|>",
    ]
    rng = random.Random(name)
    letters = "가힣ㄱ가aZéß '\n\r\t.,!?/0919一ภ🙂\u0301\u200b\u3000<|>" + "".join(map(chr, range(0x20, 0x300)))
    samples += ["".join(rng.choices(letters, k=rng.randint(1, 80))) for _ in range(3000)]
    assert tokens._ENCODINGS[name][1] == theirs["pat_str"]
    reference = tiktoken.Encoding(**theirs)
    for text in samples:
        assert mine.encode_ordinary(text) == reference.encode_ordinary(text)


def billed_chats():
    if not REAL.exists():
        return [pytest.param(None, marks=pytest.mark.skip("../shared/real_exchanges가 없습니다"))]
    usages = json.loads((REAL.parent / "expected.json").read_text(encoding="utf-8"))["results"]
    found = []
    for exchange in map(json.loads, REAL.read_text(encoding="utf-8").splitlines()):
        if exchange["token_count_candidate"] == "chat-text-only":
            billed = usages[exchange["id"]]["expected"]["usage"]["prompt_tokens"]
            found.append(pytest.param((exchange["request_json"], billed), id=exchange["id"]))
    return found


@pytest.mark.parametrize("case", billed_chats())
def test_prompt_count_is_the_billed_one(case):
    request, billed = case
    counted = count_tokens(request["messages"], request["model"])
    if "search-preview" in request["model"]:  # 식이 맞지 않는 한 가지: 맞다고 하지 않습니다
        assert not counted.exact
        return
    assert (counted, counted.exact) == (billed, True)


@pytest.mark.parametrize(
    ("model", "encoding", "exact"),
    [
        ("gpt-4", "cl100k_base", True),
        ("gpt-3.5-turbo-0125", "cl100k_base", True),
        ("text-embedding-3-small", "cl100k_base", True),
        ("gpt-4.1", "o200k_base", True),
        ("gpt-4.1-nano-2025-04-14", "o200k_base", True),
        ("gpt-4o-mini", "o200k_base", True),
        ("o3-mini", "o200k_base", True),
        ("gpt-5.4-2026-03-05", "o200k_base", True),
        ("openai/gpt-4o", "o200k_base", True),
        ("ft:gpt-4o-mini-2024-07-18:org::id", "o200k_base", True),
        ("ft:gpt-4.1-mini-2025-04-14:org::id", "o200k_base", True),  # tiktoken은 cl100k_base라고 합니다
        ("ft:gpt-3.5-turbo-0125:org::id", "cl100k_base", True),
        ("openai/gpt-oss-20b", "o200k_harmony", True),
        ("gpt-oss:20b", "o200k_harmony", True),
        ("gpt-6-luna", "o200k_base", False),
        ("claude-haiku-5-5", "o200k_base", False),
        ("gemini-2.5-flash-lite", "o200k_base", False),
        ("meta-llama/Llama-3.1-8B-Instruct:cerebras", "o200k_base", False),
    ],
)
def test_encoding_of_a_model(model, encoding, exact):
    counted = count_tokens(TEXT, model)
    assert (counted.encoding, counted.exact) == (encoding, exact)
    assert bool(counted.note) is not exact
    assert counted == (13 if encoding == "cl100k_base" else 10)


def test_chat_formula():
    assert count_tokens(ASK, "gpt-4o") == 3 + 3 + 1 + 10
    assert count_tokens(ASK, "gpt-5-mini") == 3 + 3 + 1 + 10 - 1  # 추론 모델은 1 적습니다
    named = [{"role": "user", "name": "철수", "content": TEXT}]
    assert count_tokens(named, "gpt-4o") == 3 + 3 + 1 + 10 + 1 + count_tokens("철수", "gpt-4o")
    assert count_tokens([], "gpt-4o") == 3
    part = [{"role": "user", "content": [{"type": "text", "text": TEXT}]}]
    assert count_tokens(part, "gpt-4o") == count_tokens(ASK, "gpt-4o") and count_tokens(part, "gpt-4o").exact


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}, "그림"),
        ({"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}, "도구"),
        ({"role": "tool", "content": "3", "tool_call_id": "1"}, "도구"),
    ],
)
def test_what_the_formula_does_not_know_is_flagged(message, says):
    counted = count_tokens([*ASK, message], "gpt-4o")
    assert not counted.exact and says in counted.note


def test_a_message_that_came_back_from_an_sdk_can_be_counted():
    from openai.types.chat import ChatCompletionMessage

    answer = ChatCompletionMessage(role="assistant", content=TEXT)
    assert count_tokens([*ASK, answer], "gpt-4o") == 3 + 2 * (3 + 1 + 10)


@pytest.mark.parametrize("bad", [None, 3, b"bytes", {"role": "user"}, [{"content": "x"}], ["x"]])
def test_what_is_no_text_and_no_chat_is_refused(bad):
    with pytest.raises(ValueError, match="텍스트|role"):
        count_tokens(bad, "gpt-4o")


def test_difficult_text_is_counted():
    encode = encoding("o200k_base").encode_ordinary
    assert count_tokens("<|endoftext|>", "gpt-4o") == len(encode("<|endoftext|>")) > 1
    nfd = unicodedata.normalize("NFD", TEXT)
    assert count_tokens(nfd, "gpt-4o") == len(encode(nfd)) > 10
    assert count_tokens("가\ud800나", "gpt-4o") == len(encode("가\ufffd나"))
    assert count_tokens("", "gpt-4o") == 0


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4"])
@pytest.mark.parametrize("unit", [" ", "\n", "\u3000", " \n", "\r\n", "a", "가", "1", "!"])
def test_a_megabyte_of_one_character_never_panics(unit, model):
    text = unit * (1_000_000 // len(unit.encode()))
    if text.isspace() and len(text) > 200_000:
        with pytest.raises(ValueError, match="공백이나 줄바꿈이 200,000자 넘게"):
            count_tokens(text, model)
        with pytest.raises(ValueError, match="공백"):
            count_tokens("글" * 999 + text + "글" * 999, model)
    else:
        assert count_tokens(text, model) == len(encoding(count_tokens("", model).encoding).encode_ordinary(text))


def test_spaces_just_short_of_the_limit_are_counted():
    assert count_tokens(" " * 200_000, "gpt-4o") > 0


def test_count_behaves_as_an_int():
    counted = count_tokens(TEXT, "gpt-4o")
    assert counted == 10 and counted + 1 == 11 and f"{counted:,}" == str(counted) == "10"
    assert json.dumps(counted) == "10"
    again = pickle.loads(pickle.dumps(counted))
    assert again == counted and again.encoding == "o200k_base"


def test_a_count_can_be_made_by_hand():
    assert (repr(TokenCount(5)), TokenCount(5).exact) == ("5", False)
    guess = TokenCount(5, "o200k_base", "가정")
    assert (guess, guess.exact, repr(guess)) == (5, False, "5 (o200k_base, 추정: 가정)")
    assert pickle.loads(pickle.dumps(guess)).note == "가정"


def test_items_of_responses_that_are_no_messages_are_flagged():
    items = [
        {"type": "reasoning", "summary": []},
        {"type": "function_call_output", "call_id": "c", "output": "3"},
    ]
    counted = count_tokens([*ASK, *items], "gpt-4o")
    assert not counted.exact and "reasoning" in counted.note and "function_call_output" in counted.note


def test_a_damaged_vocabulary_is_refused(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "o200k_base.tiktoken.gz"
    monkeypatch.setattr(tokens, "files", lambda package: tmp_path)
    for damaged in (gzip.compress(b"YQ== 0\n"), b"not gzip", b""):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match="다시 설치"):
            encoding.__wrapped__("o200k_base")


def test_no_network_is_needed_on_a_fresh_machine(tmp_path):
    code = (
        "import socket\n"
        "def refuse(*a, **k): raise SystemExit('네트워크를 썼습니다')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from llmkit.cost.tokens import count_tokens\n"
        "print(count_tokens('안녕하세요', 'gpt-4o'), count_tokens('안녕하세요', 'gpt-4'))\n"
    )
    env = {"PATH": "", "TIKTOKEN_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("2 5\n", "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("odd", [{"content": 5}, {"content": {"a": 1}}, {"content": "a", "name": 5}])
def test_content_that_is_no_text_is_refused_and_not_counted(odd):
    with pytest.raises(ValueError, match="content는 텍스트나"):
        count_tokens([{"role": "user", **odd}], "gpt-4o")


def test_a_refusal_is_counted_and_sound_is_flagged():
    refused = {"role": "assistant", "content": None, "refusal": TEXT}
    assert count_tokens([refused], "gpt-4o") == count_tokens([{"role": "assistant", "content": TEXT}], "gpt-4o")
    spoken = count_tokens([{"role": "assistant", "audio": {"id": "x"}}], "gpt-4o")
    assert not spoken.exact and "소리는 세지 못했습니다" in spoken.note
