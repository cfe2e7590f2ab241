"""서버가 기억하는 것: 저장된 응답(previous_response_id), 대화(conversation), 압축."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

from . import responses, tokens
from .errors import Refusal
from .reply import text_of, turns_of


class State:
    """서버 하나의 기억. id는 요청에서 정해지므로 다시 녹화해도 같습니다."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}  # id: (본문, 여기까지의 항목)
        self._conversations: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}

    def remembered(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """요청이 가리키는 앞의 대화. 가리키는 것이 없으면 거절합니다."""
        before, conversation = asked.get("previous_response_id"), responses.conversation_of(asked)
        if before and conversation:
            message = (
                "Mutually exclusive parameters: 'previous_response_id' and 'conversation'. "
                "Ensure you are only providing one of: 'previous_response_id' or 'conversation'."
            )
            raise Refusal(message, None, "mutually_exclusive_parameters")
        with self._lock:
            if before:
                if before not in self._kept:
                    message = f"Previous response with id '{before}' not found."
                    raise Refusal(message, "previous_response_id", "previous_response_not_found")
                return list(self._kept[before][1])
            if conversation:
                return list(self._conversation(conversation)[1])
        return []

    def keep(self, asked: dict[str, Any], body: dict[str, Any], remembered: list[dict[str, Any]]) -> None:
        """답을 기억합니다. store=False면 대화에만 남습니다."""
        items = remembered + responses.items_of(asked) + body["output"]
        with self._lock:
            if asked.get("store", True) is not False:
                self._kept[body["id"]] = (body, items)
            if name := responses.conversation_of(asked):
                self._conversations[name] = (self._conversations[name][0], items)

    def response(self, name: str, delete: bool) -> dict[str, Any]:
        with self._lock:
            if name not in self._kept:
                raise Refusal(f"Response with id '{name}' not found.", status=404)
            if delete:
                del self._kept[name]
                return {"id": name, "object": "response", "deleted": True}
            return self._kept[name][0]

    def open(self, asked: dict[str, Any], digest: str, created: int) -> dict[str, Any]:
        """새 대화. 같은 요청으로 또 만들면 다른 id입니다."""
        with self._lock:
            seed = f"{digest} {len(self._conversations)}"
            name = f"conv_authored_{hashlib.sha256(seed.encode()).hexdigest()[:24]}"
            body = {"id": name, "object": "conversation", "created_at": created}
            body["metadata"] = asked.get("metadata") or {}
            self._conversations[name] = (body, list(asked.get("items") or []))
            return body

    def conversation(self, name: str, delete: bool) -> dict[str, Any]:
        with self._lock:
            found = self._conversation(name)
            if delete:
                del self._conversations[name]
                return {"id": name, "object": "conversation.deleted", "deleted": True}
            return found[0]

    def conversation_items(self, name: str) -> dict[str, Any]:
        """`GET /conversations/ID/items`: 새것부터."""
        with self._lock:
            found = [_as_item(name, at, item) for at, item in enumerate(self._conversation(name)[1])][::-1]
        ends = {"first_id": found[0]["id"], "last_id": found[-1]["id"]} if found else {"first_id": "", "last_id": ""}
        return {"object": "list", "data": found, "has_more": False, **ends}

    def _conversation(self, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        if name not in self._conversations:
            raise Refusal(f"Conversation with id '{name}' not found.", status=404)
        return self._conversations[name]


def _as_item(owner: str, at: int, item: dict[str, Any]) -> dict[str, Any]:
    """보낸 것을 저장된 항목의 형식으로: user의 글은 input_text 조각입니다."""
    name = hashlib.sha256(f"{owner} {at}".encode()).hexdigest()[:24]
    if "role" not in item or "id" in item:
        return {"id": f"item_authored_{name}", "status": "completed", **item}
    content = [{"type": "input_text", "text": text_of(item.get("content"))}]
    return {"id": f"msg_authored_{name}", "type": "message", "status": "completed", "role": item["role"]} | {
        "content": content
    }


def compacted(asked: dict[str, Any], before: list[dict[str, Any]], digest: str, created: int) -> dict[str, Any]:
    """`POST /responses/compact`: user 메시지는 그대로, 나머지는 압축 항목 하나."""
    items = before + (responses.items_of(asked) if asked.get("input") else [])
    users = [_as_item(digest, at, item) for at, item in enumerate(items) if item.get("role") == "user"]
    sealed = {"id": f"cmp_authored_{digest[:24]}", "type": "compaction", "encrypted_content": f"authored_{digest}"}
    read = tokens.prompt_tokens(turns_of(items), asked["model"])
    written = 64  # 요약의 길이는 흉내일 뿐입니다.
    usage = {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }
    head = {"id": f"resp_authored_{digest[:24]}", "object": "response.compaction", "created_at": created}
    return {**head, "output": [*users, sealed], "usage": usage}
