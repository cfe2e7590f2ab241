"""모델 자료의 어긋남: `data/model_states.json`을 키가 있는 제공자의 모델 목록(`GET /models`)과 비교합니다."""

from __future__ import annotations

import datetime
import json
from collections.abc import Collection, Iterator
from typing import Any

from llmkit.common.keys import find_key
from llmkit.common.providers import PROVIDERS
from llmkit.models import default_model, model_status

LISTING = ("openai", "anthropic")  # 모델 목록에 종료일이 있는 제공자
FIX = "llmkit/data/model_states.json의 이름과 날짜를 고치세요."


def compare(providers: Collection[str], on: datetime.date) -> Iterator[tuple[str, str]]:
    """`providers` 가운데 키가 있는 제공자의 목록과 다른 자료를 (달라진 것, 할 일)로 말합니다. 할 일이 없으면 확인하지 못한 것입니다."""
    listing = [name for name in LISTING if name in providers]
    if asked := [PROVIDERS[name].title for name in listing if find_key(PROVIDERS[name]).found]:
        print(f"모델 목록도 묻습니다(요금 없음): {', '.join(asked)}", flush=True)
    for provider in listing:
        title = f"{PROVIDERS[provider].title}의 모델 목록"
        key = find_key(PROVIDERS[provider])
        if not key.found:
            yield f"{title}: {key.problem}.", ""
            continue
        try:
            models = _ask(provider)
        except Exception as error:  # 거절된 키, 끊긴 연결, 목록이 아닌 응답
            problem = getattr(error, "status_code", type(error).__name__)
            yield f"{title}: 답을 받지 못했습니다({problem})", "키와 인터넷 연결을 확인하고 다시 실행하세요."
            continue
        for difference in _compare(provider, models, on):
            yield f"{title}, {difference}", FIX


def _ask(provider: str) -> list[dict[str, Any]]:
    if provider == "anthropic":
        from anthropic import Anthropic

        listing = Anthropic(timeout=60).get("/v1/models?limit=1000", cast_to=str)
    else:
        from openai import OpenAI

        listing = OpenAI(timeout=60).get("/models", cast_to=str)
    return json.loads(listing)["data"]


def _compare(provider: str, models: list[dict[str, Any]], on: datetime.date) -> Iterator[str]:
    unknown = []
    for model in models:
        status = model_status(model["id"], on=on)
        if status.state == "unknown":
            unknown.append(model["id"])
            continue
        theirs = (model.get("shutdown_date") or model.get("retires_at") or "")[:10]
        ours = str(status.shutdown or "")
        if theirs != ours and (theirs or "shutdown_date" in model or "retires_at" in model):
            yield f"{model['id']}: 종료일이 다릅니다. 목록 {theirs or '없음'}, 자료 {ours or '없음'}"
        elif model.get("lifecycle") == "retired" and status.state != "retired":
            yield f"{model['id']}: 목록에는 종료되었다고, 자료에는 {status.state}"
    if unknown:
        yield f"자료에 없는 이름 {len(unknown)}개: {', '.join(unknown)}"
    if default_model(provider) not in {model["id"] for model in models}:
        yield f"{default_model(provider)}: 기본 모델인데 목록에 없습니다."
