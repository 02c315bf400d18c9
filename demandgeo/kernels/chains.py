"""Streets joined end to end where exactly two of them meet."""

from __future__ import annotations

from demandgeo.kernels import inner_kernel, kernel


@kernel
def join(partner, length, out_chain, out_offset, out_turned, out_arm):
    """Join segments into chains; return how many chains there are.

    Arm 2s leaves segment s at its start, 2s + 1 at its end. A ring is cut at the start of its first segment.

    Parameters
    ----------
    partner
        int64 [2 x segments]: the arm that continues beyond each arm's junction, -1 where there is none, or several.
    length
        float64 [segments], metres.
    out_chain
        int64 [segments]: the chain of each segment.
    out_offset
        float64 [segments]: metres from the chain's start to the segment.
    out_turned
        bool [segments]: whether the segment runs against the chain.
    out_arm
        int64 [segments, 2]: the arms at the start and the end of each chain, by chain.
    """
    out_chain[:] = -1
    chains = 0
    for arm in range(partner.size):
        if partner[arm] < 0 and out_chain[arm >> 1] < 0:
            _follow(arm, chains, partner, length, out_chain, out_offset, out_turned, out_arm)
            chains += 1
    for segment in range(length.size):
        if out_chain[segment] < 0:
            _follow(2 * segment, chains, partner, length, out_chain, out_offset, out_turned, out_arm)
            chains += 1
    return chains


@inner_kernel
def _follow(arm, chain, partner, length, out_chain, out_offset, out_turned, out_arm):
    """Follow a chain from its first arm to its last."""
    out_arm[chain, 0] = arm
    along = 0.0
    while arm >= 0 and out_chain[arm >> 1] < 0:
        segment = arm >> 1
        out_chain[segment], out_offset[segment], out_turned[segment] = chain, along, (arm & 1) == 1
        along += length[segment]
        out_arm[chain, 1] = arm ^ 1
        arm = partner[arm ^ 1]
