"""What a person sees in QGIS: menu, options page, engine panel."""
