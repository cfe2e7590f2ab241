"""SDK와 카세트 사이: 요청이 나가기 직전에 끼어들어(hook) 재생하고(player) 녹화합니다(recorder)."""
