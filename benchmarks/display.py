"""스트림 표시를 다른 방법과 같은 자리에서 재어 표로 찍습니다.

    python benchmarks/display.py             # 진짜 커널: 메시지 수, 바이트, 커널의 CPU
    python benchmarks/display.py --browser   # 진짜 JupyterLab(헤드리스 Chromium): 화면이 얼마나 따라오는가
    python benchmarks/display.py --quick     # 조각 200개와 1,000개만

필요한 것: `pip install ipykernel jupyterlab ipywidgets rich chatlas playwright psutil nbformat`과 브라우저 `chromium`.
(ipywidgets가 없으면 rich.Live는 노트북에서 아무것도 그리지 않습니다.)
어느 방법이든 같은 조각을 같은 박자로 받습니다. 조각은 약 4.6바이트이고 4,000조각이 18.6KB의 한국어 Markdown입니다.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
import queue
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # tests.browser

# 커널 안에서 도는 코드. 모든 방법이 이것을 먼저 실행합니다.
SETUP = '''
import json, time, sys
sys.path.insert(0, {root!r})
PARAGRAPH = """## {{n}}. 토큰과 비용

모델은 글을 **토큰**(token) 단위로 읽고 씁니다. 한국어 한 글자는 보통 1–2토큰이고, 요금은 *입력*과 *출력*을 따로 셉니다.

- 입력이 1,000토큰이면 `prompt_tokens`에 1000이라고 적힙니다.
- 출력이 길수록 비쌉니다. 그래서 `max_completion_tokens`로 한도를 둡니다.

| 항목 | 뜻 |
|---|---|
| usage | 쓴 토큰의 수 |
| finish_reason | 끝난 이유 |

```python
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="")
```

"""
def pieces(count):
    document = "".join(PARAGRAPH.replace("{{n}}", str(n)) for n in range(1, 200))
    # 한 조각이 4.65바이트가 되도록 글자 수로 나눕니다.
    size = 4.65 * len(document) / len(document.encode())
    cuts = [round(i * size) for i in range(count + 1)]
    return [document[a:b] for a, b in zip(cuts, cuts[1:])]
TIMES = {{}}
def stream(count, rate):
    parts = pieces(count)
    parts[0], parts[-1] = "FIRST " + parts[0], parts[-1] + " LAST"
    start = time.perf_counter()
    for number, part in enumerate(parts):
        if rate:
            time.sleep(max(0, start + number / rate - time.perf_counter()))
        if number == 0: TIMES["first"] = time.time()
        if number == count - 1: TIMES["last"] = time.time()
        yield part
'''

WAYS = {
    "이 강좌의 display_stream": """
import llmkit
result = llmkit.display_stream(stream(COUNT, RATE))""",
    "끝에 한 번 표시(바닥)": """
from IPython.display import Markdown, display
text = "".join(stream(COUNT, RATE))
display({"text/plain": text, "text/markdown": text}, raw=True)""",
    "조각마다 update_display": """
from IPython.display import Markdown, display
handle, text = display(Markdown(""), display_id=True), ""
for part in stream(COUNT, RATE):
    text += part
    handle.update(Markdown(text))""",
    "clear_output": """
from IPython.display import Markdown, clear_output, display
text = ""
for part in stream(COUNT, RATE):
    text += part
    clear_output(wait=True)
    display(Markdown(text))""",
    "print(flush=True)": """
for part in stream(COUNT, RATE):
    print(part, end="", flush=True)""",
    "rich.Live": """
from rich.live import Live
from rich.markdown import Markdown
text = ""
with Live(Markdown("")) as live:
    for part in stream(COUNT, RATE):
        text += part
        live.update(Markdown(text))""",
    "chatlas": """
from chatlas._display import IPyMarkdownDisplay
options = dict(rich_markdown={}, rich_console={}, css_styles={}, tool_result_max_lines=20,
               tool_result_max_height="400px", thinking_max_lines=10, web_activity_max_sources=8, image_max_lines=16)
