"""What documents in a registry say: details, configs, differences, referrers. Everything here reads by a `Registry`."""
