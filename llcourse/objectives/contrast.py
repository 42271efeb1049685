"""Supervised contrast: images of one class shall lie together, all others apart."""

import torch
import torch.nn.functional as F
from torch import nn

from ..arguments import number


class Contrast(nn.Module):
    """Supervised contrastive loss (Khosla et al. 2020, equation 2) of a batch's embeddings, (batch, outputs).

    One view an image, as InfoPro has it (Wang et al. 2021, section 3.2): an image's positives are the others of its
    class in the batch, at a tenth of 128 images about twelve. The head is the projection: it gives `outputs` numbers,
    no logits of classes, and has no accuracy. An image without positives is left out; a batch without any has loss 0.
    (The authors' code counts such an image as 0 in the mean over the batch.)   temperature: of the cosines.

    >>> same = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> from llcourse.objectives import Record
    >>> round(Contrast(temperature=1.0)(same, Record(None, None, torch.tensor([0, 0, 1]), {})).item(), 4)
    0.3133
    """

    outputs, predicts, reads_image = 128, False, False

    def __init__(self, temperature=0.07):
        super().__init__()
        self.temperature = number("temperature", temperature, above=0)

    def forward(self, embeddings, record):
        z = F.normalize(embeddings if embeddings.dtype == torch.float64 else embeddings.float(), dim=1)
        itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
        cosines = z @ z.T / self.temperature
        cosines = cosines.masked_fill(itself, torch.finfo(cosines.dtype).min)  # bfloat16 under autocast
        positive = (record.y.unsqueeze(1) == record.y) & ~itself
        found = positive.sum(dim=1)
        each = torch.where(positive, cosines.log_softmax(dim=1), 0).sum(dim=1) / found.clamp(min=1)
        return -each.sum() / (found > 0).sum().clamp(min=1)

    def refuse_data(self, images):
        """ValueError for what is not images: a text has no embedding of an example to compare."""
        if len(shape := images.shape) != 3:
            raise ValueError(f"a contrast compares images, (C, H, W), one embedding each; examples of this set are "
                             f"{tuple(shape)}: take objectives.CrossEntropy()")

    def extra_repr(self):
        return f"temperature={self.temperature}"
