"""요청 하나: 검사하고, 대본에서 답이나 실패를 골라 보냅니다."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from llmkit.models import model_status

from . import chat, messages, models, responses, tokens
from .caches import Cached
from .errors import NO_KEY, Failure, Refusal
from .reasoning import tokens_for
from .reply import Completion, Reply, turns_of
from .rules import written_tools
from .script import HTTP_FAULTS, Answer, Fault, Question
from .state import compacted
from .wire import Wire

STORED = r"/(responses|conversations)/([^/]+)(/items)?$"
HOSTS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "router.huggingface.co": "huggingface",
    "huggingface.co": "huggingface",
    "generativelanguage.googleapis.com": "gemini",
    "api.groq.com": "groq",
}


class Handler(Wire):
    def do_GET(self) -> None:
        self._serve(self._get)

    def do_POST(self) -> None:
        self._serve(self._post)

    def do_DELETE(self) -> None:
        self._serve(self._get)

    def _serve(self, answer: Callable[[], None]) -> None:
        self.captured = None
        self.raw = raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.url_path = urlsplit(self.path).path
        host = (self.headers.get("host") or "").partition(":")[0]
        guess = "anthropic" if self.headers.get("anthropic-version") else "openai"  # base_url로 온 요청
        self.provider = HOSTS.get(host, guess)
        try:
            self.asked = json.loads(raw) if raw else {}
        except ValueError:
            self.asked = None
        self._name_request()
        self.server.log.append(
            {"method": self.command, "provider": self.provider, "path": self.path, "body": self.asked}
        )
        if fault := self._key_fault():
            return self._fail(fault)
        try:
            self._batch() or answer()
        except Refusal as refusal:
            self._fail(refusal.fault, refusal.status)

    def _name_request(self) -> None:
        body = json.dumps(self.asked, sort_keys=True, ensure_ascii=False)
        self.request_text = f"{self.provider} {self.command} {self.path} {body}"
        self._name_answer(0)

    def _inner(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """배치에 든 요청 하나를, 따로 온 것처럼 답합니다."""
        outer = self.asked, self.url_path, self.path, self.request_text
        self.asked, self.url_path, self.path = body, path, path
        self._name_request()
        self.captured = []
        try:
            self._post()
        except Refusal as refusal:
            self._fail(refusal.fault, refusal.status)
        (status, sent), self.captured = self.captured[0], None
        self.asked, self.url_path, self.path, self.request_text = outer
        self._name_answer(0)
        return status, json.loads(sent)

    def _batch(self) -> bool:
        """파일과 배치의 주소이면 답하고 True입니다."""
        batches, path = self.server.batches, self.url_path
        reading = self.command == "GET"
        if self.provider == "openai" and path.endswith("/files") and not reading:
            digest = hashlib.sha256(self.raw.split(b"\r\n", 1)[-1]).hexdigest()
            self._send_json(batches.upload(self.headers.get("content-type") or "", self.raw, digest))
        elif self.provider == "openai" and (found := re.search(r"/files/([^/]+)(/content)?$", path)):
            file, data = batches.file(found[1])
            self._send(200, "application/octet-stream", data) if found[2] else self._send_json(file)
        elif not (found := re.search(r"/batches(?:/([^/]+))?(/results)?$", path)):
            return False
        elif not found[1]:
            create = batches.create_messages if self.provider == "anthropic" else batches.create
            self._send_json(create(self.asked, self.digest, self._inner))
        elif found[2]:
            self._send(200, "application/x-jsonl", batches.results(found[1]))
        else:
            self._send_json(batches.poll(found[1]))
        return True

    def _name_answer(self, position: int) -> None:
        """id를 요청과, 대본의 몇 번째 답인지로 정합니다: 다시 녹화해도, 다른 셀에서 되물어도 같습니다."""
        self.digest = hashlib.sha256(f"{position} {self.request_text}".encode()).hexdigest()
        self.request_id = f"req_authored_{self.digest[:24]}"

    def _key_fault(self) -> Fault | None:
        public = self.provider == "huggingface" and self.command == "GET"
        if not public and not any(self.headers.get(name) for name in ("authorization", "x-api-key")):
            message = "x-api-key header is required" if self.provider == "anthropic" else NO_KEY
            return Fault("invalid_api_key", message)
        if self.provider == "anthropic" and not self.headers.get("anthropic-version"):
            return Fault("invalid_request", "anthropic-version: header is required")
        return None

    def _get(self) -> None:
        """저장된 것, 모델 목록, 모델 하나, Hub의 제공자 표."""
        at = self.server.script.date
        if self.provider == "openai" and (found := re.search(STORED, self.url_path)):
            state, delete = self.server.state, self.command == "DELETE"
            if found[3]:
                return self._send_json(state.conversation_items(found[2]))
            look_up = state.response if found[1] == "responses" else state.conversation
            return self._send_json(look_up(found[2], delete))
        if found := re.fullmatch(r"/api/models/(.+)", self.url_path):
            if not models.known("huggingface", found[1], at.date()):
                unknown = {"error": "Repository not found"}
                return self._send_failure(Failure(404, unknown, {"x-error-code": "RepoNotFound"}))
            return self._send_json(models.provider_mapping(found[1]))
        if not (found := re.search(r"/models(?:/(.+))?$", self.url_path)):
            return self._no_such_url()
        listing = models.listing(self.provider, at)
        if found[1] is None:
            return self._send_json(listing)
        name = found[1].removeprefix("models/")
        for model in listing["data"]:
            if model["id"].removeprefix("models/") == name:
                return self._send_json(model)
        self._fail(self._unknown(name))

    def _unknown(self, model: str) -> Fault:
        """부를 수 없는 모델: 있다가 서비스가 끝났는가, 아는 이름이 아닌가."""
        retired = model_status(model, on=self.server.script.date.date()).state == "retired"
        return Fault("model_retired" if retired else "model_not_found")

    def _post(self) -> None:
        """글을 만들거나, 토큰을 세거나, 대화를 만들고 압축합니다."""
        if not isinstance(self.asked, dict):
            raise Refusal("We could not parse the JSON body of your request.")
        counting = self.url_path.endswith(("/messages/count_tokens", "/responses/input_tokens"))
        path = re.sub("/(count_tokens|input_tokens)$", "", self.url_path)
        if self.provider == "anthropic" and path.endswith("/messages"):
            messages.check(self.asked, self.provider, counting)
            self._generate(messages, path, [], counting)
        elif self.provider == "openai" and path.endswith("/responses"):
            remembered = self.server.state.remembered(self.asked)
            responses.check(self.asked, self.provider, remembered)
            self._generate(responses, path, remembered, counting)
        elif self.provider != "anthropic" and path.endswith("/chat/completions"):
            chat.check(self.asked, self.provider)
            self._generate(chat, path, [], False)
        elif self.provider == "openai" and path.endswith("/conversations"):
            self._send_json(self.server.state.open(self.asked, self.digest, self.created))
        elif self.provider == "openai" and path.endswith("/responses/compact"):
            remembered = self.server.state.remembered(self.asked)
            self._send_json(compacted(self.asked, remembered, self.digest, self.created))
        else:
            self._no_such_url()

    @property
    def created(self) -> int:
        return int(self.server.script.date.timestamp())

    def _generate(self, form: Any, path: str, remembered: list[dict[str, Any]], counting: bool) -> None:
        """`form`(chat, responses, messages)의 형식으로 답합니다."""
        model, script = self.asked["model"], self.server.script
        if not models.known(self.provider, model, script.date.date()):
            return self._fail(self._unknown(model))
        turns, history = form.turns(self.asked), turns_of(remembered)
        prompt_tokens = tokens.prompt_tokens(history + turns, model) + tokens.count(written_tools(self.asked))
        if counting:
            head = {} if self.provider == "anthropic" else {"object": "response.input_tokens"}
            return self._send_json({**head, "input_tokens": prompt_tokens})

        answers = self._choose(Question(self.provider, path, self.asked, turns, history))
        if not answers:
            return None
        fault = answers[0].fault
        if fault and fault.kind in HTTP_FAULTS:
            return self._fail(fault)
        if fault and fault.kind == "close":
            return self._hang_up()
        limit, stop = form.limits(self.asked)
        stops = [stop] if isinstance(stop, str) else stop or []
        reply = Reply(
            provider=self.provider,
            request=self.asked,
            model=models.served_as(self.provider, model),
            created=self.created,
            completions=[Completion.of(answer, self._reasoning(answer), limit, stops) for answer in answers],
            prompt_tokens=prompt_tokens,
            digest=self.digest,
            token_ms=script.token_ms,
            profile=self.server.profile,
            cached=self._cached(history + turns, prompt_tokens),
            diagnosis=self._diagnosis(),
        )
        self.server.diagnoses.keep(reply.id("msg_" if form is messages else "resp_"), self.asked, reply.cached)
        if form is responses:
            self.server.state.keep(self.asked, form.body(reply), remembered)
        if self.asked.get("stream"):
            self._send_stream(form.events(reply), fault)
        else:
            self._send_answer(form.body(reply), fault)

    def _cached(self, turns: list[tuple[str, str]], total: int) -> Cached:
        if self.provider == "anthropic":
            return self.server.caches.anthropic(self.asked, total)
        if self.provider == "openai":
            said = "\n".join(f"{role} {text}" for role, text in turns)
            return self.server.caches.openai(self.asked, f"{written_tools(self.asked)}\n{said}", total)
        return Cached()

    def _diagnosis(self) -> dict[str, Any] | None:
        diagnoses = self.server.diagnoses
        return diagnoses.anthropic(self.asked) if self.provider == "anthropic" else diagnoses.openai(self.asked)

    def _reasoning(self, answer: Answer) -> int:
        return tokens_for(self.provider, self.asked, self.server.profile, answer.reasoning_tokens)

    def _choose(self, question: Question) -> list[Answer]:
        """대본에서 답을 n개 고릅니다. 맞는 항목이 없으면 599를 보내고 빈 목록을 돌려줍니다."""
        entry = self.server.script.find(question)
        if entry is None:
            self.server.unanswered.append(question.prompt)
            message = (
                f"대본에 이 요청의 답이 없습니다. 제공자 {question.provider}, 경로 {question.path}, "
                f"메시지 {len(question.dialogue)}개, 마지막 user 메시지: {question.prompt!r}"
            )
            body = {"error": {"message": message, "type": "no_script_entry"}}
            self._send_failure(Failure(599, body, {"x-should-retry": "false"}))
            return []
        n = self.asked.get("n") or 1
        first = self.server.times_asked(self.request_text) * n % len(entry.answers)
        self._name_answer(first)
        return [entry.answers[(first + i) % len(entry.answers)] for i in range(n)]
