"""llmkit: LLM API 강좌의 도우미 패키지.

노트북에는 평범한 SDK 코드만 있습니다. 이 패키지는 그 밑에서 녹화를 재생하고, 스트림을 보기 좋게 보여 주고,
토큰과 비용을 셉니다. 읽어 볼 순서는 replay/hook.py(어디에 끼어드는가) → replay/player.py(무엇을 재생하는가) →
replay/tape.py와 recorder.py(어떻게 녹화하는가) → cost/calculate.py(얼마인가)입니다.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# 모듈마다 거기에 사는 이름들. 처음 쓸 때 읽어 오므로 `import llmkit`은 가볍습니다.
_NAMES = {
    "session": ("setup", "Session", "model"),
    "models": ("model_status",),
    "display.screen": ("display_stream", "adisplay_stream"),
    "display.result": ("StreamResult",),
    "display.streams": ("stream_text",),
    "display.plots": ("use_korean_font", "plot_style"),
    "display.pictures": ("picture",),
    "display.slider": ("Slider",),
    "cost.tokens": ("count_tokens", "encoding"),
    "cost.calculate": ("calculate_cost", "calc_cost"),
    "cost.krw": ("to_krw",),
    "cost.prices": ("price_table",),
    "cost.frames": ("add_cost", "total_cost"),
    "lessons.bookstore": ("bookstore",),
    "lessons.checks": ("check",),
    "lessons.parameters": ("supported_parameters",),
    "local": ("find_local_server", "local_url"),
    "trial": ("try_client",),
    "common.clock": ("today",),
    "common.errors": ("CassetteMiss", "CassetteError", "StreamError", "UnknownPrice"),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}
__all__ = sorted(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll] - 이름을 한 번만 적습니다.


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"llmkit에 없는 이름입니다: {name!r}. 있는 이름: {', '.join(__all__)}")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
