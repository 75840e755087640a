"""Rows of tables from files of results."""

import json

import pytest
import yaml

from groupnet_det.analysis.complexity import Complexity
from groupnet_det.benchmark.measure.table import write_rows
from groupnet_det.benchmark.suites.num_bases import BasesRow
from groupnet_det.comparison.rows import RowKey, make_row
from groupnet_det.errors import ConfigError, DataError
from groupnet_det.files.csv_records import append_record, write_records
from groupnet_det.model_zoo.entries import TRAINED, entries_of
from groupnet_det.model_zoo.records import TrainedRow
from groupnet_det.model_zoo.spec import TableSpec, method_network, read_specs

COST = Complexity(binary_operations=64, float_operations=1, num_bytes=8)
COMPARISON = TableSpec(
    kind="comparison",
    csv="rows.csv",
    config="configs/a.yaml",
    methods="methods.yaml",
    metrics={"AP": "bbox/AP", "small": "bbox/APs"},
    names={"second": "Shown"},
    first=["second"],
    cpu="a CPU",
)
METHODS = {"first": {"_BASE_": "configs/b.yaml"}, "second": {"K": 2, "L": "[1, 2]"}}


@pytest.fixture
def add(tmp_path):
    (tmp_path / "methods.yaml").write_text(yaml.safe_dump(METHODS))

    def add_row(method, score, seed=1, rate=0.1, purpose="result", results=None):
        key = RowKey(method=method, purpose=purpose, learning_rate=rate, seed=seed, iterations=10)
        values = {"bbox/AP": score, "bbox/APs": score / 2} if results is None else results
        row = make_row(key, metric="bbox/AP", results=values, seconds=1.0, complexity=COST)
        append_record(tmp_path / "rows.csv", row)

    return add_row


def test_results_of_a_comparison_over_seeds(add, tmp_path):
    add("first", 60)
    add("second", 50)
    add("second", 54, seed=2)
    add("second", 99, purpose="search")
    shown, first = entries_of("any", COMPARISON, tmp_path)
    assert (shown.name, first.name) == ("Shown", "first")
    assert shown.columns == {
        "AP": "52.00 ± 2.83",  # of a sample: 2^2 + 2^2 over 2 - 1
        "small": "26.00 ± 1.41",
        "seeds": "2",
        "learning rate": "0.1",
    }
    assert first.columns["AP"] == "60.00"
    assert shown.network == "configs/a.yaml K 2 L '[1, 2]'"
    assert first.network == "configs/b.yaml"
    assert shown.cpu == "a CPU"


def test_a_comparison_without_a_file_has_no_rows(add, tmp_path):
    assert entries_of("any", COMPARISON, tmp_path) == []


def test_a_diverged_training_counts_as_nothing(add, tmp_path):
    add("first", 0, results={})
    assert entries_of("any", COMPARISON, tmp_path)[0].columns["small"] == "0.00"


def test_several_learning_rates_need_a_choice(add, tmp_path):
    add("first", 60)
    add("first", 70, rate=0.2)
    with pytest.raises(DataError, match=r"results of 'first' at several learning rates"):
        entries_of("any", COMPARISON, tmp_path)
    chosen = TableSpec(**{**vars(COMPARISON), "learning_rates": (0.2,)})
    assert entries_of("any", chosen, tmp_path)[0].columns["AP"] == "70.00"


def test_trainings_of_a_table(tmp_path):
    def row(table, name, **metrics):
        return TrainedRow(
            table=table,
            name=name,
            network="a.yaml",
            iterations="5 + 6",
            seed=1,
            metrics=json.dumps(metrics),
            command="run",
            device="a CPU",
            torch="2",
            date="2026-01-31",
        )

    rows = [row("mine", "b", AP=12.34), row("other", "c", AP=1.0), row("mine", "a", AP50=5.0)]
    write_records(tmp_path / TRAINED, rows, TrainedRow)
    spec = TableSpec(kind="trained", metrics={"AP": "AP"}, names={"a": "A"})
    first, second = entries_of("mine", spec, tmp_path)
    assert (first.name, second.name) == ("b", "A")
    assert first.columns == {"AP": "12.34", "iterations": "5 + 6"}
    assert second.columns["AP"] == "–"
    assert first.command == "run"


def test_networks_that_were_not_trained(tmp_path):
    rows = {"configs/big.yaml MODEL.KEY 1": 64.8, "configs/bigger.yaml": None}
    spec = TableSpec(kind="untrained", figure="paper's top-1", rows=rows)
    first, second = entries_of("any", spec, tmp_path)
    assert first.name == "`big` `KEY 1`"
    assert first.columns == {"paper's top-1": "64.8", "ours": "not trained by us"}
    assert second.columns["paper's top-1"] == "none known to us"


def test_bases_come_from_the_csv_of_the_analysis(tmp_path):
    spec = TableSpec(kind="bases", csv="bases.csv")
    assert entries_of("any", spec, tmp_path) == []
    common = {"parameters": 2_500_000, "binary_operations": 1, "float_operations": 1}
    full = BasesRow(
        num_bases=0,
        operations=1e9,
        num_bytes=5_000_000,
        memory_saving=1,
        operation_saving=1,
        **common,
    )
    binary = BasesRow(
        num_bases=4,
        operations=2.5e8,
        num_bytes=500_000,
        memory_saving=10,
        operation_saving=4,
        least_ms=1.25,
        speed_up_least=8.5,
        **common,
    )
    facts = {"config": "a.yaml", "threads": "2", "device": "a CPU", "torch": "2", "date": "d"}
    write_rows(tmp_path / "bases.csv", [full, binary], facts)
    first, second = entries_of("any", spec, tmp_path)
    assert (first.name, second.name) == ("full precision", "K = 4")
    assert "ms" not in first.columns
    assert list(second.columns.values()) == [
        *("2.50", "0.50", "250.0", "10.00×", "4.00×", "1.25", "8.50×")
    ]
    assert second.cpu == "a CPU, 2 threads"
    (tmp_path / "bases.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"bases\.csv is not a CSV of --compare-bases"):
        entries_of("any", spec, tmp_path)


def test_network_of_a_method():
    assert method_network("a.yaml", {"A.B": 1, "C": "x y"}) == "a.yaml A.B 1 C 'x y'"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "must map names to tables"),
        ("a: {kind: trained, rate: 1}", r"table 'a' has \['rate'\]"),
        ("a: {csv: b}", "table 'a' has .* or no kind"),
        ("a: {", "cannot be read"),
    ],
)
def test_broken_descriptions_are_named(tmp_path, text, message):
    (tmp_path / "tables.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_specs(tmp_path / "tables.yaml")
