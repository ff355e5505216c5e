"""Every kind of video that once went wrong, run again: a figure each, and whether it holds.

``python -m tests.video.table --output docs/results/video/table.csv`` needs VFI_DATA, the folder of
the real data, for the files in its ``cases``.
"""

import argparse
import csv
import itertools
import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from tests.helpers.clips import Blend
from tests.helpers.media import Pictures, Sound, make
from tests.helpers.signals import heard, planes, raw, spoken
from tests.helpers.sync import events, flashing
from tests.video.make import test_still
from tests.video.test_alpha import seen_through
from tests.video.test_times import halves, look
from tests.video.timing import test_repeats, test_telecine
from vfi.video import interpolate_frames, interpolate_video
from vfi.video.read.light import light_of
from vfi.video.read.open import open_source
from vfi.video.summary import Summary
from vfi.video.timing.film import FilmSource
from vfi.video.timing.telecine import TELECINE
from vfi.video.write.light import display

EVERY = ("mp4", "mov", "mkv", "webm", "avi")
QUICK = {"h264": "ultrafast", "h265": "ultrafast", "vp9": "8", "av1": "13"}


@dataclass(frozen=True)
class Bench:
    """A folder to work in, and the files that went wrong."""

    folder: Path
    cases: Path

    def make(self, clip: Path, out: str, **settings: object) -> tuple[Path, Summary]:
        """Makes a video twice as smooth, with a stub for a network."""
        settings = {"cut_threshold": None, **settings}
        if settings.get("codec") in QUICK:
            settings["preset"] = QUICK[str(settings["codec"])]
        path = self.folder / out
        return path, interpolate_video(clip, path, Blend(), **settings)

    def refused(self, clip: Path, out: str, **settings: object) -> str:
        """Why something is refused, or that it is not."""
        try:
            self.make(clip, out, **settings)
        except ValueError as error:
            return str(error)
        return "not refused"


Found = dict[str, object]
Check = Callable[[Bench], tuple[Found, bool]]
ROWS: list[tuple[str, str, Check]] = []


def row(kind: str, right: str) -> Callable[[Check], Check]:
    """Registers a check as a row of the table."""

    def register(check: Check) -> Check:
        ROWS.append((kind, right, check))
        return check

    return register


def ms(values: list[float]) -> float:
    """The largest of errors in seconds, in milliseconds."""
    return round(1000 * max(map(abs, values)), 2)


@row("phone, varying rate in 1/90000", "own times and halves between +-1 tick; sound as it was")
def phone(it: Bench) -> tuple[Found, bool]:
    clip = it.cases / "vfr90k.mp4"
    out, summary = it.make(clip, "out.mp4")
    before, after = look(clip), look(out)
    wanted = halves(before.times)
    errors = [float(a - b) * 90_000 for a, b in zip(after.times, wanted, strict=False)]
    sounds = []
    for path in (clip, out):
        with av.open(str(path)) as container:
            sounds.append([bytes(packet) for packet in container.demux(audio=0)])
    worst = round(max(map(abs, errors)), 2)
    same = sounds[0] == sounds[1]
    found = {"off by ticks": worst, "frames": summary.frames_out, "same sound": same}
    return found, worst <= 1 and same and len(after.times) == 2 * len(before.times)


@row("joined recordings (concat.ts)", "48 frames, 20 ms steps; as far apart in both halves +-1 ms")
def joined(it: Bench) -> tuple[Found, bool]:
    found, holds = {}, True
    parts = [flashing(it.folder / f"{n}.ts", 30, 30 + Fraction(3 * n, 1000)) for n in (0, 1)]
    clicks = it.folder / "clicks.ts"
    clicks.write_bytes(b"".join(part.read_bytes() for part in parts))
    wanted = [distance for part in parts for distance in events(part).apart]
    for kind in EVERY:
        fps = {"fps": 50} if kind == "avi" else {}
        out, _ = it.make(it.cases / "concat.ts", f"out.{kind}", **fps)
        steps = look(out).steps
        apart = events(it.make(clicks, f"clicks.{kind}", **fps)[0]).apart
        off = [a - b for a, b in zip(apart, wanted, strict=True)]
        found[f"{kind}, ms"] = ms(off)
        even = max(abs(step - Fraction(1, 50)) for step in steps) <= Fraction(1, 1000)
        holds &= len(steps) == 47 and even and ms(off) <= 1
    return found, holds


