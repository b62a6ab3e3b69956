"""A load generator in a process of its own: several connections to a lab, one JSON line with the numbers."""

import asyncio
import json
import sys
import time

import aiohttp


async def load(plan: dict) -> dict:
    connector = aiohttp.TCPConnector(ssl=False, limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        body = {"username": "admin", "password": "admin"}
        async with session.post(plan["url"] + "/login", json=body) as answer:
            cookies = {name: morsel.value for name, morsel in answer.cookies.items()}
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-CSRFToken": cookies["csrftoken"],
            "X-Avi-Version": "30.2.1",
            "X-Avi-Tenant": "admin",
            "Content-Type": "application/json",
        }
        times: list[float] = []
        numbers = iter(range(plan["count"]))

        async def one() -> None:
            for number in numbers:
                body = plan["body"].replace("@", str(plan["first"] + number)) if plan["body"] else None
                path = plan["path"].replace("@", str(number % plan.get("cycle", 1)))
                started = time.perf_counter()
                async with session.request(plan["method"], plan["url"] + path, data=body, headers=headers) as answer:
                    content = await answer.read()
                times.append(time.perf_counter() - started)
                if answer.status not in (200, 201):
                    raise SystemExit(f"{answer.status}: {content[:300]!r}")

        started = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(plan["connections"])))
        seconds = time.perf_counter() - started
    times.sort()
    return {"per_second": len(times) / seconds, "p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100]}


print(json.dumps(asyncio.run(load(json.loads(sys.argv[1])))))
