"""The sheet of pictures against where it must put every pixel."""

import numpy as np
import pytest

from dd3g_kedro.pictures.sheet import contact_sheet


def flat(color, height=20, width=30):
    return np.tile(np.array(color, np.uint8), (height, width, 1))


def found(sheet, color):
    rows, columns = np.nonzero((np.array(sheet) == color).all(-1))
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1


def test_every_picture_is_there_whole_in_reading_order():
    colors = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0), (0, 200, 200)]
    sheet = contact_sheet([flat(c) for c in colors], list("abcde"), columns=2)
    boxes = [found(sheet, c) for c in colors]
    assert all((b - a, d - c) == (20, 30) for a, b, c, d in boxes)
    assert [boxes.index(b) for b in sorted(boxes, key=lambda b: (b[0], b[2]))] == [0, 1, 2, 3, 4]
    assert boxes[1][0] == boxes[0][0]
    assert boxes[2][2] == boxes[0][2]


def test_transparency_shows_the_background():
    picture = flat((10, 200, 30, 255))
    picture[:, :15, 3] = 0
    sheet = contact_sheet([picture], [""], columns=1, background=(255, 255, 255))
    top, bottom, left, right = found(sheet, (10, 200, 30))
    assert (bottom - top, right - left) == (20, 15)
    assert np.array(sheet)[top, left - 1].tolist() == [255, 255, 255]


def test_smaller_pictures_are_centred_and_not_enlarged():
    sheet = contact_sheet([flat((1, 2, 3), 40, 40), flat((200, 0, 0), 10, 10)], ["", ""], 1)
    top, bottom, left, right = found(sheet, (200, 0, 0))
    assert (bottom - top, right - left) == (10, 10)
    assert left == sheet.width - right


def test_a_long_label_stays_within_its_cell():
    plain = contact_sheet([flat((9, 9, 9))] * 2, ["", "x"], columns=2)
    named = contact_sheet([flat((9, 9, 9))] * 2, ["a label that is far too long", "x"], columns=2)
    assert named.size == plain.size
    right = named.width // 2
    np.testing.assert_array_equal(np.array(named)[:, right:], np.array(plain)[:, right:])


@pytest.mark.parametrize(
    ("images", "labels", "columns"),
    [([], [], 1), ([flat((0, 0, 0))], [], 1), ([flat((0, 0, 0))], ["a"], 0)],
)
def test_what_makes_no_sheet_is_refused(images, labels, columns):
    with pytest.raises(ValueError, match="contact_sheet: expected"):
        contact_sheet(images, labels, columns)
