"""수업 14의 봇은 확인된 답만 말하고, 본문이 말하는 발견은 저장된 출력에 있습니다. 심어 둔 결함은 하나씩 걸립니다."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import numpy as np
import openai
import pytest
from openai.types.responses.response_output_text import AnnotationFileCitation

import llmkit
from llmkit.session import CASSETTES
from tests.lessons.bots import NOWHERE, Bot, code_cells
from tests.lessons.exercises import NOTEBOOKS

COMIC, UNKNOWN, FEE = "비닐을 뜯은 만화책도 환불되나요?", "직원을 뽑나요?", "배송비는 얼마인가요?"


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    return Bot("14", tmp_path)


def stored(cell_id: str) -> str:
    (path,) = NOTEBOOKS.glob("14_*.ipynb")
    (cell,) = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["id"] == cell_id]
    texts = [output.get("text") or output.get("data", {}).get("text/plain", []) for output in cell["outputs"]]
    return "\n".join("".join(text) for text in texts)


def is_from_script() -> bool:
    """봇이 받는 답이 대본에 적은 그대로이면 True입니다."""
    return "비닐을 뜯은 만화책은 환불해 드리지 않습니다" in (CASSETTES / "14_search.json").read_text(encoding="utf-8")


# 봇 ---------------------------------------------------------------------------------------------------------


def test_the_bot_shows_its_rule_or_says_that_it_does_not_know(bot: Bot) -> None:
    known, unknown, altered, missing, again, _ = bot.say(COMIC, UNKNOWN, FEE, "아무 말", COMIC)
    (rule,) = [each["text"] for each in llmkit.bookstore()["passages"] if "비닐을 뜯은" in each["text"]]
    quote = known.split(" · ")[-1]
    shown = "근거: 환불할 수 없는 상품" in known and quote in rule
    # 다시 녹화한 답의 인용문은 확인을 통과하지 못할 수 있습니다. 그때는 모른다고 합니다.
    assert again == known and (shown or (not is_from_script() and "확인하지 못했습니다" in known))
    assert "확인하지 못했습니다" in unknown and "근거" not in unknown
    assert "확인하지 못했습니다" in altered and "30,000" not in altered  # 고친 인용문은 손님에게 가지 않습니다.
    assert "저장된 응답이 없습니다" in missing


def test_the_bot_outlives_a_failed_call(bot: Bot) -> None:
    assert "\n".join(bot.say(COMIC, FEE, **NOWHERE)).count("답하지 못했습니다. APIConnectionError") == 2


def proven(bot: Bot, text: str, *citations: tuple[int, str], sources: tuple[str, ...]) -> bool:
    """봇의 프로그램에서 `is_proven`만 꺼내 부릅니다."""
    source = bot.file.read_text(encoding="utf-8")
    names: dict[str, Any] = {"re": re}
    exec(source[source.index("def is_proven") : source.index("while True")], names)
    cited = [SimpleNamespace(source=number, quote=quote) for number, quote in citations]
    return names["is_proven"](SimpleNamespace(text=text, citations=cited), list(sources))


@pytest.mark.parametrize(
    ("text", "citations", "right"),
    [
        ("3000원입니다.", [(1, "배송비는 3,000원입니다.")], True),
        ("30,000원입니다.", [(1, "배송비는 30,000원입니다.")], False),
        ("30,000원입니다.", [(1, "배송비는 3,000원입니다.")], False),
        ("3,000원입니다.", [(2, "배송비는 3,000원입니다.")], False),
        ("3,000원입니다.", [(0, "배송비는 3,000원입니다.")], False),
        ("3,000원입니다.", [(1, " ")], False),
        ("있습니다.", [], False),
    ],
)
def test_an_altered_quote_or_number_is_caught(bot: Bot, text: str, citations: Any, right: bool) -> None:
    assert proven(bot, text, *citations, sources=("배송비. 배송비는 3,000원입니다.", "교환. 교환됩니다.")) is right


# 심어 둔 결함 -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """녹화가 필요 없는 셀만 실행한 노트북."""
    cells, found = code_cells("14"), {"llmkit": llmkit, "question": COMIC}
    for name in ("data", "words", "ranks", "use", "search", "chunks", "store", "store-search"):
        exec(cells[name], found)
    return found


def test_swapped_models_are_an_error(names: dict[str, Any]) -> None:
    find, store, maker = names["find"], names["store"], names["maker"]
    assert find(store, COMIC, maker)[0] == "r2"
    for change in ({"model": "다른 모델"}, {"dimension": 384}, {"prefix": "query: "}):
        with pytest.raises(ValueError, match="모델이 다릅니다"):
            find(store, COMIC, {**maker, **change})
    row = store.execute("SELECT * FROM rule LIMIT 1").fetchone()
    store.execute("INSERT INTO rule VALUES (?, ?, ?, '다른 모델', ?, ?, ?)", [*row[:3], *row[4:]])
    with pytest.raises(ValueError, match="다른 모델"):  # 한 줄만 섞여도 걸립니다.
        find(store, COMIC, maker)
    store.execute("DELETE FROM rule WHERE model = '다른 모델'")


def test_an_edited_rule_has_another_hash(names: dict[str, Any]) -> None:
    text = names["texts"][0]
    assert names["text_hash"](text) != names["text_hash"](text.replace("3,000", "30,000"))


def test_a_cut_answer_is_counted(names: dict[str, Any]) -> None:
    asked, ways = names["asked"], names["ways"]
    lost = {
        name: sum(not any(answer in chunk for answer in q["answers"].values() for chunk in chunks) for q in asked)
        for name, chunks in ways.items()
    }
    assert lost.pop("50자씩") > 0 and set(lost.values()) == {0}


def test_a_poisoned_passage_is_found_and_then_kept_out(names: dict[str, Any]) -> None:
    cells = code_cells("14")
    names["shop"] = llmkit.bookstore()
    exec(cells["poison"], names)
    exec(cells["trusted"], names)
    before, after = (np.argsort(-names[scores], axis=1)[:, :3] for scores in ("poison_scores", "safe_scores"))
    assert (~names["allowed"][before]).any() and names["allowed"][after].all()


# 본문이 말하는 것 ------------------------------------------------------------------------------------------------


def test_what_the_words_find() -> None:
    counts = {line.split()[0]: eval(line.split()[1]) for line in stored("words-kinds").splitlines() if line}
    assert counts["paraphrase"] < 0.1 and counts["typo"] == counts["english"] == 0 and counts["exact"] > 0.5


def test_what_the_pairs_show() -> None:
    rows = [re.findall(r"-?\d\.\d\d", line) for line in stored("pairs").splitlines()[1:]]
    use, e5 = ([float(row[-2 + at]) for row in rows if row] for at in (0, 1))
    assert min(use[:3]) > use[3] and min(e5[:3]) > e5[3] and e5[4] > 0.8


def test_what_the_methods_show() -> None:
    (vectors,), (models,) = (
        re.findall(rf"{pair}.*\[([+-]\S+), ([+-]\S+)\]", stored("methods")) for pair in ("USE − 단어", "e5 − USE")
    )
    assert float(vectors[0]) > 0.1 and float(models[0]) < 0 < float(models[1])


def test_what_the_chunks_show() -> None:
    rows = [line.rsplit(maxsplit=5)[1:] for line in stored("budget").splitlines()[1:] if line]
    three, short, low, high, lost = zip(*[[float(each) for each in row] for row in rows])
    assert three[0] == max(three) and short[0] == 0 and low[1] < high[2] and low[2] < high[1]
    assert lost[3] > 0 and not any(lost[:3])


def test_what_the_threshold_shows() -> None:
    rows = {(row[1], row[2]): row for line in stored("threshold").splitlines()[1:] if (row := line.split())}
    passed = {key: float(row[-1]) for key, row in rows.items()}
    assert passed["USE", "dev"] > 0.5 > passed["USE", "test"] + 0.1
    assert passed["e5", "dev"] < 0.5 and float(rows["e5", "dev"][-2]) > 0.2


def test_what_the_optional_sections_show() -> None:
    (fused,) = re.findall(r"합친 것.*\[(\S+), (\S+)\]", stored("hybrid"))
    assert float(fused[0]) < 0 < float(fused[1])  # 낫다고도 못하다고도 할 수 없습니다.
    gaps = dict(re.findall(r"(\w+): R@1의 차이 \S+ \[(\S+), ", stored("centered")))
    assert float(gaps["e5"]) >= 0 > float(gaps["USE"])
    assert all(int(a) > int(b) for a, b in re.findall(r"(\d+)번 → (\d+)번", stored("centered")))
    assert "1번째" in stored("poison") and "인용 확인: True" in stored("poison")


# 수업이 SDK에 대해 하는 말 ---------------------------------------------------------------------------------------


def test_the_sdk_asks_for_base64_and_decodes_it() -> None:
    sent: list[dict[str, Any]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(json.loads(request.content))
        vector = base64.b64encode(np.array([0.5, -1], dtype="<f4").tobytes()).decode()
        data = [{"object": "embedding", "index": 0, "embedding": vector}]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return httpx2.Response(200, json={"object": "list", "data": data, "model": "m", "usage": usage})

    http: Any = httpx2.Client(transport=httpx2.MockTransport(answer))
    response = openai.OpenAI(api_key="x", http_client=http).embeddings.create(model="m", input="가")
    assert sent[0]["encoding_format"] == "base64" and list(response.data[0].embedding) == [0.5, -1.0]


def test_a_file_citation_has_no_quote() -> None:
    assert set(AnnotationFileCitation.model_fields) == {"file_id", "filename", "index", "type"}
