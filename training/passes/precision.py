"""Number formats, and which of them a device computes in."""

from __future__ import annotations

import torch

from factsurv.events.errors import InputError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def check_dtype(dtype: torch.dtype, device: torch.device, where: str) -> None:
    """Refuse a format that the device does not compute in, or only by a detour.

    Raises
    ------
    InputError
    """
    if device.type == "cpu" and dtype == torch.float16:
        raise InputError(
            "fp16 is not for a processor: it overflows where bf16 does not, and is slower than fp32",
            where,
            "use fp32, or bf16 for less memory",
        )
    if device.type == "cuda" and dtype == torch.bfloat16 and not _has_bf16(device):
        raise InputError(f"{_name(device)} does not compute in bf16", where, "use fp32, or a GPU from 2020 or later")


def _has_bf16(device: torch.device) -> bool:
    with torch.cuda.device(device):
        return torch.cuda.is_bf16_supported(including_emulation=False)


def _name(device: torch.device) -> str:
    return f"the GPU {torch.cuda.get_device_name(device)}"
