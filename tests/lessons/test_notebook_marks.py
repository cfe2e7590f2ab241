"""진짜 커널에서 샘플 응답의 표시: 샘플 응답이 나온 셀의 끝에 한 줄."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from llmkit.replay.cassette import Cassette
from llmkit.replay.player import fingerprint
from tests import authored
from tests.kernel import Kernel, texts
from tests.lessons.cells import ASK, MARK, SETUP


def test_the_mark_ends_a_cell_on_its_own_line_once(shared: Kernel):
    source = 'for n in range(3):\n    print(text_of(openai(f"{n}번 질문")), end=" ")'
    for _ in range(2):
        assert texts(shared.run(source)) == ["0번 답 1번 답 2번 답 ", MARK.format("OpenAI")]


def test_a_cell_that_shows_an_earlier_answer_is_marked_only_if_that_was_a_sample(folder: Path):
    """표시는 앞에서 실제로 샘플 응답이 나온 제공자에게만 붙고, setup을 다시 해도 남은 변수에는 붙습니다."""
    show, recorded = 'print("다시:", first)', authored.exchange("anthropic", "0번 질문", "실제 답")
    recorded.provenance = "recorded"
    file = authored.save(folder / "shows.json", [authored.exchange("openai", "0번 질문", "샘플 답"), recorded])
    cassette = Cassette.load(file)
    cassette.marks = {fingerprint(show): ["openai", "anthropic"]}
    cassette.save()
    setup = SETUP.replace("lesson.json", "shows.json")
    with Kernel(sys.executable, folder) as kernel:
        kernel.run(setup)
        kernel.run(ASK)
        assert texts(kernel.run(f"first = 1\n{show}")) == ["다시: 1\n"]  # 고친 셀에는 표시할 것이 없습니다.
        assert texts(kernel.run(show)) == ["다시: 1\n"]  # 아직 아무것도 나오지 않았습니다.
        assert texts(kernel.run('first = text_of(anthropic("0번 질문"))')) == []
        assert texts(kernel.run(show)) == ["다시: 실제 답\n"]
        assert texts(kernel.run('first = text_of(openai("0번 질문"))')) == [MARK.format("OpenAI")]
        for _ in range(2):
            assert texts(kernel.run(show)) == ["다시: 샘플 답\n", MARK.format("OpenAI")]
            kernel.run(setup)


def test_the_mark_names_every_provider_that_answered(shared: Kernel):
    outputs = shared.run('for ask in (anthropic, openai, huggingface):\n    ask("0번 질문")\n_ = openai("1번 질문")')
    assert texts(outputs) == [MARK.format("Anthropic·OpenAI·Hugging Face")]


@pytest.mark.parametrize(
    ("source", "before"),
    [
        ('_ = openai("안녕하세요?")', []),
        ('text_of(openai("안녕하세요?"))', ["'반갑습니다.'"]),
        (
            'from IPython.display import Markdown, display\ndisplay(Markdown(text_of(openai("안녕하세요?"))))',
            ["<IPython"],
        ),
        ('import sys\nprint(text_of(openai("안녕하세요?")), file=sys.stderr, end="")', ["반갑습니다."]),
        (
            'print(text_of(await AsyncOpenAI().chat.completions.create(model="gpt-6-luna", **say("안녕하세요?"))))',
            ["반갑"],
        ),
        (
            'for chunk in openai("흘려 줘", stream=True):\n    print(chunk.choices[0].delta.content, end="")',
            ["안녕하세요."],
        ),
        ('%%time\n_ = openai("안녕하세요?")', ["CPU times"]),
    ],
)
def test_the_mark_comes_after_whatever_the_cell_showed(source: str, before: list[str], shared: Kernel):
    shown = texts(shared.run(source))
    assert shown[-1] == MARK.format("OpenAI")
    assert [text.startswith(start) for text, start in zip(shown, before, strict=False)] == [True] * len(before)
    assert sum(MARK[:8] in text for text in shown) == 1


def test_the_mark_comes_when_the_cell_raises_too(shared: Kernel):
    outputs = shared.run('print(text_of(anthropic("안녕하세요?")))\n1 / 0')
    assert sorted(output["kind"] for output in outputs) == ["ZeroDivisionError", "display_data", "stdout"]
    assert [o["text"] for o in outputs if o["kind"] == "display_data"] == [MARK.format("Anthropic")]


def test_an_error_that_the_cassette_holds_is_marked_too(shared: Kernel):
    outputs = shared.run('OpenAI(max_retries=0).chat.completions.create(model="gpt-6-luna", **say("두 번 물음"))')
    assert [output["kind"] for output in outputs if output["kind"] != "display_data"] == ["RateLimitError"]
    assert [o["text"] for o in outputs if o["kind"] == "display_data"] == [MARK.format("OpenAI")]


def test_a_cell_that_asks_nothing_has_no_mark(shared: Kernel):
    assert texts(shared.run("print('아무것도 묻지 않음')")) == ["아무것도 묻지 않음\n"]


def test_the_look_of_the_page_comes_only_where_someone_watches(folder: Path):
    """저장된 출력에는 들지 않고, 사람이 여는 노트북에서만 줄바꿈과 접은 출력의 모양을 정합니다."""
    with Kernel(sys.executable, folder) as kernel:
        pages = []
        for name in ("", "a.ipynb"):
            kernel.run(f"import os\nos.environ['JPY_SESSION_NAME'] = {name!r}")
            pages += [
                message["content"]["data"]["text/html"]
                for message in kernel.messages("import llmkit\nllmkit.setup('01_basics', mode='replay', pace=0);")
                if message["msg_type"] == "display_data"
            ]
    stored, watched = pages
    assert watched.endswith(stored) and watched.startswith("<style>") and "<style>" not in stored
