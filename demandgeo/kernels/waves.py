"""Equal-split kernels on a street network as a wave: all events at once, at a cost that does not depend on them.

Every event sends a pulse each way along its street. At a junction of n street ends a pulse goes on into each other one
and back into its own with fixed factors (Okabe and Sugihara 2012, Spatial Analysis along Networks, section 9.2), and
the density at a place is the sum over time of kernel height x amplitude passing there. So it is enough to carry the
amplitudes of all events together through time.

A street here runs from junction to junction whatever it is cut into: a node that two streets meet in changes nothing.
Slots are street ends, those of a junction side by side. ``history[slot, step * channels + channel]`` is the amplitude
that leaves the junction along that street in a time step; channels are layers that travel together. A street whose
delay is x steps hands its pulse to three steps, with Lagrange weights that keep mass, mean and variance of the arrival:
no frequency is amplified for offsets of 0 to 2 steps.
"""

from __future__ import annotations

import math

from numba import prange

from demandgeo.kernels import inner_kernel, kernel, parallel_kernel
from demandgeo.kernels.profiles import half_mass, height, summed_mass


@inner_kernel
def _first(x):
    """Return the first of the three steps in which a pulse arrives after x steps.

    The offset from it is nearest to 1 where it can be: there the error changes its sign, and cancels. A street of one
    step or more hands on in a later step.
    """
    return 0 if x < 1.0 else max(int(x + 0.5) - 1, 1)


@inner_kernel
def _share(f, j):
    """Return the share of a pulse in the j-th of three steps, f steps after the first: Lagrange's weights."""
    if j == 1:
        return f * (2.0 - f)
    return 0.5 * (f - 1.0) * (f - 2.0) if j == 0 else 0.5 * f * (f - 1.0)


@kernel
def delays(length, step, out_lag, out_share):
    """Fill out_lag[i] with the first of the three steps in which a pulse arrives, out_share[i] with the shares."""
    for i in range(length.size):
        x = length[i] / step
        out_lag[i] = _first(x)
        for j in range(3):
            out_share[i, j] = _share(x - out_lag[i], j)


@kernel
def launch(slot, distance, weight, channel, step, steps, channels, out_history):
    """Add what each event sends to the two ends of its street, in the steps in which it arrives.

    Parameters
    ----------
    slot
        int64 [events, 2]: the ends of each event's street.
    distance
        float64 [events, 2]: metres to them.
    weight
        float64 [events].
    channel
        int64 [events].
    step
        Metres travelled in a time step.
    steps, channels
        Of the history.
    out_history
        [slots, steps x channels].
    """
    for event in range(weight.size):
        for end in range(2):
            x = distance[event, end] / step
            first = _first(x)
            for j in range(min(3, steps - first)):
                at = (first + j) * channels + channel[event]
                out_history[slot[event, end], at] += weight[event] * _share(x - first, j)


@kernel
def transport(first, source, lag, tap, onward, back, gain_at, gain, steps, channels, out_arrival, out_history):
    """Carry the pulses through all steps. On entry the history holds what was launched; it ends with all that left.

    A group is one junction, or several that streets shorter than a step join. Those exchange within a step: what leaves
    a group is a fixed linear map of what arrives from outside, worked out once.

    Parameters
    ----------
    first
        int64 [groups + 1]: the slots of group g are first[g]..first[g + 1] - 1.
    source
        int64 [slots]: the slot at the other end of each street.
    lag
        int64 [slots]: steps before the first of the three in which a pulse arrives; 1 or more.
    tap
        [slots, 3]: share that arrives in each.
    onward, back
        [groups]: a junction sends onward x (all that arrives) - back x (what arrived here) into each street.
    gain_at
        int64 [groups]: where the map of a group of several junctions starts in `gain`, -1 for a single junction.
    gain
        Its rows one after the other.
    steps, channels
        Of the history.
    out_arrival
        [slots, channels]: scratch.
    out_history
        [slots, steps x channels].
    """
    for t in range(steps):
        for group in range(first.size - 1):
            _advance(t, group, first, source, lag, tap, onward, back, gain_at, gain, channels, out_arrival, out_history)


