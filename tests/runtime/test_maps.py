import pytest
import torch

from groupnet_det.runtime.maps import flat, pick, rows_of


@pytest.fixture(params=[8, 12], ids=["dense", "apart"])
def map_of_pixels(request):
    """(1, 3, 5, 8), whose pixels are so many numbers apart."""
    torch.manual_seed(0)
    return torch.rand(1, 3, 5, request.param)[..., :8]


def test_all_numbers_in_a_row(map_of_pixels):
    assert flat(map_of_pixels).equal(map_of_pixels.flatten())


def test_what_lies_in_a_row_is_not_copied():
    values = torch.rand(1, 3, 5, 8)
    assert flat(values).data_ptr() == values.data_ptr()


@pytest.mark.parametrize("columns", [1, 4, 8])
def test_rows_by_number(map_of_pixels, columns):
    rows = map_of_pixels.reshape(-1, columns)
    index = torch.randint(len(rows), (20,))
    assert rows_of(map_of_pixels, index, columns=columns).equal(rows[index])


def test_no_rows(map_of_pixels):
    assert rows_of(map_of_pixels, torch.zeros(0, dtype=torch.int64), columns=4).shape == (0, 4)


@pytest.mark.parametrize(
    "index",
    [(torch.tensor([2, 0]),), (torch.tensor([2, 0]), torch.tensor([1, 1]))],
    ids=["rows", "numbers"],
)
def test_picked_by_number(index):
    values = torch.arange(12.0).reshape(3, 4)
    assert pick(values, *index).equal(values[index])


def test_picked_by_truth():
    assert pick(torch.arange(3), torch.tensor([True, False, True])).tolist() == [0, 2]
