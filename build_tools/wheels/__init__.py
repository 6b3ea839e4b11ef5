"""Wheels for distribution: built with a compiler that targets an old glibc, repaired, checked and tested."""
