"""The tools. Plain functions: the host adds the prefix `oci_` and makes the schemas from signatures and docstrings."""

from fuseboard_oci.tools.images import get_details
from fuseboard_oci.tools.registries import ping
from fuseboard_oci.tools.tags import list_tags

__all__ = ["get_details", "list_tags", "ping"]
