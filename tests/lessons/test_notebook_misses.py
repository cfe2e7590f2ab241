"""진짜 커널에서 저장되지 않은 요청: 짧은 한국어만, 삼켜도 한 번은 보이고, 다음 셀은 그대로 됩니다."""

from __future__ import annotations

import pytest

from tests.kernel import Kernel, texts

HEAD = "저장되지 않은 요청입니다. 재생 중이므로 아무것도 보내지 않았습니다."


ASYNC_ANTHROPIC = 'AsyncAnthropic().messages.create(model="claude-haiku-5-5", max_tokens=50, **say("안녕하세오?"))'
MISSES = {
    "openai": 'openai("안녕하세오?")',
    "openai stream": 'for chunk in openai("안녕하세오?", stream=True): print(chunk)',
    "openai async": 'await AsyncOpenAI().chat.completions.create(model="gpt-6-luna", **say("안녕하세오?"))',
    "openai responses": 'OpenAI().responses.create(model="gpt-6-luna", input="안녕하세오?")',
    "anthropic": 'anthropic("안녕하세오?")',
    "anthropic stream": """
        with Anthropic().messages.stream(model="claude-haiku-5-5", max_tokens=50, **say("안녕하세오?")) as stream:
            print(stream.get_final_text())""",
    "anthropic async": f"await {ASYNC_ANTHROPIC}",
    "huggingface": 'huggingface("안녕하세오?")',
    "huggingface stream": 'for chunk in huggingface("안녕하세오?", stream=True): print(chunk)',
    "huggingface async": """
        await AsyncInferenceClient(**HF).chat_completion(model="openai/gpt-oss-20b", **say("안녕하세오?"))""",
    "inside try/except Exception": """
        try:
            openai("안녕하세오?")
        except Exception as error:
            print("삼켰습니다", error)""",
    "in a thread pool": """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor() as pool:
            list(pool.map(openai, ["안녕하세요?", "안녕하세오?"]))""",
    "in gather": f"""
        import asyncio
        await asyncio.gather({ASYNC_ANTHROPIC}, {ASYNC_ANTHROPIC})""",
    "lines in every name": """
        OpenAI().chat.completions.create(model="안녕하세오?\\n" * 30, **say("가\\n" * 30), extra_body={
            "이름\\n" * 30: {"b\\u2028" * 99: 1}, "c\\r\\n" * 30: [["d" * 500] * 3]}, extra_query={"q": "e" * 900})""",
    "in a task group": f"""
        import asyncio
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task({ASYNC_ANTHROPIC}) for _ in range(3)]""",
    "deep in functions": """
        def outer(depth):
            return outer(depth - 1) if depth else openai("안녕하세오?")
        outer(30)""",
}


@pytest.mark.parametrize("name", MISSES)
def test_a_miss_is_shown_alone_and_short(name: str, shared: Kernel):
    outputs = shared.run(MISSES[name])
    errors = [output for output in outputs if output["kind"] == "CassetteMiss"]
    assert len(errors) == 1, outputs
    shown = "\n".join(texts(outputs))
    assert len(shown.splitlines()) <= 15, shown
    assert not any(word in shown for word in ("Traceback", "File ", "site-packages", "<module>", "---->", "삼켰"))
    lines = errors[0]["text"].splitlines()
    assert lines[0] == f"CassetteMiss: {HEAD}"
    assert "안녕하세오?" in errors[0]["text"] or name in ("openai responses", "lines in every name")
    assert "계속하려면:" in lines


SWALLOWED = {
    "bare except": """
        try:
            openai("안녕하세오?")
        except:
            pass""",
    "gather(return_exceptions=True)": f"""
        import asyncio
        results = await asyncio.gather(*[{ASYNC_ANTHROPIC} for _ in range(20)], return_exceptions=True)""",
    "a thread nobody asks": """
        import threading
        threading.excepthook = lambda args: None
        thread = threading.Thread(target=openai, args=["안녕하세오?"])
        thread.start()
        thread.join()""",
    "another error on top": """
        try:
            openai("안녕하세오?")
        except BaseException:
            raise ValueError("다른 오류") from None""",
}


@pytest.mark.parametrize("name", SWALLOWED)
def test_a_swallowed_miss_is_shown_all_the_same(name: str, shared: Kernel):
    outputs = shared.run(SWALLOWED[name])
    shown = [output for output in outputs if output["kind"] == "display_data"]
    assert shown[0]["text"].startswith(f"CassetteMiss: {HEAD}")
    assert sum(text.count(HEAD) for text in texts(outputs)) == 1
    assert len("\n".join(output["text"] for output in shown).splitlines()) <= 15
    assert shared.run("1 + 1")[0]["text"] == "2"  # 다음 셀에는 남지 않습니다.
    assert len(shared.run("1 + 1")) == 1


def test_an_exception_group_without_a_miss_is_shown_as_ever(shared: Kernel):
    outputs = shared.run('raise ExceptionGroup("여럿", [ValueError("하나"), TypeError("둘")])')
    assert "ExceptionGroup" in outputs[0]["kind"] + outputs[0]["text"] and "TypeError" in "".join(texts(outputs))


def test_after_a_miss_the_recorded_answers_still_come(shared: Kernel):
    shared.run('openai("안녕하세오?")')
    assert texts(shared.run('print(text_of(openai("안녕하세요?")))'))[0] == "반갑습니다.\n"
