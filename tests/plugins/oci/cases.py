"""What a client of registries must get right, by number; a test is marked `case(number)` for what it proves."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """One demand.

    Attributes:
        behaviour: what the plugin does, in one sentence.
        real: whether docker-registry behaves in the way that the demand is about, so that it is proved there as well.
    """

    behaviour: str
    real: bool = False


CASES = {
    1: Case("The tags of a repository are listed.", real=True),
    2: Case("A registry that ignores the page size and sends everything is read once, each tag once.", real=True),
    3: Case("Pages are followed by the link that the standard prescribes."),
    4: Case("Pages are followed by a link whose relation stands without quotes, however small the pages are."),
    5: Case("Pages are followed by a link with an absolute URL, and never off the registry."),
    6: Case("A full page without a link is no proof of the end: the registry is asked for what comes after it."),
    7: Case("A list of tags that is null is an empty list.", real=True),
    8: Case("An unknown repository is an error, or an empty list with a hint where the registry hides it.", real=True),
    9: Case("A link to the page it came with ends after two requests."),
    10: Case("A link to another host is refused, and that host hears nothing."),
    11: Case("Pages without an end are cut at 20,000 tags, in time, and the cut is said."),
    12: Case("Of odd values in a list of tags only the valid tags stay."),
    13: Case("A single image has the digest of its bytes, and the architecture of its config.", real=True),
    14: Case("An index has its platforms; attestations are counted and are no platforms.", real=True),
    15: Case("Docker's own manifests keep their digest, because they are never asked for in another form.", real=True),
    16: Case("A manifest without a media type of its own has the one that it is served as.", real=True),
    17: Case("An index inside an index is walked, down to a limit.", real=True),
    18: Case("Platforms that an index leaves out come from the configs of its children.", real=True),
    19: Case("A child that the registry does not have is a warning, and the platforms of the index stay."),
    20: Case("An artifact has a type of its own and no platforms.", real=True),
    21: Case("A manifest of an unknown media type is named, and not guessed at."),
    22: Case("A digest gives what its tag gives; a malformed digest is refused without a request."),
    23: Case("A large index is read and its annotations cut; a byte above 4 MiB is too much.", real=True),
    24: Case("A digest header that is wrong is an error; one that is missing is computed, and the result says so."),
    25: Case("A charset in the content type or no content type is fine; another content type is an error."),
    26: Case("HTML, a JSON list and 200,000 brackets are no manifest, and no traceback."),
    27: Case("A body without an end, a gzip bomb and a byte per second end in time and cost little memory."),
    28: Case("Two repositories get a token each.", real=True),
    29: Case("A private repository says what it wants, opens to its user, and refuses a wrong password.", real=True),
    30: Case("A token that is no longer accepted is renewed once."),
    31: Case("A registry that refuses every token is asked twice."),
    32: Case("Bearer is found among several challenges, in several headers, behind commas in quotes."),
    33: Case("A token realm on an internal host gets no credentials, and hears nothing."),
    34: Case("Credentials for Basic do not follow a redirect to another host."),
    35: Case("Addresses that are not public, in any spelling, are refused before anything is connected."),
    36: Case("Text that is more or less than a host and a port is no registry."),
    37: Case("Malformed repositories, tags and digests are refused without a request."),
    38: Case("Referrers are found by the API or by the tag that replaces it, and a signature is present.", real=True),
    39: Case("Hostile text of an image is cleaned, cut, valid UTF-8, and announced as text of a stranger.", real=True),
    40: Case("Docker Hub has one name; a rate limit says when to come back and how much is left."),
}
