"""그림에 한글을 그릴 수 있게 합니다."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def use_korean_font() -> None:
    """matplotlib이 한글을 네모로 그리지 않게 나눔고딕을 기본 글꼴로 삼습니다. 그림을 그리기 전에 호출합니다.

    글꼴 파일은 `koreanize-matplotlib`에 든 것을 씁니다. 그 패키지를 import하지는 않습니다. Python 3.12부터 사라진
    `distutils`를 찾다가 실패하기 때문입니다. 마이너스 부호는 나눔고딕에도 있는 짧은 것(-)으로 그립니다.

    Raises:
        ModuleNotFoundError: `koreanize-matplotlib`이 설치되어 있지 않을 때.

    >>> use_korean_font()
    >>> import matplotlib
    >>> matplotlib.rcParams["font.family"]
    ['NanumGothic', 'DejaVu Sans']
    """
    import matplotlib
    from matplotlib import font_manager

    package = find_spec("koreanize_matplotlib")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("한글 글꼴이 없습니다. `pip install koreanize-matplotlib`로 설치하세요.")
    for weight in ("NanumGothic", "NanumGothicBold"):
        font_manager.fontManager.addfont(Path(package.origin).parent / "fonts" / f"{weight}.ttf")
    matplotlib.rcParams["font.family"] = ["NanumGothic", "DejaVu Sans"]
    matplotlib.rcParams["axes.unicode_minus"] = False


korean_font = use_korean_font  # 노트북이 새 이름으로 바뀌면 지웁니다.
