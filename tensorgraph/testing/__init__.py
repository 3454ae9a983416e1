"""Tools for testing ops and graphs: a gradient check, and strategies for hypothesis.

`check_gradients` needs nothing but the engine. `tensorgraph.testing.strategies` is imported by its
own name, because it needs hypothesis: ``pip install 'tensorgraph-engine[testing]'``.
"""

from tensorgraph.testing.differences import Comparison
from tensorgraph.testing.gradients import GradientError, check_gradients, compare_gradients

__all__ = ["Comparison", "GradientError", "check_gradients", "compare_gradients"]
