import pytest
import torch

from groupnet_det.layers import PerLevelBatchNorm


def test_each_level_has_its_own_statistics_and_affine():
    norms = PerLevelBatchNorm(2, 3).train()
    maps = [torch.randn(2, 3, 4, 4), 5 + torch.randn(2, 3, 2, 2)]
    for norm, x, y in zip(norms, maps, norms(maps), strict=True):
        mean, variance = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3))
        torch.testing.assert_close(norm.running_mean, 0.1 * mean)
        torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * variance)
        torch.testing.assert_close(y.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    assert norms[0].weight.data_ptr() != norms[1].weight.data_ptr()


def test_shared_levels_have_one_norm():
    norms = PerLevelBatchNorm(2, 3, shared=True).train()
    maps = [torch.randn(2, 3, 4, 4), 5 + torch.randn(2, 3, 2, 2)]
    norms(maps)
    first, second = (x.mean(dim=(0, 2, 3)) for x in maps)
    torch.testing.assert_close(norms[1].running_mean, 0.9 * 0.1 * first + 0.1 * second)
    assert len(list(norms.parameters())) == 2


def test_the_number_of_maps_is_that_of_the_levels():
    with pytest.raises(ValueError, match="argument 2"):
        PerLevelBatchNorm(2, 3)([torch.zeros(1, 3, 2, 2)])


@pytest.mark.parametrize("shape", [(0, 3, 7, 7), (1, 3, 1, 1)], ids=["none", "single"])
def test_maps_without_statistics_of_their_own_take_the_running_ones(shape):
    norms = PerLevelBatchNorm(1, 3).train()
    norms([torch.randn(4, 3, 5, 5)])
    before = {key: value.clone() for key, value in norms.state_dict().items()}
    x = torch.randn(shape, requires_grad=True)
    (y,) = norms([x])
    y.sum().backward()
    assert x.grad.isfinite().all()
    torch.testing.assert_close(y, norms.eval()([x])[0])
    for key, value in norms.state_dict().items():
        assert torch.equal(value, before[key]), key
