"""Waits for a lock that nobody releases."""

import threading

lock = threading.Lock()
lock.acquire()
lock.acquire()
