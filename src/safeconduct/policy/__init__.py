"""What a community minds: read, decide, explain."""

from safeconduct.policy.decide import Policy, strictest
from safeconduct.policy.prose import diff, explain, why
from safeconduct.policy.read import parse_policy, preset_files, read_policy

__all__ = ["Policy", "diff", "explain", "parse_policy", "preset_files", "read_policy", "strictest", "why"]
