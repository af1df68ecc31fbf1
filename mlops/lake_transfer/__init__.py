"""Copying a repository between stores: dump to an archive, restore from it, compare trees and commit ids.

The command line imports it, and it imports adapters and the core. Start with `dump`; `archive` describes the
files in an archive.
"""
