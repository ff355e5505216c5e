"""Jobs on a Ray cluster of two nodes on this machine: the bytes of the job in one process."""

import json
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.helpers.small_networks import fill, shallow_spec
from vfi.checkpoints import save_network
from vfi.data.sources import ValData
from vfi.jobs.apart import Trial
from vfi.jobs.bench import Bench
from vfi.jobs.evaluate_video import evaluate_video
from vfi.jobs.executors import Failed, InProcess, executor
from vfi.jobs.interpolate import interpolate
from vfi.jobs.sweep import sweep
from vfi.jobs.sweep.points import Laboratory
from vfi.models import RIFE
from vfi.pruning import L1, ArchitectureAware, GlobalThreshold, PruningPlan
from vfi.runtime.ways import Way


@pytest.fixture(scope="module")
def cluster():
    """A cluster of two nodes with a core each."""
    ray = pytest.importorskip("ray", reason="ray is not installed (extra ray)")
    from ray.cluster_utils import Cluster

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    cluster = Cluster(True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
    except Exception:  # it has 30 s, too few on a loaded machine
        cluster.add_node(num_cpus=1)
    yield cluster
    ray.shutdown()
    cluster.shutdown()
    torch.set_num_threads(threads)


@pytest.fixture
def address(cluster) -> str:
    return cluster.address


@dataclass(frozen=True)
class Deadly:
    """A policy that kills its process, unless a file says that it has."""

    ratio: float
    mark: Path

    def __call__(self, network, batches):
        if not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return ArchitectureAware(self.ratio, L1(), scope="layer", min_channels=1, multiple=1)(
            network, batches
        )


@dataclass(frozen=True)
class Broken:
    """A policy that counts its calls in a file and can do nothing."""

    ratio: float
    calls: Path

    def __call__(self, network, batches) -> PruningPlan:
        with self.calls.open("a") as file:
            file.write(".")
        raise ValueError("this policy is broken")


def test_a_sweep_on_two_nodes_writes_the_same_bytes_though_a_worker_dies(
    network, address, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr("vfi.jobs.sweep.conclusion.draw", lambda *_: None)  # takes its time
    mark, calls = tmp_path / "died", tmp_path / "calls"
    policies = {"naive": GlobalThreshold, "deadly": lambda level: Deadly(level, mark)}
    settings = {"levels": (0.3,), "limit": 1, "repeats": 0, "height": 32, "width": 32}
    mark.touch()
    here, there = tmp_path / "here", tmp_path / "there"
    sweep(network, policies=policies, output=str(here), **settings)
    mark.unlink()
    more = {"broken": lambda level: Broken(level, calls), **policies}
    with pytest.raises(SystemExit, match="1"):
        sweep(
            network,
            policies=more,
            output=str(there),
            executor="ray",
            address=address,
            **settings,
        )
    assert mark.exists()
    assert "try 1 of 3 failed" in caplog.text
    assert calls.read_text() == "..."
    rows = pd.read_csv(there / "sweep.csv").set_index("policy")
    assert rows.loc["broken", "failed"] == "this policy is broken"
    assert rows.drop(index="broken")["psnr"].notna().all()

    monkeypatch.setattr(Laboratory, "measure", None)  # all is there
    sweep(network, policies=policies, output=str(there), **settings)
    names = {path.relative_to(there).as_posix() for path in there.rglob("*.*") if path.is_file()}
    assert {"sweep.csv", "sweep.json", "points/naive-0.3-compact.json"} <= names
    for name in names - {".lock"}:
        assert (there / name).read_bytes() == (here / name).read_bytes(), name


def test_several_videos_are_done_on_the_nodes(network, address, make_clip, tmp_path, caplog):
    clips = [str(make_clip(f"{name}.mp4", frames=3)) for name in "ab"]
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"this is no video")
    how = {"model": network, "runtime": "torch", "threads": 1}
    interpolate(clips, str(tmp_path / "here"), **how)
    how |= {"executor": "ray", "address": address}
    with pytest.raises(SystemExit, match="1"):
        interpolate([*clips, str(broken)], str(tmp_path / "there"), **how)
    assert f"1 of 3 inputs failed: {broken}" in caplog.text
    for name in ("a_2x.mp4", "b_2x.mp4"):
        here, there = (tmp_path / place / name for place in ("here", "there"))
        assert here.read_bytes() == there.read_bytes()


def test_models_are_measured_on_the_nodes_of_the_cluster_that_is_there(
    network, address, make_clip, tmp_path, monkeypatch
):
    monkeypatch.setenv("RAY_ADDRESS", address)  # else Ray would take any of this machine
    other = tmp_path / "other.safetensors"
    save_network(fill(RIFE(shallow_spec()), gain=0.3), other)
    clip, models = str(make_clip(frames=5)), [network, str(other)]
    evaluate_video(clip, str(tmp_path / "here"), models, threads=1)
    with pytest.raises(SystemExit, match="1"):
        evaluate_video(
            clip, str(tmp_path / "there"), [*models, "nobody"], executor="ray", address="auto"
        )
    here, there = (tmp_path / place / "per_frame.csv" for place in ("here", "there"))
    assert here.read_bytes() == there.read_bytes()
    figures = json.loads((tmp_path / "there/evaluation.json").read_text())["models"]
    assert [row["model"] for row in figures if "failed" in row] == ["nobody"]


def test_the_task_of_a_node_that_is_lost_is_begun_again(cluster, tmp_path, caplog):
    lost = cluster.add_node(num_cpus=1)

    def task(number: int) -> int:
        import ray

        mine = ray.get_runtime_context().get_node_id()
        (tmp_path / f"{number}-{mine}").touch()
        while not (tmp_path / "lost").exists():
            time.sleep(0.05)
        return number * number

    def lose() -> None:
        while not list(tmp_path.glob(f"*-{lost.node_id}")):
            time.sleep(0.05)
        cluster.remove_node(lost, allow_graceful=False)
        (tmp_path / "lost").touch()

    threading.Thread(target=lose, daemon=True).start()
    with executor("ray", cluster.address) as workers:
        assert list(workers.map(task, range(3))) == [0, 1, 4]
    (begun,) = tmp_path.glob(f"*-{lost.node_id}")
    number = begun.name.partition("-")[0]
    assert len(list(tmp_path.glob(f"{number}-*"))) == 2  # there, and on another
    assert "try 1 of 3 failed" in caplog.text


def test_a_benchmark_has_quality_measured_by_workers(network):
    class Failing:
        def map(self, function, tasks):
            return iter([Failed("no machine was left")] * len(tasks))

    trial = Trial(Way(network, threads=1), 32, 32)
    for workers, known in ((InProcess(), {"psnr", "psnr_to_eager"}), (Failing(), {"failed"})):
        bench = Bench(0, 1, ValData("sample"), 1, workers)
        bench._measure_quality([trial, trial])
        [row] = bench._qualities.values()
        assert known <= set(row)


def test_here_an_error_ends_the_job():
    with executor() as workers:
        assert isinstance(workers, InProcess)
        results = workers.map(lambda task: 1 / task, [1, 0])
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("in-process", "auto"), "address is 'auto', which goes with --executor ray"),
        (("ray", None, "cuda:1"), "device is 'cuda:1'; Ray hands the GPUs out"),
        (("ray", "127.0.0.1:1"), "there is no Ray cluster at '127.0.0.1:1'"),
    ],
)
def test_wrong_options(arguments, message):
    pytest.importorskip("ray", reason="ray is not installed (extra ray)")
    with pytest.raises(ValueError, match=message), executor(*arguments):
        pass


def test_a_task_that_fits_no_machine_is_refused(address, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1000)
    with (
        pytest.raises(ValueError, match="needs 1000 cores and 0 GPUs, which no machine"),
        executor("ray", address),
    ):
        pass
