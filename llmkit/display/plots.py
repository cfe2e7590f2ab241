"""그림의 한글과, 모든 그림이 함께 쓰는 한 가지 모습입니다."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ..common.ipython import shell

STYLE = Path(__file__).parents[1] / "data" / "plots.mplstyle"


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


def plot_style() -> None:
    """모든 그림에 한 가지 모습을 줍니다: 한글, 색, 상자 없는 축, 투명한 바탕, 두 배 선명한 해상도. 그리기 전에 호출합니다.

    Raises:
        ModuleNotFoundError: `koreanize-matplotlib`이 설치되어 있지 않을 때.

    >>> plot_style()
    >>> import matplotlib
    >>> matplotlib.rcParams["axes.spines.top"], matplotlib.rcParams["savefig.transparent"]
    (False, True)
    """
    from matplotlib import style

    use_korean_font()
    style.use(STYLE)
    if shell() is not None:  # 노트북은 savefig의 설정을 보지 않습니다. 두 배 촘촘하게 그려 절반 크기로 보입니다.
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        # 그림의 바탕색(figure.facecolor)이 투명하면 어두운 JupyterLab이 흰 바탕을 깔므로, 저장할 때에만 비웁니다.
        set_matplotlib_formats("retina", facecolor="none")
