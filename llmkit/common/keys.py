"""API 키: 어디서 찾고, 무엇을 없는 것으로 보며, 어떻게 새지 않게 하는가."""

from __future__ import annotations

import base64
import codecs
import html
import io
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from .ipython import IN_PAGE, say
from .providers import PLACEHOLDERS, PROVIDERS, Provider

# 진짜 키의 모양. 가운데를 별표로 가린 키(오류 메시지에 흔합니다)도 키의 일부이므로 함께 봅니다. 단어의 첫머리에서만
# 찾으므로 task-...는 키가 아니지만, \n이나 %3D처럼 이스케이프한 글자 뒤도 첫머리입니다.
_SHAPE = re.compile(
    r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
    r"(?:sk-(?:ant-|proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{20,}|gsk_[A-Za-z0-9]{20,}"
    r"|AIza[0-9A-Za-z_-]{30,}|(?:sk-|hf_|gsk_|AIza)[A-Za-z0-9_-]*\*{3,}[A-Za-z0-9_*-]*)"
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{20,}")
_LETTERS = re.compile(rb"[\t-\r -~]{8,}")  # 알려진 키의 조각(_FRAGMENT)보다 짧은 것은 볼 것이 없습니다.
_NO_HEX = bytes(set(range(256)) - set(b"0123456789abcdef"))
_FROM_URLSAFE = str.maketrans("-_", "+/")
_FRAGMENT = 8  # 알려진 키와 이만큼 이어서 같으면 키의 일부로 봅니다.
_AROUND = " \t\r\n\xa0\u200b\ufeff'\"‘’“”"  # 키를 베껴 붙일 때 딸려 오는 것들
_SHORTEST = 16  # 이보다 짧은 값은 키로 보지 않습니다. 흔한 단어와 겹치기 때문입니다.

KEY_NAMES = tuple(name for provider in PROVIDERS.values() for name in provider.keys)

_changed: dict[str, tuple[str | None, str]] = {}  # 여기서 바꾼 환경 변수 → (앞의 값, 넣은 값)
_told: list[Any] = []  # 통계를 끄라고 알린 huggingface_hub의 모듈
_refused: dict[str, str] = {}  # Colab이 주지 않은 변수와 그 이유


@dataclass(frozen=True)
class Key:
    """한 제공자의 키를 찾은 결과입니다. 키의 값은 담지 않습니다."""

    found: bool
    variable: str  # 찾은 변수, 없으면 넣어야 할 변수
    problem: str = ""  # 없을 때의 이유: "OPENAI_API_KEY 값이 없습니다"


# 환경 변수: 읽고, 채우고, 되돌립니다 -----------------------------------------------------------------------


def load_environment() -> None:
    """`.env`를 찾아(지금 폴더에서 위로) 읽고, Colab이면 비밀(userdata)에서도 키를 가져옵니다.

    쓸 만한 값이 이미 있는 환경 변수는 건드리지 않습니다. 다시 부르면 그 사이 고치거나 지운 값까지 새로 읽습니다.
    `PYTHON_DOTENV_DISABLED=1`이면 `.env`를 읽지 않습니다.
    """
    unload_environment()
    if IN_PAGE:
        return _refuse_keys()
    if os.environ.get("PYTHON_DOTENV_DISABLED", "").casefold() not in ("1", "true", "t", "yes", "y"):
        try:
            values = _read_env_file()
        except OSError as error:  # 권한이 없는 .env, 지워진 폴더
            values = {}
            say(f"llmkit: .env를 읽을 수 없어 그것 없이 시작합니다({error.strerror or error}).")
        for name, value in values.items():
            _put_missing(name, value)
    if "google.colab" in sys.modules:
        _load_colab_secrets()
    _put_missing("HF_TOKEN", _stored_login())
    for name in KEY_NAMES:  # 키에 딸려 온 줄바꿈이 헤더로 나가면, 키가 그대로 적힌 오류가 납니다.
        if name in os.environ:
            os.environ[name] = os.environ[name].strip(_AROUND)


def _refuse_keys() -> None:
    """브라우저의 페이지에 넣은 키는 쓰지 않고 잊습니다. 누가 내놓은 페이지인지 모르고, 브라우저에 남을 수 있습니다."""
    try:
        values = _read_env_file() | os.environ
    except OSError:  # 서비스 워커가 막힌 브라우저에서는 노트북이 있는 폴더를 읽을 수 없습니다.
        values = {**os.environ}
    if not all(missing_reason(values.get(name) or "") for name in KEY_NAMES):
        say("이 페이지는 키를 쓰지도 저장하지도 않으니, 실제로 호출하려면 Colab이나 내 컴퓨터에서 여세요.")
    for name in KEY_NAMES:
        os.environ.pop(name, None)


def fill_placeholders(modes: Mapping[str, str]) -> None:
    """키가 없어 재생하는(`modes`가 "replay"인) 제공자에, SDK가 클라이언트를 만들 수 있게 가짜 키를 넣습니다."""
    for name, provider in PROVIDERS.items():
        key = find_key(provider) if provider.keys else None
        if key and key.found and key.variable != provider.keys[0]:  # 노트북의 코드는 첫 번째 이름으로 읽습니다.
            _put(provider.keys[0], os.environ[key.variable])
        elif key and not key.found and modes[name] == "replay":
            _put(provider.keys[0], provider.placeholder)
    if modes["openai"] == "replay" and "AZURE_OPENAI_API_KEY" not in os.environ:
        _put("AZURE_OPENAI_API_KEY", PROVIDERS["openai"].placeholder)
    if "HF_HUB_DISABLE_TELEMETRY" not in os.environ:  # huggingface_hub이 사용 통계를 보내지 않게 합니다.
        _put("HF_HUB_DISABLE_TELEMETRY", "1")
        # 먼저 import했다면 환경 변수를 이미 읽은 뒤이므로, 읽은 값을 바꿉니다.
        hub: Any = sys.modules.get("huggingface_hub.constants")
        if hub and not hub.HF_HUB_DISABLE_TELEMETRY:
            hub.HF_HUB_DISABLE_TELEMETRY = True
            _told.append(hub)


def unload_environment() -> None:
    """위의 두 함수가 바꾼 환경 변수를 되돌립니다. 그 뒤에 학습자가 다른 값을 넣은 변수는 그대로 둡니다."""
    for name, (before, ours) in _changed.items():
        if os.environ.get(name) == ours:
            del os.environ[name]
            os.environ |= {} if before is None else {name: before}
    while _told:
        _told.pop().HF_HUB_DISABLE_TELEMETRY = False
    _changed.clear()
    _refused.clear()


def _put(name: str, value: str) -> None:
    before = _changed[name][0] if name in _changed else os.environ.get(name)
    try:
        os.environ[name] = value
    except ValueError:  # 이름에 =가 있거나, 이 컴퓨터의 문자표에 없는 글자입니다.
        return say(f"llmkit: .env에 환경 변수로 쓸 수 없는 줄이 있어 건너뜁니다: {name!r}")
    _changed[name] = (before, value)


def _put_missing(name: str, value: str | None) -> None:
    is_key = name in KEY_NAMES
    if value is not None and (name not in os.environ or (is_key and missing_reason(os.environ[name]))):
        _put(name, value.strip(_AROUND) if is_key else value)


def _read_env_file() -> dict[str, str | None]:
    from dotenv import dotenv_values, find_dotenv

    path = find_dotenv(usecwd=True)
    content = Path(path).read_bytes() if path else b""
    return dotenv_values(stream=io.StringIO(_decode(content).replace("\0", "")))


def _decode(content: bytes) -> str:
    """PowerShell(UTF-16)과 옛 한글 Windows의 메모장(cp949)이 쓴 `.env`도 읽습니다. BOM은 없을 수도 있습니다."""
    boms = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    encoding = next((name for bom, name in boms.items() if content.startswith(bom)), "utf-8-sig")
    if (
        encoding == "utf-8-sig" and content.count(0) > len(content) // 4
    ):  # 영문의 UTF-16은 두 바이트 가운데 하나가 0입니다.
        encoding = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return content.decode("cp949", "replace")


def _stored_login() -> str | None:
    """`hf auth login`이 이 컴퓨터에 저장한 토큰입니다. huggingface_hub과 같은 곳을 봅니다."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    home = Path(os.environ.get("HF_HOME") or cache)
    try:
        return (
            Path(os.environ.get("HF_TOKEN_PATH") or home / "token").expanduser().read_text(encoding="utf-8").strip()
            or None
        )
    except (OSError, ValueError, RuntimeError):  # 없거나, 읽을 수 없거나, 홈 폴더를 모르거나
        return None


def _load_colab_secrets() -> None:
    wanted = [name for name in KEY_NAMES if missing_reason(os.environ.get(name, ""))]
    for at, name in enumerate(wanted):
        try:
            from google.colab import userdata  # pyright: ignore[reportMissingImports] - Colab에만 있습니다.

            _put_missing(name, userdata.get(name))
        except Exception as error:  # 비밀이 없거나, 허락하지 않았거나, Colab 페이지가 아니거나
            if type(error).__name__ == "NotebookAccessError":
                _refused[name] = (
                    "값은 보안 비밀에 있지만 이 노트북의 액세스가 꺼져 있습니다. 켜고 이 셀을 다시 실행하세요"
                )
            if type(error).__name__ == "TimeoutException":  # 하나가 10초를 기다리게 했다면 나머지도 그럴 것입니다.
                late = "값을 Colab에서 제때 받지 못했습니다. 이 셀을 다시 실행하세요"
                _refused.update(dict.fromkeys(wanted[at:], late))
                return


def missing_reason(value: str) -> str:
    """키로 쓸 수 없는 값이면 이유를, 쓸 수 있으면 빈 문자열을 돌려줍니다.

    >>> missing_reason("")
    '비어 있습니다'
    >>> missing_reason("여기에-키를-붙여-넣으세요")
    '예시 값 그대로입니다'
    """
    value = value.strip(_AROUND)
    if not value:
        return "비어 있습니다"
    if len(value.splitlines()) > 1:  # 그대로 보내면, 키가 통째로 적힌 오류가 납니다.
        return "여러 줄로 나뉘어 있습니다"
    if value in PLACEHOLDERS:
        return "없습니다"
    if not value.isascii() or value.endswith("..."):  # .env.example의 값에는 한글이 들어 있습니다.
        return "예시 값 그대로입니다"
    return ""


def find_key(provider: Provider) -> Key:
    """환경 변수에서 제공자의 키를 찾습니다."""
    problems = []
    for variable in provider.keys:
        if variable in os.environ:
            reason = missing_reason(os.environ[variable])
            if not reason:
                return Key(True, variable)
            problems.append(f"{variable} 값이 {reason}")
        elif variable in _refused:
            problems.append(f"{variable} {_refused[variable]}")
    return Key(False, provider.keys[0], problems[0] if problems else f"{provider.keys[0]} 값이 없습니다")


def known_keys(*headers: str) -> set[str]:
    """지금 프로세스가 아는 키: 환경 변수에 있는 것과, 요청 헤더(`Bearer ...`)로 나가는 것."""
    values = [os.environ.get(name, "") for name in KEY_NAMES] + [header.split(" ")[-1] for header in headers]
    # .env.example의 글("여기에-…")은 키가 아닙니다. 키로 치면 그 안의 단어가 화면에서 가려집니다.
    return {v for v in values if len(v) >= _SHORTEST and v not in PLACEHOLDERS and not v.startswith("여기에-")}


def has_secret(text: str, keys: set[str]) -> bool:
    """`text`에 아는 키의 일부(8글자 이상)나 키처럼 생긴 것이 있으면 True입니다. base64, 16진수, %41로 적은 것도 찾습니다."""
    fragments = [fragment for key in keys for fragment in _fragments(key)]
    for reading in _readings(text):
        if _SHAPE.search(reading) or any(fragment in reading for fragment in fragments):
            return True
    digits = text.lower().encode("utf-8", "replace").translate(None, _NO_HEX)
    squeezed = "".join(text.split())
    return any(key.encode().hex().encode() in digits or key in squeezed for key in keys)


def _readings(text: str, depth: int = 2) -> Iterator[str]:
    """글 자체와, 그 안의 %41, &#65;, base64를 푼 글. 두 겹까지 풉니다."""
    yield text
    if not depth:
        return
    for plain in (unquote(text), html.unescape(text)):
        if plain != text:
            yield from _readings(plain, depth - 1)
    joined = "".join(text.split()).replace("\\n", "").replace("\\r", "")  # base64는 여러 줄로 나누어 적기도 합니다.
    for run in {*_BASE64.findall(text), *_BASE64.findall(joined)}:
        for start in range(4):  # 앞의 글자와 붙어 있으면 어디서 시작하는지 모릅니다.
            part = run[start:].translate(_FROM_URLSAFE)
            content = base64.b64decode(part[: len(part) // 4 * 4])
            # 그림이나 임베딩의 아무 바이트까지 읽으면 녹화가 몇 초씩 멈춥니다. 키는 ASCII 글자로만 되어 있습니다.
            letters = b" ".join(_LETTERS.findall(content.replace(b"\0", b"")))
            yield from _readings(letters.decode("ascii"), depth - 1)


def redact(text: str) -> str:
    """사람에게 보이기 전에 `text` 속 키를 가립니다.

    >>> redact("제 키는 sk-proj-abcdefghijklmnopqrstuvwxyz 입니다")
    '제 키는 [가린 키] 입니다'
    """
    text = _SHAPE.sub("[가린 키]", text)
    for key in known_keys():
        for part in (key, *_fragments(key)):
            text = text.replace(part, "[가린 키]")
    return text


def _fragments(key: str) -> list[str]:
    secret = re.sub(r"^(sk-ant-api\d\d-|sk-proj-|sk-svcacct-|sk-ant-|sk-|hf_|gsk_|AIza)", "", key)
    return [secret[at : at + _FRAGMENT] for at in range(len(secret) - _FRAGMENT + 1)]
