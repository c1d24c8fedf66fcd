"""psi-class intersection numbers on the moduli spaces of stable curves: exact, and in closed large-genus form.

Nothing here loads JAX.
"""

from popmath.intersections.asymptotics import Asymptotic as Asymptotic
from popmath.intersections.asymptotics import alpha as alpha
from popmath.intersections.asymptotics import asymptotic as asymptotic
from popmath.intersections.asymptotics import decimal_from_log as decimal_from_log
from popmath.intersections.asymptotics import max_order as max_order
from popmath.intersections.complete import CompleteTable as CompleteTable
from popmath.intersections.complete import complete_table as complete_table
from popmath.intersections.correlators import clear_cache as clear_cache
from popmath.intersections.correlators import correlator as correlator
from popmath.intersections.correlators import log_correlator as log_correlator
from popmath.intersections.correlators import log_fraction as log_fraction
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
from popmath.intersections.virasoro import virasoro_constraint as virasoro_constraint
from popmath.intersections.virasoro import virasoro_defect as virasoro_defect
from popmath.intersections.virasoro import virasoro_log_defect as virasoro_log_defect
