"""The LoRA layer as one function: the same product as peft's with fewer and smaller operations.

y = x Wᵀ + b + s (x Aᵀ) Bᵀ (Hu et al. 2021, equation 3). peft computes the second part apart and adds it, and
autograd keeps and passes each piece; here the gradients are written down, and all additions happen inside products.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from peft.tuners.lora import Linear
from torch import nn


class LoraProduct(torch.autograd.Function):
    """``x`` (…, in), ``weight`` (out, in), ``turned`` (in, out) or None, ``bias``, ``a`` (r, in), ``b`` (out, r)."""

    @staticmethod
    def forward(ctx, x, weight, turned, bias, a, b, scale):
        rows = x.reshape(-1, x.shape[-1])  # (M, in)
        low = F.linear(rows, a)  # (M, r)
        if turned is None:
            y = F.linear(rows, weight, bias)  # (M, out)
        else:
            y = torch.mm(rows, turned) if bias is None else torch.addmm(bias, rows, turned)
        y.addmm_(low, b.t(), alpha=scale)
        ctx.save_for_backward(rows, low, weight, a, b)
        ctx.shape, ctx.scale = x.shape, scale
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx, gradient):
        rows, low, weight, a, b = ctx.saved_tensors
        g = gradient.reshape(-1, gradient.shape[-1])  # (M, out)
        scaled = {"beta": 0, "alpha": ctx.scale}  # the product alone, scaled in passing
        g_low = torch.addmm(low, g, b, **scaled)  # (M, r)
        g_x = torch.mm(g, weight).addmm_(g_low, a).view(ctx.shape) if ctx.needs_input_grad[0] else None
        return g_x, None, None, None, torch.mm(g_low.t(), rows), torch.addmm(b, g.t(), low, **scaled), None


class PlainLora(Linear):
    """peft's linear LoRA layer; where nothing but the plain product is asked for, it is `LoraProduct`."""

    def forward(self, x: torch.Tensor, *args, **kwargs) -> torch.Tensor:
        name = self.active_adapters[0] if len(self.active_adapters) == 1 else None
        if args or kwargs or name is None or self.disable_adapters or self.merged:
            return super().forward(x, *args, **kwargs)
        base, to_low, from_low = self.base_layer, self.lora_A[name], self.lora_B[name]
        weight, a, b = base.weight, to_low.weight, from_low.weight
        plain = (
            type(base) is nn.Linear
            and not weight.requires_grad
            and name not in self.lora_variant  # DoRA
            and isinstance(self.lora_dropout[name], nn.Identity)
            and to_low.bias is None
            and from_low.bias is None
            and x.dtype == weight.dtype == a.dtype == b.dtype
            and not torch.is_autocast_enabled(x.device.type)
        )
        if not plain:
            return super().forward(x)
        return LoraProduct.apply(x, weight, self._buffers.get("turned"), base.bias, a, b, self.scaling[name])  # type: ignore[no-any-return]


def use_lora_product(model: nn.Module, room: int = 0) -> int:
    """Let every linear LoRA layer of a peft model take the short way where it may.

    Parameters
    ----------
    model : nn.Module
    room : int
        Bytes that transposed copies of the frozen weights may take. On a CPU a product of few rows with a weight as
        it is stored must turn it around each time, at 2/3 of the speed; the copy is used forwards, the weight
        backwards.

    Returns
    -------
    int
        Bytes that the copies take: all layers have one, or none.
    """
    layers = [m for m in model.modules() if type(m) is Linear]
    for layer in layers:
        layer.__class__ = PlainLora
    bases = [(layer, layer.base_layer) for layer in layers if type(layer.base_layer) is nn.Linear]
    size = sum(base.weight.numel() * base.weight.element_size() for _, base in bases)
    here = all(base.weight.device.type == "cpu" and base.weight.dtype == torch.float32 for _, base in bases)
    if size > room or not here:
        return 0
    for layer, base in bases:
        layer.register_buffer("turned", base.weight.detach().t().contiguous(), persistent=False)
    return size
