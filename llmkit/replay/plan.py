"""녹화 계획: `llmkit.commands.record`와 노트북의 커널이 파일로 주고받는 것.

커널은 켜질 때 환경 변수 `LLMKIT_PLAN`이 가리키는 파일(`Plan`)을 읽고, 녹화하는 동안과 끝날 때 그 옆의 파일에 결과(`Result`)를 적습니다.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

VARIABLE = "LLMKIT_PLAN"
_folder = Path()  # 이 커널의 계획이 있는 폴더


@dataclass
class Plan:
    """계획이 있으면 `setup`은 그대로 따릅니다. `providers`가 비었으면 재생만 합니다."""

    cassettes: str  # 카세트를 둘 폴더
    providers: list[str] = field(default_factory=list)  # 녹화할 제공자. 나머지는 재생합니다.
    takes: dict[str, int] = field(default_factory=dict)  # 셀의 지문 → 셀 메타데이터의 take 번호
    inputs: dict[str, list[str]] = field(default_factory=dict)  # 셀의 지문 → input()에 줄 대답
    budget: str | None = None  # 여기까지만 씁니다(USD). 없으면 제한하지 않습니다.
    unpriced: int = 0  # 예산이 있을 때, 비용을 알 수 없는 호출은 이만큼만 합니다.

    @classmethod
    def of_this_kernel(cls) -> Plan | None:
        """이 커널의 계획입니다. 셀이 실행하는 다른 프로그램은 녹화에 끼어들지도, 실제로 호출하지도 않게 합니다."""
        global _folder
        path = os.environ.pop(VARIABLE, None)
        if not path:
            return None
        _folder = Path(path).parent
        os.environ["LLMKIT_MODE"] = "replay"  # 자식 프로세스가 물려받습니다. 이 커널은 계획대로 합니다.
        return cls(**json.loads(Path(path).read_text(encoding="utf-8")))

    def write(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self), ensure_ascii=False), encoding="utf-8")


@dataclass
class Result:
    """녹화가 어떻게 되었는지입니다. `stopped`는 예산에 닿아 멈춘 이유이고, `done`은 새 카세트로 바꾸었다는 뜻입니다."""

    refused: list[str] = field(default_factory=list)  # 카세트에 담지 못한 것과 그 이유
    usd: str = "0"  # 이번 녹화에 쓴 비용
    unpriced: int = 0  # 비용을 알 수 없는 호출
    stopped: str | None = None
    done: bool = False
    played: list[int] = field(default_factory=list)  # 재생만 했을 때, 카세트의 답마다 나온 횟수

    @classmethod
    def read(cls, folder: Path) -> Result:
        file = folder / "result.json"
        return cls(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else cls()

    def write(self) -> None:
        file = _folder / "result.json"
        temporary = file.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self), ensure_ascii=False), encoding="utf-8")
        os.replace(temporary, file)


def all_cells_ran(folder: Path | None = None) -> Path:
    """마지막 셀까지 실행했다고 `llmkit.commands.record`가 커널에 알리는 빈 파일입니다."""
    return (folder or _folder) / "all-cells-ran"
