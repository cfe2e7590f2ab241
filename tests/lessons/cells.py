"""진짜 커널에서 실행해 보는 셀들이 함께 쓰는 것."""

SETUP = """
import llmkit
session = llmkit.setup(cassette="lesson.json")
"""
ASK = """
from openai import OpenAI, AsyncOpenAI
from anthropic import Anthropic, AsyncAnthropic
from huggingface_hub import InferenceClient, AsyncInferenceClient

HF = dict(base_url="https://router.huggingface.co/v1", api_key="hf_llmkit_replay_no_key")

def say(text):
    return {"messages": [{"role": "user", "content": text}]}

def openai(text, **more):
    return OpenAI().chat.completions.create(model="gpt-6-luna", **say(text), **more)

def anthropic(text):
    return Anthropic().messages.create(model="claude-haiku-5-5", max_tokens=50, **say(text))

def huggingface(text, **more):
    return InferenceClient(**HF).chat_completion(model="openai/gpt-oss-20b", **say(text), **more)

def text_of(answer):
    return answer.content[0].text if hasattr(answer, "content") else answer.choices[0].message.content
"""
MARK = "샘플 응답 · {}의 실제 출력이 아닙니다"
