"""Arrival delays of the flights that left New York City in 2013.

Saved models refer to classes here by path, so modules stay where they are. Start with the ``SPEC`` that this
package exports.
"""
