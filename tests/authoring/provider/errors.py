"""제공자마다 다른 오류의 상태, 본문, 헤더.

본문의 형식은 실제 기록(../shared/real_exchanges)과 공개된 이슈에 남은 것을 따랐습니다.
OpenAI는 틀린 키의 앞뒤 몇 글자를 되돌려 적지만, 여기서는 전부 별표입니다.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from .profiles import TODAY, Profile
from .script import Fault


class Refusal(Exception):
    """대본에 없어도 제공자가 거절할 요청: 서버가 그 제공자의 오류 응답으로 바꿉니다."""

    def __init__(
        self, message: str | None, param: str | None = None, code: str | None = None, status: int = 400
    ) -> None:
        super().__init__(message)
        self.status = status
        self.fault = Fault("invalid_request", message, param, code)


@dataclass(frozen=True)
class Failure:
    """오류 응답 하나. `body`가 글이면 그대로(프록시의 평문이나 HTML), 아니면 JSON으로 보냅니다."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self) -> tuple[str, bytes]:
        """content-type과 본문."""
        if isinstance(self.body, str):
            kind = "text/html" if self.body.startswith("<") else "text/plain"
            return kind, self.body.encode()
        return "application/json", json.dumps(self.body, ensure_ascii=False).encode()


QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on "
    "this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
)
DEPRECATED = "The model `{model}` has been deprecated, learn more here: https://platform.openai.com/docs/deprecations"
OWN_LIMIT = "You have reached your specified API usage limits. You will regain access on {month} at 00:00 UTC."
BUSY = "Our servers are currently overloaded. Please try again later."
RATE_LIMIT = (
    "Rate limit reached for {model} in organization org-authored on requests per min (RPM): Limit 3, Used 3, "
    "Requested 1. Please try again in {retry_after}. Visit https://platform.openai.com/account/rate-limits "
    "to learn more."
)
LOW_CREDIT = (
    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
    "purchase credits."
)
WRONG_KEY = (
    "Incorrect API key provided: ********. You can find your API key at https://platform.openai.com/account/api-keys."
)
NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
    "auth (i.e. Authorization: Bearer YOUR_KEY)."
)
TOO_LONG = "Your input exceeds the context window of this model. Please adjust your input and try again."
PROXY_TEXT = "upstream connect error or disconnect/reset before headers. reset reason: connection termination"
PROXY_HTML = "<html><head><title>Authored proxy</title></head><body><h1>It works!</h1></body></html>"

# kind: (상태, type, code, 문장). OpenAI와, 같은 형식을 쓰는 제공자들.
OPENAI = {
    "invalid_api_key": (401, "invalid_request_error", "invalid_api_key", WRONG_KEY),
    "permission": (403, "invalid_request_error", "model_not_found",
                   "Project `proj_authored` does not have access to model `{model}`"),
    "model_not_found": (404, "invalid_request_error", "model_not_found",
                        "The model `{model}` does not exist or you do not have access to it."),
    "model_retired": (404, "invalid_request_error", "model_not_found", DEPRECATED),
    "invalid_request": (400, "invalid_request_error", None, "Invalid request."),
    "unsupported_parameter": (400, "invalid_request_error", "unsupported_parameter",
                              "Unsupported parameter: '{param}' is not supported with this model."),
    "context_length": (400, "invalid_request_error", "context_length_exceeded", TOO_LONG),
    "request_timeout": (408, "server_error", None, "Request timed out."),
    "conflict": (409, "invalid_request_error", "conflict", "The resource was modified by another request."),
    "too_large": (413, "invalid_request_error", "request_too_large", "Request body is too large."),
    "unprocessable": (422, "invalid_request_error", None, "Unable to process the request."),
    "rate_limit": (429, "requests", "rate_limit_exceeded", RATE_LIMIT),
    "insufficient_quota": (429, "insufficient_quota", "credit_balance_exhausted", QUOTA),
    "spend_limit": (429, "insufficient_quota", "project_spend_limit_exceeded", QUOTA),
    "server_error": (500, "server_error", None, "The server had an error while processing your request."),
    "overloaded": (503, "server_error", None, "The engine is currently overloaded, please try again later."),
}  # fmt: skip

