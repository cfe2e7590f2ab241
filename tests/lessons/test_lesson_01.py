"""수업 01이 설치된 SDK에 대해 하는 말은 그 SDK에서 참입니다."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
import pytest

from tests.lessons.exercises import NOTEBOOKS

MESSAGES = [{"role": "user", "content": "안녕하세요?"}]


@pytest.mark.parametrize("arguments", [{}, {"base_url": "https://api.groq.com/openai/v1"}])
def test_a_client_without_a_key_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, str]
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(openai.OpenAIError) as caught:
        openai.OpenAI(**arguments)
    assert not isinstance(caught.value, openai.APIError)  # 서버가 답하는 401(AuthenticationError)이 아닙니다.


@pytest.mark.parametrize("sdk", [openai, anthropic])
def test_the_sdk_looks_at_names_and_not_at_values(sdk: Any) -> None:
    address = {"api_key": "x", "base_url": "http://127.0.0.1:9", "max_retries": 0}  # 듣는 곳이 없는 포트
    if sdk is openai:
        create = openai.OpenAI(**address).chat.completions.create
    else:
        create = anthropic.Anthropic(**address).messages.create
    for unknown in ({"max_token": 1000}, {"maximum": 1}):
        with pytest.raises(TypeError):
            create(model="m", messages=MESSAGES, max_tokens=1000, **unknown)
    with pytest.raises(sdk.APIConnectionError):  # 값이 엉터리여도 보내려 합니다.
        create(model=5, messages="메시지가 아닌 것", max_tokens=1000)


def test_the_table_names_every_field_of_the_shown_answer() -> None:
    cells = json.loads((NOTEBOOKS / "01_basics.ipynb").read_text(encoding="utf-8"))["cells"]
    by_id = {cell["id"]: cell for cell in cells}
    shown = json.loads("".join(by_id["all-fields"]["outputs"][0]["text"]))
    if "authored" not in shown["id"]:
        pytest.skip("실제 응답입니다. 새 필드는 drift가 알립니다.")
    table = "".join(by_id["fields-table"]["source"])
    (choice,) = shown["choices"]
    fields = [*shown, *(f"choices[0].{name}" for name in choice if name != "message")]
    fields += [f"choices[0].message.{name}" for name in choice["message"]]
    fields += [f"usage.{name}" for name in shown["usage"]]
    missing = [field for field in fields if field != "usage" and f"`{field}`" not in table]
    assert not missing
