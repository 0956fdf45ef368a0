"""Faults on purpose: crashes, torn files, full disks, damaged backups."""
