"""어느 제공자가 어느 파라미터를 받는가: `data/parameters.json`의 사실과 그 근거를 읽습니다."""

from __future__ import annotations

import json
from importlib.resources import files

_BASIS = {
    "sdk": "설치된 SDK에서 확인",  # tests/lessons/test_parameters.py가 함수의 인자를 살핍니다
    "sdk-only": "인자는 설치된 SDK에서 확인, 서버가 받는지는 미확인",
    "docs": "제공자의 [문서]({sources[0]})({as_of}), 실제 호출은 미확인",
    "reports": "[공개된 글]({sources[0]})({as_of}), 실제 호출은 미확인",
    "lesson": "수업 02에서 실측",
}


def supported_parameters(name: str | None = None) -> list[dict[str, str]]:
    """파라미터를 받는 곳과 받지 않는 곳을 근거와 함께 표의 줄로 돌려줍니다.

    Args:
        name: "temperature"처럼 하나만 볼 이름. 없으면 모두 봅니다.

    Returns:
        "파라미터", "제공자", "오늘", "근거"가 든 딕셔너리의 목록(값은 Markdown). 모르는 이름이면 빈 목록입니다.

    >>> [row["제공자"] for row in supported_parameters("stop_sequences")]
    ['Anthropic']
    """
    facts = json.loads(files("llmkit").joinpath("data/parameters.json").read_text(encoding="utf-8"))
    return [
        {
            "파라미터": ", ".join(f"`{parameter}`" for parameter in fact["parameters"]),
            "제공자": fact["provider"],
            "오늘": fact["today"],
            "근거": _BASIS[fact["basis"]].format(**fact),
        }
        for fact in facts
        if name is None or name in fact["parameters"]
    ]
