"""Bytes between workers: predicted from shapes, and counted by the kernel at this process's TCP sockets."""

import os
import socket
import stat
import struct

import torch

from .. import cost
from ..borders import Codec
from .parcel import image_travels

ACKED = 120  # where struct tcp_info (linux/tcp.h) has tcpi_bytes_acked; tcpi_bytes_received stands behind it
LABEL = 8  # int64


def predicted(net, number, image, sent):
    """Bytes that a worker sends, by shapes alone.

    net: the LocalNetwork.   number: the worker's, from 0.   image: shape of an image, float32.   sent: how often which
    message, [[kind, images, bytes of a feature], messages]: "features" of a batch go up with its labels, and with its
    image where that is read there; "scored" ones alone; a "gradient" comes down as float32, or as wide as its features.
    """
    shapes = [body.shape for body, _ in cost.modules(net, image)]
    own, below = (torch.Size(shapes[j]).numel() if j >= 0 else 0 for j in (number, number - 1))
    border, total = net.borders[number], 0
    codec = None if border is None else border.sends
    for (kind, images, width), messages in sent:
        if kind == "gradient":
            total += messages * images * below * width
            continue
        message = images * own * width if codec is None or type(codec) is Codec else (
            codec.message_bytes(shapes[number], images))
        if kind == "features":
            message += images * (LABEL + (4 * torch.Size(image).numel() if image_travels(net, number) else 0))
        total += messages * message
    return total


def counted(but=None):
    """(bytes sent and acknowledged, bytes received) of all connected TCP sockets of this process, those with a peer at
    port `but` left out; None where the system does not count them."""
    if not os.path.isdir("/proc/self/fd") or not hasattr(socket, "TCP_INFO"):
        return None
    sent = received = 0
    for fd in os.listdir("/proc/self/fd"):
        try:
            if not stat.S_ISSOCK(os.stat(f"/proc/self/fd/{fd}").st_mode):
                continue
            with socket.socket(fileno=os.dup(int(fd))) as copy:
                if copy.type != socket.SOCK_STREAM or copy.family not in (socket.AF_INET, socket.AF_INET6):
                    continue
                if copy.getpeername()[1] == but:
                    continue
                numbers = struct.unpack_from("QQ", copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, ACKED + 16),
                                             ACKED)
        except (OSError, struct.error):  # gone, or one that listens
            continue
        sent, received = sent + numbers[0], received + numbers[1]
    return sent, received