with IPyMarkdownDisplay(options) as screen:
    for part in stream(COUNT, RATE):
        screen.echo(part)""",
}
OURS, FLOOR = list(WAYS)[:2]


@contextlib.contextmanager
def kernel() -> Iterator[tuple]:
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3", stderr=subprocess.DEVNULL)
    try:
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(client, code: str, timeout: float = 300) -> list[tuple[float, int, dict]]:
    """코드를 돌리고 iopub 메시지를 (받은 때, 바이트, 내용)으로 모읍니다. 바이트는 소켓을 지나간 그대로입니다."""
    received = []
    request = client.execute(code)
    while True:
        if not client.iopub_channel.socket.poll(timeout * 1000):
            raise queue.Empty(f"{timeout}초 동안 메시지가 없습니다")
        frames = client.iopub_channel.socket.recv_multipart()
        _, parts = client.session.feed_identities(frames)
        message = client.session.deserialize(parts)
        if message["parent_header"].get("msg_id") != request:
            continue
        kind = message["header"]["msg_type"]
        if kind == "error":
            raise RuntimeError("\n".join(message["content"]["traceback"]))
        if kind == "status" and message["content"]["execution_state"] == "idle":
            client.get_shell_msg(timeout=10)
            return received
        if kind not in ("status", "execute_input"):
            received.append((time.time(), sum(map(len, frames)), message))


def in_kernel(counts: list[int], rates: list[int], ways: list[str]) -> None:
    import psutil

    answer = dict.fromkeys(counts, 0)
    rows = []
    for rate in rates:
        for count in counts:
            floor = 0
            for way in [FLOOR, *(name for name in ways if name != FLOOR)]:
                with kernel() as (manager, client):
                    run(client, SETUP.format(root=str(ROOT)))
                    answer[count] = int(printed(run(client, f'print(len("".join(stream({count}, 0)).encode()))')))
                    run(client, code_of(way, 3, 0))  # 불러오기와 첫 실행의 값을 뺍니다.
                    process = psutil.Process(manager.provisioner.pid)
                    before = sum(process.cpu_times()[:2])
                    messages = run(client, code_of(way, count, rate))
                    cpu = sum(process.cpu_times()[:2]) - before
                size = sum(message[1] for message in messages)
                floor = size if way == FLOOR else floor
                pace = f"초당 {rate}" if rate else "한꺼번에"
                rows.append([pace, f"{count:,}", way, f"{len(messages):,}", f"{size / 1000:,.1f}",
                             f"{size / answer[count]:,.1f}", f"{size / floor:,.1f}", f"{cpu:.2f}"])  # fmt: skip
                print(".", end="", flush=True, file=sys.stderr)
    table(["박자", "조각", "방법", "메시지", "KB", "답의 몇 배", "바닥의 몇 배", "커널 CPU(초)"], rows)


def growth(rate: int = 100) -> None:
    """답이 두 배가 되면 보내는 양은 몇 배가 되는가, 그리고 멎은 스트림의 글이 얼마 만에 보이는가."""
    sizes, waits = [], []
    stalled_at = Path(tempfile.gettempdir()) / f"stalled-{os.getpid()}"
    with kernel() as (_, client):
        run(client, SETUP.format(root=str(ROOT)))
        for count in (1000, 2000, 4000):
            sizes.append(sum(message[1] for message in run(client, code_of(OURS, count, rate))))
        print(f"\n두 배의 답({rate}조각/초): 1,000→2,000조각 {sizes[1] / sizes[0]:.2f}배, "
              f"2,000→4,000조각 {sizes[2] / sizes[1]:.2f}배의 바이트")  # fmt: skip
        for burst in (1, 7, 40, 200, 1000):
            code = f"""
import llmkit
def stalls():
    for part in pieces({burst}):
        time.sleep(0.01)
        yield part
    yield "STALLED"
    TIMES["stall"] = time.time()
    time.sleep(1)
