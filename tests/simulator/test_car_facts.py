"""The facts fitted from real ads, and whether what is drawn from them agrees with them."""

from __future__ import annotations

import numpy as np
import pytest

from dlrs.simulator.builds import AUTOMATIC, draw_builds
from dlrs.simulator.car_facts import car_facts
from dlrs.simulator.models import draw_world
from dlrs.simulator.use import mileages, prices
from dlrs.simulator.vehicles import CAR, DIESEL, ELECTRICITY, SUBCATEGORIES


@pytest.fixture(scope="module")
def world():
    return draw_world(np.random.default_rng(5))


@pytest.fixture(scope="module")
def builds(world):
    return draw_builds(world, 60_000, np.random.default_rng(6))


def test_facts_are_shares_and_positive_figures():
    cars = car_facts().cars
    np.testing.assert_allclose(cars.share_BM.sum(axis=1), 1)
    np.testing.assert_allclose(cars.fuel_MF.sum(axis=1), 1, atol=1e-3)
    assert set(cars.body_M) <= {s.name for s in SUBCATEGORIES if s.category == "Car"}
    assert (cars.price_M > 5_000).all()
    assert ((cars.power_M > 30) & (cars.power_M < 450)).all()
    assert len(set(zip(cars.model_M, cars.body_M, strict=True))) == len(cars.model_M)


def test_facts_are_what_everybody_knows():
    cars = car_facts().cars
    golf, leaf, panamera = (
        np.flatnonzero(cars.model_M == name)[0]
        for name in ("Volkswagen Golf", "Nissan Leaf", "Porsche Panamera")
    )
    assert cars.fuel_MF[leaf, ELECTRICITY] > 0.95
    assert 20_000 < cars.price_M[golf] < 35_000 < 80_000 < cars.price_M[panamera]
    assert cars.automatic_M[panamera] > 0.9 > 0.5 > cars.automatic_M[golf]


def test_seeds_share_the_cars_and_nothing_else(world):
    other = draw_world(np.random.default_rng(8))
    car_M = world.kind_M == CAR
    assert (world.model_M[car_M] == other.model_M[other.kind_M == CAR]).all()
    assert (world.share_BM[:, car_M] == other.share_BM[:, other.kind_M == CAR]).all()
    assert (world.price_M[~car_M] != other.price_M[~car_M]).all()
    assert (world.character_MD != other.character_MD).all()


def test_the_shares_of_all_models_sum_to_one(world):
    np.testing.assert_allclose(world.share_BM.sum(axis=1), 1)
    assert (np.diff(world.kind_M) >= 0).all()  # models of a kind are together


def test_models_fuels_and_gears_are_drawn_by_their_shares(world, builds):
    young_N = (builds.band_N == 0) & (world.kind_M[builds.model_N] == CAR)
    drawn_M = np.bincount(builds.model_N[young_N], minlength=len(world.model_M)) / young_N.sum()
    share_M = np.where(world.kind_M == CAR, world.share_BM[0], 0)
    share_M /= share_M.sum()
    expected = np.sqrt(share_M / young_N.sum()) * 5 + 1e-4
    assert (np.abs(drawn_M - share_M) < expected).all()
    popular_N = world.model_M[builds.model_N] == "Volkswagen Golf"
    golf = builds.model_N[popular_N][0]
    assert (builds.fuel_N[popular_N] == DIESEL).mean() == pytest.approx(world.fuel_MF[golf, DIESEL], abs=0.05)
    assert (builds.gear_N[popular_N] == AUTOMATIC).mean() == pytest.approx(world.automatic_M[golf], abs=0.05)


def test_stronger_cars_are_rather_automatic(world, builds):
    car_N = world.kind_M[builds.model_N] == CAR
    beyond_N = np.log(np.maximum(builds.power_N, 1) / np.maximum(world.power_M[builds.model_N], 1))
    automatic_N = builds.gear_N == AUTOMATIC
    assert beyond_N[car_N & automatic_N].mean() > beyond_N[car_N & ~automatic_N].mean() + 0.05


def test_prices_of_cars_follow_the_regression(world, builds):
    """Fitting the drawn ads gives the coefficients back that they were drawn with."""
    rng = np.random.default_rng(9)
    mileage_N = mileages(world, builds, rng)
    price_N = prices(world, builds, mileage_N, np.zeros(len(mileage_N)), rng)
    chosen = (world.kind_M[builds.model_N] == CAR) & (builds.age_N < 10) & (price_N > 1_000)
    log_N = np.log(price_N / world.price_M[builds.model_N])[chosen]
    power_N = np.log(builds.power_N[chosen] / world.power_M[builds.model_N[chosen]])
    km_N = mileage_N[chosen]
    sides = [np.ones(len(log_N)), builds.age_N[chosen], km_N / 100_000, np.log1p(km_N / 10_000), power_N]
    sides += [builds.gear_N[chosen] == AUTOMATIC, builds.fuel_N[chosen] == DIESEL]
    mild_N = km_N < 400_000
    fitted, *_ = np.linalg.lstsq(np.column_stack(sides)[mild_N], log_N[mild_N], rcond=None)
    facts = car_facts().price
    wanted = [facts.age, facts.per_100_000_km, facts.log_10_000_km, facts.log_power, facts.automatic]
    np.testing.assert_allclose(fitted[1:], [*wanted, facts.fuel_F[DIESEL]], atol=0.02)


def test_diesels_are_driven_more_and_young_cars_hardly(world, builds):
    mileage_N = mileages(world, builds, np.random.default_rng(9))
    car_N = (world.kind_M[builds.model_N] == CAR) & (builds.age_N > 3)
    diesel_N = builds.fuel_N == DIESEL
    ratio = np.median(mileage_N[car_N & diesel_N]) / np.median(mileage_N[car_N & (builds.fuel_N == 0)])
    assert 1.4 < ratio < 2.4
    new_N = (world.kind_M[builds.model_N] == CAR) & (builds.band_N == 0)
    assert (mileage_N[new_N] < 100).mean() == pytest.approx(car_facts().mileage.new_share_B[0], abs=0.03)
