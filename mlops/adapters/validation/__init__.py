"""Great Expectations: suites are run on frames, and their results become files for reviewers.

Steps may import it. Start with `suites`; `page` writes the page that a reviewer sees.
"""
