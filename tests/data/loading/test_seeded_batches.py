import itertools
import random

import numpy as np
import pytest
import torch

from groupnet_det.data.loading.seeded_batches import SeededDataset, TrainingBatchStream
from groupnet_det.errors import DataError


def take(stream, number):
    return list(itertools.islice(iter(stream), number))


def make_stream(**options):
    return TrainingBatchStream(
        options.pop("num_records", 10), **{"batch_size": 4, "seed": 3, **options}
    )


@pytest.mark.parametrize("is_wide", [None, [True, False] * 5], ids=["mixed", "grouped"])
def test_a_resumed_stream_goes_on_where_it_stopped(is_wide):
    whole = take(make_stream(is_wide=is_wide), 12)
    resumed = make_stream(is_wide=is_wide)
    resumed.start_batch = 5
    assert take(resumed, 7) == whole[5:]


def test_every_record_comes_once_an_epoch():
    indices = [index for batch in take(make_stream(batch_size=5), 4) for _, index in batch]
    assert sorted(indices[:10]) == sorted(indices[10:]) == list(range(10))
    assert indices[:10] != indices[10:]


def test_seeds_of_augmentations_never_repeat():
    seeds = [seed for batch in take(make_stream(), 250) for seed, _ in batch]
    assert len(set(seeds)) == 1000


def test_grouped_batches_are_of_one_kind():
    is_wide = [index % 3 == 0 for index in range(10)]
    for batch in take(make_stream(is_wide=is_wide), 20):
        assert len({is_wide[index] for _, index in batch}) == 1


def test_processes_share_each_batch():
    whole = take(make_stream(), 6)
    shares = [take(make_stream(rank=rank, world_size=2), 6) for rank in range(2)]
    assert [a + b for a, b in zip(*shares, strict=True)] == whole


def test_another_seed_gives_another_order():
    assert take(make_stream(), 3) != take(make_stream(seed=4), 3)


def test_bad_sizes():
    with pytest.raises(DataError, match="empty"):
        make_stream(num_records=0)
    with pytest.raises(ValueError, match="IMS_PER_BATCH 4 is not a multiple of 3"):
        make_stream(world_size=3)


def draw(record):
    return record["id"], random.random(), np.random.rand(), torch.rand(1).item()


def test_samples_depend_on_their_key_alone_and_leave_no_trace():
    dataset = SeededDataset([{"id": 0}, {"id": 1}], draw)
    before = random.getstate(), torch.get_rng_state()
    first = dataset[5, 1]
    random.random()
    assert dataset[5, 1] == first
    assert dataset[6, 1] != first
    random.setstate(before[0])
    dataset[9, 0]
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


def test_a_failing_sample_names_its_file():
    def fail(record):
        raise OSError("cannot identify image")

    dataset = SeededDataset([{"file_name": "images/a.jpg"}], fail)
    with pytest.raises(DataError, match=r"images/a\.jpg cannot be used: OSError: cannot identify"):
        dataset[0, 0]


def test_messages_that_name_the_file_pass_unchanged():
    def fail(record):
        raise DataError("image a.jpg is broken")

    with pytest.raises(DataError, match=r"^image a\.jpg is broken$"):
        SeededDataset([{"file_name": "a.jpg"}], fail)[0, 0]
