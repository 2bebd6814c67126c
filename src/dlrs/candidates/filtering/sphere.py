"""Sphere: how far points on the earth are from each other, and the box round those that are near.

W windows of longitude
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dlrs.arrays import Bools, Doubles, Ints

EARTH_KM = 6371.0088
"""Mean radius of the earth (IUGG), which makes the haversine formula right within half a percent."""

SLACK = 1e-7
"""Degrees (a centimetre) that a box is wider than need be, so that rounding never cuts the circle."""

BLOCK = 32_768
"""Points measured at once: few enough for the cache."""


def kilometres(latitude_N: Doubles, longitude_N: Doubles, latitude: float, longitude: float) -> Doubles:
    """Return the distance of each point from one, by the haversine formula; NaN where a degree is.

    All in degrees: north, east.
    """
    haversine_N = _haversine(latitude_N, longitude_N, latitude, longitude)
    distances_N: Doubles = 2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(np.maximum(haversine_N, 0), 1)))
    return distances_N


def within(latitude_N: Doubles, longitude_N: Doubles, latitude: float, longitude: float, km: float) -> Bools:
    """Tell which points are at most so many kilometres away: those in the box are measured, no others."""
    box = Box.around(latitude, longitude, km)
    most = math.sin(min(km / EARTH_KM, math.pi) / 2) ** 2  # comparing haversines saves their roots and arcs
    inside_N = np.zeros(len(latitude_N), dtype=np.bool_)
    for start in range(0, len(latitude_N), BLOCK):
        latitude_B, longitude_B = latitude_N[start : start + BLOCK], longitude_N[start : start + BLOCK]
        near = box.holding(latitude_B, longitude_B)
        near = near[_haversine(latitude_B[near], longitude_B[near], latitude, longitude) <= most]
        inside_N[start + near] = True
    return inside_N


@dataclass(frozen=True)
class Box:
    """All points whose latitude is within [south, north] and whose longitude is so near to the middle."""

    south: float
    north: float
    middle: float
    half_width: float  # degrees; 180 goes all the way round

    @classmethod
    def around(cls, latitude: float, longitude: float, km: float) -> Box:
        """Return the box that holds the circle. One that holds a pole goes all the way round."""
        angle = km / EARTH_KM
        degrees = math.degrees(angle) + SLACK
        south, north = latitude - degrees, latitude + degrees
        half_width = 180.0
        if south > -90 and north < 90:  # the circle's widest points are nearer to the pole than its centre
            widest = math.sin(angle) / math.cos(math.radians(latitude))
            half_width = math.degrees(math.asin(min(1.0, widest))) + SLACK
        return cls(south, north, longitude, min(180.0, half_width))

    @property
    def windows_W2(self) -> tuple[tuple[float, float], ...]:
        """The ranges of longitude: three turns of one, so that the date line needs no thought."""
        if self.half_width >= 180:
            return ((-math.inf, math.inf),)
        west, east = self.middle - self.half_width, self.middle + self.half_width
        return tuple((west + turn, east + turn) for turn in (-360.0, 0.0, 360.0))

    def holding(self, latitude_N: Doubles, longitude_N: Doubles) -> Ints:
        """Return which points are in the box, ascending. One that lacks a degree is not."""
        near = np.flatnonzero((latitude_N >= self.south) & (latitude_N <= self.north))
        east = np.abs(longitude_N[near] - self.middle)
        holding: Ints = near[
            np.minimum(east, np.abs(east - 360)) <= self.half_width
        ]  # a turn further is the same
        return holding


def _haversine(latitude_N: Doubles, longitude_N: Doubles, latitude: float, longitude: float) -> Doubles:
    north_N = np.radians(latitude_N - latitude)
    east_N = np.radians(longitude_N - longitude)
    shrink_N = np.cos(np.radians(latitude_N)) * math.cos(math.radians(latitude))
    haversine_N: Doubles = np.sin(north_N / 2) ** 2 + shrink_N * np.sin(east_N / 2) ** 2
    return haversine_N
