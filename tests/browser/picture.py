"""README의 맨 위 그림: 01을 진짜 JupyterLab에서 실행하고, 고치고, 되돌리고, 연습을 통과하는 12초.

    python -m tests.browser.picture        # docs/images/first.gif를 새로 그립니다

화면이 바뀌었을 때만 실행합니다. 그림을 만들 뿐 시험하지 않습니다.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from .lab import ROOT, chromium, jupyter, open_notebook, wait_until_idle

NAME, FILE = "01_basics.ipynb", ROOT / "docs" / "images" / "first.gif"
SIZE = {"width": 820, "height": 472}
RUN = """
async index => {
  const notebook = jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = index; notebook.deselectAll();
  await jupyterapp.commands.execute('notebook:run-cell');
}
"""
EDIT = """
([index, before, after]) => {
  const cell = jupyterapp.shell.currentWidget.content.widgets[index].model.sharedModel;
  cell.setSource(cell.source.replace(before, after));
}
"""
CLEAR = """
index => {
  const cell = jupyterapp.shell.currentWidget.content.widgets[index].model;
  cell.clearExecution();
  cell.outputs.clear();
}
"""
CAPTION = """
([index, text]) => {
  const cell = jupyterapp.shell.currentWidget.content.widgets[index].node;
  cell.scrollIntoView({block: 'start'});
  document.querySelectorAll('.jp-cell-toolbar').forEach(bar => bar.style.display = 'none');
  let box = document.getElementById('caption');
  if (!box) {
    box = document.body.appendChild(document.createElement('div'));
    box.id = 'caption';
    const left = document.querySelector('.jp-WindowedPanel-outer').getBoundingClientRect().left;
    box.style.cssText = `position:fixed;left:${left}px;right:0;`
      + 'bottom:0;z-index:9999;padding:10px 16px;'
      + 'background:#1f2937;color:#fff;font:600 17px sans-serif';
  }
  box.textContent = text;
}
"""


def frames(page: Any) -> list[tuple[bytes, int]]:
    """(PNG, 밀리초)의 목록. 셀의 번호는 소스에서 찾으므로 수업이 바뀌어도 따라갑니다."""
    sources = page.evaluate("jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.sharedModel.source)")
    setup, client, call, exercise = (
        next(number for number, source in enumerate(sources) if text in source)
        for text in ("session = llmkit.setup", "client = OpenAI()", "question = ", 'check("01-1"')
    )
    box = page.locator(".jp-WindowedPanel-outer").bounding_box()
    clip = {**box, "height": SIZE["height"] - box["y"]}  # 메뉴와 도구 모음은 빼고, 아래의 설명은 넣습니다.
    shots: list[tuple[bytes, int]] = []

    def shoot(index: int, text: str, milliseconds: int) -> None:
        page.evaluate(CAPTION, [index, text])
        page.wait_for_timeout(600)
        shots.append((page.screenshot(clip=clip), milliseconds))

    def run(*indexes: int) -> None:
        for index in indexes:
            page.evaluate(RUN, index)
            wait_until_idle(page)

    run(setup, client)
    page.evaluate(CLEAR, call)
    shoot(call, "① 평범한 OpenAI 코드입니다. 키는 없습니다.", 1500)
    run(call)
    shoot(call, "② 실행하면 저장된 응답이 진짜 SDK를 거쳐 돌아옵니다.", 2200)
    page.evaluate(EDIT, [call, "한 문장", "두 문장"])
    run(call)
    shoot(call, "③ 질문을 고치면 무엇이 달라졌는지, 어떻게 이어 갈지 말합니다.", 3200)
    page.evaluate(EDIT, [call, "두 문장", "한 문장"])
    run(call)
    shoot(call, "④ 되돌리면 다시 답합니다.", 1600)
    page.evaluate(EDIT, [exercise, "...", '"user"'])
    run(exercise)
    shoot(exercise, "⑤ 연습은 네트워크 없이 채점합니다. 틀린 곳을 말하고,", 1800)
    page.evaluate(EDIT, [exercise, '"role": "user", "content": "시-1"', '"role": "assistant", "content": "시-1"'])
    run(exercise)
    shoot(exercise, "⑥ 고치면 통과합니다.", 2200)
    return shots


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "notebooks" / NAME, folder)
        with jupyter(Path(folder)) as address, chromium() as browser:
            page = browser.new_page(viewport=SIZE, device_scale_factor=1.5, locale="ko-KR")
            open_notebook(page, address, NAME)
            page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
            shots = frames(page)
    images = [Image.open(io.BytesIO(png)).convert("RGB").quantize(40, dither=Image.Dither.NONE) for png, _ in shots]
    durations = [milliseconds for _, milliseconds in shots]
    images[0].save(FILE, save_all=True, append_images=images[1:], duration=durations, loop=0, optimize=True)
    print(f"{FILE.relative_to(ROOT)}: {FILE.stat().st_size // 1024}KB, {images[0].size}, {sum(durations) / 1000:.1f}초")


if __name__ == "__main__":
    main()
