"""Bodies of car models: general knowledge, for the tables of ads that the facts are fitted from do not tell.

A model that is sold in several bodies has their rough shares, in percent.
"""

from __future__ import annotations

WHOLE = {
    "CityCar": """
        Chevrolet Spark|Citroen C1|Fiat 500|Fiat Panda|Ford Ka/Ka+|Hyundai i10|Kia Picanto
        Mitsubishi Space Star|Opel Adam|Opel Karl|Peugeot 108|Peugeot 107|Renault Twingo|SEAT Mii
        Skoda Citigo|Suzuki Celerio|Toyota Aygo|Volkswagen up!|smart forTwo|smart forFour|Abarth other
    """,
    "SmallCar": """
        Audi A1|Citroen C3|Citroen DS3|Dacia Sandero|Fiat Punto|Fiat Punto Evo|Ford Fiesta|Honda Jazz
        Hyundai i20|Kia Rio|MINI One|MINI Cooper|MINI Cooper S|Mazda 2|Mitsubishi Colt|Nissan Micra
        Opel Corsa|Peugeot 208|Peugeot 207|Peugeot 206|Renault Clio|Renault ZOE|SEAT Ibiza|Skoda Fabia
        Suzuki Swift|Toyota Yaris|Volkswagen Polo
    """,
    "CompactCar": """
        Alfa Romeo Giulietta|Audi A3|Audi RS3|BMW 116|BMW 118|BMW 120|BMW 114|Citroen C4|Citroen C4 Cactus
        Fiat Tipo|Ford Focus|Honda Civic|Hyundai i30|Hyundai Ioniq|Kia Ceed / cee'd|Mazda 3
        Mercedes-Benz A 180|Mercedes-Benz A 200|Mercedes-Benz A 160|Nissan Pulsar|Nissan Leaf|Opel Astra
        Peugeot 308|Renault Megane|SEAT Leon|Skoda Rapid/Spaceback|Skoda Scala|Toyota Auris
        Volkswagen Golf|Volkswagen Golf GTI|Volvo V40|Volkswagen Beetle|SEAT Altea|Volkswagen Golf Plus
        Lada other
    """,
    "EstateCar": """
        Audi A6 allroad|Dacia Logan|Kia Ceed SW / cee'd SW|Kia ProCeed / pro_cee'd|Volkswagen Golf Variant
        Volkswagen Passat Variant|Volkswagen Passat Alltrack|Volvo V60|Volvo V90|Volvo V90 Cross Country
        Toyota Avensis
    """,
    "Limousine": """
        Chevrolet Cruze|Jaguar XF|SEAT Toledo|Volkswagen Passat|Volkswagen Arteon|Volkswagen CC
        Mercedes-Benz CLA 200|Mercedes-Benz CLA 180
    """,
    "LuxuryCar": "Audi A7|Audi A8|Mercedes-Benz S 350|Porsche Panamera|Volkswagen Phaeton",
    "CompactOffRoad": """
        Audi Q3|Audi Q2|BMW X1|Dacia Duster|Fiat 500X|Ford EcoSport|Ford Puma|Ford Kuga|Hyundai Tucson
        Hyundai iX35|Hyundai Kona|Jeep Compass|Jeep Renegade|Kia Sportage|Kia Stonic|Mazda CX-3
        Mazda CX-30|Mazda CX-5|Mitsubishi ASX|Nissan Qashqai|Nissan Juke|Opel Mokka|Opel Mokka X
        Opel Crossland X|Opel Grandland X|Peugeot 2008|Peugeot 3008|Renault Captur|Renault Kadjar
        SEAT Ateca|SEAT Arona|Skoda Yeti|Skoda Karoq|Skoda Kamiq|Suzuki Vitara|Toyota C-HR
        Volkswagen Tiguan|Volkswagen T-Roc|Volkswagen T-Cross|Volvo XC40|Cupra Formentor
        Land Rover Range Rover Evoque|SsangYong other
    """,
    "OffRoad": """
        Audi Q5|Audi Q7|Audi SQ5|Audi SQ7|BMW X3|BMW X5|Ford Edge|Hyundai Santa Fe|Jeep Grand Cherokee
        Kia Sorento|Mercedes-Benz GLE 350|Mitsubishi Outlander|Porsche Macan|Porsche Cayenne
        Renault Koleos|Skoda Kodiaq|Toyota RAV 4|Volkswagen Touareg|Volvo XC60|Volvo XC90|Subaru other
        Lexus other
    """,
    "FamilyVan": """
        BMW 218|Chevrolet Orlando|Citroen Berlingo|Citroen C4 Picasso|Citroen C3 Picasso|Dacia Lodgy
        Dacia Dokker|Fiat 500L|Fiat Doblo|Ford C-Max|Ford S-Max|Ford B-Max|Ford Grand C-Max|Ford Galaxy
        Ford Transit Connect|Hyundai iX20|Kia Venga|Mazda 5|Mercedes-Benz B 180|Mercedes-Benz B 200
        Mercedes-Benz Citan|Nissan Note|Opel Meriva|Opel Zafira|Opel Zafira Tourer|Opel Combo|Peugeot 5008
        Peugeot Partner|Renault Scenic|Renault Kangoo|Renault Grand Scenic|SEAT Alhambra|Skoda Roomster
        Toyota Verso|Volkswagen Touran|Volkswagen Caddy|Volkswagen Golf Sportsvan|Volkswagen Sharan
    """,
    "Minibus": """
        Ford Transit|Ford Transit Custom|Ford Tourneo Custom|Mercedes-Benz Vito|Mercedes-Benz Sprinter
        Opel Vivaro|Renault Trafic|Volkswagen T6 Multivan|Volkswagen Crafter|Volkswagen T5 Transporter
    """,
    "Cabrio": "Fiat 500C",
    "SportsCar": "Audi TT|Volkswagen Scirocco|Aston Martin other",
}

