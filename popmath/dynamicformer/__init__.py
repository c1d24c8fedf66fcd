"""DynamicFormer: networks with a Dynamic Range Activator (DRA) that learn psi-class intersection numbers."""

from popmath.dynamicformer.activations import ACTIVATIONS as ACTIVATIONS
from popmath.dynamicformer.activations import DynamicRangeActivator as DynamicRangeActivator
from popmath.dynamicformer.activations import make_activation as make_activation
from popmath.dynamicformer.encoding import Requests as Requests
from popmath.dynamicformer.encoding import encode as encode
from popmath.dynamicformer.evaluation import ErrorSummary as ErrorSummary
from popmath.dynamicformer.evaluation import summarise as summarise
from popmath.dynamicformer.network import IntersectionNetwork as IntersectionNetwork
from popmath.dynamicformer.network import NetworkSettings as NetworkSettings
from popmath.dynamicformer.pretrained import NetworkPrediction as NetworkPrediction
from popmath.dynamicformer.pretrained import TrainedNetwork as TrainedNetwork
from popmath.dynamicformer.pretrained import load_pretrained as load_pretrained
from popmath.dynamicformer.pretrained import pretrained_names as pretrained_names
from popmath.dynamicformer.samples import Samples as Samples
from popmath.dynamicformer.samples import exact_samples as exact_samples
from popmath.dynamicformer.settings import DataSettings as DataSettings
from popmath.dynamicformer.settings import TrainingSettings as TrainingSettings
from popmath.dynamicformer.settings import read_settings as read_settings
from popmath.dynamicformer.splits import Split as Split
from popmath.dynamicformer.training import Report as Report
from popmath.dynamicformer.training import TrainingResult as TrainingResult
from popmath.dynamicformer.training import train as train
