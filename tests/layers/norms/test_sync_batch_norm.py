"""BatchNorm over processes against torch's own on the whole batch."""

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from groupnet_det.layers.norms.sync_batch_norm import SyncBatchNorm2d
from tests.processes import run_in_two_processes

STEPS = 5


class Network(nn.Module):
    """As in a Group-Net: one BN each for two branches, and one that both use."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, 4, 3, bias=False) for _ in range(2))
        self.norms = nn.ModuleList([nn.BatchNorm2d(4), nn.BatchNorm2d(4, momentum=None)])
        self.shared = nn.BatchNorm2d(3, affine=False)

    def forward(self, x):
        return sum(
            norm(conv(self.shared(x * (k + 1))).relu()).square().flatten(1).mean(dim=1)
            for k, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True))
        )


def make_network():
    torch.manual_seed(0)
    return Network().double()


def make_batches():
    generator = torch.Generator().manual_seed(1)
    # A mean far from 0 shows a variance that was computed as a difference.
    return [torch.randn(4, 3, 7, 6, generator=generator).double() + 100 for _ in range(STEPS)]


def train(network, batches):
    """The loss weighs the images of each pair by 1 and 2."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for batch in batches:
        optimizer.zero_grad()
        (network(batch) * torch.tensor([1, 2] * (len(batch) // 2))).mean().backward()
        optimizer.step()


def train_half(rank, folder):
    network = make_network()
    SyncBatchNorm2d.replace_in(network)
    wrapped = DistributedDataParallel(network, broadcast_buffers=False)
    train(wrapped, [batch[2 * rank : 2 * rank + 2] for batch in make_batches()])
    torch.save(network.state_dict(), folder / f"trained{rank}.pth")


def test_two_processes_are_as_one(folder):
    whole = make_network()
    train(whole, make_batches())
    for rank in range(2):
        parts = torch.load(folder / f"trained{rank}.pth")
        assert list(parts) == list(whole.state_dict())
        for key, value in whole.state_dict().items():
            torch.testing.assert_close(parts[key], value, rtol=0, atol=1e-9, msg=key)


def normalize_unequal_maps(rank, folder):
    norm = SyncBatchNorm2d(2).double()
    x = torch.arange(2 * 3 * 4 * 5).double().view(2, 3, 4, 5).transpose(0, 1)[rank : 2 * rank + 1]
    x = x[:, :, : 4 - rank]  # (1, 2, 4, 5) and (2, 2, 3, 5)
    torch.save((x, norm(x), norm.running_mean, norm.running_var), folder / f"unequal{rank}.pth")
    single = SyncBatchNorm2d(2)
    single(torch.zeros(1, 2, 1, 1))  # one value here, two in all
    half = torch.randn(2, 2, 3, 3).bfloat16()
    assert single(half).dtype == torch.bfloat16
    assert single.running_mean.dtype == torch.float32


def test_every_value_counts_the_same_where_maps_differ_in_size(folder):
    results = [torch.load(folder / f"unequal{rank}.pth") for rank in range(2)]
    for channel in range(2):
        values = torch.cat([x[:, channel].flatten() for x, *_ in results])
        for x, y, running_mean, running_var in results:
            expected = (x[:, channel] - values.mean()) / (values.var(unbiased=False) + 1e-5).sqrt()
            torch.testing.assert_close(y[:, channel], expected)
            torch.testing.assert_close(running_mean[channel], 0.1 * values.mean())
            torch.testing.assert_close(running_var[channel], 0.9 + 0.1 * values.var())


def normalize_regions(rank, folder):
    """As in a head that looks at regions, of which the first process has none."""
    norm = SyncBatchNorm2d(2)
    regions = torch.arange(24.0).view(3, 2, 2, 2)[: 3 * rank].requires_grad_()
    y = norm(regions)
    y.square().sum().backward()
    torch.save((regions.detach(), y.detach(), norm.running_mean), folder / f"regions{rank}.pth")
    before = norm.running_mean.clone()
    assert norm(torch.zeros(0, 2, 2, 2)).shape == (0, 2, 2, 2)  # none in any process
    assert torch.equal(norm.running_mean, before)


def test_a_process_without_regions_has_the_statistics_of_the_others(folder):
    (none, y, mean), (regions, _, other_mean) = (
        torch.load(folder / f"regions{rank}.pth") for rank in range(2)
    )
    assert none.shape == y.shape == (0, 2, 2, 2)
    assert torch.equal(mean, other_mean)
    torch.testing.assert_close(mean, 0.1 * regions.mean(dim=(0, 2, 3)))


def work(rank, folder):
    train_half(rank, folder)
    normalize_regions(rank, folder)
    normalize_unequal_maps(rank, folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What each of two processes has saved; starting them is what takes the time."""
    folder = tmp_path_factory.mktemp("two_processes")
    run_in_two_processes(work, folder)
    return folder


def test_in_one_process_it_is_torchs():
    x = torch.randn(2, 3, 4, 4)
    norm, expected = SyncBatchNorm2d(3), nn.BatchNorm2d(3)
    assert torch.equal(norm(x), expected(x))
    assert torch.equal(norm.running_var, expected.running_var)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        norm(torch.zeros(1, 3, 1, 1))


def test_replacement_keeps_parameters_keys_and_settings():
    network = make_network().eval()
    network.norms[0].eps = 0.5
    before = dict(network.named_parameters())
    keys = list(network.state_dict())
    SyncBatchNorm2d.replace_in(network)
    assert list(network.state_dict()) == keys
    assert all(value is before[name] for name, value in network.named_parameters())
    norm = network.norms[0]
    assert isinstance(norm, SyncBatchNorm2d)
    assert norm.eps == 0.5
    assert network.norms[1].momentum is None
    assert not norm.training
    assert network.shared.weight is None
