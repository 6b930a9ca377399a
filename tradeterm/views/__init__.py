"""Read models, one per pane: what the CLI prints with ``--json`` and the workstation shows is the same object."""
