"""모델 이름과 수명: 지금 쓸 모델은 무엇이며, 어떤 모델이 언제 사라지는가."""

from __future__ import annotations

import datetime
import functools
import importlib.util
import json
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from .clock import today


@dataclass(frozen=True)
class ModelStatus:
    """모델의 상태입니다. `source`는 그렇게 말하는 근거와 그 날짜입니다."""

    name: str
    state: Literal["current", "deprecated", "retired"]
    shutdown: datetime.date | None
    replacement: str | None
    source: str

    def __str__(self) -> str:
        if self.shutdown is None:
            return f"{self.name}: 종료 예고를 찾지 못했습니다 ({self.source})"
        verb = "종료되었습니다" if self.state == "retired" else "종료될 예정입니다"
        advice = f", 대신 {self.replacement}" if self.replacement else ""
        return f"{self.name}: {self.shutdown:%Y-%m-%d}에 {verb}{advice} ({self.source})"

    __repr__ = __str__


@functools.cache
def model_data() -> dict[str, Any]:
    """`data/models.json`: 제공자별 기본 모델과, SDK에 없는 종료 날짜. 날짜와 근거가 함께 있습니다."""
    return json.loads(files("llmkit").joinpath("data/models.json").read_text(encoding="utf-8"))


def default_model(provider: str) -> str:
    return model_data()["defaults"][provider]["model"]


def model_status(name: str, on: datetime.date | None = None) -> ModelStatus:
    """모델이 `on` 날짜(없으면 오늘)에 쓸 수 있는지 알려 줍니다.

    종료 날짜는 `data/models.json`에 모은 것이며, 설치된 openai와 anthropic SDK가 다른 날짜를 말하면 SDK를 따릅니다.
    `ft:`로 시작하는 이름과 `조직/모델` 이름은 그 안의 모델 이름으로도 찾습니다. 날짜를 모르면 "current"이며,
    그것은 종료 예고를 찾지 못했다는 뜻입니다.

    >>> model_status("gpt-4.1-nano", on=datetime.date(2026, 11, 21)).state
    'retired'
    """
    on = on or today()
    if isinstance(on, datetime.datetime):
        on = on.date()
    if not (isinstance(name, str) and isinstance(on, datetime.date)):
        raise TypeError(f"model_status에는 모델 이름(str)과 날짜(datetime.date)를 넣으십시오: {name!r}, {on!r}")
    base = name.removeprefix("ft:").split(":")[0]
    for known in (name, base, base.split("/")[-1]):
        if known in _shutdowns():
            day, source = _shutdowns()[known]
            state: Literal["deprecated", "retired"] = "retired" if on >= day else "deprecated"
            return ModelStatus(name, state, day, _replacement(known), source)
    return ModelStatus(name, "current", None, None, f"설치된 SDK와 {model_data()['as_of']} 자료 기준")


def _replacement(name: str) -> str | None:
    for provider, entry in model_data()["defaults"].items():
        if name != entry["model"] and any(name.startswith(family) for family in entry.get("replaces", ())):
            return entry["model"]
    return None


@functools.cache
def _shutdowns() -> dict[str, tuple[datetime.date, str]]:
    ours = {
        name: (datetime.date.fromisoformat(day), f"{group['source']}, {group['as_of']}")
        for group in model_data()["shutdowns"]
        for day, names in group["dates"].items()
        for name in names
    }
    # 설치된 SDK가 다른 날짜를 말할 때만 그것을 따릅니다. 그래서 같은 날짜의 근거는 SDK의 판이 달라도 같습니다.
    news = {
        name: found
        for name, found in (_from_anthropic() | _from_openai()).items()
        if name not in ours or ours[name][0] != found[0]
    }
    return ours | news


def _from_openai() -> dict[str, tuple[datetime.date, str]]:
    """openai SDK의 `ChatModel` 아래 설명문: '- "이름", "이름": Announced shutdown date: 2027-01-14. ...'"""
    text = " ".join(_sdk_source("openai", "types/shared/chat_model.py").split())
    entry = re.compile(r'- ((?:"[^"]+",? ?)+): Announced shutdown date: (\d{4}-\d\d-\d\d)')
    source = _sdk_label("openai")
    return {
        name: (datetime.date.fromisoformat(day), source)
        for names, day in entry.findall(text)
        for name in re.findall(r'"([^"]+)"', names)
    }


def _from_anthropic() -> dict[str, tuple[datetime.date, str]]:
    """anthropic SDK의 `DEPRECATED_MODELS = {"이름": "November 30th, 2026", ...}`"""
    text = _sdk_source("anthropic", "resources/messages/messages.py")
    table = text.partition("\nDEPRECATED_MODELS = {")[2].partition("}")[0]
    months = "|".join(_MONTHS)
    source = _sdk_label("anthropic")
    return {
        name: (datetime.date(int(year), _MONTHS.index(month) + 1, int(day)), source)
        for name, month, day, year in re.findall(rf'"([^"]+)": "({months}) (\d+)[a-z]+, (\d{{4}})"', table)
    }


# strptime의 %B는 locale.setlocale(LC_ALL, "ko_KR.UTF-8") 뒤에 영어 달 이름을 읽지 못합니다.
_MONTHS = "January February March April May June July August September October November December".split()


def _sdk_source(package: str, path: str) -> str:
    # 읽기만 합니다. SDK를 import하면 1초 가까이 걸리기 때문입니다.
    spec = importlib.util.find_spec(package)
    file = Path(spec.submodule_search_locations[0]) / path if spec and spec.submodule_search_locations else None
    return file.read_text(encoding="utf-8") if file and file.is_file() else ""


def _sdk_label(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{package} SDK {version(package)}"
    except PackageNotFoundError:
        return f"{package} SDK"
