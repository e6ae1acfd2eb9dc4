"""Sends tasks to Celery, as `../protocol.ts` asks for: requests and answers are lines of JSON.

Callers are threads. A batch is a `group`, which is what Celery has for many tasks at once.
"""

import itertools
import json
import sys
import threading
import time
import traceback

from celery import group
from tasks import app, noop

numbers = itertools.count()


def one() -> None:
    noop.apply_async((next(numbers), time.time() * 1000))


def batch(size: int) -> None:
    group(noop.s(next(numbers), time.time() * 1000) for _ in range(size)).apply_async()


def enqueue(count: int, callers: int, size: int) -> dict:
    left = count
    lock = threading.Lock()
    failed: list[BaseException] = []

    def caller() -> None:
        nonlocal left
        try:
            while True:
                with lock:
                    take = min(size, left)
                    left -= take
                if take == 0:
                    return
                one() if size == 1 else batch(take)
        except BaseException as error:
            failed.append(error)

    started = time.time()
    if callers == 1:
        caller()
    else:
        threads = [threading.Thread(target=caller) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]
    return {"accepted": count, "seconds": time.time() - started, "startedMs": started * 1000}


def pace(per_second: float, seconds: float) -> dict:
    started = time.time()
    sent = 0
    while (elapsed := time.time() - started) < seconds:
        if sent < int(elapsed * per_second):
            one()
            sent += 1
        else:
            time.sleep(0.0005)
    return {"accepted": sent, "seconds": time.time() - started, "startedMs": started * 1000}


def say(value: dict) -> None:
    print(json.dumps(value), flush=True)


def main() -> None:
    app.connection_for_write().ensure_connection(max_retries=3)
    say({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["work"] == "pace":
                say(pace(request["perSecond"], request["seconds"]))
            else:
                say(enqueue(request["count"], request["callers"], request["batch"]))
        except Exception:
            say({"error": traceback.format_exc()})


main()
