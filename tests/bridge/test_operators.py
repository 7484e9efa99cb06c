"""Operators in families, each family one module, against PyTorch."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: the extra `torch`")

from torch.nn import functional as F

from .compared import LONG, Function, compare, numbers

x, positive = numbers(3, 4, 8), numbers(3, 4, 8, seed=1, low=0.5)


def activations(x):
    named = "relu elu selu celu gelu silu mish softplus hardswish relu6 softsign "
    named += "logsigmoid tanhshrink hardshrink softshrink leaky_relu"
    if x.dtype == torch.float32:  # PyTorch's backward takes a float32 for 1/6 in float64, too
        named += " hardsigmoid"
    return (
        *(getattr(F, name)(x) for name in named.split()),
        F.gelu(x, approximate="tanh"),
        F.leaky_relu(x, 0.3),
        F.elu(x, 0.7),
        F.softplus(30 * x, beta=2.0, threshold=10),
        F.hardtanh(x, -0.2, 0.3),
        F.threshold(x, 0.1, 0.2),
        F.glu(x),
        x.softmax(1),
        F.log_softmax(x, -1),
    )


def functions(x, y):
    named = "abs neg exp exp2 expm1 sin cos sinh cosh tanh asinh atan erf erfc sigmoid reciprocal "
    named += "square floor ceil round trunc sign frac"
    above = "sqrt rsqrt log log2 log10 log1p lgamma digamma tan"
    return (
        *(getattr(torch, name)(x) for name in named.split()),
        *(getattr(torch, name)(y) for name in above.split()),
        torch.acos(x / 10) + torch.asin(x / 10) + torch.atanh(x / 10) + torch.erfinv(x / 10),
        torch.acosh(1 + y),
    )


def arithmetic(x, y):
    whole = (10 * x).long()
    return (
        torch.add(x, y, alpha=3),
        torch.sub(x, y, alpha=2),
        2 - x,
        x / y,
        torch.div(x, y, rounding_mode="floor"),
        torch.div(x, y, rounding_mode="trunc"),
        x % y,
        torch.fmod(x, y),
        torch.atan2(x, y),
        torch.maximum(x, y),
        torch.minimum(x, y),
        torch.logaddexp(x, y),
        *(x**2, x**3.0, y**0.5, y**-1, y**-0.5, y**2.5, 2**x, y**x, x**0, x**-2.0),
        *(x > y, x >= 0.5, x == x, (x > 0) & ~(y > 1), (x > 0) ^ (y > 1)),
        torch.where(x > 0, x, y),
        x.masked_fill(x > 0, -3.0),
        x * (x > 0),
        *(whole // 3, whole % 3, whole / 3, torch.fmod(whole, 3), torch.remainder(whole, -3)),
        torch.div(whole, 3, rounding_mode="trunc"),
        *(x.clamp(-0.5, 0.5), x.clamp(min=0.1), torch.clamp(x, max=y)),
        torch.lerp(x, y, 0.3),
    )


def reductions(x):
    return (
        *(x.sum(), x.sum(1), x.sum((0, 2), keepdim=True), x.mean(), x.mean((1, 2)), x.prod(2)),
        *(x.amax(1), x.amin((1, 2)), x.max(), *x.max(1), *x.min(2, keepdim=True), x.argmin()),
        *(x.var(), x.var(1, unbiased=False), x.std(2), *torch.var_mean(x, 2)),
        torch.var(x, dim=1, correction=3),
        *((x > 0).any(), (x > 0).all(1), (x > 0).sum(1), (x > 0).float().mean()),
        *(x.logsumexp(1), x.logsumexp((1, 2)), x.cumsum(1), x.cumprod(2), x.logcumsumexp(1)),
        *(x.norm(), x.norm(dim=1), x.norm(p=1, dim=2), x.norm(p="fro", dim=(1, 2))),
        *(torch.linalg.vector_norm(x, p, dim=2) for p in (3.0, float("inf"), float("-inf"), 0)),
        *(F.normalize(x, dim=1), F.cosine_similarity(x, 2 * x + 0.3)),
        *(*x.sort(2), *x.sort(1, descending=True), *x.topk(2), *x.topk(2, 1, largest=False)),
        *(x.median(2).values, x.kthvalue(2).values, x.cummax(1).values, x.argsort(1)),
    )


def moves(x):
    return (
        *(x.reshape(-1, 32), x.flatten(1), x.permute(2, 0, 1), x.mT, x.unsqueeze(-2)),
        *(x[:, :1].squeeze(1), x.expand(2, -1, -1, -1), x.repeat(1, 2, 3), x.flip(1)),
        *(x.roll(1, 2), x.roll((1, 2), (1, 2)), x.repeat_interleave(2, 1), x.unfold(2, 3, 2)),
        *(torch.cat([x, 2 * x], 1), torch.stack([x, x], 1), *x.split(3, 2), *x.chunk(3, 1)),
        *(*x.unbind(1), x.diagonal(1, 1, 2), torch.diag_embed(x), x.tril(), x.triu(1)),
        *(F.pad(x, (1, 2)), F.pad(x, (1, -2, 0, 1), value=3.0)),
        *(F.pad(x, (1, 2), mode=mode) for mode in ("reflect", "replicate", "circular")),
        *(x[:, 1], x[:, -1], x[..., ::2], x[:, 1:3, 2:], x[:, 5:], x[:, -100:2], x[:, :, None]),
    )


def look_ups(x):
    order = torch.tensor([[0, 2, 1, 3]] * 4).expand(x.shape[0], 4, 4)
    one, other = torch.tensor([0, 1]), torch.tensor([2, -1])
    filled = x.clone()
    filled[:, 1] = 0.0
    filled[:, :, 2:4] = 2 * x[:, :, :2]
    filled[:, 0, 0] += 1
    spread = torch.zeros_like(x)
    spread[..., 1::2] = x[..., ::2]
    masked = x.clone()
    masked[masked > 0] = 5.0
    return (
        *(x[:, [0, 2]], x[:, [0, 2], -1], x[:, one, other], x[:, [0], :, None]),
        *(filled, spread, masked, x.gather(2, order), x.gather(1, order[:, :2])),
        torch.zeros_like(x).scatter(2, order, x[:, :, :4]),
        x.scatter(2, order, 1.5),
        x.scatter_add(1, order, 2 * x[:, :, :4]),
        torch.zeros_like(x).scatter_reduce(1, (x > 0).long(), x, "amax"),
        x.index_select(1, torch.tensor([2, 0])),
        x.index_add(1, one, x[:, :2]),
        *(torch.arange(4)[:, None] * x, torch.eye(8) @ x.mT, torch.ones_like(x) + x.shape[0]),
        torch.full((2,), 3.0) * x.sum(),
        torch.linspace(0, 1, 8) * x,
    )


def products(x):
    return (
        *(x @ x.mT, torch.bmm(x, x.mT), x @ x[0].T, x @ x[0, 0], x[0].mv(x[0, 0])),
        *(torch.einsum("bij,bkj->bik", x, x), torch.einsum("bij,bij->b", x, x)),
        torch.addmm(x[0, :, :4], x[0], x[1].T, beta=2, alpha=0.5),
        torch.baddbmm(x[:, :, :4], x, x.mT, beta=0),
        *(torch.outer(x[0, 0], x[1, 0]), torch.dot(x[0, 0], x[1, 0])),
        *(torch.cdist(x, 2 * x + 1), torch.cdist(x, 2 * x + 1, p=1.0)),
        F.bilinear(x, x, x.new_ones(2, 8, 8)),
    )


def losses(x, y):
    targets = torch.arange(x.shape[0] * 8).reshape(-1, 8) % 4
    return (
        *(F.mse_loss(x, y), F.l1_loss(x, y), F.huber_loss(x, y), F.smooth_l1_loss(x, y, beta=0.5)),
        F.cross_entropy(x, targets),
        F.cross_entropy(x, targets, label_smoothing=0.1),
        F.cross_entropy(x, targets, weight=torch.arange(1.0, 5.0), reduction="sum"),
        F.cross_entropy(x, targets, ignore_index=2),
        F.cross_entropy(x, y.softmax(1)),
        F.binary_cross_entropy_with_logits(x, y - 0.5),
        F.kl_div(x.log_softmax(1), y.softmax(1), reduction="batchmean"),
        F.one_hot(targets, 4) * 0.5,
    )


FAMILIES = {
    "activations": (activations, x),
    "functions": (functions, x, positive),
    "arithmetic": (arithmetic, x, positive),
    "reductions": (reductions, x),
    "moves": (moves, x),
    "look_ups": (look_ups, x),
    "products": (products, x),
    "losses": (losses, x, positive),
}


SHORT = ("arithmetic", "reductions", "moves", "look_ups")


@pytest.mark.parametrize("family", FAMILIES if LONG else SHORT)
def test_families_in_float32(family):
    function, *inputs = FAMILIES[family]
    compare(Function(function), *inputs, alone=False)


def test_activations_in_float64():
    compare(Function(activations), x, double=True, alone=False)
