"""진짜 키와 길이와 모양이 같은 가짜 키. 저장소에 키처럼 생긴 글이 남지 않도록 그때그때 만듭니다."""

from __future__ import annotations

import random
import string

LETTERS = string.ascii_letters
ALNUM = LETTERS + string.digits
URLSAFE = ALNUM + "-_"

# 환경 변수, 접두사, 그 뒤의 길이, 쓰는 글자. 길이는 2026년 11월에 발급되는 키의 것입니다.
SHAPES = [
    ("OPENAI_API_KEY", "sk-proj-", 156, URLSAFE),
    ("ANTHROPIC_API_KEY", "sk-ant-api03-", 95, URLSAFE),
    ("HF_TOKEN", "hf_", 34, LETTERS),
    ("GEMINI_API_KEY", "AIza", 35, URLSAFE),
    ("GROQ_API_KEY", "gsk_", 52, ALNUM),
]


def fake_keys(seed: int = 0) -> dict[str, str]:
    """환경 변수 이름 → 가짜 키."""
    random_ = random.Random(seed)
    return {name: prefix + "".join(random_.choices(letters, k=size)) for name, prefix, size, letters in SHAPES}


def leaked(text: str, keys: dict[str, str]) -> list[str]:
    """`text`에 들어 있는 키의 조각들. 접두사는 누구나 아는 글이므로 그 뒤의 8글자부터 셉니다."""
    prefixes = {name: prefix for name, prefix, _, _ in SHAPES}
    return [
        f"{name}: {secret[at : at + 8]}"
        for name, secret in ((name, key.removeprefix(prefixes.get(name, ""))) for name, key in keys.items())
        for at in range(len(secret) - 7)
        if secret[at : at + 8] in text
    ]
