"""카세트: 한 수업에서 오간 요청과 응답을 담은 JSON 파일.

사람이 읽고 diff로 검토할 수 있게 적습니다. 스트림은 이벤트 하나가 한 줄이고, 그 앞의 숫자는 요청 뒤 몇 초에
도착했는지입니다. 응답의 바이트는 온 그대로 되살릴 수 있게 담습니다.
"""

from __future__ import annotations

import base64
import datetime
import glob
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.errors import CassetteError
from .exchange import Exchange

if TYPE_CHECKING:
    from . import schema

FORMAT = 1

# 응답 헤더는 여기 있는 것만 담습니다. 막을 것을 고르면 언젠가 새기 때문입니다(조직 이름, 쿠키 ...).
_KEPT_HEADERS = re.compile(
    r"content-type|retry-after(-ms)?|x-should-retry|x-request-id|request-id|openai-(processing-ms|version)"
    r"|(x|anthropic)-ratelimit-[a-z-]+|server|location"
)
# JSON 본문을 온 그대로 되살릴 수 있는 모양들. 어느 것도 아니면 글자 그대로 담습니다.
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
    seen: tuple[Path, Any] | None = field(default=None, repr=False)  # 마지막으로 읽거나 쓴 파일과 그때의 표시

    @classmethod
    def load(cls, path: Path) -> Cassette:
        """파일을 읽습니다. 깨졌거나 모르는 판이면 `CassetteError`를 냅니다."""
        mark = file_mark(path)
        data = _read_json(path)
        if not isinstance(data, dict) or "cassette" not in data:
            raise CassetteError(f"{path}: 카세트 파일이 아닙니다.{_RESTORE}")
        if data["cassette"] != FORMAT:
            raise CassetteError(
                f"{path}: 카세트 형식이 {data['cassette']!r}인데 이 llmkit은 {FORMAT}만 읽습니다. "
                "llmkit과 카세트의 버전을 맞추세요(git pull 뒤 다시 설치)."
            )
        from . import schema  # pydantic은 무거우므로 카세트를 읽을 때 불러옵니다.

        try:
            file = schema.read(data)
            exchanges = [_read_exchange(entry, schema.place_of(at)) for at, entry in enumerate(file.exchanges)]
        except ValueError as error:
            raise CassetteError(f"{path}: {error}.{_RESTORE}") from None
        return cls(path, file.date, file.models, file.inputs, exchanges, file.marks, (path, mark))

    @classmethod
    def for_recording(cls, path: Path) -> Cassette:
        """오늘 다시 녹화할 카세트입니다. 파일이 없으면 빈 카세트로 시작합니다."""
        if not path.parent.is_dir():
            raise CassetteError(f"카세트를 둘 폴더가 없습니다: {path.parent}")
        for file in left_behind(path, "tmp"):
            file.unlink(missing_ok=True)
        cassette = cls.load(path) if path.exists() else cls(path, seen=(path, None))
        cassette.date = datetime.datetime.now(datetime.UTC).date()  # 앞의 세션이 재생이었어도 진짜 오늘입니다.
        return cassette

    def save(self) -> None:
        """통째로 새로 쓴 뒤 바꿔치기합니다. 도중에 꺼져도 파일은 늘 온전합니다.

        Raises:
            CassetteError: 우리가 읽거나 쓴 뒤에 다른 프로그램이 파일을 고쳤을 때. 그 내용을 덮어쓰지 않습니다.
        """
        assert self.path is not None and self.date is not None
        if self.seen and self.seen[0] == self.path and self.seen[1] != file_mark(self.path):
            raise CassetteError(f"{self.path}: 다른 프로그램이 이 파일을 고쳤습니다. 녹화는 한 번에 하나씩 하세요.")
        head = {"cassette": FORMAT, "date": self.date.isoformat(), "models": self.models, "inputs": self.inputs}
        head |= {"marks": self.marks} if self.marks else {}
        entries = [_exchange_to_json(exchange) for exchange in self.exchanges]
        path = self.path.resolve()  # 심볼릭 링크이면 그것이 가리키는 파일을 바꿉니다.
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("w", encoding="utf-8") as file:
                file.write(_dump({**head, "exchanges": entries}))
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                shutil.copymode(path, temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        self.seen = (self.path, file_mark(self.path))


def file_mark(path: Path) -> tuple[int, int] | None:
    """파일이 바뀌었는지 알아보는 표시. 파일이 없으면 None입니다."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def left_behind(path: Path, kind: str) -> Iterator[Path]:
    """꺼진 프로세스가 `path` 옆에 남긴 `<파일>.<프로세스 번호>.<kind>`들입니다."""
    for file in path.parent.glob(f"{glob.escape(path.name)}.*.{kind}"):
        if not _is_running(file.name.split(".")[-2]):
            yield file


def _is_running(process: str) -> bool:
    """다른 프로세스가 아직 실행 중이면 True입니다. 윈도에서는 알아보려다 그 프로세스를 끝내게 되므로 보지 않습니다."""
    if os.name == "nt" or not process.isdecimal() or int(process) == os.getpid():
        return False
    try:
        os.kill(int(process), 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


_RESTORE = " 'git checkout -- <파일>'로 되돌리거나, 파일을 지우고 다시 녹화하세요."


def _read_json(path: Path) -> Any:
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text)
    except FileNotFoundError:
        raise CassetteError(f"카세트 파일이 없습니다: {path}") from None
    except OSError as error:
        raise CassetteError(f"{path}: 파일을 읽을 수 없습니다({error.strerror}).") from None
    except UnicodeDecodeError as error:
        what = f"UTF-8이 아닙니다({error.start}번째 바이트)"
    except json.JSONDecodeError as error:
        what = f"JSON이 {error.lineno}번째 줄 {error.colno}번째 글자에서 깨졌습니다"
        if re.search("^<<<<<<< ", text, re.MULTILINE):
            what += "(git이 합치지 못한 <<<<<<< 표시가 남아 있습니다)"
    except (ValueError, RecursionError):  # 수천 자리의 수, 수천 겹의 괄호
        what = "JSON을 읽을 수 없습니다"
    raise CassetteError(
        f"{path}: {what if text.strip() or what.startswith('UTF') else '파일이 비어 있습니다'}.{_RESTORE}"
    )


def kept_headers(headers: Any) -> dict[str, str]:
    """응답 헤더에서 카세트에 담아도 되는 것만 고릅니다."""
    return {name.lower(): value for name, value in headers.items() if _KEPT_HEADERS.fullmatch(name.lower())}


def _exchange_to_json(exchange: Exchange) -> dict[str, Any]:
    entry: dict[str, Any] = {"provenance": exchange.provenance, "provider": exchange.provider}
    entry |= {"origin": exchange.origin} if exchange.origin else {}
    entry |= {"take": exchange.take} if exchange.take != 1 else {}
    entry["cell"] = exchange.cell
    entry |= {"repeats": exchange.repeats} if exchange.repeats != 1 else {}
    entry["request"] = {"method": exchange.method, "path": exchange.path, "body": exchange.body}
    if exchange.status is not None:
        entry["response"] = {"status": exchange.status, "headers": exchange.headers, "delay": exchange.delay}
        entry["response"] |= _body_to_json(exchange)
    if exchange.error:
        entry["error"] = dict(zip(("type", "message"), exchange.error))
        entry["error"] |= {"delay": exchange.delay} if exchange.status is None else {}
    return entry | ({"abandoned": True} if exchange.abandoned else {})


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


def _read_exchange(entry: schema.Entry, place: str) -> Exchange:
    request, response, failure = entry.request, entry.response, entry.error
    if response is None and failure is None:
        raise ValueError(f"{place}: response도 error도 없습니다")
    exchange = Exchange(entry.provenance, entry.provider, request.method, request.path, request.body)
    exchange.take, exchange.cell, exchange.origin = entry.take, entry.cell, entry.origin
    exchange.abandoned, exchange.repeats = entry.abandoned, entry.repeats
    if failure is not None:
        exchange.error, exchange.delay = (failure.type, failure.message), failure.delay
    if response is not None:
        exchange.status, exchange.headers, exchange.delay = response.status, response.headers, response.delay
        try:
            _read_body(response, exchange)
        except (ValueError, TypeError):
            raise ValueError(f"{place}: 응답의 본문이 없거나 바이트로 되돌릴 수 없습니다") from None
    return exchange


def _read_body(response: schema.Response, exchange: Exchange) -> None:
    if response.events is not None:
        exchange.events = [(at, text.encode("utf-8", "surrogateescape")) for at, text in response.events]
    elif response.style is not None:
        exchange.content = json.dumps(response.body, **_STYLES[response.style]).encode("utf-8")
    elif response.text is not None:
        exchange.content = response.text.encode("utf-8")
    else:
        exchange.content = base64.b64decode(response.base64, validate=True)


# 스트림의 이벤트 [초, "글"]. JSON의 문자열 안에는 진짜 줄바꿈이 없으므로 다른 글과 헷갈리지 않습니다.
_EVENT = re.compile(r'\[\n *([0-9.e+-]+),\n *("[^"\\]*+(?:\\.[^"\\]*+)*+")\n *\]')


def _dump(data: dict[str, Any]) -> str:
    """`json.dumps(indent=1)`과 같되 스트림의 이벤트는 한 줄에 하나씩 적습니다."""
    text = _EVENT.sub(r"[\1, \2]", json.dumps(data, indent=1, ensure_ascii=False))
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text) + "\n"  # 짝 없는 반쪽 글자
