"""제공자가 스스로 부르는 도구(웹 검색, 파일 검색, MCP, 코드 실행)와 압축이 응답에 남기는 항목."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .reply import Reply, split

# type: (id의 앞, 대본이 적지 않아도 늘 있는 필드, 스트림에서 지나는 상태)
RESPONSES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "web_search_call": ("ws_", {"status": "completed"}, ("in_progress", "searching", "completed")),
    "file_search_call": (
        "fs_",
        {"status": "completed", "results": None},
        ("in_progress", "searching", "completed"),
    ),
    "code_interpreter_call": (
        "ci_",
        {"status": "completed", "container_id": "cntr_authored", "outputs": None},
        ("in_progress", "interpreting", "completed"),
    ),
    "mcp_list_tools": ("mcpl_", {}, ("in_progress", "completed")),
    "mcp_call": (
        "mcp_",
        {"status": "completed", "approval_request_id": None, "error": None, "output": None},
        ("in_progress", "completed"),
    ),
    "compaction": ("cmp_", {}, ()),
}
# 시작할 때는 아직 비어 있는 필드와, 그것을 조각으로 보내는 이벤트
WRITTEN = {"mcp_call": ("arguments", "arguments"), "code_interpreter_call": ("code", "code")}
EMPTY = {"results": None, "outputs": None, "output": None, "queries": [], "arguments": "", "code": ""}


def output_items(reply: Reply) -> list[dict[str, Any]]:
    """Responses의 `output`에서 메시지 앞에 놓일 항목들."""
    found = []
    for at, item in enumerate(reply.completions[0].items):
        if item["type"] not in RESPONSES:
            raise ValueError(f"Responses의 항목을 모릅니다: {item['type']}")
        prefix, always, _ = RESPONSES[item["type"]]
        if item["type"] == "compaction":
            always = {"encrypted_content": f"authored_{reply.id('cmp_', str(at))}"}
        if item["type"] == "file_search_call" and "file_search_call.results" not in (
            reply.request.get("include") or []
        ):
            item = {**item, "results": None}  # 찾은 글은 청했을 때만 옵니다.
        if item["type"] == "mcp_call" and not isinstance(item.get("arguments", ""), str):
            item = {**item, "arguments": json.dumps(item["arguments"], ensure_ascii=False)}
        found.append({"id": reply.id(prefix, f"item {at}"), **always, **item})
    return found


def output_events(event: Any, at: int, item: dict[str, Any]) -> Iterator[Any]:
    """항목 하나가 스트림에서 지나는 이벤트들(P038, P040, P042)."""
    kind, where = item["type"], {"item_id": item["id"], "output_index": at}
    started = {**item, **{name: EMPTY[name] for name in EMPTY if name in item}}
    if "status" in item:
        started["status"] = "in_progress"
    yield event("response.output_item.added", output_index=at, item=started)
    for state in RESPONSES[kind][2]:
        if kind in WRITTEN and state == ("completed" if kind == "mcp_call" else "interpreting"):
            field, name = WRITTEN[kind]
            for piece in split(item[field]):
                yield event(f"response.{kind}_{name}.delta", **where, delta=piece)
            yield event(f"response.{kind}_{name}.done", **where, **{field: item[field]})
        yield event(f"response.{kind}.{state}", **where)
    yield event("response.output_item.done", output_index=at, item=item)


def annotations(reply: Reply) -> list[dict[str, Any]]:
    """글에 붙는 출처. 대본의 `quote`는 그 말이 글의 어디에 있는지로 바꿉니다."""
    text, found = reply.completions[0].text, []
    for given in reply.completions[0].annotations:
        note = {name: value for name, value in given.items() if name != "quote"}
        if quote := given.get("quote"):
            at = text.find(quote)
            if at < 0:
                continue  # 출력 제한에 잘려 나간 곳의 출처
            note |= {"start_index": at, "end_index": at + len(quote)}
        found.append(note)
    return found


USES = {"server_tool_use": "srvtoolu_", "mcp_tool_use": "mcptoolu_"}


def blocks(reply: Reply) -> list[dict[str, Any]]:
    """Anthropic의 `content`에서 답의 글 앞에 놓일 블록들. 결과는 바로 앞의 호출과 짝을 짓습니다."""
    found: list[dict[str, Any]] = []
    last = ""
    for at, item in enumerate(reply.completions[0].items):
        kind, block = item["type"], dict(item)
        if kind in USES:
            last = reply.id(USES[kind], f"item {at}")
            block = {"id": last, **block}
        elif kind.endswith("_result"):
            block = {"tool_use_id": last, **({"is_error": False} if kind == "mcp_tool_result" else {}), **block}
        if kind in ("server_tool_use", "web_search_tool_result", "web_fetch_tool_result"):
            block.setdefault("caller", {"type": "direct"})
        found.append(block)
    return found


def requests(items: list[dict[str, Any]]) -> dict[str, int] | None:
    """usage에 적히는, 제공자가 값을 매기는 검색의 수."""
    names = [item.get("name") for item in items if item["type"] == "server_tool_use"]
    if not names:
        return None
    return {"web_search_requests": names.count("web_search"), "web_fetch_requests": names.count("web_fetch")}