@row("level from the unit of time (vfr1080.mkv, gap.mkv)", "level <= 4.2; AV1 writes")
def level(it: Bench) -> tuple[Found, bool]:
    found = {}
    for name in ("vfr1080.mkv", "gap.mkv"):
        out, _ = it.make(it.cases / name, "out.mkv", codec="h264")
        with av.open(str(out)) as container:
            found[name] = container.streams.video[0].codec_context.level / 10
    _, summary = it.make(it.cases / "gap.mkv", "av1.mkv", codec="av1")
    said = it.refused(make(it.folder / "in.mp4", Pictures(tick=Fraction(1, 240))), "a.mp4",
                      codec="av1")  # fmt: skip
    named = "av1 takes at most 240" in said
    found |= {"av1 frames": summary.frames_out, "480 a second in av1 refused": named}
    return found, max(found["vfr1080.mkv"], found["gap.mkv"]) <= 4.2 and named


@row("Matroska that claims 2000 a second (gap.mkv)", "mean rate within 1 %")
def claimed(it: Bench) -> tuple[Found, bool]:
    out, _ = it.make(it.cases / "gap.mkv", "out.mkv")
    times = look(out)
    mean = len(times.times) / float(times.times[-1] + times.steps[-1] - times.times[0])
    off = abs(float(times.rate) / mean - 1)
    return {"off by %": round(100 * off, 2), "a second": round(float(times.rate), 2)}, off < 0.01


@row("more than 1000 frames a second (240 x 8)", "480 times, each +-1 tick")
def fast(it: Bench) -> tuple[Found, bool]:
    tick = Pictures(tuple(range(60)), Fraction(1, 240), size=(32, 16))
    out, _ = it.make(make(it.folder / "in.mp4", tick), "out.mp4", multiplier=8)
    exact = sum(t == Fraction(n, 1920) for n, t in enumerate(look(out).times))
    return {"exact times": exact}, exact == 480


@row("a long gap (gap.mkv)", "held but for the last usual step; length kept; reported")
def gap(it: Bench) -> tuple[Found, bool]:
    clip = it.cases / "gap.mkv"
    out, summary = it.make(clip, "out.mp4")
    before, after = look(clip), look(out)
    longest = float(max(after.steps))
    off = abs(float(after.times[-1] + after.steps[-1] - before.times[-1] - before.steps[-1]))
    found = {"held": summary.held, "longest step, s": round(longest, 2), "length, ms": ms([off])}
    return found, summary.held == 1 and longest > 2.9 and off < 0.05


@row("edit list (elst.mp4)", "1.2 s +-0.03 of picture and sound in every container")
def edit_list(it: Bench) -> tuple[Found, bool]:
    found, problems = {}, []
    for kind in EVERY:
        out, summary = it.make(it.cases / "elst.mp4", f"out.{kind}")
        after = look(out)
        ends = (float(after.times[-1]) + 0.02, float(after.silent - after.heard))
        found[f"{kind}, s"] = max(ends, key=lambda end: abs(end - 1.2))
        problems += summary.problems
    found = {key: round(value, 3) for key, value in found.items()}
    return found, all(abs(v - 1.2) < 0.03 for v in found.values()) and not problems


@row("streams that start apart", "earliest at 0, as far apart as they were +-5 ms")
def apart(it: Bench) -> tuple[Found, bool]:
    members = [("in.mkv", 0, Fraction(3, 10)), ("in.mp4", Fraction(1, 5), 0),
               ("in.ts", Fraction(14, 10), Fraction(14, 10)), ("in.mov", Fraction(7, 1000), 0),
               ("hour.ts", 3600, Fraction(36001, 10))]  # fmt: skip
    found: dict[str, list[float]] = {kind: [] for kind in EVERY}
    first = []
    for name, shown, sound in members:
        clip = flashing(it.folder / name, shown, sound)
        wanted = events(clip).apart[0]
        for kind in EVERY:
            after = events(it.make(clip, f"out.{kind}")[0])
            found[kind].append(after.apart[0] - wanted)
            first.append(min(after.first, after.heard))
    worst = {f"{kind}, ms": ms(errors) for kind, errors in found.items()}
    return worst, max(worst.values()) <= 5 and max(first) < 0.001


@row("AVI with B-frames (h264b.avi)", "equal steps, 0 to 0.48 s")
def reordered(it: Bench) -> tuple[Found, bool]:
    times = look(it.make(it.cases / "h264b.avi", "out.mp4")[0]).times
    even = times == [Fraction(n, 50) for n in range(24)]
    return {"even": even, "last": float(times[-1])}, even


