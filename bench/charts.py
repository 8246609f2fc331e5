"""Draws results of bench/run as SVG: `comparison` and `growth` give the text of a picture.

Both take the dictionary that bench/run writes as JSON. Seconds are medians. Scales are logarithmic, because the contenders
are a hundred times apart; a value that was not measured is left out, never drawn as zero.
"""
import math
from xml.sax.saxutils import escape

NAMES = {"original": "the original", "ours": "fiftyone-migrator", "floor": "floor: the bare driver"}
WIDTH = 760
# Follows the reader's choice of light or dark, in a page as on its own.
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1b1f24 } .dim { fill: #57606a; font-size: 12px }
.grid { stroke: #d0d7de } .line { fill: none; stroke-width: 2 }
.original { fill: #b35900; stroke: #b35900 } .ours { fill: #0a5fd1; stroke: #0a5fd1 } .floor { fill: #7a828b; stroke: #7a828b }
.line.original, .line.ours, .line.floor { fill: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .dim { fill: #9da7b3 } .grid { stroke: #3d444d }
  .original { fill: #f0964b; stroke: #f0964b } .ours { fill: #6cb0ff; stroke: #6cb0ff } .floor { fill: #9da7b3; stroke: #9da7b3 }
}
"""


def seconds(x):
    return "%.0f s" % x if x >= 10 else "%.1f s" % x if x >= 1 else "%.0f ms" % (x * 1000)


class Scale:
    """Logarithmic, from whole powers of ten around the values to pixels."""

    def __init__(self, values, start, end):
        self.low = math.floor(math.log10(min(values)))
        self.high = max(self.low + 1, math.ceil(math.log10(max(values))))
        self.start, self.end = start, end

    def __call__(self, value):
        return self.start + (math.log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self):
        return [10.0**power for power in range(self.low, self.high + 1)]


def picture(height, title, description, parts):
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="t d">\n'
        '<title id="t">%s</title>\n<desc id="d">%s</desc>\n<style>%s</style>\n%s\n</svg>\n'
        % (WIDTH, height, escape(title), escape(description), STYLE, "\n".join(parts))
    )


def text(x, y, words, css="", anchor="start"):
    return '<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>' % (x, y, css, anchor, escape(words))


def legend(parts, whom):
    x = 16
    for who in whom:
        parts.append('<rect x="%d" y="10" width="12" height="12" class="%s"/>' % (x, who))
        parts.append(text(x + 18, 20, NAMES[who]))
        x += 36 + 8 * len(NAMES[who])


def measured(results):
    """Cases with figures that may be shown: the databases were compared and equal, or there was nothing to compare with."""
    return {name: row for name, row in results["cases"].items() if row.get("figures") and row.get("equal") is not False}


def contenders(rows):
    return [who for who in NAMES if any(who in row["figures"] for row in rows)]


def comparison(results, cases):
    """Bars: who takes how long, case by case. cases: names in the order wanted. None where none was measured."""
    rows = measured(results)
    rows = [rows[name] for name in cases if name in rows]
    if not rows:
        return None
    whom = contenders(rows)
    values = [row["figures"][who] for row in rows for who in whom if who in row["figures"]]
    scale = Scale(values, 16, WIDTH - 70)
    parts, y, told = [], 40, []
    legend(parts, whom)
    top = y
    for row in rows:
        y += 20
        parts.append(text(16, y, row["title"].replace("`", "")))
        y += 8
        for who in whom:
            if who in row["figures"]:
                value = row["figures"][who]
                end = scale(value)
                parts.append('<rect x="16" y="%d" width="%.1f" height="13" class="%s"/>' % (y, max(2, end - 16), who))
                parts.append(text(max(18, end) + 5, y + 11, seconds(value), "dim"))
                told.append("%s, %s: %s" % (row["title"].replace("`", ""), NAMES[who], seconds(value)))
                y += 16
        y += 4
    lines = ['<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" class="grid"/>' % (scale(t), top, scale(t), y) for t in scale.ticks()]
    labels = [text(scale(t), y + 16, seconds(t), "dim", "middle") for t in scale.ticks()[1:-1]]
    return picture(y + 26, "Time of a whole run", "; ".join(told), lines + parts + labels)


def panel(rows, unit, left, right, top, bottom):
    """One chart of seconds over a number of things; rows: (number, figures)."""
    parts, told = [], []
    whom = [who for who in NAMES if any(who in figures for _, figures in rows)]
    across = Scale([n for n, _ in rows], left, right)
    up = Scale([figures[who] for _, figures in rows for who in whom if who in figures], bottom, top)
    for t in up.ticks():
        parts.append('<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" class="grid"/>' % (left, up(t), right, up(t)))
        parts.append(text(left - 6, up(t) + 4, seconds(t), "dim", "end"))
    for n, _ in rows:
        parts.append(text(across(n), bottom + 18, f"{n:,}", "dim", "middle"))
    parts.append(text((left + right) / 2, bottom + 38, unit, anchor="middle"))
    for who in whom:
        points = [(across(n), up(figures[who])) for n, figures in rows if who in figures]
        parts.append('<polyline points="%s" class="line %s"/>' % (" ".join("%.1f,%.1f" % p for p in points), who))
        parts += ['<circle cx="%.1f" cy="%.1f" r="4" class="%s"/>' % (*p, who) for p in points]
        told += ["%s %s, %s: %s" % (f"{n:,}", unit, NAMES[who], seconds(figures[who])) for n, figures in rows if who in figures]
    return parts, told


def growth(results, series):
    """Lines: time as the work grows. series: [(unit, [(number, case)])]. None where fewer than two points were measured."""
    rows = measured(results)
    shown = [(unit, [(n, rows[case]["figures"]) for n, case in points if case in rows]) for unit, points in series]
    shown = [(unit, points) for unit, points in shown if len(points) > 1]
    if not shown:
        return None
    parts, told = [], []
    legend(parts, contenders([{"figures": figures} for _, points in shown for _, figures in points]))
    width = WIDTH / len(shown)
    for i, (unit, points) in enumerate(shown):
        p, t = panel(points, unit, int(i * width) + 64, int((i + 1) * width) - 36, 44, 300)
        parts += p
        told += t
    return picture(350, "Time as the work grows", "; ".join(told), parts)
