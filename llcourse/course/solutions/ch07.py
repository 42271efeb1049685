"""Solutions of chapter 07."""

SOLUTIONS = {"7.1": "idle", "7.2": "front", "7.3": "plans"}


def idle(plan, K, m):
    if plan == "local":
        return 0
    return (K - 1) / (3 * m + K - 1) if plan == "ZB-H1" else (K - 1) / (m + K - 1)


def front(points):
    kept = [name for name, (cost, quality) in points.items()
            if not any(c <= cost and q >= quality and (c, q) != (cost, quality) for c, q in points.values())]
    return sorted(kept, key=lambda name: points[name])


plans = [(8, 8, 8, "ZB-H1"), (8, 3, 4, "GPipe")]