@row("pixels that are not square (sar.mkv), turned", "32:27 with every codec")
def aspect(it: Bench) -> tuple[Found, bool]:
    outs = [("mkv", codec) for codec in ("h264", "vp9", "av1", "ffv1", "prores")]
    outs += [("mp4", "h265"), ("mov", "prores"), ("webm", "vp9"), ("avi", "mpeg4")]
    turned = Pictures(range(3), codec="mpeg4", aspect=Fraction(32, 27), turn=90)
    wrong = []
    for clip in (it.cases / "sar.mkv", make(it.folder / "in.mov", turned)):
        for kind, codec in outs:
            out, _ = it.make(clip, f"out.{kind}", codec=codec)
            with av.open(str(out)) as container:
                said = container.streams.video[0].sample_aspect_ratio
            right = Fraction(32, 27)
            if said != (1 / right if kind == "avi" and clip.suffix == ".mov" else right):
                wrong.append(f"{clip.name} {kind} {codec} {said}")
    return {"right": 2 * len(outs) - len(wrong), "wrong": wrong}, not wrong


def light_of_first(path: Path) -> np.ndarray:
    """The first picture as a player shows it: means of gray levels over 8x8 pixels."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0)).reformat(format="gray", dst_color_range=2)
        levels = frame.to_ndarray().astype(np.float32)
    size = (frame.width // 8, frame.height // 8)
    return cv2.resize(levels, size, interpolation=cv2.INTER_AREA)


@row("full range (full264.mp4) to prores, mpeg4", "luma +-1 as it is shown")
def full_range(it: Bench) -> tuple[Found, bool]:
    found = {}
    for kind, codec in (("mov", "prores"), ("mp4", "mpeg4"), ("avi", "mpeg4"), ("webm", "vp9")):
        out, _ = it.make(it.cases / "full264.mp4", f"out.{kind}", codec=codec)
        off = light_of_first(out) - light_of_first(it.cases / "full264.mp4")
        found[f"{codec} in {kind}"] = round(float(np.abs(off).mean()), 2)
    return found, max(found.values()) <= 1


@row("whiter than white (superwhite.mkv)", "originals bit-equal in ffv1; new ones beyond 235")
def superwhite(it: Bench) -> tuple[Found, bool]:
    clip = it.cases / "superwhite.mkv"
    before, after = planes(clip), planes(it.make(clip, "out.mkv", codec="ffv1")[0])
    equal = all(np.array_equal(a, b) for a, b in zip(before, after[::2], strict=True))
    brightest = max(int(image.max()) for image in after[1::2])
    return {"bit-equal": equal, "brightest new": brightest}, equal and brightest > 235


@row("HDR10 (hdr10.mkv)", "mastering display and light level as they were, or said")
def hdr(it: Bench) -> tuple[Found, bool]:
    found = {}
    outs = [("mkv", c) for c in ("h265", "vp9", "ffv1")] + [("mp4", "h265"), ("mp4", "av1")]
    for kind, codec in [*outs, ("mov", "prores")]:
        out, summary = it.make(it.cases / "hdr10.mkv", f"out.{kind}", codec=codec)
        lights = []
        for path in (it.cases / "hdr10.mkv", out):
            with av.open(str(path)) as container:
                light = light_of(next(container.decode(video=0)))
            lights.append(light and (display(light, 50_000, 10_000), light.levels))
        told = "tell the light of HDR" in str(summary.changed)
        same = lights[0] == lights[1]
        found[f"{codec} in {kind}"] = "equal" if same else "said" if told else "lost"
    return found, "lost" not in found.values()


@row("alpha (alpha_png; PNG, VP9, ProRes, ffv1, GIF, APNG)", "kept, or one warning")
def alpha(it: Bench) -> tuple[Found, bool]:
    folder = it.folder / "images"
    folder.mkdir()
    for number in range(4):
        Image.fromarray(seen_through(number)).save(folder / f"{number}.png")
    found = {}
    outs = [("", None), ("webm", "vp9"), ("mov", "prores"), ("mkv", "ffv1"), ("apng", None),
            ("gif", None)]  # fmt: skip
    for kind, codec in outs:
        name = f"out.{kind}" if kind else "folder"
        out, _ = it.make(folder, name, **({"codec": codec} if codec else {}))
        shown = [p.spec.opacity(p.planes).numpy() for p in open_source(out).pictures()]
        errors = [a[0] * 255 - seen_through(n)[..., 3] for n, a in enumerate(shown[::2])]
        if kind == "gif":  # on or off
            errors = [(a[0] > 0.5) != (seen_through(n)[..., 3] > 127)
                      for n, a in enumerate(shown[::2])]  # fmt: skip
        found[kind or "png"] = round(max(float(np.abs(e).mean()) for e in errors), 2)
    _, summary = it.make(folder, "out.mp4")
    said = len(summary.changed) == 1
    real = sorted(it.make(it.cases / "alpha_png", "real")[0].iterdir())
    pairs = zip(sorted((it.cases / "alpha_png").glob("*.png")), real[::2], strict=True)
    flags = cv2.IMREAD_UNCHANGED
    same = all(np.array_equal(*(cv2.imread(str(p), flags) for p in pair)) for pair in pairs)
    found |= {"alpha_png bit-equal": same, "mp4 says so": said}
    return found, max(v for v in found.values() if v is not True) < 4 and same and said


@row(
    "sound that an encoder lacks (ac3side.mkv, ...)",
    "nearest layout, channels in their places; length +-1 frame of the sound (32 ms)",
)
def layouts(it: Bench) -> tuple[Found, bool]:
    members = [("ac3", "5.1(side)", 48_000), ("flac", "7.1", 48_000), ("flac", "stereo", 96_000),
               ("aac", "mono", 16_000), ("flac", "quad", 192_000)]  # fmt: skip
    wrong, lengths = [], []
    for codec, layout, rate in members:
        clip = spoken(it.folder / f"{rate}{layout}.mkv", codec, layout, rate)
        name, tones, length = heard(clip)
        for kind in ("webm", "avi", "mp4"):
            out, summary = it.make(clip, f"out.{kind}")
            after, found, longer = heard(out)
            lengths.append(longer - length)
            said = any("becomes" in line for line in summary.changed)
            same = after.partition("(")[0] == name.partition("(")[0]
            places = [abs(a - b) <= 4 for a, b in zip(tones, found, strict=False)]
            if not (all(places[:3]) if same else said):
                wrong.append(f"{layout} at {rate} in {kind}: {after} {found}")
    out, _ = it.make(it.cases / "ac3side.mkv", "case.webm")
    found = {"right": 3 * len(members) - len(wrong), "wrong": wrong, "length, ms": ms(lengths)}
    return found | {"ac3side.mkv": heard(out)[0]}, not wrong and max(map(abs, lengths)) < 0.0325


@row("the output is an input (pair0.png, pair1.png)", "refused by name; bytes unchanged")
def own_input(it: Bench) -> tuple[Found, bool]:
    pair = [it.folder / name for name in ("pair0.png", "pair1.png")]
    for path in pair:
        path.write_bytes((it.cases / path.name).read_bytes())
    for link in ("hard", "soft"):
        path = it.folder / f"{link}.png"
        (path.hardlink_to if link == "hard" else path.symlink_to)(pair[1])
    names = ("pair0.png", "pair1.png", "hard.png", "soft.png")
    refused = sum("is the input" in it.refused(pair[0], n, second=str(pair[1])) for n in names)
    same = all(path.read_bytes() == (it.cases / path.name).read_bytes() for path in pair)
    return {"refused": refused, "of": 4, "unchanged": same}, refused == 4 and same


@row("a colon (and % - # spaces) in a relative name", "as with the absolute path")
def names(it: Bench) -> tuple[Found, bool]:
    here, made = Path.cwd(), 0
    tried = ("a:b.mp4", "100%d.mp4", "-dash.mp4", "sp ace é.mp4", "a#b?c.mp4", "file:x.mp4")
    data = make(it.folder / "plain.mp4", Pictures(range(3))).read_bytes()
    os.chdir(it.folder)
    try:
        for name in tried:
            Path(name).write_bytes(data)
            out = f"{name}.mkv"
            interpolate_video(name, out, Blend())
            made += Path(out).exists()
    finally:
        os.chdir(here)
    return {"made": made, "of": len(tried)}, made == len(tried)


@row("reused buffers in interpolate_frames", "as with fresh arrays; no object twice")
def buffers(it: Bench) -> tuple[Found, bool]:
    images = [np.full((16, 16, 3), 20 * n, np.uint8) for n in (1, 2, 2, 4)]
    fresh = list(interpolate_frames(images, 2, Blend(), cut_threshold=None))
    buffer = np.empty_like(images[0])

    def filled():
        for image in images:
            buffer[:] = image
            yield buffer

    reused = list(interpolate_frames(filled(), 2, Blend(), cut_threshold=None))
    right = sum(np.array_equal(a, b) for a, b in zip(fresh, reused, strict=True))
    apart = len({id(image) for image in reused}) == len(reused)
    return {"right": right, "of": len(fresh), "all apart": apart}, right == 7 and apart


@row("statistics tags; second video, phone tags, cover", "none false; kept or one warning")
def kept(it: Bench) -> tuple[Found, bool]:
    tags = {"com.apple.quicktime.make": "Apple", "title": "T", "BPS": "1", "DURATION-eng": "9"}
    clip = make(it.folder / "in.mov", Pictures(range(4)), [Sound(seconds=0.2)], tags,
                movflags="use_metadata_tags")  # fmt: skip
    held = {}
    for kind in ("mp4", "mov", "mkv"):
        out, _ = it.make(clip, f"out.{kind}")
        with av.open(str(out)) as container:
            keys = {key.lower() for key in container.metadata}
        false = keys & {"bps", "duration-eng", "_statistics_tags"}
        held[kind] = "com.apple.quicktime.make" in keys and not false
    lost = it.make(clip, "out.avi")[1].lost
    return {"kept in": sorted(k for k, v in held.items() if v), "avi says": lost[:1]}, (
        all(held.values()) and len(lost) == 1
    )


@row("._0000.png in a folder", "skipped: 3 images give 5 frames")
def hidden_files(it: Bench) -> tuple[Found, bool]:
    folder = it.folder / "images"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (16, 16), (40 * number,) * 3).save(folder / f"{number:04d}.png")
    (folder / "._0000.png").write_bytes(b"Mac OS X")
    out, _ = it.make(folder, "out")
    count = len(list(out.iterdir()))
    return {"frames": count}, count == 5


@row("two runs into one output", "the second is refused by name; the first is right")
def two_runs(it: Bench) -> tuple[Found, bool]:
    clip, said = make(it.folder / "in.mp4"), []

    class Second(Blend):
        def forward(self, *args, **kwargs):
            if not said:
                said.append(it.refused(clip, "out.mp4"))
            return super().forward(*args, **kwargs)

    interpolate_video(clip, it.folder / "out.mp4", Second())
    count, refused = len(look(it.folder / "out.mp4").times), "another run" in said[0]
    return {"refused": refused, "frames": count}, refused and count == 24


@row("repeats under noise of 2 levels, --duplicates drop", ">= 95 % found, no moving one dropped")
def repeats(it: Bench) -> tuple[Found, bool]:
    there = found = wrong = 0
    for kind, pattern in itertools.product(("ball", "pan", "mouth"), ((2,), (3,), (2, 3))):
        images, numbers = test_repeats.film(kind, pattern)
        known = {k for k in range(1, len(numbers)) if numbers[k] == numbers[k - 1]}
        dropped = test_repeats.dropped(test_repeats.Frames(images))
        there, found = there + len(known), found + len(dropped & known)
        wrong += len(dropped - known)
    return {"found": found, "of": there, "moving dropped": wrong}, (
        found >= 0.95 * there and not wrong
    )


@row("still text and displays over motion", "<= 8 levels off, with noise too; the rest no worse")
def still(it: Bench) -> tuple[Found, bool]:
    worst, worse = {0: 0.0, 1: 0.0, 2: 0.0}, 0.0
    for kind, noise, seed in itertools.product(("text", "logo", "bar"), worst, (0, 1)):
        first, truth, second = test_still.views(kind, seed, noise)
        dragged = test_still.Middle()(first, second).clamp(0, 1)
        made, where = test_still.hold_still(dragged, first, second), test_still.ringed(kind)
        off = (made - first).abs().amax(1)[0][where]
        worst[noise] = max(worst[noise], float(off.max() * 255))
        lost = test_still.psnr(dragged, truth, ~where) - test_still.psnr(made, truth, ~where)
        worse = max(worse, lost)
    found = {f"off at noise {noise}, levels": round(off, 1) for noise, off in worst.items()}
    return found | {"rest worse by, dB": round(worse, 3)}, max(
        worst.values()
    ) <= 8.01 and worse < 0.02


@row("a size that changes in mid-stream (raw H.264)", "a line in the report, shape kept")
def resized(it: Bench) -> tuple[Found, bool]:
    data = b""
    for width in (64, 96):
        frames = [np.full((48, width), 200, np.uint8)] * 4
        data += raw(it.folder / f"{width}.h264", frames, "yuv420p", "libx264").read_bytes()
    (it.folder / "in.h264").write_bytes(data)
    out, summary = it.make(it.folder / "in.h264", "out.mp4")
    last = planes(out)[-1]
    shape = last[24, 32] > 190 and last[2, 32] < 30
    return {"said": summary.problems[:1], "between bars": bool(shape)}, (
        bool(shape) and "changes from" in str(summary.problems)
    )


@row("animated PNG and WebP", "read as animations, with their times")
def animations(it: Bench) -> tuple[Found, bool]:
    images = [Image.fromarray(seen_through(n)) for n in range(4)]
    found = {}
    for kind, more in (("png", {}), ("webp", {"lossless": True})):
        path = it.folder / f"in.{kind}"
        images[0].save(path, save_all=True, append_images=images[1:], duration=80, **more)
        found[kind] = it.make(path, f"{kind}.mkv")[1].frames_out
    return found, set(found.values()) == {8}


@row("telecine (3:2) and interlaced", "named; --inverse-telecine restores 24 whole frames")
def telecine(it: Bench) -> tuple[Found, bool]:
    whole = frames = 0
    for bottom, first in itertools.product((False, True), (0, 3)):
        images = test_telecine.pulled_down(25, bottom, first, 0)
        clip = raw(it.folder / "in.mkv", [i[..., 1] for i in images], "gray")
        restored = list(FilmSource(open_source(clip)).pictures())
        films = {image[..., 1].tobytes() for image in test_telecine.film(25, 0)}
        whole += sum(p.planes[0].tobytes() in films for p in restored)
        frames += len(restored)
    clip = test_telecine.encode(it.folder / "a.mkv", test_telecine.FILMS["telecine"](), crf="15")
    named = TELECINE in it.make(clip, "b.mkv", codec="ffv1")[1].problems
    return {"whole": whole, "of": frames, "named": named}, frames - whole <= 8 and named


@row("gray of 10 bits", "stays so where the codec can")
def gray(it: Bench) -> tuple[Found, bool]:
    ramp = np.tile(np.arange(64, 940, 13, dtype=np.uint16)[:64], (48, 1))
    clip = raw(it.folder / "in.mkv", [ramp, ramp + 4, ramp + 8], "gray10le")
    found = {}
    for kind, codec in (("mkv", "ffv1"), ("mp4", "h265")):
        out, _ = it.make(clip, f"out.{kind}", codec=codec)
        with av.open(str(out)) as container:
            found[codec] = next(container.decode(video=0)).format.name
    return found, set(found.values()) == {"gray10le"}


@row("the report", "container, codec, lengths, rates, streams, settings, device as a probe has")
def report(it: Bench) -> tuple[Found, bool]:
    clip = make(it.folder / "in.mkv", Pictures((0, 40, 100, 130, 180), Fraction(1, 1000)),
                [Sound(seconds=0.2)])  # fmt: skip
    out, _ = it.make(clip, "out.mp4")
    told = json.loads(Path(f"{out}.json").read_text(encoding="utf-8"))
    wrong = [key for key in ("kept", "changed", "lost", "settings", "device") if key not in told]
    for key, path in (("source", clip), ("result", out)):
        with av.open(str(path)) as container:
            stream, facts = container.streams.video[0], told[key]
            probe = {"container": container.format.name, "codec": stream.codec_context.name,
                     "pixel_format": stream.codec_context.pix_fmt}  # fmt: skip
            wrong += [f"{key}.{name}" for name, value in probe.items() if facts[name] != value]
            seconds = container.duration / av.time_base
        if abs(facts["duration"] - seconds) > 0.001 or not facts["rate"]:
            wrong.append(f"{key}.duration or rate")
    return {"wrong": wrong}, not wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--only", default="", help="a part of the name of a check")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    lines = []
    for kind, right, check in ROWS:
        if args.only not in check.__name__:
            continue
        with tempfile.TemporaryDirectory() as name:
            found, holds = check(Bench(Path(name), Path(os.environ["VFI_DATA"]) / "cases"))
        told = "; ".join(f"{key}: {value}" for key, value in found.items())
        lines.append((kind, right, told, "yes" if holds else "no"))
        sys.stdout.write(f"{lines[-1]}\n")
        sys.stdout.flush()
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        with args.output.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("kind", "right", "found", "holds"), *lines])
    return min(1, sum(line[-1] == "no" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
