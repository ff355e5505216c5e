"""What a user can ask of an interpolation."""

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from vfi.video.read.rates import parse_optional, parse_rate
from vfi.video.read.window import Window, parse_time
from vfi.video.timing.cuts import DEFAULT_CUT_THRESHOLD, DEFAULT_STATIC_THRESHOLD
from vfi.video.write.options import SEGMENT_FRAMES, WriteOptions, check_numbers


@dataclass(frozen=True)
class Settings:
    """Options of `interpolate_video`; checked when made.

    Args:
        multiplier: output frames per input frame, 2 or more. With neither this nor fps, 2, or with
            slow motion as many as keep the frame rate.
        fps: output frames per second instead, e.g. 60 or 24000/1001, exactly.
        slow_motion: show everything this many times as slowly, e.g. 4 or 5/2.
        second: the second image, when the input is one image.
        start: where in the input to begin, in seconds or as hours:minutes:seconds. Sound and
            subtitles are cut to match.
        duration: how much of the input to take, likewise; all that follows if not given.
        input_fps: images per second of a folder (24 if not given) or of two images (1); or frames
            per second of a bare stream, such as raw H.264, instead of what it says.
        codec: auto, h264, h265, vp9, av1, mpeg4, prores or ffv1; auto takes what suits the file.
        crf: quality of the encoding, lower is better; the codec's default if not given.
        preset: speed of the encoding, e.g. veryfast for h264; the codec's default if not given.
        bit_depth: 8 or 10 bits per colour value; as the input if not given.
        audio: auto copies the sound, or re-encodes it where it is slowed down or the file cannot
            hold it; copy insists on copying; drop leaves it out.
        audio_offset: seconds by which the sound comes later, or earlier if below 0.
        cut_threshold: score, 0 to about 150, above which two frames belong to different scenes and
            are not blended; null blends everything.
        duplicates: drop interpolates across repeated frames, for video whose real frame rate is
            lower than it says; keep shows them as they are.
        inverse_telecine: restore the 24 frames a second of film that was woven into 30 (3:2
            pulldown) first.
        static_threshold: frames that nowhere differ by more than this many levels of 255, over
            16x16 pixels, count as the same picture.
        still: on puts back what stands still in both frames, such as text over a moving picture,
            where the network dragged it along; off leaves frames as the network makes them.
        flow_scale: resolution at which motion is estimated, 0.25 to 2; if not given, 0.5 for 4K and
            1 below.
        tile: largest side in pixels of what the network sees at once, for little memory; 0 is off.
        tile_overlap: pixels that neighbouring tiles share; more than objects move.
        batch_size: frames made at once; more is faster on a GPU and takes more memory.
        threads: of the network, the encoder and the decoder each; all cores if not given.
        segment: output frames after which work is safe; what a killed job loses at most.
        resume: go on with a job that was stopped before it was done.
        play: show the frames in a player (mpv or ffplay) in place of writing them; new ones that
            would come too late are left out.
    """

    multiplier: int | None = None
    fps: str | float | None = None
    slow_motion: str | float = 1
    second: str | None = None
    start: str | float | None = None
    duration: str | float | None = None
    input_fps: str | float | None = None
    codec: str = "auto"
    crf: int | None = None
    preset: str | None = None
    bit_depth: Literal[8, 10] | None = None
    audio: Literal["auto", "copy", "drop"] = "auto"
    audio_offset: float = 0.0
    cut_threshold: float | None = DEFAULT_CUT_THRESHOLD
    duplicates: Literal["keep", "drop"] = "keep"
    inverse_telecine: bool = False
    static_threshold: float = DEFAULT_STATIC_THRESHOLD
    still: Literal["on", "off"] = "on"
    flow_scale: float | None = None
    tile: int = 0
    tile_overlap: int = 64
    batch_size: int = 1
    threads: int | None = None
    segment: int = SEGMENT_FRAMES
    resume: bool = False
    play: bool = False

    def __post_init__(self) -> None:
        check_numbers(self)
        if self.multiplier is not None and self.fps is not None:
            raise ValueError(
                f"multiplier {self.multiplier} and fps {self.fps} were both given; give one of them"
            )
        for name, low in (("multiplier", 2), ("batch_size", 1)):
            value = getattr(self, name)
            if value is not None and value < low:
                raise ValueError(f"{name} is {value}; it must be {low} or more")
        for name, allowed in (
            ("duplicates", ("keep", "drop")),
            ("still", ("on", "off")),
            ("flow_scale", (None, 0.25, 0.5, 1.0, 2.0)),
        ):
            if getattr(self, name) not in allowed:
                choices = ", ".join(str(choice) for choice in allowed if choice is not None)
                raise ValueError(f"{name} is {getattr(self, name)!r}; choose from {choices}")
        for name in ("cut_threshold", "static_threshold"):
            if getattr(self, name) is not None and not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 0 or more")
        if self.tile and not 0 <= 2 * self.tile_overlap < self.tile:
            raise ValueError(
                f"tile is {self.tile} with an overlap of {self.tile_overlap}; the overlap must be "
                "less than half the tile"
            )
        if self.slowness < 1:
            raise ValueError(f"slow_motion is {self.slow_motion}; it must be 1 or more")
        _ = self.output_rate, self.image_rate, self.window, self.writing

    @property
    def slowness(self) -> Fraction:
        """Output seconds per input second."""
        return parse_rate(self.slow_motion, "slow_motion")

    @property
    def output_rate(self) -> Fraction | None:
        """Output frames per second, if they were given."""
        return parse_optional(self.fps, "fps")

    @property
    def image_rate(self) -> Fraction | None:
        """Input images per second, if they were given."""
        return parse_optional(self.input_fps, "input_fps")

    @property
    def window(self) -> Window:
        """The part of the input that is wanted."""
        length = None if self.duration is None else parse_time(self.duration, "duration")
        if length == 0:
            raise ValueError(f"duration is {self.duration!r}; it must be more than 0")
        return Window(parse_time(self.start or 0, "start"), length)

    @property
    def writing(self) -> WriteOptions:
        """What concerns the output file."""
        names = (field.name for field in dataclasses.fields(WriteOptions))
        return WriteOptions(**{name: getattr(self, name) for name in names})

    def shaping(self) -> dict[str, object]:
        """The settings that the output's frames depend on."""
        neutral = {"batch_size", "resume", "play", "audio", "audio_offset"}
        return {key: value for key, value in vars(self).items() if key not in neutral}
