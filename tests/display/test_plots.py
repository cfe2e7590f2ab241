"""그림의 한글: 네모(없는 글자)로 그려지지 않습니다."""

from __future__ import annotations

import warnings
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import nbformat
import pytest

from llmkit.display import plots

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def test_korean_and_a_minus_sign_have_glyphs(tmp_path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    with matplotlib.rc_context():
        plots.use_korean_font()
        plots.use_korean_font()  # 두 번 불러도 됩니다.
        figure, axes = pyplot.subplots()
        axes.set_title("다시 보낸 요청 (−3 … 3)", weight="bold")
        axes.plot([-3, 3], [-1, 1])
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Glyph .* missing")
            figure.savefig(tmp_path / "korean.png")
        pyplot.close(figure)


def test_a_missing_font_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install koreanize-matplotlib"):
        plots.use_korean_font()


def test_a_styled_plot_has_no_box_and_no_ground_of_its_own(tmp_path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    with matplotlib.rc_context():
        plots.plot_style()
        figure, axes = pyplot.subplots()
        figure.savefig(tmp_path / "plot.png")
        assert pyplot.imread(tmp_path / "plot.png")[0, 0, 3] == 0
        assert not axes.spines["top"].get_visible()
        pyplot.close(figure)


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("[0-9]*_*.ipynb")), ids=lambda path: path.stem)
def test_a_stored_plot_has_no_ground_in_any_theme(path: Path) -> None:
    """matplotlib이 `needs_background`를 적으면 어두운 JupyterLab은 그 그림 밑에 흰 바탕을 깝니다."""
    from matplotlib import pyplot

    outputs = [each for cell in nbformat.read(path, 4).cells for each in cell.get("outputs", [])]
    for output in outputs:
        if image := output.get("data", {}).get("image/png"):
            assert "needs_background" not in output.metadata
            assert pyplot.imread(BytesIO(b64decode(image)))[0, 0, 3] == 0
