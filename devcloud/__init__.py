"""The devcloud: a real OpenStack control plane on one machine, for developing and testing against."""
