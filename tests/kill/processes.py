"""Commands in processes that can be stopped at a moment of their work."""

import contextlib
import math
import os
import signal
import time
import traceback
from pathlib import Path
from typing import Any

from tests.helpers.ranks import free_port
from vfi.cli import main

HANGS = 240.0  # seconds in which nothing happens
PAUSE = 0.01
Stop = tuple[Any, str, signal.Signals]


class Started:
    """A command in a process group of its own; forked, which spares it loading torch again.

    Args:
        command: the words after ``vfi``.
        log: gets what it tells.
        processes: of the command; several are started as by torchrun.
        stop: a function by the module that has it, at whose call it sends itself a signal.
    """

    def __init__(
        self, command: list[str], log: Path, processes: int = 1, stop: Stop | None = None
    ) -> None:
        self.log = log
        self.status: int | None = None
        self.spent = 0.0
        port = str(free_port())
        self.pid = os.fork()
        if self.pid:
            return
        os.setsid()
        told = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(told, 1)
        os.dup2(told, 2)
        if processes > 1:
            os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "NODE_RANK": "0",
                           "WORLD_SIZE": str(processes), "LOCAL_RANK": "0"}  # fmt: skip
            for rank in range(1, processes):
                if os.fork() == 0:
                    os.environ["LOCAL_RANK"] = str(rank)
                    break
        if stop is not None:
            setattr(*stop[:2], lambda *_: signal.raise_signal(stop[2]))
        self._run(command)

    def _run(self, command: list[str]) -> None:
        status = 1
        try:
            status = main(command)
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def wait(self, spent: float = math.inf) -> int | None:
        """The exit status, negative for a signal's number; None if it still runs then.

        Args:
            spent: seconds of the processor's time: what else this machine does, does not count.
        """
        idle = 0
        while self.status is None and self.spent < spent and idle < HANGS / PAUSE:
            before = self.spent
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                break
            time.sleep(PAUSE)
            self.spent = sum(map(float, self._times())) / os.sysconf("SC_CLK_TCK")
            idle = 0 if self.spent > before else idle + 1
        return self.status

    def _times(self) -> list[str]:
        """The ticks that its first process spent, its own and the system's."""
        text = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8")
        return text.rpartition(")")[2].split()[11:13]

    def told(self) -> str:
        """What it wrote to its streams."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def finish(command: list[str], log: Path, processes: int = 1) -> float:
    """Runs a command to its end; gives the seconds of the processor's time that it took."""
    process = Started(command, log, processes)
    assert process.wait() == 0, process.told()
    return process.spent


def stop_at(
    command: list[str], moment: float, number: signal.Signals, log: Path, processes: int
) -> int | None:
    """Sends a signal after so many seconds of work: SIGKILL to all processes, SIGTERM to one.

    Gives the exit status, None if it had ended before.
    """
    process = Started(command, log, processes)
    if process.wait(moment) is not None:
        return None
    if number == signal.SIGKILL:
        os.killpg(process.pid, number)
    else:
        os.kill(process.pid, number)
    status = process.wait()
    assert status is not None, f"hangs: {process.told()}"
    with contextlib.suppress(ProcessLookupError):  # as torchrun ends those that wait for it
        os.killpg(process.pid, signal.SIGKILL)
    assert "Traceback" not in process.told(), process.told()
    return status
