"""모든 테스트에 공통인 것: 키도 `.env`도 네트워크도 없는 환경, 그리고 nbval이 갱신된 출력을 제대로 비교하게 하는 손질."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GUARD = ROOT / "tests" / "no_network.py"
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HF_TOKEN", "GEMINI_API_KEY", "GOOGLE_API_KEY", "GROQ_API_KEY")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT
