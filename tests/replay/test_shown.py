"""변수에 남은 샘플 응답을 어느 셀이 다시 보여도 표시가 붙습니다. 진짜 커널에서 봅니다."""

from __future__ import annotations

import nbclient
import nbformat
import pytest

from llmkit.replay.exchange import Exchange
from llmkit.replay.shown import LENGTH, Shown
from tests import authored

SETUP = """import llmkit
from openai import OpenAI
with_lesson = llmkit.setup("01_basics", mode="replay", pace=0)
asked = [{"role": "user", "content": "API가 무엇인지 한 문장으로 설명해 주세요."}]
reply = OpenAI().chat.completions.create(model=llmkit.model("openai"), messages=asked)
text = reply.choices[0].message.content"""
SHOWS = {
    "print": "print(text)",
    "in pieces": "for word in text.split(): print(word, end=' ')",
    "result": "reply",
    "f-string": "f'답: {text!r}'",
    "frame": "import pandas\npandas.DataFrame({'답': [text]})",
    "markdown": "from IPython.display import Markdown\ndisplay(Markdown(text))",
    "html": "from IPython.display import HTML\nHTML(f'<p>{text}</p>')",
}
HIDES = {
    "count": "print(len(text))",
    "few letters": "print(text[:10])",
    "the question": "print(asked)",
    "own words": "1 + 1",
}


@pytest.fixture(scope="module")
def ended() -> dict[str, bool]:
    """셀 이름 → 출력에 샘플 응답 표시가 있는가."""
    cells = {"setup": SETUP, **SHOWS, **HIDES}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells.values()])
    nbclient.NotebookClient(notebook).execute()
    return {name: "샘플 응답" in str(cell.outputs) for name, cell in zip(cells, notebook.cells)}


@pytest.mark.parametrize("name", SHOWS)
def test_a_cell_that_shows_it_again_is_marked(ended: dict[str, bool], name: str) -> None:
    assert ended[name]


@pytest.mark.parametrize("name", HIDES)
def test_a_cell_that_does_not_show_it_is_not(ended: dict[str, bool], name: str) -> None:
    assert not ended[name]


def test_an_answer_is_read_once_and_only_when_a_later_cell_shows_text() -> None:
    """재생하는 동안에는 읽지 않습니다. 긴 스트림의 재생이 몇 배 느려집니다."""
    reads: list[bytes] = []

    class Watched(Exchange):
        @property
        def payload(self) -> bytes:
            reads.append(self.content)
            return self.content

    text = "호수의 물은 섭씨 4도에서 가장 무거워 바닥으로 내려갑니다."
    played = Watched(**vars(authored.exchange("openai", "질문", text)))
    shown = Shown()
    for _ in range(3):
        shown.remember(played)
    shown.add(text)
    assert shown.end_cell(["openai"]) == []  # 이 셀에는 이미 표시가 있습니다.
    assert shown.end_cell([]) == [] == reads
    for _ in range(2):
        shown.add(f"답: {text}")
        assert shown.end_cell([]) == ["openai"]
    assert len(reads) == 1


def test_a_flood_of_output_is_read_only_so_far() -> None:
    shown = Shown()
    shown._pieces["가" * LENGTH] = {"openai": None}
    for _ in range(1000):
        shown.add("나" * 10_000)
    assert sum(map(len, shown._output)) < 300_000 and shown.end_cell([]) == []
