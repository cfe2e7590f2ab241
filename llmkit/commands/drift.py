"""어긋남: 카세트의 응답이 아직도 제공자의 응답과 같은 구조인지, 모델과 가격이 그대로인지 봅니다.

카세트의 요청을 수업과 같은 SDK로 다시 보내 온 응답을 비교합니다(`llmkit.commands.shape`). 모델의 종료일과 가격은 네트워크
없이 늘 봅니다. 확인하지 못한 것은 괜찮은 것으로 세지 않고 따로 적습니다.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import anthropic
import openai

from .. import session
from ..common.clock import today
from ..common.errors import Refused, UnknownPrice
from ..common.ipython import command
from ..common.keys import find_key, load_environment, redact
from ..common.providers import EMBEDDINGS_PORT, PROVIDERS
from ..cost.prices import Rates, find_rates
from ..cost.receipt import Receipt
from ..local import find_servers
from ..models import default_model, model_status
from ..replay.cassette import Cassette
from ..replay.exchange import Exchange
from ..trial import ADDRESSES
from .estimate import summary
from .shape import differences

# 요청의 내용 때문에 온 응답의 상태. 나머지(401, 429, 500 ...)는 수업이 일부러 낸 실패입니다.
REPEATABLE = (200, 400, 404)
RECORD = "{record} 명령으로 다시 녹화하고, git diff와 노트북의 설명을 살펴보세요."
FORM = " 제공자의 키 없이 고치려면 tests/authoring/provider의 형식이나 대본(scripts)을 먼저 고치세요."
NO_ANSWER = {None: "인터넷 연결을", 401: "키를", 403: "키의 권한을", 429: "사용 한도를"}
MOST_PLACES = 8


class Place(NamedTuple):
    """카세트에서 요청과 응답 한 쌍이 있는 자리입니다. `number`는 1부터 셉니다."""

    lesson: str
    number: int
    exchange: Exchange
    cassette: Cassette

    @property
    def title(self) -> str:
        return PROVIDERS[self.exchange.provider].title


class Finding(NamedTuple):
    """알아낸 것 하나입니다. 할 일(`todo`)이 없으면 달라진 것이 아니라 확인하지 못한 것입니다."""

    what: str
    place: Place | None = None  # 없으면 카세트가 아니라 자료(data/model_states.json)의 일입니다.
    todo: str = ""


def run(lesson: Path | None) -> int:
    """카세트들을 지금과 비교해 알립니다. 달라졌거나 부른 제공자가 답하지 않았으면 1, 아니면 0을 돌려줍니다."""
    load_environment()
    files = sorted(session.CASSETTES.glob(f"{lesson.stem if lesson else '*'}.json"))
    tapes = [(file.stem, Cassette.load(file)) for file in files]
    places = [Place(name, at, one, tape) for name, tape in tapes for at, one in enumerate(tape.exchanges, 1)]
    findings = [found for place in places for found in (*_check_model(place), *_check_price(place))]
    repeatable: dict[tuple[str, str], list[Place]] = defaultdict(list)  # 같은 클라이언트로 보낼 것끼리
    for place in filter(_is_repeatable, places):
        api = next(filter(place.exchange.path.startswith, ("/messages", "/embeddings")), "")
        repeatable[place.exchange.provider, api].append(place)
    ready: list[tuple[Any, list[Place]]] = []
    for group in repeatable.values():
        try:
            ready.append((_client(group[0]), group))
        except Refused as problem:
            findings += [Finding(f"{place.title}: {problem}", place) for place in group]
    _announce([place.exchange for _, group in ready for place in group])
    left_out = len(places) - sum(map(len, repeatable.values()))
    print(f"보내지 않는 요청: {left_out}개(일부러 낸 실패, 도중에 닫은 스트림, SDK의 조회)", flush=True)
    findings += _check_data({place.exchange.provider for place in places})
    for client, group in ready:
        findings += _check_answers(client, group)
    return _report(findings)


def _check_data(providers: set[str]) -> list[Finding]:
    """강좌의 모델 자료를 SDK의 표, 제공자의 모델 목록과 비교합니다. 자료를 고치는 도구는 저장소에만 있습니다."""
    try:
        from tests.authoring import listings, sdk_tables
    except ImportError:
        return [Finding("모델 자료: 강좌 폴더에서 실행할 때만 SDK의 표, 제공자의 목록과 비교합니다.")]
    differences = (*sdk_tables.compare(), *listings.compare(providers, today()))
    return [Finding(what, todo=todo) for what, todo in differences]


def _is_repeatable(place: Place) -> bool:
    exchange = place.exchange
    whole = not (exchange.error or exchange.abandoned)
    return exchange.method == "POST" and exchange.status in REPEATABLE and whole


def _check_model(place: Place) -> Iterator[Finding]:
    """답한 모델의 상태. 없는 모델을 일부러 부른 것(404)과 종료일이 없는 로컬 모델은 보지 않습니다."""
    provider, model = place.exchange.provider, place.exchange.asked_model
    if place.exchange.status != 200 or not model or provider == "local":
        return
    status = model_status(model, on=today())
    todo = RECORD  # 기본 모델은 이미 바꾸었고, 다시 녹화하는 일만 남았습니다.
    if status.state == "unknown":
        todo = "이름이 맞으면 llmkit/data/model_states.json에 상태를 더하세요."
    elif model == default_model(provider):
        todo = f"llmkit/data/models.json의 {provider} 기본 모델을 바꾸고 {RECORD}"
    elif model != place.cassette.models.get(provider):
        todo = f"노트북의 모델 이름을 바꾸고 {RECORD}"
    if status.state != "current":
        yield Finding(f"모델 {status}", place, todo)


def _check_price(place: Place) -> Iterator[Finding]:
    """카세트의 날짜와 오늘의 단가가 다른지. 두 날 모두 모르면 확인하지 못한 것입니다."""
    usage, model = place.exchange.usage
    if place.exchange.status != 200 or not (usage and model):
        return
    then, now = place.cassette.date or today(), today()
    before, after = (_rates(model, place.exchange.provider, day) for day in (then, now))
    if before is None and after is None:
        yield Finding(f"{place.title} {model}: 가격표에 단가가 없습니다.", place)
    elif before is None or after is None or before.rates != after.rates:
        what = f"가격 {model}: {then}에는 {_per_million(before)}, 오늘은 {_per_million(after)}"
        yield Finding(what, place, RECORD)


def _rates(model: str, provider: str, day: date) -> Rates | None:
    try:
        return find_rates(model, provider, day)
    except UnknownPrice:
        return None


def _per_million(rates: Rates | None) -> str:
    prices = [rates.per_million(key) if rates else None for key in ("input_tokens", "output_tokens")]
    shown = ["모름" if price is None else f"{price.normalize():f}" for price in prices]
    return "100만 토큰에 입력 {}, 출력 {} USD".format(*shown)


def _client(place: Place) -> Any:
    """그 자리의 요청을 보낼 SDK의 클라이언트입니다. 키가 없거나 서버가 꺼져 있으면 `Refused`를 던집니다."""
    provider, path = place.exchange.provider, place.exchange.path
    url, key = ADDRESSES.get(provider), "local"
    if provider == "local":
        # 임베딩은 제 서버가 답합니다. 일부러 틀린 이름을 쓴 요청도 있으므로 다른 요청의 모델은 카세트에 적힌 것입니다.
        model = place.exchange.body["model"] if path == "/embeddings" else place.cassette.models.get("local")
        url = next((url for url, names in find_servers(EMBEDDINGS_PORT) if model in names), None)
        if url is None:
            raise Refused(f"{model} 모델이 켜져 있지 않습니다({command('llmkit local')}).")
    elif (found := find_key(PROVIDERS[provider])).found:
        key = os.environ[found.variable]
    else:
        raise Refused(f"{found.problem}.")
    if path.startswith("/messages"):
        return anthropic.Anthropic(base_url=url and url.removesuffix("/v1"), api_key=key, timeout=60)
    return openai.OpenAI(base_url=url, api_key=key, timeout=60)


def _announce(exchanges: list[Exchange]) -> None:
    once = {exchange.key: exchange for exchange in exchanges}.values()  # 같은 요청은 한 번만 보냅니다.
    counts = Counter(PROVIDERS[exchange.provider].title for exchange in once)
    each = ", ".join(f"{title} {count}개" for title, count in counts.items())
    cost = summary(Receipt(map(Exchange.as_call, once), today(), planned=True))
    print(f"보낼 요청: {each} - {cost}" if each else "보낼 요청이 없습니다. 모델과 가격만 봅니다.")


def _check_answers(client: Any, places: list[Place]) -> Iterator[Finding]:
    """한 제공자의 요청들을 다시 보내 비교합니다. 답하지 않으면 나머지는 보내지 않습니다."""
    answers: dict[str, tuple[int | None, bytes]] = {}
    for sent, place in enumerate(places, 1):
        exchange = place.exchange
        if exchange.key not in answers:
            answers[exchange.key] = _send(client, exchange)
        status, body = answers[exchange.key]
        if status not in REPEATABLE:
            todo = f"{NO_ANSWER.get(status, '제공자의 상태를')} 확인하고 다시 실행하세요."
            yield Finding(f"{place.title}: 답을 받지 못했습니다({status or body.decode()})", place, todo)
            yield from (Finding(f"{place.title}: 답하지 않아 더 보내지 않았습니다.", rest) for rest in places[sent:])
            return
        changes: Iterable[str] = [f"상태 {exchange.status} → {status}"]
        if status == exchange.status:
            changes = differences(exchange.payload, body)
        for change in changes:
            what = f"{place.title} {exchange.path.partition('?')[0]}: {change}"
            yield Finding(what, place, RECORD + (FORM if exchange.provenance == "authored" else ""))


def _send(client: Any, exchange: Exchange) -> tuple[int | None, bytes]:
    """카세트의 요청을 그대로 보내 (상태, 본문)을 받습니다. 답이 오지 않으면 (None, 예외 이름)입니다."""
    path = exchange.path if isinstance(client, openai.OpenAI) else f"/v1{exchange.path}"
    try:
        return 200, client.post(path, body=exchange.body, cast_to=str).encode()
    except (openai.APIStatusError, anthropic.APIStatusError) as error:
        return error.status_code, error.response.content
    except (openai.APIConnectionError, anthropic.APIConnectionError) as error:
        return None, type(error).__name__.encode()


def _report(findings: list[Finding]) -> int:
    """같은 것끼리 모아 출력합니다. 달라진 것을 맨 끝에 둡니다."""
    grouped: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for finding in sorted(findings, key=lambda finding: bool(finding.todo)):
        grouped[finding.what, finding.todo] += [finding.place] if finding.place else []
    for (what, todo), places in grouped.items():
        if not todo:
            print(redact(f"[확인하지 못함] {what}" + (f" 응답 {len(places)}개" if places else "")))
            continue
        todo = todo.replace("{record}", ", ".join(dict.fromkeys(map(_record_command, places))))
        where = f"\n  어디: {_where(places)}" if places else ""
        print(redact(f"[달라짐] {what}{where}\n  할 일: {todo}"))
    changed = sum(bool(todo) for _, todo in grouped)
    nothing = "확인한 것에서는 달라진 것을 찾지 못했습니다." if grouped else "달라진 것이 없습니다."
    print(f"달라진 것이 {changed}가지입니다." if changed else nothing)
    return int(changed > 0)


def _where(places: list[Place]) -> str:
    """수업마다 몇 번째 응답인지: "01_basics의 1·2·3번째 응답"."""
    numbers: dict[str, list[str]] = defaultdict(list)
    for place in places:
        numbers[place.lesson].append(str(place.number))
    parts = []
    for lesson, found in numbers.items():
        more = f" 등 {len(found)}개" if len(found) > MOST_PLACES else ""
        parts.append(f"{lesson}의 {'·'.join(found[:MOST_PLACES])}번째 응답{more}")
    return ", ".join(parts)


def _record_command(place: Place) -> str:
    provider, number = place.exchange.provider, place.lesson.partition("_")[0]
    if provider == "local" or find_key(PROVIDERS[provider]).found:
        return command(f"llmkit record {number} --provider {provider}")
    return f"python -m tests.authoring record {number}"
