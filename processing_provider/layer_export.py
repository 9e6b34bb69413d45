"""Raster layers as the worker can open them: by their GDAL name, or as a GeoTIFF made of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsProcessingException,
    QgsProviderRegistry,
    QgsRasterBlockFeedback,
    QgsRasterDataProvider,
    QgsRasterFileWriter,
    QgsRasterLayer,
    QgsRasterPipe,
)

from .translation import tr

_MOST_CELLS = 2**40


@dataclass
class RasterSource:
    """A raster input, read on the main thread.

    Parameters
    ----------
    name : str
        The parameter.
    path : str
        What GDAL opens; empty while the layer has to be exported.
    crs : QgsCoordinateReferenceSystem
        Of the layer.
    provider : QgsRasterDataProvider or None
        A copy of the layer's provider to export from.
    """

    name: str
    path: str
    crs: QgsCoordinateReferenceSystem
    provider: QgsRasterDataProvider | None = None


def raster_source(name: str, layer: QgsRasterLayer) -> RasterSource:
    """Return the source of a layer; to be called in the thread where the layer lives."""
    path = gdal_name(layer)
    if path is not None:
        return RasterSource(name, path, layer.crs())
    return RasterSource(name, "", layer.crs(), layer.dataProvider().clone())


def gdal_name(layer: QgsRasterLayer) -> str | None:
    """Return what GDAL opens to see the layer's values; None where only QGIS sees them.

    Only QGIS sees layers of other providers (WMS, WCS, virtual rasters, PostGIS), sources with a stored password or
    open options, and layers whose nodata the user changed in the layer's properties.
    """
    provider = layer.dataProvider()
    if provider is None or provider.name() != "gdal":
        return None
    parts = QgsProviderRegistry.instance().decodeUri("gdal", layer.source())
    if parts.get("openOptions") or parts.get("credentialOptions") or parts.get("authcfg"):
        return None
    if "authcfg=" in layer.source():
        return None
    for band in range(1, provider.bandCount() + 1):
        ignored = provider.sourceHasNoDataValue(band) and not provider.useSourceNoDataValue(band)
        if ignored or provider.userNoDataValues(band):
            return None
    return layer.source()


def export(source: RasterSource, folder: Path, feedback: QgsRasterBlockFeedback | None = None) -> str:
    """Write a layer that only QGIS sees to a GeoTIFF, all its bands, nodata kept, and return the path.

    Raises
    ------
    QgsProcessingException
        When it has no cells of its own (a picture from a web service) or cannot be written.
    """
    provider = source.provider
    columns, rows = provider.xSize(), provider.ySize()
    if columns <= 0 or rows <= 0 or columns * rows > _MOST_CELLS:
        raise QgsProcessingException(
            tr("{}: The layer has no cells of its own. Save it as a GeoTIFF with a cell size and use that.").format(
                source.name
            )
        )
    path = folder / f"{source.name}.tif"
    pipe = QgsRasterPipe()
    if not pipe.set(provider.clone()):
        raise QgsProcessingException(tr("{}: The layer's values cannot be read.").format(source.name))
    writer = QgsRasterFileWriter(str(path))
    writer.setOutputFormat("GTiff")
    writer.setCreateOptions(["COMPRESS=DEFLATE", "TILED=YES", "BIGTIFF=IF_SAFER"])
    result = writer.writeRaster(
        pipe, columns, rows, provider.extent(), source.crs, QgsCoordinateTransformContext(), feedback
    )
    if int(getattr(result, "value", result)) != 0 or not path.exists():
        raise QgsProcessingException(
            tr("{}: The layer could not be written to a temporary GeoTIFF. Save it as one and use that.").format(
                source.name
            )
        )
    return str(path)
