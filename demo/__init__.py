"""What `./run demo` does: the three algorithms on a real landscape, through qgis_process, to maps and one page."""
