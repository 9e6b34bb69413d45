"""Raster layers as the worker can open them: by their GDAL name, or as a GeoTIFF made of them."""

from __future__ import annotations

import os
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
    QgsRectangle,
)

from .translation import tr

_MOST_CELLS = 2**40
_STRIP_ROWS = 256


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
    chosen = any(provider.userNoDataValues(band) for band in range(1, provider.bandCount() + 1))
    if chosen or _ignores_nodata(provider):
        return None
    # The worker starts in another folder.
    return os.path.abspath(layer.source()) if os.path.exists(layer.source()) else layer.source()


def export(source: RasterSource, folder: Path, feedback: QgsRasterBlockFeedback | None = None) -> str:
    """Write a layer that only QGIS sees to a GeoTIFF, all its bands, nodata kept, and return the path.

    Raises
    ------
    QgsProcessingException
        When it has no cells of its own (a picture from a web service) or cannot be written.
    """
    provider, source.provider = source.provider, None
    columns, rows, extent = provider.xSize(), provider.ySize(), provider.extent()
    if columns <= 0 or rows <= 0 or columns * rows > _MOST_CELLS:
        raise QgsProcessingException(
            tr("{}: The layer has no cells of its own. Save it as a GeoTIFF with a cell size and use that.").format(
                source.name
            )
        )
    path = folder / f"{source.name}.tif"
    writer = QgsRasterFileWriter(str(path))
    writer.setOutputFormat("GTiff")
    # QGIS 3.44 has renamed it.
    set_options = getattr(writer, "setCreationOptions", None) or writer.setCreateOptions
    set_options(["COMPRESS=DEFLATE", "TILED=YES", "BIGTIFF=IF_SAFER"])
    if _ignores_nodata(provider):
        written = _write_all_values(writer, provider, source.crs)
    else:
        # The copy itself, no copy of it: QGIS's virtual rasters do not survive being copied twice.
        pipe = QgsRasterPipe()
        result = pipe.set(provider) and writer.writeRaster(
            pipe, columns, rows, extent, source.crs, QgsCoordinateTransformContext(), feedback
        )
        written = result is not False and int(getattr(result, "value", result)) == 0
    if not written or not path.exists():
        raise QgsProcessingException(
            tr("{}: The layer could not be written to a temporary GeoTIFF. Save it as one and use that.").format(
                source.name
            )
        )
    return str(path)


def _ignores_nodata(provider: QgsRasterDataProvider) -> bool:
    """Return whether the user has switched the source's nodata off, so that it is a value like any other."""
    return any(
        provider.sourceHasNoDataValue(band) and not provider.useSourceNoDataValue(band)
        for band in range(1, provider.bandCount() + 1)
    )


def _write_all_values(
    writer: QgsRasterFileWriter, provider: QgsRasterDataProvider, crs: QgsCoordinateReferenceSystem
) -> bool:
    """Write every value, without nodata; QGIS's own export would declare the source's nodata again."""
    columns, rows, extent = provider.xSize(), provider.ySize(), provider.extent()
    bands = range(1, provider.bandCount() + 1)
    if any(provider.userNoDataValues(band) for band in bands):
        return False
    target = writer.createMultiBandRaster(provider.dataType(1), columns, rows, extent, crs, len(bands))
    if target is None or not (target.isEditable() or target.setEditable(True)):
        return False
    cell = extent.height() / rows
    for band in bands:
        for first in range(0, rows, _STRIP_ROWS):
            count = min(_STRIP_ROWS, rows - first)
            top = extent.yMaximum() - first * cell
            strip = QgsRectangle(extent.xMinimum(), top - count * cell, extent.xMaximum(), top)
            if not target.writeBlock(provider.block(band, strip, columns, count), band, 0, first):
                return False
    return bool(target.setEditable(False))
