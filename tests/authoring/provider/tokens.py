"""토큰 세기와 나누기. 모든 제공자를 o200k_base로 셉니다: 샘플 응답의 사용량은 형식일 뿐 실측이 아닙니다."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

import quicktok


@functools.cache
def _encoding() -> quicktok.Tokenizer:
    return quicktok.get_encoding("o200k_base")


def count(text: str) -> int:
    return len(_encoding().encode_ordinary(text))


def pieces(text: str) -> Iterator[tuple[str, int]]:
    """글을 토큰 경계에서 나눈 조각과 그 조각의 토큰 수입니다.

    한 글자가 여러 토큰에 걸치면(드문 한글, 이모지) 글자가 될 때까지 모읍니다. 실제 제공자도 그렇게 합니다.

    >>> list(pieces("뷁 좋다"))
    [('뷁', 2), (' 좋', 1), ('다', 1)]
    """
    held, tokens = b"", 0
    for token in _encoding().encode_ordinary(text):
        held += _encoding().decode_single_token_bytes(token)
        tokens += 1
        try:
            piece = held.decode()
        except UnicodeDecodeError:
            continue
        yield piece, tokens
        held, tokens = b"", 0


def prefix(text: str, limit: int) -> str:
    """토큰 `limit`개 안에 온전히 들어가는 글의 앞부분입니다."""
    kept, used = [], 0
    for piece, tokens in pieces(text):
        used += tokens
        if used > limit:
            break
        kept.append(piece)
    return "".join(kept)


def prompt_tokens(turns: list[tuple[str, str]], model: str) -> int:
    """글만 있는 대화의 입력 토큰: 3 + Σ(3 + 역할 + 내용). 추론 모델은 하나 적습니다(출처는 facts.md)."""
    total = 3 + sum(3 + count(role) + count(text) for role, text in turns)
    return total - bool(re.match(r"o\d|gpt-[5-9]", model))
