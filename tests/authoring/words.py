"""말 검사: language.md의 규칙(words.toml)을 사람이 읽는 모든 곳에서 찾습니다.

python -m tests.authoring words                 # 찾은 곳을 모두 "파일:줄"로 적습니다
python -m tests.authoring words llmkit/session.py
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READ = re.compile(r"(notebooks/.*\.(ipynb|md)|docs/.*\.(ipynb|md)|[^/]*\.md|\.env\.example|llmkit/.*\.py)$")


@dataclass(frozen=True)
class Word:
    rule: str
    find: str
    use: str
    planted: str
    allowed: str = ""
    prose: bool = False  # 문장(Markdown)에서만

    def spans(self, text: str) -> Iterator[re.Match[str]]:
        good = [found.span() for found in re.finditer(self.allowed, text)] if self.allowed else []
        for found in re.finditer(self.find, text):
            if not any(start < found.end() and found.start() < end for start, end in good):
                yield found


WORDS = [Word(**entry) for entry in tomllib.loads((ROOT / "tests/authoring/words.toml").read_text("utf-8"))["word"]]


@dataclass(frozen=True)
class Finding:
    path: str
    place: str  # 줄, 노트북이면 "셀 번호:줄"
    rule: str
    found: str
    use: str

    def __str__(self) -> str:
        return f"{self.path}:{self.place} [{self.rule}] {self.found!r} → {self.use}"


def findings(path: Path) -> Iterator[Finding]:
    name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
    for place, line, is_prose in _lines(path):
        for word in WORDS:
            if is_prose or not word.prose:
                for found in word.spans(line):
                    yield Finding(name, place, word.rule, found[0], word.use)


def _lines(path: Path) -> Iterator[tuple[str, str, bool]]:
    """사람이 읽는 줄: (어디, 줄, 문장인지)."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        for number, cell in enumerate(json.loads(text)["cells"], 1):
            is_prose = cell["cell_type"] == "markdown"
            for row, line in enumerate("".join(cell["source"]).splitlines(), 1):
                yield f"셀 {number}:{row}", line, is_prose
    elif path.suffix == ".py":
        yield from _strings(ast.parse(text))
    else:
        for row, line in enumerate(text.splitlines(), 1):
            yield str(row), line, True


def _strings(tree: ast.AST) -> Iterator[tuple[str, str, bool]]:
    """문자열 상수와 docstring. f-문자열은 끼운 값을 중괄호로 되살려 조사를 봅니다."""
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield str(node.lineno), "".join(_part(part) for part in node.values), False
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            for row, line in enumerate(node.value.splitlines()):
                yield str(node.lineno + row), line, False


def _part(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    return "{" + ast.unparse(part.value if isinstance(part, ast.FormattedValue) else part).strip("{}") + "}"


def read_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if READ.fullmatch(name)]


def main(names: list[str]) -> int:
    paths = [Path(name).resolve() for name in names] or read_files()
    found = [finding for path in paths for finding in findings(path)]
    print("\n".join(map(str, found)))
    print(f"파일 {len(paths)}개, 고칠 곳 {len(found)}개", dict(sorted(Counter(f.rule for f in found).items())))
    return 1 if found else 0
