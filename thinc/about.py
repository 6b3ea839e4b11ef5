"""Version of the package; read by the build as well."""

__version__ = "8.3.100"
__release__ = True
