"""How bytes get here: guarded connections, rules about hosts, bounded exchanges."""
