"""Never ends, and cannot be interrupted in one piece."""

import time

while True:
    time.sleep(0.01)
