"""저장한 그림에는 바로 아래 셀의 '그림 설명'이 대체 글로 남습니다."""

from __future__ import annotations

import nbformat

from llmkit.commands.record import _describe_plots


def test_the_caption_below_a_plot_becomes_its_alternative_text() -> None:
    plot = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0=", "text/plain": "<Figure>"})
    other = nbformat.v4.new_output("display_data", {"text/plain": "글"})
    cells = [
        nbformat.v4.new_code_cell("plt.show()", outputs=[plot, other]),
        nbformat.v4.new_markdown_cell("그림 설명: 막대가\n둘입니다.\n\n다음 이야기"),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    _describe_plots(notebook)
    assert notebook.cells[0].outputs[0].metadata == {"image/png": {"alt": "막대가 둘입니다."}}
    assert notebook.cells[0].outputs[1].metadata == {}
