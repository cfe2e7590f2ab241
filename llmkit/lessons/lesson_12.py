"""수업 12의 연습 채점."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from .answers import Outcome, Wrong, attempt, call, require_filled, require_number, same, show
from .checks import exercise


@exercise("12-1")
def the_difference_of_two_bodies(added: Any) -> Iterator[str]:
    """더해지거나 값이 바뀐 키."""
    mine = {"model": "m", "messages": [{"role": "user", "content": "안녕"}], "temperature": 1}
    cases = [
        ("더한 키가 `False`일 때", mine | {"stream": False}, {"stream": False}),
        ("더한 키가 `None`일 때", mine | {"user": None}, {"user": None}),
        ("값만 바뀌었을 때", mine | {"temperature": 0}, {"temperature": 0}),
        ("둘 다일 때", mine | {"temperature": 0, "max_tokens": 9}, {"temperature": 0, "max_tokens": 9}),
        ("안쪽이 바뀌었을 때", mine | {"messages": []}, {"messages": []}),
        ("같을 때", dict(mine), {}),
        ("`mine`에만 키가 있을 때", {"model": "m"}, {}),
    ]
    for name, theirs, right in cases:
        found = call(added, mine, theirs, name="added", unchanged=True)
        if found != right or not all(same(found[key], value) for key, value in right.items()):
            yield f"{name}: 기댓값 {show(right)}, 실제 {show(found)}"


def _claude(read: int | None, written: int | None, output: int = 9) -> Any:
    from anthropic.types import Usage

    return Usage(
        input_tokens=44, cache_read_input_tokens=read, cache_creation_input_tokens=written, output_tokens=output
    )


def _answers() -> list[tuple[str, Any, tuple[int, int]]]:
    from openai.types import CompletionUsage

    chat = CompletionUsage(prompt_tokens=31, completion_tokens=7, total_tokens=38)
    empty = CompletionUsage(prompt_tokens=3, completion_tokens=0, total_tokens=3)
    langchain = SimpleNamespace(usage_metadata={"input_tokens": 12, "output_tokens": 5, "total_tokens": 17})
    return [
        ("OpenAI와 LiteLLM", SimpleNamespace(usage=chat), (31, 7)),
        ("LangChain", langchain, (12, 5)),
        ("캐시가 없는 Anthropic", SimpleNamespace(usage=_claude(None, None)), (44, 9)),
        ("캐시를 읽고 쓴 Anthropic", SimpleNamespace(usage=_claude(2000, 300)), (2344, 9)),
        ("캐시를 쓰기만 한 Anthropic", SimpleNamespace(usage=_claude(None, 300)), (344, 9)),
        ("출력이 0인 답변", SimpleNamespace(usage=empty), (3, 0)),
    ]


@exercise("12-2")
def one_name_for_usage(tokens_of: Any) -> Iterator[str]:
    """세 모양의 사용량을 (입력, 출력)으로. Anthropic의 입력에는 캐시도 듭니다."""
    for name, answer, right in _answers():
        found = call(tokens_of, answer, name="tokens_of")
        if isinstance(found, tuple | list) and tuple(found) == right:
            continue
        why = " 순서는 입력, 출력입니다." if isinstance(found, tuple) and found[::-1] == right else ""
        if isinstance(found, tuple | list) and tuple(found) == (44, 9):
            why = " 캐시에 쓰고 캐시에서 읽은 토큰이 빠졌습니다."
        yield f"{name}: 기댓값 {right}, 실제 {show(found)}.{why}"


@exercise("12-3")
def retries_multiply(most_requests: Any) -> Iterator[str]:
    """겹친 재시도는 곱해집니다."""
    for retries, attempts in [(2, 3), (0, 1), (2, 1), (0, 4), (5, 2)]:
        found, right = call(most_requests, retries, attempts, name="most_requests"), (retries + 1) * attempts
        if require_number(found, "`most_requests`의 결과") != right:
            why = ""
            if found == retries * attempts:
                why = " 재시도 말고 처음 보내는 한 번도 세세요."
            elif found == retries + attempts:
                why = " 층이 겹치면 더하는 것이 아니라 곱합니다."
            yield f"`max_retries={retries}`, `attempts={attempts}`: 기댓값 {right}, 실제 {show(found)}.{why}"
            return


_TALK = [
    {"role": "system", "content": "존댓말로 답합니다."},
    {"role": "user", "content": "시집 있나요?"},
    {"role": "assistant", "content": "있습니다."},
    {"role": "system", "content": "재고는 말하지 않습니다."},
    {"role": "user", "content": "한 권 주세요."},
]
_TURNS = [message for message in _TALK if message["role"] != "system"]


class _Client:
    """받은 인자를 적는 가짜 클라이언트입니다. OpenAI와 Anthropic의 모양을 다 흉내 내지는 않습니다."""

    def __init__(self, provider: str, *, thinks: bool = True) -> None:
        self.asked: list[dict[str, Any]] = []
        self.thinks = thinks
        if provider == "openai":
            self.chat = SimpleNamespace(completions=SimpleNamespace(create=self._chat))
        else:
            self.messages = SimpleNamespace(create=self._message)

    def __deepcopy__(self, memo: Any) -> _Client:
        return self

    def _chat(self, **given: Any) -> Any:
        self.asked.append(given)
        choice = SimpleNamespace(message=SimpleNamespace(content="네, 준비할게요."), finish_reason="stop")
        return SimpleNamespace(choices=[choice], usage=SimpleNamespace(prompt_tokens=21, completion_tokens=6))

    def _message(self, **given: Any) -> Any:
        self.asked.append(given)
        thought = SimpleNamespace(type="thinking", thinking="…", signature="authored")
        texts = [SimpleNamespace(type="text", text=text) for text in ("네, ", "준비할게요.")]
        blocks = [thought, *texts] if self.thinks else texts
        return SimpleNamespace(content=blocks, usage=_claude(2000, None, 8))


@exercise("12-4")
def an_adapter(ask: Any) -> Iterator[str]:
    """두 제공자에 같은 대화를 보내고 같은 모양으로 돌려받습니다."""
    require_filled(ask, "ask")
    for case, talk, thinks, right in [
        ("openai", _TALK, True, ("네, 준비할게요.", 21, 6)),
        ("anthropic", _TALK, True, ("네, 준비할게요.", 2044, 8)),
        ("anthropic(system도 추론도 없을 때)", _TURNS, False, ("네, 준비할게요.", 2044, 8)),
    ]:
        provider = case.partition("(")[0]
        client = _Client(provider, thinks=thinks)
        found = call(ask, provider, client, "any-model", [dict(one) for one in talk], name="ask", unchanged=True)
        if len(client.asked) != 1:
            raise Wrong(f"{case}: 요청을 한 번 보내야 합니다. 지금은 {len(client.asked)}번입니다.")
        if problem := _body_problem(provider, client.asked[0], talk):
            yield f"{case}: {problem}"
        if not isinstance(found, tuple | list) or tuple(found) != right:
            yield f"{case}: 돌려줄 것은 (텍스트, 입력, 출력)입니다. 기댓값 {right}, 실제 {show(found)}"
    outcome: Outcome = attempt(ask, "nobody", _Client("openai"), "any-model", [dict(one) for one in _TALK])
    if not isinstance(outcome.error, ValueError):
        yield f"모르는 제공자면 `ValueError`를 냅니다. {outcome}."


def _body_problem(provider: str, body: dict[str, Any], talk: list[dict[str, str]]) -> str | None:
    if body.get("model") != "any-model":
        return f"`model`을 받은 그대로 보내세요. 지금은 {show(body.get('model'))}입니다."
    if provider == "openai":
        return None if body.get("messages") == talk else "`messages`를 받은 그대로 보내세요."
    limit = body.get("max_tokens")
    if not isinstance(limit, int) or limit is True or limit < 1:
        return "`max_tokens`가 없습니다. Anthropic에서는 꼭 적습니다."
    if body.get("messages") != _TURNS:
        return f"`messages`에는 system이 아닌 메시지만 순서대로 보냅니다. 지금은 {show(body.get('messages'))}입니다."
    system = body.get("system")
    if isinstance(system, list):  # 텍스트 블록의 목록도 받습니다.
        system = "\n".join(str(block.get("text")) for block in system if isinstance(block, dict))
    rules = [message["content"] for message in talk if message["role"] == "system"]
    if not re.fullmatch(r"\s+".join(map(re.escape, rules)), str(system or "").strip()):
        return f"`system`에는 system 메시지의 내용이 모두 순서대로 들어갑니다. 지금은 {show(body.get('system'))}입니다."
    return None
