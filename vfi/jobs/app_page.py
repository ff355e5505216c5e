"""The page of the app."""

import html
import importlib.util
import logging
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import gradio as gr

from vfi.checkpoints import registry
from vfi.jobs.app_order import Order
from vfi.jobs.app_work import Made, State, Stop, Workshop
from vfi.runtime.load import RUNTIMES, Runtime
from vfi.runtime.resolve import DEFAULT_MODEL

TITLE = "Make a video smoother"
_TIMES, _RATE = "times as many frames", "frames a second"
_FORGOTTEN = 3600  # seconds after which what was uploaded is removed
_WAITING = 16  # runs that may wait for their turn
_STYLE = """
.gradio-container { max-width: min(1200px, 100vw) !important; margin: auto; }
.gradio-container > .main { max-width: 100%; min-width: 0; }
#columns > .column { min-width: 0 !important; }
#command { max-width: calc(100vw - 80px); }
#command .cm-content { white-space: pre-wrap; overflow-wrap: anywhere; flex-shrink: 1; }
@media (max-width: 720px) { #columns { flex-direction: column; } }
.vfi-state { min-height: 1.6em; } .vfi-state progress { width: 100%; height: 14px; }
.vfi-state .error { color: #b3261e; font-weight: 600; } .dark .vfi-state .error { color: #ffb4ab; }
.vfi-told { width: 100%; font-size: 14px; border-collapse: collapse; }
.vfi-told th { text-align: left; padding-right: 12px; vertical-align: top; white-space: nowrap; }
.vfi-told td { overflow-wrap: anywhere; }
"""

logger = logging.getLogger(__name__)


def models() -> list[str]:
    """The models that are on this machine."""
    return [name for name in registry.names() if registry.path_of(name) is not None]


def runtimes() -> list[str]:
    """The runtimes that are installed."""
    return ["auto", *(name for name in RUNTIMES if importlib.util.find_spec(name) is not None)]


def build(workshop: Workshop) -> gr.Blocks:
    """The page, whose runs wait for each other."""
    with gr.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=(_FORGOTTEN // 10, _FORGOTTEN)
    ) as page:
        gr.Markdown(f"# {TITLE}")
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=2, min_width=300):
                inputs = _inputs(workshop)
                with gr.Row():
                    start = gr.Button("Make it", variant="primary", elem_id="start")
                    stop = gr.Button("Stop", elem_id="stop")
            with gr.Column(scale=3, min_width=300):
                outputs = _outputs()
        started = start.click(
            _maker(workshop, inputs),
            set(inputs.values()),
            outputs,
            show_progress="minimal",
            concurrency_limit=1,
            api_visibility="private",
        )
        _ends(page, workshop, stop, started, outputs[0])
    return page.queue(max_size=_WAITING, api_open=False)


def launch(page: gr.Blocks, workshop: Workshop, host: str, port: int, browser: bool) -> str:
    """Serves the page from other threads and tells where.

    Raises:
        OSError: if the address cannot be had.
    """
    plain = ["system-ui", "sans-serif"]
    script = files("vfi.reporting").joinpath("assets/beside.js").read_text(encoding="utf-8")
    _, url, _ = page.launch(
        server_name=host,
        server_port=port,
        inbrowser=browser,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        footer_links=[],
        allowed_paths=[str(workshop.results)],
        max_file_size=workshop.limits.megabytes * 1_000_000,
        theme=gr.themes.Default(font=plain, font_mono=["ui-monospace", "monospace"]),
        css=_STYLE,
        head=f"<script>{script}</script>",
    )
    return url


def _inputs(workshop: Workshop) -> dict[str, Any]:
    """What is asked, under the names by which `_order` takes the answers."""
    limits, known = workshop.limits, models()
    dropped = gr.File(
        label=f"a video of up to {limits.seconds:g} s, or two pictures, {limits.megabytes} MB each",
        file_count="multiple",
        elem_id="files",
        height=150,
    )
    model = gr.Dropdown(
        known, value=DEFAULT_MODEL if DEFAULT_MODEL in known else known[0], label="model"
    )
    how = gr.Radio([_TIMES, _RATE], value=_TIMES, label="how smooth")
    factor = gr.Slider(2, 8, value=2, step=1, label=_TIMES)
    rate = gr.Textbox("60", label=f"{_RATE}, such as 60 or 60000/1001", visible=False)
    slow = gr.Slider(1, 16, value=1, step=0.5, label="slow motion, times as slowly")
    runtime = gr.Dropdown(runtimes(), value="auto", label="runtime")

    def choose(how: str) -> tuple[Any, Any]:
        return gr.update(visible=how == _TIMES), gr.update(visible=how == _RATE)

    how.change(choose, how, [factor, rate], queue=False, api_visibility="private")
    return {
        "dropped": dropped, "model": model, "how": how, "factor": factor, "rate": rate,
        "slow": slow, "runtime": runtime,
    }  # fmt: skip


