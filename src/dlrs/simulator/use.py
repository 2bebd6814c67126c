"""Use: how far vehicles were driven, and what is asked for them.

Cars follow the fitted facts, the other kinds their small table. Shapes: N ads.
"""

from __future__ import annotations

import numpy as np

from dlrs.arrays import Doubles, Ints
from dlrs.simulator.builds import AUTOMATIC, Builds
from dlrs.simulator.car_facts import car_facts
from dlrs.simulator.vehicles import CAR, DIESEL, INVENTED, SUBCATEGORIES, World

WORN_OUT = 12  # years: beyond it a car is hardly driven any more; the ads fitted from end at ten
BARGAIN = 0.1  # log price that one standard deviation of bargain takes off
LOWEST, HIGHEST = 150, 480_000  # €


def mileages(world: World, builds: Builds, rng: np.random.Generator) -> Doubles:
    """Return km."""
    kind_N = world.kind_M[builds.model_N]
    noise_N = rng.normal(0, 1, len(kind_N))
    car_N = _car_mileages(builds, noise_N, rng)
    other_N = _other_mileages(kind_N, builds.age_N, noise_N)
    return np.minimum(np.where(kind_N == CAR, car_N, other_N), 990_000)


def prices(
    world: World, builds: Builds, mileage_N: Doubles, bargain_N: Doubles, rng: np.random.Generator
) -> Doubles:
    """Return asked prices in €: the model's new price, less age and mileage, less what makes it a bargain."""
    kind_N = world.kind_M[builds.model_N]
    noise_N = rng.normal(0, 1, len(kind_N))
    log_N = np.where(
        kind_N == CAR,
        _car_losses(world, builds, mileage_N, noise_N),
        _other_losses(kind_N, builds.age_N, mileage_N, noise_N),
    )
    log_N += np.maximum(builds.age_N - 25, 0) * 0.05 - BARGAIN * bargain_N  # vintage gains
    return np.clip(np.round(world.price_M[builds.model_N] * np.exp(log_N), -1), LOWEST, HIGHEST)


def consumptions(world: World, builds: Builds, rng: np.random.Generator) -> Doubles:
    """Return l/100km: the body's, more with more power, less with diesel."""
    subcategory_N = world.subcategory_M[builds.model_N]
    usual_N = np.array([s.consumption for s in SUBCATEGORIES])[subcategory_N]
    log_M = np.log(np.maximum(world.power_M, 1))
    weight_M = world.share_BM.sum(axis=0)
    size = len(SUBCATEGORIES)
    total_G = np.bincount(world.subcategory_M, weight_M, size)
    log_G = np.bincount(world.subcategory_M, log_M * weight_M, size) / np.maximum(total_G, 1e-12)
    stronger_N = np.clip(np.log(np.maximum(builds.power_N, 1)) - log_G[subcategory_N], -1, 1)
    saved_N = (
        car_facts().diesel_consumption * (builds.fuel_N == DIESEL) * (world.kind_M[builds.model_N] == CAR)
    )
    noise_N = rng.normal(0, 0.08, len(usual_N))
    litres_N: Doubles = np.clip(1.1 * usual_N * np.exp(0.3 * stronger_N + saved_N + noise_N), 0, 19.9)
    return litres_N


def _car_mileages(builds: Builds, noise_N: Doubles, rng: np.random.Generator) -> Doubles:
    facts, band_N = car_facts().mileage, builds.band_N
    log_N = facts.level + facts.log_age * np.log(np.clip(builds.age_N, 0.1, WORN_OUT))
    log_N += facts.fuel_F[builds.fuel_N] + facts.spread_B[band_N] * noise_N
    driven_N = np.round(np.exp(log_N), -2)
    delivered_N = np.floor(rng.exponential(15, len(band_N)))
    return np.where(rng.random(len(band_N)) < facts.new_share_B[band_N], delivered_N, driven_N)


def _other_mileages(kind_N: Ints, age_N: Doubles, noise_N: Doubles) -> Doubles:
    yearly_N = _of_kind([kind.yearly_km for kind in INVENTED], kind_N)
    driven_N = yearly_N * np.exp(0.4 * noise_N) * 9 * np.log1p(age_N / 9)  # old ones less and less
    return np.round(driven_N, -2)


def _car_losses(world: World, builds: Builds, mileage_N: Doubles, noise_N: Doubles) -> Doubles:
    facts, age_N = car_facts().price, builds.age_N
    log_N = facts.age * np.minimum(age_N, 10) + facts.older * np.clip(age_N - 10, 0, 15)
    log_N += facts.per_100_000_km * np.minimum(mileage_N, 400_000) / 100_000
    log_N += facts.log_10_000_km * np.log1p(mileage_N / 10_000)
    stronger_N = np.maximum(builds.power_N, 1) / np.maximum(world.power_M[builds.model_N], 1)
    log_N += facts.log_power * np.log(stronger_N) + facts.automatic * (builds.gear_N == AUTOMATIC)
    log_N += facts.fuel_F[builds.fuel_N] + np.sqrt(facts.spread**2 - BARGAIN**2) * noise_N
    return log_N


def _other_losses(kind_N: Ints, age_N: Doubles, mileage_N: Doubles, noise_N: Doubles) -> Doubles:
    fade_N = _of_kind([kind.yearly_fade for kind in INVENTED], kind_N)
    yearly_N = _of_kind([max(kind.yearly_km, 1) for kind in INVENTED], kind_N)
    worn_N = np.minimum(mileage_N / yearly_N, 20) - np.minimum(age_N, 20) * 0.8
    return -fade_N * np.minimum(age_N, 22) - 0.02 * worn_N + 0.16 * noise_N


def _of_kind(values: list[float], kind_N: Ints) -> Doubles:
    """Look up a value of the kind; a car has a stand-in that nobody reads."""
    return np.array([1.0, *values])[kind_N]
