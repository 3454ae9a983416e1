"""Tools for testing ops and graphs: a gradient check, and strategies for hypothesis.

`check_gradients` needs nothing but the engine. `tensorgraph.testing.strategies`,
`tensorgraph.testing.op_checks` and the pytest plugin `tensorgraph.testing.plugin` are imported by
their own names, because they need hypothesis and pytest:
``pip install 'tensorgraph-engine[testing]'``.
"""

from tensorgraph.testing.check import GradientError, check_gradients
from tensorgraph.testing.differences import Comparison, Finding
from tensorgraph.testing.gradients import compare_gradients
from tensorgraph.testing.rules import Fault

__all__ = [
    "Comparison",
    "Fault",
    "Finding",
    "GradientError",
    "check_gradients",
    "compare_gradients",
]
