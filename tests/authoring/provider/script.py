"""대본(scripts/NN_name.toml)을 읽고, 요청에 맞는 답을 고릅니다. 형식은 README.md에 있습니다."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parents[1] / "scripts"


@dataclass(frozen=True)
class Fault:
    """일부러 내는 실패. `kind`의 목록은 README.md에 있습니다."""

    kind: str
    message: str | None = None
    param: str | None = None
    code: str | None = None
    retry_after: float | None = None
    after_chunks: int | None = None
    seconds: float = 60

    @classmethod
    def read(cls, value: str | dict[str, Any]) -> Fault:
        fault = cls(kind=value) if isinstance(value, str) else cls(**value)
        if fault.kind not in (known := HTTP_FAULTS | TRANSPORT_FAULTS):
            raise ValueError(f"알 수 없는 fault {fault.kind!r}. 쓸 수 있는 것: {', '.join(sorted(known))}")
        if fault.kind == "error_event" and fault.code is not None and fault.code not in IN_STREAM:
            names = ", ".join(sorted(IN_STREAM))
            raise ValueError(f"알 수 없는 error_event의 code {fault.code!r}. 쓸 수 있는 것: {names}")
        return fault


HTTP_FAULTS = {
    "invalid_api_key", "permission", "model_not_found", "model_retired", "invalid_request",
    "unsupported_parameter", "context_length", "request_timeout", "conflict", "too_large", "unprocessable",
    "rate_limit", "insufficient_quota", "spend_limit", "server_error", "unavailable", "overloaded", "not_json",
}  # fmt: skip
TRANSPORT_FAULTS = {"stall", "close", "drop", "error_event"}
# 200으로 시작한 스트림에서 오는 오류의 이름(error_event의 code). 앞 줄은 OpenAI, 뒤 줄은 Anthropic의 것입니다.
IN_STREAM = {
    "server_error", "service_unavailable_error", "server_is_overloaded", "slow_down", "rate_limit_exceeded",
    "overloaded_error", "rate_limit_error", "timeout_error", "api_error",
}  # fmt: skip


class Call(NamedTuple):
    """도구 호출 하나. `arguments`는 모델이 쓴 문자열이라서, 대본에 문자열로 적으면 틀린 JSON도 그대로 나갑니다."""

    name: str
    arguments: str

    @classmethod
    def read(cls, table: dict[str, Any]) -> Call:
        if unknown := table.keys() - {"name", "arguments"} or not table.get("name"):
            raise ValueError(f"tool_calls의 항목에는 name과 arguments를 적습니다. 지금: {table} {unknown or ''}")
        given = table.get("arguments", {})
        return cls(table["name"], given if isinstance(given, str) else json.dumps(given, ensure_ascii=False))


@dataclass(frozen=True)
class Answer:
    text: str = ""
    reasoning_tokens: int | None = None
    fault: Fault | None = None
    tool_calls: list[Call] = field(default_factory=list)
    refusal: str | None = None  # 모델이 거절하는 말
    filtered: bool = False  # 콘텐츠 필터가 답을 끊었는가
    items: list[dict[str, Any]] = field(default_factory=list)  # 제공자의 도구가 남긴 항목: 글 앞에 옵니다
    annotations: list[dict[str, Any]] = field(default_factory=list)  # 글에 붙는 출처

    @classmethod
    def read(cls, value: str | dict[str, Any], **defaults: Any) -> Answer:
        """글 하나, 또는 항목과 같은 키(`ANSWER_KEYS`)의 표를 읽습니다."""
        table = {**defaults, **({"answer": value} if isinstance(value, str) else value)}
        if "fault" in table:
            table["fault"] = Fault.read(table["fault"])
        if "tool_calls" in table:
            table["tool_calls"] = [Call.read(call) for call in table["tool_calls"]]
        for item in table.get("items", []):
            if not isinstance(item, dict) or "type" not in item:
                raise ValueError(f"items의 항목에는 type이 있어야 합니다: {item}")
        return cls(text=table.pop("answer", "").strip("\n"), **table)


ANSWER_KEYS = Answer.__dataclass_fields__.keys() - {"text"}


@dataclass(frozen=True)
class Question:
    """요청에서 대본이 보는 것. `turns`는 보낸 (역할, 글)이고 system, developer는 맨 앞에 모입니다.

    도구의 결과는 역할이 "tool"입니다. `history`는 서버가 기억하는 앞의 대화(previous_response_id, conversation)입니다.
    """

    provider: str
    path: str
    body: dict[str, Any]
    turns: list[tuple[str, str]]
    history: list[tuple[str, str]] = field(default_factory=list)

    @property
    def system(self) -> str:
        return "\n".join(text for role, text in self.turns if role in ("system", "developer"))

    @property
    def dialogue(self) -> list[tuple[str, str]]:
        return [turn for turn in self.turns if turn[0] not in ("system", "developer")]

    @property
    def prompt(self) -> str:
        turns = reversed(self.history + self.turns)
        return next((text for role, text in turns if role == "user"), "").strip()

    @property
    def _since(self) -> list[tuple[str, str]]:
        """마지막 user 메시지 뒤에 오간 것."""
        turns = self.history + self.turns
        last = max((at for at, (role, _) in enumerate(turns) if role == "user"), default=-1)
        return turns[last + 1 :]

    @property
    def round(self) -> int:
        """마지막 user 메시지 뒤에 도구의 결과를 몇 번 돌려보냈는가. 나란한 호출의 결과들은 한 번입니다."""
        roles = ["", *(role for role, _ in self._since)]
        return sum(role == "tool" != before for before, role in pairwise(roles))

    @property
    def results(self) -> list[str]:
        """마지막에 돌려보낸 도구의 결과들."""
        return [text for _, text in takewhile(lambda turn: turn[0] == "tool", reversed(self._since))][::-1]


@dataclass(frozen=True)
class Entry:
    answers: list[Answer]
    prompt: str | None = None
    contains: list[str] = field(default_factory=list)
    regex: str | None = None
    system: str | None = None
    turns: int | None = None
    provider: list[str] = field(default_factory=list)
    path: str | None = None
    body: dict[str, Any] = field(default_factory=dict)
    after: str | None = None
    round: int | None = None
    result_contains: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, table: dict[str, Any]) -> Entry:
        table = dict(table)
        conditions = cls.__dataclass_fields__.keys() - {"answers"}
        if unknown := table.keys() - conditions - {"answer", "answers"} - ANSWER_KEYS:
            raise ValueError(f"모르는 키입니다: {', '.join(sorted(unknown))}")
        defaults = {name: table.pop(name) for name in ANSWER_KEYS if name in table}
        if "answer" in table and "answers" in table:
            raise ValueError("answer와 answers 가운데 하나만 적으세요.")
        given = table.pop("answers", None) or [table.pop("answer", None)]
        if given == [None] and not defaults.keys() & {"fault", "tool_calls", "refusal", "filtered", "items"}:
            raise ValueError(
                "answer, answers, fault 가운데 하나가 필요합니다. tool_calls, refusal, filtered, items도 됩니다."
            )
        answers = [Answer.read(value or "", **defaults) for value in given]
        if not table:
            raise ValueError(f"조건을 하나 이상 적으세요: {', '.join(sorted(conditions))}")
        if table.get("after", "tool") != "tool":
            raise ValueError('after에는 "tool"만 적습니다.')
        for key in ("contains", "provider", "result_contains"):
            if isinstance(table.get(key), str):
                table[key] = [table[key]]
        return cls(answers=answers, **table)

    def matches(self, question: Question) -> bool:
        """적힌 조건이 모두 맞는가."""
        bare = self.system == "" and not question.system
        return (
            (self.prompt is None or self.prompt.strip() == question.prompt)
            and all(part in question.prompt for part in self.contains)
            and (self.regex is None or re.search(self.regex, question.prompt) is not None)
            and (self.system is None or bare or bool(self.system and self.system in question.system))
            and (self.turns is None or self.turns == len(question.dialogue))
            and (not self.provider or question.provider in self.provider)
            and (self.path is None or question.path.endswith(self.path))
            and self._follows(question)
            and all(key in question.body and question.body[key] == self.body[key] for key in self.body)
        )

    def _follows(self, question: Question) -> bool:
        """도구의 결과에 대한 조건. 적지 않은 항목은 첫 질문에만 맞습니다: 아니면 도구를 끝없이 다시 부릅니다."""
        if self.round is not None and self.round != question.round:
            return False
        if self.after or self.result_contains:
            found = all(any(part in result for result in question.results) for part in self.result_contains)
            return bool(question.results) and found
        return self.round is not None or question.round == 0


@dataclass(frozen=True)
class Script:
    date: datetime
    entries: list[Entry]
    first_token_ms: int = 300
    token_ms: int = 20

    @classmethod
    def parse(cls, text: str, name: str = "대본") -> Script:
        """대본의 글을 읽습니다. `name`은 오류에 적을 파일 이름입니다.

        Raises:
            ValueError: 형식이 틀렸을 때. 몇 번째 항목의 무엇이 틀렸는지 말합니다.
        """
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{name}: TOML로 읽을 수 없습니다. {error}") from error
        entries = []
        for number, item in enumerate(table.pop("entry", []), start=1):
            try:
                entries.append(Entry.read(item))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{name}: {number}번째 [[entry]]가 틀렸습니다. {error}") from error
        date = table.get("date")
        if not isinstance(date, datetime) or date.tzinfo is None:
            raise ValueError(f"{name}: date에 시간대까지 적으세요. 예: date = 2026-11-21T09:00:00+09:00")
        if unknown := table.keys() - {"date", "first_token_ms", "token_ms"}:
            raise ValueError(f"{name}: 맨 위에 모르는 키가 있습니다. {', '.join(sorted(unknown))}")
        return cls(entries=entries, **table)

    @classmethod
    def of_lesson(cls, number: str) -> Script:
        """노트북 번호("01")의 대본을 읽습니다."""
        found = sorted(FOLDER.glob(f"{number}_*.toml"))
        if len(found) != 1:
            raise ValueError(f"{FOLDER}에 {number}_*.toml이 하나 있어야 하는데 {len(found)}개입니다.")
        return cls.parse(found[0].read_text(encoding="utf-8"), found[0].name)

    def find(self, question: Question) -> Entry | None:
        """요청에 맞는 첫 항목입니다. 없으면 None입니다."""
        return next((entry for entry in self.entries if entry.matches(question)), None)
