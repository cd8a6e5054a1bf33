"""The benchmarks of the OCI plugin; `run_oci.py` is their command."""
