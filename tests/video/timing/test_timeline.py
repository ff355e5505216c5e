from fractions import Fraction

import pytest

from vfi.video.read.rates import constant_rate, parse_rate
from vfi.video.timing.timeline import EvenParts, FixedRate, plan_timing, slots_between

NTSC = Fraction(24000, 1001)
CONSTANT = {"rate": NTSC, "start": Fraction(0), "tick": Fraction(1, 24000)}
VARIABLE = {**CONSTANT, "rate": None, "tick": Fraction(1, 90000)}


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("60", 60),
        (60, 60),
        (12.5, Fraction(25, 2)),
        ("24000/1001", NTSC),
        ("23.976", NTSC),
        (29.97, Fraction(30000, 1001)),
        (Fraction(7, 2), Fraction(7, 2)),
    ],
)
def test_rates_are_exact(text, rate):
    assert parse_rate(text, "fps") == rate


@pytest.mark.parametrize("text", ["fast", "0", "-5", "1/0", "", "nan", float("inf")])
def test_bad_rates_are_named(text):
    with pytest.raises(ValueError, match="fps is .*; give a positive number"):
        parse_rate(text, "fps")


def test_an_hour_of_ntsc_at_60_neither_drifts_nor_loses_a_frame():
    cadence = FixedRate(Fraction(60), Fraction(0))
    frames = 24 * 3600
    count = sum(len(cadence.between(n / NTSC, (n + 1) / NTSC)) for n in range(frames))
    assert count == -(-frames * 60 // NTSC)
    times = cadence.between((frames - 1) / NTSC, frames / NTSC)
    assert all((time * 60).denominator == 1 for time in times)


def test_even_parts_cut_every_interval():
    assert EvenParts(3).between(Fraction(1), Fraction(4)) == [1, 2, 3]


def test_slots_say_where_between_the_frames_they_lie():
    times = [Fraction(1), Fraction(3, 2), Fraction(7, 4)]
    assert [s.timestep for s in slots_between(times, Fraction(1), Fraction(2))] == [
        0,
        Fraction(1, 2),
        Fraction(3, 4),
    ]


def test_output_times_within_a_rounding_error_of_a_frame_are_that_frame():
    times = [Fraction(1001, 1000), Fraction(1020, 1000), Fraction(10329, 10000)]
    slots = slots_between(times, Fraction(1), Fraction(1033, 1000), tick=Fraction(2, 1000))
    assert [slot.timestep for slot in slots] == [0, Fraction(20, 33), 1]


def test_matroska_milliseconds_are_recognised_as_a_constant_rate():
    times = [Fraction(round(n / NTSC * 1000), 1000) for n in range(2000)]
    assert constant_rate(times, Fraction(1, 1000), [NTSC]) == NTSC
    assert constant_rate(times, Fraction(1, 1000), [Fraction(24)]) is None


def test_rates_that_containers_round_are_recognised():
    times = [Fraction(round(n * 1001 / 48), 1000) for n in range(500)]
    assert constant_rate(times, Fraction(1, 1000), [Fraction(7001, 146)]) == 2 * NTSC


def test_a_dropped_frame_makes_the_rate_vary():
    times = [Fraction(n, 30) for n in range(20) if n != 7]
    assert constant_rate(times, Fraction(1, 15360), [Fraction(30)]) is None


def test_coarse_exact_units_are_constant():
    times = [Fraction(n, 15) for n in range(20)]
    assert constant_rate(times, Fraction(1, 15), [Fraction(15)]) == 15


@pytest.mark.parametrize(
    ("multiplier", "fps", "slow", "rate", "speed"),
    [
        (None, None, 1, 2 * NTSC, 1),
        (4, None, 1, 4 * NTSC, 1),
        (None, Fraction(60), 1, 60, 1),
        (None, None, 4, NTSC, 4),
        (None, None, Fraction(5, 2), NTSC, Fraction(5, 2)),
        (8, None, 4, 2 * NTSC, 4),
        (None, Fraction(30), 4, 30, 4),
    ],
)
def test_what_is_asked_for_becomes_a_rate(multiplier, fps, slow, rate, speed):
    timing = plan_timing(multiplier, fps, Fraction(slow), **CONSTANT)
    assert (timing.rate, timing.speed) == (rate, speed)
    assert timing.time_base == 1 / Fraction(rate)


def test_variable_rate_keeps_exact_ticks():
    timing = plan_timing(3, None, Fraction(1), **VARIABLE)
    assert timing.rate is None
    assert timing.time_base == Fraction(1, 270000)
    assert plan_timing(None, None, Fraction(5, 2), **VARIABLE).cadence == EvenParts(3)


def test_a_late_start_is_kept_exactly():
    timing = plan_timing(2, None, Fraction(1), **{**CONSTANT, "start": 1001 / Fraction(30000)})
    assert timing.ticks(1001 / Fraction(30000)) * timing.time_base == 1001 / Fraction(30000)


@pytest.mark.parametrize(("multiplier", "fps"), [(2, None), (4, None), (8, None), (None, 4 * NTSC)])
def test_halving_models_do_powers_of_two(multiplier, fps):
    plan_timing(multiplier, fps, Fraction(1), **CONSTANT).check_model(any_timestep=False)


@pytest.mark.parametrize(
    ("multiplier", "fps", "slow", "extra"),
    [
        (3, None, 1, {}),
        (None, Fraction(60), 1, {}),
        (None, None, 3, {}),
        (2, None, 1, {"fills_gaps": True}),
        (None, Fraction(60), 1, {"rate": None}),
    ],
)
def test_halving_models_refuse_the_rest(multiplier, fps, slow, extra):
    timing = plan_timing(multiplier, fps, Fraction(slow), **{**CONSTANT, **extra})
    timing.check_model(any_timestep=True)
    with pytest.raises(ValueError, match="only finds the middle"):
        timing.check_model(any_timestep=False)
