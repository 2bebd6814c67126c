"""Builds: which model a vehicle is, how old, and what it was made with.

Shapes: N ads, and those of `vehicles`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from dlrs.arrays import AnyArray, Doubles, Ints
from dlrs.simulator.car_facts import car_facts
from dlrs.simulator.vehicles import CAR, CATEGORIES, World

MANUAL, AUTOMATIC, SEMIAUTOMATIC = range(3)
SEMIAUTOMATIC_SHARE = 0.02  # of all


@dataclass(frozen=True)
class Builds:
    """N vehicles as they left the factory, and their age. −1: without an engine."""

    model_N: Ints
    age_N: Doubles  # years since first registration
    band_N: Ints  # of age
    fuel_N: Ints
    power_N: Doubles  # kW; 0: no engine
    gear_N: Ints


def draw_builds(world: World, count: int, rng: np.random.Generator) -> Builds:
    """Draw the vehicles of `count` ads: kind → age → model → fuel, power → gear."""
    kind_share_K = np.bincount(world.kind_M, world.share_BM[0])
    kind_N = rng.choice(len(CATEGORIES), count, p=kind_share_K / kind_share_K.sum())
    age_N = np.where(kind_N == CAR, draw_car_ages(count, rng), _other_ages(count, rng))
    band_N = np.digitize(age_N, car_facts().bands)
    model_N = _models(world, kind_N, band_N, rng)
    return built(world, model_N, age_N, rng)


def built(world: World, model_N: Ints, age_N: Doubles, rng: np.random.Generator) -> Builds:
    """Draw what was left open about vehicles of known models and ages."""
    engine_N = world.power_M[model_N] > 0
    push_N = rng.normal(0, 1, len(model_N))
    power_N = np.round(world.power_M[model_N] * np.exp(push_N * world.power_spread_M[model_N]))
    return Builds(
        model_N=model_N,
        age_N=age_N,
        band_N=np.digitize(age_N, car_facts().bands),
        fuel_N=np.where(engine_N, _picked(world.fuel_MF, model_N, rng), -1),
        power_N=power_N,
        gear_N=np.where(engine_N, _gears(world.automatic_M[model_N], push_N, rng), -1),
    )


def draw_car_ages(count: int, rng: np.random.Generator) -> Doubles:
    """Half as in Luxembourg, half as in the United States: the other ads were sampled by year."""
    facts, luck_N = car_facts(), rng.random(count)
    ages = [np.interp(luck_N, facts.share_Q, age_Q) for age_Q in facts.age_Q.values()]
    return np.where(rng.random(count) < 0.5, *ages)


def _other_ages(count: int, rng: np.random.Generator) -> Doubles:
    """Some new, most used, a few vintage."""
    used_N = rng.gamma(1.9, 3.6, count)
    luck_N = rng.random(count)
    age_N = np.where(luck_N < 0.09, rng.uniform(0, 0.4, count), used_N)
    return np.where(luck_N > 0.985, rng.uniform(28, 60, count), np.minimum(age_N, 28))


def _models(world: World, kind_N: Ints, band_N: Ints, rng: np.random.Generator) -> Ints:
    """Draw a model of each ad's kind, by the shares in its band of age."""
    first_K = np.searchsorted(world.kind_M, np.arange(len(CATEGORIES) + 1))
    luck_N = rng.random(len(kind_N))
    model_N = np.zeros(len(kind_N), dtype=np.int64)
    for band, share_M in enumerate(world.share_BM):
        own = np.flatnonzero(band_N == band)
        reach = np.append(0.0, np.cumsum(share_M))
        low, high = first_K[kind_N[own]], first_K[kind_N[own] + 1]
        aim = reach[low] + luck_N[own] * (reach[high] - reach[low])
        model_N[own] = np.clip(np.searchsorted(reach, aim, side="right") - 1, low, high - 1)
    return model_N


def _picked(share_MF: Doubles, model_N: Ints, rng: np.random.Generator) -> Ints:
    """Draw a column for each ad, by the shares of its model."""
    reach_MF = np.cumsum(share_MF, axis=1)
    luck_N = rng.random(len(model_N)) * reach_MF[model_N, -1]
    picked_N: Ints = (luck_N[:, None] >= reach_MF[model_N, :-1]).sum(axis=1)
    return picked_N


def _gears(share_N: Doubles, push_N: Doubles, rng: np.random.Generator) -> AnyArray:
    """The stronger of a model are the likelier automatic."""
    follows = car_facts().gear_follows_power
    wish_N = follows * push_N + np.sqrt(1 - follows**2) * rng.normal(0, 1, len(push_N))
    gear_N = np.where(ndtr(-wish_N) < share_N, AUTOMATIC, MANUAL)
    return np.where(rng.random(len(push_N)) < SEMIAUTOMATIC_SHARE, SEMIAUTOMATIC, gear_N)
