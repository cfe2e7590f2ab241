"""수업 06의 글에 적힌 수: 가격표와 어휘로 다시 계산해도 그러한가."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path

import pytest

from llmkit.cost.prices import find_rates
from llmkit.cost.tokens import load_encoding
from llmkit.models import default_model
from tests.cost.test_tokens import billed_chats

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
CELLS = json.loads((NOTEBOOKS / "06_cost.ipynb").read_text(encoding="utf-8"))["cells"]
PROSE = " ".join(" ".join("".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "markdown").split())
DAY = datetime.date(2026, 11, 26)  # 카세트의 날짜


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("[0-9]*_*.ipynb")), ids=lambda path: path.stem)
def test_the_older_encoding_needs_about_half_more_for_the_courses_own_prose(path: Path) -> None:
    assert "어느 수업에서나 절반쯤" in PROSE
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    korean = re.sub(r"```.*?```|`[^`]*`|<[^>]*>", "", text, flags=re.DOTALL)
    old, new = (len(load_encoding(name).encode_ordinary(korean)) for name in ("cl100k_base", "o200k_base"))
    assert 1.35 < old / new < 1.65


def test_how_many_real_chats_the_formula_fits() -> None:
    chats = billed_chats()
    if chats[0].values == (None,):
        pytest.skip("../shared/real_exchanges가 없습니다")
    models = [chat.values[0][0]["model"] for chat in chats]
    assert (len(models), sum("search" in model for model in models)) == (7, 1)  # 맞는지는 test_tokens.py가 봅니다.
    assert "일곱 건 가운데 여섯 건" in PROSE


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_cache_write_costs_a_quarter_more_than_plain_input(provider: str) -> None:
    rates = find_rates(default_model(provider), provider, DAY)
    assert rates.per_million("cache_write_tokens") / rates.per_million() == 1.25  # type: ignore[operator]
    assert "1.25배" in PROSE


@pytest.mark.parametrize(
    ("model", "priced"), [("gpt-5.4", False), ("gpt-5.5", False), ("gpt-5.6-sol", True), ("gpt-6-sol", True)]
)
def test_openai_asks_for_cache_writes_from_the_5_6_generation_on(model: str, priced: bool) -> None:
    assert (find_rates(model, "openai", DAY).per_million("cache_write_tokens") is not None) == priced
    assert "OpenAI도 5.6 세대부터는" in PROSE


def test_the_window_of_openais_default_is_input_and_output_together() -> None:
    found = re.search(r"입력 ([\d,]+)토큰과 출력 ([\d,]+)토큰<!-- fact: openai-window -->", PROSE)
    assert found
    window = find_rates(default_model("openai"), "openai", DAY).context_window
    assert sum(int(part.replace(",", "")) for part in found.groups()) == window
