"""`python -m seqmodels.report`: what it prints, what it writes, and what it refuses."""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from scipy import stats

from seqmodels.cli.command import run_command
from tests.support.report_runs import make_run, unfinished

HERE = Path("outputs/toy")
NO_TORCH = (
    "import sys; sys.modules.update(dict.fromkeys(['torch', 'lightning', 'matplotlib', 'scipy'])); "
    "sys.argv[0] = 'report'; "
    "from seqmodels.report import main; main()"
)

Report = Callable[..., int]


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Report:
    """`report("outputs", "--compare", "a", "b")`: what the command does, and its exit code."""
    from seqmodels import report as module

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["seqmodels-report", *words])
        return run_command(module.command)

    return run


class Page(HTMLParser):
    """The tags of a page, its links, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(self.words)
        self.links = [value for name, value in self.attributes if name == "href" and value]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "report.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def two_groups(seeds: int = 3) -> None:
    """lr=0.1 is worse by 0.1, and both share the noise of the seed."""
    for seed in range(1, seeds + 1):
        noise = 0.01 * seed**2
        curve = [(step, 1 / step, 0.5 + step / 1000 + noise) for step in range(1, 101)]
        make_run(HERE / f"a{seed}", 0.7 + noise, seed, curve=curve)
        make_run(HERE / f"b{seed}", 0.6 + noise + 0.001 * seed, seed, optimizer__lr=0.1, curve=curve)


def test_a_real_sweep(command: Report, report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["datamodule.num_streams=4", "core.hidden_size=4", "callbacks=none", "trainer.log_every_n_steps=2"]
    steps = ["trainer.max_steps=6", "trainer.val_check_interval=3", "datamodule.val_windows=2", "test=false"]
    assert command("-m", "+experiment=sine_stream", "core=rnn,gru", "seed=1,2", *small, *steps) == 0
    capsys.readouterr()
    (sweep,) = Path("outputs/sine_stream").iterdir()
    assert report(str(sweep)) == 0
    shown = capsys.readouterr().out
    assert "sine_stream on sine (val/r2, higher is better; 4 runs: 4 completed)" in shown
    assert str(sweep / "report.html") in shown

    by_core: dict[str, list[float]] = {}
    for path in sorted(sweep.glob("*/results.json")):
        results = json.loads(path.read_text())
        by_core.setdefault(results["overrides"][1], []).append(results["metrics"]["val/r2"])
    best = max(by_core, key=lambda core: sum(by_core[core]))
    listed = [line.split()[0] for line in shown.splitlines() if line.strip().startswith("core=")]
    assert listed == [best, *(core for core in by_core if core != best)]
    written = {(row["group"], row["seed"]): float(row["val/r2"]) for row in rows(sweep)}
    assert written == {(core, str(seed)): value for core, of in by_core.items() for seed, value in enumerate(of, 1)}
    assert {row["counts"] for row in rows(sweep)} == {"yes"}
    page = Page(sweep / "report.html")
    assert page.tags.count("svg") == 2
    assert "core=rnn (n=2)" in page.text, "the legend of the curves"


def test_the_tables_hold_students_interval(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    two_groups()
    assert report("outputs") == 0
    values = [0.71, 0.74, 0.79]
    low, high = stats.t.interval(0.95, 2, loc=sum(values) / 3, scale=stats.sem(values))
    for text in (capsys.readouterr().out, Path("outputs/report.md").read_text().replace("\\", "")):
        assert f"[{low:.3f}, {high:.3f}]" in text
        assert text.index("lr=0.01") < re.search(r"lr=0\.1\b", text).start()  # type: ignore[union-attr]
    assert "0.747 ± 0.040" in Page(Path("outputs/report.html")).text
    assert "95 % interval, in brackets: Student's t interval of the mean" in Path("outputs/report.md").read_text()


def test_every_link_leads_to_its_run(report: Report) -> None:
    two_groups()
    make_run(HERE / "odd #1 ?a=b%20&c:'d\"ü", 0.5, optimizer__lr=1)
    unfinished(HERE / "javascript:alert(1)", seed=4)
    out = Path("elsewhere/deep")
    assert report("outputs", "--out", str(out)) == 0
    links = [link for link in Page(out / "report.html").links if not link.startswith("#")]
    reached = {(out / unquote(link)).resolve() for link in links}
    assert reached == {path.resolve() for path in HERE.iterdir()}
    assert all(link.startswith("./") for link in links)


def test_the_page_needs_nothing_from_outside(report: Report) -> None:
    two_groups()
    assert report("outputs") == 0
    text = Path("outputs/report.html").read_text()
    page = Page(Path("outputs/report.html"))
    assert not {"script", "link", "iframe", "img"} & set(page.tags)
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", text)


HOSTILE = "<script>alert(1)</script>|`*_[x](y)_*`, a=b\n$\\frac{\\x1b[31m\x1b[31m 💥 'q\" &amp;"


def test_names_from_files_stay_names(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    curve = [(step, 1 / step, 0.5) for step in range(1, 20)]
    for seed in (1, 2):
        for size in (32, 64):
            extra = {"module__head": HOSTILE if size == 64 else "plain", "name": HOSTILE, "monitor": HOSTILE}
            results = {"device": HOSTILE, "datamodule": HOSTILE, "git": {HOSTILE: HOSTILE}}
            make_run(HERE / f"{size}_{seed}", 0.5 + seed, seed, curve=curve, results=results, **extra)
    make_run(HERE / "failed", None, 9, results={"status": "failed", "error": HOSTILE}, name=HOSTILE, monitor=HOSTILE)
    (HERE / os.fsdecode(b"bytes\xff<b>\n")).mkdir()
    make_run(HERE / os.fsdecode(b"bytes\xff<b>\n") / "<i>", 0.1, 3, name=HOSTILE, monitor=HOSTILE)
    assert report("outputs") == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    page = Page(Path("outputs/report.html"))
    assert not {"script", "b", "i"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.text
    markdown = Path("outputs/report.md").read_text(encoding="utf-8")
    for line in markdown.splitlines():
        outside = re.sub(r"`[^`]*`", "", line)
        assert not re.search(r"(?<!\\)<(?!!--)", outside), line
    tables = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {11, 4}
    assert any(row["device"].startswith("<script>") for row in rows(Path("outputs")))


def test_the_comparison_is_paired_by_seed(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    two_groups(4)
    make_run(HERE / "alone", 0.9, 77)
    assert report("outputs", "--compare", "lr=0.01", "lr=0.1") == 0
    shown = capsys.readouterr().out
    expected = stats.ttest_rel([0.1 - 0.001 * seed for seed in (1, 2, 3, 4)], [0.0] * 4).confidence_interval()
    assert f"[{expected.low:.4f}, {expected.high:.4f}]   4   paired by seed" in shown
    assert "A is better in val/acc" in shown
    assert "lr=0.01: seeds 77 have no partner and are left out" in shown
    assert "paired by seed" in Path("outputs/report.md").read_text()
    assert "A is better in val/acc" in Page(Path("outputs/report.html")).text


def test_folders_are_compared_even_with_equal_settings(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    """Two sweeps of the same words, before and after a change of the code."""
    for seed in (1, 2, 3):
        make_run(HERE / "before" / f"{seed}", 0.5 + seed / 10, seed, when=1000)
        make_run(HERE / "after" / f"{seed}", 0.4 + seed / 10 + seed / 100, seed, when=2000)
    assert report("--compare", str(HERE / "before"), str(HERE / "after")) == 0
    shown = capsys.readouterr().out
    assert "A: outputs/toy/before\nB: outputs/toy/after" in shown
    assert re.search(r"val/acc +0.700 +0.620 +0.080 +\[0.055, 0.105\] +3 +paired by seed", shown)
    assert shown.count("again; the newer") == 3
    assert (HERE / "report.html").exists()


def test_where_lower_is_better_the_lower_side_wins(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in (1, 2, 3):
        make_run(HERE / f"a{seed}", 1.0 + seed / 100, seed, monitor="val/loss", mode="min")
        make_run(HERE / f"b{seed}", 2.0 - seed / 100, seed, monitor="val/loss", mode="min", optimizer__lr=1)
    assert report("outputs", "--compare", "lr=1", "lr=0.01") == 0
    assert "B is better in val/loss" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (
            "lr=0.3",
            "lr=0.1",
            "neither a folder nor (a part of) a group's name; the groups are 'lr=0.01' (toy on mnist)",
        ),
        ("lr", "lr=0.1", "fits 2 groups; say more"),
        ("lr=0.1", "lr=0.1", "name the same runs"),
        ("lr=0.1", "outputs/digits", "cannot be compared: their data differs, mnist and digits"),
        ("lr=0.1", "outputs/empty", "no runs in outputs/empty"),
        ("lr=0.1", "outputs/toy", "fits 2 groups"),
        ("lr=0.1", "outputs/lost", "no run of it is completed"),
    ],
)
def test_what_cannot_be_compared_is_said(
    report: Report, capsys: pytest.CaptureFixture[str], a: str, b: str, message: str
) -> None:
    two_groups()
    make_run(Path("outputs/digits/a"), 0.9, results={"datamodule": "digits"})
    unfinished(Path("outputs/lost/a"))
    Path("outputs/empty").mkdir()
    assert report(str(HERE), "--compare", a, b) == 1
    assert message in capsys.readouterr().err
    assert not (HERE / "report.md").exists()


def test_failed_unfinished_and_pruned_runs_are_listed(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(HERE / "fine", 0.9)
    make_run(HERE / "broke", None, 2, results={"status": "failed", "error": "the loss is nan at step 7"})
    make_run(HERE / "stopped_early", 0.1, 3, results={"status": "pruned"})
    unfinished(HERE / "going", seed=4)
    assert report("outputs") == 0
    texts = [
        capsys.readouterr().out,
        Path("outputs/report.md").read_text().replace("\\", ""),
        Page(Path("outputs/report.html")).text,
    ]
    for text in texts:
        assert "4 runs: 1 completed, 1 failed, 1 pruned, 1 unfinished" in text
        assert "1 of 4" in text
        for name in ("broke", "stopped_early", "going", "failed: the loss is nan at step 7"):
            assert name in text
    assert [row["why_not"] for row in rows(Path("outputs")) if row["status"] == "pruned"] == ["pruned"]


def test_the_csv_has_everything_that_is_known(report: Report) -> None:
    make_run(HERE / "a", 0.9, results={"permutation": {"hash": "f00d"}, "baselines": {"chance": 0.1}})
    make_run(HERE / "b", 0.8, optimizer__lr=0.1, results={"metrics": {"val/acc": 0.8, "seed": 5.0}})
    assert report(str(HERE)) == 0
    a, b = rows(HERE)
    assert (a["folder"], a["permutation.hash"], a["baselines.chance"], a["git.commit"]) == ("a", "f00d", "0.1", "abc")
    assert (a["optimizer.lr"], b["optimizer.lr"]) == ("0.01", "0.1")
    assert (b["seed"], b["metrics.seed"], b["permutation.hash"]) == ("1", "5.0", "")


def test_a_test_metric_that_some_runs_lack_or_that_is_nan_is_not_passed_off_as_complete(report: Report) -> None:
    for seed in (1, 2, 3):
        make_run(HERE / f"a{seed}", 0.5 + seed / 10, seed)
    make_run(HERE / "b", 0.9, 4, results={"metrics": {"val/acc": 0.9, "test/f1": float("nan")}})
    assert report("outputs") == 0
    markdown = Path("outputs/report.md").read_text().replace("\\", "")
    assert re.search(r"0.69 ± 0.10 [[]0.44, 0.94[]] [(]n=3[)]", markdown)
    assert "| nan (n=1) |" in markdown


def test_code_that_changed_between_runs_is_mentioned(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(HERE / "a")
    make_run(HERE / "b", seed=2, results={"git": {"commit": "def", "dirty": True}, "versions": {"torch": "2.6.0"}})
    assert report("outputs") == 0
    expected = (
        "These runs come from 2 commits and 2 torch versions. The code of 1 run had changes that were not committed."
    )
    assert expected in " ".join(capsys.readouterr().out.split())


def test_a_report_replaces_the_one_before(report: Report) -> None:
    make_run(HERE / "a")
    assert report(str(HERE)) == 0
    make_run(HERE / "b", 0.8, 2)
    assert report(str(HERE)) == 0
    assert len(rows(HERE)) == 2
    assert {path.name for path in HERE.iterdir()} == {"a", "b", "report.md", "report.csv", "report.html"}


@pytest.mark.parametrize("name", ["report.md", "report.csv", "report.html"])
def test_a_file_of_someone_else_is_left_alone(report: Report, capsys: pytest.CaptureFixture[str], name: str) -> None:
    make_run(HERE / "a")
    (HERE / name).write_text("# My report\n")
    assert report(str(HERE)) == 1
    assert f"{name} was not written by this command and will not be overwritten" in capsys.readouterr().err
    assert (HERE / name).read_text() == "# My report\n"
    assert len(list(HERE.glob("report.*"))) == 1


def test_one_folder_holds_its_report_and_several_share_theirs(report: Report) -> None:
    for name in ("x/a", "x/b", "y/c"):
        make_run(Path("outputs") / name)
    assert report("outputs/x/a", "outputs/x/b") == 0
    assert Path("outputs/x/report.md").exists()
    assert report("outputs/x", "outputs/y/c") == 0
    assert Path("outputs/report.md").exists()
    assert report("outputs/y/c") == 0
    assert Path("outputs/y/c/report.md").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 1, "give folders of runs, such as outputs/mnist_lstm"),
        (["outputs/nowhere"], 1, "outputs/nowhere does not exist"),
        (["outputs/empty"], 1, "no runs in outputs/empty: a run's folder holds .hydra/config.yaml"),
        (["outputs/file"], 1, "outputs/file is a file; give the folders of runs"),
        (["outputs/toy", "--out", "outputs/file"], 1, "file is a file; give a folder"),
        (["outputs/toy", "--out", "outputs/file/deeper"], 1, "cannot be written into"),
        (["outputs/toy", "--compare", "a"], 1, "expected 2 arguments"),
    ],
)
def test_wrong_words(
    report: Report, capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    make_run(HERE / "a")
    Path("outputs/empty").mkdir()
    Path("outputs/file").write_text("")
    assert report(*words) == code
    assert message in capsys.readouterr().err
    assert not list(Path("outputs").rglob("report.*"))


def test_only_failures_make_a_report_too(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    unfinished(HERE / "a")
    (make_run(HERE / "b") / "results.json").write_text("[]")
    assert report("outputs") == 0
    assert "toy on unknown" in capsys.readouterr().out
    assert "svg" not in Page(Path("outputs/report.html")).tags


def test_the_help_and_a_report_do_not_wait_for_torch() -> None:
    make_run(HERE / "a")
    (HERE / "a" / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump({"hydra": None}))
    done = subprocess.run(
        [sys.executable, "-c", NO_TORCH, "outputs"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "toy on mnist" in done.stdout
