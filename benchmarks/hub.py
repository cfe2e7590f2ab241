"""JupyterHub에서 여러 학습자가 01을 한꺼번에 실행하게 하고, 걸린 시간과 메모리를 잽니다.

    python benchmarks/hub.py 10        # jupyterhub과 configurable-http-proxy가 있는 환경에서

설정은 docs/class/jupyterhub_config.py 그대로이고, 학습자를 대신할 토큰 하나만 더합니다. 학습자마다 서버를 켜고, 화면이 하는 것과
같은 API로 노트북을 열어 모든 셀을 순서대로 실행하고 저장합니다. 스트림은 사람이 볼 때의 박자로 나옵니다.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

ROOT = Path(__file__).resolve().parents[1]
LESSON = "notebooks/01_basics.ipynb"
PORT, API_PORT, HUB_PORT = 18000, 18001, 18081
TOKEN = secrets.token_hex(20)
CONFIG = f"""
exec(open({str(ROOT / "docs/class/jupyterhub_config.py")!r}).read(), globals() | {{"__file__": {str(ROOT / "docs/class/x")!r}}})
c.JupyterHub.bind_url = "http://127.0.0.1:{PORT}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{API_PORT}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{HUB_PORT}"
c.JupyterHub.services = [{{"name": "trial", "api_token": "{TOKEN}"}}]
c.JupyterHub.load_roles = [
    {{"name": "trial", "services": ["trial"], "scopes": ["admin:users", "admin:servers", "access:servers"]}}
]
"""
AsyncHTTPClient.configure(None, max_clients=100)


async def call(path: str, method: str = "GET", body: Any = None) -> Any:
    request = HTTPRequest(
        f"http://127.0.0.1:{PORT}{path}", method, {"Authorization": f"token {TOKEN}"},
        json.dumps(body) if body is not None else None, request_timeout=300, allow_nonstandard_methods=True,
    )  # fmt: skip
    answer = await AsyncHTTPClient().fetch(request)
    return json.loads(answer.body) if answer.body else None


async def wait_for_hub(hub: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            await call("/hub/api/")
            return
        except (OSError, HTTPClientError):
            if hub.poll() is not None:
                sys.exit("JupyterHub가 켜지지 않았습니다.")
            await asyncio.sleep(0.2)


async def learn(name: str) -> dict[str, float]:
    """학습자 하나: 서버를 켜고 01을 끝까지 실행해 저장합니다. 초와, 뜻밖의 오류가 난 셀의 수를 돌려줍니다."""
    start = time.perf_counter()
    await call(f"/hub/api/users/{name}", "POST")
    await call(f"/hub/api/users/{name}/server", "POST", {})
    while not (await call(f"/hub/api/users/{name}"))["servers"].get("", {}).get("ready"):
        await asyncio.sleep(0.5)
    server = time.perf_counter()
    opened = {"path": LESSON, "type": "notebook", "name": "01", "kernel": {"name": "python3"}}
    session = await call(f"/user/{name}/api/sessions", "POST", opened)
    kernel = session["kernel"]["id"]
    url = f"ws://127.0.0.1:{PORT}/user/{name}/api/kernels/{kernel}/channels"
    socket = await websocket_connect(HTTPRequest(url, headers={"Authorization": f"token {TOKEN}"}))
    notebook: Any = nbformat.from_dict((await call(f"/user/{name}/api/contents/{LESSON}"))["content"])
    ready, failed = 0.0, 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = await run(socket, cell.source)
            ready = ready or time.perf_counter()
            error = any(output.output_type == "error" for output in cell.outputs)
            failed += error and "raises-exception" not in cell.metadata.get("tags", [])
    done = time.perf_counter()
    await call(f"/user/{name}/api/contents/{LESSON}", "PUT", {"type": "notebook", "content": notebook})
    return {"server": server - start, "kernel": ready - server, "lesson": done - ready, "failed": failed}


async def run(socket: Any, source: str) -> list[Any]:
    """셀 하나를 실행해 출력을 모읍니다. 표시를 고치는 메시지(update_display_data)는 세지 않습니다."""
    asked = uuid.uuid4().hex
    header = {"msg_id": asked, "msg_type": "execute_request", "username": "", "session": asked, "version": "5.3"}
    content = {"code": source, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await socket.write_message(json.dumps(message))
    outputs = []
    while True:
        got = json.loads(await socket.read_message())
        if got.get("parent_header", {}).get("msg_id") != asked:
            continue
        if got["msg_type"] == "status" and got["content"]["execution_state"] == "idle":
            return outputs
        if got["msg_type"] in ("stream", "display_data", "execute_result", "error"):
            outputs.append(nbformat.v4.output_from_msg(got))


def memory(home: Path) -> tuple[float, float]:
    """이 학습자의 프로세스들이 쓰는 MB: 함께 쓰는 쪽을 나누어 센 것(PSS)과 그냥 더한 것(RSS)."""
    pss = rss = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"HOME={home}".encode() not in (process / "environ").read_bytes().split(b"\0"):
                continue
            lines = dict(line.split(":", 1) for line in (process / "smaps_rollup").read_text().splitlines()[1:])
        except OSError:
            continue
        pss, rss = pss + int(lines["Pss"].split()[0]), rss + int(lines["Rss"].split()[0])
    return pss / 1024, rss / 1024


async def trial(count: int, hub: subprocess.Popen[bytes], homes: Path) -> None:
    await wait_for_hub(hub)
    names = [f"learner-{number:02}" for number in range(1, count + 1)]
    start = time.perf_counter()
    results = await asyncio.gather(*map(learn, names))
    print(f"{datetime.now():%Y-%m-%d %H:%M}, 학습자 {count}명, CPU {os.cpu_count()}개, 부하 {os.getloadavg()[0]:.1f}")
    print(
        f"모두 끝나기까지 {time.perf_counter() - start:.0f}초, 뜻밖의 오류가 난 셀 {sum(r['failed'] for r in results):.0f}개"
    )
    for key, title in (("server", "서버가 켜지기까지"), ("kernel", "첫 셀이 끝나기까지"), ("lesson", "나머지 셀")):
        seconds = sorted(result[key] for result in results)
        print(f"{title}: {seconds[0]:.0f}–{seconds[-1]:.0f}초")
    used = [memory(homes / name) for name in names]
    print(
        f"한 학습자의 메모리: PSS {max(p for p, _ in used):.0f}MB, RSS {max(r for _, r in used):.0f}MB(가장 큰 학습자)"
    )
    await asyncio.gather(*(call(f"/hub/api/users/{name}/server", "DELETE") for name in names))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory() as folder:
        homes, config = Path(folder, "homes"), Path(folder, "config.py")
        config.write_text(CONFIG, encoding="utf-8")
        password = {name: secrets.token_hex(20) for name in ("CLASS_PASSWORD", "TEACHER_PASSWORD")}
        with Path(folder, "log").open("w") as log:
            hub = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", str(config)],
                cwd=folder, env=os.environ | password | {"CLASS_HOMES": str(homes)}, stdout=log, stderr=log,
            )  # fmt: skip
            try:
                asyncio.run(trial(count, hub, homes))
                subprocess.run([sys.executable, "-m", "llmkit", "progress", str(homes)], cwd=ROOT, check=True)
            finally:
                hub.terminate()
                hub.wait()
                print(Path(folder, "log").read_text()[-2000:] if "--log" in sys.argv else "", end="")


if __name__ == "__main__":
    main()
