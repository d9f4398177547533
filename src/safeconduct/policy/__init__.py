"""What a community minds: read, decide, explain.

``read_policy`` gives a ``Policy``; ``explain.explain``, ``explain.why`` and ``explain.diff`` say it in sentences.
"""

from safeconduct.policy.decide import Policy, strictest
from safeconduct.policy.read import parse_policy, presets, read_policy

__all__ = ["Policy", "parse_policy", "presets", "read_policy", "strictest"]
