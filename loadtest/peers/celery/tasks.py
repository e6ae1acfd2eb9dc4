"""The Celery app that is measured: one task that does nothing, acknowledged late, its result ignored.

    CELERY_BROKER_URL  where the queue stands
    RECORDS            folder in which every process that runs tasks keeps its deliveries
    PREFETCH           messages a slot has fetched ahead
"""

import os
import sys
import time

from celery import Celery
from celery.signals import worker_ready
from records import Records

app = Celery("peer", broker=os.environ["CELERY_BROKER_URL"])
app.conf.update(
    task_default_queue="bench",
    task_acks_late=True,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    worker_prefetch_multiplier=int(os.environ.get("PREFETCH", "4")),
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    broker_pool_limit=64,
)

records = Records(os.environ.get("RECORDS", ""))


@app.task(name="noop")
def noop(n: int, sent_ms: float) -> None:
    records.keep(n, sent_ms, time.time() * 1000)


@worker_ready.connect
def say_ready(**_kwargs: object) -> None:
    # past Celery, which would make a log line of it
    sys.__stdout__.write('{"ready": true}\n')
    sys.__stdout__.flush()
