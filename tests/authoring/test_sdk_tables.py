"""자료와 SDK의 표: 설치된 SDK와 같은가. 표가 옮겨져도 찾고, 없어지거나 비면 조용히 넘어가지 않는가."""

from __future__ import annotations

import datetime
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from llmkit.models import Known, known_models
from tests.authoring.sdk_tables import (
    PACKAGES,
    SdkTable,
    TableNotFound,
    differences,
    is_older_than_data,
    read_table,
    version_of_data,
)

DAY = datetime.date
CHAT_MODEL = '''
from typing_extensions import Literal, TypeAlias
ChatModel: TypeAlias = Literal["gpt-5", "gpt-6-luna", "gpt-5.1-mini", "o3"]
"""Deprecated values:

- "gpt-5", "o3": Announced shutdown
  date: 2026-12-11. See
  https://developers.openai.com/api/docs/deprecations for details.
- "gpt-5.1-mini": Not a supported model ID. Retained for SDK compatibility.
"""
'''
IMAGE_MODEL = '''
ImageModel: TypeAlias = Literal["dall-e-3"]
"""Deprecated values:

- "dall-e-3": This model was retired on May 12, 2026. Use a GPT image model instead.
"""
'''
CLAUDE = """
Model: TypeAlias = Union[Literal["claude-haiku-5-5", "claude-opus-4-5"], str]
"""
DEPRECATED = 'DEPRECATED_MODELS: Dict[str, str] = {"claude-opus-4-5": "January 22nd, 2027"}\n'


def package(folder: Path, **files: str) -> Path:
    for name, source in files.items():
        file = folder / f"{name.replace('__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")
    return folder


@pytest.fixture
def new_enough(name: str) -> None:
    if is_older_than_data(name):
        pytest.skip(f"자료는 {name} {version_of_data(name)}에서 읽었습니다. 더 오래된 SDK에는 표가 없을 수 있습니다")


@pytest.mark.parametrize("name", PACKAGES)
def test_the_data_say_what_the_installed_sdk_says(name: str, new_enough: None) -> None:
    """자료를 만든 버전과는 하나도 다르지 않습니다. 더 새 버전이 앞서 가면 빠진 이름을 경고하고 `drift`에 맡깁니다."""
    found = differences(read_table(name), known_models())
    if version(name) == version_of_data(name):
        assert found == []
    elif found:
        warnings.warn(f"{name} {version(name)}: model_states.json을 고치세요. {found}", stacklevel=1)


def test_names_days_and_unsupported_names_are_read(tmp_path: Path) -> None:
    table = read_table("openai", package(tmp_path, types__chat_model=CHAT_MODEL, types__image_model=IMAGE_MODEL))
    assert table.names == {"gpt-5", "gpt-6-luna", "gpt-5.1-mini", "o3", "dall-e-3"}
    assert table.unsupported == {"gpt-5.1-mini"}
    assert table.shutdowns == {
        "gpt-5": DAY(2026, 12, 11),
        "o3": DAY(2026, 12, 11),
        "dall-e-3": DAY(2026, 5, 12),
    }


@pytest.mark.parametrize("home", ["resources__messages__messages", "_data__deprecated_models", "somewhere__else"])
def test_a_moved_table_is_found(tmp_path: Path, home: str) -> None:
    table = read_table("anthropic", package(tmp_path, types__model=CLAUDE, **{home: DEPRECATED}))
    assert table.shutdowns == {"claude-opus-4-5": DAY(2027, 1, 22)}


@pytest.mark.parametrize("name", PACKAGES)
def test_the_real_table_is_found_wherever_it_is_moved(name: str, new_enough: None, tmp_path: Path) -> None:
    spec = find_spec(name)
    assert spec and spec.submodule_search_locations
    home = Path(spec.submodule_search_locations[0])
    here = read_table(name)
    for number, file in enumerate(sorted(home.rglob("*.py"))):
        (tmp_path / f"moved_{number}.py").symlink_to(file)
    moved = read_table(name, tmp_path)
    assert (moved.names, moved.shutdowns) == (here.names, here.shutdowns)


@pytest.mark.parametrize(
    ("name", "files", "said"),
    [
        ("anthropic", {"model": CLAUDE}, "종료일 표를 찾지 못했습니다"),
        ("anthropic", {"model": CLAUDE, "table": "DEPRECATED_MODELS = {}\n"}, "종료일 표를 찾지 못했습니다"),
        ("anthropic", {"model": CLAUDE, "table": DEPRECATED.replace("DEPRECATED", "OLD")}, "종료일 표를"),
        ("anthropic", {"model": CLAUDE, "table": "from elsewhere import DEPRECATED_MODELS\n"}, "종료일 표를"),
        ("anthropic", {"model": CLAUDE, "table": DEPRECATED.replace("January", "Jan")}, "claude-opus-4-5"),
        ("anthropic", {"table": DEPRECATED}, "모델 이름 표를 찾지 못했습니다"),
        ("openai", {"chat_model": CHAT_MODEL.partition('"""')[0]}, "종료일 표를 찾지 못했습니다"),
        ("openai", {"chat_model": CHAT_MODEL.replace("2026-12-11", "soon")}, "gpt-5: SDK의 표에서 날짜를"),
        ("openai", {}, "모델 이름 표를 찾지 못했습니다"),
    ],
)
def test_a_table_that_cannot_be_found_or_read_fails_loudly(
    name: str, files: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(TableNotFound, match=said):
        read_table(name, package(tmp_path, **files))


def test_an_sdk_that_is_not_installed_fails_loudly() -> None:
    with pytest.raises(TableNotFound, match="no_such_sdk"):
        read_table("no_such_sdk")


def test_the_missing_and_the_different_rows_are_named() -> None:
    table = SdkTable(
        "openai SDK 9.9.9",
        names={"gpt-5", "gpt-6-luna", "gpt-9-nova", "gpt-5.1-mini", "gpt-4o"},
        shutdowns={"gpt-5": DAY(2027, 1, 1), "gpt-9-nova": DAY(2031, 1, 1), "gpt-6-luna": DAY(2028, 3, 3)},
        unsupported={"gpt-4o"},
    )
    assert differences(table, known_models()) == [
        "gpt-9-nova: 자료에 없는 이름입니다. SDK의 종료일: 2031-01-01",
        "gpt-4o: SDK에는 지원하지 않는 이름, 자료에는 반대로 적혀 있습니다.",
        "gpt-5: 종료일이 다릅니다. SDK 2027-01-01, 자료 2026-12-11",
        "gpt-5.1-mini: SDK에는 지원하는 이름, 자료에는 반대로 적혀 있습니다.",
        "gpt-6-luna: 종료일이 다릅니다. SDK 2028-03-03, 자료 없음",
    ]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_row_left_out_of_the_data_is_missed(name: str, new_enough: None) -> None:
    """자료에서 한 줄을 빼면 그 이름을 대며 알아차립니다: 설치된 SDK의 모든 이름에서."""
    table, known = read_table(name), known_models()
    already = len(differences(table, known))
    for gone in table.names & known.keys():
        rest: dict[str, Known] = {key: row for key, row in known.items() if key != gone}
        assert any(found.startswith(f"{gone}: ") for found in differences(table, rest))
        assert len(differences(table, rest)) == already + 1
