"""An initial state that is learned with the weights, for any core."""

import torch
from torch import Tensor, nn

from seqmodels.cores.base import Core, State


class LearnedInitialState(Core):
    """A core whose streams begin in a state that training chooses, the same for every stream.

    The parameters begin at the wrapped core's own initial state; what it counts in integers stays as it is. A window is
    read in pieces where streams begin, since a core knows of no beginning but its own.
    """

    def __init__(self, core: Core) -> None:
        """
        Args:
            core: the core that reads; `initial_0`, `initial_1`, ... replace the tensors of its `initial_state(1)`.

        Raises:
            ValueError: the core does not read what it starts with.
        """
        super().__init__()
        if not core.uses_initial_state:
            raise ValueError(
                "initial_state='learned' teaches this core nothing: its memory is empty until the first step, whatever "
                "stands there; give initial_state=zeros"
            )
        self.core = core
        self.input_size, self.output_size = core.input_size, core.output_size
        self.takes_dt = core.takes_dt
        self._names: list[str] = []
        for number, tensor in enumerate(core.initial_state(1)):
            name, value = f"initial_{number}", tensor.detach().clone()
            if value.is_floating_point() or value.is_complex():
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)
            self._names.append(name)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        values = [getattr(self, name) for name in self._names]
        moved = [value.to(device=device, dtype=dtype if value.is_floating_point() else None) for value in values]
        return tuple(value.expand(batch_size, *value.shape[1:]).clone() for value in moved)

    def forward(
        self, x: Tensor, state: State | None = None, reset: Tensor | None = None, dt: Tensor | None = None
    ) -> tuple[Tensor, State]:
        if state is None:
            state = self.initial_state(len(x), x.device, x.dtype if x.is_floating_point() else None)
        return self.core(x, state, reset, dt)
