"""카세트: 한 수업에서 오간 요청과 응답을 담은 JSON 파일.

사람이 읽고 diff로 검토할 수 있게 적습니다. 스트림은 이벤트 하나가 한 줄이고, 그 앞의 숫자는 요청 뒤 몇 초에
도착했는지입니다. 응답의 바이트는 온 그대로 되살릴 수 있게 담습니다.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import CassetteError
from .exchange import Exchange
from .providers import PROVIDERS

FORMAT = 1

# 응답 헤더는 여기 있는 것만 담습니다. 막을 것을 고르면 언젠가 새기 때문입니다(조직 이름, 쿠키 ...).
_KEPT_HEADERS = re.compile(
    r"content-type|retry-after(-ms)?|x-should-retry|x-request-id|request-id|openai-(processing-ms|version)"
    r"|(x|anthropic)-ratelimit-[a-z-]+|server"
)
# JSON 본문을 온 그대로 되살릴 수 있는 세 가지 모양. 어느 것도 아니면 글자 그대로 담습니다.
_STYLES: dict[str, dict[str, Any]] = {
    "compact": {"separators": (",", ":"), "ensure_ascii": False},
    "spaced": {"ensure_ascii": False},
    "escaped": {"ensure_ascii": True},
    "indented": {"indent": 2, "ensure_ascii": False},
}

@dataclass
class Cassette:
    """카세트 파일 하나입니다."""

    path: Path | None = None
    date: datetime.date | None = None
    models: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, list[str]] = field(default_factory=dict)  # input()의 물음마다 녹화할 때 쓴 대답
    exchanges: list[Exchange] = field(default_factory=list)
    marks: dict[str, list[str]] = field(default_factory=dict)  # 앞 셀의 샘플 응답을 보이는 셀 → 그 제공자들

    @classmethod
    def load(cls, path: Path) -> Cassette:
        """파일을 읽습니다. 깨졌거나 모르는 판이면 `CassetteError`를 냅니다."""
        try:
            text = path.read_text(encoding="utf-8")
            data = json.loads(text)
        except FileNotFoundError:
            raise CassetteError(f"카세트 파일이 없습니다: {path}") from None
        except OSError as error:
            raise CassetteError(f"{path}: 파일을 읽을 수 없습니다({error.strerror}).") from None
        except UnicodeDecodeError as error:
            raise CassetteError(f"{path}: UTF-8이 아닙니다({error.start}번째 바이트).{_RESTORE}") from None
        except json.JSONDecodeError as error:
            where = f"{error.lineno}번째 줄 {error.colno}번째 글자"
            what = "파일이 비어 있습니다" if not text.strip() else f"JSON이 {where}에서 깨졌습니다"
            raise CassetteError(f"{path}: {what}.{_RESTORE}") from None
        except (ValueError, RecursionError):  # 수천 자리의 수, 수천 겹의 괄호
            raise CassetteError(f"{path}: JSON을 읽을 수 없습니다.{_RESTORE}") from None
        if not isinstance(data, dict) or "cassette" not in data:
            raise CassetteError(f"{path}: 카세트 파일이 아닙니다.{_RESTORE}")
        if data["cassette"] != FORMAT:
            raise CassetteError(
                f"{path}: 카세트 형식이 {data['cassette']!r}인데 이 llmkit은 {FORMAT}만 읽습니다. "
                "llmkit과 카세트의 판을 맞추십시오(git pull 뒤 다시 설치)."
            )
        place = "맨 위"
        try:
            cassette = cls(path, _date(data), _take(data, "models", dict), _take(data, "inputs", dict))
            _each(cassette.models.values(), str, "models의 값")
            _each(cassette.inputs.values(), list, "inputs의 값")
            _each(sum(cassette.inputs.values(), []), str, "inputs의 대답")
            cassette.marks = _take(data, "marks", dict, {})
            _each(cassette.marks.values(), list, "marks의 값")
            [_one_of({"marks": name}, "marks", PROVIDERS) for name in sum(cassette.marks.values(), [])]
            for number, entry in enumerate(_take(data, "exchanges", list), 1):
                place = f"{number}번째 exchange"
                _each([entry], dict, "이 값")
                cassette.exchanges.append(_exchange_from_json(entry))
        except (binascii.Error, UnicodeError):
            raise CassetteError(f"{path}: {place}: 응답의 본문을 바이트로 되돌릴 수 없습니다.{_RESTORE}") from None
        except ValueError as error:
            raise CassetteError(f"{path}: {place}: {error}.{_RESTORE}") from None
        return cassette

    def save(self) -> None:
        """통째로 새로 쓴 뒤 바꿔치기합니다. 도중에 꺼져도 파일은 늘 온전합니다."""
        assert self.path is not None and self.date is not None
        head = {"cassette": FORMAT, "date": self.date.isoformat(), "models": self.models, "inputs": self.inputs}
        head |= {"marks": self.marks} if self.marks else {}
        entries = [_exchange_to_json(exchange) for exchange in self.exchanges]
        temporary = self.path.with_suffix(f".{os.getpid()}.json.tmp")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(_dump({**head, "exchanges": entries}))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.path)


_RESTORE = " 'git checkout -- <파일>'로 되돌리거나, 파일을 지우고 다시 녹화하십시오."


def kept_headers(headers: Any) -> dict[str, str]:
    """응답 헤더에서 카세트에 담아도 되는 것만 고릅니다."""
    return {name.lower(): value for name, value in headers.items() if _KEPT_HEADERS.fullmatch(name.lower())}


def _exchange_to_json(exchange: Exchange) -> dict[str, Any]:
    entry: dict[str, Any] = {"provenance": exchange.provenance, "provider": exchange.provider}
    if exchange.origin:
        entry["origin"] = exchange.origin
    if exchange.take != 1:
        entry["take"] = exchange.take
    entry["cell"] = exchange.cell
    entry["request"] = {"method": exchange.method, "path": exchange.path, "body": exchange.body}
    if exchange.status is not None:
        entry["response"] = {"status": exchange.status, "headers": exchange.headers, "delay": exchange.delay}
        entry["response"] |= _body_to_json(exchange)
    if exchange.error:
        entry["error"] = {"type": exchange.error[0], "message": exchange.error[1]}
        if exchange.status is None:
            entry["error"]["delay"] = exchange.delay
    if exchange.abandoned:
        entry["abandoned"] = True
    return entry


def _body_to_json(exchange: Exchange) -> dict[str, Any]:
    try:
        if exchange.events:
            # 글자 가운데서 끊긴 스트림의 마지막 바이트들은 반쪽 글자(\udc80-\udcff)로 적습니다(PEP 383).
            return {"events": [[at, data.decode("utf-8", "surrogateescape")] for at, data in exchange.events]}
        text = exchange.content.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(exchange.content).decode("ascii")}
    for style, how in _STYLES.items():
        try:
            value = json.loads(text)
            if isinstance(value, (dict, list)) and json.dumps(value, **how) == text:
                return {"json": style, "body": value}
        except ValueError:
            break
    return {"text": text}


def _exchange_from_json(entry: dict[str, Any]) -> Exchange:
    request = _take(entry, "request", dict)
    exchange = Exchange(
        _one_of(entry, "provenance", ("recorded", "authored")),
        _one_of(entry, "provider", PROVIDERS),
        _take(request, "method", str),
        _take(request, "path", str),
        _take(request, "body", object),
        take=_take(entry, "take", int, 1),
        cell=_take(entry, "cell", str, ""),
        origin=_take(entry, "origin", dict, {}),
        abandoned=_take(entry, "abandoned", bool, False),
    )
    if error := _take(entry, "error", dict, {}):
        exchange.error = (_take(error, "type", str), _take(error, "message", str))
        exchange.delay = _take(error, "delay", float, 0.0)
    elif "response" not in entry:
        raise ValueError("response도 error도 없습니다")
    if "response" not in entry:
        return exchange
    response = _take(entry, "response", dict)
    exchange.status, exchange.headers = _take(response, "status", int), _take(response, "headers", dict)
    exchange.delay = _take(response, "delay", float)
    _each(exchange.headers.values(), str, "headers의 값")
    if not 100 <= exchange.status <= 599:
        raise ValueError("'status' 값은 100에서 599까지입니다")
    if "events" in response:
        for row in _take(response, "events", list):
            _each([row], list, "event의 값")
            if len(row) != 2:
                raise ValueError("event는 [초, 글]이어야 합니다")
            _each(row[:1], float, "event의 시각")
            _each(row[1:], str, "event의 글")
            exchange.events.append((row[0], row[1].encode("utf-8", "surrogateescape")))
    elif "json" in response:
        style = _STYLES[_one_of(response, "json", _STYLES)]
        exchange.content = json.dumps(_take(response, "body", object), **style).encode("utf-8")
    elif "base64" in response:
        exchange.content = base64.b64decode(_take(response, "base64", str), validate=True)
    else:
        exchange.content = _take(response, "text", str).encode("utf-8")
    return exchange


# 손으로 고친 카세트도 있으므로, 값을 꺼낼 때마다 자료형을 봅니다.
_REQUIRED = object()
_NAMES = {dict: "객체여야", list: "배열이어야", str: "문자열이어야", int: "정수여야", float: "0 이상의 수여야"}
_NAMES |= {bool: "true나 false여야"}


def _take(entry: dict[Any, Any], name: Any, kind: type, default: Any = _REQUIRED) -> Any:
    value = entry.get(name, default)
    if value is _REQUIRED:
        raise ValueError(f"{name!r} 값이 없습니다")
    _each([value], kind, f"{name!r} 값")
    return value


def _each(values: Iterable[Any], kind: type, what: str) -> None:
    for value in values:
        fits = type(value) is kind or kind is object
        if kind is float:
            fits = type(value) in (int, float) and 0 <= value < 1e6
        if not fits:
            raise ValueError(f"{what}은 {_NAMES[kind]} 합니다")


def _one_of(entry: dict[str, Any], name: str, known: Iterable[str]) -> str:
    value = _take(entry, name, str)
    if value not in known:
        raise ValueError(f"{name!r} 값은 {', '.join(known)} 가운데 하나여야 하는데 {value!r}입니다")
    return value


def _date(data: dict[str, Any]) -> datetime.date:
    text = _take(data, "date", str)
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'date' 값은 2026-11-21 같은 날짜여야 하는데 {text!r}입니다") from None


# 스트림의 이벤트 [초, "글"]. JSON의 문자열 안에는 진짜 줄바꿈이 없으므로 다른 글과 헷갈리지 않습니다.
_EVENT = re.compile(r'\[\n *([0-9.e+-]+),\n *("[^"\\]*+(?:\\.[^"\\]*+)*+")\n *\]')


def _dump(data: dict[str, Any]) -> str:
    """`json.dumps(indent=1)`과 같되 스트림의 이벤트는 한 줄에 하나씩 적습니다."""
    text = _EVENT.sub(r"[\1, \2]", json.dumps(data, indent=1, ensure_ascii=False))
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text) + "\n"  # 짝 없는 반쪽 글자
