"""The lab shell: what a person types at a running lab, and the two ways it is driven (batch run, terminal)."""
