"""What a training carries: one object, assigned once a step, in a checkpoint whole, for any number of processes."""

from pathlib import Path
from unittest import mock

import lightning.pytorch as pl
import pytest
import torch
from torch import Tensor

from seqmodels.datamodules.synthetic.sine import SineStream
from seqmodels.datamodules.window import Window
from seqmodels.modules.carry import Carry, from_checkpoint, to_checkpoint
from seqmodels.modules.regressor import StreamRegressor
from seqmodels.modules.tbptt import TruncatedBPTT
from tests.modules.test_regressor import STREAMS, fit, regressor
from tests.modules.test_tbptt import sgd, step, stream, with_steps

STEPS = {"core": "lru", "backprop_windows": 3}
"""Read with resets inside the windows, and times."""
EVERYTHING = {"backprop_windows": 3, "burn_in": 12, "state_dtype": "bfloat16"}


def tensors(carry: Carry) -> list[Tensor]:
    """All that belongs to rows, in order."""
    found: list[Tensor] = []
    for place in (carry.streams, *(past.before for past in carry.history)):
        found += [*(place.state or ()), *([] if place.age is None else [place.age])]
    return found + [tensor for past in carry.history for tensor in past[1:] if tensor.numel()]


def same(a: Carry, b: Carry) -> bool:
    return len(tensors(a)) == len(tensors(b)) and all(
        left.dtype == right.dtype and torch.equal(left, right)
        for left, right in zip(tensors(a), tensors(b), strict=True)
    )


def windows(number: int, arguments: dict) -> list[Window]:
    made = stream(number, torch.float32)
    return with_steps(made, dt=True) if arguments == STEPS else made


def trained(steps: int, **arguments: object) -> tuple[StreamRegressor, torch.optim.Optimizer]:
    module = regressor(**arguments)
    optimizer = sgd(module)
    for w in windows(steps, arguments):
        step(module, optimizer, w)
    return module, optimizer


