"""One picture for each case: what went on over time, ours above curl's."""

WIDTH, HEIGHT = 720, 150


def line_of(case, who, rows):
    """Rates and queue of a line."""
    rates = [(b[0], (b[1] - a[1]) * 8 / max(b[0] - a[0], 1e-3)) for a, b in zip(rows, rows[3:])]
    queue = [(row[0], row[2]) for row in rows]
    return [
        (case.rate, rates, "#2a6", f"{who}: Mbit/s", 1e6),
        (150e-3 * case.rate / 8, queue, "#c33", f"{who}: queue, ms", case.rate / 8e3),
    ]


def memory_of(who, rows, limit):
    """What is in memory."""
    mib = 1 << 20
    kept = [(row[0], row[1]) for row in rows]
    passing = [(row[0], row[2]) for row in rows]
    return [
        (limit, kept, "#26a", f"{who}: kept, MiB", mib),
        (limit, passing, "#c33", "its own, MiB", mib),
    ]


def draw(panels, path):
    """`panels`: for each background its curves, when it began and when somebody was beside it."""
    parts, base = [], 20
    for curves, begin, end, (start, stop) in panels:
        x = lambda at: 75 + (at - begin) / max(end - begin, 1e-3) * (WIDTH - 95)
        for most, points, colour, text, unit in curves:
            y = lambda value: base + HEIGHT - min(value / most, 1.05) * HEIGHT
            drawn = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in points)
            width = x(stop) - x(start)
            if width > 0:
                parts.append(f'<rect x="{x(start):.0f}" y="{base}" width="{width:.0f}" height="{HEIGHT}" fill="#eee"/>')
            parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
            parts.append(f'<text x="4" y="{base - 5}" font-size="11">{text}</text>')
            parts.append(f'<text x="4" y="{base + 11}" font-size="10" fill="#777">{most / unit:.0f}</text>')
            right, bottom = WIDTH - 20, base + HEIGHT
            parts.append(f'<line x1="75" x2="{right}" y1="{bottom}" y2="{bottom}" stroke="#999"/>')
            seconds = f"{end - begin:.0f} s"
            parts.append(f'<text x="{right - 30}" y="{bottom + 11}" font-size="10" fill="#777">{seconds}</text>')
            base += HEIGHT + 30
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{base}" font-family="sans-serif">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )
