import pytest
import torch

from groupnet_det.runtime.backends.numpy_ops import (
    flat,
    joined,
    pick,
    rows_of,
    sigmoid,
    sqrt,
    where_above,
)


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


@pytest.mark.parametrize("count", [1, 2, 5])
def test_images_joined_to_a_batch(count):
    images = list(torch.randint(0, 256, (count, 1, 3, 5, 4), dtype=torch.uint8))
    images[0] = images[0].transpose(1, 2).contiguous().transpose(1, 2)  # as images may lie
    assert joined(images).equal(torch.cat(images))


def test_a_single_image_is_not_copied():
    image = torch.zeros(1, 3, 5, 4, dtype=torch.uint8)
    assert joined([image]) is image


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


@pytest.mark.parametrize("shape", [(0,), (7,), (3, 4)], ids=str)
def test_where_values_are_above(shape):
    values = torch.randint(-2, 3, shape).float()
    found = where_above(values, 0.0)
    expected = torch.nonzero(values > 0, as_tuple=True)
    assert len(found) == len(shape)
    assert all(a.equal(b) for a, b in zip(found, expected, strict=True))


@pytest.mark.filterwarnings("error")
def test_functions_are_those_of_torch():
    values = torch.cat([torch.randn(100) * 10, torch.tensor([-torch.inf, -200, 0, 200, torch.inf])])
    torch.testing.assert_close(sigmoid(values), values.sigmoid(), rtol=1e-6, atol=1e-38)
    torch.testing.assert_close(sqrt(values.abs()), values.abs().sqrt(), rtol=1e-6, atol=0)


def test_no_number_stays_none():
    assert sigmoid(torch.tensor([torch.nan])).isnan().all()
