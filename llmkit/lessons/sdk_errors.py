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


def hopeless() -> dict[str, dict[str, BaseException]]:
    """다시 불러도 낫지 않는 실패들. 한 묶음을 모두 놓쳤으면 묶음의 이름으로, 아니면 하나씩 말합니다."""
    quota = {f"429 {code}": openai_error("RateLimitError", 429, code, "insufficient_quota") for code in OUT_OF_MONEY}
    return {
        "틀린 요청(400)": {
            "틀린 요청(400)": openai_error("BadRequestError", 400),
            "Anthropic의 틀린 요청(400)": anthropic_error("BadRequestError", 400, "invalid_request_error"),
            "처리할 수 없는 내용(422)": openai_error("UnprocessableEntityError", 422),
        },
        "틀린 키(401)": {
            "틀린 키(401)": openai_error("AuthenticationError", 401, "invalid_api_key"),
            "권한 없음(403)": openai_error("PermissionDeniedError", 403),
        },
        "없는 모델(404)": {"없는 모델(404)": openai_error("NotFoundError", 404, "model_not_found")},
        "사용 한도 소진(429)": {
            **quota,
            "429 insufficient_quota": openai_error("RateLimitError", 429, None, "insufficient_quota"),
        },
        "결제 문제(402)": {"결제 문제(402)": anthropic_error("PaymentRequiredError", 402, "billing_error")},
        "코드의 오타(NameError)": {
            "코드의 오타(NameError)": NameError("name 'qestion' is not defined"),
            "코드의 버그(TypeError)": TypeError("authored"),
            "코드의 버그(KeyError)": KeyError("authored"),
        },
        "정지 버튼(KeyboardInterrupt)": {"정지 버튼(KeyboardInterrupt)": KeyboardInterrupt()},
    }


def passing() -> dict[str, Exception]:
    """다시 부르면 나을 수 있는 잠깐의 실패들. 이름은 학습자에게 보입니다."""
    return {
        "호출 제한(429)": openai_error("RateLimitError", 429, "rate_limit_exceeded", "requests"),
        "Anthropic의 호출 제한(429)": anthropic_error("RateLimitError", 429, "rate_limit_error"),
        "요청 타임아웃(408)": openai_error("APIStatusError", 408),
        "다른 요청과 겹침(409)": openai_error("ConflictError", 409),
        "서버 오류(500)": openai_error("InternalServerError", 500, None, "server_error"),
        "막힌 프록시(503)": openai_error("InternalServerError", 503, None, "server_error"),
        "과부하(529)": anthropic_error("OverloadedError", 529, "overloaded_error"),
        "거부된 연결": refused(),
    }


def providers_troubles() -> dict[str, tuple[Exception, Exception, Exception]]:
    """그 제공자의 사정이어서 다음 제공자에게 물을 실패들을 셋씩. 이름은 "~로 셋이 실패하면"에 들어갈 말입니다."""
    return {
        "OpenAI의 503과 404, Anthropic의 529로": (
            openai_error("InternalServerError", 503, None, "server_error"),
            openai_error("NotFoundError", 404, "model_not_found"),
            anthropic_error("OverloadedError", 529, "overloaded_error"),
        ),
        "타임아웃, 거부된 연결, 끊긴 스트림(httpx2.RemoteProtocolError)으로": (
            timed_out(),
            refused(),
            broken_stream(),
        ),
        "OpenAI의 호출 제한(429), 500, 409로": (
            openai_error("RateLimitError", 429, "rate_limit_exceeded", "requests"),
            openai_error("InternalServerError", 500, None, "server_error"),
            openai_error("ConflictError", 409),
        ),
        "틀린 키(401), 사용 한도 소진(429), Anthropic의 결제 문제(402)로": (
            openai_error("AuthenticationError", 401, "invalid_api_key"),
            openai_error("RateLimitError", 429, OUT_OF_MONEY[0], "insufficient_quota"),
            anthropic_error("PaymentRequiredError", 402, "billing_error"),
        ),
    }


def own_mistakes() -> list[Exception]:
    """우리 요청이 틀려서 다른 제공자에게 물어도 소용없는 실패들입니다."""
    return [
        openai_error("BadRequestError", 400),
        openai_error("APIStatusError", 413),
        openai_error("UnprocessableEntityError", 422),
        anthropic_error("BadRequestError", 400, "invalid_request_error"),
        anthropic_error("APIStatusError", 413, "request_too_large"),
    ]


def _request(base: str) -> Any:
    import httpx2

    return httpx2.Request("POST", base)
