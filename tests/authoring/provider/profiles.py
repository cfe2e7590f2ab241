"""프로필: 같은 요청에 제공자가 보일 수 있는 여러 모습. 기본값 `TODAY`가 오늘의 기본 모델입니다.

라이브 리허설(tests/lessons/test_live.py)이 모든 수업을 프로필마다 실행합니다. 대본이 답의 글을, 프로필이 답의 모양을 정합니다.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """제공자들이 답하는 모양 하나.

    Attributes:
        reasoning: OpenAI 추론 모델이 effort medium에서 쓰는 추론 토큰. 0이면 추론하지 않습니다(대본이 적어도).
        thinking: Claude가 effort medium에서 생각하는 토큰. 0이면 생각하지 않습니다(대본이 적어도).
        thinking_text: Claude가 생각의 글을 보내는가. 오늘의 기본(omitted)은 서명만 보냅니다.
        fingerprint: OpenAI의 system_fingerprint.
        obfuscation: OpenAI의 스트림 조각에 크기를 감추는 글이 붙는가.
        usage_unasked: 부탁하지 않아도 스트림에 사용량을 싣는 제공자.
        says_deprecated: 서비스가 끝난 모델의 404가 "has been deprecated"라고 하는가. 아니면 없는 모델과 같은 문장입니다.
        responses_unknown_model: Responses가 모르는 모델에 주는 상태.
        quota_code: 크레딧이 떨어진 429의 code.
        should_retry: OpenAI도 x-should-retry로 다시 보낼지를 말하는가(Anthropic은 늘 말합니다).
    """

    name: str
    reasoning: int = 64
    thinking: int = 48
    thinking_text: bool = False
    fingerprint: str | None = None
    obfuscation: bool = True
    usage_unasked: frozenset[str] = frozenset({"groq", "gemini", "huggingface"})
    says_deprecated: bool = True
    responses_unknown_model: int = 400
    quota_code: str = "credit_balance_exhausted"
    should_retry: bool = False


TODAY = Profile("today")
PROFILES = {
    profile.name: profile
    for profile in (
        TODAY,
        Profile("no_thinking", reasoning=0, thinking=0, fingerprint="fp_authored", obfuscation=False),
        Profile("long_thinking", reasoning=1024, thinking=512, thinking_text=True),
        Profile("usage_only_when_asked", usage_unasked=frozenset()),
        Profile(
            "other_errors",
            says_deprecated=False,
            responses_unknown_model=404,
            quota_code="insufficient_quota",
            should_retry=True,
        ),
    )
}