def _outputs() -> list[Any]:
    """What is shown, in the order in which `_maker` gives it."""
    return [
        gr.HTML(_state("drop something, then press Make it"), elem_id="state"),
        gr.HTML("", elem_id="player"),
        gr.HTML("", elem_id="told"),
        gr.Code(
            "", language="shell", label="the same by command", visible=False, elem_id="command"
        ),
    ]


def _ends(page: gr.Blocks, workshop: Workshop, stop: gr.Button, started: Any, state: Any) -> None:
    """What ends a run: the button, and the end of the session."""

    def pressed(request: gr.Request) -> str:
        workshop.stop(request.session_hash or "")
        return _state("stopped; nothing was kept")

    def left(request: gr.Request) -> None:
        workshop.leave(request.session_hash or "")

    stop.click(pressed, None, state, cancels=[started], queue=False, api_visibility="private")
    page.unload(left)


def _maker(workshop: Workshop, inputs: dict[str, Any]) -> Any:
    """The handler of a session's order, which tells how far it is as it goes."""

    def make(
        given: dict[Any, Any],
        request: gr.Request,  # Gradio finds it by its type
    ) -> Iterator[tuple[Any, ...]]:
        yield _state("preparing"), "", "", gr.update(value="", visible=False)
        try:
            order = _order(**{name: given[component] for name, component in inputs.items()})
            for state in workshop.make(request.session_hash or "", order):
                if isinstance(state, Made):
                    yield _shown(state)
                else:
                    yield (_state(*_progress(state)), *[gr.skip()] * 3)
        except Stop:
            yield (_state("stopped; nothing was kept"), *[gr.skip()] * 3)
        except ValueError as error:
            yield (_state(str(error), error=True), *[gr.skip()] * 3)
        except Exception:
            logger.exception("a run failed")
            text = "something went wrong here; the app's own output tells what"
            yield (_state(text, error=True), *[gr.skip()] * 3)

    return make


def _order(
    dropped: list[str] | None,
    model: str,
    how: str,
    factor: float,
    rate: str,
    slow: float,
    runtime: str,
) -> Order:
    """What the answers of the page ask for; a slow motion alone keeps the frame rate."""
    times = how == _TIMES
    return Order(
        files=tuple(Path(name) for name in dropped or ()),
        model=model,
        multiplier=int(factor) if times else None,
        fps=None if times else rate.strip(),
        slow_motion=f"{slow:g}",
        runtime=cast(Runtime, runtime),
    )


def _progress(state: State) -> tuple[str, float | None]:
    """How far a run is, in words and as a share."""
    if not state.done:
        return "loading the model", None
    if not state.total:
        return f"{state.done:,} frames", None
    left = "" if state.left is None else f", {_clock(state.left)} left"
    return f"{state.done:,} of {state.total:,} frames{left}", min(state.done / state.total, 1.0)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _state(text: str, share: float | None = None, error: bool = False) -> str:
    bar = "" if share is None else f'<progress value="{share:.4f}"></progress>'
    kind = ' class="error" role="alert"' if error else ' role="status"'
    return f'<div class="vfi-state"><div{kind}>{html.escape(text)}</div>{bar}</div>'


def _shown(made: Made) -> tuple[Any, ...]:
    """A result: what was done, the player, the figures, the command."""
    rate = made.summary.result.rate if made.summary.result else None
    player = (
        f'<vfi-beside original="{_address(made.original)}" result="{_address(made.result)}" '
        f'slowness="{made.slowness:g}" rate="{rate or 25:g}"></vfi-beside>'
    )
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>"
        for name, text in made.told().items()
    )
    name = html.escape(made.result.name)
    links = (
        f'<p><a href="{_address(made.result)}" download="{name}">download {name}</a>, '
        f'<a href="{_address(Path(made.summary.record))}" download="{name}.json">its record</a></p>'
    )
    told = f'{links}<table class="vfi-told">{rows}</table>'
    return _state("done"), player, told, gr.update(value=made.command, visible=True)


def _address(path: Path) -> str:
    """Where the app serves a file of a run."""
    return html.escape(f"/gradio_api/file={quote(path.as_posix())}")
