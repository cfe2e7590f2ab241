"""카세트: 한 수업에서 오간 요청과 응답을 담은 JSON 파일.

사람이 읽고 diff로 검토할 수 있게 적습니다. 스트림은 이벤트 하나가 한 줄이고, 그 앞의 숫자는 요청 뒤 몇 초에
도착했는지입니다. 응답의 바이트는 온 그대로 되살릴 수 있게 담습니다.
"""

from __future__ import annotations

import base64
import datetime
import json
import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from .ledger import read_usage
from .request import request_key

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
_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_LINE_END = re.compile(rb"\n")


class CassetteError(Exception):
    """카세트를 읽을 수 없습니다. 어느 파일의 어디가 왜 잘못되었는지 말합니다."""


@dataclass
class Exchange:
    """요청 하나와 그 결과입니다.

    `events`는 스트림의 (요청 뒤 초, 바이트) 목록이고 스트림이 아니면 비어 있습니다. `error`는 연결이 거부되거나
    끊겼을 때의 예외 이름과 메시지이며, 응답이 시작되기 전이면 `status`가 None입니다.
    """

    provenance: str  # "recorded" 또는 "authored"
    provider: str
    method: str
    path: str
    body: Any
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""
    events: list[tuple[float, bytes]] = field(default_factory=list)
    delay: float = 0.0  # 응답 헤더까지(실패했으면 실패까지) 걸린 초
    error: tuple[str, str] | None = None
    abandoned: bool = False  # 받는 쪽이 스트림을 끝까지 읽지 않고 닫았습니다.
    take: int = 1
    cell: str = ""  # 녹화한 셀의 지문
    origin: dict[str, str] = field(default_factory=dict)  # recorded일 때: 언제, 어디서, 어떤 SDK로

    @cached_property
    def key(self) -> str:
        return request_key(self.provider, self.method, self.path, self.body)

    @cached_property
    def usage(self) -> tuple[dict[str, Any] | None, str | None]:
        """응답에 적힌 usage와 모델 이름입니다."""
        model = self.body.get("model") if isinstance(self.body, dict) else None
        return read_usage(self.content or b"".join(data for _, data in self.events), model)

    def same_answer(self, other: Exchange) -> bool:
        mine, theirs = (
            (e.status, e.content, [data for _, data in e.events], e.error, e.abandoned) for e in (self, other)
        )
        return mine == theirs


@dataclass
class Cassette:
    """카세트 파일 하나입니다."""

    path: Path | None = None
    date: datetime.date | None = None
    models: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, list[str]] = field(default_factory=dict)  # input()의 물음마다 녹화할 때 쓴 대답
    exchanges: list[Exchange] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> Cassette:
        """파일을 읽습니다. 깨졌거나 모르는 판이면 `CassetteError`를 냅니다."""
        try:
            text = path.read_text(encoding="utf-8")
            data = json.loads(text)
        except FileNotFoundError:
            raise CassetteError(f"카세트 파일이 없습니다: {path}") from None
        except UnicodeDecodeError as error:
            raise CassetteError(f"{path}: UTF-8이 아닙니다({error.start}번째 바이트).{_RESTORE}") from None
        except json.JSONDecodeError as error:
            where = f"{error.lineno}번째 줄 {error.colno}번째 글자"
            what = "파일이 비어 있습니다" if not text.strip() else f"JSON이 {where}에서 깨졌습니다"
            raise CassetteError(f"{path}: {what}.{_RESTORE}") from None
        if not isinstance(data, dict) or data.get("cassette") != FORMAT:
            found = data.get("cassette") if isinstance(data, dict) else type(data).__name__
            raise CassetteError(
                f"{path}: 카세트 형식이 {FORMAT}이어야 하는데 {found!r}입니다. "
                "llmkit과 카세트의 판을 맞추십시오(git pull 뒤 다시 설치)."
            )
        place = "머리"
        try:
            cassette = cls(path, datetime.date.fromisoformat(data["date"]), dict(data["models"]), dict(data["inputs"]))
            for number, entry in enumerate(data["exchanges"], 1):
                place = f"{number}번째 exchange"
                cassette.exchanges.append(_exchange_from_json(entry))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CassetteError(f"{path}: {place}를 읽을 수 없습니다({error!r}).{_RESTORE}") from None
        return cassette

    def save(self) -> None:
        """통째로 새로 쓴 뒤 바꿔치기합니다. 도중에 꺼져도 파일은 늘 온전합니다."""
        assert self.path is not None and self.date is not None
        head = {"cassette": FORMAT, "date": self.date.isoformat(), "models": self.models, "inputs": self.inputs}
        entries = [_exchange_to_json(exchange) for exchange in self.exchanges]
        temporary = self.path.with_suffix(f".{os.getpid()}.json.tmp")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(_dump({**head, "exchanges": entries}))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.path)


