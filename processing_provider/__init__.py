"""What QGIS sees of the backend: algorithms, the worker and the compute engine."""