@pytest.mark.parametrize("arguments", [{}, EVERYTHING, {"carry": False}, {"initial_state": "learned"}, STEPS], ids=str)
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_a_checkpoint_goes_on_where_it_was_bit_by_bit(arguments: dict, steps: int, tmp_path: Path) -> None:
    module, optimizer = trained(steps, **arguments)
    checkpoint: dict = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, tmp_path / "x.ckpt")
    for w in windows(9, arguments)[steps:]:
        step(module, optimizer, w)
    resumed = regressor(**arguments)
    loaded = torch.load(tmp_path / "x.ckpt", weights_only=True)
    resumed.on_load_checkpoint(loaded)
    resumed.load_state_dict(loaded["state_dict"])
    optimizer = sgd(resumed)
    for w in windows(9, arguments)[steps:]:
        step(resumed, optimizer, w)
    assert same(resumed.tbptt.carried, module.tbptt.carried)
    assert resumed.tbptt.carried.windows == 9
    assert float(resumed.tbptt.carried.loss_sum) == float(module.tbptt.carried.loss_sum)
    for a, b in zip(resumed.parameters(), module.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_carry_is_assigned_once_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    module, optimizer = trained(2, **EVERYTHING)
    assigned = []
    original = TruncatedBPTT.__setattr__
    monkeypatch.setattr(TruncatedBPTT, "__setattr__", lambda *a: (assigned.append(a[1]), original(*a))[1])
    w, before = stream(1, torch.float32)[0], module.tbptt.carried
    step(module, optimizer, w)
    assert assigned.count("carried") == 1
    assert before.windows == 2
    assert module.tbptt.carried.windows == 3


def test_a_step_that_fails_leaves_the_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    module, _ = trained(2, **EVERYTHING)
    before = module.tbptt.carried
    monkeypatch.setattr(StreamRegressor, "logs_this_step", True)
    monkeypatch.setattr(module, "log", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        module.training_step(stream(1, torch.float32)[0])
    assert module.tbptt.carried is before


def test_each_process_takes_its_rows() -> None:
    module, _ = trained(5, **EVERYTHING)
    saved = to_checkpoint(module.tbptt.carried)
    parts = [from_checkpoint(saved, rank, 2) for rank in (0, 1)]
    assert all(same(part, from_checkpoint(saved, rank, 2)) for rank, part in enumerate(parts))
    for whole, *halves in zip(tensors(module.tbptt.carried), *map(tensors, parts), strict=True):
        assert torch.equal(whole, torch.cat(halves))
        assert len(halves[0]) == 2
    assert same(from_checkpoint(saved, 0, 1), module.tbptt.carried)


def test_loss_sums_belong_to_processes() -> None:
    saved = {**to_checkpoint(trained(5)[0].tbptt.carried), "loss_sum": [1.0, 4.0]}
    assert [from_checkpoint(saved, rank, 2).loss_sum for rank in (0, 1)] == [1.0, 4.0]
    assert from_checkpoint(saved, 0, 1).loss_sum == 2.5


def test_a_file_holds_no_more_than_its_rows(tmp_path: Path) -> None:
    """A view of one row would take all rows that it looks at into the file."""
    module = regressor(backprop_windows=2)
    big = stream(1, torch.float32, length=50_000)[0]
    step(module, sgd(module), big._replace(**{n: getattr(big, n)[:1] for n in big._fields}))
    torch.save(to_checkpoint(module.tbptt.carried), tmp_path / "carry")
    assert (tmp_path / "carry").stat().st_size < 250_000


def test_other_streams_are_refused() -> None:
    saved = to_checkpoint(trained(1)[0].tbptt.carried)
    with pytest.raises(ValueError, match=r"^num_streams=6 but the checkpoint carries the state of 4 streams"):
        from_checkpoint(saved, 0, 1, num_streams=6)
    with pytest.raises(ValueError, match=r"^num_streams=4 .* cannot be shared by 3 processes"):
        from_checkpoint(saved, 0, 3)


def test_weights_without_a_carry_leave_the_streams_fresh() -> None:
    module, _ = trained(2)
    module.on_load_checkpoint({})
    assert module.tbptt.carried == Carry()


def test_settings_may_change_at_a_resume() -> None:
    checkpoint: dict = {}
    trained(5, backprop_windows=3)[0].on_save_checkpoint(checkpoint)
    for arguments, history in (({"backprop_windows": 2}, 1), ({"backprop_windows": 4}, 2), ({"carry": False}, 0)):
        module = regressor(**arguments)
        module.on_load_checkpoint(checkpoint)
        assert len(module.tbptt.carried.history) == history
        assert (module.tbptt.carried.streams.state is None) == (arguments == {"carry": False})
    module = regressor(burn_in=3)
    module.on_load_checkpoint(checkpoint)
    plain = regressor()
    plain.on_load_checkpoint(checkpoint)
    w = stream(6, torch.float32)[5]  # no row starts anew: nothing burns in
    for mine, theirs in zip(step(module, sgd(module), w), step(plain, sgd(plain), w), strict=True):
        assert torch.equal(mine, theirs)


def test_lightning_saves_and_loads_it(tmp_path: Path) -> None:
    module = regressor(**EVERYTHING)
    fit(module, 6).save_checkpoint(tmp_path / "six.ckpt", weights_only=False)
    resumed = regressor(**EVERYTHING)
    seen = Seen(tmp_path)
    fit(resumed, 7, callbacks=[seen], ckpt_path=tmp_path / "six.ckpt")
    assert same(from_checkpoint(torch.load(tmp_path / "start_0", weights_only=True), 0, 1), module.tbptt.carried)
    assert resumed.tbptt.carried.windows == 7
    with pytest.raises(ValueError, match=r"^num_streams=2 but the checkpoint carries the state of 3 streams"):
        fit(regressor(**EVERYTHING), 7, SineStream(**{**STREAMS, "num_streams": 2}), ckpt_path=tmp_path / "six.ckpt")


class Seen(pl.Callback):
    """Writes down what a process carries at the start and at the end, by itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_start(self, trainer: pl.Trainer, pl_module: StreamRegressor) -> None:
        self._write("start", trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: StreamRegressor) -> None:
        self._write("end", trainer, pl_module)
        trainer.save_checkpoint(self.folder / f"of_{trainer.world_size}.ckpt", weights_only=False)

    def _write(self, name: str, trainer: pl.Trainer, pl_module: StreamRegressor) -> None:
        with mock.patch("torch.distributed.is_initialized", return_value=False):
            torch.save(to_checkpoint(pl_module.tbptt.carried), self.folder / f"{name}_{trainer.global_rank}")


@pytest.mark.slow
@pytest.mark.parametrize("core_state", [{}, {"burn_in": 0, "initial_state": "learned"}], ids=str)
def test_real_processes_share_and_gather_the_rows(core_state: dict, tmp_path: Path) -> None:
    """1, 2, 1 processes, and 2 again; every row arrives with its bits. DDP sees every weight in every graph."""
    arguments = {**EVERYTHING, **core_state}
    data = {**STREAMS, "num_streams": 4}

    def run(processes: int, steps: int, ckpt_path: Path | None) -> list[dict]:
        folder = tmp_path / f"{steps}"
        folder.mkdir()
        many = (
            {"strategy": "ddp_spawn", "devices": processes, "use_distributed_sampler": False} if processes > 1 else {}
        )
        fit(regressor(**arguments), steps, SineStream(**data), callbacks=[Seen(folder)], ckpt_path=ckpt_path, **many)
        return [
            {n: torch.load(folder / f"{n}_{rank}", weights_only=True) for n in ("start", "end")}
            for rank in range(processes)
        ]

    def rows(parts: list[dict], name: str) -> list[Tensor]:
        carries = [from_checkpoint(part[name], 0, 1) for part in parts]
        return [torch.cat(tensors_) for tensors_ in zip(*map(tensors, carries), strict=True)]

    before, path, processes = None, None, 0
    for processes, steps in ((1, 5), (2, 8), (2, 11), (1, 14)):
        parts = run(processes, steps, path)
        if before is not None:
            assert all(torch.equal(a, b) for a, b in zip(rows(parts, "start"), rows(before, "end"), strict=True))
            if len(before) == processes:
                for was, now in zip(before, parts, strict=True):
                    assert was["end"]["loss_sum"] == now["start"]["loss_sum"]
        path, before = tmp_path / f"{steps}" / f"of_{processes}.ckpt", parts
        whole = from_checkpoint(torch.load(path, weights_only=True)["carry"], 0, 1)
        assert all(torch.equal(a, b) for a, b in zip(tensors(whole), rows(parts, "end"), strict=True))
        assert whole.windows == steps