_RESTORE = " 'git checkout -- <파일>'로 되돌리거나 다시 녹화하십시오."


def kept_headers(headers: Any) -> dict[str, str]:
    """응답 헤더에서 카세트에 담아도 되는 것만 고릅니다."""
    return {name.lower(): value for name, value in headers.items() if _KEPT_HEADERS.fullmatch(name.lower())}


def split_stream(content_type: str) -> re.Pattern[bytes] | None:
    """스트림 응답이면 이벤트를 나누는 정규식을, 아니면 None을 돌려줍니다."""
    if content_type.startswith("text/event-stream"):
        return _EVENT_END
    return _LINE_END if content_type.startswith(("application/x-ndjson", "application/jsonl")) else None


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
            return {"events": [[seconds, data.decode("utf-8")] for seconds, data in exchange.events]}
        text = exchange.content.decode("utf-8")
    except UnicodeDecodeError:
        content = exchange.content or b"".join(data for _, data in exchange.events)
        return {"base64": base64.b64encode(content).decode("ascii")}
    for style, how in _STYLES.items():
        try:
            value = json.loads(text)
            if isinstance(value, (dict, list)) and json.dumps(value, **how) == text:
                return {"json": style, "body": value}
        except ValueError:
            break
    return {"text": text}


def _exchange_from_json(entry: dict[str, Any]) -> Exchange:
    if entry["provenance"] not in ("recorded", "authored"):
        raise ValueError(f"provenance가 {entry['provenance']!r}입니다")
    request = entry["request"]
    exchange = Exchange(entry["provenance"], entry["provider"], request["method"], request["path"], request["body"])
    exchange.take, exchange.cell = entry.get("take", 1), entry.get("cell", "")
    exchange.origin, exchange.abandoned = entry.get("origin", {}), entry.get("abandoned", False)
    if "error" in entry:
        exchange.error = (entry["error"]["type"], entry["error"]["message"])
        exchange.delay = float(entry["error"].get("delay", 0))
    if "response" not in entry:
        if exchange.error is None:
            raise ValueError("response도 error도 없습니다")
        return exchange
    response = entry["response"]
    exchange.status, exchange.headers = int(response["status"]), dict(response["headers"])
    exchange.delay = float(response["delay"])
    if "events" in response:
        exchange.events = [(float(seconds), text.encode("utf-8")) for seconds, text in response["events"]]
    elif "json" in response:
        exchange.content = json.dumps(response["body"], **_STYLES[response["json"]]).encode("utf-8")
    elif "base64" in response:
        exchange.content = base64.b64decode(response["base64"], validate=True)
    else:
        exchange.content = response["text"].encode("utf-8")
    return exchange


def _dump(data: dict[str, Any]) -> str:
    """`json.dumps(indent=1)`과 같되 스트림의 이벤트는 한 줄에 하나씩 적습니다."""
    events: list[str] = []

    def hide(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: hide_events(v) if name == "events" else hide(v) for name, v in value.items()}
        return [hide(item) for item in value] if isinstance(value, list) else value

    def hide_events(value: Any) -> Any:
        if not (isinstance(value, list) and all(isinstance(row, list) for row in value)):
            return hide(value)
        lines = [json.dumps(row, ensure_ascii=False) for row in value]
        events.append("[\n     " + ",\n     ".join(lines) + "\n    ]")
        return f"\0events{len(events) - 1}\0"

    text = json.dumps(hide(data), indent=1, ensure_ascii=False)
    text = re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)  # 짝 없는 반쪽 글자
    return re.sub(r'"\\u0000events(\d+)\\u0000"', lambda found: events[int(found[1])], text) + "\n"
