"""Dask와 Ray의 프로그램이 똑같이 하는 일: 편지를 나누고, 한 파티션을 호출하고, 받는 대로 적고, 사용량을 읽습니다."""

import argparse
import asyncio
import contextlib
import json
import time
from pathlib import Path

import pandas as pd
from openai import AsyncOpenAI, OpenAI

import llmkit

RULES = {"role": "developer", "content": "손님의 편지를 한 문장으로 요약합니다."}
USAGE = {"model": "string", "input_tokens": "Int64", "output_tokens": "Int64", "cached_tokens": "Int64"}


def options(address):
    """명령줄에서 읽는 것."""
    parser = argparse.ArgumentParser()
    parser.add_argument("letters", type=Path, help="편지의 JSONL: 줄마다 id와 text")
    parser.add_argument("answers", type=Path, help="답변을 적을 폴더. 다시 실행하면 여기서 이어 갑니다")
    parser.add_argument("--address", help=f"이미 켜 둔 클러스터의 주소. 예: {address}. 없으면 이 컴퓨터에 켭니다")
    parser.add_argument("--per-minute", type=int, default=500, help="클러스터 전체가 1분에 보내는 요청(키의 호출 제한)")
    parser.add_argument("--limit", type=int, default=32, help="클러스터 전체가 동시에 보내는 요청")
    return parser.parse_args()


def read(path):
    """JSONL의 온전한 줄. 꺼질 때 쓰던 반쪽은 없는 셈 칩니다."""
    rows = []
    with contextlib.suppress(FileNotFoundError), path.open(encoding="utf-8") as lines:
        for line in lines:
            with contextlib.suppress(json.JSONDecodeError):
                rows.append(json.loads(line))
    return rows


def remaining(path, letters):
    """파일에 아직 답변이 없는 편지. 실패한 줄(error)은 끝난 것이 아닙니다."""
    answered = {row["id"] for row in read(path) if "answer" in row}
    return [letter for letter in letters if letter["id"] not in answered]


def split(source, folder, size=250):
    """파티션마다 (답변을 적을 파일, 편지들). 같은 편지는 늘 같은 파일로 갑니다."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    letters = read(source)
    return [(folder / f"part-{n // size:05}.jsonl", letters[n : n + size]) for n in range(0, len(letters), size)]


def announce(parts):
    """보낼 것이 몇 통이고 어디로 가는지 말합니다. 요금이 드는 곳이면 보내기 전에 멈출 틈을 줍니다."""
    todo = [letter for path, letters in parts for letter in remaining(path, letters)]
    with llmkit.setup("10_async") as session:
        replaying, place, model = session.refuses(["openai"]), OpenAI().base_url, llmkit.model("openai")
    print(f"편지 {sum(len(letters) for _, letters in parts)}통, 보낼 것 {len(todo)}통", flush=True)
    if replaying:
        print("재생합니다. 아무것도 나가지 않고 요금도 들지 않습니다.", flush=True)
    elif place.host in ("127.0.0.1", "localhost"):
        print(f"이 컴퓨터의 서버로 보냅니다: {place}", flush=True)
    elif todo:
        tokens = sum(llmkit.count_tokens(RULES["content"] + one["text"], model) for one in todo)
        cost = llmkit.calculate_cost({"prompt_tokens": int(tokens), "completion_tokens": 0}, model)
        print(f"진짜 제공자에게 보냅니다: {place} 입력만 약 {cost.usd:.6f} USD이고 출력의 요금이 더 듭니다.")
        print("10초 뒤에 보냅니다. 멈추려면 Ctrl+C를 누르세요.", flush=True)
        time.sleep(10)


class Throttle:
    """1분에 `per_minute`번. 클러스터에 하나만 두고 모두가 여기서 순서를 받습니다."""

    def __init__(self, per_minute):
        self.gap, self.next = 60 / per_minute, 0.0

    def take(self):
        """내 순서까지 기다릴 초."""
        now = time.monotonic()
        turn = max(now, self.next)
        self.next = turn + self.gap
        return turn - now


async def ask(client, letter):
    """한 통을 보냅니다. 무엇이 잘못되든(저장된 응답이 없는 것까지) 예외가 아니라 실패한 줄을 돌려줍니다."""
    messages = [RULES, {"role": "user", "content": letter["text"]}]
    try:
        response = await client.chat.completions.create(model=llmkit.model("openai"), messages=messages)
    except (Exception, llmkit.CassetteMiss) as error:
        return {"id": letter["id"], "error": type(error).__name__}
    row = {"id": letter["id"], "answer": response.choices[0].message.content or "", "model": response.model}
    if usage := response.usage:  # 없으면 비용은 0이 아니라 모르는 것입니다.
        cached = usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens
        row |= {
            "input_tokens": usage.prompt_tokens,
            "output_tokens": usage.completion_tokens,
            "cached_tokens": cached or 0,
        }
    return row


async def work(path, letters, limit, take):
    """작업자가 한 파티션에 하는 일. 동시에 `limit`통까지, `take`가 준 순서에 보내고, 받는 대로 적습니다."""
    todo = remaining(path, letters)  # 죽은 작업자의 파티션을 물려받으면 남은 것만 보냅니다.
    gate = asyncio.Semaphore(limit)
    # 작업자마다 setup을 불러야 합니다. 부르지 않은 작업자는 재생 중에도 네트워크로 나갑니다.
    with contextlib.redirect_stdout(None), llmkit.setup("10_async"), path.open("a+", encoding="utf-8") as file:
        async with AsyncOpenAI() as client:

            async def one(letter):
                async with gate:
                    await asyncio.sleep(await take())
                    row = await ask(client, letter)
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                    file.flush()

            if path.read_bytes()[-1:] not in (b"", b"\n"):
                file.write("\n")  # 반쪽 뒤에 새 줄이 이어 붙지 않게
            await asyncio.gather(*map(one, todo))


def cost(path):
    """파일에 적힌 답변의 비용. 같은 편지의 답변이 두 줄이면 둘 다 요금을 낸 것이므로 둘 다 셉니다."""
    rows = [row for row in read(path) if "answer" in row]
    frame = pd.DataFrame(rows, columns=list(USAGE)).astype(USAGE)
    return llmkit.total_cost(llmkit.add_cost(frame, cached="cached_tokens"))


def report(parts, costs):
    """파티션마다의 비용을 더합니다. 오차 없는 수(Decimal)라서 어떤 순서로 더해도 같습니다."""
    failed, total = sum(len(remaining(path, letters)) for path, letters in parts), sum(costs)
    print(
        f"받음 {sum(len(letters) for _, letters in parts) - failed}, 실패 {failed}, 비용 {total.usd} USD {total.note}"
    )
