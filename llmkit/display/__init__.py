"""스트림에서 화면까지: 여러 SDK의 스트림을 읽어(streams) 출력 하나에 그립니다(screen). 모델이 쓴 Markdown을 안전하게 다듬습니다(markdown)."""
