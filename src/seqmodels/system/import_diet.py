"""What Lightning imports and a run does not use is loaded when somebody uses it: 2 of 4 seconds of a start.

| package | who asks | what hangs on it | what a run uses |
|---|---|---|---|
| torch._dynamo | Lightning (one class, for isinstance), each torch optimiser | inductor, sympy, FSDP, onnxruntime | nothing, until something is compiled or exported |
| torchmetrics | Lightning (`Metric`, `MetricCollection`) | scipy.signal, torchvision | `Metric` |
| torchmetrics.utilities.plot | `Metric.plot` | matplotlib | nothing |
| torch.utils.flop_counter | Lightning's summary of a model | triton | nothing |

Python's own protocol does it: a finder in front of `sys.meta_path` gives these packages a loader that does not run them
yet. The package answers for the few names that a start needs. The first use of any other name, or of a module
inside it that the start does not need, runs it as it would have run at once. A package that is loaded already, one of a
version that lacks such a name, and all others stay as they are.
"""  # noqa: E501

import logging
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


class LazyPackage(ModuleType):
    """A package that has not run yet. It runs when anything is asked of it that it has no answer for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python itself asks of every module
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        run(self)
        return getattr(self, name)


def run(package: LazyPackage) -> None:
    """Run a package that has not run yet."""
    spec: Any = package.__spec__
    package.__class__ = ModuleType  # type: ignore[assignment]
    spec.loader.package.exec_module(package)  # which puts the real things in the answers' places
    if spec.name == "torch._dynamo":
        _forget_disabled()


class _Loader(Loader):
    """Makes a package without running it."""

    def __init__(self, package: Loader) -> None:
        self.package = package

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.package.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        try:
            answers = ANSWERS[module.__name__](module)
        except (ImportError, AttributeError):  # of another version, which runs as ever
            self.package.exec_module(module)
            return
        vars(module).update(answers)
        module.__class__ = LazyPackage


class _Loaded(Loader):
    """Of a module that came with its package when that ran."""

    def __init__(self, name: str) -> None:
        self.module = sys.modules[name]
        self.own = vars(self.module).get("__spec__")
        self.spec = ModuleSpec(name, self)
        vars(self.module)["__spec__"] = self.spec  # by its own it would be loaded once more

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__spec__"] = self.own


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        parent = sys.modules.get(fullname.rpartition(".")[0])
        if isinstance(parent, LazyPackage):  # a module inside may lean on what the package does when it runs
            run(parent)
            if fullname in sys.modules:
                return _Loaded(fullname).spec
        if fullname not in ANSWERS:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


def install() -> None:
    """Packages that are imported from now on are light."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _dynamo(package: ModuleType) -> dict[str, Any]:
    return {
        "graph_break": _nothing,
        "disable": _disable,
        "OptimizedModule": _OptimizedModule("OptimizedModule", (), {}),
    }


def _torchmetrics(package: ModuleType) -> dict[str, Any]:
    """The modules of what Lightning wants, without the package's own lines around them."""
    vars(package)["_logger"] = logging.getLogger("torchmetrics")  # which those modules want of it
    inside = ("__about__", "utilities", "metric", "collections")
    about, _, metric, collections = (import_module(f"torchmetrics.{name}") for name in inside)
    return {
        "__version__": about.__version__,
        "Metric": metric.Metric,
        "MetricCollection": collections.MetricCollection,
    }


def _plot(package: ModuleType) -> dict[str, Any]:
    def plot_single_or_multi_val(*arguments: Any, **named: Any) -> Any:
        if isinstance(package, LazyPackage):
            run(package)
        return vars(package)["plot_single_or_multi_val"](*arguments, **named)

    return {"_AX_TYPE": object, "_PLOT_OUT_TYPE": object, "plot_single_or_multi_val": plot_single_or_multi_val}


def _flop_counter(package: ModuleType) -> dict[str, Any]:
    return {"FlopCounterMode": _FlopCounterMode("FlopCounterMode", (), {})}


ANSWERS: dict[str, Callable[[ModuleType], dict[str, Any]]] = {
    "torch._dynamo": _dynamo,
    "torchmetrics": _torchmetrics,
    "torchmetrics.utilities.plot": _plot,
    "torch.utils.flop_counter": _flop_counter,
}
"""What a package answers before it runs; as long as that is put together, modules inside load without it."""


class _OptimizedModule(type):
    """Of `torch._dynamo.OptimizedModule` before there can be one: an object is one if the real class says so."""

    def __instancecheck__(cls, instance: object) -> bool:
        package = sys.modules["torch._dynamo"]
        return not isinstance(package, LazyPackage) and isinstance(instance, package.OptimizedModule)


class _FlopCounterMode(type):
    """Of `torch.utils.flop_counter.FlopCounterMode` before it is there: made, or asked for, it is the real one."""

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        return cls._real()(*arguments, **named)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls._real())

    def _real(cls) -> Any:
        package = sys.modules["torch.utils.flop_counter"]
        if isinstance(package, LazyPackage):
            run(package)
        return package.FlopCounterMode


def _disable(function: Callable[..., Any] | None = None, *_: Any, **__: Any) -> Any:
    """`torch._dynamo.disable` before anything was compiled: there is nothing that it could keep out."""
    if function is None:
        return _disable
    _disabled.append(function)
    return function


_disabled: list[Any] = []


def _forget_disabled() -> None:
    """Torch keeps what `disable` gave it; from now on it has to ask again."""
    for function in _disabled:
        vars(function).pop("__dynamo_disable", None)
    _disabled.clear()


def _nothing() -> None:
    """`torch._dynamo.graph_break` outside of what is compiled."""
