"""usage에서 비용까지: 응답을 읽고(usage) 단가를 찾아(prices) 계산합니다(calculate). 표(frames), 원화(krw), 토큰(tokens), 영수증(receipt)."""
