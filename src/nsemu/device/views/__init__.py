"""Read-only views of a device for `get`: frozen data computed from live state, one file a noun.

A view function takes a `Device` and changes nothing. What it returns holds numbers, names and configuration records,
never an object of an engine, so whoever lays it out needs to know the device alone.
"""
