"""The tools. Plain functions: the host adds the prefix `oci_` and makes the schemas from signatures and docstrings."""

from fuseboard_oci.tools.compare import compare_images
from fuseboard_oci.tools.config import get_config
from fuseboard_oci.tools.details import get_details
from fuseboard_oci.tools.manifest import get_manifest
from fuseboard_oci.tools.referrers import list_referrers
from fuseboard_oci.tools.registries import check_registry, list_repositories, ping
from fuseboard_oci.tools.tags import find_tags, list_tags

__all__ = [
    "check_registry",
    "compare_images",
    "find_tags",
    "get_config",
    "get_details",
    "get_manifest",
    "list_referrers",
    "list_repositories",
    "list_tags",
    "ping",
]
