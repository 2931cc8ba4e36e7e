"""The failure table, as data: one module for each part of a deployment. ops.doctor.failures puts them together."""
