"""Channel pruning of the RIFE family: groups -> importance -> policy (plan) -> mask | compact."""

from vfi.pruning.budget import LatencyBudget
from vfi.pruning.channels import (
    channel_groups,
    fixed_layers,
    output_dim,
    with_widths,
)
from vfi.pruning.compact import compact
from vfi.pruning.groups import ChannelGroup, ChannelGroups, Consumer
from vfi.pruning.importance import L1, L2, ActivationL1, Batch, Importance, PathL1, Scores, Taylor
from vfi.pruning.macs import channel_macs
from vfi.pruning.mask import Masks, masked
from vfi.pruning.plan import PruningPlan
from vfi.pruning.policy import ArchitectureAware, GlobalThreshold, Policy
from vfi.pruning.prices import LatencyTable, latency_table
from vfi.pruning.repair import repair
from vfi.pruning.saved import SavedPlan
from vfi.pruning.selection import Selection, best_channels

__all__ = [
    "L1",
    "L2",
    "ActivationL1",
    "ArchitectureAware",
    "Batch",
    "ChannelGroup",
    "ChannelGroups",
    "Consumer",
    "GlobalThreshold",
    "Importance",
    "LatencyBudget",
    "LatencyTable",
    "Masks",
    "PathL1",
    "Policy",
    "PruningPlan",
    "SavedPlan",
    "Scores",
    "Selection",
    "Taylor",
    "best_channels",
    "channel_groups",
    "channel_macs",
    "compact",
    "fixed_layers",
    "latency_table",
    "masked",
    "output_dim",
    "repair",
    "with_widths",
]
