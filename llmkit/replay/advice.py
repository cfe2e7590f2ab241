"""학습자에게 하는 말: 무엇을 왜 재생하는지, 샘플 응답이라는 표시, 멈췄을 때 이어서 할 수 있는 일."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable

from ..common.ipython import IN_PAGE, command, say, shell
from ..common.keys import Key
from ..common.ledger import Call
from ..common.providers import LOCAL_PORT, PROVIDERS
from .cassette import Cassette
from .shown import Shown

TAPE_RAN_OUT = (
    "녹화가 여기서 끝납니다. 녹화할 때는 스트림을 여기까지만 읽고 닫았습니다.\n"
    "더 읽으려면 키를 넣고 실제로 호출하거나, 고친 곳을 되돌리세요."
)
STALE_CLIENT = (
    "키가 없을 때 만든 클라이언트라서 가짜 키가 들어 있습니다. 아무것도 보내지 않았습니다.\n"
    "클라이언트를 만드는 셀(OpenAI(), Anthropic(), InferenceClient())을 다시 실행하세요."
)
# 공개된 글에서 읽은 것이며, 가입해서 확인하지는 못했습니다.
_FREE = "무료로 시작할 수 있다고 알려진 곳들입니다. 조건과 카드가 필요한지는 가입할 때 확인하세요"
_UNDO = "고친 곳을 되돌리면 저장된 답이 다시 나옵니다."
_ELSEWHERE = (
    "Colab이나 내 컴퓨터에서 이 노트북을 열고 키를 넣으면 실제로 호출합니다. 브라우저의 이 페이지는 재생만 합니다."
)


def describe(name: str, mode: str, key: Key | None, cassette: Cassette, server_is_on: bool) -> str:
    """`setup`이 출력하는, 제공자 하나의 줄입니다. 로컬 모델에는 키가 없고, `server_is_on`은 로컬 모델에만 뜻이 있습니다."""
    title = PROVIDERS[name].title
    if mode == "record":
        return f"{title}: 녹화 · 실제로 호출하고 카세트에 담습니다"
    if key is None and server_is_on and mode != "replay":
        return f"{title}: 실제 호출 · 서버가 켜져 있습니다{'(끄면 재생)' if mode == 'auto' else ''}"
    if mode == "live" and key is None:
        return f"{title}: 실제 호출 · 켜진 서버가 없습니다. 터미널에서 {command('llmkit local')} 명령으로 켜세요"
    if mode == "live" and key:
        why = f"{key.variable} 값을 찾았습니다" if key.found else f"{key.problem}. 호출하면 SDK가 오류를 냅니다"
        return f"{title}: 실제 호출 · {why}"
    kinds = {exchange.provenance for exchange in cassette.exchanges if exchange.provider == name}
    words = {"recorded": "녹화", "authored": "샘플 응답", "unverified": "확인 안 된 응답"}
    stored = f"{cassette.date} " + "·".join(word for kind, word in words.items() if kind in kinds)
    why = ""
    if key and key.found:
        why = "mode나 LLMKIT_MODE, CI로 정함 · "
    elif key:
        why = "키 없음 · " if key.problem == f"{key.variable} 값이 없습니다" else f"{key.problem} · "
    return f"{title}: 재생 · {why}{stored if kinds else '저장된 응답이 없습니다'}"


def ways_on(key: Key | None) -> list[str]:
    """저장되지 않은 요청에서 멈췄을 때 이어서 할 수 있는 일입니다. `key`가 `None`이면 로컬 모델입니다."""
    if IN_PAGE:
        return [_UNDO, _ELSEWHERE]
    if key is None:
        return [f"로컬 모델 서버를 켜고({command('llmkit local')}) 다시 실행하세요.", _UNDO]
    live = (
        "LLMKIT_MODE와 CI 환경 변수를 지우고 llmkit.setup 셀을 다시 실행하세요(요금이 듭니다)."
        if key.found
        else f".env에 {key.variable} 값을 넣고 llmkit.setup 셀부터 다시 실행하세요(요금이 듭니다)."
    )
    local = (
        f"키 없이 진짜 답을 보려면 {command('llmkit local')} 명령으로 로컬 모델을 켜고 "
        f'OpenAI(base_url="http://127.0.0.1:{LOCAL_PORT}/v1", api_key="local")과 llmkit.model("local")을 쓰세요.'
    )
    return [_UNDO, live, local]


def ways_to_try(has_key: bool) -> list[str]:
    """`try_client`가 보낼 곳을 찾지 못했을 때 할 수 있는 일입니다. 카드를 등록하지 않아도 되는 것이 먼저입니다."""
    if IN_PAGE:
        return [f"  - {_ELSEWHERE}"]
    local = f"터미널에서 {command('llmkit local')} 명령으로 작은 모델을 켭니다(키도 카드도 필요 없습니다)."
    free = ", ".join(PROVIDERS[name].keys[0] for name in ("huggingface", "gemini", "groq"))
    free = f".env에 다음 키 가운데 하나를 넣습니다({_FREE}): {free}"
    paid = f".env에 {PROVIDERS['openai'].keys[0]} 값을 넣습니다(요금이 듭니다)."
    colab = ["Colab이 주는 모델을 씁니다(확인 안 됨). from google.colab import ai를 실행한 뒤 이 셀을 다시 실행하세요."]
    forced = ["LLMKIT_MODE와 CI 환경 변수를 지웁니다. 키는 있지만 재생으로 정해져 있습니다."] if has_key else []
    ways = [*forced, *(colab if "google.colab" in sys.modules else []), local, free, paid]
    return [*(f"  - {way}" for way in ways), "키를 넣었으면 llmkit.setup 셀부터 다시 실행하세요."]


def why_live_failed(call: Call) -> str | None:
    """실제 호출이 키나 연결 때문에 실패했다면, 학습자가 먼저 볼 곳을 말합니다. SDK의 예외에는 그것이 없습니다."""
    provider = PROVIDERS[call.provider]
    replay = "키 없이 재생하려면 .env에 LLMKIT_MODE=replay를 적고 llmkit.setup 셀부터 다시 실행하세요."
    if call.provenance != "live" or not provider.keys:
        return None
    if call.status == 401:
        return f"{provider.title} 쪽에서 키를 거절했습니다(401). .env의 {provider.keys[0]} 값을 확인하세요. {replay}"
    if call.status is None and call.error:
        return f"연결하지 못한 곳: {provider.title}. 인터넷 연결과 방화벽을 확인하세요. {replay}"
    return None


class Samples:
    """샘플 응답을 한 제공자들입니다. 셀이 끝날 때, 셀이 없는 스크립트에서는 응답이 나왔을 때 한 번 알립니다."""

    def __init__(self) -> None:
        self.ever: set[str] = set()  # 지금까지. 다음 셀이 그 응답을 다시 보일 수 있습니다.
        self._now: dict[str, None] = {}  # 이 셀에서, 나온 순서대로
        self._unverified: dict[str, None] = {}  # 이 셀에서 나온, 게이트웨이를 녹화한 응답들
        self._lock = threading.Lock()

    def note(self, provider: str) -> None:
        """`provider`의 샘플 응답이 나왔습니다."""
        self.ever.add(provider)
        self._note(self._now, provider, _mark)

    def note_unverified(self, provider: str) -> None:
        """`provider`의 형식으로 말하는 게이트웨이를 녹화한 응답이 나왔습니다."""
        self._note(self._unverified, provider, _mark_unverified)

    def _note(self, names: dict[str, None], provider: str, mark: Callable[[Iterable[str]], str]) -> None:
        with self._lock:
            is_first = provider not in names
            names[provider] = None
        if is_first and shell() is None:
            say(mark([provider]), sys.stderr)

    def end_cell(self, marked: Iterable[str], shown: Shown) -> str:
        """셀의 끝에 붙일 한 줄입니다. 보인 샘플 응답이 없으면 빈 문자열입니다.

        `marked`는 앞 셀의 응답을 쓰는 셀이라고 적어 둔 제공자들이고, 그 밖의 것은 셀이 보인 것(`shown`)에서 찾습니다.
        """
        with self._lock:
            played, unverified = dict(self._now), dict(self._unverified)
            self._now.clear()
            self._unverified.clear()
            played |= dict.fromkeys(provider for provider in marked if provider in self.ever)
        played |= dict.fromkeys(shown.end_cell(played))
        marks = [_mark(played) if played else "", _mark_unverified(unverified) if unverified else ""]
        return "\n".join(filter(None, marks))


def _mark(providers: Iterable[str]) -> str:
    titles = "·".join(PROVIDERS[name].title for name in providers)
    return f"샘플 응답 · {titles}의 실제 출력이 아닙니다"


def _mark_unverified(providers: Iterable[str]) -> str:
    titles = "·".join(PROVIDERS[name].title for name in providers)
    return f"확인 안 됨 · 다른 곳을 거친 응답의 녹화라 {titles}의 출력인지 알 수 없습니다"
