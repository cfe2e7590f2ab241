"""모델 이름을 보고 어디의 가격표를 볼지 정합니다. 파는 곳이 여럿이면 고르지 않고 묻습니다."""

from __future__ import annotations

import difflib
from functools import cache

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import Provider

from ..common.errors import UnknownPrice

LOCAL = ("local", "ollama")
# 강좌의 제공자 이름 -> 가격표의 이름. Hugging Face는 인퍼런스 제공자마다 요금이 달라 따로 다룹니다.
SELLERS = {"openai": "openai", "anthropic": "anthropic", "google": "google", "gemini": "google", "groq": "groq"}


def find_seller(model: str, provider: str | None) -> tuple[str, str]:
    """(가격표의 판매자, 거기서 쓰는 모델 이름)을 정합니다. 정할 수 없으면 어떻게 적으면 되는지 알려 줍니다.

    >>> find_seller("gemini/models/gemini-2.5-flash-lite", None)
    ('google', 'gemini-2.5-flash-lite')
    """
    name = model.strip()
    head, _, rest = name.partition("/")
    if provider is None and name.startswith(("openai/gpt-oss", "google/gemma")):
        raise UnknownPrice(f"오픈 모델은 파는 곳마다 요금이 다릅니다: {name!r}. {_ask(name)}")
    if provider in (None, head) and rest and head in (*SELLERS, *LOCAL, "huggingface"):
        provider, name = head, rest
    if provider in LOCAL:
        return provider, name
    if provider in SELLERS:
        return SELLERS[provider], name.removeprefix("models/")
    base, _, route = name.rpartition(":")
    if f"huggingface_{route}" in sellers():
        return f"huggingface_{route}", base
    if provider == "huggingface":
        raise UnknownPrice(f"Hugging Face는 인퍼런스 제공자마다 요금이 다릅니다. {_ask(name)}")
    if provider in sellers():
        return provider, name
    if provider is not None:
        known = ", ".join((*SELLERS, "huggingface", *LOCAL))
        raise UnknownPrice(f"모르는 제공자입니다: {provider!r}. 아는 이름: {known}, 또는 가격표에 있는 이름.")
    try:
        return get_snapshot().find_provider(name.lower(), None, None).id, name
    except LookupError:
        known = [seller for seller in ("openai", "groq") if sellers()[seller].find_model(name)]
    if len(known) == 1:
        return known[0], name
    hint = _ask(name) if "/" in name else nearest(name)
    raise UnknownPrice(f"모델 {name!r}의 가격을 모릅니다. {hint} 내 컴퓨터의 모델이면 'local/{name}'로 적으세요.")


def seller_at(host: str) -> str:
    """이 호스트에서 파는 곳의 가격표 이름입니다. 같은 모델도 게이트웨이마다 값이 다를 수 있습니다.

    >>> seller_at("openrouter.ai")
    'openrouter'
    """
    try:
        return get_snapshot().find_provider(None, None, f"https://{host}").id
    except LookupError:
        raise UnknownPrice(f"제공자의 호스트가 아닌 곳({host})이 답해 요금을 모릅니다.") from None


@cache
def sellers() -> dict[str, Provider]:
    return {provider.id: provider for provider in get_snapshot().providers}


def _ask(name: str) -> str:
    """이 이름 그대로 파는 곳을 어떻게 적는지 알려 줍니다."""
    name = name.removeprefix("huggingface/")
    found = [id for id, seller in sellers().items() if any(info.id == name for info in seller.models)]
    options = [f"'groq/{name}'"] if "groq" in found else []
    options += [f"'huggingface/{name}:{id[12:]}'" for id in found if id.startswith("huggingface_")]
    if not options:
        return "이 이름은 가격표에 없습니다."
    more = " 등" if len(options) > 2 else ""
    return f"어디의 요금인지 적으세요({len(options)}곳): {', '.join(options[:2])}{more}."


def nearest(name: str) -> str:
    ids = dict.fromkeys(info.id for seller in sorted(set(SELLERS.values())) for info in sellers()[seller].models)
    near = [] if name in ids else difflib.get_close_matches(name.lower(), ids, n=2)
    return f" 혹시 {' 또는 '.join(map(repr, near))}입니까?" if near else ""
