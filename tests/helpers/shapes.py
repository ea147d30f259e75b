"""Define test drawings, and draw them with the mouse on the pad of a web page."""

from math import cos, radians, sin


def arc(x, y, width, height, start, end):
    """Return 21 points of an elliptical arc.

    The angles are in degrees: 0 is to the right of the centre, and 90 is below the centre.
    """
    angles = [radians(start + (end - start) * step / 20) for step in range(21)]
    return [(x + width * cos(angle), y + height * sin(angle)) for angle in angles]


# A shape is a list of strokes, and a stroke is a list of points (x, y). Coordinates are
# fractions of the pad's side, measured from the pad's upper left corner.
SHAPES = {
    "1 upright": [[(0.5, 0.15), (0.5, 0.85)]],
    "0 round": [arc(0.5, 0.5, 0.25, 0.35, -90, 270)],
    "7 plain": [[(0.27, 0.2), (0.72, 0.2), (0.45, 0.85)]],
    "0 narrow": [arc(0.5, 0.5, 0.17, 0.35, -60, 300)],
    "0 wide": [arc(0.5, 0.5, 0.33, 0.33, -90, -450)],
    "1 slanted": [[(0.6, 0.15), (0.4, 0.85)]],
    "1 with a flag": [[(0.4, 0.3), (0.52, 0.15), (0.5, 0.85)]],
    "2 curved": [[*arc(0.5, 0.33, 0.2, 0.18, 180, 380), (0.3, 0.82), (0.72, 0.82)]],
    "2 small": [[*arc(0.3, 0.26, 0.1, 0.09, 180, 380), (0.2, 0.51), (0.41, 0.51)]],
    "3 round": [arc(0.47, 0.32, 0.2, 0.17, 200, 450) + arc(0.47, 0.66, 0.22, 0.18, -90, 160)],
    "3 flat": [[(0.3, 0.17), (0.68, 0.17), (0.48, 0.43), *arc(0.47, 0.63, 0.22, 0.2, -80, 150)]],
    "4 open": [[(0.35, 0.15), (0.28, 0.52), (0.72, 0.5)], [(0.66, 0.15), (0.6, 0.85)]],
    "4 closed": [[(0.6, 0.85), (0.6, 0.15), (0.25, 0.6), (0.78, 0.6)]],
    "5 in two strokes": [
        [(0.38, 0.18), (0.35, 0.46), *arc(0.46, 0.63, 0.2, 0.19, -110, 140)],
        [(0.38, 0.18), (0.7, 0.17)],
    ],
    "5 in one stroke": [
        [(0.7, 0.18), (0.38, 0.18), (0.35, 0.46), *arc(0.46, 0.64, 0.2, 0.19, -110, 140)]
    ],
    "6 straight": [[(0.6, 0.15), (0.42, 0.38), *arc(0.48, 0.66, 0.17, 0.18, 190, 540)]],
    "6 round": [arc(0.62, 0.5, 0.28, 0.36, -100, -180) + arc(0.49, 0.66, 0.16, 0.18, 180, -180)],
    "7 curved": [[(0.25, 0.22), (0.7, 0.18), (0.55, 0.5), (0.48, 0.85)]],
    "7 with a bar": [[(0.27, 0.2), (0.72, 0.2), (0.45, 0.85)], [(0.38, 0.52), (0.7, 0.5)]],
    "8": [arc(0.5, 0.33, 0.16, 0.16, 90, -270) + arc(0.5, 0.67, 0.19, 0.18, -90, 270)],
    "9 straight": [[*arc(0.5, 0.33, 0.17, 0.17, 0, -360), (0.66, 0.33), (0.6, 0.85)]],
    "9 hooked": [[*arc(0.48, 0.33, 0.18, 0.17, -20, -360), (0.66, 0.5), (0.6, 0.75), (0.42, 0.84)]],
}  # fmt: skip
# These two drawings are not digits.
DOT = [[(0.5, 0.5)]]
FILLED = [[(0.01, step / 30), (0.99, step / 30)] for step in range(1, 30)]


def draw(page, strokes, wait=100):
    """Draw strokes with the mouse, and return the page's answer."""
    page.locator("canvas[tabindex]").scroll_into_view_if_needed()
    pad = page.locator("canvas[tabindex]").bounding_box()
    for stroke in strokes:
        points = [(pad["x"] + x * pad["width"], pad["y"] + y * pad["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=4)
        page.mouse.up()
    page.wait_for_timeout(wait)  # give the page time to show its last answer
    return page.locator(".answer").inner_text()


def find_misclassified(page):
    """Draw every shape, and return the names of the misclassified shapes."""
    wrong = []
    for name, strokes in SHAPES.items():
        answer = draw(page, strokes)
        if f" {name[0]} (" not in answer:
            wrong.append(name)
        page.get_by_role("button", name="Clear").click()
    print(f"\n{len(SHAPES) - len(wrong)} of {len(SHAPES)} shapes recognised; not: {wrong}")
    return wrong