@parallel_kernel
def transport_together(first, source, lag, tap, onward, back, gain_at, gain, steps, channels, out_arrival, out_history):
    """Do what `transport` does, groups side by side: every group has one writer, and reads earlier steps only.

    Each step waits for all threads, which takes longer than the step itself where there are few streets.
    """
    for t in range(steps):
        for group in prange(first.size - 1):
            _advance(t, group, first, source, lag, tap, onward, back, gain_at, gain, channels, out_arrival, out_history)


@inner_kernel
def _advance(t, group, first, source, lag, tap, onward, back, gain_at, gain, channels, out_arrival, out_history):
    """Take in what arrives at a group in step t, and write what leaves."""
    low, high = first[group], first[group + 1]
    for slot in range(low, high):
        _arrive(slot, source[slot], t, lag, tap, channels, out_history)
    if gain_at[group] >= 0:
        _map(low, high, t, gain_at[group], gain, channels, out_arrival, out_history)
    elif channels == 1:
        total = 0.0
        for slot in range(low, high):
            total += out_history[slot, t]
        total *= onward[group]
        for slot in range(low, high):
            out_history[slot, t] = total - back[group] * out_history[slot, t]
    else:
        _scatter(low, high, t, onward[group], back[group], channels, out_arrival, out_history)


@inner_kernel
def _map(low, high, t, gain_at, gain, channels, out_arrival, out_history):
    at = t * channels
    for slot in range(low, high):
        row = out_history[slot, at : at + channels]
        for c in range(channels):
            out_arrival[slot, c] = row[c]
            row[c] = 0.0
    for slot in range(low, high):
        row, first = out_history[slot, at : at + channels], gain_at + (slot - low) * (high - low)
        for other in range(low, high):
            share, arrived = gain[first + other - low], out_arrival[other]
            for c in range(channels):
                row[c] += share * arrived[c]


@inner_kernel
def _scatter(low, high, t, onward, back, channels, out_arrival, out_history):
    at, total = t * channels, out_arrival[low]
    for c in range(channels):
        total[c] = 0.0
    for slot in range(low, high):
        row = out_history[slot, at : at + channels]
        for c in range(channels):
            total[c] += row[c]
    for slot in range(low, high):
        row = out_history[slot, at : at + channels]
        for c in range(channels):
            row[c] = onward * total[c] - back * row[c]


@inner_kernel
def _arrive(slot, other, t, lag, tap, channels, out_history):
    """Add to what was launched at a slot what comes along its street."""
    at, latest = t * channels, t - lag[slot]
    if channels == 1 and latest >= 2:
        # Most calls: without the loops over channels a single layer takes half the time.
        out_history[slot, at] += (
            tap[slot, 0] * out_history[other, latest]
            + tap[slot, 1] * out_history[other, latest - 1]
            + tap[slot, 2] * out_history[other, latest - 2]
        )
        return
    # Through views of the rows: with offsets inside the loops nothing is vectorised, and 16 layers take twice as long.
    to = out_history[slot, at : at + channels]
    for j in range(min(3, latest + 1)):
        share = tap[slot, j]
        gone = out_history[other, (latest - j) * channels : (latest - j + 1) * channels]
        for c in range(channels):
            to[c] += share * gone[c]


@parallel_kernel
def collect(slot, length, first_unit, unit, middle, profile, h, step, steps, channels, history, out_sum, out):
    """Add kernel height x amplitude over all steps at the middle of every unit: polynomial kernels.

    With tau = time / h and s = place / h the height is a polynomial in tau whose coefficients s gives, and only steps
    with tau + s < 1 count. Units are taken from the far end of a street to the near one, so that each takes in a few
    more steps and running sums of amplitude x tau**q serve all of them.

    Parameters
    ----------
    slot
        int64 [streets, 2]: the ends of each street, start first.
    length
        float64 [streets], metres.
    first_unit
        int64 [streets + 1]: the units of street s stand at first_unit[s]..first_unit[s + 1] - 1 of `unit`, `middle`.
    unit
        int64 [units]: the row of `out`.
    middle
        float64 [units]: metres from the street's start, ascending within a street.
    profile, h
        Kernel and support in metres.
    step, steps, channels, history
        As in `transport`.
    out_sum
        [streets, 7 x channels + 7]: scratch.
    out
        [units, channels]: added to.
    """
    for street in prange(length.size):
        for end in range(2):
            _collect(
                street, end, slot, length, first_unit, unit, middle, profile, h, step, steps, channels, history,
                out_sum, out,
            )  # fmt: skip


