"""`setup`: 어느 제공자가 재생이고 어느 제공자가 실제 호출이며, 그 이유를 학습자가 한눈에 아는가."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

import llmkit
from llmkit.common.errors import PlaceholderKey
from llmkit.common.ipython import command
from llmkit.common.keys import unload_environment
from llmkit.common.providers import PLACEHOLDERS, PROVIDERS
from llmkit.session import current_session
from tests import authored, fake_colab
from tests.authoring.provider import redirect
from tests.authoring.provider.script import Script
from tests.authoring.provider.server import Upstream
from tests.fake_colab import NotebookAccessError, SecretNotFoundError, Secrets, TimeoutException
from tests.fake_keys import fake_keys

ROOT = Path(__file__).resolve().parents[2]
KEY_NAMES = [name for provider in PROVIDERS.values() for name in provider.keys]
SETTINGS = [*KEY_NAMES, "LLMKIT_MODE", "LLMKIT_PACE", "CI", "PYTHON_DOTENV_DISABLED"]
SETTINGS += [provider.model_variable for provider in PROVIDERS.values()]
KEYS = fake_keys()
HELLO = [{"role": "user", "content": "안녕하세요?"}]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """키도 `.env`도 없는 빈 폴더에서 시작하고, 끝나면 모두 되돌립니다."""
    before = dict(os.environ)
    for name in SETTINGS:
        os.environ.pop(name, None)
    monkeypatch.chdir(tmp_path)
    yield
    if current_session() is not None:
        current_session().close()
    unload_environment()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    """OpenAI, Anthropic, Hugging Face의 샘플 응답이 하나씩 든 카세트."""
    return authored.save(
        tmp_path / "lesson.json",
        [
            authored.exchange("openai", "안녕하세요?", "카세트의 OpenAI 답"),
            authored.exchange("anthropic", "안녕하세요?", "카세트의 Anthropic 답"),
            authored.exchange("huggingface", "안녕하세요?", "카세트의 Hugging Face 답"),
        ],
    )


def ask_openai() -> str:
    from openai import OpenAI

    answer = OpenAI(max_retries=0).chat.completions.create(model="gpt-6-luna", messages=HELLO)
    return answer.choices[0].message.content


def ask_anthropic() -> str:
    from anthropic import Anthropic

    answer = Anthropic(max_retries=0).messages.create(model="claude-haiku-5-5", max_tokens=50, messages=HELLO)
    return answer.content[0].text


def line_of(banner: str, title: str) -> str:
    """배너에서 한 제공자의 줄."""
    found = [line.strip() for line in banner.splitlines() if line.strip().startswith(title + ":")]
    assert len(found) == 1, banner
    return found[0]


# 제공자마다 따로 정합니다 ---------------------------------------------------------------------------------


def test_without_keys_everything_replays_and_the_banner_says_why(lesson: Path, capsys: pytest.CaptureFixture[str]):
    llmkit.setup(cassette=lesson)
    banner = capsys.readouterr().out
    assert banner == textwrap.dedent("""\
        llmkit (수업 없이 시작했습니다)
          OpenAI: 재생 · 키 없음 · 2026-11-21 샘플 응답
          Anthropic: 재생 · 키 없음 · 2026-11-21 샘플 응답
          Hugging Face: 재생 · 키 없음 · 2026-11-21 샘플 응답
        """)
    assert ask_openai() == "카세트의 OpenAI 답"
    assert ask_anthropic() == "카세트의 Anthropic 답"


def test_a_key_makes_only_its_own_provider_live(lesson: Path, capsys: pytest.CaptureFixture[str]):
    script = Script.parse('date = 2026-11-21T09:00:00+09:00\n[[entry]]\ncontains = "안녕"\nanswer = "방금 온 답"\n')
    os.environ["OPENAI_API_KEY"] = KEYS["OPENAI_API_KEY"]
    with Upstream(script) as server:
        redirect.install(server.port)
        try:
            llmkit.setup(cassette=lesson)
            banner = capsys.readouterr().out
            assert ask_openai() == "방금 온 답"
            assert ask_anthropic() == "카세트의 Anthropic 답"
        finally:
            current_session().close()
            redirect.uninstall()
    assert line_of(banner, "OpenAI") == "OpenAI: 실제 호출 · OPENAI_API_KEY 값을 찾았습니다"
    assert "재생" in line_of(banner, "Anthropic")
    assert "Gemini" not in banner and "Groq" not in banner  # 이 수업이 쓰지 않는 제공자는 말하지 않습니다.


def test_the_banner_says_whether_the_local_server_is_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    with socket.create_server(("127.0.0.1", 0)) as server:
        for ports, mode, said in [
            (
                (1, server.getsockname()[1]),
                "auto",
                "로컬 모델: 실제 호출 · 서버가 켜져 있습니다(끄면 재생)",
            ),
            ((1, server.getsockname()[1]), "live", "로컬 모델: 실제 호출 · 서버가 켜져 있습니다"),
            ((1, server.getsockname()[1]), "replay", "로컬 모델: 재생 · "),
            ((1, 2), "live", "로컬 모델: 실제 호출 · 켜진 서버가 없습니다. 터미널에서 "),
            ((1, 2), "auto", "로컬 모델: 재생 · "),  # 저장된 출력과 같은 줄
        ]:
            monkeypatch.setattr("llmkit.session.LOCAL_PORTS", ports)
            llmkit.setup("04_errors", mode=mode)
            assert line_of(capsys.readouterr().out, "로컬 모델").startswith(said)


def test_live_without_a_lesson_speaks_of_no_cassette(capsys: pytest.CaptureFixture[str], monkeypatch):
    monkeypatch.setattr("llmkit.session.LOCAL_PORTS", (1, 2))
    llmkit.setup(mode="live")
    banner = capsys.readouterr().out
    assert "재생" not in banner and "None" not in banner
    assert f"{sys.executable} -m llmkit local" in line_of(banner, "로컬 모델")


def test_a_miss_names_a_command_that_this_python_runs(lesson: Path):
    """가상 환경을 켜지 않은 터미널에서는 `python`이 다른 파이썬입니다."""
    llmkit.setup(cassette=lesson)
    with pytest.raises(llmkit.CassetteMiss, match=f"{sys.executable} -m llmkit local 명령으로"):
        httpx2.post("https://api.openai.com/v1/chat/completions", json={"model": "다른 모델"})


def test_in_a_notebook_the_command_names_no_place(monkeypatch: pytest.MonkeyPatch):
    """저장된 출력은 컴퓨터에 따라 달라지지 않습니다."""
    monkeypatch.setattr("llmkit.common.ipython.shell", lambda: object())
    assert command("llmkit local") == "python -m llmkit local"


@pytest.mark.parametrize("name", KEY_NAMES)
def test_each_key_is_known_by_its_variable(name: str, capsys: pytest.CaptureFixture[str]):
    os.environ[name] = KEYS.get(name, KEYS["GEMINI_API_KEY"])
    llmkit.setup()
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split(" · ")[1] for line in lines] == [f"{name} 값을 찾았습니다"]


def test_google_api_key_also_serves_code_that_reads_gemini_api_key():
    os.environ["GOOGLE_API_KEY"] = KEYS["GEMINI_API_KEY"]
    with llmkit.setup():
        assert os.environ["GEMINI_API_KEY"] == KEYS["GEMINI_API_KEY"]
    assert "GEMINI_API_KEY" not in os.environ


# 쓸 수 없는 값 ------------------------------------------------------------------------------------------

EMPTY = "OPENAI_API_KEY 값이 비어 있습니다"
EXAMPLE = "OPENAI_API_KEY 값이 예시 값 그대로입니다"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", EMPTY),
        ("''", EMPTY),
        ('""', EMPTY),
        ('  " "  ', EMPTY),
        ("“”", EMPTY),
        ("여기에-키를-붙여-넣으세요", EXAMPLE),
        ("sk-...", EXAMPLE),
        (PROVIDERS["openai"].placeholder, "키 없음"),
    ],
)
@pytest.mark.parametrize("where", ["environment", ".env"])
def test_a_value_that_is_no_key_counts_as_missing(
    value: str, why: str, where: str, lesson: Path, capsys: pytest.CaptureFixture[str]
):
    if where == "environment":
        os.environ["OPENAI_API_KEY"] = value
    else:
        Path(".env").write_text(f"OPENAI_API_KEY={value}\n", encoding="utf-8")
    llmkit.setup(cassette=lesson)
    line = line_of(capsys.readouterr().out, "OpenAI")
    assert line == f"OpenAI: 재생 · {why} · 2026-11-21 샘플 응답"
    assert ask_openai() == "카세트의 OpenAI 답"


def test_every_value_of_env_example_counts_as_missing(lesson: Path, capsys: pytest.CaptureFixture[str]):
    """`.env.example`을 `.env`로 베끼기만 한 학습자에게도 재생이 됩니다."""
    example = ROOT / ".env.example"
    Path(".env").write_bytes(example.read_bytes())
    llmkit.setup(cassette=lesson)
    assert "실제 호출" not in capsys.readouterr().out
    assert ask_openai() == "카세트의 OpenAI 답"


@pytest.mark.parametrize(
    "wrap", ["{} ", " {}", '"{}"', "'{}'", "“{}”", "{}\n", "{}\r\n", "\u200b{}", "{}\xa0", "\ufeff{}"]
)
def test_a_key_copied_with_something_around_it_still_works(wrap: str):
    """붙여 넣다가 딸려 온 것이 헤더로 나가면 SDK가 키를 그대로 적은 오류를 냅니다."""
    os.environ["OPENAI_API_KEY"] = wrap.format(KEYS["OPENAI_API_KEY"])
    llmkit.setup()
    assert os.environ["OPENAI_API_KEY"] == KEYS["OPENAI_API_KEY"]


# .env ---------------------------------------------------------------------------------------------------

KEY = KEYS["OPENAI_API_KEY"]


@pytest.mark.parametrize(
    "content",
    [
        f"OPENAI_API_KEY={KEY}".encode(),
        f"OPENAI_API_KEY={KEY}\n".encode(),
        f"OPENAI_API_KEY={KEY}\r\nHF_TOKEN=\r\n".encode(),
        f"\ufeffOPENAI_API_KEY={KEY}\n".encode(),  # 메모장의 "UTF-8(BOM)"
        f"\ufeff# 제 키입니다\r\nOPENAI_API_KEY={KEY}\r\n".encode(),
        f"# 제 키입니다\nexport OPENAI_API_KEY = '{KEY}'  # 회사 키\n".encode(),
        f"# 제 키입니다\r\nOPENAI_API_KEY={KEY}\r\n".encode("cp949"),  # 옛 한글 메모장의 "ANSI"
        f"OPENAI_API_KEY={KEY}\r\n".encode("utf-16"),  # PowerShell의 echo ... > .env
        f'OPENAI_API_KEY=""\nOPENAI_API_KEY="{KEY}"\n'.encode(),
        f"이 줄은 형식에 맞지 않습니다\nOPENAI_API_KEY={KEY}\n".encode(),
    ],
)
def test_env_files_as_people_write_them(content: bytes, capsys: pytest.CaptureFixture[str]):
    Path(".env").write_bytes(content)
    llmkit.setup()
    assert line_of(capsys.readouterr().out, "OpenAI") == "OpenAI: 실제 호출 · OPENAI_API_KEY 값을 찾았습니다"
    assert os.environ["OPENAI_API_KEY"] == KEY


def test_the_environment_comes_before_the_env_file():
    os.environ["OPENAI_API_KEY"] = KEYS["OPENAI_API_KEY"]
    os.environ["NAME"] = "홍길동"
    Path(".env").write_text("OPENAI_API_KEY=sk-another-key-of-mine-0123456789\nNAME=임꺽정\n", encoding="utf-8")
    llmkit.setup()
    assert os.environ["OPENAI_API_KEY"] == KEYS["OPENAI_API_KEY"]
    assert os.environ["NAME"] == "홍길동"


def test_a_usable_key_in_the_env_file_wins_over_an_empty_variable():
    os.environ["OPENAI_API_KEY"] = ""
    Path(".env").write_text(f"OPENAI_API_KEY={KEY}\n", encoding="utf-8")
    llmkit.setup()
    assert os.environ["OPENAI_API_KEY"] == KEY


def test_an_edited_env_file_is_read_again(lesson: Path, capsys: pytest.CaptureFixture[str]):
    """틀린 키를 고치고 setup 셀만 다시 실행하면 새 키를 씁니다. 키를 지우면 다시 재생합니다."""
    Path(".env").write_text("OPENAI_API_KEY=sk-wrong-key-0123456789\n", encoding="utf-8")
    llmkit.setup(cassette=lesson)
    Path(".env").write_text(f"OPENAI_API_KEY={KEY}\n", encoding="utf-8")
    llmkit.setup(cassette=lesson)
    assert os.environ["OPENAI_API_KEY"] == KEY
    Path(".env").write_text("", encoding="utf-8")
    capsys.readouterr()
    llmkit.setup(cassette=lesson)
    assert "키 없음" in line_of(capsys.readouterr().out, "OpenAI")
    assert ask_openai() == "카세트의 OpenAI 답"


def test_a_key_added_to_the_env_file_after_a_replay(lesson: Path):
    llmkit.setup(cassette=lesson)
    Path(".env").write_text(f"OPENAI_API_KEY={KEY}\n", encoding="utf-8")
    llmkit.setup(cassette=lesson)
    assert os.environ["OPENAI_API_KEY"] == KEY


def test_a_key_set_in_a_cell_after_a_replay(lesson: Path, capsys: pytest.CaptureFixture[str]):
    """getpass로 받은 키를 os.environ에 넣고 setup 셀을 다시 실행하는 것은 흔한 순서입니다."""
    llmkit.setup(cassette=lesson)
    os.environ["OPENAI_API_KEY"] = KEY
    capsys.readouterr()
    llmkit.setup(cassette=lesson)
    assert "실제 호출" in line_of(capsys.readouterr().out, "OpenAI")
    assert os.environ["OPENAI_API_KEY"] == KEY


def test_a_client_made_without_a_key_sends_nothing_once_there_is_one(lesson: Path):
    """키를 넣고 setup만 다시 실행하면, 앞에서 만든 클라이언트에는 아직 가짜 키가 들어 있습니다."""
    from openai import OpenAI

    llmkit.setup(cassette=lesson)
    client = OpenAI()
    os.environ["OPENAI_API_KEY"] = KEY
    llmkit.setup(cassette=lesson)
    with pytest.raises(PlaceholderKey, match="아무것도 보내지 않았습니다.\n클라이언트를 만드는 셀"):
        client.chat.completions.create(model="gpt-6-luna", messages=HELLO)


def test_settings_may_stand_in_the_env_file_too(lesson: Path, capsys: pytest.CaptureFixture[str]):
    Path(".env").write_text(f"OPENAI_API_KEY={KEY}\nLLMKIT_MODE=replay\nLLMKIT_PACE=0.5\n", encoding="utf-8")
    session = llmkit.setup(cassette=lesson)
    assert session.pace == 0.5
    assert "실제 호출" not in capsys.readouterr().out
    assert ask_openai() == "카세트의 OpenAI 답"


PROBE = "import llmkit, os; llmkit.setup(); print('찾음', len(os.environ.get('OPENAI_API_KEY', '')))"


@pytest.mark.parametrize("how", ["python -c", "python -m", "script", "kernel"])
def test_the_env_file_is_found_from_a_nested_working_directory(how: str, tmp_path: Path):
    """`.env`는 패키지가 어디에 설치되었든 지금 폴더에서 위로 찾습니다."""
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={KEY}\n", encoding="utf-8")
    folder = tmp_path / "course" / "notebooks"
    folder.mkdir(parents=True)
    (folder / "probe.py").write_text(PROBE, encoding="utf-8")
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    elsewhere.mkdir()
    (elsewhere / "script.py").write_text(PROBE, encoding="utf-8")
    if how == "kernel":
        output = _run_in_kernel(PROBE, folder)
    else:
        arguments = {
            "python -c": ["-c", PROBE],
            "python -m": ["-m", "probe"],
            "script": [str(elsewhere / "script.py")],
        }
        output = _python(*arguments[how], cwd=folder)
    assert f"찾음 {len(KEY)}" in output


def _python(*arguments: str, cwd: Path) -> str:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(cwd), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _run_in_kernel(source: str, cwd: Path) -> str:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(cwd)}
    client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(cwd)}})
    with client.setup_kernel(env=environment):
        client.execute_cell(notebook.cells[0], 0)
    return "".join(output.text for output in notebook.cells[0].outputs if output.output_type == "stream")


# Colab --------------------------------------------------------------------------------------------------


@pytest.fixture
def colab(monkeypatch: pytest.MonkeyPatch) -> Secrets:
    secrets = Secrets()
    for name, module in fake_colab.modules(secrets.get).items():
        monkeypatch.setitem(sys.modules, name, module)
    return secrets


def test_colab_secrets_are_read(colab: Secrets, lesson: Path, capsys: pytest.CaptureFixture[str]):
    colab.answers["ANTHROPIC_API_KEY"] = KEYS["ANTHROPIC_API_KEY"] + "\n"
    llmkit.setup(cassette=lesson)
    banner = capsys.readouterr().out
    assert "실제 호출" in line_of(banner, "Anthropic")
    assert "재생" in line_of(banner, "OpenAI")
    assert os.environ["ANTHROPIC_API_KEY"] == KEYS["ANTHROPIC_API_KEY"]


@pytest.mark.parametrize(
    "answer",
    [
        SecretNotFoundError("Secret OPENAI_API_KEY does not exist."),
        NotebookAccessError("Notebook does not have access to secret OPENAI_API_KEY"),
        ValueError("자료를 읽지 못했습니다"),
        AttributeError("'NoneType' object has no attribute 'kernel'"),
        "",
        None,
        "여기에-키를-붙여-넣으세요",
    ],
)
def test_a_colab_secret_that_cannot_be_had_leaves_the_others(
    answer: object, colab: Secrets, lesson: Path, capsys: pytest.CaptureFixture[str]
):
    colab.answers |= {"OPENAI_API_KEY": answer, "ANTHROPIC_API_KEY": KEYS["ANTHROPIC_API_KEY"]}
    llmkit.setup(cassette=lesson)
    banner = capsys.readouterr().out
    assert "재생" in line_of(banner, "OpenAI")
    assert "실제 호출" in line_of(banner, "Anthropic")
    assert ask_openai() == "카세트의 OpenAI 답"


def test_a_colab_secret_that_is_not_allowed_says_where_to_allow_it(
    colab: Secrets, lesson: Path, capsys: pytest.CaptureFixture[str]
):
    colab.answers["OPENAI_API_KEY"] = NotebookAccessError("Notebook does not have access to this secret")
    llmkit.setup(cassette=lesson)
    banner = capsys.readouterr().out
    assert "OPENAI_API_KEY 값은 보안 비밀에 있지만 이 노트북의 액세스가 꺼져 있습니다" in line_of(banner, "OpenAI")
    assert "키 없음" in line_of(banner, "Anthropic")
    colab.answers["OPENAI_API_KEY"] = KEY
    llmkit.setup(cassette=lesson)  # 허락하고 다시 실행
    assert "실제 호출" in line_of(capsys.readouterr().out, "OpenAI")


def test_a_colab_that_does_not_answer_is_asked_once(colab: Secrets, lesson: Path, capsys: pytest.CaptureFixture[str]):
    """`userdata.get`은 한 번에 10초까지 기다립니다. 여섯 번이면 1분입니다."""
    for name in KEY_NAMES:
        colab.answers[name] = TimeoutException("Requesting secret timed out. Secrets can only be fetched from the UI.")
    llmkit.setup(cassette=lesson)
    assert len(colab.asked) == 1
    banner = capsys.readouterr().out
    for title in ("OpenAI", "Anthropic", "Hugging Face"):
        assert "Colab에서 제때 받지 못했습니다. 이 셀을 다시 실행하세요" in line_of(banner, title)
    assert ask_openai() == "카세트의 OpenAI 답"


def test_colab_is_not_asked_for_a_key_that_is_there(colab: Secrets):
    os.environ["OPENAI_API_KEY"] = KEY
    llmkit.setup()
    assert "OPENAI_API_KEY" not in colab.asked


def test_a_colab_secret_changed_later_is_read_again(colab: Secrets):
    colab.answers["OPENAI_API_KEY"] = "sk-wrong-key-0123456789"
    llmkit.setup()
    colab.answers["OPENAI_API_KEY"] = KEY
    llmkit.setup()
    assert os.environ["OPENAI_API_KEY"] == KEY


# mode와 pace --------------------------------------------------------------------------------------------


def test_mode_live_without_a_key_says_what_will_happen(lesson: Path, capsys: pytest.CaptureFixture[str]):
    llmkit.setup(cassette=lesson, mode="live")
    line = line_of(capsys.readouterr().out, "OpenAI")
    assert line == "OpenAI: 실제 호출 · OPENAI_API_KEY 값이 없습니다. 호출하면 SDK가 오류를 냅니다"
    assert not {os.environ.get(name) for name in KEY_NAMES} & PLACEHOLDERS


@pytest.mark.parametrize("value", ["replay", "REPLAY", " replay "])
def test_llmkit_mode_replays_even_with_a_key(value: str, lesson: Path, capsys: pytest.CaptureFixture[str]):
    os.environ |= {"OPENAI_API_KEY": KEY, "LLMKIT_MODE": value}
    llmkit.setup(cassette=lesson)
    assert line_of(capsys.readouterr().out, "OpenAI") == (
        "OpenAI: 재생 · mode나 LLMKIT_MODE, CI로 정함 · 2026-11-21 샘플 응답"
    )
    assert ask_openai() == "카세트의 OpenAI 답"
    assert os.environ["OPENAI_API_KEY"] == KEY  # 있는 키를 가짜로 바꾸지 않습니다.


@pytest.mark.parametrize("mode", ["auto", "live"])
def test_ci_always_replays(mode: str, lesson: Path):
    os.environ |= {"OPENAI_API_KEY": KEY, "CI": "true"}
    llmkit.setup(cassette=lesson, mode=mode)
    assert ask_openai() == "카세트의 OpenAI 답"


@pytest.mark.parametrize("value", ["", "0", "false", "False"])
def test_ci_that_says_no_is_no_ci(value: str, capsys: pytest.CaptureFixture[str]):
    os.environ |= {"OPENAI_API_KEY": KEY, "CI": value}
    llmkit.setup()
    assert "실제 호출" in line_of(capsys.readouterr().out, "OpenAI")


@pytest.mark.parametrize("value", ["offline", "라이브", "1"])
def test_an_unknown_mode_is_refused_by_name(value: str):
    with pytest.raises(ValueError, match=r"^mode\(LLMKIT_MODE\)는 auto, live, replay, record 가운데 하나여야 합니다: "):
        llmkit.setup(mode=value)
    os.environ["LLMKIT_MODE"] = value
    with pytest.raises(ValueError, match=repr(value)):
        llmkit.setup()


@pytest.mark.parametrize("value", ["빠르게", "-1", "nan", "inf", "1e9"])
def test_an_unusable_pace_is_refused_by_name(value: str):
    os.environ["LLMKIT_PACE"] = value
    with pytest.raises(ValueError, match=rf"^pace\(LLMKIT_PACE\)는 0 이상의 수여야 합니다: '{value}'"):
        llmkit.setup()


def test_a_failed_setup_leaves_the_session_before_it(lesson: Path):
    """오타 하나로 훅이 벗겨지면 다음 셀이 네트워크로 나갑니다."""
    session = llmkit.setup(cassette=lesson)
    for wrong in ({"lesson": "99_nothing"}, {"mode": "offline"}, {"pace": -1}, {"cassette": "없는.json"}):
        with pytest.raises((ValueError, llmkit.CassetteError)):
            llmkit.setup(**wrong)
        assert current_session() is session
    assert ask_openai() == "카세트의 OpenAI 답"


# 수업 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["01_basic", "01-basics", "basics", "01", "01_basics.ipynb", "01_Basics"])
def test_a_lesson_name_that_is_nearly_right_gets_the_right_one(name: str):
    with pytest.raises(ValueError) as caught:
        llmkit.setup(name)
    assert str(caught.value).startswith(f"없는 수업입니다: {name!r}. 혹시 '01_basics'입니까? 있는 수업: 01_basics")


@pytest.mark.parametrize("name", ["양자역학", 1, ""])
def test_a_lesson_name_from_nowhere_gets_the_list(name: object):
    with pytest.raises(ValueError) as caught:
        llmkit.setup(name)
    assert str(caught.value).startswith(f"없는 수업입니다: {name!r}. 있는 수업: 01_basics")


def test_a_missing_cassette_file_is_named():
    with pytest.raises(llmkit.CassetteError, match="^카세트 파일이 없습니다: 없는.json"):
        llmkit.setup(cassette="없는.json")


def test_setup_again_for_another_lesson(lesson: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    authored.save(tmp_path / "other.json", [authored.exchange("openai", "안녕하세요?", "다른 수업의 답")])
    first = llmkit.setup(cassette=lesson)
    ask_openai()
    second = llmkit.setup(cassette=tmp_path / "other.json")
    assert ask_openai() == "다른 수업의 답"
    assert (len(first.calls), len(second.calls)) == (1, 1)
    with pytest.raises(llmkit.CassetteMiss):
        ask_anthropic()
    assert capsys.readouterr().err.count("샘플 응답 ·") == 2  # 수업마다 한 번


def test_an_answer_recorded_only_as_a_second_take_still_answers_an_edited_cell(tmp_path: Path):
    made = authored.exchange("openai", "안녕하세요?", "두 번째 녹화")
    made.take, made.cell = 2, "abcdef012345"
    with llmkit.setup(cassette=authored.save(tmp_path / "c.json", [made])):
        assert ask_openai() == "두 번째 녹화"


def test_leaving_the_session_takes_everything_off(lesson: Path):
    import httpx

    transports = [
        (library.HTTPTransport.handle_request, library.AsyncHTTPTransport.handle_async_request)
        for library in (httpx, httpx2)
    ]
    Path(".env").write_text(f"GROQ_API_KEY={KEYS['GROQ_API_KEY']}\n", encoding="utf-8")
    before, hook = dict(os.environ), sys.excepthook
    with llmkit.setup(cassette=lesson), llmkit.setup(cassette=lesson):
        assert os.environ != before
        ask_openai()
    assert dict(os.environ) == before
    assert sys.excepthook is hook
    assert current_session() is None
    assert transports == [
        (library.HTTPTransport.handle_request, library.AsyncHTTPTransport.handle_async_request)
        for library in (httpx, httpx2)
    ]


# import llmkit ------------------------------------------------------------------------------------------


def test_importing_llmkit_imports_no_sdk_and_nothing_heavy():
    modules = _python(
        "-c",
        "import sys; before = set(sys.modules); import llmkit; print(*set(sys.modules) - before)",
        cwd=ROOT,
    )
    heavy = (
        "openai",
        "anthropic",
        "huggingface_hub",
        "httpx",
        "httpx2",
        "IPython",
        "genai_prices",
        "dotenv",
        "asyncio",
    )
    assert not {name.split(".")[0] for name in modules.split()} & set(heavy)
    assert [name for name in modules.split() if name.startswith("llmkit")] == ["llmkit"]


def test_setup_imports_no_sdk():
    modules = _python("-c", "import sys, llmkit; llmkit.setup('01_basics'); print(*sys.modules)", cwd=ROOT)
    assert not {name.split(".")[0] for name in modules.split()} & {
        "openai",
        "anthropic",
        "huggingface_hub",
        "IPython",
    }


def test_the_exported_names_are_pinned():
    assert (
        llmkit.__all__
        == dir(llmkit)
        == sorted(
            [
                "CassetteError",
                "CassetteMiss",
                "Session",
                "Slider",
                "StreamError",
                "StreamResult",
                "UnknownPrice",
                "add_cost",
                "adisplay_stream",
                "bookstore",
                "calc_cost",
                "calculate_cost",
                "check",
                "count_tokens",
                "display_stream",
                "encoding",
                "find_local_server",
                "local_url",
                "model",
                "model_status",
                "picture",
                "plot_style",
                "price_table",
                "setup",
                "stream_text",
                "supported_parameters",
                "to_krw",
                "today",
                "total_cost",
                "try_client",
                "use_korean_font",
            ]
        )
    )
    for name in llmkit.__all__:
        assert getattr(llmkit, name).__doc__, name


def test_an_unknown_name_is_refused_in_korean():
    with pytest.raises(AttributeError, match="llmkit에 없는 이름입니다: 'stream'. 있는 이름: .*display_stream"):
        llmkit.stream  # noqa: B018


def test_a_folder_that_is_gone_does_not_stop_setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """git checkout이나 rm -r이 노트북이 있던 폴더를 지웠습니다."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.delenv("PYTHON_DOTENV_DISABLED", raising=False)
    gone.rmdir()
    with llmkit.setup(mode="replay"):
        assert "llmkit: .env를 읽을 수 없어 그것 없이 시작합니다" in capsys.readouterr().out


def test_a_line_that_is_no_variable_is_named_and_the_others_are_read(tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / ".env").write_text("'A=B'=1\nLLMKIT_TEST_OTHER=2\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHON_DOTENV_DISABLED", raising=False)
    with llmkit.setup(mode="replay"):
        assert os.environ["LLMKIT_TEST_OTHER"] == "2"
        assert capsys.readouterr().out.count("환경 변수로 쓸 수 없는 줄이 있어 건너뜁니다: 'A=B'") == 1


def test_a_key_of_several_lines_is_no_key(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """그대로 보내면 SDK의 오류에 키가 통째로 적힙니다."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-0123456789\nabcdefghijklmn")
    with llmkit.setup("01_basics"):
        assert "OPENAI_API_KEY 값이 여러 줄로 나뉘어 있습니다" in capsys.readouterr().out


@pytest.mark.parametrize("pace", [[], 1j, 10**400])
def test_an_odd_pace_is_refused_in_korean(pace: Any) -> None:
    with pytest.raises(ValueError, match="0 이상의 수여야 합니다"):
        llmkit.setup(pace=pace)
