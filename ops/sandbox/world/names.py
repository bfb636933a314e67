"""Names, streets and products of Québec associations: the raw matter of a world.

Given: nothing. Out: tuples of texts with accents, apostrophes, ligatures, hyphens and ampersands,
as members really write them.
"""

from __future__ import annotations

FIRST_NAMES = (
    "Amélie", "André", "Benoît", "Chloé", "Étienne", "Ève", "Félix", "François", "Geneviève",
    "Gaëtan", "Hélène", "Jean-François", "Jérôme", "Joëlle", "Léa", "Loïc", "Marie-Ève", "Maïté",
    "Noémie", "Océane", "Raphaël", "Renée", "Sébastien", "Solène", "Thérèse", "Véronique",
    "William", "Zoé",
)  # fmt: skip

LAST_NAMES = (
    "Bélanger", "Bœuf-Lapointe", "Côté", "D'Amours", "D’Astous", "Desrosiers", "Éthier",
    "Gagné", "Gauthier", "Hébert", "L'Écuyer", "L'Heureux", "Lefebvre", "Lévesque", "McDuff",
    "Nguyễn", "O'Brien", "Ouellet", "Pépin", "Roy", "Saint-Onge", "St-Pierre", "Thériault",
    "Tremblay", "Vœu", "Zoungrana",
)  # fmt: skip

ORGANISATION_KINDS = (
    "Coopérative", "Ateliers", "Groupe", "Clinique", "Société", "Studio", "Regroupement",
    "Fondation", "Centre", "Boulangerie", "Librairie", "Imprimerie", "Cabinet", "Les Entreprises",
)  # fmt: skip

ORGANISATION_NAMES = (
    "Aurore", "Boréale", "Cœur-de-l'Île", "Dubé & Fils", "Érable", "Fleuve", "Grand-Duc", "Hêtre",
    "Île-aux-Noix", "Jacques-Cartier", "L'Œil ouvert", "Mont-Royal", "Nordet", "Outaouais",
    "Pointe-à-Callière", "Québécoise", "Rivière-du-Loup", "Saguenay", "Taïga", "Ungava",
)  # fmt: skip

ORGANISATION_FORMS = ("inc.", "ltée", "S.E.N.C.", "& Associés", "OBNL", "")

STREETS = (
    "rue Saint-Denis", "boulevard René-Lévesque Est", "chemin de la Côte-des-Neiges",
    "avenue de l'Église", "rang des Vingt-Cinq", "rue Sainte-Élisabeth", "place d'Youville",
)  # fmt: skip

CITIES = {
    "montreal": (("Montréal", "H2X 1Y4"), ("Laval", "H7V 2L1"), ("Longueuil", "J4K 5G4")),
    "quebec": (("Québec", "G1R 4P5"), ("Lévis", "G6V 8R2"), ("Trois-Rivières", "G9A 5L9")),
    "outaouais": (("Gatineau", "J8X 2K1"), ("Cantley", "J8V 3A4"), ("Chelsea", "J9B 1L2")),
    "estrie": (("Sherbrooke", "J1H 1R4"), ("Magog", "J1X 2B7"), ("Granby", "J2G 2T9")),
}
SLUGS = tuple(CITIES)

PRODUCTS = {
    "membership": ("Cotisation annuelle", "Droit d'entrée", "Frais d’adhésion"),
    "delegate": ("Inscription de délégué", "Trousse du délégué"),
    "renewal": ("Renouvellement de la cotisation", "Assurance responsabilité"),
    "upgrade": ("Mise à niveau — membre « Or »",),
    "event": ("Congrès annuel", "Souper-bénéfice", "Atelier : l'œuvre & l'outil"),
    "order": ("Guide des bonnes pratiques", "Affiche (format 24 × 36)", "Frais d'envoi"),
    "donation": ("Don à la fondation",),
    "contract": ("Mandat de formation", "Heures de consultation"),
    "sponsor": ("Commandite « Platine »", "Kiosque d'exposant"),
    "manual": ("Location de salle", "Services divers", "Photocopies"),
    "refund": ("Remboursement",),
    "opening_balance": ("Solde reporté au 1er janvier",),
}
"""What each type of invoice sells."""
