"""모델 이름과 수명: 지금 쓸 모델은 무엇이며, 어떤 모델이 언제 사라지는가.

답은 모두 날짜와 근거를 적은 자료에서 나옵니다. `data/models.json`에는 제공자별 기본 모델이, `data/model_states.json`에는
아는 이름마다 상태가 있습니다. 자료가 뒤처졌는지는 `python -m llmkit drift`와 테스트가 SDK와 비교해 알립니다.
"""

from __future__ import annotations

import datetime
import difflib
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, Literal

from .common.clock import today

State = Literal["current", "deprecated", "retired", "unknown"]

# "판매자/이름"으로 쓴 이름에서 판매자마다 누구의 모델을 찾는가. Azure와 Bedrock은 종료일을 따로 정하므로 없습니다.
_SELLERS = {
    **dict.fromkeys(("models", "google", "gemini"), ("gemini",)),
    **dict.fromkeys(("groq", "huggingface"), ("groq", "huggingface")),
    "openai": ("openai",),
    "anthropic": ("anthropic",),
    "openrouter": ("openai", "anthropic", "gemini", "groq", "huggingface"),
}


@dataclass(frozen=True)
class ModelStatus:
    """모델의 상태입니다."""

    name: str  # 물어본 이름
    state: State  # 지금 쓰는가, 종료가 예고되었는가, 종료되었는가, 모르는 이름인가
    shutdown: datetime.date | None  # 종료일. 없거나 모르면 None
    replacement: str | None  # 대신 쓸 모델. 바꿀 필요가 없거나 모르면 None
    source: str  # 그렇게 말하는 근거
    as_of: datetime.date  # 근거를 확인한 날짜
    nearest: str | None = None  # 모르는 이름일 때, 아는 이름 가운데 가장 가까운 것

    def __str__(self) -> str:
        if self.state == "unknown":
            said = f"모르는 이름입니다. 가장 가까운 이름: {self.nearest or '없음'}."
        elif self.state == "current":
            said = "현재 쓰는 모델입니다. 예고된 종료일: 없음."
        else:
            when = "종료가 예고되었습니다" if self.state == "deprecated" else "종료되었습니다"
            said = f"{when}. 종료일: {self.shutdown or '날짜 모름'}."
        ours = "(이 강좌의 기본 모델)" if self.replacement in [*map(default_model, model_data()["defaults"])] else ""
        instead = f" 대신 쓸 모델: {self.replacement}{ours}." if self.replacement else ""
        return f"{self.name}: {said}{instead} (근거: {self.source}, {self.as_of})"

    __repr__ = __str__


@dataclass(frozen=True)
class Known:
    """아는 이름 하나의 자료입니다. `ends`는 종료일을 알거나, 날짜는 몰라도 이미 종료된 것입니다."""

    provider: str
    source: str
    as_of: datetime.date
    ends: bool = False
    shutdown: datetime.date | None = None
    unsupported: bool = False
    replacement: str | None = None


@functools.cache
def model_data() -> dict[str, Any]:
    """`data/models.json`: 제공자별 기본 모델."""
    return json.loads(files("llmkit").joinpath("data/models.json").read_text(encoding="utf-8"))


@functools.cache
def state_data() -> dict[str, Any]:
    """`data/model_states.json`: 근거가 같은 이름끼리 묶은 모델의 상태."""
    return json.loads(files("llmkit").joinpath("data/model_states.json").read_text(encoding="utf-8"))


def default_model(provider: str) -> str:
    """제공자의 기본 모델입니다.

    >>> default_model("anthropic").startswith("claude-")
    True
    """
    return model_data()["defaults"][provider]["model"]


def model_status(name: str, on: datetime.date | None = None) -> ModelStatus:
    """모델을 `on` 날짜(없으면 오늘, 재생에서는 카세트의 날짜)에 쓸 수 있는지 알려 줍니다.

    파인튜닝한 이름(`ft:`), 판매자를 붙인 이름(`openai/…`, `models/…`), 인퍼런스 제공자를 붙인 이름(`…:groq`)은 그 안의 모델로
    찾습니다. 자료에 없는 이름은 "unknown"이며, 아는 이름 가운데 가장 가까운 것을 `nearest`에 담습니다.

    Raises:
        TypeError: 이름이 문자열이 아니거나 `on`이 날짜가 아닐 때.

    >>> model_status("gpt-4.1-nano", on=datetime.date(2026, 11, 26)).state
    'retired'
    >>> status = model_status("gpt-4o-ultra", on=datetime.date(2026, 11, 26))
    >>> status.state, status.nearest
    ('unknown', 'gpt-4o')
    """
    on = on or today()
    if isinstance(on, datetime.datetime):
        on = on.date()
    if not (isinstance(name, str) and isinstance(on, datetime.date)):
        raise TypeError(f"model_status에는 모델 이름(str)과 날짜(datetime.date)를 넣으세요: {name!r}, {on!r}")
    rows = known_models()
    row = next((rows[reading] for reading in _readings(name) if reading in rows), None)
    if row is None or row.unsupported:
        source = f"지원하지 않는 이름이라고 적은 {row.source}" if row else "이 강좌의 자료에 없음"
        as_of = row.as_of if row else datetime.date.fromisoformat(state_data()["as_of"])
        return ModelStatus(name, "unknown", None, None, source, as_of, _nearest(name))
    state: State = "current" if not row.ends else "deprecated" if row.shutdown and on < row.shutdown else "retired"
    return ModelStatus(name, state, row.shutdown, row.replacement, row.source, row.as_of)


def _nearest(name: str) -> str | None:
    """뒤에 무엇을 더 붙인 이름이면 그 앞부분("gpt-4o-ultra"이면 gpt-4o), 아니면 철자가 가장 비슷한 이름."""
    known = {name.lower(): name for name, row in known_models().items() if not row.unsupported}
    wanted = name.removeprefix("ft:").split(":")[0].split("/")[-1].lower()
    starts = [start for start in known if wanted.startswith(f"{start}-")]
    near = difflib.get_close_matches(wanted, known, n=1)
    return known[max(starts, key=len)] if starts else known[near[0]] if near else None


def _readings(name: str) -> Iterator[str]:
    """이름을 읽는 방법들: 그대로, `ft:`와 `:제공자`를 떼고, 판매자를 하나씩 떼고."""
    rest = name.removeprefix("ft:").split(":")[0]
    yield from (name, rest)
    while "/" in rest:
        seller, _, rest = rest.partition("/")
        if seller not in _SELLERS:
            return
        row = known_models().get(rest)
        if row and row.provider in _SELLERS[seller]:
            yield rest


@functools.cache
def known_models() -> dict[str, Known]:
    """아는 이름마다의 자료입니다."""
    rows: dict[str, Known] = {}
    better = {old: new for group in state_data()["replacements"] for old, new in group["names"].items()}
    for group in state_data()["states"]:
        default = default_model(group["provider"]) if group.get("chat", True) else None
        about = Known(group["provider"], group["source"], datetime.date.fromisoformat(group["as_of"]))
        rows |= dict.fromkeys(group.get("current", ()), about)
        rows |= dict.fromkeys(group.get("unsupported", ()), replace(about, unsupported=True))
        for day, names in group.get("shutdowns", {}).items():
            shutdown = None if day == "unknown" else datetime.date.fromisoformat(day)
            for name in names:
                instead = better.get(name, default if name != default else None)
                rows[name] = replace(about, ends=True, shutdown=shutdown, replacement=instead)
    return rows
