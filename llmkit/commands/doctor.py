"""진단: 이 컴퓨터에서 강좌를 실행할 수 있는지, 무엇이 실제 호출이고 무엇이 재생인지, 무엇을 고치면 되는지 말합니다.

패키지가 설치되지 않은 Python에서도 실행되어야 하므로, 설치한 것을 쓰는 모듈은 함수 안에서 불러옵니다.
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from ..common.clock import today
from ..common.errors import CassetteError
from ..common.keys import find_key, load_environment, redact
from ..common.providers import PROVIDERS
from ..models import default_model, model_status
from . import ROOT

DISTRIBUTION = "llmkit-course"
GOOD, NONE, NOTE, BAD = "좋음", "없음", "주의", "문제"  # "문제"가 있으면 강좌를 실행할 수 없습니다.
Finding = tuple[str, str]
# 따로 설치하는 것(requirements/*.txt) 가운데 수업이 쓰는 것. 없어도 문제가 아닙니다.
EXTRAS = {
    "frameworks": "이것을 쓰는 수업은 저장된 출력으로 읽습니다. README의 '따로 설치하는 수업'을 보세요.",
    "local": "없으면 로컬 모델의 답은 재생합니다. README의 '키 넣기'를 보세요.",
}


def run() -> int:
    """진단을 순서대로 출력합니다. 강좌를 실행할 수 있으면 0, 없으면 1을 돌려줍니다."""
    sections = {
        "Python과 패키지": _packages,
        "카세트": _cassettes,
        "키와 방식": _providers,
        "모델": _models,
        "자료의 날짜": _ages,
    }
    problems = 0
    for title, section in sections.items():
        print(title)
        try:
            findings = list(section())
        except OSError as error:  # 권한이 없는 .env, 지워진 폴더
            advice = "권한을 고치거나, 있는 폴더에서 다시 실행하세요."
            findings = [(BAD, f"읽을 수 없는 곳: {error.filename or '지금의 폴더'} ({error.strerror}). {advice}")]
        for level, text in findings:
            shown = "".join(char if char.isprintable() else "?" for char in text)  # .env의 글이 터미널을 움직이지 않게
            print(redact(f"  [{level}] {shown}"))
            problems += level == BAD
        if problems and section is _packages:
            break  # 패키지가 없으면 나머지는 알아볼 수 없습니다.
    print(f"문제 {problems}개를 먼저 고치세요." if problems else "강좌를 실행할 수 있습니다.")
    return int(problems > 0)


def _packages() -> Iterator[Finding]:
    python = f"Python {sys.version.split()[0]} ({sys.executable})"
    enough = sys.version_info >= (3, 11)
    yield (GOOD, python) if enough else (BAD, f"{python}: 3.11 이상이 필요합니다. 새 Python으로 .venv를 다시 만드세요.")
    install = f"{sys.executable} -m pip install -r requirements.txt"
    try:
        from packaging.requirements import Requirement

        from .lock import installed, missing

        needs = [Requirement(line) for line in metadata(DISTRIBUTION).get_all("Requires-Dist") or []]
    except (ImportError, PackageNotFoundError):
        yield BAD, f"이 Python에는 강좌가 설치되어 있지 않습니다. 강좌 폴더에서 실행하세요: {install}"
        return
    wanted = [(need, BAD if need.marker is None or need.marker.evaluate({"extra": ""}) else NOTE) for need in needs]
    wanted += [(Requirement(name), NOTE) for name in ("jupyterlab", "ipykernel")]  # 없어도 명령은 실행됩니다.
    for need, level in wanted:
        found = installed(need.name)
        if found is None:
            yield level, f"{need.name}: 설치되어 있지 않습니다. {install}"
        elif need.specifier.contains(found, prereleases=True):
            yield GOOD, f"{need.name} {found}"
        else:
            yield level, f"{need.name} {found}: 강좌가 쓰는 버전({need.specifier})이 아닙니다. {install}"
    yield from _versions()
    for name, advice in EXTRAS.items() if (ROOT / "requirements").is_dir() else ():  # 휠에는 없습니다.
        if absent := missing(name):
            yield NONE, f"{name}: 설치되지 않은 것 {', '.join(absent)}. {advice}"
        else:
            yield GOOD, f"{name}: 모두 설치되어 있습니다."


def _versions() -> Iterator[Finding]:
    """시험한 버전(constraints.txt)과 다른 것이 있으면 한 줄로 말합니다."""
    from .lock import moved

    if different := moved():
        more = f" 외 {len(different) - 5}개" if len(different) > 5 else ""
        advice = "문제가 생기면 .venv를 지우고 README의 첫 명령을 다시 실행하세요."
        yield NOTE, f"시험한 버전과 다릅니다: {', '.join(different[:5])}{more}. {advice}"


def _cassettes() -> Iterator[Finding]:
    from ..replay.cassette import Cassette
    from ..session import CASSETTES

    files = sorted(CASSETTES.glob("*.json"))
    if not files:
        yield BAD, f"{CASSETTES}에 카세트가 없습니다. 강좌를 다시 설치하세요."
    for file in files:
        try:
            cassette = Cassette.load(file)
        except CassetteError as error:
            yield BAD, str(error)
            continue
        count = Counter(exchange.provenance for exchange in cassette.exchanges)
        doubt = f", 확인 안 된 응답 {count['unverified']}건" if count["unverified"] else ""
        yield GOOD, f"{file.stem}: {cassette.date}, 녹화 {count['recorded']}건과 샘플 응답 {count['authored']}건{doubt}"


def _providers() -> Iterator[Finding]:
    from dotenv import find_dotenv

    from ..session import setup

    if path := find_dotenv(usecwd=True):
        Path(path).read_bytes()  # 읽을 수 없으면 여기서 그렇다고 말합니다.
    yield (GOOD, f".env: {path}") if path else (NONE, ".env: 키를 넣으려면 .env.example을 .env로 복사하세요.")
    load_environment()
    keys = {name: find_key(provider) for name, provider in PROVIDERS.items() if provider.keys}
    forced = f"LLMKIT_MODE={os.environ['LLMKIT_MODE']}" if os.environ.get("LLMKIT_MODE") else "CI 환경 변수"
    try:
        with contextlib.redirect_stdout(io.StringIO()), setup() as session:
            modes = session.modes
    except ValueError as error:
        yield BAD, str(error)
        return
    for name, key in keys.items():
        title, live = PROVIDERS[name].title, modes[name] == "live"
        if live and key.found:
            yield GOOD, f"{title}: 실제 호출(live). {key.variable} 값을 찾았습니다. 요금이 듭니다."
            yield from _network(PROVIDERS[name].hosts[0])
        elif live:
            yield NOTE, f"{title}: 실제 호출(live)이지만 {key.problem}. 키를 넣거나 {forced} 설정을 지우세요."
        elif key.found:
            yield GOOD, f"{title}: 재생(replay). {key.variable} 값이 있지만 {forced} 때문에 재생합니다."
        else:
            yield NONE, f"{title}: {key.problem}. 재생(replay)합니다."
    local = "재생(replay)" if modes["local"] == "replay" else "서버가 켜져 있으면 실제 호출, 아니면 재생"
    yield GOOD, f"{PROVIDERS['local'].title}: {local}"


def _network(host: str) -> Iterator[Finding]:
    """연결되는지만 보고 아무것도 보내지 않습니다. 되면 아무 말도 하지 않습니다."""
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return  # 호출은 프록시를 거치므로 바로 연결해 보는 것은 뜻이 없습니다.
    try:
        socket.create_connection((host, 443), timeout=3).close()
    except OSError as error:
        advice = "인터넷 연결과 방화벽을 확인하세요. 연결 없이 재생하려면 .env에 LLMKIT_MODE=replay를 적으세요."
        yield BAD, f"연결할 수 없는 곳: {host} ({error}). 실제 호출이 모두 실패합니다. {advice}"


def _models() -> Iterator[Finding]:
    """강좌와 학습자가 쓰는 모델이 아직 살아 있는지."""
    day = today()
    for (local, model), places in _models_in_use().items():
        where = ", ".join(dict.fromkeys(places))
        status = model_status(model, on=day)
        if local:
            yield GOOD, f"{model}: 이 컴퓨터에서 돌리는 모델이라 종료일이 없습니다 - {where}"
        elif status.state == "current":
            yield GOOD, f"{model}: 예고된 종료일이 없습니다({status.as_of} 확인) - {where}"
        elif status.state == "unknown":
            yield NOTE, f"{status} - {where}. 이름이 맞는지 확인하세요."
        elif status.state == "deprecated" and status.shutdown:
            yield NOTE, f"{status} - {where}. 남은 날: {(status.shutdown - day).days}일."
        else:
            advice = "재생에는 지장이 없지만 실제 호출은 실패할 수 있습니다. .env에서 다른 모델을 정하세요."
            yield NOTE, f"{status} - {where}. {advice}"


def _models_in_use() -> dict[tuple[bool, str], list[str]]:
    """(로컬 모델인가, 모델)마다 그것을 쓰는 곳: 기본값, .env, 카세트."""
    from ..replay.cassette import Cassette
    from ..session import CASSETTES

    with contextlib.suppress(OSError):  # _providers가 이미 말했습니다.
        load_environment()
    uses: dict[tuple[bool, str], list[str]] = defaultdict(list)
    for name, provider in PROVIDERS.items():
        uses[name == "local", default_model(name)].append(f"{provider.title} 기본값")
        if chosen := os.environ.get(provider.model_variable):
            uses[name == "local", chosen].append(provider.model_variable)
    for file in sorted(CASSETTES.glob("*.json")):
        with contextlib.suppress(CassetteError):  # _cassettes가 이미 말했습니다.
            for name, model in Cassette.load(file).models.items():
                uses[name == "local", model].append(file.stem)
    return uses


def _ages() -> Iterator[Finding]:
    """날짜를 적어 둔 자료가 90일 넘게 확인되지 않았는지."""
    from .freshness import ages

    day = today()
    for age in ages(day):
        if age.oldest is None:
            yield NOTE, f"{age.title}: 설치된 버전의 날짜를 모릅니다. 지금과 다를 수 있습니다."
            continue
        text = f"{age.title}: {age.oldest} 확인({(day - age.oldest).days}일 전)"
        yield (NOTE, f"{text}. 90일이 넘어 지금과 다를 수 있습니다.") if age.is_stale(day) else (GOOD, text)
