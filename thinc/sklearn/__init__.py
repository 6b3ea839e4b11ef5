"""Models as estimators of scikit-learn, which they need: ``pip install "thinc[sklearn]"``."""

from .._util.extras import extra

with extra("sklearn", "sklearn", "thinc.sklearn needs scikit-learn"):
    from ._classifier import ThincClassifier
    from ._regressor import ThincRegressor

__all__ = ["ThincClassifier", "ThincRegressor"]
