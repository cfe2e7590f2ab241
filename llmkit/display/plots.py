"""그림의 한글과, 모든 그림이 함께 쓰는 한 가지 모습입니다."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ..common.ipython import shell

# 색각 이상에서도 갈리는 Okabe–Ito의 색. 흰 바탕과 어두운 바탕에서 모두 보이는 것만 골랐습니다.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_INK = "#7a7a7a"  # 흰 바탕과 어두운 바탕에서 대비가 모두 4 안팎인 회색입니다.


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
    import matplotlib
    from cycler import cycler

    use_korean_font()
    inks = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    matplotlib.rcParams |= dict.fromkeys(inks, _INK)
    matplotlib.rcParams |= {f"axes.spines.{side}": False for side in ("top", "right")}
    matplotlib.rcParams |= {
        "axes.prop_cycle": cycler(color=PALETTE),
        "axes.titlelocation": "left",
        "legend.frameon": False,
    }
    matplotlib.rcParams |= {"axes.facecolor": "none", "savefig.transparent": True}
    matplotlib.rcParams |= {"figure.dpi": 100, "savefig.dpi": 200}
    _sharp_in_notebooks()


def _sharp_in_notebooks() -> None:
    """노트북에서는 두 배 촘촘하게 그려 절반 크기로 보이게 하고, 바탕을 칠하지 않습니다. 노트북은 `savefig`의 설정을 보지 않습니다."""
    if shell() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        # 그림의 바탕색(figure.facecolor)이 투명하면 어두운 JupyterLab이 흰 바탕을 깔므로, 저장할 때에만 비웁니다.
        set_matplotlib_formats("retina", facecolor="none")
