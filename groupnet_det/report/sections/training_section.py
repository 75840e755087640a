"""Sections on the training: config, curves, scores, bit flips."""

from collections.abc import Sequence
from typing import Any

from groupnet_det.analysis.bit_flips import ALL, PREFIX
from groupnet_det.config import load_config
from groupnet_det.config.network import leaves
from groupnet_det.evaluation.saved.classification_scores import CLASS_SCORES, read_class_scores_csv
from groupnet_det.report.baseline import baseline_score
from groupnet_det.report.html.html_blocks import (
    Block,
    Cell,
    Chart,
    Charts,
    Folded,
    Missing,
    Note,
    Table,
)
from groupnet_det.report.html.svg_charts import Series, line_chart
from groupnet_det.report.score_rows import (
    LABELS,
    Metric,
    best_value,
    group_metrics,
    last_value,
    leading,
    values_of,
)
from groupnet_det.report.training_run import MissingError, Run

Rows = Sequence[dict[str, Any]]
ITERATION = "iteration"


def configuration(run: Run) -> list[Block]:
    """The keys that differ from the defaults, and the complete config."""
    cfg = load_config(str(run.config_file))  # without the changes of `Run.cfg`
    defaults = dict(leaves(load_config("")))
    changed: list[list[Cell]] = [
        [key, str(value)]
        for key, value in leaves(cfg)
        if _plain(value) != _plain(defaults.get(key, ...))
    ]
    return [
        Table(headers=["key", "value"], rows=changed, caption="Keys that differ from the defaults"),
        Folded(title="The complete config", text=cfg.dump()),
    ]


def _plain(value: Any) -> Any:
    """Convert tuples to lists, which are the same in YAML."""
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def curves(run: Run) -> list[Block]:
    """Losses, learning rate and scores over the iterations."""
    rows, ends = run.stages
    marks = ends[:-1]
    parts = sorted({key for row in rows for key in row if key.startswith("loss_")})
    losses = ["total_loss", *(parts if len(parts) > 1 else [])]
    end = ends[-1]
    charts = [
        _chart("Loss", _series(rows, losses), "loss, log scale", end, marks, log=True),
        _chart("Learning rate", _series(rows, ["lr"]), "learning rate", end, marks),
        *_score_charts(rows, end, marks),
    ]
    drawn = [chart for chart in charts if chart is not None]
    blocks: list[Block] = [Charts(charts=drawn)]
    if marks:
        blocks.append(Note(text="Dashed lines: a stage of the training ends, the next one begins."))
    if not group_metrics(rows):
        blocks.append(_no_scores(run))
    return blocks


def _no_scores(run: Run) -> Missing:
    reason = "metrics.json has no scores: DATASETS.TEST was empty, or nothing was evaluated yet"
    return Missing(reason=reason, command=run.train_command)


def _score_charts(rows: Rows, end: int, marks: Sequence[float]) -> list[Chart | None]:
    return [
        _chart(
            metrics[0].title.capitalize(),
            [
                Series(label=LABELS.get(m.name, m.name), **_points(rows, m.key), dots=True)
                for m in leading(metrics)
            ],
            "per cent",
            end,
            marks,
        )
        for metrics in group_metrics(rows).values()
    ]


def _chart(
    title: str,
    series: Sequence[Series],
    y_label: str,
    end: int,
    marks: Sequence[float] = (),
    *,
    log: bool = False,
) -> Chart | None:
    """Draw a chart of the iterations up to `end`; None if there is nothing to draw."""
    drawn = [one for one in series if one.points(log)]
    if not drawn:
        return None
    highest = max(y for one in drawn for _, y in one.points(log))
    svg = line_chart(
        drawn,
        x_label=ITERATION,
        y_label=y_label,
        log=log,
        marks=marks,
        x_range=(0, end),
        y_range=None if log else (0, 1.05 * highest),
    )
    return Chart(title=title, svg=svg, legend=[one.label for one in drawn])


def _series(rows: Rows, keys: Sequence[str]) -> list[Series]:
    return [Series(label=key.replace("_", " "), **_points(rows, key)) for key in keys]


def _points(rows: Rows, key: str) -> dict[str, Any]:
    found = values_of(rows, key)
    return {"xs": [x for x, _ in found], "ys": [y for _, y in found]}


