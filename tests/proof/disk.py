"""A small disk of our own: a file system in memory that can be made full and free again."""

import os
import subprocess
from pathlib import Path


class SmallDisk:
    """A mounted file system of `size` bytes in `folder`. Making one needs the right to mount, which not everybody has."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size

    @classmethod
    def mounted(cls, folder: Path, size: int) -> "SmallDisk | None":
        """Mount one; None where this machine or this user cannot."""
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() != 0:
            return None
        disk = cls(folder, size)
        return disk if disk._mount(f"size={size},mode=0755") else None

    def fill(self) -> bool:
        """Leave no space but a few pages. Returns whether it is full now."""
        for _ in range(20):  # what is written between the look and the change makes it too small, which is refused
            told = os.statvfs(self.folder)
            used = (told.f_blocks - told.f_bfree) * told.f_frsize
            if self._mount(f"remount,size={used + 4 * told.f_frsize}"):
                return True
        return False

    def free(self) -> None:
        """Give the whole size back."""
        self._mount(f"remount,size={self.size}")

    def unmount(self) -> None:
        """Let it go with everything on it; once nobody has a file open there."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False, capture_output=True)

    def _mount(self, options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, "amtsbus-proof", str(self.folder)]
        try:
            return subprocess.run(command, check=False, capture_output=True).returncode == 0
        except OSError:
            return False
