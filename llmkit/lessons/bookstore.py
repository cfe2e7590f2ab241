"""하루책방의 이용 규정과 손님의 질문(data/bookstore.json). 수업 14가 찾고, 재고, 채점하는 자료입니다."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def bookstore() -> dict[str, list[dict[str, Any]]]:
    """단락(`passages`), 질문(`questions`), 끼어든 남의 글(`poisoned`)입니다. 부를 때마다 새로 읽습니다.

    >>> shop = bookstore()
    >>> shop["passages"][0]["title"], shop["questions"][0]["half"]
    ('배송비', 'test')
    """
    return json.loads((files("llmkit") / "data" / "bookstore.json").read_text(encoding="utf-8"))
