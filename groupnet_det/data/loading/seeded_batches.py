"""Order of the training data as a function of the seed only, so that a resumed training has the
batches and augmentations of an uninterrupted one."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from groupnet_det.errors import ConfigError, DataError, UserError

# (seed of the sample's augmentation, index of its record)
SampleKey = tuple[int, int]


class TrainingBatchStream(Sampler[list[SampleKey]]):
    """Endless batches from one permutation of the data set after the other.

    Detectron2's sampler restarts its stream at each start of the program. Here ``start_batch``
    skips the batches that a training has seen before, without reading images.

    Attributes:
        start_batch: Number of batches to skip; set before iterating.
    """

    def __init__(
        self,
        num_records: int,
        *,
        batch_size: int,
        seed: int,
        is_wide: Sequence[bool] | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """
        Args:
            num_records: Size of the data set.
            batch_size: Images per step, of all processes together.
            seed: Seed of the permutations and the augmentations.
            is_wide: Per record, whether it is wider than high. If given, a batch contains images of
                one kind, which saves padding.
            rank, world_size: This process takes its share of each batch.

        Raises:
            DataError: The data set is empty.
            ConfigError: A batch cannot be divided evenly.
        """
        if num_records < 1:
            raise DataError("the training data set is empty")
        if batch_size % world_size:
            raise ConfigError(
                f"SOLVER.IMS_PER_BATCH {batch_size} is not a multiple of {world_size} processes"
            )
        self.num_records = num_records
        self.batch_size = batch_size
        self.seed = seed
        self.is_wide = is_wide
        self.share = slice(rank * batch_size // world_size, (rank + 1) * batch_size // world_size)
        self.start_batch = 0

    def __iter__(self) -> Iterator[list[SampleKey]]:
        for number, batch in enumerate(self._batches()):
            if number >= self.start_batch:
                yield [(self._sample_seed(position), index) for position, index in batch][
                    self.share
                ]

    def _positions(self) -> Iterator[tuple[int, int]]:
        """Endless (position in the stream, record index)."""
        position = 0
        epoch = 0
        while True:
            rng = np.random.default_rng([self.seed, epoch])
            for index in rng.permutation(self.num_records):
                yield position, int(index)
                position += 1
            epoch += 1

    def _batches(self) -> Iterator[list[tuple[int, int]]]:
        buckets: dict[bool, list[tuple[int, int]]] = {False: [], True: []}
        for position, index in self._positions():
            bucket = buckets[bool(self.is_wide is not None and self.is_wide[index])]
            bucket.append((position, index))
            if len(bucket) == self.batch_size:
                yield bucket.copy()
                bucket.clear()

    def _sample_seed(self, position: int) -> int:
        return int(np.random.SeedSequence([self.seed, position]).generate_state(1)[0])


class NamingMapper:
    """A mapper whose errors name the file of the record."""

    def __init__(self, mapper: Callable[[dict[str, Any]], Any]) -> None:
        self.mapper = mapper

    def __call__(self, record: dict[str, Any]) -> Any:
        """
        Raises:
            DataError: The mapper failed.
        """
        try:
            return self.mapper(record)
        except UserError:  # already names the file
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise DataError(f"{record.get('file_name')} cannot be used: {reason}") from error


class SeededDataset(Dataset[Any]):
    """Apply a mapper to records, with all random generators seeded by the sample's key."""

    def __init__(self, records: Sequence[dict[str, Any]], mapper: Any) -> None:
        self.records = records
        self.mapper = NamingMapper(mapper)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, key: SampleKey) -> Any:
        """
        Raises:
            DataError: The mapper failed; the message names the file.
        """
        sample_seed, index = key
        record = self.records[index]
        states = random.getstate(), np.random.get_state(), torch.get_rng_state()
        random.seed(sample_seed)
        np.random.seed(sample_seed)
        # Only the CPU's: `torch.manual_seed` also seeds the GPUs', which takes 150 us.
        torch.default_generator.manual_seed(sample_seed)
        try:
            return self.mapper(record)
        finally:  # in the main process, restore the caller's generators
            random.setstate(states[0])
            np.random.set_state(states[1])
            torch.set_rng_state(states[2])
