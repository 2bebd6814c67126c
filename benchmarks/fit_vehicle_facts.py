"""Fit the simulator's facts about cars from real ads: which models there are, what they cost, how they age.

    DLRS_DATA=FOLDER python benchmarks/fit_vehicle_facts.py

reads FOLDER/vehicles (ads of Germany, the United Kingdom, the United States and Luxembourg) and writes
src/dlrs/simulator/vehicle_facts.json. No ad enters it: a model with fewer than LEAST ads is counted with
the rest of its make, a make with fewer with the rest of all.

Shapes: A ads, M models, B bands of age, F fuels, X coefficients.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.vehicle_bodies import bodies

OUT = Path(__file__).parents[1] / "src/dlrs/simulator/vehicle_facts.json"
LEAST = 30
BANDS = (1.0, 3.0, 6.0)  # years; where one band of age ends and the next begins
NEW_KM = 100  # a car with fewer was never driven by a customer
SCRAPED = 2021.5  # the German ads give the year of registration only
FUELS = {
    "Gasoline": 0, "Diesel": 1, "LPG": 2, "CNG": 2, "Electric/Gasoline": 3, "Electric/Diesel": 3,
    "Electric": 4, "Hydrogen": 4,
}  # fmt: skip
MAKES = {"Alfa": "Alfa Romeo", "Land": "Land Rover", "Aston": "Aston Martin"}  # split by the source
OTHER = "other"


def main() -> None:
    source = Path(os.environ["DLRS_DATA"]) / "vehicles"
    ads = german(source)
    model_A, names = models(ads)
    facts = {
        "bands": BANDS,
        "ages": ages(source),
        "mileage": mileages(ads),
        "price": {**prices(ads, model_A), "older": older(source)},
        "gear_follows_power": gear_follows_power(ads, model_A),
        "consumption": consumption(source),
        "missing": missing(source),
        "lives": lives(source),
        "pricings": pricings(source),
        "cars": cars(ads, model_A, names),
    }
    write(facts)
    print(f"{len(names)} models, {OUT.stat().st_size / 1000:.0f} kB")
    print(json.dumps({name: value for name, value in facts.items() if name != "cars"}, indent=1))


def query(sql: str) -> dict[str, np.ndarray]:
    return duckdb.sql(sql).fetchnumpy()


def german(source: Path) -> dict[str, np.ndarray]:
    """Ads with all that the fits need; text as objects."""
    table = query(f"""
        select make, coalesce(model, '') as model, mileage, fuel, coalesce(gear, '') as gear, price, hp, year
        from '{source}/de_ads.parquet' where hp between 20 and 900 and price between 500 and 480000
    """)
    ads = {name: np.asarray(values) for name, values in table.items()}
    for split, make in MAKES.items():
        at = np.flatnonzero(ads["make"] == split)
        second = make.split()[1]
        ads["model"][at] = [name.removeprefix(second).strip() for name in ads["model"][at]]
        ads["make"][at] = make
    ads["age"] = np.maximum(SCRAPED - ads["year"] - 0.5, 0.25)
    ads["fuel"] = np.array([FUELS.get(fuel, -1) for fuel in ads["fuel"]])
    ads["automatic"] = (ads["gear"] == "Automatic").astype(float)
    return ads


def models(ads: dict[str, np.ndarray]) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """Return the model of each ad, and make and model of each model; rare ones are put together."""
    pairs = list(zip(ads["make"], ads["model"], strict=True))
    for merge in (lambda make, model: (make, OTHER), lambda make, model: ("Other", OTHER)):
        counts: dict[tuple[str, str], int] = {}
        for pair in pairs:
            counts[pair] = counts.get(pair, 0) + 1
        pairs = [pair if counts[pair] >= LEAST else merge(*pair) for pair in pairs]
    names = sorted(set(pairs))
    rows = {name: row for row, name in enumerate(names)}
    return np.array([rows[pair] for pair in pairs]), names


def ages(source: Path) -> dict[str, list[float]]:
    """Quantiles of the years since first registration, where ads were not sampled by year."""
    shares = np.array([*np.linspace(0, 0.98, 50), 0.99, 0.995])
    months = query(f"""
        select case when first_registration = 'new' then 0 else date_diff('month',
            strptime('01-' || first_registration, '%d-%m-%Y'), first_seen::timestamp) / 12 end as age
        from '{source}/lu_ads.parquet'
        where first_registration = 'new' or regexp_matches(first_registration, '^[0-9]{{2}}-[0-9]{{4}}$')
    """)["age"]
    years = query(f"""
        select year(date_posted::date) - model_year + 0.5 as age from '{source}/us_ads.parquet'
    """)["age"]
    return {
        "share": rounded(shares, 3),
        "LU": rounded(np.quantile(np.maximum(months.astype(float), 0), shares), 2),
        "US": rounded(np.quantile(np.maximum(years, 0.25), shares), 2),
    }


def mileages(ads: dict[str, np.ndarray]) -> dict[str, Any]:
    """How mileage follows from age and fuel; cars that nobody has driven yet are counted apart."""
    driven_A = ads["mileage"] >= NEW_KM
    band_A = np.digitize(ads["age"], BANDS)
    fuel_AF = ads["fuel"][:, None] == np.arange(1, 5)
    sides_AX = np.column_stack([np.ones(len(band_A)), np.log(ads["age"]), fuel_AF])
    log_km_A = np.log(np.maximum(ads["mileage"], 1))
    weights_X, *_ = np.linalg.lstsq(sides_AX[driven_A], log_km_A[driven_A], rcond=None)
    rest_A = log_km_A - sides_AX @ weights_X
    each = range(len(BANDS) + 1)
    return {
        "new_share": [round(float(1 - driven_A[band_A == band].mean()), 4) for band in each],
        "level": round(float(weights_X[0]), 3),
        "log_age": round(float(weights_X[1]), 3),
        "fuel": [0.0, *rounded(weights_X[2:], 3)],
        "spread": [round(float(np.std(rest_A[driven_A & (band_A == band)])), 3) for band in each],
    }


def price_sides(ads: dict[str, np.ndarray], power_A: np.ndarray) -> np.ndarray:
    fuel_AF = ads["fuel"][:, None] == np.arange(1, 5)
    log_km_A = np.log1p(ads["mileage"] / 10_000)
    return np.column_stack(
        [ads["age"], ads["mileage"] / 100_000, log_km_A, power_A, ads["automatic"], fuel_AF]
    )


def prices(ads: dict[str, np.ndarray], model_A: np.ndarray) -> dict[str, Any]:
    """Regress the log price within models."""
    power_A = np.log(ads["hp"]) - means(np.log(ads["hp"]), model_A)[model_A]
    sides_AX, log_price_A = price_sides(ads, power_A), np.log(ads["price"])
    inner_AX = sides_AX - np.column_stack([means(side_A, model_A)[model_A] for side_A in sides_AX.T])
    inner_A = log_price_A - means(log_price_A, model_A)[model_A]
    weights_X, *_ = np.linalg.lstsq(inner_AX, inner_A, rcond=None)
    rest_A = inner_A - inner_AX @ weights_X
    names = ("age", "per_100_000_km", "log_10_000_km", "log_power", "automatic")
    return {
        **{name: round(float(weight), 4) for name, weight in zip(names, weights_X, strict=False)},
        "fuel": [0.0, *rounded(weights_X[5:], 4)],
        "spread": round(float(np.std(rest_A)), 4),
        "explained": round(float(1 - rest_A.var() / log_price_A.var()), 4),
    }


def older(source: Path) -> float:
    """What a year more costs from the tenth year on, in log price: from American ads, within models."""
    table = query(f"""
        select ln(price) as price, odometer / 62137 as hundred_thousand_km, model,
            year(date_posted::date) - model_year as age
        from '{source}/us_ads.parquet' where price between 500 and 100000 and odometer between 1000 and 400000
            and year(date_posted::date) - model_year between 10 and 20
    """)
    model_A = np.unique(np.asarray(table["model"], dtype=str), return_inverse=True)[1]
    inner = [
        table[name] - means(table[name], model_A)[model_A] for name in ("price", "age", "hundred_thousand_km")
    ]
    weights_X, *_ = np.linalg.lstsq(np.column_stack(inner[1:]), inner[0], rcond=None)
    return round(float(weights_X[0]), 4)


def gear_follows_power(ads: dict[str, np.ndarray], model_A: np.ndarray) -> float:
    """Correlation within models of a normal variable behind the gear and of the log power."""
    known_A = ads["gear"] != ""
    model_A = np.unique(model_A[known_A], return_inverse=True)[1]
    log_A, automatic_A = np.log(ads["hp"][known_A]), ads["automatic"][known_A]
    power_A = log_A - means(log_A, model_A)[model_A]
    power_A /= power_A.std()
    share_A = means(automatic_A, model_A)[model_A]
    inside_A = (share_A > 0.05) & (share_A < 0.95)
    density_A = norm.pdf(norm.ppf(share_A[inside_A]))
    follows = np.mean(power_A[inside_A] * (automatic_A - share_A)[inside_A]) / np.mean(density_A)
    return round(float(follows / np.sqrt(np.mean(power_A[inside_A] ** 2))), 3)


def consumption(source: Path) -> dict[str, float]:
    """What diesel saves, from British miles per gallon at equal engine size and year."""
    table = query(f"""
        select ln(282.48 / mpg::double) as litres, (fuelType = 'Diesel')::int as diesel,
            ln(engineSize::double) as size, year::int as year
        from '{source}/uk_ads.parquet'
        where mpg::double between 15 and 100 and engineSize::double > 0.8 and fuelType in ('Petrol', 'Diesel')
    """)
    sides_AX = np.column_stack([np.ones(len(table["size"])), table["diesel"], table["size"], table["year"]])
    weights_X, *_ = np.linalg.lstsq(sides_AX, table["litres"], rcond=None)
    rest_A = table["litres"] - sides_AX @ weights_X
    return {
        "diesel": round(float(weights_X[1]), 3),
        "log_engine_size": round(float(weights_X[2]), 3),
        "spread": round(float(rest_A.std()), 3),
    }


def missing(source: Path) -> dict[str, float]:
    """Shares of ads without a value, where sellers and not crawlers left them out."""
    german = query(f"""
        select avg((gear is null)::int) as transmission, avg((hp is null)::int) as power,
            avg((fuel like '-/-%')::int) as fuel
        from '{source}/de_ads.parquet'
    """)
    return {name: round(float(share[0]), 4) for name, share in german.items()}


def lives(source: Path) -> dict[str, Any]:
    """Lognormal lives in days: Luxembourg by first and last sight, where an active ad lived longer still."""
    seen = query(f"""
        select greatest(epoch(last_seen::timestamp) - epoch(first_seen::timestamp), 43200) / 86400 as days,
            is_active as alive
        from '{source}/lu_ads.parquet' where first_seen::timestamp > (
            select min(first_seen::timestamp) + interval 1 day from '{source}/lu_ads.parquet')
    """)
    listed = query(f"select greatest(days_listed, 0.5) as days from '{source}/us_ads.parquet'")["days"]
    logs, alive = np.log(seen["days"]), seen["alive"] == 1

    def loss(guess: np.ndarray) -> float:
        standard = (logs - guess[0]) / np.exp(guess[1])
        ended = norm.logpdf(standard[~alive]) - guess[1]
        return -float(ended.sum() + norm.logsf(standard[alive]).sum())

    best = minimize(loss, x0=np.array([3.0, 0.0]), method="Nelder-Mead").x
    return {
        "LU": {"median": round(float(np.exp(best[0])), 1), "spread": round(float(np.exp(best[1])), 3)},
        "US": {"median": round(float(np.median(listed)), 1), "spread": round(float(np.log(listed).std()), 3)},
    }


def pricings(source: Path) -> dict[str, float]:
    """Rate per ad and day, sizes and direction of price changes in Luxembourg."""
    steps = query(f"""
        select ln(price_new / price_old) as step from '{source}/lu_price_changes.parquet'
        where price_new > 0 and price_old > 0 and price_new != price_old
    """)["step"]
    online = query(f"""
        select sum(epoch(last_seen::timestamp) - epoch(first_seen::timestamp)) / 86400 as total
        from '{source}/lu_ads.parquet'
    """)["total"][0]
    sizes = np.log(np.abs(steps))
    return {
        "daily": round(float(len(steps) / online), 4),
        "raises": round(float((steps > 0).mean()), 3),
        "step": round(float(np.exp(np.median(sizes))), 4),
        "spread": round(float(np.diff(np.quantile(sizes, [0.25, 0.75]))[0] / 1.349), 3),
    }


def cars(ads: dict[str, np.ndarray], model_A: np.ndarray, names: list[tuple[str, str]]) -> list[list[Any]]:
    """One row a model: names, shares by band of age, new price, power and spread, gear, fuels, bodies."""
    band_A = np.digitize(ads["age"], BANDS)
    sizes_B = np.bincount(band_A)
    log_power_A = np.log(ads["hp"] * 0.73550)  # kW
    power_M = means(log_power_A, model_A)
    fitted = prices(ads, model_A)
    weights_X = [
        fitted[name] for name in ("age", "per_100_000_km", "log_10_000_km", "log_power", "automatic")
    ]
    sides_AX = price_sides(ads, log_power_A - power_M[model_A])
    level_M = means(np.log(ads["price"]) - sides_AX @ np.array([*weights_X, *fitted["fuel"][1:]]), model_A)
    rows = []
    for row, (make, model) in enumerate(names):
        own_A = model_A == row
        fuels_F = np.bincount(ads["fuel"][own_A & (ads["fuel"] >= 0)], minlength=5)
        rows.append([
            make, model, rounded(np.bincount(band_A[own_A], minlength=len(sizes_B)) / sizes_B, 6),
            int(round(np.exp(level_M[row]), -2)), round(float(np.exp(power_M[row])), 1),
            round(float(log_power_A[own_A].std()), 3),
            round(float(ads["automatic"][own_A & (ads["gear"] != "")].mean()), 3),
            rounded(fuels_F / fuels_F.sum(), 4), bodies(f"{make} {model}"),
        ])  # fmt: skip
    return rows


def means(values_A: np.ndarray, model_A: np.ndarray) -> np.ndarray:
    return np.bincount(model_A, values_A) / np.bincount(model_A)


def rounded(values: np.ndarray, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


def write(facts: dict[str, Any]) -> None:
    """One line a fact and one a model, so that a change is readable."""
    lines = [f' "{name}": {json.dumps(value)}' for name, value in facts.items() if name != "cars"]
    rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in facts["cars"])
    OUT.write_text("{\n" + ",\n".join([*lines, f' "cars": [\n{rows}\n ]']) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
