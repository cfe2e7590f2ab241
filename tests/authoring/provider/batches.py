"""배치: 파일을 올리고(OpenAI) 만들고, 몇 번 물은 뒤에 끝나고, 결과를 JSONL로 받습니다. 두 제공자의 형식."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any

from .errors import Refusal

# 요청 하나에 답하는 함수: (경로, 본문) -> (상태, 본문)
Answer = Callable[[str, dict[str, Any]], tuple[int, dict[str, Any]]]
POLLS = 2  # 만든 뒤 이만큼 더 물으면 끝나 있습니다.
COUNTS = ("processing", "succeeded", "errored", "canceled", "expired")


class Batches:
    """서버 하나의 파일과 배치. 결과는 끝날 때가 아니라 만들 때 정해지므로, 언제 물어도 같습니다."""

    def __init__(self, created: int) -> None:
        self._created = created
        self._lock = threading.Lock()
        self._files: dict[str, tuple[dict[str, Any], bytes]] = {}
        self._batches: dict[str, dict[str, Any]] = {}
        self._polls: dict[str, int] = {}
        self._results: dict[str, bytes] = {}

    # OpenAI

    def upload(self, content_type: str, raw: bytes, digest: str) -> dict[str, Any]:
        """`POST /files`: multipart의 file과 purpose."""
        fields: dict[str, tuple[str | None, bytes]] = {}
        for part in message_from_bytes(f"content-type: {content_type}\n\n".encode() + raw).walk():
            if name := part.get_param("name", header="content-disposition"):
                fields[str(name)] = (part.get_filename(), part.get_payload(decode=True) or b"")
        for name in ("file", "purpose"):
            if name not in fields:
                raise Refusal(f"'{name}' is a required property")
        filename, data = fields["file"]
        return self._keep(f"file-authored-{digest[:22]}", filename or "upload", fields["purpose"][1].decode(), data)

    def _keep(self, name: str, filename: str, purpose: str, data: bytes) -> dict[str, Any]:
        file = {"object": "file", "id": name, "purpose": purpose, "filename": filename, "bytes": len(data)}
        file |= {"created_at": self._created, "expires_at": None, "status": "processed", "status_details": None}
        with self._lock:
            self._files[name] = (file, data)
        return file

    def file(self, name: str) -> tuple[dict[str, Any], bytes]:
        if name not in self._files:
            raise Refusal(f"No such File object: {name}", "id", status=404)
        return self._files[name]

    def create(self, asked: dict[str, Any], digest: str, answer: Answer) -> dict[str, Any]:
        """`POST /batches`."""
        lines = self.file(asked.get("input_file_id", ""))[1].decode().splitlines()
        name, good, bad = f"batch_authored_{digest[:24]}", [], []
        for at, line in enumerate(line for line in lines if line.strip()):
            item = json.loads(line)
            status, body = answer(item["url"], item["body"])
            response = {"status_code": status, "request_id": f"req_authored_{digest[:20]}{at:04}", "body": body}
            row = {"id": f"batch_req_authored_{digest[:20]}{at:04}", "custom_id": item["custom_id"]}
            (good if status == 200 else bad).append({**row, "response": response, "error": None})
        done: dict[str, Any] = {"status": "completed", "completed_at": self._created + 60}
        done |= {"in_progress_at": self._created + 1, "finalizing_at": self._created + 59}
        for rows, kind in ((good, "output"), (bad, "error")):
            if rows:
                kept = self._keep(
                    f"file-authored-{kind}-{digest[:15]}", f"{name}_{kind}.jsonl", "batch_output", _jsonl(rows)
                )
                done[f"{kind}_file_id"] = kept["id"]
        done["request_counts"] = {"total": len(good) + len(bad), "completed": len(good), "failed": len(bad)}
        batch = {
            "id": name,
            "object": "batch",
            "endpoint": asked.get("endpoint"),
            "errors": None,
            "input_file_id": asked["input_file_id"],
            "completion_window": asked.get("completion_window"),
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "created_at": self._created,
            "in_progress_at": None,
            "expires_at": self._created + 86400,
            "finalizing_at": None,
            "completed_at": None,
            "failed_at": None,
            "expired_at": None,
            "cancelling_at": None,
            "cancelled_at": None,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "metadata": asked.get("metadata"),
        }
        started = {"status": "in_progress", "in_progress_at": self._created + 1}
        started["request_counts"] = {**done["request_counts"], "completed": 0, "failed": 0}
        self._batches[name] = {"first": batch, "middle": {**batch, **started}, "last": {**batch, **done}}
        return batch

    # 두 제공자

    def poll(self, name: str) -> dict[str, Any]:
        """`GET`: 물을 때마다 한 걸음씩 나아갑니다."""
        if name not in self._batches:
            raise Refusal(f"No batch found with id '{name}'.", status=404)
        with self._lock:
            self._polls[name] = self._polls.get(name, 0) + 1
            return self._batches[name]["last" if self._polls[name] >= POLLS else "middle"]

    # Anthropic

    def create_messages(self, asked: dict[str, Any], digest: str, answer: Answer) -> dict[str, Any]:
        """`POST /messages/batches`. 결과는 보낸 순서가 아닙니다."""
        name, rows = f"msgbatch_authored_{digest[:24]}", []
        for item in asked.get("requests") or []:
            status, body = answer("/v1/messages", item["params"])
            result = {"type": "succeeded", "message": body} if status == 200 else {"type": "errored", "error": body}
            rows.append({"custom_id": item["custom_id"], "result": result})
        if not rows:
            raise Refusal("requests: List should have at least 1 item after validation, not 0")
        at = datetime.fromtimestamp(self._created, UTC)
        zero = dict.fromkeys(COUNTS, 0)
        batch = {
            "id": name,
            "type": "message_batch",
            "processing_status": "in_progress",
            "request_counts": {**zero, "processing": len(rows)},
            "ended_at": None,
            "created_at": at.isoformat(),
            "expires_at": (at + timedelta(days=1)).isoformat(),
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": None,
        }
        failed = sum(row["result"]["type"] == "errored" for row in rows)
        done = {"processing_status": "ended", "ended_at": (at + timedelta(minutes=1)).isoformat()}
        done["results_url"] = f"https://api.anthropic.com/v1/messages/batches/{name}/results"
        done["request_counts"] = {**zero, "succeeded": len(rows) - failed, "errored": failed}
        self._batches[name] = {"first": batch, "middle": batch, "last": {**batch, **done}}
        self._results[name] = _jsonl(rows[::-1])
        return batch

    def results(self, name: str) -> bytes:
        if name not in self._results:
            raise Refusal(f"No batch found with id '{name}'.", status=404)
        return self._results[name]


def _jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
