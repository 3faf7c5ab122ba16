"""A Magnum driver without Heat, whose habits a test chooses.

`habits` (what can be chosen), `control` (where it is written), `nodes` (who is in a group) and `transitions` (what
comes next) need only Python's standard library; `driver` is the thin shell that Magnum loads.
"""
