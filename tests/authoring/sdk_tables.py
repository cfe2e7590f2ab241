"""SDK의 표: 설치된 openai와 anthropic의 소스에서 모델 이름과 종료일을 읽어, 강좌의 자료와 비교합니다.

`drift`와 테스트만 씁니다. 표는 SDK의 버전마다 자리를 옮기므로 파일 이름을 정해 두지 않고 패키지 전체에서 찾으며, 찾지 못하면
조용히 넘어가지 않고 `TableNotFound`를 던집니다.
"""

from __future__ import annotations

import ast
import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from packaging.version import Version

from llmkit.models import Known, known_models, state_data

PACKAGES = ("openai", "anthropic")
_FIELD = re.compile(r"(^|_)model$|Models?(Param)?$")  # model, ChatModel, AllModels, ModelParam ...
_NAME = re.compile(r"[a-z]+[-\d]")  # "auto"나 날짜가 아니라 "o1", "gpt-5"처럼 생긴 값
_MONTHS: str = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATE = re.compile(rf"(\d{{4}})-(\d\d)-(\d\d)|({_MONTHS}) (\d+)(?:st|nd|rd|th)?, (\d{{4}})")


class TableNotFound(Exception):
    """SDK의 소스에서 모델 표를 찾지 못했거나 읽지 못했습니다. 표를 찾는 방법을 고쳐야 합니다."""


@dataclass
class SdkTable:
    """SDK 하나가 아는 모델: 이름, 종료일, 지원하지 않는다고 적힌 이름."""

    label: str
    names: set[str] = field(default_factory=set)
    shutdowns: dict[str, datetime.date] = field(default_factory=dict)
    unsupported: set[str] = field(default_factory=set)


def compare() -> Iterator[tuple[str, str]]:
    """설치된 SDK와 다른 자료를 (달라진 것, 할 일)로 말합니다. 할 일이 없으면 확인하지 못한 것입니다."""
    for package in PACKAGES:
        if is_older_than_data(package):
            why = f"자료를 만든 {version_of_data(package)} 버전보다 오래되어 비교하지 않았습니다."
            yield f"{package} SDK: {why}", ""
            continue
        try:
            table = read_table(package)
        except TableNotFound as error:
            yield str(error), "tests/authoring/sdk_tables.py가 표를 찾는 방법을 고치세요."
            continue
        for difference in differences(table, known_models()):
            yield f"{table.label}의 표, {difference}", "llmkit/data/model_states.json의 이름과 날짜를 고치세요."


def version_of_data(package: str) -> str:
    """자료를 만들 때 읽은 SDK의 버전입니다. 그보다 오래된 SDK에는 표가 없을 수 있습니다(openai 2.54에는 종료일이 없습니다).

    >>> version_of_data("anthropic") >= "2.14.0"
    True
    """
    sources = [group["source"] for group in state_data()["states"] if group["source"].startswith(f"{package} SDK ")]
    return max((source.rpartition(" ")[2] for source in sources), key=Version)


def is_older_than_data(package: str) -> bool:
    """설치된 SDK가 자료를 만들 때 읽은 것보다 오래되었는지."""
    return Version(version(package)) < Version(version_of_data(package))


def read_table(package: str, folder: Path | None = None) -> SdkTable:
    """설치된 SDK(또는 `folder`에 있는 소스)의 표를 읽습니다.

    Raises:
        TableNotFound: 이름이나 종료일의 표가 없을 때, 또는 표의 날짜를 읽을 수 없을 때.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise TableNotFound(f"{package} SDK가 설치되어 있지 않습니다.")
    table = SdkTable(f"{package} SDK {version(package)}")
    for file in sorted((folder or Path(spec.submodule_search_locations[0])).rglob("*.py")):
        source = file.read_text(encoding="utf-8")
        if "DEPRECATED_MODELS" in source or ("Literal[" in source and re.search("odels?(Param)?:", source)):
            _read_source(source, table)
    for what, found in (("모델 이름", table.names), ("종료일", table.shutdowns)):
        if not found:
            raise TableNotFound(f"{table.label}: 소스에서 {what} 표를 찾지 못했습니다.")
    return table


def differences(table: SdkTable, known: Mapping[str, Known]) -> list[str]:
    """SDK의 표와 다른 자료를 한 줄씩 말합니다. 자료에 없는 이름이 먼저 옵니다."""
    missing, different = [], []
    for name in sorted(table.names | set(table.shutdowns)):
        row, day = known.get(name), table.shutdowns.get(name)
        if row is None:
            missing.append(f"{name}: 자료에 없는 이름입니다. SDK의 종료일: {day or '없음'}")
        elif (name in table.unsupported) != row.unsupported:
            what = "지원하지 않는 이름" if name in table.unsupported else "지원하는 이름"
            different.append(f"{name}: SDK에는 {what}, 자료에는 반대로 적혀 있습니다.")
        elif day and day != row.shutdown:
            different.append(f"{name}: 종료일이 다릅니다. SDK {day}, 자료 {row.shutdown or '없음'}")
    return missing + different


def _read_source(source: str, table: SdkTable) -> None:
    for statement, following in _statements(source):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                if name == "DEPRECATED_MODELS" and isinstance(statement.value, ast.Dict):
                    days = ast.literal_eval(statement.value)
                    table.shutdowns |= {model: _day(day, model) for model, day in days.items()}
                elif _FIELD.search(name):
                    parts = [part.value for part in ast.walk(statement) if isinstance(part, ast.Constant)]
                    table.names |= {part for part in parts if isinstance(part, str) and _NAME.match(part)}
                    _read_note(following, table)


def _statements(source: str) -> Iterator[tuple[ast.stmt, ast.stmt | None]]:
    """모듈과 클래스에 바로 적힌 문장과 그다음 문장."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef):
            yield from zip(node.body, [*node.body[1:], None])


def _read_note(statement: ast.stmt | None, table: SdkTable) -> None:
    """openai의 설명문: 'Deprecated values: - "이름", "이름": Announced shutdown date: 2027-01-14. ...'"""
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            note = " ".join(text.partition("Deprecated values:")[2].split())
            for names, about in re.findall(r'- ((?:"[^"]+",? ?)+): (.+?)(?= - "|$)', note):
                models = re.findall(r'"([^"]+)"', names)
                if about.startswith("Not a supported model"):
                    table.unsupported.update(models)
                else:
                    table.shutdowns |= {name: _day(about, name) for name in models}


def _day(text: str, name: str) -> datetime.date:
    """글의 첫 날짜. strptime의 %B는 로캘이 한국어이면 영어 달 이름을 읽지 못하므로 쓰지 않습니다."""
    found = _DATE.search(text)
    if not found:
        raise TableNotFound(f"{name}: SDK의 표에서 날짜를 읽지 못했습니다({text!r}).")
    year, month, day, word, number, written = found.groups()
    if year:
        return datetime.date(int(year), int(month), int(day))
    return datetime.date(int(written), _MONTHS.split("|").index(word) + 1, int(number))
