"""Processes that find each other as those of torchrun do, forked from this one: a second each."""

import multiprocessing
import os
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import torch

TIMEOUT = 240.0  # seconds


def free_port() -> int:
    """A port of this machine that nobody listens to."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def together(count: int, work: Callable[[], object], log: Path, nodes: int = 1) -> list[int]:
    """Runs ``work`` in so many processes, as many on each of ``nodes``; gives the exit statuses.

    They see what torchrun gives to its own. What they tell goes to ``<log>.<rank>``.
    """
    context = multiprocessing.get_context("fork")
    port = free_port()
    each = count // nodes
    processes = [
        context.Process(target=_rank, args=(rank, count, each, port, work, log))
        for rank in range(count)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(TIMEOUT)
        if process.exitcode is None:
            process.kill()
            process.join()
    return [int(process.exitcode or 0) for process in processes]


def _rank(
    rank: int, count: int, each: int, port: int, work: Callable[[], object], log: Path
) -> None:
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank % each),
        "GROUP_RANK": str(rank // each),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(each),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "test",
    }
    with log.with_name(f"{log.name}.{rank}").open("w", buffering=1, encoding="utf-8") as told:
        sys.stdout = sys.stderr = told
        status: object = 1
        try:
            status = work()
        except BaseException:
            traceback.print_exc()
        told.flush()
        os._exit(status if isinstance(status, int) else 0)