# kind: (상태, type, 문장)
ANTHROPIC = {
    "invalid_api_key": (401, "authentication_error", "invalid x-api-key"),
    "permission": (403, "permission_error", "Your API key cannot use the specified resource."),
    "model_not_found": (404, "not_found_error", "model: {model}"),
    "model_retired": (404, "not_found_error", "model: {model}"),
    "invalid_request": (400, "invalid_request_error", "Invalid request."),
    "unsupported_parameter": (400, "invalid_request_error", "{param}: Extra inputs are not permitted"),
    "context_length": (400, "invalid_request_error", "prompt is too long: 1000001 tokens > 1000000 maximum"),
    "request_timeout": (408, "timeout_error", "Request timed out."),
    "conflict": (409, "conflict_error", "The resource was modified by another request."),
    "too_large": (413, "request_too_large", "Request exceeds the maximum size"),
    "unprocessable": (422, "invalid_request_error", "Unable to process the request."),
    "rate_limit": (429, "rate_limit_error", "This request would exceed the rate limit of your organization."),
    "insufficient_quota": (402, "billing_error", LOW_CREDIT),
    "spend_limit": (400, "invalid_request_error", OWN_LIMIT),
    "server_error": (500, "api_error", "Internal server error"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
}  # fmt: skip

# 200으로 시작한 스트림 안의 오류(error_event). OpenAI는 이름: (type, code, 문장), Anthropic은 이름(type): 문장
OPENAI_IN_STREAM = {
    "server_error": ("server_error", None, "The server had an error while processing your request."),
    "service_unavailable_error": ("service_unavailable_error", None, BUSY),
    "server_is_overloaded": ("service_unavailable_error", "server_is_overloaded", BUSY),
    "slow_down": ("service_unavailable_error", "slow_down", BUSY),
    "rate_limit_exceeded": ("tokens", "rate_limit_exceeded", RATE_LIMIT),
}  # fmt: skip
ANTHROPIC_IN_STREAM = {
    "overloaded_error": "Overloaded",
    "rate_limit_error": "This request would exceed the rate limit of your organization.",
    "timeout_error": "Request timed out.",
    "api_error": "Internal server error",
}

# Gemini가 쓰는 구글의 상태 이름
GOOGLE = {
    400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE",
}  # fmt: skip


def failure(
    provider: str, fault: Fault, model: str, request_id: str, path: str = "", profile: Profile = TODAY
) -> Failure:
    """실패를 제공자의 오류 응답으로 바꿉니다. `path`는 물은 API의 경로입니다."""
    if fault.kind == "not_json":
        return Failure(200, PROXY_HTML)
    if fault.kind == "unavailable":
        return Failure(503, PROXY_TEXT)
    asked = f"{fault.retry_after:g}" if fault.kind == "rate_limit" and fault.retry_after is not None else None
    headers = {"retry-after": asked} if asked else {}
    words = {"model": model, "param": fault.param, "month": "2027-01-01"}
    words["retry_after"] = f"{asked}s" if asked else "120ms"
    if provider == "anthropic":
        status, kind, text = ANTHROPIC[fault.kind]
        error = {"type": kind, "message": fault.message or text.format(**words)}
        if fault.kind == "too_large":  # 앞단(Cloudflare)이 보내서 겉의 type과 request_id가 없습니다.
            return Failure(status, {"error": error})
        headers["x-should-retry"] = _again(status)
        return Failure(status, {"type": "error", "error": error, "request_id": request_id}, headers)
    if provider == "openai":
        return _openai(fault, words, headers, path, profile)
    status, kind, code, text = OPENAI["model_not_found" if fault.kind == "model_retired" else fault.kind]
    text = fault.message or text.format(**words)
    error = {"message": text, "type": kind, "param": fault.param, "code": fault.code or code}
    if provider == "gemini":
        # 구글은 잘못된 키에 400을 주고, OpenAI 호환 주소의 오류를 목록에 싸서 보냅니다.
        if fault.kind == "invalid_api_key":
            status, text = 400, "API key not valid. Please pass a valid API key."
        google = {"code": status, "message": text, "status": GOOGLE.get(status, "UNKNOWN")}
        return Failure(status, [{"error": google}], headers)
    if provider == "huggingface" and fault.kind == "invalid_api_key":
        return Failure(401, {"error": "Invalid username or password."})
    if provider == "huggingface" and fault.kind in ("model_not_found", "model_retired"):
        text = f"The requested model '{model}' is not supported by any provider you have enabled."
        return Failure(400, {"error": {**error, "message": text, "param": "model", "code": "model_not_supported"}})
    if provider == "groq":
        error = {key: value for key, value in error.items() if value is not None}
    return Failure(status, {"error": error}, headers)


def _openai(fault: Fault, words: dict[str, Any], headers: dict[str, str], path: str, profile: Profile) -> Failure:
    kind_of_fault, param = fault.kind, fault.param
    if kind_of_fault == "model_retired" and not profile.says_deprecated:
        kind_of_fault = "model_not_found"
    status, kind, code, text = OPENAI[kind_of_fault]
    if fault.kind in ("model_not_found", "model_retired") and path.endswith("/responses"):
        status, param = profile.responses_unknown_model, param or "model"
        text = "The requested model '{model}' does not exist."
    if fault.kind == "insufficient_quota":
        code = profile.quota_code
    if profile.should_retry:
        headers["x-should-retry"] = "false" if kind == "insufficient_quota" else _again(status)
    message = fault.message or text.format(**words)
    return Failure(
        status, {"error": {"message": message, "type": kind, "param": param, "code": fault.code or code}}, headers
    )


def _again(status: int) -> str:
    return str(status in (408, 409, 429) or status >= 500).lower()


def in_stream(provider: str, fault: Fault) -> dict[str, Any]:
    """200으로 시작한 스트림의 중간에 오는 오류. `code`를 적지 않은 대본은 과부하를 뜻합니다."""
    if provider == "anthropic":
        kind = fault.code or "overloaded_error"
        error = {"details": None, "type": kind, "message": fault.message or ANTHROPIC_IN_STREAM[kind]}
        return {"type": "error", "error": error}
    kind, code, text = OPENAI_IN_STREAM[fault.code or "server_is_overloaded"]
    text = fault.message or text.format(model="authored", retry_after="120ms")
    return {"error": {"message": text, "type": kind, "param": None, "code": code}}
