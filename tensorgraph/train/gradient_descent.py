"""Optimizers that step along the gradient: plain, proximal, with momentum."""

from __future__ import annotations

from typing import Any

from tensorgraph.ops.training import (
    ApplyGradientDescent,
    ApplyMomentum,
    ApplyProximalGradientDescent,
)
from tensorgraph.train.optimizer import RuleOptimizer, Slot


class GradientDescentOptimizer(RuleOptimizer):
    """w ← w - αg.

    Parameters
    ----------
    learning_rate : float or scalar Tensor
        α.
    use_locking : bool
        Accepted for TensorFlow's sake.
    name : str, default "GradientDescent"
        Name of the operations.
    """

    rule = ApplyGradientDescent

    def __init__(
        self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent"
    ) -> None:
        super().__init__(use_locking, name, {"learning_rate": learning_rate})


class ProximalGradientDescentOptimizer(RuleOptimizer):
    """Gradient descent that shrinks the weights after each step (Duchi and Singer 2009).

    Parameters
    ----------
    learning_rate : float or scalar Tensor
        α.
    l1_regularization_strength, l2_regularization_strength : float, default 0
        How much to shrink, as the penalties l₁|w| and l₂w²/2 would.
    use_locking : bool
        Accepted for TensorFlow's sake.
    name : str, default "ProximalGradientDescent"
        Name of the operations.
    """

    rule = ApplyProximalGradientDescent

    def __init__(
        self,
        learning_rate: Any,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        use_locking: bool = False,
        name: str = "ProximalGradientDescent",
    ) -> None:
        settings = {
            "learning_rate": learning_rate,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
        }
        super().__init__(use_locking, name, settings)


class MomentumOptimizer(RuleOptimizer):
    """v ← μv + g; w ← w - αv.

    Parameters
    ----------
    learning_rate : float or scalar Tensor
        α.
    momentum : float or scalar Tensor
        μ.
    use_locking : bool
        Accepted for TensorFlow's sake.
    name : str, default "Momentum"
        Name of the operations and slots.
    use_nesterov : bool, default False
        Step by g + μv instead (Sutskever et al. 2013).
    """

    rule = ApplyMomentum

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(
            use_locking,
            name,
            {"learning_rate": learning_rate, "momentum": momentum},
            [Slot("momentum", "accum")],
            {"use_nesterov": use_nesterov},
        )
