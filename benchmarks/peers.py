"""Cores against packages of the field that compute the same: forward, forward and backward, memory.

pip install --no-deps mambapy==1.2.0 minGRU-pytorch==0.2.1 s5-pytorch==0.2.1 lru-pytorch==0.1.3 pytorch-tcn==1.2.3
pip install --no-deps xlstm==2.0.6 mlstm_kernels==2.0.6 einops==0.8.2
python benchmarks/peers.py
python benchmarks/peers.py --cores mamba min_gru --rounds 5 --clock cpu

One layer (TCN: eight blocks) of 64 on (B, T, 64). A peer gets the weights of our core, and the table says how far the
outputs are apart; a peer that is not installed is left out. Every figure comes from a process of its own, alternately.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from seqmodels.cores.lru import LRU
from seqmodels.cores.mamba import Mamba
from seqmodels.cores.min_gru import MinGRU
from seqmodels.cores.min_lstm import MinLSTM
from seqmodels.cores.mlstm import MLSTM
from seqmodels.cores.recurrent import LSTM
from seqmodels.cores.s4d import S4D
from seqmodels.cores.s5 import S5
from seqmodels.cores.tcn import TCN

WIDTH = 64
MARK = "MEASURED "
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
CORES: dict[str, Callable[[], nn.Module]] = {
    "mamba": lambda: Mamba(WIDTH),
    "min_gru": lambda: MinGRU(WIDTH),
    "min_lstm": lambda: MinLSTM(WIDTH),
    "lru": lambda: LRU(WIDTH),
    "s4d": lambda: S4D(WIDTH),
    "s5": lambda: S5(WIDTH),
    "mlstm": lambda: MLSTM(WIDTH),
    "tcn": lambda: TCN(WIDTH, WIDTH),
    "lstm": lambda: LSTM(WIDTH, WIDTH),
}


def mambapy(ours: Mamba, parallel: bool = True) -> nn.Module:
    from mambapy.mamba import MambaBlock, MambaConfig

    theirs = MambaBlock(MambaConfig(d_model=WIDTH, n_layers=1, pscan=parallel))
    own = ours.state_dict()
    own["conv1d.weight"] = own.pop("conv_weight").t().unsqueeze(1)
    own["conv1d.bias"] = own.pop("conv_bias")
    theirs.load_state_dict(own)
    return theirs


def min_gru(ours: MinGRU) -> nn.Module:
    from minGRU_pytorch import minGRU

    theirs = minGRU(WIDTH)
    z, candidate = ours.gates.weight.chunk(2)
    theirs.to_hidden_and_gate.weight.copy_(torch.cat([candidate, z]))
    ours.gates.bias.zero_()  # it has none
    return theirs


def min_lstm(ours: MinLSTM) -> nn.Module:
    from minGRU_pytorch.minLSTM import minLSTM

    theirs = minLSTM(WIDTH)
    f, i, candidate = ours.gates.weight.chunk(3)
    theirs.to_hidden_and_f_i_gate.weight.copy_(torch.cat([candidate, f, i]))
    ours.gates.bias.zero_()
    return theirs


def s5(ours: LRU) -> nn.Module:
    """Its zero-order hold gives our decays and inputs from the logarithm of the decays and a step of 1."""
    from s5 import S5

    theirs = S5(WIDTH, state_width=len(ours.nu))
    log_decay = torch.complex(-ours.nu.exp(), ours.theta.exp())
    b = torch.view_as_complex((ours.gamma.exp()[:, None, None] * ours.B).transpose(1, 2).contiguous())
    theirs.seq.Lambda.copy_(log_decay)
    theirs.seq.log_step.zero_()
    theirs.seq.B.copy_(torch.view_as_real(b * (log_decay / (log_decay.exp() - 1))[:, None]))
    theirs.seq.C.copy_(torch.view_as_complex(ours.C))
    theirs.seq.D.copy_(ours.D)
    return theirs


def own_s5(ours: S5) -> nn.Module:
    from s5 import S5 as Theirs

    theirs = Theirs(WIDTH, state_width=len(ours.log_dt))
    theirs.seq.Lambda.copy_(torch.complex(-ours.log_A_real.exp(), ours.A_imag))
    theirs.seq.log_step.copy_(ours.log_dt.view_as(theirs.seq.log_step))
    theirs.seq.B.copy_(ours.B.transpose(1, 2))
    theirs.seq.C.copy_(2 * torch.view_as_complex(ours.C))  # it reads each mode, and no conjugates
    theirs.seq.D.copy_(ours.D)
    return theirs


def lru_pytorch(ours: LRU) -> nn.Module:
    from LRU_pytorch import LRU as Theirs

    theirs = Theirs(WIDTH, WIDTH, len(ours.nu))
    theirs.nu_log.copy_(ours.nu)
    theirs.theta_log.copy_(ours.theta)
    theirs.gamma_log.copy_(ours.gamma)
    theirs.B.copy_(torch.view_as_complex(ours.B.transpose(1, 2).contiguous()))
    theirs.C.copy_(torch.view_as_complex(ours.C))
    theirs.D.copy_(ours.D.diag())
    return theirs


def other_s5(_: S4D) -> nn.Module:
    from s5 import S5

    return S5(WIDTH, state_width=WIDTH)


def pytorch_tcn(ours: TCN) -> nn.Module:
    from pytorch_tcn import TCN as Theirs

    widths = [WIDTH] * len(ours.blocks)
    theirs = Theirs(WIDTH, widths, kernel_size=ours.kernel_size, dropout=0.0, input_shape="NLC")
    own: list[Any] = [module for module in ours.modules() if hasattr(module, "tail_shape")]
    others = [conv for block in theirs.network for conv in (block.conv1, block.conv2)]
    for conv, its in zip(own, others, strict=True):
        taps = conv.v.view(WIDTH, ours.kernel_size, WIDTH).transpose(1, 2)
        its.parametrizations.weight.original0.copy_(conv.g.unsqueeze(-1))
        its.parametrizations.weight.original1.copy_(taps)
        its.bias.copy_(conv.bias)
    return theirs


def xlstm(ours: MLSTM, length: int = 4096) -> nn.Module:
    from xlstm.blocks.mlstm.layer import mLSTMLayer, mLSTMLayerConfig

    theirs = mLSTMLayer(mLSTMLayerConfig(embedding_dim=WIDTH, context_length=length))
    i, f = ours.gates.weight.normal_(std=0.1).chunk(2)
    own = {
        "proj_up.weight": ours.in_proj.weight,
        "proj_down.weight": ours.out_proj.weight,
        "conv1d.conv.weight": ours.conv_weight.t().unsqueeze(1),
        "conv1d.conv.bias": ours.conv_bias,
        "q_proj.weight": ours.qk_weight[0],
        "k_proj.weight": ours.qk_weight[1],
        "v_proj.weight": ours.v_weight,
        "mlstm_cell.igate.weight": i,
        "mlstm_cell.fgate.weight": f,
        "mlstm_cell.igate.bias": ours.gates.bias[:4],
        "mlstm_cell.fgate.bias": ours.gates.bias[4:],
        "mlstm_cell.outnorm.weight": ours.norm_weight - 1,  # it is added to 1
        "learnable_skip": ours.skip,
    }
    theirs.load_state_dict(own)
    return theirs


def torch_lstm(ours: LSTM) -> nn.Module:
    theirs = nn.LSTM(WIDTH, WIDTH, batch_first=True)
    theirs.load_state_dict(ours.rnn.state_dict())
    return theirs


PEERS: dict[str, dict[str, Callable[..., nn.Module]]] = {
    "mamba": {"mambapy, pscan": mambapy, "mambapy, sequential": lambda ours: mambapy(ours, parallel=False)},
    "min_gru": {"minGRU-pytorch": min_gru},
    "min_lstm": {"minGRU-pytorch": min_lstm},
    "lru": {"s5-pytorch": s5, "lru-pytorch": lru_pytorch},
    "s4d": {"s5-pytorch": other_s5},
    "s5": {"s5-pytorch": own_s5},
    "mlstm": {"xlstm": xlstm},
    "tcn": {"pytorch-tcn": pytorch_tcn},
    "lstm": {"torch": torch_lstm},
}
DIFFERS = {
    ("lru", "lru-pytorch"): "D is a full matrix; loops over rows and steps",
    ("mlstm", "xlstm"): "adds 1e-6 below the line; every step against every other, in O(T²)",
    ("s4d", "s5-pytorch"): "another model: 64 complex states for all channels, S4D 32 for each",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", nargs="+", default=list(CORES), choices=CORES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=784)
    parser.add_argument("--seconds", type=float, default=3.0, help="of calls, in each process")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu on a busy machine")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.one:
        print(MARK + json.dumps(measured(words.one[0], words.one[1], words)))
        return
    print("| core | variant | parameters | forward (ms) | and backward (ms) | ours to it | MiB | output apart by |")
    print("|---|---|---|---|---|---|---|---|")
    for core in words.cores:
        found: dict[str, list[dict[str, float]]] = {}
        for _ in range(words.rounds):
            for variant in ("seqmodels", *PEERS[core]):
                one = in_a_process(core, variant)
                if one is not None:
                    found.setdefault(variant, []).append(one)
        rows(core, found)


def rows(core: str, found: dict[str, list[dict[str, float]]]) -> None:
    medians = {
        variant: {what: statistics.median(one[what] for one in every) for what in every[0]}
        for variant, every in found.items()
    }
    for variant, it in medians.items():
        ratio = medians["seqmodels"]["both"] / it["both"]
        apart = DIFFERS.get((core, variant), "") if it["apart"] < 0 else f"{it['apart']:.0e}"
        also = f"; {DIFFERS[core, variant]}" if it["apart"] >= 0 and (core, variant) in DIFFERS else ""
        cells = f"{it['parameters']:,.0f} | {it['forward']:.4g} | {it['both']:.4g} | {ratio:.2f} | {it['memory']:.0f}"
        print(f"| {core} | {variant} | {cells} | {'' if variant == 'seqmodels' else apart + also} |", flush=True)
    for variant in PEERS[core].keys() - found.keys():
        print(f"| {core} | {variant} | not installed | | | | | |", flush=True)


def in_a_process(core: str, variant: str) -> dict[str, float] | None:
    """What `measured` says; None where the peer is not installed."""
    command = [sys.executable, __file__, *sys.argv[1:], "--one", core, variant]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not lines:
        raise RuntimeError(f"{core}, {variant} failed:\n{done.stdout}\n{done.stderr}")
    found: dict[str, float] | None = json.loads(lines[-1].removeprefix(MARK))
    return found


def measured(core: str, variant: str, words: argparse.Namespace) -> dict[str, float] | None:
    """Milliseconds of a forward pass, and with its backward pass; MiB at the peak above what was held before."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    ours = CORES[core]()
    model = ours
    if variant != "seqmodels":
        try:
            with torch.no_grad():
                model = PEERS[core][variant](ours)
        except ModuleNotFoundError:
            return None
    x = torch.randn(words.batch, words.length, WIDTH)

    def read(reader: nn.Module, x: Tensor) -> Tensor:
        y = reader(x)
        return y[0] if isinstance(y, tuple) else y

    def both() -> None:
        x.requires_grad_()
        read(model, x).square().mean().backward()
        model.zero_grad()
        x.grad = None

    def forward() -> None:
        with torch.no_grad():
            read(model, x)

    with torch.no_grad():
        few = x[:2, :100]
        comparable = (core, variant) != ("s4d", "s5-pytorch")
        apart = (read(model, few) - read(ours, few)).abs().max().item() if comparable else -1.0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    both()
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
    clock, half = CLOCKS[words.clock], words.seconds / 2
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "forward": median(forward, clock, half),
        "both": median(both, clock, half),
        "memory": memory,
        "apart": apart,
    }


def median(call: Callable[[], None], clock: Callable[[], float], seconds: float) -> float:
    """Milliseconds of a call, over three calls or more."""
    call()
    taken: list[float] = []
    while len(taken) < 3 or sum(taken) < seconds:
        started = clock()
        call()
        taken.append(clock() - started)
    return 1000 * statistics.median(taken)


if __name__ == "__main__":
    main()
