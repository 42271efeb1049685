"""Where to cut a chain of blocks: the published borders of ResNet-32, and balanced cuts for everything else."""

RESNET32 = {  # InfoPro, ContSup and GN-DGL share these borders: the names of the blocks before each border
    2: ["2.1"],
    3: ["1.4", "2.4"],
    4: ["1.2", "2.1", "3.0"],
    8: ["1.0", "1.2", "1.4", "2.1", "2.3", "3.0", "3.2"],
    16: ["stem", "1.0", "1.1", "1.2", "1.3", "1.4", "2.0", "2.1", "2.2", "2.3", "2.4", "3.0", "3.1", "3.2", "3.3"],
}


def balanced(costs, K):
    """Ends of K contiguous, non-empty runs of blocks such that the dearest run is as cheap as possible.

    costs: one number a block. Returns K indices, each one past the last block of its run; among equally good cuts
    the one whose early runs are longest.
    """
    n = len(costs)
    total = [0]
    for c in costs:
        total.append(total[-1] + c)
    best = {(n, 0): (0, ())}  # (first block, runs left) -> (dearest run, ends)
    for runs in range(1, K + 1):
        for start in range(n - runs, -1, -1):
            choices = [(max(total[end] - total[start], best[end, runs - 1][0]), -end, (end, *best[end, runs - 1][1]))
                       for end in range(start + 1, n + 1) if (end, runs - 1) in best]
            dearest, _, ends = min(choices)
            best[start, runs] = (dearest, ends)
    return list(best[0, K][1])
