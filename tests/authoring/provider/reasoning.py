"""추론: 오늘의 기본 모델은 부탁하지 않아도 먼저 생각합니다. 그 토큰의 수와, 글을 보내는 제공자의 글."""

from __future__ import annotations

import re
from typing import Any

from . import tokens
from .profiles import Profile

TEXT = "authored: 물음을 읽고 알맞은 답을 고릅니다."  # 어느 모델의 생각도 아닙니다.
EFFORTS = {"none": 0.0, "minimal": 0.25, "low": 0.5, "medium": 1.0, "high": 2.0, "xhigh": 4.0, "max": 8.0}


def reasons(model: str) -> bool:
    """OpenAI의 추론 모델인가."""
    return re.match(r"o\d|gpt-[5-9]", model) is not None


def effort_of(asked: dict[str, Any]) -> str | None:
    """OpenAI에 부탁한 추론의 세기. 적지 않았으면 그 모델의 기본값이고, 추론 모델이 아니면 None입니다."""
    if not reasons(asked["model"]):
        return None
    given = asked.get("reasoning_effort") or (asked.get("reasoning") or {}).get("effort")
    return given or ("none" if re.match(r"gpt-5\.[1-5]", asked["model"]) else "medium")


def writes_reasoning(provider: str, model: str) -> bool:
    """추론의 글을 `reasoning`에 적어 보내는가: gpt-oss를 돌리는 Groq와 Hugging Face."""
    return provider in ("groq", "huggingface") and "gpt-oss" in model


def tokens_for(provider: str, asked: dict[str, Any], profile: Profile, scripted: int | None) -> int:
    """이 요청에 답하며 쓸 추론 토큰. 대본이 적은 수가 먼저지만, 끈 추론은 켜지 않습니다."""
    if provider == "openai":
        usual = profile.reasoning * EFFORTS[effort_of(asked) or "none"]
        off = reasons(asked["model"]) and not usual
    elif provider == "anthropic":
        usual = _claude(asked, profile)
        off = not usual and (not profile.thinking or _thinking(asked) == "disabled")
    else:
        usual = tokens.count(TEXT) if writes_reasoning(provider, asked["model"]) and profile.reasoning else 0
        off = False
    return 0 if off else int(usual) if scripted is None else scripted


def _claude(asked: dict[str, Any], profile: Profile) -> float:
    by_default = re.match(r"claude-[a-z]+-5\b", asked["model"]) is not None
    if _thinking(asked) == "disabled" or not (by_default or _thinking(asked)):
        return 0
    effort = (asked.get("output_config") or {}).get("effort") or "medium"
    return profile.thinking * EFFORTS[effort]


def _thinking(asked: dict[str, Any]) -> str | None:
    return (asked.get("thinking") or {}).get("type")
