"""Builds the demo in the browser: ``python docs/demo/build.py --output site/demo --serve 8000``.

A folder of static files: the page, released models as ONNX, and ONNX Runtime Web, fetched by npm.
What is fetched and made is compared with its hash before it is kept. A server that isolates the
page (``Cross-Origin-Opener-Policy: same-origin``, ``Cross-Origin-Embedder-Policy: require-corp``,
as ``--serve`` does) lets it use several threads.
"""

import argparse
import base64
import functools
import hashlib
import http.server
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2

from vfi.checkpoints import registry
from vfi.data.sample import render
from vfi.files import sha256, writable_folder
from vfi.jobs.export import export
from vfi.reporting import cards
from vfi.reporting.pages import asset
from vfi.shipped import folder

HERE = Path(__file__).parent
PACKAGE = "onnxruntime-web"
VERSION = "1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
RUNTIME = (
    *("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"),
    *("ort.webgpu.min.mjs", "ort-wasm-simd-threaded.asyncify.mjs"),
    "ort-wasm-simd-threaded.asyncify.wasm",
)
MODELS = ("rife-nano", "rife-tiny")
PAGE = ("index.html", "demo.css", "demo.js", "frames.js")
ASSETS = ("page.css", "compare.css", "player.js")
_SAMPLE = 6  # a triplet that moves by 6 pixels


def build(output: Path, models: Sequence[str] = MODELS) -> None:
    """Writes the whole folder, in place of one that is there.

    Raises:
        ValueError: if npm is missing or fails, or a hash is another.
    """
    writable_folder(output.parent)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".demo.") as scratch:
        made = Path(scratch) / "demo"
        made.mkdir()
        _runtime(made)
        for model in models:
            _check(model)
            export(model, output=str(made / f"{model}.onnx"))
        for name in PAGE:
            shutil.copy(HERE / name, made)
        for name in ASSETS:
            (made / name).write_text(asset(name), encoding="utf-8")
        for name, frame in zip(("first.png", "", "second.png"), render(_SAMPLE), strict=True):
            if name:
                cv2.imwrite(str(made / name), frame[..., ::-1])
        files = {path.name: sha256(path) for path in sorted(made.iterdir())}
        about = {"models": list(models), PACKAGE: VERSION, "files": files}
        (made / "demo.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        if output.exists():
            output.rename(Path(scratch) / "before")
        made.rename(output)


def _check(model: str) -> None:
    """Makes sure that the weights are those that were released."""
    path, card = registry.path_of(model), cards.read(folder("checkpoints")).get(model)
    if path is None or card is None or sha256(path) != card["sha256"]:
        raise ValueError(f"{model} is not here as it was released; choose from {', '.join(MODELS)}")


def _runtime(target: Path) -> None:
    """Fetches ONNX Runtime Web by npm, and keeps what the page needs of it."""
    npm = shutil.which("npm")
    if npm is None:
        raise ValueError("npm, which fetches ONNX Runtime Web, is not installed")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        words = [npm, "pack", f"{PACKAGE}@{VERSION}", "--silent", "--pack-destination", scratch]
        done = subprocess.run(words, capture_output=True, text=True, cwd=scratch, check=False)
        archive = Path(scratch) / f"{PACKAGE}-{VERSION}.tgz"
        if done.returncode or not archive.is_file():
            reason = (done.stderr.strip().splitlines() or ["it wrote nothing"])[-1]
            raise ValueError(f"npm could not fetch {PACKAGE} {VERSION}: {reason}")
        found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != SHA512:
            raise ValueError(f"{PACKAGE} {VERSION} has another hash than expected: {found}")
        with tarfile.open(archive) as packed:
            for name in RUNTIME:
                member = packed.extractfile(f"package/dist/{name}")
                if member is None:
                    raise ValueError(f"{PACKAGE} {VERSION} has no {name}")
                (target / name).write_bytes(member.read())


class Isolated(http.server.SimpleHTTPRequestHandler):
    """Static files, with the headers that let a page have threads."""

    extensions_map = {  # noqa: RUF012 (as in the standard library)
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def end_headers(self) -> None:
        """Adds them."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing of single requests."""


def server(root: Path, port: int = 0) -> http.server.ThreadingHTTPServer:
    """A server of a folder, on this machine alone; any free port if 0."""
    handler = functools.partial(Isolated, directory=str(root))
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Builds the demo in the browser.")
    parser.add_argument("--output", type=Path, default=Path("site/demo"))
    parser.add_argument("--models", nargs="+", default=list(MODELS), metavar="NAME")
    parser.add_argument("--serve", type=int, metavar="PORT", help="serve it, too, until Ctrl-C")
    words = parser.parse_args()
    try:
        build(words.output, words.models)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    sys.stdout.write(f"wrote {words.output}\n")
    if words.serve is not None:
        sys.stdout.write(f"http://127.0.0.1:{words.serve}/\n")
        server(words.output, words.serve).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
