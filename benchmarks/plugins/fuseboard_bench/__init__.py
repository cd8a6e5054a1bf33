"""The benchmarked tools, and three fuseboard plugins that hold them."""
