"""Grid of trainings that compare many methods under one schedule, and its results.

The learning rate of each method is the best of a common grid in a search with a shorter schedule
and a seed of its own; the results of the comparison then use other seeds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from .rows import ComparisonRow, RowKey

SEARCH_SEED = 1000
Done = Mapping[RowKey, ComparisonRow]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The trainings of a comparison.

    Attributes:
        methods: Names, in the order of the table.
        learning_rates: Learning rates of the search; a single one needs none.
        seeds: Seeds of the results; none for a search alone.
        iterations, search_iterations: Iterations of a result, and of a row of the search.
        single_seed: Methods of which only the first seed is trained.
    """

    methods: Sequence[str]
    learning_rates: Sequence[float]
    seeds: Sequence[int]
    iterations: int
    search_iterations: int
    single_seed: frozenset[str] = frozenset()

    def open_keys(self, rows: Iterable[ComparisonRow]) -> list[RowKey]:
        """The rows that can be trained now: results wait for their method's search.

        Seed by seed, so that an unfinished grid compares all methods on the same seeds.
        """
        done = by_key(rows)
        searches = [key for method in self.methods for key in self.search_keys(method)]
        results = [key for method in self.methods for key in self.result_keys(method, done)]
        results.sort(key=lambda key: self.seeds.index(key.seed))
        return [key for key in searches + results if key not in done]

    def num_open(self, rows: Iterable[ComparisonRow]) -> dict[str, int]:
        """Rows of the grid that are not finished, by purpose."""
        done = by_key(rows)
        searches = sum(
            key not in done for method in self.methods for key in self.search_keys(method)
        )
        results = sum(
            len(self.seeds_of(method)) - sum(key in done for key in self.result_keys(method, done))
            for method in self.methods
        )
        return {"search": searches, "result": results}

    def seconds_left(self, rows: Iterable[ComparisonRow], num_jobs: int) -> float:
        """Time that the open rows take, `num_jobs` of them at a time, once a row is finished.

        Searches take what searches took, and results what results took; as long as there are none
        of one kind, what the other kind took for as many iterations.
        """
        rows = list(rows)
        lengths = {"search": self.search_iterations, "result": self.iterations}
        took = {
            purpose: [
                row.seconds
                for row in rows
                if (row.purpose, row.iterations) == (purpose, length) and row.method in self.methods
            ]
            for purpose, length in lengths.items()
        }
        known = {purpose: mean(seconds) for purpose, seconds in took.items() if seconds}
        per_iteration = mean(known[purpose] / lengths[purpose] for purpose in known)
        of_one = {p: known.get(p, per_iteration * length) for p, length in lengths.items()}
        return sum(n * of_one[p] for p, n in self.num_open(rows).items()) / num_jobs

    def first_results(self) -> list[RowKey]:
        """A result of each method, at a learning rate that may not be its best."""
        seed = next(iter(self.seeds), SEARCH_SEED)
        return [
            RowKey(
                method=method,
                purpose="result",
                learning_rate=self.learning_rates[0],
                seed=seed,
                iterations=self.iterations,
            )
            for method in self.methods
        ]

    def seeds_of(self, method: str) -> Sequence[int]:
        return self.seeds[:1] if method in self.single_seed else self.seeds

    def search_keys(self, method: str) -> list[RowKey]:
        """The rows that a method's learning rate is chosen by; none where there is no choice, and
        results are wanted."""
        if len(self.learning_rates) == 1 and self.seeds:
            return []
        return [
            RowKey(
                method=method,
                purpose="search",
                learning_rate=rate,
                seed=SEARCH_SEED,
                iterations=self.search_iterations,
            )
            for rate in self.learning_rates
        ]

    def result_keys(self, method: str, done: Done) -> list[RowKey]:
        """The rows of a method at its best learning rate (of equals, the lowest).

        None while its search goes on.
        """
        searches = self.search_keys(method)
        if any(key not in done for key in searches):
            return []
        best = max(searches, key=lambda key: (done[key].score, -key.learning_rate), default=None)
        rate = self.learning_rates[0] if best is None else best.learning_rate
        return [
            RowKey(
                method=method,
                purpose="result",
                learning_rate=rate,
                seed=seed,
                iterations=self.iterations,
            )
            for seed in self.seeds_of(method)
        ]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A method over its seeds; `deviation` is 0 for a single one."""

    method: str
    num_seeds: int
    learning_rate: float
    metric: str
    score: float
    deviation: float
    operations: float
    num_bytes: int
    seconds: float


def summarize(grid: Grid, rows: Iterable[ComparisonRow]) -> list[Summary]:
    """Mean and deviation of the grid's finished results, in the order of its methods."""
    done = by_key(rows)
    found = (
        [done[key] for key in grid.result_keys(method, done) if key in done]
        for method in grid.methods
    )
    return [_summarize_method(results) for results in found if results]


def by_key(rows: Iterable[ComparisonRow]) -> dict[RowKey, ComparisonRow]:
    return {row.key: row for row in rows}


def _summarize_method(results: Sequence[ComparisonRow]) -> Summary:
    first, scores = results[0], [row.score for row in results]
    return Summary(
        method=first.method,
        num_seeds=len(results),
        learning_rate=first.learning_rate,
        metric=first.metric,
        score=mean(scores),
        deviation=stdev(scores) if len(scores) > 1 else 0.0,
        operations=first.complexity.operations,
        num_bytes=first.num_bytes,
        seconds=mean(row.seconds for row in results),
    )