llmkit.display_stream(stalls())
with open({str(stalled_at)!r}, "w") as file:
    file.write(str(TIMES["stall"]))"""
            messages = run(client, code)
            shown = next(at for at, _, m in messages if "STALLED" in m["content"]["data"].get("text/markdown", ""))
            waits.append(shown - float(stalled_at.read_text()))
        stalled_at.unlink()
    print(f"멎은 스트림의 글이 모두 보일 때까지: {', '.join(f'{w:.2f}' for w in waits)}초 (다섯 번)")


def printed(messages: list[tuple[float, int, dict]]) -> str:
    return "".join(message["content"].get("text", "") for _, _, message in messages)


def code_of(way: str, count: int, rate: int) -> str:
    return WAYS[way].replace("COUNT", str(count)).replace("RATE", str(rate))


# 브라우저 -----------------------------------------------------------------------------------------------

WATCH = """
() => {
  window.seen = {};
  const body = document.body;
  const look = () => {
    for (const output of document.querySelectorAll('.jp-OutputArea-output')) {
      const text = output.textContent;
      if (!window.seen.first && text.includes('FIRST')) window.seen.first = Date.now() / 1000;
      if (!window.seen.last && text.includes('LAST')) window.seen.last = Date.now() / 1000;
    }
  };
  new MutationObserver(look).observe(body, {childList: true, subtree: true, characterData: true});
  window.longTasks = [];
  new PerformanceObserver(list => window.longTasks.push(...list.getEntries().map(e => e.duration)))
    .observe({type: 'longtask', buffered: false});
}
"""


def in_browser(count: int, rate: int, ways: list[str]) -> None:
    import nbformat

    from tests.browser import lab

    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        lab.jupyter(Path(folder)) as address,
        lab.chromium() as browser,
    ):
        for number, way in enumerate(ways):
            times, path = Path(folder) / f"times{number}.json", Path(folder) / f"{number}.ipynb"
            setup = SETUP.format(root=str(ROOT))
            code = code_of(way, count, rate) + f"\njson.dump(TIMES, open({str(times)!r}, 'w'))"
            cells = [nbformat.v4.new_code_cell(source) for source in (setup, code)]
            # 커널이 적혀 있지 않으면 JupyterLab이 고르라고 묻습니다.
            spec = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
            nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=spec), path)
            page = browser.new_page(viewport={"width": 1300, "height": 900})
            lab.open_notebook(page, address, path.name)
            page.evaluate(WATCH)
            page.evaluate(lab.RUN_ALL)
            deadline = time.time() + (count / rate if rate else 0) + 90
            while time.time() < deadline and not (times.exists() and page.evaluate("Boolean(window.seen.last)")):
                time.sleep(0.1)
                if times.exists() and time.time() > times.stat().st_mtime + 25:
                    break  # 25초가 지나도 따라오지 못했습니다.
            seen, stopped = page.evaluate("window.seen"), json.loads(times.read_text())
            long_tasks = sum(page.evaluate("window.longTasks")) / 1000
            page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
            time.sleep(1)
            outputs = nbformat.read(path, 4).cells[1].outputs
            whole = "LAST" in json.dumps(outputs)
            late = [f"{seen[n] - stopped[n]:.2f}초" if n in seen else "25초 안에 안 보임" for n in ("first", "last")]
            rows.append([way, *late, f"{long_tasks:.1f}초", str(len(outputs)), "온전함" if whole else "잘림"])
            page.close()
            print(".", end="", flush=True, file=sys.stderr)
    print(f"\nJupyterLab {importlib.metadata.version('jupyterlab')}, {count:,}조각, 초당 {rate}조각")
    table(["방법", "첫 글자까지", "마지막 글자까지", "화면이 멎은 시간", "저장된 출력", "저장된 글"], rows)


def table(header: list[str], rows: list[list[str]]) -> None:
    print("\n| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--browser", action="store_true", help="진짜 JupyterLab에서 화면을 잽니다(방법마다 약 1분)")
    parser.add_argument("--quick", action="store_true", help="조각 200개와 1,000개만")
    parser.add_argument("--only", nargs="+", metavar="이름", help="이름에 이 글이 든 방법만(바닥은 늘 잽니다)")
    arguments = parser.parse_args()
    ways = [way for way in WAYS if not arguments.only or any(part in way for part in [FLOOR, *arguments.only])]
    names = ("ipykernel", "ipython", "ipywidgets", "rich", "chatlas")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    print(f"{datetime.date.today()}, {platform.platform()}, CPU {os.cpu_count()}개")
    print(f"시작할 때 부하 {os.getloadavg()[0]:.2f}")
    print(f"Python {platform.python_version()}, {versions}")
    if arguments.browser:
        in_browser(1000 if arguments.quick else 4000, 100, ways)
    else:
        in_kernel([200, 1000] if arguments.quick else [200, 1000, 4000], [0, 100], ways)
        growth()
    print(f"끝날 때 부하 {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
