"""수업 03이 설치된 SDK에 대해 하는 말은 그 SDK에서 참입니다."""

from __future__ import annotations

from typing import get_args

import pytest
from anthropic import Anthropic
from anthropic.types import RawContentBlockDelta


def test_a_stream_helper_without_with_has_no_text() -> None:
    stream = Anthropic(api_key="x").messages.stream(model="m", max_tokens=1000, messages=[])
    with pytest.raises(AttributeError, match="text_stream"):
        getattr(stream, "text_stream")  # noqa: B009
    with pytest.raises(TypeError, match="not iterable"):
        iter(stream)


def test_a_block_delta_is_not_always_text() -> None:
    union, *_ = get_args(RawContentBlockDelta)
    kinds = {get_args(kind.model_fields["type"].annotation)[0]: kind for kind in get_args(union)}
    assert {"text_delta", "thinking_delta", "signature_delta"} <= set(kinds)
    assert [name for name, kind in kinds.items() if "text" in kind.model_fields] == ["text_delta"]
