"""카세트 파일의 구조. 손으로 고친 카세트도 있으므로, 어느 자리의 값이 왜 잘못되었는지 사람의 말로 알려 줍니다."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ..common.providers import PROVIDERS

Seconds = Annotated[int | float, Field(ge=0, lt=1e6)]
ProviderName = Literal[tuple(PROVIDERS)]  # 표에서 만들므로 형 검사기는 모릅니다.


def _to_date(value: Any) -> Any:
    try:
        return datetime.date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


ABSENT = object()  # null도 본문이므로 None으로 적을 수 없습니다.


class _Part(BaseModel):
    # null은 어느 자리에서도 받지 않습니다. 기본값 None은 파일에 그 자리가 없다는 뜻입니다.
    model_config = ConfigDict(strict=True)


class Request(_Part):
    method: str
    path: str
    body: Any  # 어떤 JSON이든 됩니다.


class Response(_Part):
    """본문은 `events`, `json`과 `body`, `base64`, `text` 가운데 하나로 적습니다."""

    status: Annotated[int, Field(ge=100, le=599)]
    headers: dict[str, str]
    delay: Seconds  # 응답 헤더까지 걸린 초
    events: list[Annotated[tuple[Seconds, str], Field(strict=False)]] = None  # type: ignore[assignment]
    style: Annotated[Literal["compact", "spaced", "escaped", "indented"], Field(alias="json")] = None  # type: ignore[assignment]
    body: Any = ABSENT
    base64: str = None  # type: ignore[assignment]
    text: str = None  # type: ignore[assignment]


class Failure(_Part):
    type: str
    message: str
    delay: Seconds = 0.0  # 응답이 시작되기 전에 실패했을 때, 실패까지 걸린 초


class Entry(_Part):
    """요청 하나와 그 결과. `response`와 `error` 가운데 적어도 하나가 있습니다."""

    provenance: Literal["recorded", "authored", "unverified"]
    provider: ProviderName  # pyright: ignore[reportInvalidTypeForm]
    request: Request
    response: Response = None  # type: ignore[assignment]
    error: Failure = None  # type: ignore[assignment]
    origin: dict[str, Any] = {}
    take: int = 1
    cell: str = ""
    repeats: int = 1
    abandoned: bool = False


class File(_Part):
    date: Annotated[datetime.date, BeforeValidator(_to_date)]
    models: dict[str, str]
    inputs: dict[str, list[str]]  # input()의 물음마다 녹화할 때 쓴 대답
    exchanges: list[Entry]
    # 앞 셀의 샘플 응답을 보이는 셀 → 그 제공자들
    marks: dict[str, list[ProviderName]] = {}  # pyright: ignore[reportInvalidTypeForm]


def read(data: dict[str, Any]) -> File:
    """파일의 JSON을 읽습니다. 잘못된 자리가 있으면 `ValueError`로 그 자리와 이유를 말합니다.

    >>> read({"date": "2026-11-21", "models": {}, "inputs": [], "exchanges": []})
    Traceback (most recent call last):
    ValueError: 맨 위: 'inputs' 값은 객체여야 합니다
    """
    try:
        return File.model_validate(data)
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        raise ValueError(_explain(first["type"], first["loc"], first["input"], first.get("ctx", {}))) from None


def place_of(number: int) -> str:
    """몇 번째 교환인지 적은 말입니다."""
    return f"{number + 1}번째 exchange"


_KINDS = {
    "model_type": "객체여야",
    "dict_type": "객체여야",
    "list_type": "배열이어야",
    "tuple_type": "배열이어야",
    "string_type": "문자열이어야",
    "int_type": "정수여야",
    "bool_type": "true나 false여야",
    "date_type": "2026-11-21 같은 날짜여야",
}


def _explain(kind: str, where: tuple[Any, ...], value: Any, context: dict[str, Any]) -> str:
    inside: list[Any] = list(where)
    place = "맨 위"
    if where[0] == "exchanges" and len(where) > 1:
        place, inside = place_of(where[1]), inside[2:]
    names = [name for name in inside if isinstance(name, str) and name not in ("int", "float")]
    what = f"{names[-1]!r} 값" if names else "이 값"
    if "events" in names and inside[-1] != "events":
        if kind in ("missing", "too_long"):
            return f"{place}: event는 [초, 글]이어야 합니다"
        part = inside[3] if len(inside) > 3 else 2  # [초, 글] 가운데 어느 것, 아니면 통째로
        what = ("event의 시각", "event의 글", "event의 값")[part]
    if kind == "missing":
        return f"{place}: {what}이 없습니다"
    if kind == "literal_error":
        known = context["expected"].replace(" or ", ", ").replace("'", "")
        return f"{place}: {what}은 {known} 가운데 하나여야 하는데 {value!r}입니다"
    if kind in _KINDS and "int" not in inside:
        return f"{place}: {what}은 {_KINDS[kind]} 합니다"
    return f"{place}: {what}은 {'100에서 599까지여야' if names[-1] == 'status' else '0 이상의 수여야'} 합니다"