@inner_kernel
def _collect(
    street, end, slot, length, first_unit, unit, middle, profile, h, step, steps, channels, history, out_sum, out
):
    row, t, terms = slot[street, end], 0, 2 * profile + 1
    low, high = first_unit[street], first_unit[street + 1]
    sums = out_sum[street]
    for k in range(terms * channels):
        sums[k] = 0.0
    for rank in range(high - low):
        at = high - 1 - rank if end == 0 else low + rank
        place = middle[at] if end == 0 else length[street] - middle[at]
        while t < steps and t * step + place < h:
            tau, power = t * step / h, 1.0
            gone = history[row, t * channels : (t + 1) * channels]
            for q in range(terms):
                part = sums[q * channels : (q + 1) * channels]
                for c in range(channels):
                    part[c] += power * gone[c]
                power *= tau
            t += 1
        if t == 0:
            continue
        _expand(profile, place / h, street, 7 * channels, h, out_sum)
        to = out[unit[at]]
        for q in range(terms):
            share, part = sums[7 * channels + q], sums[q * channels : (q + 1) * channels]
            for c in range(channels):
                to[c] += share * part[c]


@inner_kernel
def _expand(profile, s, row, at, h, out):
    """Write the coefficients of tau**0..tau**2p of the kernel's height at tau + s into out[row, at:]."""
    scale = 0.5 if profile == 0 else 0.75 if profile == 1 else 0.9375 if profile == 2 else 1.09375
    out[row, at] = scale / h
    for q in range(1, 7):
        out[row, at + q] = 0.0
    for _ in range(profile):
        # Times (1 - s2) - 2 s tau - tau2, from the highest power down, in place.
        for q in range(6, -1, -1):
            value = (1.0 - s * s) * out[row, at + q]
            if q >= 1:
                value -= 2.0 * s * out[row, at + q - 1]
            if q >= 2:
                value -= out[row, at + q - 2]
            out[row, at + q] = value


@parallel_kernel
def collect_smoothed(slot, length, first_unit, unit, middle, profile, h, reach, step, steps, channels, history, out):
    """Do what `collect` does for any kernel, each step at each unit, with the kernel's mean over one step.

    A kernel that ends with a jump or a kink is met in three places where a pulse is one: the mean over a step halves
    that error. The mean differs from the height by step2 / 24 times the second derivative.
    """
    for street in prange(length.size):
        for end in range(2):
            row = slot[street, end]
            for at in range(first_unit[street], first_unit[street + 1]):
                place = middle[at] if end == 0 else length[street] - middle[at]
                for t in range(steps):
                    r = t * step + place
                    if r - 0.5 * step >= reach:
                        break
                    share = _mean_height(profile, r, h, step)
                    for c in range(channels):
                        out[unit[at], c] += share * history[row, t * channels + c]


@inner_kernel
def _mass_to(profile, r, h, step):
    """Return the integral up to r of what is collected: of the mean over a step for kernels with a jump or a kink."""
    if profile > 1:
        return half_mass(profile, r, h)
    return (summed_mass(profile, abs(r + 0.5 * step), h) - summed_mass(profile, abs(r - 0.5 * step), h)) / step


@inner_kernel
def _mean_height(profile, r, h, step):
    near, far = r - 0.5 * step, half_mass(profile, r + 0.5 * step, h)
    before = half_mass(profile, near, h) if near >= 0.0 else -half_mass(profile, -near, h)
    return (far - before) / step


