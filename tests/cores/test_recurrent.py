"""Initialisation and arguments of RNN, LSTM and GRU."""

import math

import pytest
import torch

from seqmodels.cores.recurrent import GRU, LSTM, RNN


@pytest.mark.parametrize(("core", "gates"), [(RNN, 1), (LSTM, 4), (GRU, 3)])
def test_glorot_is_tensorflows(core: type, gates: int) -> None:
    torch.manual_seed(0)
    rnn = core(28, 64, num_layers=2, init="glorot").rnn
    for layer, inputs in ((0, 28), (1, 64)):
        limit = math.sqrt(6 / (inputs + 64 + gates * 64))
        for name in ("weight_ih", "weight_hh"):
            weight = getattr(rnn, f"{name}_l{layer}").detach()
            assert weight.abs().max() <= limit
            assert weight.abs().max() > 0.98 * limit
            assert weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.05)
        if core is not LSTM:
            assert not getattr(rnn, f"bias_ih_l{layer}").any()


@pytest.mark.parametrize("init", ["glorot", "orthogonal"])
def test_forget_bias_is_on_the_forget_gate_alone(init: str) -> None:
    rnn = LSTM(3, 5, num_layers=2, init=init, forget_bias=2.0).rnn
    for layer in (0, 1):
        bias = getattr(rnn, f"bias_ih_l{layer}") + getattr(rnn, f"bias_hh_l{layer}")
        assert bias.tolist() == [0.0] * 5 + [2.0] * 5 + [0.0] * 10
    forgetful = LSTM(1, 1, init=init, forget_bias=50.0)
    forgetful.rnn.weight_ih_l0.data.zero_()
    forgetful.rnn.weight_hh_l0.data.zero_()
    _, (_, c) = forgetful(torch.zeros(1, 100, 1), (torch.zeros(1, 1, 1), torch.ones(1, 1, 1)))
    assert c.item() == pytest.approx(1.0)  # remembered for 100 steps: it is the forget gate indeed


@pytest.mark.parametrize("core", [RNN, LSTM, GRU])
def test_orthogonal_gates(core: type) -> None:
    for gate in core(3, 16, init="orthogonal").rnn.weight_hh_l0.split(16):
        torch.testing.assert_close(gate @ gate.T, torch.eye(16), atol=1e-5, rtol=0)


def test_torch_init_draws_what_torch_draws() -> None:
    torch.manual_seed(1)
    ours = LSTM(3, 5).rnn.state_dict()
    torch.manual_seed(1)
    for name, tensor in torch.nn.LSTM(3, 5).state_dict().items():
        assert torch.equal(ours[name], tensor)


def test_single_bias_holds_the_second_at_zero() -> None:
    core = RNN(3, 5, num_layers=2, single_bias=True)
    core(torch.randn(2, 4, 3))[0].sum().backward()
    assert not core.rnn.bias_hh_l0.any()
    assert core.rnn.bias_hh_l1.grad is None
    assert core.rnn.bias_ih_l1.grad is not None


def test_relu() -> None:
    assert RNN(3, 5, nonlinearity="relu")(torch.randn(2, 9, 3))[0].min() >= 0


@pytest.mark.parametrize("core", [RNN, LSTM, GRU])
@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden_size": 0},
        {"hidden_size": -3},
        {"num_layers": 0},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"init": "x"},
    ],
)
def test_wrong_arguments_are_named(core: type, wrong: dict) -> None:
    name, value = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=f"^{name}={value}"):
        core(**{"input_size": 3, "hidden_size": 4, **wrong})


def test_identity_is_the_irnn() -> None:
    """Le, Jaitly & Hinton 2015, section 4: U = I, everything else normal with deviation 0.001, no biases."""
    torch.manual_seed(0)
    rnn = RNN(28, 64, num_layers=2, init="identity", nonlinearity="relu").rnn
    for w, u, *biases in rnn.all_weights:
        assert torch.equal(u, torch.eye(64))
        assert w.std().item() == pytest.approx(0.001, rel=0.05)
        assert w.mean().item() == pytest.approx(0, abs=1e-4)
        assert not any(bias.any() for bias in biases)


def test_an_irnn_keeps_what_it_has() -> None:
    core, h = RNN(3, 8, num_layers=1, init="identity", nonlinearity="relu"), torch.rand(2, 1, 8)
    y, (end,) = core(torch.zeros(2, 300, 3), (h,))
    assert torch.equal(end, h)
    assert torch.equal(y, h.expand(2, 300, 8))


def test_an_irnn_that_grows_reads_in_pieces_as_at_once() -> None:
    torch.manual_seed(0)
    core = RNN(3, 8, num_layers=2, init="identity", nonlinearity="relu")
    with torch.no_grad():
        for w, u, *_ in core.rnn.all_weights:
            w.normal_()
            u += 0.02 * torch.randn(8, 8)
        x = torch.randn(4, 300, 3)
        whole, _ = core(x)
        first, state = core(x[:, :113])
        second, _ = core(x[:, 113:], state)
    assert whole.max() > 1000
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-5, atol=1e-5 * whole.max().item())


@pytest.mark.parametrize("core", [LSTM, GRU])
def test_only_an_rnn_begins_with_the_identity(core: type) -> None:
    with pytest.raises(ValueError, match=r"^init=identity is not known; choose torch, glorot or orthogonal$"):
        core(3, 4, init="identity")
