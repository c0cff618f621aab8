"""Floor 6: many nodes: topology files, links, hosts, routers, captures, checks."""