@parallel_kernel
def collect_gaussian(slot, length, first_unit, unit, middle, sd, step, steps, channels, history, out):
    """Do what `collect` does for the Gaussian, each step at each unit.

    From step to step the height is multiplied by a factor that is itself multiplied by a constant: no exponential.
    """
    shrink = math.exp(-step * step / (sd * sd))
    for street in prange(length.size):
        for end in range(2):
            row = slot[street, end]
            for at in range(first_unit[street], first_unit[street + 1]):
                place = middle[at] if end == 0 else length[street] - middle[at]
                share = height(4, place, sd)
                ratio = math.exp(-step * (2.0 * place + step) / (2.0 * sd * sd))
                for t in range(steps):
                    for c in range(channels):
                        out[unit[at], c] += share * history[row, t * channels + c]
                    share *= ratio
                    ratio *= shrink


@parallel_kernel
def add_own(first_event, place, weight, channel, first_unit, unit, middle, profile, h, reach, out):
    """Add the kernel of each event to the units of its own street, by the straight way along it.

    Parameters
    ----------
    first_event
        int64 [streets + 1]: the events of street s are first_event[s]..first_event[s + 1] - 1.
    place, weight, channel
        float64, float64, int64 [events]: metres from the street's start.
    """
    for street in prange(first_unit.size - 1):
        for at in range(first_unit[street], first_unit[street + 1]):
            for event in range(first_event[street], first_event[street + 1]):
                distance = abs(middle[at] - place[event])
                if distance < reach:
                    out[unit[at], channel[event]] += weight[event] * height(profile, distance, h)


@parallel_kernel
def settle(
    slot, length, first_event, place, weight, channel, profile, h, reach, step, steps, channels, history, out_lost,
    out_own, out_mass,
):  # fmt: skip
    """Fill out_mass[street, channel] with what the pulses leave on each street, and what its integral lacks of that.

    A pulse that crosses a street leaves on it the kernel's mass between the times it enters and leaves. It leaves in
    three steps, whose mean mass is not quite that of its true time. So what the steps say differs from the integral of
    what is collected, by some 1e-6: added to the street, that makes the density keep the weight of its events.

    out_lost[street, channel] is what crossing pulses lack. Nothing is lacking of one that ends within the street.
    out_own[event] is the weight to add to an event on its own street to make up for what that lacks.
    """
    for street in prange(length.size):
        for c in range(channels):
            out_mass[street, c] = out_lost[street, c] = 0.0
        for end in range(2):
            row = slot[street, end]
            for t in range(steps):
                if (t - 1) * step >= reach:
                    break
                entered = _mass_to(profile, t * step, h, step)
                left = _mass_to(profile, t * step + length[street], h, step)
                handed = _handed_on(t * step, length[street], profile, h, reach, step)
                for c in range(channels):
                    amplitude = history[row, t * channels + c]
                    out_mass[street, c] += amplitude * (handed - entered)
                    out_lost[street, c] += amplitude * (handed - left)
        for event in range(first_event[street], first_event[street + 1]):
            handed = own = 0.0
            for end in range(2):
                way = place[event] if end == 0 else length[street] - place[event]
                handed += _handed_on(0.0, way, profile, h, reach, step)
                own += half_mass(profile, min(way, reach), h)
            out_mass[street, channel[event]] += weight[event] * handed
            out_own[event] = weight[event] * (handed / own - 1.0)


@inner_kernel
def _handed_on(begun, way, profile, h, reach, step):
    """Return the mean mass up to the three steps in which a pulse hands on what began at a time, after a way."""
    if begun + way >= reach + 2.0 * step:
        return half_mass(profile, reach, h)
    x, total = way / step, 0.0
    first = _first(x)
    for j in range(3):
        total += _share(x - first, j) * _mass_to(profile, begun + (first + j) * step, h, step)
    return total


@parallel_kernel
def add_lost(first_unit, unit, length, lost, out):
    """Add to each street what its integral lacks of the pulses that cross it, evenly along it where anything is.

    What is added to a place depends on its street alone, not on the units: shared out over those that are reached, it
    changed by 1e-6 of a value where a street was cut into other units.

    Parameters
    ----------
    first_unit, unit, length
        As in `collect`.
    lost
        float64 [streets, channels]: from `settle`.
    out
        [units, channels]: added to.
    """
    for street in prange(length.size):
        for at in range(first_unit[street], first_unit[street + 1]):
            for c in range(lost.shape[1]):
                if out[unit[at], c] != 0.0:
                    out[unit[at], c] += lost[street, c] / length[street]
