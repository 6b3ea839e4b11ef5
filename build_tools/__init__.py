"""What setup.py and the Makefile share: compiler flags, ISA lists, developer commands."""
