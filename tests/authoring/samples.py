"""샘플 응답의 텍스트가 표시 없이 나오는 곳을 찾습니다: 저장된 출력과, 설명 셀의 문장.

카세트의 authored 응답에서 답변의 텍스트만 꺼내, 노트북의 다른 곳과 공통인 부분을 봅니다. 수업의 코드에도 있는 텍스트(프롬프트,
자료)는 샘플 응답의 것으로 치지 않습니다.
"""

from __future__ import annotations

import html
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from llmkit.common.providers import PROVIDERS
from llmkit.replay.cassette import Cassette
from llmkit.replay.exchange import Exchange
from tests.authoring.sentences import COMMENT, sentences_of

_TEXT_KEYS = {"content", "text", "thinking", "reasoning", "reasoning_content", "refusal", "delta"}
_TEXT_KEYS |= {"arguments", "partial_json", "output_text"}


def answer_texts(exchange: Exchange) -> list[str]:
    """응답에 든 답변의 텍스트들입니다. 스트림의 조각은 이어 붙입니다."""
    content = exchange.content or b"".join(data for _, data in exchange.events)
    joined: dict[Any, str] = defaultdict(str)
    for document in _documents(content):
        for path, value in _texts(document, ()):
            joined[document.get("type"), path] += value
    return [text for text in joined.values() if text.strip()]


def _documents(content: bytes) -> Iterator[dict[str, Any]]:
    lines = content.splitlines()
    data = [line[5:] for line in lines if line.startswith(b"data:")]
    for candidate in data or [content]:
        try:
            document = json.loads(candidate)
        except ValueError:
            continue
        if isinstance(document, dict) and "error" not in document:
            yield document


def _texts(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, str]]:
    if isinstance(value, dict):
        index = value.get("index")
        for name, item in value.items():
            if isinstance(item, str) and name in _TEXT_KEYS:
                yield (*path, index, name), item
            else:
                yield from _texts(item, (*path, index, name))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _texts(item, (*path, place))


def normal(text: str) -> str:
    """비교할 형식: 공백은 하나로, 마크다운의 강조와 JSON의 이스케이프는 없앱니다."""
    text = re.sub(r"\\[nrt]|\\(?=[\"'*_~$<])", " ", text)
    return re.sub(r"\s+", " ", re.sub(r"[*`]", "", text)).strip()


def output_text(output: dict[str, Any]) -> str:
    """저장된 출력 하나에 보이는 텍스트입니다. HTML은 태그를 벗깁니다."""
    data = output.get("data", {})
    if "text/html" in data:
        return html.unescape(re.sub(r"<[^>]+>", " ", "".join(data["text/html"])))
    shown = output.get("text") or data.get("text/markdown") or data.get("text/plain") or ""
    return html.unescape("".join(shown))


class Samples:
    """한 수업의 샘플 응답들입니다. `ours`는 코드에도 있어서 샘플 응답의 것이 아닌 텍스트입니다."""

    def __init__(self, cassette: Cassette, ours: Iterable[str]) -> None:
        self._answers = [
            (exchange.provider, normal(text))
            for exchange in cassette.exchanges
            if exchange.provenance == "authored"
            for text in answer_texts(exchange)
        ]
        self._ours = normal(" ".join(ours))
        # 코드의 수와 HTTP 상태는 답이 바뀌어도 그대로입니다.
        self._constant = _figures(self._ours) | {str(exchange.status) for exchange in cassette.exchanges}

    def quoted(self, text: str, length: int) -> dict[str, str]:
        """`text`에 `length` 글자 넘게 그대로 있는 샘플 응답의 부분: 제공자 → 가장 긴 것."""
        shown, found = normal(text), {}
        for provider, answer in self._answers:
            common = max(self._common(answer, shown, length), key=len, default="")
            if len(common) > len(found.get(provider, "")):
                found[provider] = common
        return found

    def figures(self, outputs: Iterable[str]) -> set[str]:
        """출력에 나온 수 가운데 답에 따라 달라지는 것들입니다."""
        return _figures(" ".join(outputs)) - self._constant

    def _common(self, answer: str, shown: str, length: int) -> Iterator[str]:
        at = 0
        while at + length <= len(answer):
            end = at + length
            if (piece := answer[at:end]) not in shown or piece in self._ours:
                at += 1
                continue
            while end < len(answer) and answer[at : end + 1] in shown:
                end += 1
            yield answer[at:end].strip()
            at = end


# 노트북에서 ----------------------------------------------------------------------------------------------

MARK = re.compile(r"※ 샘플 응답|샘플 응답 ·")
MOST_UNMARKED = 20  # 저장된 출력에 표시 없이 있어도 되는 샘플 응답은 이보다 짧습니다.
MOST_QUOTED = 12  # 설명에 주석 없이 있어도 되는 샘플 응답은 이보다 짧습니다.
_FENCE = re.compile(r"```.*?```", re.DOTALL)
_FIGURE = re.compile(r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?![\w.]*\d)")


def unmarked_outputs(cells: list[dict[str, Any]], samples: Samples) -> Iterator[tuple[int, str]]:
    """샘플 응답이 표시 없이 저장된 코드 셀입니다. 같은 글을 여러 제공자가 답했으면 하나만 표시되어도 됩니다."""
    for number, cell in enumerate(cells, 1):
        if cell["cell_type"] != "code":
            continue
        shown = [output_text(output) for output in cell["outputs"]]
        marks = " ".join(text for text in shown if MARK.search(text))
        found = samples.quoted("\n".join(shown), MOST_UNMARKED)
        marked = {text for name, text in found.items() if PROVIDERS[name].title in marks}
        for name, text in found.items():
            if text not in marked:
                yield number, f"{PROVIDERS[name].title}의 샘플 응답이 표시 없이 있습니다: {text[:40]!r}"


def untagged_prose(cells: list[dict[str, Any]], samples: Samples) -> Iterator[tuple[int, str]]:
    """샘플 응답을 옮겨 적거나 그 숫자를 말하는데 `<!-- sample -->`이 없는 문장입니다."""
    figures: set[str] = set()
    for number, cell in enumerate(cells, 1):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            shown = [output_text(output) for output in cell["outputs"]]
            if any(MARK.match(text) for text in shown):
                figures |= samples.figures(text for text in shown if not MARK.match(text))
            continue
        tagged = "sample" in cell["metadata"].get("tags", [])
        if tagged != (COMMENT in source):
            yield number, f"태그 sample과 주석 {COMMENT}은 함께 다세요"
        for sentence in _sentences(_FENCE.sub("", source)):
            quoted = max(samples.quoted(sentence, MOST_QUOTED).values(), key=len, default="")
            said = quoted or ", ".join(sorted(_figures(sentence) & figures))
            if said:
                yield (
                    number,
                    f"샘플 응답에만 맞는 문장입니다({said[:40]!r}). 뒤에 {COMMENT}을 다세요: {sentence[:60]!r}",
                )


def _sentences(source: str) -> Iterator[str]:
    """`<!-- sample -->`이 없는 문장들입니다."""
    for sentence in sentences_of(source):
        if sentence.strip() and COMMENT not in sentence and "<!-- fact:" not in sentence:
            yield " ".join(sentence.split())


def _figures(text: str) -> set[str]:
    found = (figure.replace(",", "") for figure in _FIGURE.findall(text))
    return {figure for figure in found if len(figure) > 1 and not re.fullmatch(r"20[12]\d|1?00+", figure)}
