"""Plug-ins that the devcloud loads into Neutron and Magnum."""
