"""The workstation: shows the read models, starts commands as subprocesses, and latches the kill switch."""
