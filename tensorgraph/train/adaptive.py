"""Optimizers that scale each element's step by the gradients that it has seen."""

from __future__ import annotations

from typing import Any

from tensorgraph.ops.training import (
    ApplyAdadelta,
    ApplyAdagrad,
    ApplyCenteredRMSProp,
    ApplyFtrl,
    ApplyRMSProp,
)
from tensorgraph.train.optimizer import RuleOptimizer, Slot


class AdagradOptimizer(RuleOptimizer):
    """Steps by one over the root of the sum of all squared gradients (Duchi et al. 2011).

    Parameters
    ----------
    learning_rate : float or scalar Tensor
        α.
    initial_accumulator_value : float, default 0.1
        What the sums begin with; positive.
    use_locking : bool
        Accepted for TensorFlow's sake.
    name : str, default "Adagrad"
        Name of the operations and slots.

    Raises
    ------
    ValueError
        If `initial_accumulator_value` is not positive.
    """

    rule = ApplyAdagrad

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:
        if initial_accumulator_value <= 0:
            raise ValueError(
                f"initial_accumulator_value must be positive, not {initial_accumulator_value}"
            )
        slots = [Slot("accumulator", "accumulator", initial_accumulator_value)]
        super().__init__(use_locking, name, {"learning_rate": learning_rate}, slots)


class AdadeltaOptimizer(RuleOptimizer):
    """Adadelta (Zeiler, arXiv:1212.5701): steps in the units of the weights themselves.

    Parameters
    ----------
    learning_rate : float or scalar Tensor, default 0.001
        α; the paper's is 1.
    rho : float or scalar Tensor, default 0.95
        Decay of the means.
    epsilon : float or scalar Tensor, default 1e-08
        Lets the first steps begin.
    use_locking : bool
        Accepted for TensorFlow's sake.
    name : str, default "Adadelta"
        Name of the operations and slots.
    """

    rule = ApplyAdadelta

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: Any = 0.95,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:
        settings = {"lr": learning_rate, "rho": rho, "epsilon": epsilon}
        slots = [Slot("accum", "accum"), Slot("accum_update", "accum_update")]
        super().__init__(use_locking, name, settings, slots)


class RMSPropOptimizer(RuleOptimizer):
    """RMSProp (Tieleman and Hinton 2012): steps by one over the root of the mean square.

    Parameters
    ----------
    learning_rate : float or scalar Tensor
        α.
    decay : float or scalar Tensor, default 0.9
        Decay of the mean square.
    momentum : float or scalar Tensor, default 0
        Share of the last step in the next.
    epsilon : float or scalar Tensor, default 1e-10
        Keeps the division finite.
    use_locking : bool
        Accepted for TensorFlow's sake.
    centered : bool, default False
        Divide by the deviation of the gradient from its mean instead (Graves, arXiv:1308.0850).
    name : str, default "RMSProp"
        Name of the operations and slots.
    """

    def __init__(
        self,
        learning_rate: Any,
        decay: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: Any = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        settings = {
            "learning_rate": learning_rate,
            "decay": decay,
            "momentum": momentum,
            "epsilon": epsilon,
        }
        mean = [Slot("mg", "mg")] if centered else []
        slots = [Slot("rms", "rms", 1.0), *mean, Slot("momentum", "mom")]
        super().__init__(use_locking, name, settings, slots)
        # One name for both forms, as in TensorFlow, so that the rule depends on the object.
        self.rule = ApplyCenteredRMSProp if centered else ApplyRMSProp


class FtrlOptimizer(RuleOptimizer):
    """Follow the regularized leader (McMahan et al. 2013): sparse weights by an l₁ penalty.

    Parameters
    ----------
    learning_rate : float or scalar Tensor
        α.
    learning_rate_power : float, default -0.5
        How the step shrinks with the sum of squared gradients; not positive.
    initial_accumulator_value : float, default 0.1
        What the sums begin with; not negative.
    l1_regularization_strength, l2_regularization_strength : float, default 0
        Penalties; not negative.
    use_locking : bool
        Accepted for TensorFlow's sake.
    name : str, default "Ftrl"
        Name of the operations and slots.
    accum_name, linear_name : str, optional
        Names of the slots in place of `name`.
    l2_shrinkage_regularization_strength : float, default 0
        A penalty on the size of the weights alone; not negative.

    Raises
    ------
    ValueError
        If a setting has the wrong sign.
    """

    rule = ApplyFtrl

    def __init__(
        self,
        learning_rate: Any,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "Ftrl",
        accum_name: str | None = None,
        linear_name: str | None = None,
        l2_shrinkage_regularization_strength: float = 0.0,
    ) -> None:
        strengths = {
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
        }
        for key, value in {
            **strengths, "initial_accumulator_value": initial_accumulator_value
        }.items():  # fmt: skip
            if value < 0:
                raise ValueError(f"{key} must not be negative, not {value}")
        if learning_rate_power > 0:
            raise ValueError(f"learning_rate_power must not be positive, not {learning_rate_power}")
        super().__init__(
            use_locking,
            name,
            {
                "learning_rate": learning_rate,
                **strengths,
                "learning_rate_power": learning_rate_power,
            },
            [
                Slot("accum", "accum", initial_accumulator_value, accum_name),
                Slot("linear", "linear", 0.0, linear_name),
            ],
        )
