"""채점에 쓸 진짜 SDK 예외: 그 상태의 응답이나 끊긴 연결에서 SDK가 만드는 것과 같은 예외를 네트워크 없이 만듭니다."""

from __future__ import annotations

from typing import Any

# 사용 한도가 소진되었다는 OpenAI의 `code`들. 이때 `type`은 insufficient_quota입니다.
OUT_OF_MONEY = (
    "credit_balance_exhausted",
    "organization_usage_limit_exceeded",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
)


def openai_error(
    name: str,
    status: int,
    code: str | None = None,
    kind: str = "invalid_request_error",
    headers: dict[str, str] | None = None,
) -> Exception:
    """OpenAI SDK가 그 상태의 응답에서 만드는 예외입니다."""
    import httpx2
    import openai

    headers = {"x-request-id": "req_authored_exercise", **(headers or {})}
    response = httpx2.Response(status, headers=headers, request=_request("https://api.openai.com/v1"))
    body = {"message": "authored", "type": kind, "param": None, "code": code}
    return getattr(openai, name)(f"Error code: {status} - authored", response=response, body=body)


def anthropic_error(name: str, status: int, kind: str) -> Exception:
    """Anthropic SDK가 그 상태의 응답에서 만드는 예외입니다."""
    import anthropic
    import httpx2

    response = httpx2.Response(status, request=_request("https://api.anthropic.com/v1"))
    body = {"type": "error", "error": {"type": kind, "message": "authored"}}
    return getattr(anthropic, name)(f"Error code: {status} - authored", response=response, body=body)


def timed_out() -> Exception:
    import openai

    return openai.APITimeoutError(request=_request("https://api.openai.com/v1"))


def refused() -> Exception:
    import openai

    return openai.APIConnectionError(request=_request("https://api.openai.com/v1"))


def broken_stream() -> Exception:
    """SDK가 감싸지 않고 내보내는 끊긴 스트림입니다."""
    import httpx2

    return httpx2.RemoteProtocolError(
        "peer closed connection (authored)", request=_request("https://api.anthropic.com/v1")
    )


def _request(base: str) -> Any:
    import httpx2

    return httpx2.Request("POST", base)
