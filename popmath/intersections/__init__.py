"""Intersection numbers on the moduli spaces of stable curves: psi classes exactly and in closed large-genus form.

Around them the theories of quantum Airy structures: kappa, Hodge and Theta classes, Weil-Petersson and Masur-Veech
volumes. Nothing here loads JAX.
"""

from popmath.intersections.airy import AiryStructure as AiryStructure
from popmath.intersections.airy import amplitude as amplitude
from popmath.intersections.airy import check_airy_structure as check_airy_structure
from popmath.intersections.airy_structures import bessel_structure as bessel_structure
from popmath.intersections.airy_structures import masur_veech_structure as masur_veech_structure
from popmath.intersections.airy_structures import twisted as twisted
from popmath.intersections.airy_structures import weil_petersson_structure as weil_petersson_structure
from popmath.intersections.airy_structures import witten_kontsevich_structure as witten_kontsevich_structure
from popmath.intersections.alpha_polynomials import max_primitive_order as max_primitive_order
from popmath.intersections.asymptotics import Asymptotic as Asymptotic
from popmath.intersections.asymptotics import alpha as alpha
from popmath.intersections.asymptotics import asymptotic as asymptotic
from popmath.intersections.asymptotics import decimal_from_log as decimal_from_log
from popmath.intersections.asymptotics import max_order as max_order
from popmath.intersections.complete import CompleteTable as CompleteTable
from popmath.intersections.complete import complete_table as complete_table
from popmath.intersections.correlators import correlator as correlator
from popmath.intersections.correlators import log_correlator as log_correlator
from popmath.intersections.correlators import log_fraction as log_fraction
from popmath.intersections.hodge import hodge_integral as hodge_integral
from popmath.intersections.kappa import kappa_correlator as kappa_correlator
from popmath.intersections.masur_veech import MasurVeechVolume as MasurVeechVolume
from popmath.intersections.masur_veech import masur_veech_volume as masur_veech_volume
from popmath.intersections.masur_veech import simple_curve_frequencies as simple_curve_frequencies
from popmath.intersections.memory import clear_cache as clear_cache
from popmath.intersections.number_cost import correlator_cost as correlator_cost
from popmath.intersections.partitions import count_degree_tuples as count_degree_tuples
from popmath.intersections.partitions import degree_tuples as degree_tuples
from popmath.intersections.sizes import complete_table_cost as complete_table_cost
from popmath.intersections.sizes import count_numbers as count_numbers
from popmath.intersections.sizes import saving_cost as saving_cost
from popmath.intersections.sizes import table_cost as table_cost
from popmath.intersections.sizes import types_up_to as types_up_to
from popmath.intersections.storage import save_table as save_table
from popmath.intersections.tables import CorrelatorTable as CorrelatorTable
from popmath.intersections.tables import table as table
from popmath.intersections.theta import theta_correlator as theta_correlator
from popmath.intersections.virasoro import virasoro_constraint as virasoro_constraint
from popmath.intersections.virasoro import virasoro_defect as virasoro_defect
from popmath.intersections.virasoro import virasoro_log_defect as virasoro_log_defect
from popmath.intersections.weil_petersson import WeilPeterssonVolume as WeilPeterssonVolume
from popmath.intersections.weil_petersson import weil_petersson_volume as weil_petersson_volume