ESTATES = {"Limousine": 40, "EstateCar": 60}
"""Middle-class models that Germans buy as an estate rather than as a saloon."""

SEVERAL = {
    **dict.fromkeys(
        """
        Audi A4|Audi A6|BMW 320|BMW 520|BMW 318|BMW 530|BMW 330|BMW 316|BMW 525|Ford Mondeo|Hyundai i40
        Mazda 6|Opel Insignia|Peugeot 508|Renault Talisman|Skoda Octavia|Skoda Superb|Mercedes-Benz C 220
        Mercedes-Benz C 180|Mercedes-Benz C 200|Mercedes-Benz C 250|Mercedes-Benz E 200
        Mercedes-Benz E 220|Mercedes-Benz E 350|Mercedes-Benz E 250|Mercedes-Benz E 300
        """.replace("\n", "|").split("|"),
        ESTATES,
    ),
    "Audi A5": {"Limousine": 50, "SportsCar": 25, "Cabrio": 25},
    "BMW 420": {"Limousine": 45, "SportsCar": 30, "Cabrio": 25},
    "BMW 220": {"FamilyVan": 40, "SportsCar": 30, "Cabrio": 30},
    "Toyota Corolla": {"CompactCar": 50, "EstateCar": 50},
}
SEVERAL = {name.strip(): shares for name, shares in SEVERAL.items() if name.strip()}

REST = {"SportsCar": 30, "Cabrio": 30, "OtherCar": 25, "PickUp": 15}
"""What the models that are too rare for the table have in common: they are not the common bodies."""


def bodies(name: str) -> dict[str, float]:
    """Return the shares of a model's bodies, in percent."""
    for body, names in WHOLE.items():
        if name in {each.strip() for line in names.splitlines() for each in line.split("|")}:
            return {body: 100}
    return SEVERAL.get(name, REST)