def scores(run: Run) -> list[Block]:
    """Scores of the last evaluation, for all classes together and per class."""
    groups = group_metrics(run.metrics)
    if not groups:
        return [_no_scores(run)]
    blocks: list[Block] = []
    for (dataset, task), metrics in groups.items():
        blocks.append(_summary_table(run, metrics))
        if table := _class_table(run.metrics, metrics):
            blocks.append(table)
        # The file has the scores of all bases: those of fewer are under bases_1 and the like.
        elif task == "classification" and dataset in ("", *run.cfg.DATASETS.TEST):
            blocks.append(_classifier_table(run, dataset))
    return blocks


def _summary_table(run: Run, metrics: Sequence[Metric]) -> Table:
    rows, before = run.metrics, [0, *run.stages[1]][-2]  # iterations of the stages before
    cells: list[list[Cell]] = []
    for metric in (metric for metric in metrics if not metric.class_name):
        last, best = last_value(rows, metric.key), best_value(rows, metric.key)
        line: list[Cell] = [metric.name, last, None, None]
        if best is not None and metric.name != "cross_entropy":  # of which lower is better
            # Iterations count from 0; the evaluation after the training has the next number.
            line[2:] = best[1], before + min(best[0] + 1, run.cfg.SOLVER.MAX_ITER)
        cells.append([*line, *_baseline_cells(run, metric)])
    headers = ["", "at the end", "highest", "after iteration"]
    headers += ["full precision"] if run.baseline else []
    caption = f"All classes: {metrics[0].title}"
    return Table(headers=headers, rows=cells, caption=caption, decimals=2)


def _baseline_cells(run: Run, metric: Metric) -> list[Cell]:
    return [baseline_score(run, metric.key)] if run.baseline else []


def _class_table(rows: Rows, metrics: Sequence[Metric]) -> Table | None:
    of_classes = [metric for metric in metrics if metric.class_name]
    names = list(dict.fromkeys(metric.name for metric in of_classes))
    classes = list(dict.fromkeys(metric.class_name for metric in of_classes))
    if not classes:
        return None
    values = {(m.class_name, m.name): last_value(rows, m.key) for m in of_classes}
    return Table(
        headers=["class", *names],
        rows=[[label, *(values.get((label, name)) for name in names)] for label in classes],
        caption=f"Per class, at the end: {metrics[0].title}",
        decimals=2,
    )


def _classifier_table(run: Run, dataset: str) -> Block:
    """Table from the evaluator's file, because metrics.json has no scores per class."""
    path = run.results_dir(dataset or run.cfg.DATASETS.TEST[0]) / CLASS_SCORES
    if not path.is_file():
        return Missing(reason=f"{path} does not exist", command=run.evaluate_command)
    rows: list[list[Cell]] = [
        [label, *values] for label, values in read_class_scores_csv(path).items()
    ]
    headers = ["class", "images", "top-1", "top-5"]
    caption = "Per class, last evaluation: classes"
    return Table(headers=headers, rows=rows, caption=caption, decimals=2, total=True)


def bit_flips(run: Run) -> list[Block]:
    """The share of binary weights whose sign changed, by iteration."""
    rows, ends = run.stages
    keys = list(dict.fromkeys(k for row in rows for k in row if k.startswith(PREFIX)))
    if not keys:
        raise MissingError(
            "metrics.json has no bit flips: no weight is binary, SOLVER.BIT_FLIPS_PERIOD was 0, "
            "or the training was too short or of an older version",
            run.retrain_command("SOLVER.BIT_FLIPS_PERIOD", "20"),
        )
    all_of_them = [Series(label="all binary weights", **_points(rows, PREFIX + ALL))]
    parts = [
        Series(label=key.removeprefix(PREFIX), **_points(rows, key))
        for key in keys
        if key != PREFIX + ALL
    ]
    period = run.cfg.SOLVER.BIT_FLIPS_PERIOD
    label = f"per cent in {period} iterations"
    end, marks = ends[-1], ends[:-1]
    charts = [
        _chart("All parts together", all_of_them, label, end, marks),
        _chart("Each part", parts, label, end, marks),
    ]
    return [
        Note(
            text=f"The share of the binary weights whose sign differs from that {period} "
            "iterations before. It falls with the learning rate; weights that still flip at the "
            "end swing around zero."
        ),
        Charts(charts=[chart for chart in charts if chart is not None]),
    ]
