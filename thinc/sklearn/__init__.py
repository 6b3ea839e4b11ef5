"""Models as estimators of scikit-learn, which they need: ``pip install "thinc[sklearn]"``."""

try:
    import sklearn
except ImportError as err:
    if err.name != "sklearn":
        raise
    raise ImportError(
        'thinc.sklearn needs scikit-learn, which is not installed: pip install "thinc[sklearn]"',
        name=err.name,
    ) from err

from ._classifier import ThincClassifier
from ._regressor import ThincRegressor

__all__ = ["ThincClassifier", "ThincRegressor"]
