"""Where the tasks of a job are done: one after the other in this process, or on a Ray cluster."""

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

import torch

from vfi.stopping import stoppable

logger = logging.getLogger(__name__)

Kind = Literal["in-process", "ray"]
Task = TypeVar("Task")
Result = TypeVar("Result")

TRIES = 3
"""How often a task is begun on a cluster before it is given up."""

_ENVIRONMENT = ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "VFI_CACHE", "VFI_DATA")
"""What tasks on other machines are to see as they would here."""


@dataclass(frozen=True)
class Failed:
    """Stands for the result of a task that was given up.

    Attributes:
        reason: why it failed the last time, in a line.
    """

    reason: str


class Executor(Protocol):
    """Does tasks."""

    def map(
        self, function: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Iterator[Result | Failed]:
        """The results, in the order of the tasks, each as soon as it and all before it are done.

        Args:
            function: the same for all; on a cluster it travels, with what it is bound to.
            tasks: likewise.
        """
        ...


class InProcess:
    """Does tasks here, each when its result is asked for; an error ends the job."""

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """See `Executor`."""
        return map(function, tasks)


class OnRay:
    """Does tasks on a Ray cluster that is connected to, with as many threads as there are here.

    Args:
        gpus: that a task has for itself.

    Raises:
        ValueError: if no machine of the cluster has as much as a task needs: it would wait forever.
    """

    def __init__(self, gpus: int = 0) -> None:
        import ray

        self._gpus = gpus
        needs = {"CPU": torch.get_num_threads(), "GPU": gpus}
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(all(m.get(k, 0) >= count for k, count in needs.items()) for m in machines):
            raise ValueError(
                f"a task needs {needs['CPU']} cores and {gpus} GPUs, which no machine of the "
                "cluster has; set OMP_NUM_THREADS to the cores of one, or use in-process"
            )

    def map(
        self, function: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Iterator[Result | Failed]:
        """See `Executor`; a task fails when it raises, and when its worker or machine dies."""
        import ray

        threads = torch.get_num_threads()  # digits depend on it
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        work: Any = ray.remote(num_cpus=threads, num_gpus=self._gpus, max_retries=0)(_work)
        shared = ray.put(function)

        def begin(place: int) -> Any:
            return work.remote(shared, tasks[place], threads, environment)

        running = {begin(place): (place, 1) for place in range(len(tasks))}
        done: dict[int, Result | Failed] = {}
        for due in range(len(tasks)):
            while due not in done:
                reference = ray.wait(list(running), num_returns=1)[0][0]
                place, tries = running.pop(reference)
                try:
                    done[place] = ray.get(reference)
                except ray.exceptions.RayError as error:
                    reason = _reason(error)
                    logger.warning(
                        "try %d of %d failed: %s: %s", tries, TRIES, tasks[place], reason
                    )
                    if tries < TRIES:
                        running[begin(place)] = place, tries + 1
                    else:
                        done[place] = Failed(reason)
            yield done.pop(due)


def _work(
    function: Callable[[Task], Result], task: Task, threads: int, environment: dict[str, str]
) -> Result:
    """A task, where it is done."""
    os.environ.update(environment)
    torch.set_num_threads(threads)
    return function(task)


def _reason(error: Exception) -> str:
    """Why a task failed: in its own words where it raised, else what Ray calls it."""
    cause = getattr(error, "cause", None)
    if cause is None:
        return f"its worker died ({type(error).__name__})"
    text = " ".join(str(cause).split()) or type(cause).__name__
    return text if isinstance(cause, ValueError | OSError) else f"{type(cause).__name__}: {text}"


@contextlib.contextmanager
def executor(
    kind: Kind = "in-process", address: str | None = None, device: str = "cpu"
) -> Iterator[Executor]:
    """What does a job's tasks, for a while.

    Args:
        kind: where.
        address: of a Ray cluster to join: ``auto``, or that of its head; a new one on this machine
            alone if not given.
        device: what a task works on; of a GPU, each task has one for itself.

    Raises:
        ModuleNotFoundError: if Ray is not installed.
        ValueError: if an address goes with no cluster, there is none at it, or a GPU has a number.
    """
    if kind == "in-process":
        if address is not None:
            raise ValueError(f"address is {address!r}, which goes with --executor ray; add that")
        yield InProcess()
        return
    if device.startswith("cuda:"):
        raise ValueError(f"device is {device!r}; Ray hands the GPUs out: give cuda, or in-process")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    try:
        _reach(address)
        ray.init(
            address,
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"there is no Ray cluster at {address!r} ({str(error).partition('. ')[0]}); start one "
            "by `ray start --head`, or leave --address out"
        ) from error
    try:
        with stoppable():  # Ray has put handlers of its own in place
            yield OnRay(int(gpu))
    finally:
        ray.shutdown()


def _reach(address: str | None) -> None:
    """Raises OSError if nobody listens at ``host:port``; Ray itself would try for minutes."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()
