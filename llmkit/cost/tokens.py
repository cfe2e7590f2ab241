"""보내기 전에 토큰을 셉니다. 인터넷 없이 셉니다.

어휘 파일(`data/*.tiktoken.gz`)은 OpenAI가 공개한 것 그대로이고, 쓰기 전에 SHA-256이 같은지 확인합니다.
tiktoken은 어휘를 처음 쓸 때 시간 제한 없이 내려받으므로, 그 대신 이 파일로 `tiktoken.Encoding`을 만듭니다.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Any, Self

import tiktoken
from tiktoken.model import encoding_name_for_model

from ..common.ledger import fields_of

# 이름: (파일의 SHA-256, 글을 나누는 정규식). 둘 다 tiktoken 0.14의 tiktoken_ext/openai_public.py에 적힌 값입니다.
_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_ENCODINGS = {
    "cl100k_base": (
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$"
        r"|\s*[\r\n]|\s+(?!\S)|\s",
    ),
    "o200k_base": (
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + _CONTRACTION
        + r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + _CONTRACTION
        + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
}  # fmt: skip
_LONGEST_SPACE = 200_000  # tiktoken 0.14는 공백이 이보다 훨씬 길게 이어지면 예외가 아닌 방식으로 죽습니다


class TokenCount(int):
    """토큰 수입니다. 정수처럼 계산됩니다. 쓴 어휘의 이름과, 추정이면 그 이유(`note`)가 붙어 있습니다.

    >>> TokenCount(3, "o200k_base") + 1, TokenCount(3, "o200k_base").exact
    (4, True)
    """

    encoding: str
    note: str

    def __new__(cls, count: int = 0, encoding: str = "", note: str = "") -> Self:
        counted = super().__new__(cls, count)
        counted.encoding, counted.note = encoding, note
        return counted

    @property
    def exact(self) -> bool:
        """제공자가 세는 것과 같다고 알려진 방법으로 세었으면 `True`, 추정이면 `False`."""
        return bool(self.encoding) and not self.note

    def __repr__(self) -> str:
        how = [self.encoding, self.note and f"추정: {self.note}"]
        return f"{int(self)} ({', '.join(filter(None, how))})" if any(how) else str(self)

    def __str__(self) -> str:
        return int.__repr__(self)


def count_tokens(text_or_messages: str | list[Any], model: str) -> TokenCount:
    """텍스트나 대화의 토큰을 인터넷 없이 셉니다.

    대화는 모델에 보낼 때 역할 표시 같은 토큰이 붙으므로 그것까지 셉니다. 식은 3 + 메시지마다 (3 + 역할 + 내용
    [+ 1 + 이름])이고 추론 모델은 1 적습니다. 실제 청구 기록 111건 가운데 110건과 같았습니다(2026-11-21).
    도구나 이미지가 있으면 맞지 않으므로 `exact`가 `False`입니다. 그때는 제공자의 토큰 세기 API를 쓰세요.

    Args:
        text_or_messages: 텍스트, 또는 `{"role": ..., "content": ...}`의 목록.
        model: 모델 이름. "ft:..."와 "조직/모델" 형식도 됩니다.

    Returns:
        `TokenCount`: 정수. `.exact`, `.encoding`, `.note`가 붙어 있습니다.

    Raises:
        ValueError: 텍스트나 대화가 아니거나, 공백이 20만 자 넘게 이어질 때.

    >>> text = "아버지가 방에 들어가신다."
    >>> count_tokens(text, "gpt-4"), count_tokens(text, "gpt-4o")
    (13 (cl100k_base), 10 (o200k_base))
    >>> count_tokens([{"role": "user", "content": text}], "gpt-4o") == 3 + (3 + 1 + 10)
    True
    >>> count_tokens(text, "gpt-6-luna")
    10 (o200k_base, 추정: gpt-6의 어휘는 공개되지 않아 o200k_base로 가정했습니다)
    """
    base = _base_name(model)
    name, note = _encoding_for(base)
    if isinstance(text_or_messages, str):
        return TokenCount(_count(text_or_messages, name), name, note)
    if not isinstance(text_or_messages, (list, tuple)):
        raise ValueError(
            "텍스트(str)나 메시지의 목록을 주세요. 예: [{'role': 'user', 'content': '안녕하세요'}]. "
            f"받은 값의 종류: {type(text_or_messages).__name__}"
        )
    unseen: dict[str, None] = {}  # 세지 못한 것들. 순서가 있는 집합으로 씁니다
    is_reasoning = "chat" not in base and re.match(r"(o\d|gpt-(5|6|\d\d))", base)
    count = sum(_count_message(message, name, unseen) for message in text_or_messages) + (2 if is_reasoning else 3)
    if name == "o200k_harmony" or "search" in base:
        note = note or f"{base}의 대화 형식에는 이 식이 맞지 않습니다"
    return TokenCount(count, name, "; ".join(filter(None, (note, *unseen))))


@cache
def encoding(name: str) -> tiktoken.Encoding:
    """어휘를 불러와 `tiktoken.Encoding`을 만듭니다. 처음 한 번은 1초쯤 걸립니다.

    Args:
        name: 어휘의 이름. "cl100k_base"(gpt-4까지), "o200k_base"(gpt-4o부터), "o200k_harmony"(gpt-oss).

    Returns:
        `tiktoken.Encoding`. `encode_ordinary(text)`는 토큰 번호들, `decode_single_token_bytes(token)`은 조각의 바이트입니다.

    Raises:
        ValueError: 이름을 모르거나 파일이 손상되었을 때.

    >>> o200k = encoding("o200k_base")
    >>> [o200k.decode([token]) for token in o200k.encode("안녕하세요, 토큰")]
    ['안', '녕하세요', ',', ' 토', '큰']
    """
    if name == "o200k_harmony":  # 둘은 특수 토큰만 다릅니다
        return encoding("o200k_base")
    if name not in _ENCODINGS:
        raise ValueError(f"들어 있지 않은 어휘입니다: {name!r}. 있는 것: {', '.join(_ENCODINGS)}, o200k_harmony")
    digest, pattern = _ENCODINGS[name]
    try:
        data = gzip.decompress(files("llmkit").joinpath(f"data/{name}.tiktoken.gz").read_bytes())
    except (OSError, EOFError):
        data = b""
    if hashlib.sha256(data).hexdigest() != digest:
        raise ValueError(f"어휘 파일이 없거나 OpenAI가 공개한 것과 다릅니다: {name}. llmkit을 다시 설치하세요.")
    ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, data.splitlines())}
    return tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


def _count(text: str, name: str) -> int:
    # 공백이 그만큼 이어진다면 그 40분의 1 간격으로 뽑은 글자가 40개 연달아 공백입니다. 그때만 제대로 찾아봅니다.
    sample = text[:: _LONGEST_SPACE // 40]
    if re.search(r"\s{39}", sample) and max(map(len, re.findall(r"\s+", text))) > _LONGEST_SPACE:
        raise ValueError(
            f"공백이나 줄바꿈이 {_LONGEST_SPACE:,}자 넘게 이어지는 글은 셀 수 없습니다. 공백을 줄여 다시 세 보세요."
        )
    # encode와 달리 글 속의 <|endoftext|> 같은 글자를 보통 글자로 셉니다
    return len(encoding(name).encode_ordinary(text))


def _count_message(message: Any, encoding_name: str, unseen: dict[str, None]) -> int:
    fields = fields_of(message) or {}
    role, content = fields.get("role"), fields.get("content")
    if not isinstance(role, str):
        if isinstance(fields.get("type"), str):  # Responses의 function_call_output, reasoning 같은 항목
            unseen[f"메시지가 아닌 항목({fields['type']})은 세지 못했습니다"] = None
            return 0
        raise ValueError(
            f"메시지에 role이 없습니다. 예: {{'role': 'user', 'content': '안녕하세요'}}. 받은 값: {message!r}"
        )
    total = 3 + _count(role, encoding_name)
    name = fields.get("name") or ""
    if not isinstance(name, str) or not isinstance(content, (str, list, tuple, type(None))):
        raise ValueError(f"content는 텍스트나 조각의 목록, name은 텍스트여야 합니다. 받은 값: {message!r}")
    if name:
        total += 1 + _count(name, encoding_name)
    parts = [content] if isinstance(content, str) else content or []
    if fields.get("refusal"):
        parts = [*parts, fields["refusal"]]
    for part in parts:
        text = part if isinstance(part, str) else (fields_of(part) or {}).get("text")
        if isinstance(text, str):
            total += _count(text, encoding_name)
        else:
            unseen["그림이나 파일은 세지 못했습니다"] = None
    if len(parts) > 1:
        unseen["여러 조각으로 나뉜 내용입니다"] = None
    if fields.get("audio"):
        unseen["소리는 세지 못했습니다"] = None
    if fields.get("tool_calls") or fields.get("function_call") or role in ("tool", "function"):
        unseen["도구 호출은 세지 못했습니다"] = None
    return total


def _base_name(model: str) -> str:
    """제공자와 "ft:"를 뗀 이름. tiktoken은 "ft:gpt-4.1-..."를 gpt-4로 알고 옛 어휘로 셉니다."""
    if not isinstance(model, str) or not model.strip():
        raise ValueError(f"모델 이름을 문자열로 주세요. 예: 'gpt-4o'. 받은 값: {model!r}")
    return model.strip().rsplit("/", 1)[-1].removeprefix("ft:").split(":")[0].lower()


def _encoding_for(base: str) -> tuple[str, str]:
    """(어휘 이름, 추정인 이유)입니다."""
    if base.startswith("gpt-6"):
        return "o200k_base", "gpt-6의 어휘는 공개되지 않아 o200k_base로 가정했습니다"
    if base.startswith("gpt-oss"):  # Ollama의 "gpt-oss:20b"도
        return "o200k_harmony", ""
    with contextlib.suppress(KeyError):
        if (name := encoding_name_for_model(base)) in _ENCODINGS:
            return name, ""
    return "o200k_base", f"{base}의 어휘가 없어 o200k_base로 추정했습니다"
