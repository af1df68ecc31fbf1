"""The files of the gate configuration as typed values: policy and holdout rule, from YAML.

Steps, the command line and the audit may import it. Start with `files`; `schema` lists the keys of each
file, and `yaml_subset` bounds what is parsed.
"""
