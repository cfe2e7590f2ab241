"""제공자를 대신하는 HTTP 서버: 키 없이 강좌의 샘플 응답(authored)을 녹화하는 데 씁니다.

쓰는 법과 대본의 형식은 같은 폴더의 README.md에 있습니다.

| 모듈 | 하는 일 |
|---|---|
| `script` | 대본(TOML)을 읽고, 요청에 맞는 답을 고릅니다 |
| `tokens` | 토큰을 세고, 글을 토큰 경계에서 나눕니다 |
| `models` | 제공자마다 지금 있는 모델과 서비스가 끝난 모델 |
| `chat`, `responses`, `messages` | 답을 세 가지 형식의 본문과 SSE 이벤트로 적습니다 |
| `rules`, `schemas` | 도구의 짝, tool_choice, JSON 모드, strict 스키마에서 제공자가 거절하는 것 |
| `hosted` | 제공자의 도구가 남기는 항목 |
| `state` | 저장된 응답과 대화 |
| `caches`, `diagnoses` | 프롬프트 캐시의 읽기와 쓰기, 빗나간 이유 |
| `errors` | 제공자마다 다른 오류의 상태와 본문 |
| `server`, `handler`, `wire` | 소켓에서 듣고, 요청을 검사하고, 답이나 실패를 보냅니다 |
| `redirect` | httpx2와 httpx의 요청을 이 서버로 돌립니다 |
"""
